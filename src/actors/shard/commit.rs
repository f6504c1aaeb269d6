//! From decisions to the journal and back: one append for a drain, effects after its commit.

use std::cmp::Reverse;

use super::{Live, Request, State};
use crate::actors::desk::AttemptKey;
use crate::actors::queue::{Job, StartRecord};
use crate::actors::shared::Shared;
use crate::clock::Timestamp;
use crate::dead_letter::{DeadLetter, DeadLetterId};
use crate::definition::Durability;
use crate::id::{Lsn, RunId};
use crate::journal::{Batch, JournalError, KeyEntry, Record, RecordKind, Write, codec};
use crate::run::{Effect, Event, Step, Timer, Unit};

/// Records behind the oldest one needed, from which on old runs are written anew so that the log
/// can be cut. Bounds what a start has to replay.
const LOG_RECORDS_MAX: u64 = 1_000_000;

/// Runs written anew in one batch.
const SNAPSHOTS_MAX: usize = 64;

/// Ended runs that a shard without a log still knows.
const ENDED_MAX: usize = 500;

/// Runs moved to the archive in one batch.
const ARCHIVE_MAX: usize = 256;

/// What may happen once its cause is durable.
pub(in crate::actors) enum Release {
    /// A job for a queue.
    Ready(usize, Job),
    /// Wake the run.
    Arm(RunId, Timer, Timestamp),
    /// Stop an attempt, which a queue or its workers have.
    Abort(usize, AttemptKey),
    /// The run has ended.
    End(RunId),
    /// Tell the queue's dead letter actor.
    Bury(usize, Box<DeadLetter>),
    /// As `Bury`, when it is settled.
    Exhume(DeadLetterId),
    /// Answer.
    Reply(Box<dyn FnOnce() + Send>),
    /// Tell those who listen.
    Publish(RunId, Box<Event>),
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

/// One decision of one run, at its time.
#[derive(Clone, Copy)]
pub(in crate::actors) struct Round<'a> {
    pub(super) shared: &'a Shared,
    pub(super) id: RunId,
    pub(super) live: &'a Live,
    pub(super) now: Timestamp,
}

/// What a drain has decided.
pub(in crate::actors) struct Out {
    /// What goes to the journal.
    pub(super) batch: Batch,
    /// Whether something in it must not wait.
    pub(super) urgent: bool,
    /// What waits for the commit.
    pub(super) gated: Vec<Release>,
    /// What waits for nothing.
    pub(super) free: Vec<Release>,
    /// Runs of which all that is needed begins in this batch, and where.
    pub(super) based: Vec<(RunId, u64)>,
    /// What goes to each queue.
    pub(super) to_queues: Vec<Vec<Job>>,
}

impl Out {
    pub(super) fn new(queues: usize) -> Self {
        Self {
            batch: Batch::default(),
            urgent: false,
            gated: Vec::new(),
            free: Vec::new(),
            based: Vec::new(),
            to_queues: (0..queues).map(|_| Vec::new()).collect(),
        }
    }

    /// Turns one decision into records, writes, and what waits for them.
    pub(super) fn collect(&mut self, round: Round<'_>, step: &Step) {
        let Round { shared, id, live, now: _ } = round;
        let logged = shared.logged && live.durability != Durability::Memory;
        if logged && !step.events.is_empty() {
            let body = codec::encode_events(&step.events);
            self.batch.records.push(Record { run: id, kind: RecordKind::Events, body });
        }
        let waits = logged && live.durability == Durability::Strict;
        let mut releases =
            if waits { std::mem::take(&mut self.gated) } else { std::mem::take(&mut self.free) };
        if shared.hub.is_heard() {
            let events = step.events.iter();
            releases.extend(events.map(|event| Release::Publish(id, Box::new(event.clone()))));
        }
        for effect in &step.effects {
            releases.push(match effect {
                Effect::Bury { unit } => self.bury(round, *unit),
                Effect::Exhume { unit } => self.exhume(DeadLetterId::of(id, *unit)),
                Effect::Dispatch { unit, attempt, fencing, durable_start } => {
                    let start =
                        if *durable_start { StartRecord::Durable } else { StartRecord::Lazy };
                    let attempt = (*attempt, *fencing, start);
                    let queue = live.workflow.queue(unit.node);
                    let job = super::effects::job(round, *unit, attempt);
                    if !waits {
                        self.to_queues[queue].push(job);
                        continue;
                    }
                    Release::Ready(queue, job)
                }
                Effect::Arm { timer, due } => Release::Arm(id, *timer, *due),
                Effect::Abort { unit, fencing } => {
                    let key = AttemptKey { run: id, unit: *unit, fencing: *fencing };
                    Release::Abort(live.workflow.queue(unit.node), key)
                }
                Effect::End => Release::End(id),
            });
        }
        if waits {
            self.gated = releases;
        } else {
            self.free = releases;
        }
    }

    fn bury(&mut self, round: Round<'_>, unit: Unit) -> Release {
        let queue = round.live.workflow.queue(unit.node);
        let letter = super::effects::dead_letter(round, unit);
        let entry = codec::encode_dead_letter(&letter);
        self.batch.writes.push(Write::DeadLetter { id: letter.id.0, entry: Some(entry) });
        Release::Bury(queue, Box::new(letter))
    }

    pub(super) fn exhume(&mut self, id: DeadLetterId) -> Release {
        self.batch.writes.push(Write::DeadLetter { id: id.0, entry: None });
        Release::Exhume(id)
    }
}

impl State {
    /// Writes down who did what.
    pub(super) fn audit(&mut self, at: Timestamp, line: String) {
        self.out.urgent = true;
        self.out.batch.writes.push(Write::Audit { at, line: line.into() });
    }

    /// Puts ended runs into the archive and out of the log.
    pub(super) fn move_to_archive(&mut self) {
        if !self.shared.logged {
            return self.forget_oldest();
        }
        let count = self.ended.len().min(ARCHIVE_MAX);
        if count == 0 || self.stalled {
            return;
        }
        let ended: Vec<_> = self.ended.drain(..count).collect();
        for id in ended {
            let Some(live) = self.runs.get(&id) else { continue };
            let logged = self.shared.logged && live.durability != Durability::Memory;
            let state = codec::encode_run(&live.run);
            self.out.batch.writes.push(Write::Archive { summary: live.run.summary(), state });
            if let Some((key, until)) = live.run.accepted().key.clone().filter(|k| k.1 > self.now) {
                let input = crate::id::content_hash(live.run.accepted().input.as_bytes());
                let entry = Some(KeyEntry { run: id, input, until });
                self.out.batch.writes.push(Write::Key { key, entry });
            }
            if logged {
                let body = bytes::Bytes::new();
                self.out.batch.records.push(Record { run: id, kind: RecordKind::Archived, body });
            }
            self.out.gated.push(Release::Forget(id));
        }
    }

    /// Without a log, ended runs stay known until there are too many.
    fn forget_oldest(&mut self) {
        while self.ended.len() > ENDED_MAX {
            let Some(id) = self.ended.pop_front() else { return };
            self.forget(id);
        }
    }

    /// Writes the oldest runs anew, if the log behind them has become long.
    pub(super) fn snapshot_oldest(&mut self) {
        if !self.shared.logged || self.out.batch.records.is_empty() {
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
                self.out.batch.records.push(Record { run: id, kind: RecordKind::Snapshot, body });
            }
        }
    }

    /// The next record holds all that is needed of the run.
    pub(super) fn base(&mut self, id: RunId) {
        self.out.based.push((id, u64::try_from(self.out.batch.records.len()).unwrap_or(u64::MAX)));
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
        if self.out.batch.records.is_empty() && self.out.batch.writes.is_empty() {
            return self.release_without_batch();
        }
        let oldest = self.oldest().map_or(self.durable_to, |(lsn, _)| lsn.min(self.durable_to));
        let mut batch = std::mem::take(&mut self.out.batch);
        batch.shard = self.index;
        batch.lazy = !self.out.urgent;
        batch.keep_from = Some(oldest);
        self.out.urgent = false;
        let releases = std::mem::take(&mut self.out.gated);
        if !self.shared.logged {
            // Nothing can fail and nothing waits.
            self.shared.journal.append(batch, Box::new(|_| ()));
            self.out.free.extend(releases);
            return;
        }
        self.tickets += 1;
        let (ticket, based) = (self.tickets, std::mem::take(&mut self.out.based));
        if !self.stalled {
            self.hand_over(ticket, batch.clone());
        }
        self.pending.push_back(Pending { ticket, batch, releases, based });
    }

    /// What this drain has to say without a record of its own waits for the records before it.
    fn release_without_batch(&mut self) {
        self.out.urgent = false;
        match self.pending.back_mut() {
            Some(last) => last.releases.append(&mut self.out.gated),
            None => self.out.free.append(&mut self.out.gated),
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
        while !self.out.free.is_empty() {
            let free = std::mem::take(&mut self.out.free);
            self.perform(free);
        }
    }
}
