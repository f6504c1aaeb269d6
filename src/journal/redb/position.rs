//! How far the journal's file goes: read when it is opened, compared when it is opened again.

use ::redb::{Error, ReadTransaction, ReadableTable, ReadableTableMetadata, WriteTransaction};
use bytes::Bytes;

use super::commit::Before;
use super::store::Store;
use super::tables::{self, AUDIT, DEAD_LETTERS, DEFINITIONS, KEYS, LOG, OUTBOX};
use crate::journal::JournalError;
use crate::journal::frame::{Found, HEADER_BYTES, RowReader, Tail};

/// How far the file goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// The last record that was cut off.
    pub(super) base: Tail,
    /// The last record.
    pub(super) tail: Tail,
    /// Rows of the log.
    pub(super) rows: u64,
    /// The last row that the outbox has had.
    pub(super) outbox: u64,
    /// The last row of the outbox that was deleted because the archive has it.
    pub(super) moved: u64,
    /// The last line of the audit log.
    pub(super) audit: u64,
}

impl Position {
    pub(super) fn read(txn: &ReadTransaction) -> Result<Self, Error> {
        let base = tables::base(txn)?;
        let log = txn.open_table(LOG)?;
        let tail = match log.last()? {
            Some((key, row)) => {
                tail_of(key.value(), Bytes::copy_from_slice(row.value()), log.len()?)
            }
            None => base,
        };
        let moved = tables::moved(txn)?;
        let outbox = txn.open_table(OUTBOX)?.last()?.map_or(moved, |(number, _)| number.value());
        let audit = txn.open_table(AUDIT)?.last()?.map_or(0, |(number, _)| number.value());
        Ok(Self { base, tail, rows: log.len()?, outbox: outbox.max(moved), moved, audit })
    }
}

/// The last record of the last row. Behind damage there are at most as many records as there is
/// room for: the next lsn is beyond them, and the gap is reported at every start until it is cut.
fn tail_of(key: u64, row: Bytes, rows: u64) -> Tail {
    let room = u64::try_from(row.len() / HEADER_BYTES).unwrap_or(u64::MAX);
    let beyond = Tail { lsn: key.saturating_add(room).saturating_add(rows), chain: 0 };
    let Some(mut reader) = RowReader::new(key, row) else { return beyond };
    match reader.find(|found| matches!(found, Found::Header { .. })) {
        Some(_) => beyond,
        None => reader.tail(),
    }
}

/// After a failed commit: takes out what it may have left, so that the file is as it was
/// acknowledged.
pub(super) fn roll_back(
    journal: &Store,
    acknowledged: &Position,
    before: &[Before],
) -> Result<(), JournalError> {
    let lost = || journal.damaged("acknowledged records are missing");
    let found = journal.read(Position::read)?;
    if found.tail.lsn < acknowledged.tail.lsn || found.outbox < acknowledged.outbox {
        return Err(lost());
    }
    journal.write(|txn| undo(txn, acknowledged, before))?;
    let found = journal.read(Position::read)?;
    if found.tail == acknowledged.tail { Ok(()) } else { Err(lost()) }
}

fn undo(txn: &WriteTransaction, acknowledged: &Position, before: &[Before]) -> Result<(), Error> {
    txn.open_table(LOG)?.retain_in(acknowledged.tail.lsn + 1.., |_, _| false)?;
    txn.open_table(OUTBOX)?.retain_in(acknowledged.outbox + 1.., |_, _| false)?;
    txn.open_table(AUDIT)?.retain_in(acknowledged.audit + 1.., |_, _| false)?;
    let mut definitions = txn.open_table(DEFINITIONS)?;
    let mut letters = txn.open_table(DEAD_LETTERS)?;
    let mut keys = txn.open_table(KEYS)?;
    for before in before.iter().rev() {
        match before {
            Before::Definition(hash, Some(old)) => {
                drop(definitions.insert(&hash.0, old.as_slice())?);
            }
            Before::Definition(hash, None) => drop(definitions.remove(&hash.0)?),
            Before::DeadLetter(id, Some(old)) => drop(letters.insert(id, old.as_slice())?),
            Before::DeadLetter(id, None) => drop(letters.remove(id)?),
            Before::Key(key, Some(old)) => drop(keys.insert(key.as_ref(), old.as_slice())?),
            Before::Key(key, None) => drop(keys.remove(key.as_ref())?),
        }
    }
    Ok(())
}
