//! Looks at every byte of a data folder that nobody has open: `windlass db check`.

use std::path::Path;
use std::sync::Arc;

use ::redb::{Error, ReadTransaction, ReadableTable, ReadableTableMetadata};
use bytes::Bytes;
use serde::Serialize;

use super::archive::{filled, index_key, read_run};
use super::beside;
use super::folder::Folder;
use super::identity::{HandedOut, identity};
use super::replay;
use super::store::{Disk, Store};
use super::tables::{ARCHIVE_FILE, CHUNKS, IDS, INDEX, JOURNAL_FILE, USES};
use crate::guard::guarded;
use crate::id::{RunId, Seq};
use crate::journal::entry::{Stored, entries};
use crate::journal::{Damage, JournalError, Options, Place, Record, RecordKind};
use crate::stored::{self, Content};

/// What a check has found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Records of the log that are as they were written.
    pub records: u64,
    /// Finished runs in the archive.
    pub archived: u64,
    /// Runs that are set aside.
    pub damaged: u64,
    /// Versions of workflows.
    pub definitions: u64,
    /// Dead letters.
    pub dead_letters: u64,
    /// Idempotency keys of finished runs.
    pub keys: u64,
    /// Lines of the audit log.
    pub audit: u64,
    /// Bytes of the files.
    pub file_bytes: u64,
    /// What cannot be trusted. Nothing: the folder is sound.
    pub damages: Vec<Damage>,
}

/// Reads what the journal keeps without knowing what is in it. Tests of the journal, which keep any
/// bytes, hand in one that takes all.
pub(super) type Read = fn(Content, &[u8]) -> Result<(), String>;

/// Checks the structure of the files, the checksum of every page, every record, the chains, and
/// every other entry; and reads what is in them.
///
/// # Errors
/// Where the folder is in use, no data folder, or so damaged that nothing can be read.
pub fn check(folder: &Path) -> Result<Report, JournalError> {
    check_folder(folder, stored::check)
}

/// Checks a folder, and reads what is in it in this way.
pub(super) fn check_folder(folder: &Path, read: Read) -> Result<Report, JournalError> {
    if !folder.join(JOURNAL_FILE).exists() {
        let path = folder.display().to_string();
        return Err(JournalError::Io { path, what: "there is no journal in it".to_owned() });
    }
    check_on(Arc::new(Folder::lock(folder)?), read)
}

/// Checks any disk.
pub(super) fn check_on(disk: Arc<dyn Disk>, read: Read) -> Result<Report, JournalError> {
    disk.is_made()?;
    let cache_bytes = Options::default().cache_bytes;
    let mut report = Report::default();
    let journal = Store::new(Arc::clone(&disk), JOURNAL_FILE, cache_bytes);
    check_structure(&journal, Place::Log, &mut report)?;
    let handed_out = journal.read(|txn| check_journal(txn, read, &mut report))?;
    let archive = Store::new(Arc::clone(&disk), ARCHIVE_FILE, cache_bytes);
    if handed_out.moved.row > 0 || archive.exists() {
        if !archive.exists() {
            return Err(archive.damaged("it is missing"));
        }
        check_structure(&archive, Place::Archive, &mut report)?;
        archive.read(|txn| check_archive(txn, &handed_out, (read, &mut report)))?;
    }
    report.file_bytes = journal.size() + archive.size();
    journal.close();
    archive.close();
    disk.release();
    Ok(report)
}

/// Lets redb verify the checksum of every page.
fn check_structure(store: &Store, place: Place, report: &mut Report) -> Result<(), JournalError> {
    store.open()?;
    if let Some(what) = store.check_integrity() {
        let what = format!("the structure of {}: {what}", store.path());
        report.damages.push(Damage::beside(place, None, what));
    }
    Ok(())
}

/// Reads a body; what panics is damaged too.
pub(super) fn reads(read: Read, content: Content, body: &[u8]) -> Result<(), String> {
    guarded(|| read(content, body)).unwrap_or_else(Err)
}

fn check_record(read: Read, seq: Seq, record: &Record) -> Option<Damage> {
    let content = match record.kind {
        RecordKind::Events => Content::Events,
        RecordKind::Snapshot | RecordKind::Reopened => Content::Run,
        RecordKind::Archived | RecordKind::SetAside | RecordKind::Mark => return None,
    };
    let what = reads(read, content, &record.body).err()?;
    let run = RunId::from(record.entity);
    let shards = vec![run.shard().number()];
    Some(Damage { place: Place::Log, shards, seq, run: Some(run), what })
}

fn check_journal(
    txn: &ReadTransaction,
    read: Read,
    report: &mut Report,
) -> Result<HandedOut, Error> {
    let (replayed, _) = replay::replay(txn, &mut |seq, record| {
        report.records += 1;
        report.damages.extend(check_record(read, seq, &record));
    })?;
    report.damages.extend(replayed.damages);
    let mut damages = Vec::new();
    let counts = beside::check(txn, read, &mut |place, run, what| {
        damages.push(Damage::beside(place, run, what));
    })?;
    report.damages.extend(damages);
    report.definitions = counts.definitions;
    report.dead_letters = counts.letters;
    report.keys = counts.keys;
    report.audit = counts.audit;
    report.damaged = counts.damaged;
    HandedOut::read(txn)
}

fn check_archive(
    txn: &ReadTransaction,
    handed_out: &HandedOut,
    (read, report): (Read, &mut Report),
) -> Result<(), Error> {
    let mut note = |run, what: String| {
        report.damages.push(Damage::beside(Place::Archive, run, what));
    };
    let filled = filled(txn)?;
    if filled.row < handed_out.moved.row {
        note(None, "runs that were moved to it are missing".to_owned());
    }
    if let Some(what) = handed_out.apart(identity(txn)?, filled) {
        note(None, what);
    }
    check_chunks(txn, &mut note)?;
    report.archived += check_runs(txn, read, &mut note)?;
    Ok(())
}

/// Is told of what cannot be trusted.
type Note<'a> = &'a mut dyn FnMut(Option<RunId>, String);

fn check_chunks(txn: &ReadTransaction, note: Note<'_>) -> Result<(), Error> {
    let (chunks, uses) = (txn.open_table(CHUNKS)?, txn.open_table(USES)?);
    let mut count = 0;
    for chunk in chunks.iter()? {
        let (number, row) = chunk?;
        count += 1;
        if uses.get(number.value())?.is_none() {
            note(None, format!("chunk {}: nothing of it counts", number.value()));
        }
        for found in entries(&Bytes::copy_from_slice(row.value())) {
            if let Err(what) = found.and_then(|(_, entry)| entry.state()) {
                note(None, format!("chunk {}: {what}", number.value()));
            }
        }
    }
    if count != chunks.len()? || count != uses.len()? {
        note(None, "chunks are missing".to_owned());
    }
    Ok(())
}

fn check_runs(txn: &ReadTransaction, read: Read, note: Note<'_>) -> Result<u64, Error> {
    let (chunks, ids) = (txn.open_table(CHUNKS)?, txn.open_table(IDS)?);
    let index = txn.open_table(INDEX)?;
    let mut count = 0;
    for row in ids.iter()? {
        let (id, spot) = row?;
        let run = RunId::from_bytes(*id.value());
        let entry = read_run(&chunks, run, spot.value())?;
        // A state that does not fit its checksum was told with its chunk.
        let state = entry.as_ref().ok().and_then(|entry| entry.state().ok());
        if let Some(what) = state.and_then(|state| reads(read, Content::Run, &state).err()) {
            note(Some(run), format!("its state cannot be read: {what}"));
        }
        let summary = entry.map(summary_of);
        let key = summary
            .map(|summary| summary.map(|summary| index_key(&summary.workflow, summary.state, run)));
        match key {
            Ok(Some(key)) if index.get(key.as_slice())?.is_some() => count += 1,
            Ok(_) => note(Some(run), "it is not in the index".to_owned()),
            Err(what) => note(Some(run), what.to_owned()),
        }
    }
    if count != ids.len()? || count != index.len()? {
        note(None, "runs are missing".to_owned());
    }
    Ok(count)
}

fn summary_of(entry: Stored) -> Option<crate::journal::RunSummary> {
    entry.summary
}
