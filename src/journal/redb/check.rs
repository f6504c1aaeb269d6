//! Looks at every byte of a data folder that nobody has open: `windlass db check`.

use std::path::Path;
use std::sync::Arc;

use ::redb::{Error, ReadTransaction, ReadableTable, ReadableTableMetadata};
use bytes::Bytes;
use serde::Serialize;

use super::archive::{index_key, read_run};
use super::folder::Folder;
use super::position::Position;
use super::replay;
use super::store::{Disk, Store};
use super::tables::{ARCHIVE_FILE, CHUNKS, IDS, INDEX, JOURNAL_FILE};
use crate::id::{Lsn, RunId};
use crate::journal::entry::entries;
use crate::journal::{Damage, JournalError, Options, Place};

/// What a check has found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Records of the log that are as they were written.
    pub records: u64,
    /// Finished runs in the archive and on their way to it.
    pub archived: u64,
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

/// Checks the structure of the files, every record, the chain, and every other entry.
///
/// # Errors
/// Where the folder is in use, no data folder, or so damaged that nothing can be read.
pub fn check(folder: &Path) -> Result<Report, JournalError> {
    if !folder.join(JOURNAL_FILE).exists() {
        let path = folder.display().to_string();
        return Err(JournalError::Io { path, what: "there is no journal in it".to_owned() });
    }
    check_on(Arc::new(Folder::lock(folder)?))
}

/// Checks any disk.
pub(crate) fn check_on(disk: Arc<dyn Disk>) -> Result<Report, JournalError> {
    disk.is_made()?;
    let cache_bytes = Options::default().cache_bytes;
    let mut report = Report::default();
    let journal = Store::new(Arc::clone(&disk), JOURNAL_FILE, cache_bytes);
    check_structure(&journal, Place::Log, &mut report)?;
    let moved = journal.read(|txn| {
        check_journal(txn, &mut report)?;
        Ok(Position::read(txn)?.moved)
    })?;
    let archive = Store::new(disk, ARCHIVE_FILE, cache_bytes);
    if moved > 0 || archive.exists() {
        if !archive.exists() {
            return Err(archive.damaged("it is missing"));
        }
        check_structure(&archive, Place::Archive, &mut report)?;
        archive.read(|txn| check_archive(txn, moved, &mut report))?;
    }
    report.file_bytes = journal.size() + archive.size();
    Ok(report)
}

/// Lets redb verify the checksum of every page.
fn check_structure(store: &Store, place: Place, report: &mut Report) -> Result<(), JournalError> {
    store.open()?;
    if let Some(what) = store.check_integrity() {
        let what = format!("the structure of {}: {what}", store.path());
        report.damages.push(Damage { place, lsn: Lsn(0), run: None, what });
    }
    Ok(())
}

fn check_journal(txn: &ReadTransaction, report: &mut Report) -> Result<(), Error> {
    let (damages, _) = replay::replay(txn, &mut |_, _| report.records += 1)?;
    report.damages.extend(damages);
    let count = |found: usize| u64::try_from(found).unwrap_or(u64::MAX);
    let mut told = |_, _| {}; // `replay` has told of it
    let note: replay::Note<'_> = &mut told;
    report.definitions = count(replay::definitions(txn, note)?.len());
    report.dead_letters = count(replay::dead_letters(txn, note)?.len());
    report.keys = count(replay::keys(txn, note)?.len());
    report.audit = count(replay::audit(txn, note)?.len());
    Ok(())
}

fn check_archive(txn: &ReadTransaction, moved: u64, report: &mut Report) -> Result<(), Error> {
    let mut note = |run, what: String| {
        report.damages.push(Damage { place: Place::Archive, lsn: Lsn(0), run, what });
    };
    let (chunks, ids) = (txn.open_table(CHUNKS)?, txn.open_table(IDS)?);
    let index = txn.open_table(INDEX)?;
    if chunks.last()?.map_or(0, |(number, _)| number.value()) < moved {
        note(None, "runs that were moved to it are missing".to_owned());
    }
    for chunk in chunks.iter()? {
        let (number, row) = chunk?;
        for found in entries(&Bytes::copy_from_slice(row.value())) {
            if let Err(what) = found.and_then(|(_, entry)| entry.state()) {
                note(None, format!("chunk {}: {what}", number.value()));
            }
        }
    }
    let mut count = 0;
    for row in ids.iter()? {
        let (id, spot) = row?;
        let run = RunId::from_bytes(*id.value());
        let summary = read_run(&chunks, run, spot.value())?.map(|entry| entry.summary);
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
    report.archived += count;
    Ok(())
}
