//! Records as bytes: a frame around each, segments of frames of one shard, rows of segments.
//!
//! `docs/journal-format.md` draws them. One commit is one row. The owner of a shard frames its
//! records and links them; whoever writes the row only puts segments side by side.

use bytes::Bytes;

use super::checksum::checksum;
use super::model::{Record, RecordKind, Tail};
use crate::id::{EntityId, ShardId};

/// The version of a frame that is written.
const FRAME_VERSION: u8 = 2;

/// The bytes of a frame before its body.
pub(crate) const FRAME_HEADER_BYTES: usize = 32;

/// The version of a segment that is written.
const SEGMENT_VERSION: u8 = 1;

/// The bytes of a segment before its first frame.
pub(crate) const SEGMENT_HEADER_BYTES: usize = 32;

/// A row is ended before it grows beyond this; only a frame that is larger itself makes a larger
/// one. redb stores values up to 65,400 bytes cheaply.
pub(crate) const ROW_BYTES_MAX: usize = 64_000;

/// Adds a frame to `bytes`, its body written by `body`; the tail behind it.
pub(crate) fn push_frame(
    bytes: &mut Vec<u8>,
    tail: Tail,
    (kind, entity): (RecordKind, EntityId),
    body: impl FnOnce(&mut Vec<u8>),
) -> Tail {
    let at = bytes.len();
    bytes.extend_from_slice(&[FRAME_VERSION, kind_code(kind), 0, 0, 0, 0, 0, 0]);
    bytes.extend_from_slice(&entity.to_bytes());
    bytes.extend_from_slice(&[0; 8]);
    body(bytes);
    let start = at + FRAME_HEADER_BYTES;
    let size = u32::try_from(bytes.len() - start).expect("invariant: a body is below 4 GiB");
    let sum = checksum(&[&bytes[start..]]);
    bytes[at + 4..at + 8].copy_from_slice(&size.to_le_bytes());
    bytes[at + 24..at + 28].copy_from_slice(&sum.to_le_bytes());
    let seq = tail.seq + 1;
    let chain = link(tail.chain, seq, &bytes[at..]);
    bytes[at + 28..start].copy_from_slice(&chain.to_le_bytes());
    Tail { seq, chain }
}

/// The chain value of a frame: a CRC over the one before it, the frame's seq and its header, which
/// holds the CRC of the body. So it is the header's checksum too.
fn link(before: u32, seq: u64, frame: &[u8]) -> u32 {
    let mut bytes = [0; 12 + FRAME_HEADER_BYTES - 4];
    bytes[..4].copy_from_slice(&before.to_le_bytes());
    bytes[4..12].copy_from_slice(&seq.to_le_bytes());
    bytes[12..].copy_from_slice(&frame[..FRAME_HEADER_BYTES - 4]);
    checksum(&[&bytes])
}

/// What stands before the frames of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) shard: ShardId,
    pub(crate) epoch: u32,
    /// The record before its first.
    pub(crate) before: Tail,
    /// How many frames.
    pub(crate) count: u32,
    /// Bytes of the frames.
    pub(crate) size: u32,
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        bytes[..2].copy_from_slice(&[SEGMENT_VERSION, self.shard.number()]);
        bytes[4..8].copy_from_slice(&self.epoch.to_le_bytes());
        bytes[8..16].copy_from_slice(&(self.before.seq + 1).to_le_bytes());
        bytes[16..20].copy_from_slice(&self.before.chain.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.count.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.size.to_le_bytes());
        let sum = checksum(&[&bytes[..28]]);
        bytes[28..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let header = bytes.get(..SEGMENT_HEADER_BYTES).ok_or("a row that ends within a segment")?;
        if le_u32(&header[28..]) != checksum(&[&header[..28]]) {
            return Err("the header of a segment does not fit its checksum");
        }
        let shard = ShardId::from_number(header[1]).filter(|_| header[0] == SEGMENT_VERSION);
        let first = u64::from_le_bytes(header[8..16].try_into().expect("invariant: eight bytes"));
        let seq = first.checked_sub(1).ok_or("a segment that begins before the first record")?;
        Ok(Self {
            shard: shard.ok_or("a segment of an unknown version")?,
            epoch: le_u32(&header[4..]),
            before: Tail { seq, chain: le_u32(&header[16..]) },
            count: le_u32(&header[20..]),
            size: le_u32(&header[24..]),
        })
    }

    /// The last record of the segment.
    pub(crate) fn last(&self) -> u64 {
        self.before.seq + u64::from(self.count)
    }
}

/// A segment as it was found.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) header: SegmentHeader,
    frames: Bytes,
}

impl Segment {
    /// A segment that was not read but is being written.
    pub(crate) fn of(header: SegmentHeader, frames: Bytes) -> Self {
        Self { header, frames }
    }

    /// Its frames, one by one.
    pub(crate) fn frames(&self) -> Frames {
        Frames { header: self.header, bytes: self.frames.clone(), at: 0, tail: self.header.before }
    }

    /// Adds the frames of one entity as they stand here, as far as their headers can be read.
    pub(crate) fn raw_frames_of(&self, entity: EntityId, to: &mut Vec<u8>) {
        let mut frames = self.frames();
        loop {
            let start = frames.at;
            let own = match frames.next() {
                Some(Found::Record(_, record)) => record.entity == entity,
                Some(Found::Body { entity: owner, .. }) => owner == entity,
                Some(Found::Header { .. }) | None => return,
            };
            if own {
                to.extend_from_slice(&self.frames[start..frames.at]);
            }
        }
    }
}

/// The records of frames that were copied out of their segments, whose chain is not followed;
/// `None` stands for one that cannot be read.
pub(crate) fn loose_frames(bytes: &Bytes) -> impl Iterator<Item = Option<Record>> {
    let (bytes, mut at) = (bytes.clone(), 0);
    std::iter::from_fn(move || {
        if at >= bytes.len() {
            return None;
        }
        let (record, end) = loose_frame(&bytes, at).unwrap_or((None, bytes.len()));
        at = end;
        Some(record)
    })
}

/// The record at `at` and where its frame ends; `None`: the frame has no end.
fn loose_frame(bytes: &Bytes, at: usize) -> Option<(Option<Record>, usize)> {
    let start = at + FRAME_HEADER_BYTES;
    let header = bytes.get(at..start)?;
    let end = start.saturating_add(usize::try_from(le_u32(&header[4..])).ok()?);
    let body = (end <= bytes.len()).then(|| bytes.slice(start..end))?;
    let known = (header[0] == FRAME_VERSION).then(|| kind_of(header[1])).flatten();
    let entity = EntityId::from_bytes(header[8..24].try_into().ok()?);
    let sound = le_u32(&header[24..]) == checksum(&[&body]);
    let record = known.filter(|_| sound).map(|kind| Record { entity, kind, body });
    Some((record, end))
}

/// The segments of a row; ends with the first one that cannot be read.
pub(crate) fn segments(row: Bytes) -> impl Iterator<Item = Result<Segment, &'static str>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        if at >= row.len() {
            return None;
        }
        let found = SegmentHeader::decode(&row[at..]).and_then(|header| {
            let start = at + SEGMENT_HEADER_BYTES;
            let end = start.saturating_add(usize::try_from(header.size).unwrap_or(usize::MAX));
            let whole = end <= row.len();
            let frames = whole.then(|| row.slice(start..end));
            Ok(Segment { header, frames: frames.ok_or("a row that ends within a segment")? })
        });
        at = match &found {
            Ok(segment) => at + SEGMENT_HEADER_BYTES + segment.frames.len(),
            Err(_) => row.len(),
        };
        Some(found)
    })
}

/// What a segment holds next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A record that is as it was written.
    Record(u64, Record),
    /// The header is good, the body is not.
    Body { seq: u64, entity: EntityId, what: &'static str },
    /// The header is not good: the rest of the segment cannot be read.
    Header { seq: u64, what: &'static str },
}

/// Reads a segment frame by frame.
#[derive(Debug)]
pub(crate) struct Frames {
    header: SegmentHeader,
    bytes: Bytes,
    at: usize,
    tail: Tail,
}

impl Frames {
    /// The last frame that was read; at first the one before the segment.
    pub(crate) fn tail(&self) -> Tail {
        self.tail
    }

    fn broken(&mut self, what: &'static str) -> Found {
        let seq = self.tail.seq + 1;
        self.at = self.bytes.len();
        self.tail = Tail { seq: self.header.last(), chain: 0 };
        Found::Header { seq, what }
    }
}

impl Iterator for Frames {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        let rest = &self.bytes[self.at..];
        if rest.is_empty() {
            let whole = self.tail.seq >= self.header.last();
            return (!whole).then(|| self.broken("a segment with fewer records than it says"));
        }
        if rest.len() < FRAME_HEADER_BYTES || self.tail.seq >= self.header.last() {
            return Some(self.broken("a segment that ends within a header"));
        }
        let seq = self.tail.seq + 1;
        let chain = le_u32(&rest[FRAME_HEADER_BYTES - 4..]);
        if chain != link(self.tail.chain, seq, rest) {
            return Some(self.broken("a header that does not fit its checksum"));
        }
        let size = usize::try_from(le_u32(&rest[4..])).unwrap_or(usize::MAX);
        if rest.len() - FRAME_HEADER_BYTES < size {
            return Some(self.broken("a segment that ends within a body"));
        }
        let entity = EntityId::from_bytes(rest[8..24].try_into().expect("invariant: 16 bytes"));
        let start = self.at + FRAME_HEADER_BYTES;
        let body = self.bytes.slice(start..start + size);
        let known = (rest[0] == FRAME_VERSION).then(|| kind_of(rest[1])).flatten();
        let sum = le_u32(&rest[24..]);
        self.at = start + size;
        self.tail = Tail { seq, chain };
        let Some(kind) = known else {
            return Some(Found::Body {
                seq,
                entity,
                what: "a record of an unknown version or kind",
            });
        };
        if sum != checksum(&[&body]) {
            return Some(Found::Body {
                seq,
                entity,
                what: "a body that does not fit its checksum",
            });
        }
        Some(Found::Record(seq, Record { entity, kind, body }))
    }
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
        RecordKind::Reopened => 4,
        RecordKind::SetAside => 5,
        RecordKind::Mark => 6,
    }
}

fn kind_of(code: u8) -> Option<RecordKind> {
    match code {
        1 => Some(RecordKind::Events),
        2 => Some(RecordKind::Snapshot),
        3 => Some(RecordKind::Archived),
        4 => Some(RecordKind::Reopened),
        5 => Some(RecordKind::SetAside),
        6 => Some(RecordKind::Mark),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
