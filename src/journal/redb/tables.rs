//! The tables of both files, and the seal around small values.

use ::redb::{Error, ReadTransaction, TableDefinition, WriteTransaction};

use super::identity::{Identity, set_identity};
use super::moved::Moved;
use crate::journal::Tail;
use crate::journal::checksum::checksum;
use crate::journal::frame::le_u32;

/// The file of the log and of all that is small.
pub(super) const JOURNAL_FILE: &str = "journal.redb";
/// The file of finished runs.
pub(super) const ARCHIVE_FILE: &str = "archive.redb";

/// Rows of the log, by a number that rises by one.
pub(super) const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");
/// Rows of archive entries on their way to the other file, by a number that only grows.
pub(super) const OUTBOX: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("outbox");
/// Where the log begins, who may append, how far the outbox has been moved, whose file it is.
pub(super) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// Encoded sources by `DefinitionHash`.
pub(super) const DEFINITIONS: TableDefinition<'_, &[u8; 16], &[u8]> =
    TableDefinition::new("definitions");
/// Dead letters: run id, dispatch (big endian).
pub(super) const LETTERS: TableDefinition<'_, &[u8; 20], &[u8]> = TableDefinition::new("letters");
/// `KeyEntry` by the key's id.
pub(super) const KEYS: TableDefinition<'_, &[u8; 16], &[u8]> = TableDefinition::new("keys");
/// Until when keys are kept: microseconds, the key's id.
pub(super) const KEY_TIMES: TableDefinition<'_, (i64, &[u8; 16]), ()> =
    TableDefinition::new("key_times");
/// Audit lines by number: microseconds (8 bytes, little endian) and text.
pub(super) const AUDIT: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("audit");
/// Runs that are set aside: encoded `Damaged` by run id.
pub(super) const DAMAGED: TableDefinition<'_, &[u8; 16], &[u8]> = TableDefinition::new("damaged");
/// Their records: frames as they were in the log, by run id.
pub(super) const DAMAGED_FRAMES: TableDefinition<'_, &[u8; 16], &[u8]> =
    TableDefinition::new("damaged_frames");

/// Rows of archive entries by their number in the outbox.
pub(super) const CHUNKS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("chunks");
/// How many entries of a chunk still count.
pub(super) const USES: TableDefinition<'_, u64, u32> = TableDefinition::new("uses");
/// Run id → chunk, offset in it, length.
pub(super) const IDS: TableDefinition<'_, &[u8; 16], (u64, u32, u32)> = TableDefinition::new("ids");
/// Workflow, 0, state, run id: see `archive::index_key`.
pub(super) const INDEX: TableDefinition<'_, &[u8], ()> = TableDefinition::new("index");
/// How many runs of the archive have a version.
pub(super) const VERSIONS: TableDefinition<'_, &[u8; 16], u64> = TableDefinition::new("versions");

/// Shards of a data folder.
pub(super) const SHARDS: usize = 64;

const BASE: &str = "base";
const EPOCHS: &str = "epochs";
const MOVED: &str = "moved";
/// In the archive: the last row of the outbox that was taken over.
pub(super) const FILLED: &str = "filled";

/// Bytes of a shard's tail in `base`.
const TAIL_BYTES: usize = 12;

/// Makes the tables of a new journal file.
pub(super) fn make_journal(txn: &WriteTransaction, identity: Identity) -> Result<(), Error> {
    txn.open_table(LOG)?;
    txn.open_table(OUTBOX)?;
    txn.open_table(DEFINITIONS)?;
    txn.open_table(LETTERS)?;
    txn.open_table(KEYS)?;
    txn.open_table(KEY_TIMES)?;
    txn.open_table(AUDIT)?;
    txn.open_table(DAMAGED)?;
    txn.open_table(DAMAGED_FRAMES)?;
    set_base(txn, &Base::default())?;
    set_epochs(txn, &[0; SHARDS])?;
    set_moved(txn, Moved::default())?;
    set_identity(txn, identity)
}

/// Makes the tables of a new archive file.
pub(super) fn make_archive(txn: &WriteTransaction, identity: Identity) -> Result<(), Error> {
    txn.open_table(CHUNKS)?;
    txn.open_table(USES)?;
    txn.open_table(IDS)?;
    txn.open_table(INDEX)?;
    txn.open_table(VERSIONS)?;
    set_meta(txn, FILLED, &Moved::default().encode())?;
    set_identity(txn, identity)
}

/// Where the log begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Base {
    /// The last row that was cut off; 0: none.
    pub(super) row: u64,
    /// The last record of each shard that was cut off.
    pub(super) tails: [Tail; SHARDS],
}

impl Default for Base {
    fn default() -> Self {
        Self { row: 0, tails: [Tail::default(); SHARDS] }
    }
}

pub(super) fn base(txn: &ReadTransaction) -> Result<Base, Error> {
    let bytes = meta(txn, BASE)?;
    let (row, tails) = bytes.split_first_chunk::<8>().ok_or_else(|| corrupted(BASE))?;
    let mut base = Base { row: u64::from_le_bytes(*row), ..Base::default() };
    if tails.len() != SHARDS * TAIL_BYTES {
        return Err(corrupted(BASE));
    }
    for (tail, bytes) in base.tails.iter_mut().zip(tails.chunks_exact(TAIL_BYTES)) {
        let (seq, chain) = bytes.split_first_chunk::<8>().ok_or_else(|| corrupted(BASE))?;
        *tail = Tail { seq: u64::from_le_bytes(*seq), chain: le_u32(chain) };
    }
    Ok(base)
}

pub(super) fn set_base(txn: &WriteTransaction, base: &Base) -> Result<(), Error> {
    let mut value = base.row.to_le_bytes().to_vec();
    for tail in base.tails {
        value.extend_from_slice(&tail.seq.to_le_bytes());
        value.extend_from_slice(&tail.chain.to_le_bytes());
    }
    set_meta(txn, BASE, &value)
}

/// The last epoch of each shard.
pub(super) fn epochs(txn: &ReadTransaction) -> Result<[u32; SHARDS], Error> {
    let bytes = meta(txn, EPOCHS)?;
    let mut epochs = [0; SHARDS];
    if bytes.len() != SHARDS * 4 {
        return Err(corrupted(EPOCHS));
    }
    for (epoch, bytes) in epochs.iter_mut().zip(bytes.chunks_exact(4)) {
        *epoch = le_u32(bytes);
    }
    Ok(epochs)
}

pub(super) fn set_epochs(txn: &WriteTransaction, epochs: &[u32; SHARDS]) -> Result<(), Error> {
    let value: Vec<u8> = epochs.iter().flat_map(|epoch| epoch.to_le_bytes()).collect();
    set_meta(txn, EPOCHS, &value)
}

/// What was deleted of the outbox because the archive has it.
pub(super) fn moved(txn: &ReadTransaction) -> Result<Moved, Error> {
    Moved::decode(MOVED, &meta(txn, MOVED)?)
}

pub(super) fn set_moved(txn: &WriteTransaction, moved: Moved) -> Result<(), Error> {
    set_meta(txn, MOVED, &moved.encode())
}

pub(super) fn meta(txn: &ReadTransaction, name: &str) -> Result<Vec<u8>, Error> {
    let table = txn.open_table(META)?;
    let value = table.get(name)?.ok_or_else(|| corrupted(name))?;
    unseal(name.as_bytes(), value.value()).map(<[u8]>::to_vec).ok_or_else(|| corrupted(name))
}

pub(super) fn set_meta(txn: &WriteTransaction, name: &str, value: &[u8]) -> Result<(), Error> {
    txn.open_table(META)?.insert(name, seal(name.as_bytes(), value).as_slice())?;
    Ok(())
}

pub(super) fn corrupted(what: &str) -> Error {
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
