//! The journal on a disk. The only home of `redb`.
//!
//! Two files: `journal.redb` is the log and all that is small, written by the log thread alone in
//! one commit per round; `archive.redb` is the finished runs, moved there in bulk by a thread of
//! its own. What both hold is checked when it is read: redb itself does not check what it reads.

mod archive;
mod backup;
mod beside;
mod check;
mod commit;
#[cfg(test)]
pub(crate) mod crash;
#[cfg(test)]
mod crash_tests;
mod cut;
#[cfg(test)]
mod damage_tests;
mod damaged;
mod folder;
mod identity;
mod log;
mod moved;
mod outbox;
mod pace;
mod replay;
mod retention;
mod store;
mod tables;
#[cfg(test)]
mod tests;
mod waiting;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use ::redb::{Error, ReadTransaction, ReadableTable, ReadableTableMetadata};
use bytes::Bytes;

pub use self::check::{Report, check};
use self::commit::Position;
use self::cut::{Cut, Needs};
use self::folder::Folder;
use self::identity::{HandedOut, Identity};
pub use self::log::LAZY_MAX;
use self::log::{Log, Message, Seen, Shared};
use self::outbox::Outbox;
use self::pace::Pace;
pub(crate) use self::store::Disk;
use self::store::Store;
use self::tables::{ARCHIVE_FILE, AUDIT, Base, DAMAGED, JOURNAL_FILE, LOG, SHARDS};
use self::waiting::Waiting;
use super::entry::Stored;
use super::model::{
    Damaged, Fence, JournalError, JournalStats, KeyEntry, LetterId, Record, RunFilter, RunSummary,
    Tail,
};
use super::port::{Done, Drain, Journal, Keep, Options, Replayed, Urgency, Visit};
use crate::clock::Timestamp;
use crate::id::{DefinitionHash, EntityId, Name, RunId, Seq, ShardId, random_id};
use crate::sync::{Mutex, lock};

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
    /// Where the folder is locked, of another format, damaged, read-only, full, or no folder: a
    /// sentence that says which.
    pub fn open(folder: &Path, options: &Options) -> Result<Self, JournalError> {
        Self::open_on(Arc::new(Folder::lock(folder)?), options)
    }

    /// Opens a journal on any disk.
    pub(crate) fn open_on(disk: Arc<dyn Disk>, options: &Options) -> Result<Self, JournalError> {
        let (shared, start) = open_files(&disk, options)?;
        let (to_log, inbox) = channel();
        let cut = Cut::new(start.base, start.empty);
        let log = Log::new(Arc::clone(&shared), inbox, (start.position, start.epochs), cut);
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
        let to_log = lock(&self.to_log).clone();
        // A drain that cannot be sent is told `Closed` as it is dropped.
        if let Some(to_log) = to_log {
            to_log.send(message).unwrap_or_default();
        }
    }

    fn seen(&self) -> Seen {
        *lock(&self.shared.seen)
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

    fn read<T>(
        &self,
        work: impl FnOnce(&ReadTransaction) -> Result<T, Error>,
    ) -> Result<T, JournalError> {
        self.shared.journal.read(work)
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

/// What the journal's file says when it is opened.
struct Start {
    position: Position,
    base: Base,
    epochs: [u32; SHARDS],
    handed_out: HandedOut,
    /// The log has no rows.
    empty: bool,
}

impl Start {
    fn read(txn: &ReadTransaction) -> Result<Self, Error> {
        let base = tables::base(txn)?;
        let last = txn.open_table(LOG)?.last()?.map(|(row, _)| row.value());
        let handed_out = HandedOut::read(txn)?;
        let audit = txn.open_table(AUDIT)?.last()?.map_or(0, |(number, _)| number.value());
        let row = last.unwrap_or(base.row).max(base.row);
        let (outbox, moved) = (handed_out.last(), handed_out.moved);
        let position = Position { row, outbox, moved, audit };
        Ok(Self { position, base, epochs: tables::epochs(txn)?, handed_out, empty: last.is_none() })
    }
}

/// Opens both files, which must belong together; loads what waits in the outbox.
fn open_files(
    disk: &Arc<dyn Disk>,
    options: &Options,
) -> Result<(Arc<Shared>, Start), JournalError> {
    let made = disk.is_made()?;
    let journal = Store::new(Arc::clone(disk), JOURNAL_FILE, options.cache_bytes);
    let archive = Arc::new(Store::new(Arc::clone(disk), ARCHIVE_FILE, options.cache_bytes));
    if made && !journal.exists() {
        return Err(journal.damaged("it is missing"));
    }
    if !made && !journal.exists() {
        let identity = Identity { folder: random_id(), epoch: 0 };
        journal.create(|txn| tables::make_journal(txn, identity))?;
    }
    journal.open()?;
    let start = journal.read(Start::read)?;
    if !made {
        let Position { row, outbox, audit, .. } = start.position;
        if row > 0 || outbox > 0 || audit > 0 {
            return Err(journal.damaged("the file FORMAT beside it is missing"));
        }
        disk.set_made()?;
    }
    let waiting = open_outbox(&start.handed_out, &archive, &disk.path(""))?;
    let tails = start.base.tails.map(|tail| start.empty.then_some(tail));
    let last_row = start.position.row;
    let seen = Seen { last_row, records: 0, log_bytes: 0, commits: 0, tails };
    let (seen, needs, ended) = (Mutex::new(seen), Needs::default(), AtomicBool::new(false));
    let pace = Pace::default();
    let shared = Shared { journal, archive, outbox: waiting, seen, needs, pace, ended };
    Ok((Arc::new(shared), start))
}

/// Opens the archive, if there is one, which must belong to the journal. What waits then is what it
/// does not hold: redb syncs a file as it opens it, so what is read there is durable.
fn open_outbox(
    handed_out: &HandedOut,
    archive: &Store,
    folder: &str,
) -> Result<Outbox, JournalError> {
    let HandedOut { identity, moved, rows } = handed_out;
    if moved.row > 0 && !archive.exists() {
        return Err(archive.damaged("it is missing"));
    }
    let mut filled = *moved;
    if archive.exists() {
        archive.open()?;
        let (whose, end) = outbox::archive_end(archive)?;
        if let Some(what) = handed_out.apart(whose, end) {
            return Err(JournalError::Apart { folder: folder.to_owned(), what });
        }
        outbox::open_archive(archive, *moved, *identity)?;
        filled = end;
    }
    let waiting = Outbox::new(filled, *identity, archive.exists());
    for (number, row) in rows.iter().filter(|(number, _)| *number > filled.row) {
        waiting.add(*number, row.clone());
    }
    Ok(waiting)
}

impl Journal for RedbJournal {
    fn acquire(&self, shards: &[ShardId], now: Timestamp) -> Result<Vec<Fence>, JournalError> {
        let (answer, result) = sync_channel(1);
        self.send(Message::Acquire(shards.to_vec(), now, answer));
        result.recv().unwrap_or(Err(JournalError::Closed))
    }

    fn append(&self, drain: Drain, urgency: Urgency, done: Done) {
        let waiting = Waiting::new(drain, urgency, done);
        self.shared.pace.handed_over(waiting.bytes);
        self.send(Message::Append(waiting));
    }

    fn replay(&self, visit: Visit<'_>) -> Result<Replayed, JournalError> {
        let (mut replayed, rows) = self.read(|txn| replay::replay(txn, visit))?;
        replayed.damages.extend(self.shared.outbox.damages());
        let (answer, noted) = sync_channel(1);
        self.send(Message::Found(rows, replayed.tails.clone(), answer));
        noted.recv().unwrap_or_default(); // a closed journal needs to know nothing more
        Ok(replayed)
    }

    fn recover(&self) -> Result<(), JournalError> {
        let (answer, result) = sync_channel(1);
        self.send(Message::Recover(answer));
        result.recv().unwrap_or(Err(JournalError::Closed))
    }

    fn tail(&self, shard: ShardId) -> Tail {
        self.seen().tails[shard.index()].unwrap_or_default()
    }

    fn release(&self, fence: Fence, before: Seq, live: u64) {
        self.shared.needs.release(fence.shard, before.0, live);
    }

    fn pressure(&self) -> u64 {
        self.shared.needs.pressure()
    }

    fn rewrite_to(&self, shard: ShardId) -> Seq {
        Seq(self.shared.needs.rewrite_to(shard))
    }

    fn room(&self, within: Duration) -> usize {
        self.shared.pace.room(within)
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
        runs.extend(self.damaged(None, usize::MAX)?.iter().map(Damaged::summary));
        runs.retain(|run| filter.fits(run));
        runs.sort_unstable_by_key(|run| std::cmp::Reverse(run.id));
        runs.truncate(filter.limit());
        Ok(runs)
    }

    fn archived_workflows(&self) -> Result<Vec<Name>, JournalError> {
        self.shared.outbox.settle()?;
        Ok(self.shared.read_archive(archive::workflows)?.unwrap_or_default())
    }

    fn expired(
        &self,
        workflow: &Name,
        keep: &Keep,
        limit: usize,
    ) -> Result<Vec<RunId>, JournalError> {
        let latest = self.shared.outbox.latest();
        let moving: BTreeSet<_> = latest.iter().map(|entry| entry.run).collect();
        let letters = self.shared.journal.snapshot()?;
        let found = self.shared.read_archive(|txn| {
            retention::expired(txn, workflow, (keep, limit), |run| {
                Ok(moving.contains(&run) || retention::has_letter(&letters, run)?)
            })
        })?;
        Ok(found.unwrap_or_default())
    }

    fn definition(&self, hash: DefinitionHash) -> Result<Option<Bytes>, JournalError> {
        let found = self.read(|txn| beside::definition(txn, hash))?;
        let entry = format!("definition {hash}");
        found.transpose().map_err(|what| JournalError::Entry { entry, what })
    }

    fn definitions(
        &self,
        after: Option<DefinitionHash>,
        limit: usize,
    ) -> Result<Vec<DefinitionHash>, JournalError> {
        self.read(|txn| beside::definitions(txn, after, limit))
    }

    fn unused_definitions(
        &self,
        of: Vec<DefinitionHash>,
    ) -> Result<Vec<DefinitionHash>, JournalError> {
        let mut found = of;
        let moving = self.shared.outbox.latest();
        let moving: BTreeSet<_> =
            moving.iter().filter_map(|entry| Some(entry.summary.as_ref()?.definition)).collect();
        found.retain(|hash| !moving.contains(hash));
        let unused = self.shared.read_archive(|txn| {
            let mut unused = Vec::new();
            for hash in &found {
                if !archive::has_version(txn, *hash)? {
                    unused.push(*hash);
                }
            }
            Ok(unused)
        })?;
        Ok(unused.unwrap_or(found))
    }

    fn letters(
        &self,
        after: Option<LetterId>,
        limit: usize,
    ) -> Result<Vec<(LetterId, Bytes)>, JournalError> {
        self.read(|txn| beside::letters(txn, after, limit))
    }

    fn key(&self, key: EntityId) -> Result<Option<KeyEntry>, JournalError> {
        let found = self.read(|txn| beside::key(txn, key))?;
        let entry = format!("idempotency key {key}");
        found.transpose().map_err(|what| JournalError::Entry { entry, what })
    }

    fn expired_keys(&self, now: Timestamp, limit: usize) -> Result<Vec<EntityId>, JournalError> {
        self.read(|txn| beside::expired_keys(txn, now, limit))
    }

    fn audit(&self, limit: usize) -> Result<Vec<(Timestamp, Box<str>)>, JournalError> {
        self.read(|txn| beside::audit(txn, limit))
    }

    fn damaged(&self, after: Option<RunId>, limit: usize) -> Result<Vec<Damaged>, JournalError> {
        let found = self.read(|txn| damaged::page(txn, after, limit))?;
        let entry = |found: Result<Damaged, RunId>| found.unwrap_or_else(unreadable);
        Ok(found.into_iter().map(entry).collect())
    }

    fn damaged_run(&self, run: RunId) -> Result<Option<Damaged>, JournalError> {
        let found = self.read(|txn| damaged::find(txn, run))?;
        Ok(found.map(|found| found.unwrap_or_else(unreadable)))
    }

    fn damaged_records(&self, run: RunId) -> Result<Vec<Record>, JournalError> {
        let found = self.read(|txn| damaged::records(txn, run))?;
        found.ok_or_else(|| damaged_entry(run, "its records cannot be read"))
    }

    fn stats(&self) -> JournalStats {
        let seen = self.seen();
        let damaged = self.read(|txn| Ok(txn.open_table(DAMAGED)?.len()?));
        JournalStats {
            records: seen.records,
            log_bytes: seen.log_bytes,
            archived: self.archived_count().unwrap_or(0),
            damaged: damaged.unwrap_or(0),
            commits: seen.commits,
            file_bytes: self.shared.journal.size() + self.shared.archive.size(),
            last_row: seen.last_row,
        }
    }

    fn backup(&self, to: &Path) -> Result<(), JournalError> {
        backup::backup(&self.shared, to)
    }

    fn close(&self) {
        let to_log = lock(&self.to_log).take();
        if let Some(to_log) = to_log {
            to_log.send(Message::Close).unwrap_or_default();
        }
        let mut threads = lock(&self.threads);
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

/// Stands for a run whose own entry among the damaged ones is not what was written.
fn unreadable(run: RunId) -> Damaged {
    Damaged {
        run,
        at: Timestamp::default(),
        version: Box::default(),
        reason: "what is known of it is damaged itself".into(),
        whole: false,
        workflow: None,
        accepted: None,
    }
}

impl Drop for RedbJournal {
    fn drop(&mut self) {
        self.close();
    }
}
