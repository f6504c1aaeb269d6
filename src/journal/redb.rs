//! The journal on a disk. The only home of `redb`.
//!
//! Two files: `journal.redb` is the log and all that is small, written by the log thread alone in
//! one commit per round; `archive.redb` is the finished runs, moved there in bulk by a thread of
//! its own. What both hold is checked when it is read: redb itself does not check what it reads.

mod archive;
mod backup;
mod check;
mod commit;
#[cfg(test)]
pub(crate) mod crash;
#[cfg(test)]
mod crash_tests;
mod cut;
#[cfg(test)]
mod damage_tests;
mod folder;
mod log;
mod outbox;
mod position;
mod replay;
mod store;
mod tables;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use ::redb::{Error, ReadableTable};
use bytes::Bytes;

pub use self::check::{Report, check};
use self::commit::Prepared;
use self::cut::Cut;
use self::folder::Folder;
pub use self::log::LAZY_MAX;
use self::log::{Log, Message, Seen, Shared};
use self::outbox::Outbox;
use self::position::Position;
pub(crate) use self::store::Disk;
use self::store::Store;
use self::tables::{ARCHIVE_FILE, JOURNAL_FILE, OUTBOX};
use super::entry::Stored;
use super::model::{
    Batch, Damage, Done, Journal, JournalError, JournalStats, KeyEntry, Options, Place, Record,
    RunFilter, RunSummary,
};
use crate::clock::Timestamp;
use crate::id::{DefinitionHash, Lsn, RunId};

/// A journal in a data folder.
#[derive(Debug)]
pub struct RedbJournal {
    disk: Arc<dyn Disk>,
    shared: Arc<Shared>,
    to_log: Mutex<Option<Sender<Message>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl RedbJournal {
    /// Opens the data folder, made if it is not there, and locks it.
    ///
    /// # Errors
    /// Where the folder is locked, from a newer version, damaged, read-only, full, or no folder:
    /// a sentence that says which.
    pub fn open(folder: &Path, options: &Options) -> Result<Self, JournalError> {
        Self::open_on(Arc::new(Folder::lock(folder)?), options)
    }

    /// Opens a journal on any disk.
    pub(crate) fn open_on(disk: Arc<dyn Disk>, options: &Options) -> Result<Self, JournalError> {
        let (shared, position) = open_files(&disk, options)?;
        let (to_log, inbox) = channel();
        let cut = Cut::new(options.shards, &position);
        let log = Log::new(Arc::clone(&shared), inbox, position, cut);
        let mover = Arc::clone(&shared);
        let threads = vec![
            spawn("windlass-log", &shared.journal, move || log.run())?,
            spawn("windlass-archive", &shared.journal, move || {
                mover.outbox.serve(&mover.archive);
            })?,
        ];
        let (to_log, threads) = (Mutex::new(Some(to_log)), Mutex::new(threads));
        Ok(Self { disk, shared, to_log, threads })
    }

    fn send(&self, message: Message) {
        let to_log = self.to_log.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // A batch that cannot be sent is told `Closed` as it is dropped.
        if let Some(to_log) = to_log {
            to_log.send(message).unwrap_or_default();
        }
    }

    fn seen(&self) -> Seen {
        *self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The entry of a finished run, its header and summary checked.
    fn find(&self, run: RunId) -> Result<Option<Stored>, JournalError> {
        if let Some(waiting) = self.shared.outbox.find(run) {
            return Ok(waiting.summary.is_some().then_some(waiting));
        }
        match self.shared.read_archive(|txn| archive::find(txn, run))?.flatten() {
            Some(found) => found.map(Some).map_err(|what| damaged_entry(run, what)),
            None => Ok(None),
        }
    }

    fn archived_count(&self) -> Result<u64, JournalError> {
        let waiting = self.shared.outbox.latest();
        let count = self.shared.read_archive(|txn| {
            let mut count = archive::count(txn)?;
            for entry in &waiting {
                match (entry.summary.is_some(), archive::contains(txn, entry.run)?) {
                    (true, false) => count += 1,
                    (false, true) => count -= 1,
                    (true, true) | (false, false) => {}
                }
            }
            Ok(count)
        })?;
        let new = || waiting.iter().filter(|entry| entry.summary.is_some()).count();
        Ok(count.unwrap_or_else(|| u64::try_from(new()).unwrap_or(u64::MAX)))
    }
}

fn spawn(
    name: &str,
    store: &Store,
    body: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, JournalError> {
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(body);
    thread.map_err(|error| store::io_fault(&store.path(), &error))
}

fn damaged_entry(run: RunId, what: &str) -> JournalError {
    JournalError::Entry { entry: format!("run {run}"), what: what.to_owned() }
}

/// Opens both files; loads what waits in the outbox.
fn open_files(
    disk: &Arc<dyn Disk>,
    options: &Options,
) -> Result<(Arc<Shared>, Position), JournalError> {
    let made = disk.is_made()?;
    let journal = Store::new(Arc::clone(disk), JOURNAL_FILE, options.cache_bytes);
    let archive = Arc::new(Store::new(Arc::clone(disk), ARCHIVE_FILE, options.cache_bytes));
    if made && !journal.exists() {
        return Err(journal.damaged("it is missing"));
    }
    if !made && !journal.exists() {
        journal.create(tables::make_journal)?;
    }
    journal.open()?;
    let position = journal.read(Position::read)?;
    if !made {
        if position.tail.lsn > 0 || position.outbox > 0 || position.audit > 0 {
            return Err(journal.damaged("the file FORMAT beside it is missing"));
        }
        disk.set_made()?;
    }
    if position.moved > 0 && !archive.exists() {
        return Err(archive.damaged("it is missing"));
    }
    if archive.exists() {
        outbox::open_archive(&archive, position.moved)?;
    }
    let outbox = Outbox::new(position.moved, archive.exists());
    for (number, row) in journal.read(outbox_rows)? {
        outbox.add(number, row);
    }
    let (seen, replayed, ended) = (Mutex::default(), AtomicU64::new(0), AtomicBool::new(false));
    Ok((Arc::new(Shared { journal, archive, outbox, seen, replayed, ended }), position))
}

fn outbox_rows(txn: &::redb::ReadTransaction) -> Result<Vec<(u64, Bytes)>, Error> {
    let outbox = txn.open_table(OUTBOX)?;
    let rows = outbox.iter()?.map(|row| {
        let (number, row) = row?;
        Ok((number.value(), Bytes::copy_from_slice(row.value())))
    });
    rows.collect()
}

impl Journal for RedbJournal {
    fn append(&self, batch: Batch, done: Done) {
        self.send(Message::Append(Prepared::new(batch, done)));
    }

    fn replay(&self, visit: &mut dyn FnMut(Lsn, Record)) -> Result<Vec<Damage>, JournalError> {
        let (damages, bytes) = self.shared.journal.read(|txn| replay::replay(txn, visit))?;
        self.shared.replayed.store(bytes, Ordering::Relaxed);
        Ok(damages)
    }

    fn recover(&self) -> Result<(), JournalError> {
        let (answer, result) = sync_channel(1);
        self.send(Message::Recover(answer));
        result.recv().unwrap_or(Err(JournalError::Closed))
    }

    fn archived(&self, run: RunId) -> Result<Option<(RunSummary, Bytes)>, JournalError> {
        let Some(entry) = self.find(run)? else { return Ok(None) };
        let state = entry.state().map_err(|what| damaged_entry(run, what))?;
        Ok(entry.summary.map(|summary| (summary, state)))
    }

    fn list(&self, filter: &RunFilter) -> Result<Vec<RunSummary>, JournalError> {
        let waiting = self.shared.outbox.latest();
        let except: BTreeSet<_> = waiting.iter().map(|entry| entry.run).collect();
        let found = self.shared.read_archive(|txn| archive::list(txn, filter, &except))?;
        let mut runs = found.unwrap_or_default();
        runs.extend(waiting.into_iter().filter_map(|entry| entry.summary));
        runs.retain(|run| filter.fits(run));
        runs.sort_unstable_by_key(|run| std::cmp::Reverse(run.id));
        runs.truncate(filter.limit());
        Ok(runs)
    }

    fn definitions(&self) -> Result<Vec<(DefinitionHash, Bytes)>, JournalError> {
        self.shared.journal.read(|txn| replay::definitions(txn, &mut told_by_replay))
    }

    fn dead_letters(&self) -> Result<Vec<(u64, Bytes)>, JournalError> {
        self.shared.journal.read(|txn| replay::dead_letters(txn, &mut told_by_replay))
    }

    fn keys(&self) -> Result<Vec<(Box<str>, KeyEntry)>, JournalError> {
        self.shared.journal.read(|txn| replay::keys(txn, &mut told_by_replay))
    }

    fn audit(&self) -> Result<Vec<(Timestamp, Box<str>)>, JournalError> {
        self.shared.journal.read(|txn| replay::audit(txn, &mut told_by_replay))
    }

    fn stats(&self) -> JournalStats {
        let seen = self.seen();
        let old = if seen.old { self.shared.replayed.load(Ordering::Relaxed) } else { 0 };
        JournalStats {
            records: seen.last - seen.base,
            log_bytes: seen.log_bytes + old,
            archived: self.archived_count().unwrap_or(0),
            commits: seen.commits,
            file_bytes: self.shared.journal.size() + self.shared.archive.size(),
            last_lsn: seen.last,
        }
    }

    fn backup(&self, to: &Path) -> Result<(), JournalError> {
        backup::backup(&self.shared, to)
    }

    fn close(&self) {
        let to_log = self.to_log.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(to_log) = to_log {
            to_log.send(Message::Close).unwrap_or_default();
        }
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let mut threads = threads.drain(..);
        let log = threads.next().map(JoinHandle::join);
        self.shared.outbox.close();
        self.shared.ended.store(true, Ordering::Relaxed);
        let others = threads.map(JoinHandle::join);
        if log.into_iter().chain(others).any(|ended| ended.is_err()) {
            tracing::error!("a thread of the journal panicked");
        }
        self.shared.journal.close();
        self.shared.archive.close();
        self.disk.release();
    }
}

/// What is left out has been told by `replay`.
fn told_by_replay(_: Place, _: String) {}

impl Drop for RedbJournal {
    fn drop(&mut self) {
        self.close();
    }
}
