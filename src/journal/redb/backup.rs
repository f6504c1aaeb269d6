//! Copies a journal while it goes on.

use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

use ::redb::{
    Error, Key, ReadTransaction, ReadableTable, TableDefinition, Value, WriteTransaction,
};

use super::folder::Folder;
use super::log::Shared;
use super::store::{Disk, Store};
use super::tables::{
    ARCHIVE_FILE, AUDIT, CHUNKS, DAMAGED, DAMAGED_FRAMES, DEFINITIONS, IDS, INDEX, JOURNAL_FILE,
    KEY_TIMES, KEYS, LETTERS, LOG, META, OUTBOX, USES, VERSIONS,
};
use crate::journal::{JournalError, Options};

/// Makes a data folder at `to` that holds what this journal holds now.
pub(super) fn backup(shared: &Shared, to: &Path) -> Result<(), JournalError> {
    let folder: Arc<dyn Disk> = Arc::new(Folder::lock(to)?);
    let cache_bytes = Options::default().cache_bytes;
    let journal = Store::new(Arc::clone(&folder), JOURNAL_FILE, cache_bytes);
    let archive = Store::new(Arc::clone(&folder), ARCHIVE_FILE, cache_bytes);
    if journal.exists() || archive.exists() || folder.is_made()? {
        let (path, what) = (to.display().to_string(), "there is a journal in it already");
        return Err(JournalError::Io { path, what: what.to_owned() });
    }
    let (journal_now, archive_now) = snapshots(shared)?;
    journal.create(|txn| copy_journal(&journal_now, txn))?;
    drop(journal_now); // a snapshot that is kept makes the file grow
    if let Some(archive_now) = archive_now {
        archive.create(|txn| copy_archive(&archive_now, txn))?;
    }
    folder.set_made()?;
    journal.close();
    archive.close();
    folder.release();
    Ok(())
}

/// Both files as of one moment: the archive stands still while the snapshots are taken, so that a
/// run on its way is in the outbox of the one or among the chunks of the other.
fn snapshots(shared: &Shared) -> Result<(ReadTransaction, Option<ReadTransaction>), JournalError> {
    let pause = shared.outbox.pause();
    let journal = shared.journal.snapshot()?;
    let archive = shared.outbox.has_archive().then(|| {
        shared.archive.open()?;
        shared.archive.snapshot()
    });
    drop(pause);
    Ok((journal, archive.transpose()?))
}

fn copy_journal(from: &ReadTransaction, to: &WriteTransaction) -> Result<(), Error> {
    copy(from, to, LOG)?;
    copy(from, to, OUTBOX)?;
    copy(from, to, META)?;
    copy(from, to, DEFINITIONS)?;
    copy(from, to, LETTERS)?;
    copy(from, to, KEYS)?;
    copy(from, to, KEY_TIMES)?;
    copy(from, to, DAMAGED)?;
    copy(from, to, DAMAGED_FRAMES)?;
    copy(from, to, AUDIT)
}

fn copy_archive(from: &ReadTransaction, to: &WriteTransaction) -> Result<(), Error> {
    copy(from, to, META)?;
    copy(from, to, CHUNKS)?;
    copy(from, to, USES)?;
    copy(from, to, IDS)?;
    copy(from, to, VERSIONS)?;
    copy(from, to, INDEX)
}

fn copy<K: Key + 'static, V: Value + 'static>(
    from: &ReadTransaction,
    to: &WriteTransaction,
    table: TableDefinition<'_, K, V>,
) -> Result<(), Error> {
    let rows = from.open_table(table)?;
    let mut copies = to.open_table(table)?;
    let mut end = copies.upper_bound_mut(Bound::<K::SelfType<'_>>::Unbounded)?;
    for row in rows.iter()? {
        let (key, value) = row?;
        end.insert_before(key.value(), value.value())?;
    }
    Ok(end.close()?)
}
