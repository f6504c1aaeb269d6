//! Runs that are set aside: why, and their records as they were in the log.

use ::redb::{Error, ReadTransaction, ReadableTable, WriteTransaction};
use bytes::Bytes;

use super::tables::{DAMAGED, DAMAGED_FRAMES, LOG, seal, unseal};
use crate::id::{EntityId, RunId};
use crate::journal::frame::{loose_frames, segments};
use crate::journal::{Damaged, Record};
use crate::stored::{decode_damaged, encode_damaged};

/// Copies the run's records out of the log, those of this very commit included. One that is damaged
/// already keeps the records it has.
pub(super) fn set_aside(txn: &WriteTransaction, damaged: &Damaged) -> Result<(), Error> {
    let id = damaged.run.to_bytes();
    let entry = encode_damaged(damaged);
    txn.open_table(DAMAGED)?.insert(&id, seal(&id, &entry).as_slice())?;
    let entity = EntityId::from(damaged.run);
    let mut frames = Vec::new();
    let log = txn.open_table(LOG)?;
    for row in log.iter()? {
        let (_, row) = row?;
        let own = segments(Bytes::copy_from_slice(row.value())).flatten();
        for segment in own.filter(|segment| segment.header.shard == entity.shard()) {
            segment.raw_frames_of(entity, &mut frames);
        }
    }
    let mut kept = txn.open_table(DAMAGED_FRAMES)?;
    if !frames.is_empty() || kept.get(&id)?.is_none() {
        kept.insert(&id, seal(&id, &frames).as_slice())?;
    }
    Ok(())
}

/// The run goes on, or is deleted.
pub(super) fn remove(txn: &WriteTransaction, run: RunId) -> Result<(), Error> {
    txn.open_table(DAMAGED)?.remove(&run.to_bytes())?;
    txn.open_table(DAMAGED_FRAMES)?.remove(&run.to_bytes())?;
    Ok(())
}

/// The runs behind `after`; `Err` has the id of one whose entry is not what was written.
pub(super) fn page(
    txn: &ReadTransaction,
    after: Option<RunId>,
    limit: usize,
) -> Result<Vec<Result<Damaged, RunId>>, Error> {
    let table = txn.open_table(DAMAGED)?;
    let after = after.map(RunId::to_bytes);
    let from = after.as_ref().map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
    let rows = table.range::<&[u8; 16]>((from, std::ops::Bound::Unbounded))?.take(limit);
    rows.map(|row| {
        let (key, value) = row?;
        let entry = unseal(key.value(), value.value());
        let entry = entry.and_then(|entry| decode_damaged(entry).ok());
        Ok(entry.ok_or_else(|| RunId::from_bytes(*key.value())))
    })
    .collect()
}

/// A run; `Err` has the id where its entry is not what was written.
pub(super) fn find(
    txn: &ReadTransaction,
    run: RunId,
) -> Result<Option<Result<Damaged, RunId>>, Error> {
    let table = txn.open_table(DAMAGED)?;
    let id = run.to_bytes();
    let value = table.get(&id)?;
    Ok(value.map(|value| {
        let entry = unseal(&id, value.value()).and_then(|entry| decode_damaged(entry).ok());
        entry.ok_or(run)
    }))
}

/// The records of a run; `None`: one of them cannot be read.
pub(super) fn records(txn: &ReadTransaction, run: RunId) -> Result<Option<Vec<Record>>, Error> {
    let table = txn.open_table(DAMAGED_FRAMES)?;
    let id = run.to_bytes();
    let Some(value) = table.get(&id)? else { return Ok(None) };
    let frames = unseal(&id, value.value()).map(Bytes::copy_from_slice);
    Ok(frames.and_then(|frames| loose_frames(&frames).collect()))
}

/// Whether the records of a run are as they were copied.
pub(super) fn is_sound(txn: &ReadTransaction, run: RunId) -> Result<bool, Error> {
    let table = txn.open_table(DAMAGED_FRAMES)?;
    let id = run.to_bytes();
    Ok(table.get(&id)?.is_some_and(|value| unseal(&id, value.value()).is_some()))
}
