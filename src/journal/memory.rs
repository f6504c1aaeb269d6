//! The journal that keeps nothing over a restart: durability `memory`.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::model::{
    Batch, Damage, Done, Journal, JournalError, JournalStats, KeyEntry, Record, RunFilter,
    RunSummary, Write,
};
use crate::clock::Timestamp;
use crate::id::{DefinitionHash, Lsn, RunId};

/// The finished runs that are kept: the last so many.
const ARCHIVED_MAX: usize = 10_000;
/// The audit lines that are kept: the last so many.
const AUDIT_LINES_MAX: usize = 10_000;

/// A journal in memory. No thread: `append` is done when it returns. Records are counted, not kept.
#[derive(Debug, Default)]
pub struct MemoryJournal(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    last: u64,
    commits: u64,
    /// Finished runs, with the number of their last change.
    archive: BTreeMap<RunId, (u64, RunSummary, Bytes)>,
    /// Finished runs in the order in which they came, oldest first. One that came again, or left,
    /// is here with an old number too.
    order: VecDeque<(u64, RunId)>,
    changes: u64,
    definitions: BTreeMap<DefinitionHash, Bytes>,
    dead_letters: BTreeMap<u64, Bytes>,
    keys: BTreeMap<Box<str>, KeyEntry>,
    audit: VecDeque<(Timestamp, Box<str>)>,
    closed: bool,
}

impl MemoryJournal {
    /// An empty journal.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn append(&mut self, batch: Batch) -> Result<Lsn, JournalError> {
        if self.closed {
            return Err(JournalError::Closed);
        }
        let first = Lsn(self.last + 1);
        self.last += u64::try_from(batch.records.len()).unwrap_or(0);
        self.commits += 1;
        for write in batch.writes {
            self.write(write);
        }
        Ok(first)
    }

    fn write(&mut self, write: Write) {
        match write {
            Write::Definition { hash, source } => drop(self.definitions.insert(hash, source)),
            Write::Archive { summary, state } => self.archive(summary, state),
            Write::Unarchive { run } => drop(self.archive.remove(&run)),
            Write::DeadLetter { id, entry: Some(entry) } => {
                drop(self.dead_letters.insert(id, entry));
            }
            Write::DeadLetter { id, entry: None } => drop(self.dead_letters.remove(&id)),
            Write::Key { key, entry: Some(entry) } => drop(self.keys.insert(key, entry)),
            Write::Key { key, entry: None } => drop(self.keys.remove(&key)),
            Write::Audit { at, line } => {
                self.audit.push_back((at, line));
                if self.audit.len() > AUDIT_LINES_MAX {
                    self.audit.pop_front();
                }
            }
        }
    }

    fn archive(&mut self, summary: RunSummary, state: Bytes) {
        self.changes += 1;
        self.order.push_back((self.changes, summary.id));
        self.archive.insert(summary.id, (self.changes, summary, state));
        while self.order.len() > ARCHIVED_MAX {
            let Some((change, run)) = self.order.pop_front() else { break };
            if self.archive.get(&run).is_some_and(|(last, ..)| *last == change) {
                self.archive.remove(&run);
            }
        }
    }
}

impl Journal for MemoryJournal {
    fn append(&self, batch: Batch, done: Done) {
        let result = self.lock().append(batch);
        done(result);
    }

    fn replay(&self, _: &mut dyn FnMut(Lsn, Record)) -> Result<Vec<Damage>, JournalError> {
        Ok(Vec::new())
    }

    fn recover(&self) -> Result<(), JournalError> {
        Ok(())
    }

    fn archived(&self, run: RunId) -> Result<Option<(RunSummary, Bytes)>, JournalError> {
        let inner = self.lock();
        Ok(inner.archive.get(&run).map(|(_, summary, state)| (summary.clone(), state.clone())))
    }

    fn list(&self, filter: &RunFilter) -> Result<Vec<RunSummary>, JournalError> {
        let inner = self.lock();
        let runs = inner.archive.values().rev().map(|(_, summary, _)| summary);
        Ok(runs.filter(|run| filter.fits(run)).take(filter.limit()).cloned().collect())
    }

    fn definitions(&self) -> Result<Vec<(DefinitionHash, Bytes)>, JournalError> {
        Ok(self.lock().definitions.iter().map(|(hash, source)| (*hash, source.clone())).collect())
    }

    fn dead_letters(&self) -> Result<Vec<(u64, Bytes)>, JournalError> {
        Ok(self.lock().dead_letters.iter().map(|(id, entry)| (*id, entry.clone())).collect())
    }

    fn keys(&self) -> Result<Vec<(Box<str>, KeyEntry)>, JournalError> {
        Ok(self.lock().keys.iter().map(|(key, entry)| (key.clone(), entry.clone())).collect())
    }

    fn audit(&self) -> Result<Vec<(Timestamp, Box<str>)>, JournalError> {
        Ok(self.lock().audit.iter().cloned().collect())
    }

    fn stats(&self) -> JournalStats {
        let inner = self.lock();
        JournalStats {
            records: 0,
            log_bytes: 0,
            archived: u64::try_from(inner.archive.len()).unwrap_or(0),
            commits: inner.commits,
            file_bytes: 0,
            last_lsn: inner.last,
        }
    }

    fn backup(&self, to: &Path) -> Result<(), JournalError> {
        let what = "a journal in memory has nothing to copy".to_owned();
        Err(JournalError::Io { path: to.display().to_string(), what })
    }

    fn close(&self) {
        self.lock().closed = true;
    }
}
