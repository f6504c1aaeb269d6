//! One commit: what it holds, and how that is written.

use std::sync::Arc;

use ::redb::{Error, ReadableTable, WriteTransaction};
use bytes::Bytes;

use super::cut::Known;
use super::damaged;
use super::moved::Moved;
use super::tables::{
    AUDIT, Base, DEFINITIONS, KEY_TIMES, KEYS, LETTERS, LOG, OUTBOX, seal, set_base, set_moved,
};
use crate::clock::Timestamp;
use crate::id::EntityId;
use crate::journal::batch::Batch;
use crate::journal::entry::{Entry, pack};
use crate::journal::frame::{ROW_BYTES_MAX, SEGMENT_HEADER_BYTES};
use crate::journal::keys::{decode_key, encode_key};
use crate::journal::{Beside, Fence, KeyEntry, LetterId};

/// How far the journal's file goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Position {
    /// The last row of the log.
    pub(super) row: u64,
    /// The last row that the outbox has had.
    pub(super) outbox: u64,
    /// What was deleted of the outbox because the archive has it.
    pub(super) moved: Moved,
    /// The last line of the audit log.
    pub(super) audit: u64,
}

/// What one commit makes durable.
pub(super) struct Work {
    pub(super) batches: Vec<(Fence, Arc<Batch>)>,
    rows: Vec<Row>,
    /// Rows of the outbox.
    pub(super) entries: Vec<(u64, Bytes)>,
    /// Cuts the log up to here.
    pub(super) cut: Option<Base>,
    moved_before: Moved,
    /// How far the file goes then.
    pub(super) position: Position,
}

/// A row of the log: which segments of which batches.
struct Row {
    number: u64,
    size: usize,
    segments: Vec<(usize, usize)>,
}

impl Work {
    /// Puts together what the batches hold, behind `position`. The archive has the outbox up to
    /// `moved`.
    pub(super) fn new(
        position: Position,
        batches: Vec<(Fence, Arc<Batch>)>,
        cut: Option<Base>,
        moved: Moved,
    ) -> Self {
        let moved_before = position.moved;
        let mut position = Position { moved, ..position };
        let rows = rows(&batches, &mut position);
        let entries = pack(batches.iter().flat_map(|(_, batch)| archive_entries(batch)));
        let entries = entries.into_iter().map(|row| {
            position.outbox += 1;
            (position.outbox, row)
        });
        let entries = entries.collect();
        Self { batches, rows, entries, cut, moved_before, position }
    }

    /// The rows of the log, for whoever cuts it.
    pub(super) fn known(&self) -> impl Iterator<Item = Known> {
        self.rows.iter().map(|row| {
            let ends = row.segments.iter().map(|(batch, segment)| {
                let (fence, batch) = &self.batches[*batch];
                (fence.shard, batch.segment(*fence, *segment).1)
            });
            Known::of(row.number, row.size, ends.collect())
        })
    }

    /// Writes everything.
    pub(super) fn write(&mut self, txn: &WriteTransaction) -> Result<(), Error> {
        self.write_log(txn)?;
        self.write_outbox(txn)?;
        for (_, batch) in &self.batches {
            for beside in batch.beside() {
                write_beside(txn, beside, &mut self.position.audit)?;
            }
        }
        Ok(())
    }

    fn write_log(&self, txn: &WriteTransaction) -> Result<(), Error> {
        if self.rows.is_empty() && self.cut.is_none() {
            return Ok(());
        }
        let mut log = txn.open_table(LOG)?;
        if let Some(cut) = &self.cut {
            log.retain_in(..=cut.row, |_, _| false)?;
            set_base(txn, cut)?;
        }
        for row in &self.rows {
            // Straight from the batches into the page.
            let mut value = log.insert_reserve(row.number, row.size)?;
            let mut rest: &mut [u8] = value.as_mut();
            for (batch, segment) in &row.segments {
                let (fence, batch) = &self.batches[*batch];
                let (header, _, frames) = batch.segment(*fence, *segment);
                let (head, behind) = rest.split_at_mut(SEGMENT_HEADER_BYTES);
                head.copy_from_slice(&header.encode());
                let (body, behind) = behind.split_at_mut(frames.len());
                body.copy_from_slice(frames);
                rest = behind;
            }
        }
        Ok(())
    }

    fn write_outbox(&self, txn: &WriteTransaction) -> Result<(), Error> {
        let moved = self.position.moved;
        if self.entries.is_empty() && moved == self.moved_before {
            return Ok(());
        }
        let mut outbox = txn.open_table(OUTBOX)?;
        if moved != self.moved_before {
            outbox.retain_in(..=moved.row, |_, _| false)?;
            set_moved(txn, moved)?;
        }
        for (number, row) in &self.entries {
            outbox.insert(number, row.as_ref())?;
        }
        Ok(())
    }
}

/// Packs segments into rows: one, unless there is too much for one.
fn rows(batches: &[(Fence, Arc<Batch>)], position: &mut Position) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for (at, (fence, batch)) in batches.iter().enumerate() {
        for index in 0..batch.segment_count() {
            let size = SEGMENT_HEADER_BYTES + batch.segment(*fence, index).2.len();
            match rows.last_mut() {
                Some(row) if row.size + size <= ROW_BYTES_MAX => {
                    row.size += size;
                    row.segments.push((at, index));
                }
                Some(_) | None => {
                    position.row += 1;
                    let (number, segments) = (position.row, vec![(at, index)]);
                    rows.push(Row { number, size, segments });
                }
            }
        }
    }
    rows
}

fn archive_entries(batch: &Batch) -> impl Iterator<Item = &Entry> + Clone {
    batch.beside().iter().filter_map(|beside| match beside {
        Beside::Archive(entry) => Some(entry),
        Beside::Letter(..)
        | Beside::Key(..)
        | Beside::Audit(..)
        | Beside::SetAside(_)
        | Beside::Restored(_)
        | Beside::Definition(..) => None,
    })
}

fn write_beside(txn: &WriteTransaction, beside: &Beside, audit: &mut u64) -> Result<(), Error> {
    match beside {
        Beside::Definition(hash, source) => {
            let mut definitions = txn.open_table(DEFINITIONS)?;
            match source {
                Some(source) => {
                    definitions.insert(&hash.0, seal(&hash.0, source).as_slice())?;
                }
                None => drop(definitions.remove(&hash.0)?),
            }
        }
        Beside::Letter(id, entry) => {
            let key = letter_key(*id);
            let mut letters = txn.open_table(LETTERS)?;
            match entry {
                Some(entry) => {
                    letters.insert(&key, seal(&key, entry).as_slice())?;
                }
                None => drop(letters.remove(&key)?),
            }
        }
        Beside::Key(key, entry) => write_key(txn, *key, entry.as_ref())?,
        Beside::Audit(at, line) => {
            *audit += 1;
            let value = [&at.as_micros().to_le_bytes()[..], line.as_bytes()].concat();
            let value = seal(&audit.to_le_bytes(), &value);
            let mut lines = txn.open_table(AUDIT)?;
            lines.insert(*audit, value.as_slice())?;
            if let Some(old) = audit.checked_sub(AUDIT_LINES_MAX) {
                lines.remove(old)?;
            }
        }
        Beside::SetAside(found) => damaged::set_aside(txn, found)?,
        Beside::Restored(run) => damaged::remove(txn, *run)?,
        // An entry of the outbox.
        Beside::Archive(_) => {}
    }
    Ok(())
}

/// The last so many lines of the audit log are kept.
const AUDIT_LINES_MAX: u64 = 100_000;

fn write_key(txn: &WriteTransaction, key: EntityId, entry: Option<&KeyEntry>) -> Result<(), Error> {
    let id = key.to_bytes();
    let (mut keys, mut times) = (txn.open_table(KEYS)?, txn.open_table(KEY_TIMES)?);
    let old = keys.get(&id)?.and_then(|old| decode_key(key, old.value()));
    if let (Some(old), Some(new)) = (&old, entry)
        && old.run != new.run
        && old.until > new.at
    {
        return Ok(());
    }
    if let Some(old) = old {
        times.remove((old.until.as_micros(), &id))?;
    }
    match entry {
        Some(new) => {
            keys.insert(&id, encode_key(key, new).as_slice())?;
            times.insert((new.until.as_micros(), &id), ())?;
        }
        None => drop(keys.remove(&id)?),
    }
    Ok(())
}

/// The key of a letter's row: letters of one run stand together.
pub(super) fn letter_key(id: LetterId) -> [u8; 20] {
    let mut key = [0; 20];
    key[..16].copy_from_slice(&id.run.to_bytes());
    key[16..].copy_from_slice(&id.dispatch.to_be_bytes());
    key
}

pub(super) fn audit_line(value: &[u8]) -> Option<(Timestamp, Box<str>)> {
    let (at, line) = value.split_first_chunk::<8>()?;
    let line = std::str::from_utf8(line).ok()?;
    Some((Timestamp::from_micros(i64::from_le_bytes(*at)), line.into()))
}
