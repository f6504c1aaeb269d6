//! The tables of both files, and the seal around small values.

use ::redb::{Error, ReadTransaction, TableDefinition, WriteTransaction};

use crate::journal::checksum::checksum;
use crate::journal::frame::{Tail, le_u32};

/// The file of the log and of all that is small.
pub(super) const JOURNAL_FILE: &str = "journal.redb";
/// The file of finished runs.
pub(super) const ARCHIVE_FILE: &str = "archive.redb";

/// Rows of the log, by the lsn of their first record.
pub(super) const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");
/// Rows of archive entries on their way to the other file, by a number that only grows.
pub(super) const OUTBOX: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("outbox");
/// Where the log begins, and how far the outbox has been moved.
pub(super) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// Encoded sources by `DefinitionHash`.
pub(super) const DEFINITIONS: TableDefinition<'_, &[u8; 16], &[u8]> =
    TableDefinition::new("definitions");
/// Dead letters by id.
pub(super) const DEAD_LETTERS: TableDefinition<'_, u64, &[u8]> =
    TableDefinition::new("dead_letters");
/// Encoded `KeyEntry` by idempotency key.
pub(super) const KEYS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("keys");
/// Audit lines by number: microseconds (8 bytes, little endian) and text.
pub(super) const AUDIT: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("audit");

/// Rows of archive entries by their number in the outbox.
pub(super) const CHUNKS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("chunks");
/// Run id → chunk, offset in it, length.
pub(super) const IDS: TableDefinition<'_, &[u8; 16], (u64, u32, u32)> = TableDefinition::new("ids");
/// Workflow, 0, state, run id: see `archive::index_key`.
pub(super) const INDEX: TableDefinition<'_, &[u8], ()> = TableDefinition::new("index");

const BASE: &str = "base";
const MOVED: &str = "moved";

/// Makes the tables of a new journal file.
pub(super) fn make_journal(txn: &WriteTransaction) -> Result<(), Error> {
    txn.open_table(LOG)?;
    txn.open_table(OUTBOX)?;
    txn.open_table(DEFINITIONS)?;
    txn.open_table(DEAD_LETTERS)?;
    txn.open_table(KEYS)?;
    txn.open_table(AUDIT)?;
    set_base(txn, Tail::default())?;
    set_moved(txn, 0)
}

/// Makes the tables of a new archive file.
pub(super) fn make_archive(txn: &WriteTransaction) -> Result<(), Error> {
    txn.open_table(CHUNKS)?;
    txn.open_table(IDS)?;
    txn.open_table(INDEX)?;
    Ok(())
}

/// The last record that was cut off the log.
pub(super) fn base(txn: &ReadTransaction) -> Result<Tail, Error> {
    let bytes = meta(txn, BASE)?;
    let lsn = bytes.get(..8).and_then(|lsn| lsn.try_into().ok()).map(u64::from_le_bytes);
    match (lsn, bytes.get(8..12)) {
        (Some(lsn), Some(chain)) => Ok(Tail { lsn, chain: le_u32(chain) }),
        _ => Err(corrupted("the start of the log")),
    }
}

pub(super) fn set_base(txn: &WriteTransaction, base: Tail) -> Result<(), Error> {
    let value = [&base.lsn.to_le_bytes()[..], &base.chain.to_le_bytes()].concat();
    txn.open_table(META)?.insert(BASE, seal(BASE.as_bytes(), &value).as_slice())?;
    Ok(())
}

/// The last row of the outbox that was deleted because the archive has it; 0: none.
pub(super) fn moved(txn: &ReadTransaction) -> Result<u64, Error> {
    let bytes = meta(txn, MOVED)?;
    let row = bytes.try_into().map_err(|_| corrupted("the state of the outbox"))?;
    Ok(u64::from_le_bytes(row))
}

pub(super) fn set_moved(txn: &WriteTransaction, row: u64) -> Result<(), Error> {
    let value = seal(MOVED.as_bytes(), &row.to_le_bytes());
    txn.open_table(META)?.insert(MOVED, value.as_slice())?;
    Ok(())
}

fn meta(txn: &ReadTransaction, name: &str) -> Result<Vec<u8>, Error> {
    let table = txn.open_table(META)?;
    let value = table.get(name)?.ok_or_else(|| corrupted(name))?;
    unseal(name.as_bytes(), value.value()).map(<[u8]>::to_vec).ok_or_else(|| corrupted(name))
}

fn corrupted(what: &str) -> Error {
    Error::Corrupted(format!("the entry `{what}` of its table `meta` is not what was written"))
}

const SEAL_VERSION: u8 = 1;

/// A small value with its version and a checksum over key and value: redb does not check what it
/// reads.
pub(super) fn seal(key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(5 + value.len());
    sealed.push(SEAL_VERSION);
    sealed.extend_from_slice(&checksum(&[&[SEAL_VERSION], key, value]).to_le_bytes());
    sealed.extend_from_slice(value);
    sealed
}

/// The value in a seal; `None`: it is not what was written under this key.
pub(super) fn unseal<'a>(key: &[u8], sealed: &'a [u8]) -> Option<&'a [u8]> {
    let (&version, rest) = sealed.split_first()?;
    let (sum, value) = rest.split_at_checked(4)?;
    let fits = version == SEAL_VERSION && le_u32(sum) == checksum(&[&[version], key, value]);
    fits.then_some(value)
}
