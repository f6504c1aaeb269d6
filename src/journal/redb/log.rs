//! The log thread: drains what waits, makes it durable in one commit, then tells everyone.
//!
//! The only writer of `journal.redb`. It has no timer of its own: it commits what waits as soon as
//! the last commit has ended; only lazy batches wait a little for others.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::redb::{Error, ReadTransaction};

use super::commit::{Before, Prepared, Work};
use super::cut::Cut;
use super::outbox::Outbox;
use super::position::{Position, roll_back};
use super::store::Store;
use crate::id::Lsn;
use crate::journal::JournalError;

/// How long a lazy batch waits for one that somebody waits for.
pub const LAZY_MAX: Duration = Duration::from_millis(10);
/// In how many waits: each ends with the next batch or after its part of `LAZY_MAX`.
const LAZY_WAITS: u32 = 10;
/// A commit takes no further batch with so many bytes.
const COMMIT_BYTES_MAX: usize = 8 << 20;
/// Nor with so many batches.
const COMMIT_BATCHES_MAX: usize = 4_096;

/// What the thread is asked.
pub(super) enum Message {
    Append(Prepared),
    Recover(SyncSender<Result<(), JournalError>>),
    Close,
}

/// What others see of the thread.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Seen {
    pub(super) base: u64,
    pub(super) last: u64,
    /// Bytes of the log's rows since the start.
    pub(super) log_bytes: u64,
    /// Whether there are older ones.
    pub(super) old: bool,
    pub(super) commits: u64,
}

/// What the thread and the journal share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) journal: Store,
    pub(super) archive: Arc<Store>,
    pub(super) outbox: Outbox,
    pub(super) seen: Mutex<Seen>,
    /// Bytes of the rows that the last replay has read.
    pub(super) replayed: AtomicU64,
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
    waiting: Vec<Prepared>,
    /// How far the file goes, as acknowledged.
    position: Position,
    cut: Cut,
    failed: Option<JournalError>,
    /// What the failed commit would have changed.
    before: Vec<Before>,
    commits: u64,
}

impl Log {
    pub(super) fn new(
        shared: Arc<Shared>,
        inbox: Receiver<Message>,
        position: Position,
        cut: Cut,
    ) -> Self {
        let (waiting, before) = (Vec::new(), Vec::new());
        let log = Self { shared, inbox, waiting, position, cut, failed: None, before, commits: 0 };
        log.show();
        log
    }

    /// The body of the thread.
    pub(super) fn run(mut self) {
        while let Ok(message) = self.inbox.recv() {
            let order = self.gather(message);
            self.flush(false);
            match order {
                Some(Message::Recover(answer)) => {
                    let result = self.recover();
                    answer.send(result).unwrap_or_default(); // who asked may have gone
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
        let (mut bytes, mut lazy) = (0, true);
        loop {
            match next.take() {
                Some(Message::Append(batch)) => {
                    bytes += batch.bytes;
                    lazy &= batch.lazy;
                    self.waiting.push(batch);
                }
                Some(order @ (Message::Recover(_) | Message::Close)) => return Some(order),
                None => {}
            }
            if bytes >= COMMIT_BYTES_MAX || self.waiting.len() >= COMMIT_BATCHES_MAX {
                return None;
            }
            next = match self.inbox.try_recv() {
                Ok(message) => Some(message),
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) if !lazy || waits == 0 => return None,
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
        let batches = std::mem::take(&mut self.waiting);
        let result = match &self.failed {
            Some(error) => Err(error.clone()),
            None => self.commit(&batches, closing),
        };
        self.failed = result.as_ref().err().cloned();
        let mut next = self.position.tail.lsn + 1;
        if result.is_ok() {
            next -= batches.iter().map(|batch| batch.frames.count()).sum::<u64>();
        }
        for batch in batches {
            let first = Lsn(next);
            next += batch.frames.count();
            batch.answer.give(result.clone().map(|()| first));
        }
    }

    fn commit(&mut self, batches: &[Prepared], closing: bool) -> Result<(), JournalError> {
        let cut = self.cut.due(closing);
        let moved = self.shared.outbox.moved().max(self.position.moved);
        let tidy = closing && (cut.is_some() || moved != self.position.moved);
        if batches.iter().all(Prepared::is_empty) && !tidy {
            self.cut.report(batches, self.position.tail.lsn + 1);
            return Ok(());
        }
        if batches.iter().any(|batch| !batch.entries.is_empty()) {
            self.shared.outbox.make_room()?;
        }
        let mut work = Work::new(&self.position, batches, cut, moved);
        self.before.clear();
        let (before, moved) = (&mut self.before, self.position.moved);
        self.shared.journal.write(|txn| work.write(txn, moved, before))?;
        self.acknowledge(work, batches);
        Ok(())
    }

    fn acknowledge(&mut self, work: Work<'_>, batches: &[Prepared]) {
        self.commits += 1;
        self.cut.committed(&work);
        self.cut.report(batches, self.position.tail.lsn + 1);
        self.position = work.position;
        if let Some(cut) = work.cut {
            self.position.base = cut;
        }
        for (number, row) in work.entries {
            self.shared.outbox.add(number, row);
        }
        self.show();
    }

    fn recover(&mut self) -> Result<(), JournalError> {
        if self.failed.is_none() && self.shared.journal.read(Position::read).is_ok() {
            return Ok(());
        }
        self.shared.journal.close();
        self.shared.journal.open()?;
        roll_back(&self.shared.journal, &self.position, &self.before)?;
        self.shared.outbox.recover();
        let found = self.shared.journal.read(Position::read)?;
        self.position = Position { base: found.base, rows: found.rows, ..self.position };
        self.cut.restart(&found);
        self.failed = None;
        self.show();
        Ok(())
    }

    fn show(&self) {
        *self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner) = Seen {
            base: self.position.base.lsn,
            last: self.position.tail.lsn,
            log_bytes: self.cut.bytes(),
            old: self.cut.has_old(),
            commits: self.commits,
        };
    }
}
