//! Reads the whole log in order, and says what of the journal's file cannot be trusted.

use ::redb::{Error, ReadTransaction, ReadableTable, ReadableTableMetadata};
use bytes::Bytes;

use super::position::Position;
use super::tables::{self, AUDIT, DEAD_LETTERS, DEFINITIONS, KEYS, LOG, OUTBOX, unseal};
use crate::clock::Timestamp;
use crate::id::{DefinitionHash, Lsn};
use crate::journal::codec::decode_key;
use crate::journal::entry::entries;
use crate::journal::frame::{Found, RowReader, Tail};
use crate::journal::{Damage, KeyEntry, Place, Record};

/// Walks over the rows of the log.
struct Walk<'a> {
    visit: &'a mut dyn FnMut(Lsn, Record),
    damages: Vec<Damage>,
    /// The last good record.
    tail: Tail,
    /// Whether the next row must go on exactly there; not so behind damage.
    exact: bool,
    bytes: u64,
}

/// Visits the good records; returns what is damaged and how many bytes the rows have.
pub(super) fn replay(
    txn: &ReadTransaction,
    visit: &mut dyn FnMut(Lsn, Record),
) -> Result<(Vec<Damage>, u64), Error> {
    let tail = tables::base(txn)?;
    let mut walk = Walk { visit, damages: Vec::new(), tail, exact: true, bytes: 0 };
    let log = txn.open_table(LOG)?;
    let mut rows = 0;
    for row in log.iter()? {
        let (key, value) = row?;
        walk.row(key.value(), Bytes::copy_from_slice(value.value()));
        rows += 1;
    }
    let last = Position::read(txn)?.tail;
    if rows != log.len()? || (walk.exact && walk.tail != last) {
        walk.missing("rows are missing");
    }
    let mut damages = walk.damages;
    damages.extend(beside(txn)?);
    Ok((damages, walk.bytes))
}

impl Walk<'_> {
    fn row(&mut self, key: u64, row: Bytes) {
        self.bytes += u64::try_from(row.len()).unwrap_or(0);
        let Some(reader) = RowReader::new(key, row) else {
            self.missing("a row that is too short");
            self.exact = false;
            return;
        };
        let before = reader.tail();
        if before.lsn < self.tail.lsn {
            self.missing("a row that stands in the wrong place");
            return;
        }
        if self.exact && before != self.tail {
            self.missing("the next row does not link to this place: records are missing");
        }
        (self.tail, self.exact) = (before, true);
        self.frames(reader);
    }

    fn frames(&mut self, mut reader: RowReader) {
        for found in reader.by_ref() {
            match found {
                Found::Record(lsn, record) => (self.visit)(Lsn(lsn), record),
                Found::Body { lsn, run, what } => {
                    let place = Place::Log;
                    self.damages.push(Damage { place, lsn: Lsn(lsn), run: Some(run), what });
                }
                Found::Header { lsn, what } => {
                    let place = Place::Log;
                    self.damages.push(Damage { place, lsn: Lsn(lsn), run: None, what });
                    self.exact = false;
                }
            }
        }
        self.tail = reader.tail();
    }

    fn missing(&mut self, what: &str) {
        let lsn = Lsn(self.tail.lsn + 1);
        self.damages.push(Damage { place: Place::Log, lsn, run: None, what: what.to_owned() });
    }
}

/// Damage in what stands beside the log.
fn beside(txn: &ReadTransaction) -> Result<Vec<Damage>, Error> {
    let mut damages = Vec::new();
    let mut note = |place, what| damages.push(Damage { place, lsn: Lsn(0), run: None, what });
    definitions(txn, &mut note)?;
    dead_letters(txn, &mut note)?;
    keys(txn, &mut note)?;
    audit(txn, &mut note)?;
    let outbox = txn.open_table(OUTBOX)?;
    let (mut last, mut rows) = (tables::moved(txn)?, 0);
    for row in outbox.iter()? {
        let (number, row) = row?;
        if number.value() != last + 1 {
            note(Place::Archive, format!("rows of the outbox behind {last} are missing"));
        }
        (last, rows) = (number.value(), rows + 1);
        for found in entries(&Bytes::copy_from_slice(row.value())) {
            let bad = found.and_then(|(_, entry)| entry.state().map(drop)).err();
            if let Some(what) = bad {
                note(Place::Archive, format!("row {last} of the outbox: {what}"));
            }
        }
    }
    if rows != outbox.len()? {
        note(Place::Archive, "rows of the outbox are missing".to_owned());
    }
    Ok(damages)
}

const BAD_SEAL: &str = "it does not fit its checksum";

/// Is told of what is left out.
pub(super) type Note<'a> = &'a mut dyn FnMut(Place, String);

pub(super) fn definitions(
    txn: &ReadTransaction,
    note: Note<'_>,
) -> Result<Vec<(DefinitionHash, Bytes)>, Error> {
    let table = txn.open_table(DEFINITIONS)?;
    let mut found = Vec::new();
    for row in table.iter()? {
        let (key, value) = row?;
        let hash = DefinitionHash(*key.value());
        match unseal(&hash.0, value.value()) {
            Some(source) => found.push((hash, Bytes::copy_from_slice(source))),
            None => note(Place::Definition, format!("definition {hash}: {BAD_SEAL}")),
        }
    }
    if u64::try_from(found.len()) != Ok(table.len()?) {
        note(Place::Definition, "definitions are missing".to_owned());
    }
    Ok(found)
}

pub(super) fn dead_letters(
    txn: &ReadTransaction,
    note: Note<'_>,
) -> Result<Vec<(u64, Bytes)>, Error> {
    let table = txn.open_table(DEAD_LETTERS)?;
    let mut found = Vec::new();
    for row in table.iter()? {
        let (key, value) = row?;
        let id = key.value();
        match unseal(&id.to_le_bytes(), value.value()) {
            Some(entry) => found.push((id, Bytes::copy_from_slice(entry))),
            None => note(Place::DeadLetter, format!("dead letter {id}: {BAD_SEAL}")),
        }
    }
    if u64::try_from(found.len()) != Ok(table.len()?) {
        note(Place::DeadLetter, "dead letters are missing".to_owned());
    }
    Ok(found)
}

pub(super) fn keys(
    txn: &ReadTransaction,
    note: Note<'_>,
) -> Result<Vec<(Box<str>, KeyEntry)>, Error> {
    let table = txn.open_table(KEYS)?;
    let mut found = Vec::new();
    for row in table.iter()? {
        let (key, value) = row?;
        let key: Box<str> = key.value().into();
        let entry = unseal(key.as_bytes(), value.value());
        match entry.and_then(|entry| decode_key(entry).ok()) {
            Some(entry) => found.push((key, entry)),
            None => note(Place::Key, format!("idempotency key `{key}`: {BAD_SEAL}")),
        }
    }
    if u64::try_from(found.len()) != Ok(table.len()?) {
        note(Place::Key, "idempotency keys are missing".to_owned());
    }
    Ok(found)
}

pub(super) fn audit(
    txn: &ReadTransaction,
    note: Note<'_>,
) -> Result<Vec<(Timestamp, Box<str>)>, Error> {
    let table = txn.open_table(AUDIT)?;
    let mut found = Vec::new();
    for row in table.iter()? {
        let (key, value) = row?;
        let line = unseal(&key.value().to_le_bytes(), value.value());
        match line.and_then(audit_line) {
            Some(line) => found.push(line),
            None => note(Place::Audit, format!("line {}: {BAD_SEAL}", key.value())),
        }
    }
    if u64::try_from(found.len()) != Ok(table.len()?) {
        note(Place::Audit, "lines are missing".to_owned());
    }
    Ok(found)
}

fn audit_line(value: &[u8]) -> Option<(Timestamp, Box<str>)> {
    let (at, line) = value.split_first_chunk::<8>()?;
    let line = std::str::from_utf8(line).ok()?;
    Some((Timestamp::from_micros(i64::from_le_bytes(*at)), line.into()))
}
