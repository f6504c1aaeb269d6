//! Deletes what is not to be kept any longer: finished runs, dead letters, expired keys, versions of
//! workflows that nothing needs.
//!
//! A thread of its own, which reads the journal a page at a time; the deleting itself is an operation
//! of the shard that owns the thing. It waits in real time: a paused clock of a test must not jump
//! for it.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::shard::Request;
use super::shared::Shared;
use crate::definition::{KeepTime, Retention, RetentionKeys};
use crate::id::{EntityId, Name};
use crate::journal::{JournalError, Keep};
use crate::stored;
use crate::sync::read;

/// How long after a start it looks for the first time.
const FIRST: Duration = Duration::from_secs(1);

/// How often it looks.
const EVERY: Duration = Duration::from_secs(300);

/// How soon it goes on where there is more.
const SOON: Duration = Duration::from_secs(1);

/// Things deleted at a time.
const PAGE: usize = 1_000;

/// Ends the thread when it is dropped.
#[derive(Debug)]
pub(crate) struct Sweeper(
    #[expect(dead_code, reason = "its drop is what the thread waits for")] Sender<()>,
);

/// Starts to sweep the journal of an engine.
pub(crate) fn sweep(shared: &Arc<Shared>) -> std::io::Result<Sweeper> {
    let (alive, ended) = channel();
    let shared = Arc::downgrade(shared);
    let thread = std::thread::Builder::new().name("windlass-retention".to_owned());
    thread.spawn(move || sweep_until(&ended, &shared))?;
    Ok(Sweeper(alive))
}

fn sweep_until(ended: &Receiver<()>, shared: &Weak<Shared>) {
    let mut wait = FIRST;
    while ended.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
        let Some(shared) = shared.upgrade() else { return };
        wait = match shared.sweep_once() {
            Ok(More::Soon) => SOON,
            Ok(More::Later) => EVERY,
            Err(error) => {
                tracing::warn!(%error, "what is not to be kept cannot be read");
                EVERY
            }
        };
    }
}

/// Whether there is more to delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum More {
    Soon,
    Later,
}

impl Shared {
    /// Tells the shards what of theirs is to be deleted, at most a page of each kind.
    pub(crate) fn sweep_once(&self) -> Result<More, JournalError> {
        self.sweep_letters()?;
        let full = [self.sweep_runs()?, self.sweep_keys()?, self.sweep_definitions()?];
        Ok(if full.contains(&true) { More::Soon } else { More::Later })
    }

    /// What is kept of a workflow: as its newest version says, and the machine where it says nothing.
    fn retention_of(&self, workflow: &Name) -> Retention {
        let workflows = read(&self.workflows);
        let own = workflows.by_name.get(workflow).map(|registered| registered.plan.retention);
        own.unwrap_or_default().over(&self.retention)
    }

    fn sweep_runs(&self) -> Result<bool, JournalError> {
        let mut full = false;
        for workflow in self.journal.archived_workflows()? {
            let kept = self.retention_of(&workflow);
            let keep = Keep {
                now: self.clock.now(),
                succeeded: span(kept.keep),
                others: span(kept.keep_failed),
                at_least: usize::try_from(kept.keep_min).unwrap_or(usize::MAX),
            };
            let runs = self.journal.expired(&workflow, &keep, PAGE)?;
            full |= runs.len() >= PAGE;
            let mut parts: HashMap<usize, Vec<_>> = HashMap::new();
            for run in runs {
                parts.entry(self.shard_index(run)).or_default().push(run);
            }
            for (shard, runs) in parts {
                self.shards[shard].send(Request::Delete(runs));
            }
        }
        Ok(full)
    }

    /// Letters are read only where some of them are not kept for ever.
    fn sweep_letters(&self) -> Result<(), JournalError> {
        let plans = || read(&self.workflows).by_name.values().map(|w| w.plan.retention).collect();
        let plans: Vec<RetentionKeys> = plans();
        let mut all = plans.iter().chain([&self.retention]);
        if all.all(|keys| span(keys.over(&self.retention).keep_letters).is_none()) {
            return Ok(());
        }
        let (now, mut after) = (self.clock.now(), None);
        loop {
            let page = self.journal.letters(after, PAGE)?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = Some(*last);
            for (id, entry) in page {
                let Ok(letter) = stored::decode_letter(&entry) else { continue };
                let kept = span(self.retention_of(&letter.workflow).keep_letters);
                if kept.is_some_and(|kept| letter.at.after(kept) < now) {
                    self.shards[self.shard_index(id.run)].send(Request::DeleteLetter(id));
                }
            }
        }
    }

    fn sweep_keys(&self) -> Result<bool, JournalError> {
        let keys = self.journal.expired_keys(self.clock.now(), PAGE)?;
        let full = keys.len() >= PAGE;
        let mut parts: HashMap<usize, Vec<_>> = HashMap::new();
        for key in keys {
            parts.entry(key.shard().index() % self.shards.len()).or_default().push(key);
        }
        for (shard, keys) in parts {
            self.shards[shard].send(Request::DeleteKeys(keys));
        }
        Ok(full)
    }

    /// A version is needed by the program, by a run that is live (then it is loaded), by one in the
    /// archive, and maybe by one that is set aside.
    fn sweep_definitions(&self) -> Result<bool, JournalError> {
        if !self.journal.damaged(None, 1)?.is_empty() {
            return Ok(false);
        }
        let mut parts: HashMap<usize, Vec<_>> = HashMap::new();
        let mut after = None;
        loop {
            let page = self.journal.definitions(after, PAGE)?;
            let Some(last) = page.last() else { break };
            after = Some(*last);
            let unused = self.journal.unused_definitions(page)?;
            let workflows = read(&self.workflows);
            for hash in unused.into_iter().filter(|hash| !workflows.has(*hash)) {
                let shard = EntityId::from_bytes(hash.0).shard().index() % self.shards.len();
                parts.entry(shard).or_default().push(hash);
            }
        }
        for (shard, hashes) in parts {
            self.shards[shard].send(Request::DeleteDefinitions(hashes));
        }
        Ok(false)
    }
}

/// `None`: for ever.
fn span(keep: KeepTime) -> Option<Duration> {
    match keep {
        KeepTime::For(span) => Some(span),
        KeepTime::Forever => None,
    }
}
