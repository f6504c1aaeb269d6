//! Records as bytes: a frame around each, and the rows that frames are stored in.
//!
//! `docs/journal-format.md` draws them. A row is the chain value before it and then its frames;
//! the key of a row is the lsn of its first frame, and lsns are dense.

use bytes::Bytes;

use super::checksum::checksum;
use super::model::{Record, RecordKind};
use crate::id::RunId;

/// The version of a frame that is written.
pub(crate) const FRAME_VERSION: u8 = 1;

/// The bytes of a frame before its body.
pub(crate) const HEADER_BYTES: usize = 32;

/// The bytes of a row before its first frame.
pub(crate) const ROW_HEADER_BYTES: usize = 4;

/// A row is ended before it grows beyond this; only a frame that is larger itself makes a larger one.
/// redb stores values up to 65,400 bytes cheaply.
pub(crate) const ROW_BYTES_MAX: usize = 64_000;

/// Where the chain starts, and where it stands: the last lsn and the chain value of its frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tail {
    /// The last lsn; 0: none.
    pub(crate) lsn: u64,
    /// Its chain value; 0: none.
    pub(crate) chain: u32,
}

/// The frames of a batch, complete but for their chain values.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    bytes: Vec<u8>,
    count: u64,
    /// How many `Archived` records stand before the first of another kind.
    needless: Option<u64>,
}

/// A finished row.
#[derive(Debug)]
pub(crate) struct Row {
    /// The lsn of its first frame.
    pub(crate) key: u64,
    /// Its last frame.
    pub(crate) last: Tail,
    /// Its value.
    pub(crate) bytes: Vec<u8>,
}

impl Frames {
    /// Frames `records`, bodies checksummed.
    pub(crate) fn of(records: &[Record]) -> Self {
        let size = records.iter().map(|record| HEADER_BYTES + record.body.len()).sum();
        let mut frames = Self { bytes: Vec::with_capacity(size), ..Self::default() };
        for record in records {
            frames.push(record);
        }
        frames
    }

    fn push(&mut self, record: &Record) {
        if self.needless.is_none() && record.kind != RecordKind::Archived {
            self.needless = Some(self.count);
        }
        let length = u32::try_from(record.body.len()).expect("invariant: a body is below 4 GiB");
        self.bytes.extend_from_slice(&[FRAME_VERSION, kind_code(record.kind), 0, 0]);
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(&record.run.to_bytes());
        self.bytes.extend_from_slice(&checksum(&[&record.body]).to_le_bytes());
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.extend_from_slice(&record.body);
        self.count += 1;
    }

    /// How many.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// How many bytes.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The place of the first record that a recovery needs; `None`: there is none.
    pub(crate) fn first_needed(&self) -> Option<u64> {
        self.needless
    }
}

/// Packs the frames of many batches into rows, and links them.
#[derive(Debug)]
pub(crate) struct RowWriter {
    tail: Tail,
    key: u64,
    row: Vec<u8>,
    rows: Vec<Row>,
    /// Bytes that are still to come, as far as known.
    coming: usize,
}

impl RowWriter {
    /// Goes on behind `tail` with frames of so many bytes in all.
    pub(crate) fn after(tail: Tail, coming: usize) -> Self {
        Self { tail, key: tail.lsn + 1, row: Vec::new(), rows: Vec::new(), coming }
    }

    /// Adds the frames of a batch.
    pub(crate) fn add(&mut self, frames: &Frames) {
        let mut rest = frames.bytes.as_slice();
        while !rest.is_empty() {
            let (frame, after) = rest.split_at(HEADER_BYTES + body_bytes(rest));
            self.push(frame);
            rest = after;
        }
    }

    fn push(&mut self, frame: &[u8]) {
        if self.row.len() + frame.len() > ROW_BYTES_MAX {
            self.end_row();
        }
        if self.row.is_empty() {
            let size = self.coming.min(ROW_BYTES_MAX).max(frame.len());
            self.row.reserve_exact(ROW_HEADER_BYTES + size);
            self.row.extend_from_slice(&self.tail.chain.to_le_bytes());
        }
        let lsn = self.tail.lsn + 1;
        let chain = link(self.tail.chain, lsn, frame);
        self.row.extend_from_slice(&frame[..HEADER_BYTES - 4]);
        self.row.extend_from_slice(&chain.to_le_bytes());
        self.row.extend_from_slice(&frame[HEADER_BYTES..]);
        self.coming = self.coming.saturating_sub(frame.len());
        self.tail = Tail { lsn, chain };
    }

    fn end_row(&mut self) {
        if !self.row.is_empty() {
            let bytes = std::mem::take(&mut self.row);
            self.rows.push(Row { key: self.key, last: self.tail, bytes });
        }
        self.key = self.tail.lsn + 1;
    }

    /// The rows, and where the chain stands behind them.
    pub(crate) fn finish(mut self) -> (Vec<Row>, Tail) {
        self.end_row();
        (self.rows, self.tail)
    }
}

/// The chain value of a frame: a CRC over the one before it, the frame's lsn and its header, which
/// holds the CRC of the body. So it is the header's checksum too.
fn link(before: u32, lsn: u64, frame: &[u8]) -> u32 {
    let mut bytes = [0; 12 + HEADER_BYTES - 4];
    bytes[..4].copy_from_slice(&before.to_le_bytes());
    bytes[4..12].copy_from_slice(&lsn.to_le_bytes());
    bytes[12..].copy_from_slice(&frame[..HEADER_BYTES - 4]);
    checksum(&[&bytes])
}

/// What a row holds next.
#[derive(Debug)]
pub(crate) enum Found {
    /// A record that is as it was written.
    Record(u64, Record),
    /// The header is good, the body is not.
    Body { lsn: u64, run: RunId, what: String },
    /// The header is not good: the rest of the row cannot be read.
    Header { lsn: u64, what: String },
}

/// Reads a row frame by frame.
#[derive(Debug)]
pub(crate) struct RowReader {
    row: Bytes,
    at: usize,
    tail: Tail,
}

impl RowReader {
    /// Reads the row with this key; `None` where it is too short to be one.
    pub(crate) fn new(key: u64, row: Bytes) -> Option<Self> {
        let chain = le_u32(row.get(..ROW_HEADER_BYTES)?);
        let lsn = key.checked_sub(1)?;
        Some(Self { row, at: ROW_HEADER_BYTES, tail: Tail { lsn, chain } })
    }

    /// The last frame that was read; at first the one before the row, as the row has it.
    pub(crate) fn tail(&self) -> Tail {
        self.tail
    }

    fn header_is_bad(&mut self, what: &str) -> Found {
        self.at = self.row.len();
        Found::Header { lsn: self.tail.lsn + 1, what: what.to_owned() }
    }
}

impl Iterator for RowReader {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        let rest = &self.row[self.at..];
        if rest.is_empty() {
            return None;
        }
        if rest.len() < HEADER_BYTES {
            return Some(self.header_is_bad("a row that ends within a header"));
        }
        let lsn = self.tail.lsn + 1;
        let chain = le_u32(&rest[HEADER_BYTES - 4..]);
        if chain != link(self.tail.chain, lsn, rest) {
            return Some(self.header_is_bad("a header that does not fit its checksum"));
        }
        let size = body_bytes(rest);
        if rest.len() - HEADER_BYTES < size {
            return Some(self.header_is_bad("a row that ends within a body"));
        }
        let run = RunId::from_bytes(rest[8..24].try_into().expect("invariant: 16 bytes"));
        let body = self.row.slice(self.at + HEADER_BYTES..self.at + HEADER_BYTES + size);
        let known = (rest[0] == FRAME_VERSION).then(|| kind_of(rest[1])).flatten();
        let sum = le_u32(&rest[24..]);
        self.at += HEADER_BYTES + size;
        self.tail = Tail { lsn, chain };
        let Some(kind) = known else {
            let what = "a record of an unknown version or kind".to_owned();
            return Some(Found::Body { lsn, run, what });
        };
        if sum != checksum(&[&body]) {
            let what = "a body that does not fit its checksum".to_owned();
            return Some(Found::Body { lsn, run, what });
        }
        Some(Found::Record(lsn, Record { run, kind, body }))
    }
}

/// The length of the body of the frame at the start of `bytes`.
fn body_bytes(bytes: &[u8]) -> usize {
    usize::try_from(le_u32(&bytes[4..])).expect("invariant: 32 bits fit a usize")
}

/// The number in the first four bytes.
pub(crate) fn le_u32(bytes: &[u8]) -> u32 {
    u32::from_le_bytes(bytes[..4].try_into().expect("invariant: four bytes"))
}

fn kind_code(kind: RecordKind) -> u8 {
    match kind {
        RecordKind::Events => 1,
        RecordKind::Snapshot => 2,
        RecordKind::Archived => 3,
    }
}

fn kind_of(code: u8) -> Option<RecordKind> {
    match code {
        1 => Some(RecordKind::Events),
        2 => Some(RecordKind::Snapshot),
        3 => Some(RecordKind::Archived),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
