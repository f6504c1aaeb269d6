//! The log thread: drains what waits, makes it durable in one commit, then tells everyone.
//!
//! The only writer of `journal.redb`. It has no timer of its own: it commits what waits as soon as
//! the last commit has ended; only lazy drains wait a little for others.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError};
use std::time::Duration;

use ::redb::{Error, ReadTransaction, ReadableTable};

use super::commit::{Position, Work};
use super::cut::{Cut, Known, Needs};
use super::identity::set_identity;
use super::outbox::Outbox;
use super::pace::Pace;
use super::store::Store;
use super::tables::{LOG, SHARDS, set_epochs};
use super::waiting::Waiting;
use crate::clock::Timestamp;
use crate::id::ShardId;
use crate::journal::batch::Batch;
use crate::journal::{Appended, Fence, JournalError, Tail, Urgency};
use crate::sync::{Mutex, lock};

/// How long a lazy drain waits for one that somebody waits for.
pub const LAZY_MAX: Duration = Duration::from_millis(10);
/// In how many waits: each ends with the next drain or after its part of `LAZY_MAX`.
const LAZY_WAITS: u32 = 10;
/// A commit takes no further drain with so many bytes.
const COMMIT_BYTES_MAX: usize = 8 << 20;
/// Nor with so many drains.
const COMMIT_DRAINS_MAX: usize = 4_096;

/// What the thread is asked.
pub(super) enum Message {
    Append(Waiting),
    Acquire(Vec<ShardId>, Timestamp, SyncSender<Result<Vec<Fence>, JournalError>>),
    /// What a replay has found: rows, and where each shard ends.
    Found(Vec<Known>, Box<[Tail]>, SyncSender<()>),
    Recover(SyncSender<Result<(), JournalError>>),
    Close,
}

/// What others see of the thread.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) last_row: u64,
    pub(super) records: u64,
    pub(super) log_bytes: u64,
    pub(super) commits: u64,
    /// Where the log of each shard ends; `None`: not known before a replay or an append.
    pub(super) tails: [Option<Tail>; SHARDS],
}

/// What the thread and the journal share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) journal: Store,
    pub(super) archive: Arc<Store>,
    pub(super) outbox: Outbox,
    pub(super) seen: Mutex<Seen>,
    pub(super) needs: Needs,
    pub(super) pace: Pace,
    /// The journal was closed.
    pub(super) ended: AtomicBool,
}

impl Shared {
    /// Reads the archive; `None`: there is none yet.
    pub(super) fn read_archive<T>(
        &self,
        work: impl FnOnce(&ReadTransaction) -> Result<T, Error>,
    ) -> Result<Option<T>, JournalError> {
        if self.ended.load(Ordering::Relaxed) {
            return Err(JournalError::Closed);
        }
        if !self.outbox.has_archive() {
            return Ok(None);
        }
        self.archive.open()?;
        let result = self.archive.read(work);
        if matches!(result, Err(JournalError::Io { .. })) {
            self.archive.close(); // redb answers no more after an error; the next read opens it anew
        }
        result.map(Some)
    }
}

/// The thread's state.
pub(super) struct Log {
    shared: Arc<Shared>,
    inbox: Receiver<Message>,
    waiting: Vec<Waiting>,
    /// How far the file goes, as acknowledged.
    position: Position,
    epochs: [u32; SHARDS],
    tails: [Option<Tail>; SHARDS],
    cut: Cut,
    failed: Option<JournalError>,
    /// The commit that failed: it may be durable or not.
    doubt: Option<Work>,
    commits: u64,
}

impl Log {
    pub(super) fn new(
        shared: Arc<Shared>,
        inbox: Receiver<Message>,
        (position, epochs): (Position, [u32; SHARDS]),
        cut: Cut,
    ) -> Self {
        let tails = lock(&shared.seen).tails;
        let waiting = Vec::new();
        let (failed, doubt, commits) = (None, None, 0);
        Self { shared, inbox, waiting, position, epochs, tails, cut, failed, doubt, commits }
    }

    /// The body of the thread.
    pub(super) fn run(mut self) {
        while let Ok(message) = self.inbox.recv() {
            let order = self.gather(message);
            self.flush(false);
            match order {
                // Who asked may have gone.
                Some(Message::Recover(answer)) => {
                    let result = self.recover();
                    answer.send(result).unwrap_or_default();
                }
                Some(Message::Acquire(shards, now, answer)) => {
                    let result = self.acquire(&shards, now);
                    answer.send(result).unwrap_or_default();
                }
                Some(Message::Found(rows, tails, answer)) => {
                    self.found(rows, &tails);
                    answer.send(()).unwrap_or_default();
                }
                Some(Message::Close) => break,
                Some(Message::Append(_)) | None => {}
            }
        }
        self.flush(true);
    }

    /// Takes what waits; an order ends it and is returned.
    fn gather(&mut self, first: Message) -> Option<Message> {
        let (mut next, mut waits) = (Some(first), LAZY_WAITS);
        let (mut bytes, mut urgency) = (0, Urgency::Lazy);
        loop {
            match next.take() {
                Some(Message::Append(drain)) => {
                    bytes += drain.bytes;
                    urgency = urgency.max(drain.urgency);
                    self.waiting.push(drain);
                }
                order @ Some(_) => return order,
                None => {}
            }
            if bytes >= COMMIT_BYTES_MAX || self.waiting.len() >= COMMIT_DRAINS_MAX {
                return None;
            }
            next = match self.inbox.try_recv() {
                Ok(message) => Some(message),
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) if urgency == Urgency::Now || waits == 0 => return None,
                Err(TryRecvError::Empty) => {
                    waits -= 1;
                    match self.inbox.recv_timeout(LAZY_MAX / LAZY_WAITS) {
                        Ok(message) => Some(message),
                        Err(RecvTimeoutError::Timeout) => None,
                        Err(RecvTimeoutError::Disconnected) => return None,
                    }
                }
            };
        }
    }

    /// Commits what waits and tells everyone.
    fn flush(&mut self, closing: bool) {
        let mut waiting = std::mem::take(&mut self.waiting);
        let mut tails = self.tails;
        let mut taken = Vec::new();
        for drain in &mut waiting {
            drain.judge(|fence, batch| self.refusal(&mut tails, fence, batch), &mut taken);
        }
        let bytes = waiting.iter().map(|drain| drain.bytes).sum();
        let shared = Arc::clone(&self.shared);
        let result = shared.pace.measured(bytes, || self.commit(taken, closing));
        if result.is_ok() {
            self.tails = tails;
        }
        self.show();
        for drain in waiting {
            drain.tell(&result);
        }
    }

    /// Why a batch cannot be appended, if so; notes where its shard ends with it otherwise.
    fn refusal(
        &self,
        tails: &mut [Option<Tail>; SHARDS],
        fence: Fence,
        batch: &Batch,
    ) -> Option<Appended> {
        if let Some(error) = &self.failed {
            return Some(Appended::NotLanded(error.clone()));
        }
        if self.epochs[fence.shard.index()] != fence.epoch {
            return Some(Appended::Fenced);
        }
        let tail = &mut tails[fence.shard.index()];
        if let Some(end) = tail.filter(|end| *end != batch.before()) {
            let (shard, from) = (fence.shard.number(), batch.before().seq);
            return Some(Appended::NotLanded(JournalError::Gap { shard, from, end: end.seq }));
        }
        *tail = Some(batch.tail());
        None
    }

    fn commit(
        &mut self,
        batches: Vec<(Fence, Arc<Batch>)>,
        closing: bool,
    ) -> Result<(), JournalError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let cut = self.cut.due(&self.shared.needs, closing);
        let moved = self.shared.outbox.moved();
        let tidy = closing && (cut.is_some() || moved != self.position.moved);
        if batches.is_empty() && !tidy {
            return Ok(());
        }
        let mut work = Work::new(self.position, batches, cut, moved);
        let written = self.write(&mut work);
        match written {
            Ok(()) => self.acknowledge(work),
            Err(ref error) => {
                self.failed = Some(error.clone());
                self.doubt = Some(work);
            }
        }
        written
    }

    fn write(&self, work: &mut Work) -> Result<(), JournalError> {
        if !work.entries.is_empty() {
            self.shared.outbox.make_room()?;
        }
        self.shared.journal.write(|txn| work.write(txn))
    }

    fn acknowledge(&mut self, mut work: Work) {
        self.commits += 1;
        let records = work.batches.iter().map(|(_, batch)| batch.count()).sum();
        let cut = work.cut.take();
        self.cut.committed(cut, work.known(), records);
        self.cut.press(&self.shared.needs);
        self.position = work.position;
        for (number, row) in work.entries {
            self.shared.outbox.add(number, row);
        }
    }

    fn acquire(&mut self, shards: &[ShardId], now: Timestamp) -> Result<Vec<Fence>, JournalError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let mut epochs = self.epochs;
        for shard in shards {
            let epoch = &mut epochs[shard.index()];
            *epoch = epoch.saturating_add(1).max(epoch_at(now));
        }
        let epoch = epochs.into_iter().max().unwrap_or(0);
        let identity = self.shared.outbox.enter(epoch);
        let written = self.shared.journal.write(|txn| {
            set_epochs(txn, &epochs)?;
            set_identity(txn, identity)
        });
        if let Err(error) = written {
            self.failed = Some(error.clone());
            return Err(error);
        }
        self.epochs = epochs;
        let fence = |shard: &ShardId| Fence { shard: *shard, epoch: epochs[shard.index()] };
        Ok(shards.iter().map(fence).collect())
    }

    fn found(&mut self, rows: Vec<Known>, tails: &[Tail]) {
        self.cut.found(rows);
        for (known, found) in self.tails.iter_mut().zip(tails) {
            known.get_or_insert(*found);
        }
        self.show();
    }

    /// Opens the file again, and sees whether the commit that failed is there.
    fn recover(&mut self) -> Result<(), JournalError> {
        let last = |txn: &ReadTransaction| {
            Ok(txn.open_table(LOG)?.last()?.map_or(0, |(row, _)| row.value()))
        };
        if self.failed.is_none() && self.shared.journal.read(last).is_ok() {
            return Ok(());
        }
        self.shared.journal.close();
        self.shared.journal.open()?;
        self.shared.outbox.recover();
        let last = self.shared.journal.read(last)?;
        if let Some(work) = self.doubt.take() {
            // A commit is there as a whole or not at all, and one without rows changes nothing that
            // is not done again.
            if last >= work.position.row && work.position.row > self.position.row {
                for (fence, batch) in &work.batches {
                    self.tails[fence.shard.index()] = Some(batch.tail());
                }
                self.acknowledge(work);
            }
        }
        self.failed = None;
        self.show();
        Ok(())
    }

    fn show(&self) {
        let (log_bytes, records) = self.cut.size();
        *lock(&self.shared.seen) = Seen {
            last_row: self.position.row,
            records,
            log_bytes,
            commits: self.commits,
            tails: self.tails,
        };
    }
}

/// The seconds since 2026 began.
fn epoch_at(now: Timestamp) -> u32 {
    const YEAR_2026: i64 = 1_767_225_600;
    u32::try_from(now.as_micros() / 1_000_000 - YEAR_2026).unwrap_or(0)
}
