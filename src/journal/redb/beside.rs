//! What stands beside the log, read page by page; and all of it, for a check.

use std::ops::Bound;

use ::redb::{Error, ReadTransaction, ReadableTable, ReadableTableMetadata};
use bytes::Bytes;

use super::check::{Read, reads};
use super::commit::{audit_line, letter_key};
use super::damaged;
use super::tables::{self, AUDIT, DAMAGED, DEFINITIONS, KEY_TIMES, KEYS, LETTERS, OUTBOX, unseal};
use crate::clock::Timestamp;
use crate::id::{DefinitionHash, EntityId, RunId};
use crate::journal::entry::{Stored, entries};
use crate::journal::keys::decode_key;
use crate::journal::{KeyEntry, LetterId, Place};
use crate::stored::{self, Content};

const BAD_SEAL: &str = "it does not fit its checksum";

/// What is wrong with an entry, in words.
pub(super) type Checked<T> = Result<T, String>;

pub(super) fn definition(
    txn: &ReadTransaction,
    hash: DefinitionHash,
) -> Result<Option<Checked<Bytes>>, Error> {
    let table = txn.open_table(DEFINITIONS)?;
    let value = table.get(&hash.0)?;
    Ok(value.map(|value| {
        let source = unseal(&hash.0, value.value());
        source.map(Bytes::copy_from_slice).ok_or_else(|| BAD_SEAL.to_owned())
    }))
}

/// Versions behind `after`.
pub(super) fn definitions(
    txn: &ReadTransaction,
    after: Option<DefinitionHash>,
    limit: usize,
) -> Result<Vec<DefinitionHash>, Error> {
    let table = txn.open_table(DEFINITIONS)?;
    let from = after.as_ref().map_or(Bound::Unbounded, |after| Bound::Excluded(&after.0));
    let rows = table.range::<&[u8; 16]>((from, Bound::Unbounded))?.take(limit);
    rows.map(|row| Ok(DefinitionHash(*row?.0.value()))).collect()
}

/// Letters behind `after`; what cannot be read is left out.
pub(super) fn letters(
    txn: &ReadTransaction,
    after: Option<LetterId>,
    limit: usize,
) -> Result<Vec<(LetterId, Bytes)>, Error> {
    let table = txn.open_table(LETTERS)?;
    let after = after.map(letter_key);
    let from = after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
    let mut found = Vec::new();
    for row in table.range::<&[u8; 20]>((from, Bound::Unbounded))? {
        let (key, value) = row?;
        if let Some(entry) = unseal(key.value(), value.value()) {
            found.push((letter_of(key.value()), Bytes::copy_from_slice(entry)));
        }
        if found.len() >= limit {
            break;
        }
    }
    Ok(found)
}

fn letter_of(key: &[u8; 20]) -> LetterId {
    let (run, dispatch) = key.split_first_chunk::<16>().expect("invariant: 20 bytes");
    let dispatch = dispatch.try_into().expect("invariant: four bytes are left");
    LetterId { run: RunId::from_bytes(*run), dispatch: u32::from_be_bytes(dispatch) }
}

pub(super) fn key(
    txn: &ReadTransaction,
    key: EntityId,
) -> Result<Option<Checked<KeyEntry>>, Error> {
    let table = txn.open_table(KEYS)?;
    let value = table.get(&key.to_bytes())?;
    Ok(value.map(|value| decode_key(key, value.value()).ok_or_else(|| BAD_SEAL.to_owned())))
}

pub(super) fn expired_keys(
    txn: &ReadTransaction,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<EntityId>, Error> {
    let times = txn.open_table(KEY_TIMES)?;
    let rows = times.range(..(now.as_micros(), &[0; 16]))?.take(limit);
    rows.map(|row| Ok(EntityId::from_bytes(*row?.0.value().1))).collect()
}

/// The last lines, oldest first; what cannot be read is left out.
pub(super) fn audit(
    txn: &ReadTransaction,
    limit: usize,
) -> Result<Vec<(Timestamp, Box<str>)>, Error> {
    let table = txn.open_table(AUDIT)?;
    let mut found = Vec::new();
    for row in table.iter()?.rev().take(limit) {
        let (key, value) = row?;
        found.extend(unseal(&key.value().to_le_bytes(), value.value()).and_then(audit_line));
    }
    found.reverse();
    Ok(found)
}

/// Is told of what cannot be trusted.
pub(super) type Note<'a> = &'a mut dyn FnMut(Place, Option<RunId>, String);

/// How many entries there are.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) definitions: u64,
    pub(super) letters: u64,
    pub(super) keys: u64,
    pub(super) audit: u64,
    pub(super) damaged: u64,
}

/// Reads everything beside the log.
pub(super) fn check(txn: &ReadTransaction, read: Read, note: Note<'_>) -> Result<Counts, Error> {
    let counts = Counts {
        definitions: check_definitions(txn, note)?,
        letters: check_letters(txn, read, note)?,
        keys: check_keys(txn, note)?,
        audit: check_audit(txn, note)?,
        damaged: check_damaged(txn, note)?,
    };
    check_outbox(txn, read, note)?;
    Ok(counts)
}

fn check_definitions(txn: &ReadTransaction, note: Note<'_>) -> Result<u64, Error> {
    let table = txn.open_table(DEFINITIONS)?;
    let mut count = 0;
    for row in table.iter()? {
        let (key, value) = row?;
        let hash = DefinitionHash(*key.value());
        let source = unseal(&hash.0, value.value()).ok_or_else(|| BAD_SEAL.to_owned());
        let read =
            source.and_then(|source| stored::decode_definition(source).map_err(|e| e.to_string()));
        if let Err(what) = read {
            note(Place::Definition, None, format!("definition {hash}: {what}"));
        }
        count += 1;
    }
    all(count, table.len()?, (Place::Definition, "definitions"), note);
    Ok(count)
}

fn check_letters(txn: &ReadTransaction, read: Read, note: Note<'_>) -> Result<u64, Error> {
    let table = txn.open_table(LETTERS)?;
    let mut count = 0;
    for row in table.iter()? {
        let (key, value) = row?;
        let id = letter_of(key.value());
        let entry = unseal(key.value(), value.value()).ok_or_else(|| BAD_SEAL.to_owned());
        if let Err(what) = entry.and_then(|entry| reads(read, Content::Letter, entry)) {
            let what = format!("dead letter of dispatch {}: {what}", id.dispatch);
            note(Place::DeadLetter, Some(id.run), what);
        }
        count += 1;
    }
    all(count, table.len()?, (Place::DeadLetter, "dead letters"), note);
    Ok(count)
}

fn check_keys(txn: &ReadTransaction, note: Note<'_>) -> Result<u64, Error> {
    let (table, times) = (txn.open_table(KEYS)?, txn.open_table(KEY_TIMES)?);
    let mut count = 0;
    for row in table.iter()? {
        let (key, value) = row?;
        let id = EntityId::from_bytes(*key.value());
        let Some(entry) = decode_key(id, value.value()) else {
            note(Place::Key, None, format!("idempotency key {id}: {BAD_SEAL}"));
            continue;
        };
        if times.get((entry.until.as_micros(), key.value()))?.is_none() {
            note(Place::Key, Some(entry.run), format!("idempotency key {id}: it never expires"));
        }
        count += 1;
    }
    all(count, table.len()?, (Place::Key, "idempotency keys"), note);
    all(count, times.len()?, (Place::Key, "times of idempotency keys"), note);
    Ok(count)
}

fn check_audit(txn: &ReadTransaction, note: Note<'_>) -> Result<u64, Error> {
    let table = txn.open_table(AUDIT)?;
    let mut count = 0;
    for row in table.iter()? {
        let (key, value) = row?;
        let line = unseal(&key.value().to_le_bytes(), value.value());
        if line.and_then(audit_line).is_none() {
            note(Place::Audit, None, format!("line {}: {BAD_SEAL}", key.value()));
        }
        count += 1;
    }
    all(count, table.len()?, (Place::Audit, "lines"), note);
    Ok(count)
}

fn check_damaged(txn: &ReadTransaction, note: Note<'_>) -> Result<u64, Error> {
    let found = damaged::page(txn, None, usize::MAX)?;
    let mut count = 0;
    for entry in found {
        count += 1;
        let run = match entry {
            Ok(entry) if damaged::is_sound(txn, entry.run)? => continue,
            Ok(entry) => entry.run,
            Err(run) => run,
        };
        note(Place::Damaged, Some(run), BAD_SEAL.to_owned());
    }
    all(count, txn.open_table(DAMAGED)?.len()?, (Place::Damaged, "runs"), note);
    Ok(count)
}

fn check_outbox(txn: &ReadTransaction, read: Read, note: Note<'_>) -> Result<(), Error> {
    let outbox = txn.open_table(OUTBOX)?;
    let (mut last, mut rows) = (tables::moved(txn)?.row, 0);
    for row in outbox.iter()? {
        let (number, row) = row?;
        if number.value() != last + 1 {
            note(Place::Archive, None, format!("rows of the outbox behind {last} are missing"));
        }
        (last, rows) = (number.value(), rows + 1);
        for found in entries(&Bytes::copy_from_slice(row.value())) {
            let run = found.as_ref().ok().map(|(_, entry)| entry.run);
            let read = |entry: &Stored| {
                let state = entry.state()?;
                let is_kept = entry.summary.is_some();
                if is_kept { reads(read, Content::Run, &state) } else { Ok(()) }
            };
            if let Err(what) = found.map_err(str::to_owned).and_then(|(_, entry)| read(&entry)) {
                note(Place::Archive, run, format!("row {last} of the outbox: {what}"));
            }
        }
    }
    all(rows, outbox.len()?, (Place::Archive, "rows of the outbox"), note);
    Ok(())
}

fn all(found: u64, expected: u64, (place, what): (Place, &str), note: Note<'_>) {
    if found != expected {
        note(place, None, format!("{what} are missing"));
    }
}
