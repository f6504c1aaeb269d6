//! From decisions to the journal and back: one append for a drain, effects after its commit.

use std::cmp::Reverse;

use super::{Request, State};
use crate::clock::Timestamp;
use crate::dead_letter::{DeadLetter, DeadLetterId};
use crate::definition::Durability;
use crate::id::{Lsn, RunId};
use crate::journal::{Batch, JournalError, KeyEntry, Record, RecordKind, Write, codec};
use crate::run::{Effect, Event, Step};

/// Records behind the oldest one needed, from which on old runs are written anew so that the log
/// can be cut. Bounds what a start has to replay.
const LOG_RECORDS_MAX: u64 = 1_000_000;

/// Runs written anew in one batch.
const SNAPSHOTS_MAX: usize = 64;

/// Runs moved to the archive in one batch.
const ARCHIVE_MAX: usize = 256;

/// What may happen once its cause is durable.
pub(in crate::actors) enum Release {
    /// Do it.
    Effect(RunId, Effect),
    /// Tell the queue's dead letter actor.
    Bury(usize, Box<DeadLetter>),
    /// As `Bury`, when it is settled.
    Exhume(DeadLetterId),
    /// Answer.
    Reply(Box<dyn FnOnce() + Send>),
    /// Tell those who listen.
    Publish(RunId, Box<Event>),
    /// A job whose start is recorded.
    Begin(Box<crate::actors::queue::Job>),
    /// The run stands in the archive.
    Forget(RunId),
}

/// A batch on its way.
pub(in crate::actors) struct Pending {
    ticket: u64,
    /// Kept until it is durable, to be appended anew if it fails.
    batch: Batch,
    releases: Vec<Release>,
    based: Vec<(RunId, u64)>,
}

impl State {
    /// Turns one decision into records, writes, and what waits for them.
    pub(super) fn collect(&mut self, id: RunId, step: &Step, now: Timestamp) {
        let Some(live) = self.runs.get(&id) else { return };
        let logged = self.shared.logged && live.durability != Durability::Memory;
        let waits = logged && live.durability == Durability::Strict;
        if logged && !step.events.is_empty() {
            let body = codec::encode_events(&step.events);
            self.batch.records.push(Record { run: id, kind: RecordKind::Events, body });
        }
        if self.shared.hub.is_heard() {
            let events = step.events.iter().map(|e| Release::Publish(id, Box::new(e.clone())));
            if waits { self.gated.extend(events) } else { self.free.extend(events) }
        }
        for effect in &step.effects {
            let release = match effect {
                Effect::Bury { unit } => self.bury(id, *unit, now),
                Effect::Exhume { unit } => Some(self.exhume(DeadLetterId::of(id, *unit))),
                Effect::Dispatch { .. }
                | Effect::Arm { .. }
                | Effect::Abort { .. }
                | Effect::End => Some(Release::Effect(id, *effect)),
            };
            if let Some(release) = release {
                if waits { self.gated.push(release) } else { self.free.push(release) }
            }
        }
    }

    fn bury(&mut self, id: RunId, unit: crate::run::Unit, now: Timestamp) -> Option<Release> {
        let live = self.runs.get(&id)?;
        let queue = live.workflow.queue(unit.node);
        let name = self.shared.queues[queue].name.clone();
        let letter = super::effects::dead_letter(id, live, unit, (name, now));
        let entry = codec::encode_dead_letter(&letter);
        self.batch.writes.push(Write::DeadLetter { id: letter.id.0, entry: Some(entry) });
        Some(Release::Bury(queue, Box::new(letter)))
    }

    pub(super) fn exhume(&mut self, id: DeadLetterId) -> Release {
        self.batch.writes.push(Write::DeadLetter { id: id.0, entry: None });
        Release::Exhume(id)
    }

    /// Writes down who did what.
    pub(super) fn audit(&mut self, at: Timestamp, line: String) {
        self.urgent = true;
        self.batch.writes.push(Write::Audit { at, line: line.into() });
    }

    /// Puts ended runs into the archive and out of the log.
    pub(super) fn move_to_archive(&mut self) {
        let count = self.ended.len().min(ARCHIVE_MAX);
        if count == 0 || self.stalled {
            return;
        }
        let ended: Vec<_> = self.ended.drain(..count).collect();
        for id in ended {
            let Some(live) = self.runs.get(&id) else { continue };
            let logged = self.shared.logged && live.durability != Durability::Memory;
            let state = codec::encode_run(&live.run);
            self.batch.writes.push(Write::Archive { summary: live.run.summary(), state });
            if let Some((key, until)) = live.run.accepted().key.clone().filter(|k| k.1 > self.now) {
                let input = crate::id::content_hash(live.run.accepted().input.as_bytes());
                let entry = Some(KeyEntry { run: id, input, until });
                self.batch.writes.push(Write::Key { key, entry });
            }
            if logged {
                let body = bytes::Bytes::new();
                self.batch.records.push(Record { run: id, kind: RecordKind::Archived, body });
            }
            self.gated.push(Release::Forget(id));
        }
    }

    /// Writes the oldest runs anew, if the log behind them has become long.
    pub(super) fn snapshot_oldest(&mut self) {
        if !self.shared.logged || self.batch.records.is_empty() {
            return;
        }
        let live = u64::try_from(self.runs.len()).unwrap_or(u64::MAX);
        let limit = LOG_RECORDS_MAX.max(live.saturating_mul(4));
        for _ in 0..SNAPSHOTS_MAX {
            let Some((lsn, id)) = self.oldest() else { return };
            if self.durable_to.0.saturating_sub(lsn.0) < limit {
                return;
            }
            self.needed.pop();
            if let Some(live) = self.runs.get(&id) {
                let body = codec::encode_run(&live.run);
                self.base(id);
                self.batch.records.push(Record { run: id, kind: RecordKind::Snapshot, body });
            }
        }
    }

    /// The next record holds all that is needed of the run.
    pub(super) fn base(&mut self, id: RunId) {
        self.based.push((id, u64::try_from(self.batch.records.len()).unwrap_or(u64::MAX)));
    }

    /// The oldest record that a run still needs.
    fn oldest(&mut self) -> Option<(Lsn, RunId)> {
        while let Some(Reverse((lsn, id))) = self.needed.peek().copied() {
            if self.runs.get(&id).is_some_and(|live| live.first == Some(lsn)) {
                return Some((lsn, id));
            }
            self.needed.pop();
        }
        None
    }

    /// Hands the drain's batch to the journal.
    pub(super) fn append(&mut self) {
        if self.batch.records.is_empty() && self.batch.writes.is_empty() {
            return self.release_without_batch();
        }
        let oldest = self.oldest().map_or(self.durable_to, |(lsn, _)| lsn.min(self.durable_to));
        let mut batch = std::mem::take(&mut self.batch);
        batch.shard = self.index;
        batch.lazy = !self.urgent;
        batch.keep_from = Some(oldest);
        self.urgent = false;
        let releases = std::mem::take(&mut self.gated);
        if !self.shared.logged {
            // Nothing can fail and nothing waits.
            self.shared.journal.append(batch, Box::new(|_| ()));
            self.free.extend(releases);
            return;
        }
        self.tickets += 1;
        let (ticket, based) = (self.tickets, std::mem::take(&mut self.based));
        if !self.stalled {
            self.hand_over(ticket, batch.clone());
        }
        self.pending.push_back(Pending { ticket, batch, releases, based });
    }

    /// What this drain has to say without a record of its own waits for the records before it.
    fn release_without_batch(&mut self) {
        self.urgent = false;
        match self.pending.back_mut() {
            Some(last) => last.releases.append(&mut self.gated),
            None => self.free.append(&mut self.gated),
        }
    }

    fn hand_over(&self, ticket: u64, batch: Batch) {
        let inbox = std::sync::Arc::clone(&self.inbox);
        let done = move |result| inbox.send(Request::Committed(ticket, result));
        self.shared.journal.append(batch, Box::new(done));
    }

    /// A batch is durable: what waited for it may happen.
    pub(super) fn committed(&mut self, ticket: u64, result: Result<Lsn, JournalError>) {
        if self.pending.front().is_none_or(|first| first.ticket != ticket) {
            return;
        }
        let first = match result {
            Ok(first) => first,
            Err(error) => return self.stall(&error),
        };
        let Some(pending) = self.pending.pop_front() else { return };
        let records = u64::try_from(pending.batch.records.len()).unwrap_or(u64::MAX);
        if records > 0 {
            self.durable_to = Lsn(first.0 + records);
        }
        for (id, place) in pending.based {
            if let Some(live) = self.runs.get_mut(&id) {
                let lsn = Lsn(first.0 + place);
                live.first = Some(lsn);
                self.needed.push(Reverse((lsn, id)));
            }
        }
        self.perform(pending.releases);
    }

    /// The journal has failed: nothing is released until it is well again.
    fn stall(&mut self, error: &JournalError) {
        self.stalled = true;
        self.shared.health.degrade(error.to_string());
        self.shared.journal_failed();
    }

    /// Appends anew what failed, in the same order.
    pub(super) fn reappend(&mut self) {
        if !std::mem::take(&mut self.stalled) {
            return;
        }
        for pending in &self.pending {
            self.hand_over(pending.ticket, pending.batch.clone());
        }
    }

    pub(super) fn perform_free(&mut self) {
        while !self.free.is_empty() {
            let free = std::mem::take(&mut self.free);
            self.perform(free);
        }
    }
}
