//! What one shard hands over at once: operations that land together or not at all.
//!
//! Each operation is one method, so that no caller has halves to keep together. Records are framed
//! and linked as they are added: the batch knows where its shard's log ended before it.

use bytes::Bytes;

use super::entry::Entry;
use super::frame::{
    Found, ROW_BYTES_MAX, SEGMENT_HEADER_BYTES, Segment, SegmentHeader, push_frame,
};
use super::model::{
    Beside, Damaged, Fence, KeyEntry, LetterId, Record, RecordKind, RunSummary, Tail,
};
use crate::clock::Timestamp;
use crate::id::{DefinitionHash, EntityId, RunId, Seq};

/// Operations of one shard.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    before: Tail,
    after: Tail,
    parts: Vec<Part>,
    frames: Vec<u8>,
    beside: Vec<Beside>,
}

/// Frames that go into one row.
#[derive(Debug, Clone, Copy)]
struct Part {
    before: Tail,
    after: Tail,
    start: usize,
    end: usize,
}

impl Batch {
    /// An empty batch that goes on from here.
    pub fn after(tail: Tail) -> Self {
        Self { before: tail, after: tail, ..Self::default() }
    }

    /// The record before the batch.
    pub fn before(&self) -> Tail {
        self.before
    }

    /// The last record of the batch.
    pub fn tail(&self) -> Tail {
        self.after
    }

    /// Its first record.
    pub fn first(&self) -> Seq {
        Seq(self.before.seq + 1)
    }

    /// The number of the next record that is added.
    pub fn next(&self) -> Seq {
        Seq(self.after.seq + 1)
    }

    /// How many records.
    pub fn count(&self) -> u64 {
        self.after.seq - self.before.seq
    }

    /// Whether there is nothing to make durable.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.beside.is_empty()
    }

    /// About how many bytes it takes.
    pub fn size(&self) -> usize {
        let beside = self.beside.iter().map(|beside| match beside {
            Beside::Archive(entry) => entry.size(),
            Beside::Letter(_, entry) => entry.as_ref().map_or(0, Bytes::len),
            Beside::Definition(_, source) => source.as_ref().map_or(0, Bytes::len),
            Beside::Key(..) | Beside::Audit(..) | Beside::SetAside(_) | Beside::Restored(_) => 0,
        });
        self.frames.len() + beside.sum::<usize>()
    }

    /// What changes beside the log, in order.
    pub fn beside(&self) -> &[Beside] {
        &self.beside
    }

    /// Changes what stands beside the log behind everyone's back: for planted faults.
    #[cfg(test)]
    pub(crate) fn change_beside(&mut self, change: impl FnOnce(&mut Vec<Beside>)) {
        change(&mut self.beside);
    }

    /// Its records, in order.
    pub fn records(&self) -> Vec<(Seq, Record)> {
        let fence = Fence { shard: crate::id::ShardId::of(0), epoch: 0 };
        let frames = (0..self.segment_count()).flat_map(|index| {
            let (header, _, frames) = self.segment(fence, index);
            Segment::of(header, Bytes::copy_from_slice(frames)).frames()
        });
        let record = |found| match found {
            Found::Record(seq, record) => (Seq(seq), record),
            Found::Body { what, .. } | Found::Header { what, .. } => {
                unreachable!("invariant: a batch is as it was made: {what}")
            }
        };
        frames.map(record).collect()
    }

    /// How many segments.
    pub(crate) fn segment_count(&self) -> usize {
        self.parts.len()
    }

    /// A segment, and its last record.
    pub(crate) fn segment(&self, fence: Fence, index: usize) -> (SegmentHeader, Tail, &[u8]) {
        let part = &self.parts[index];
        let narrow = |number: usize| u32::try_from(number).expect("invariant: below 4 GiB");
        let count = u32::try_from(part.after.seq - part.before.seq);
        let header = SegmentHeader {
            shard: fence.shard,
            epoch: fence.epoch,
            before: part.before,
            count: count.expect("invariant: as many as fit a row"),
            size: narrow(part.end - part.start),
        };
        (header, part.after, &self.frames[part.start..part.end])
    }

    /// Events of a run.
    pub fn events(&mut self, run: RunId, encode: impl FnOnce(&mut Vec<u8>)) {
        self.push(RecordKind::Events, run, encode);
    }

    /// The whole state of a live run: what came before is not needed any more.
    pub fn snapshot(&mut self, run: RunId, encode: impl FnOnce(&mut Vec<u8>)) {
        self.push(RecordKind::Snapshot, run, encode);
    }

    /// A run that has ended is in the archive and not in the log. Retention leaves it there at least
    /// until `kept`.
    pub fn archive(
        &mut self,
        summary: &RunSummary,
        kept: Option<Timestamp>,
        encode: impl FnOnce(&mut Vec<u8>),
    ) {
        self.push(RecordKind::Archived, summary.id, |_| ());
        self.beside.push(Beside::Archive(Entry::archived(summary, kept, encode)));
    }

    /// A run has left the archive and is live: its whole state.
    pub fn reopen(&mut self, run: RunId, encode: impl FnOnce(&mut Vec<u8>)) {
        self.push(RecordKind::Reopened, run, encode);
        self.beside.push(Beside::Archive(Entry::removed(run)));
    }

    /// A run that was set aside is live: its whole state.
    pub fn restore(&mut self, run: RunId, encode: impl FnOnce(&mut Vec<u8>)) {
        self.push(RecordKind::Reopened, run, encode);
        self.beside.push(Beside::Restored(run));
    }

    /// An archived run is deleted.
    pub fn delete(&mut self, run: RunId) {
        self.change(run.into(), Beside::Archive(Entry::removed(run)));
    }

    /// A live run is set aside.
    pub fn set_aside(&mut self, damaged: Damaged) {
        self.push(RecordKind::SetAside, damaged.run, |_| ());
        self.beside.push(Beside::SetAside(damaged));
    }

    /// A dead letter of a run; `None` deletes it.
    pub fn letter(&mut self, id: LetterId, entry: Option<Bytes>) {
        self.change(id.run.into(), Beside::Letter(id, entry));
    }

    /// A key of a run that leaves the log; `None` deletes it.
    pub fn key(&mut self, key: EntityId, entry: Option<KeyEntry>) {
        self.change(key, Beside::Key(key, entry));
    }

    /// A line of the audit log, about this entity.
    pub fn audit(&mut self, about: EntityId, at: Timestamp, line: Box<str>) {
        self.change(about, Beside::Audit(at, line));
    }

    /// A version of a workflow; `None` deletes it.
    pub fn definition(&mut self, hash: DefinitionHash, source: Option<Bytes>) {
        self.change(EntityId::from_bytes(hash.0), Beside::Definition(hash, source));
    }

    fn push(&mut self, kind: RecordKind, run: RunId, encode: impl FnOnce(&mut Vec<u8>)) {
        self.frame(kind, run.into(), encode);
    }

    /// Each batch has a record, so that its chain tells whether it has landed.
    fn change(&mut self, entity: EntityId, beside: Beside) {
        if self.parts.is_empty() {
            self.frame(RecordKind::Mark, entity, |_| ());
        }
        self.beside.push(beside);
    }

    fn frame(&mut self, kind: RecordKind, entity: EntityId, encode: impl FnOnce(&mut Vec<u8>)) {
        let (before, start) = (self.after, self.parts.last().map_or(0, |part| part.end));
        // What an encoding that panicked has left.
        self.frames.truncate(start);
        self.after = push_frame(&mut self.frames, before, (kind, entity), encode);
        let end = self.frames.len();
        let room = ROW_BYTES_MAX - SEGMENT_HEADER_BYTES;
        match self.parts.last_mut() {
            Some(part) if end - part.start <= room => {
                part.after = self.after;
                part.end = end;
            }
            Some(_) | None => {
                let after = self.after;
                self.parts.push(Part { before, after, start, end });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_gives_back_its_records_and_each_has_one() {
        let run = RunId::from_bytes([3; 16]);
        let mut batch = Batch::after(Tail { seq: 6, chain: 9 });
        assert!(batch.is_empty());
        batch.letter(LetterId { run, dispatch: 1 }, None);
        batch.events(run, |body| body.extend_from_slice(b"one"));
        batch.snapshot(run, |body| body.extend(vec![7; 100_000]));
        let records = batch.records();
        let kinds: Vec<_> = records.iter().map(|(seq, r)| (seq.0, r.kind, r.body.len())).collect();
        let expected = [
            (7, RecordKind::Mark, 0),
            (8, RecordKind::Events, 3),
            (9, RecordKind::Snapshot, 100_000),
        ];
        assert_eq!(kinds, expected);
        assert_eq!((batch.first(), batch.count(), batch.tail().seq), (Seq(7), 3, 9));
    }

    #[test]
    fn segments_stay_small_unless_a_record_is_large() {
        let mut batch = Batch::after(Tail::default());
        for size in [30_000, 30_000, 30_000, 100_000, 10] {
            batch.events(RunId::from_bytes([1; 16]), |body| body.extend(vec![0; size]));
        }
        let fence = Fence { shard: crate::id::ShardId::of(1), epoch: 1 };
        let first = |index| batch.segment(fence, index).0.before.seq + 1;
        let firsts: Vec<_> = (0..batch.segment_count()).map(first).collect();
        assert_eq!(firsts, [1, 3, 4, 5]);
    }
}
