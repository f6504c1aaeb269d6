//! One commit: what it holds, and how that is written.

use ::redb::{Error, WriteTransaction};
use bytes::Bytes;

use super::position::Position;
use super::tables::{
    AUDIT, DEAD_LETTERS, DEFINITIONS, KEYS, LOG, OUTBOX, seal, set_base, set_moved,
};
use crate::id::{DefinitionHash, Lsn};
use crate::journal::codec::encode_key;
use crate::journal::entry::{Entry, pack};
use crate::journal::frame::{Frames, Row, RowWriter, Tail};
use crate::journal::{Batch, Done, JournalError, Write};

/// A batch, encoded on the thread that handed it over.
pub(super) struct Prepared {
    pub(super) shard: usize,
    pub(super) frames: Frames,
    pub(super) entries: Vec<Entry>,
    pub(super) writes: Vec<Write>,
    pub(super) lazy: bool,
    pub(super) keep_from: Option<Lsn>,
    pub(super) bytes: usize,
    pub(super) answer: Answer,
}

/// Tells the shard how its batch went; at the latest when it is dropped.
pub(super) struct Answer(Option<Done>);

impl Answer {
    pub(super) fn give(mut self, result: Result<Lsn, JournalError>) {
        if let Some(done) = self.0.take() {
            done(result);
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let Some(done) = self.0.take() {
            done(Err(JournalError::Closed));
        }
    }
}

impl Prepared {
    pub(super) fn new(batch: Batch, done: Done) -> Self {
        let frames = Frames::of(&batch.records);
        let (mut entries, mut writes) = (Vec::new(), Vec::new());
        for write in batch.writes {
            match write {
                Write::Archive { summary, state } => {
                    entries.push(Entry::archived(&summary, &state));
                }
                Write::Unarchive { run } => entries.push(Entry::removed(run)),
                Write::Definition { .. }
                | Write::DeadLetter { .. }
                | Write::Key { .. }
                | Write::Audit { .. } => writes.push(write),
            }
        }
        let bytes = frames.size() + entries.iter().map(Entry::size).sum::<usize>();
        let Batch { shard, lazy, keep_from, .. } = batch;
        Self { shard, frames, entries, writes, lazy, keep_from, bytes, answer: Answer(Some(done)) }
    }

    /// Whether there is nothing to make durable.
    pub(super) fn is_empty(&self) -> bool {
        self.frames.count() == 0 && self.entries.is_empty() && self.writes.is_empty()
    }
}

/// What an entry was before a commit changed it.
#[derive(Debug)]
pub(super) enum Before {
    Definition(DefinitionHash, Option<Vec<u8>>),
    DeadLetter(u64, Option<Vec<u8>>),
    Key(Box<str>, Option<Vec<u8>>),
}

/// What one commit makes durable.
pub(super) struct Work<'a> {
    batches: &'a [Prepared],
    /// Rows of the log.
    pub(super) rows: Vec<Row>,
    /// Rows of the outbox.
    pub(super) entries: Vec<(u64, Bytes)>,
    /// Cuts the log up to here.
    pub(super) cut: Option<Tail>,
    /// How far the file goes then.
    pub(super) position: Position,
}

impl<'a> Work<'a> {
    /// Puts together what `batches` hold, behind `position`. The archive has the outbox up to
    /// `moved`.
    pub(super) fn new(
        position: &Position,
        batches: &'a [Prepared],
        cut: Option<Tail>,
        moved: u64,
    ) -> Self {
        let bytes = batches.iter().map(|batch| batch.frames.size()).sum();
        let mut writer = RowWriter::after(position.tail, bytes);
        for batch in batches {
            writer.add(&batch.frames);
        }
        let (rows, tail) = writer.finish();
        let mut position = Position { tail, moved, ..*position };
        let entries = pack(batches.iter().flat_map(|batch| &batch.entries)).into_iter();
        let entries = entries.map(|row| {
            position.outbox += 1;
            (position.outbox, row)
        });
        Self { batches, rows, entries: entries.collect(), cut, position }
    }

    /// Writes everything. `before` gets what must be put back if the commit fails.
    pub(super) fn write(
        &mut self,
        txn: &WriteTransaction,
        moved_before: u64,
        before: &mut Vec<Before>,
    ) -> Result<(), Error> {
        self.write_log(txn)?;
        self.write_outbox(txn, moved_before)?;
        for write in self.batches.iter().flat_map(|batch| &batch.writes) {
            write_beside(txn, write, &mut self.position.audit, before)?;
        }
        Ok(())
    }

    fn write_log(&self, txn: &WriteTransaction) -> Result<(), Error> {
        if self.rows.is_empty() && self.cut.is_none() {
            return Ok(());
        }
        let mut log = txn.open_table(LOG)?;
        if let Some(cut) = self.cut {
            log.retain_in(..=cut.lsn, |_, _| false)?;
            set_base(txn, cut)?;
        }
        for row in &self.rows {
            log.insert(row.key, row.bytes.as_slice())?;
        }
        Ok(())
    }

    fn write_outbox(&self, txn: &WriteTransaction, moved_before: u64) -> Result<(), Error> {
        let moved = self.position.moved;
        if self.entries.is_empty() && moved == moved_before {
            return Ok(());
        }
        let mut outbox = txn.open_table(OUTBOX)?;
        if moved != moved_before {
            outbox.retain_in(..=moved, |_, _| false)?;
            set_moved(txn, moved)?;
        }
        for (number, row) in &self.entries {
            outbox.insert(number, row.as_ref())?;
        }
        Ok(())
    }
}

fn write_beside(
    txn: &WriteTransaction,
    write: &Write,
    audit: &mut u64,
    before: &mut Vec<Before>,
) -> Result<(), Error> {
    match write {
        Write::Definition { hash, source } => {
            let value = seal(&hash.0, source);
            let mut definitions = txn.open_table(DEFINITIONS)?;
            let old = definitions.insert(&hash.0, value.as_slice())?;
            before.push(Before::Definition(*hash, old.map(|old| old.value().to_vec())));
        }
        Write::DeadLetter { id, entry } => {
            let mut letters = txn.open_table(DEAD_LETTERS)?;
            let old = match entry.as_ref().map(|entry| seal(&id.to_le_bytes(), entry)) {
                Some(value) => letters.insert(id, value.as_slice())?,
                None => letters.remove(id)?,
            };
            before.push(Before::DeadLetter(*id, old.map(|old| old.value().to_vec())));
        }
        Write::Key { key, entry } => {
            let mut keys = txn.open_table(KEYS)?;
            let value = entry.as_ref().map(|entry| seal(key.as_bytes(), &encode_key(entry)));
            let old = match value {
                Some(value) => keys.insert(key.as_ref(), value.as_slice())?,
                None => keys.remove(key.as_ref())?,
            };
            before.push(Before::Key(key.clone(), old.map(|old| old.value().to_vec())));
        }
        Write::Audit { at, line } => {
            *audit += 1;
            let value = [&at.as_micros().to_le_bytes()[..], line.as_bytes()].concat();
            let value = seal(&audit.to_le_bytes(), &value);
            txn.open_table(AUDIT)?.insert(*audit, value.as_slice())?;
        }
        // These are entries of the outbox.
        Write::Archive { .. } | Write::Unarchive { .. } => {}
    }
    Ok(())
}
