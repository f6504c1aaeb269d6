//! When the head of the log may go: which rows there are, and what the owners of shards still need.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use super::tables::{Base, SHARDS};
use crate::id::ShardId;
use crate::journal::Tail;

/// From so many bytes on the head of the log is cut.
const CUT_BYTES_MIN: u64 = 8 << 20;
/// Or from so many rows on.
const CUT_ROWS_MIN: usize = if cfg!(test) { 20 } else { 1_000 };
/// At most so many rows are cut in one commit.
const CUT_ROWS_MAX: usize = 16_384;
/// A log with more records than this is long: old runs are to be written anew. Bounds what a start
/// has to replay.
const LOG_RECORDS_MAX: u64 = if cfg!(test) { 200 } else { 250_000 };
/// Unless there are more live runs: then it is long from so many records for each on.
const RECORDS_PER_RUN: u64 = 8;

/// What the owners of shards say, and are told, beside their batches. By shard number.
#[derive(Debug)]
pub(super) struct Needs {
    /// The first record that is needed; 0: not known, nothing is cut.
    first: [AtomicU64; SHARDS],
    /// Live runs.
    live: [AtomicU64; SHARDS],
    /// Runs whose records begin here or before are to be written anew.
    rewrite: [AtomicU64; SHARDS],
    pressure: AtomicU64,
}

impl Default for Needs {
    fn default() -> Self {
        let zeros = || std::array::from_fn(|_| AtomicU64::new(0));
        Self { first: zeros(), live: zeros(), rewrite: zeros(), pressure: AtomicU64::new(0) }
    }
}

impl Needs {
    pub(super) fn release(&self, shard: ShardId, before: u64, live: u64) {
        self.first[shard.index()].store(before, Ordering::Release);
        self.live[shard.index()].store(live, Ordering::Release);
    }

    pub(super) fn pressure(&self) -> u64 {
        self.pressure.load(Ordering::Acquire)
    }

    pub(super) fn rewrite_to(&self, shard: ShardId) -> u64 {
        self.rewrite[shard.index()].load(Ordering::Acquire)
    }

    fn needs(&self, (shard, last): &(ShardId, Tail)) -> bool {
        last.seq >= self.first[shard.index()].load(Ordering::Acquire)
    }

    fn live(&self) -> u64 {
        self.live.iter().map(|live| live.load(Ordering::Acquire)).sum()
    }
}

/// A row of the log.
#[derive(Debug, Clone)]
pub(super) struct Known {
    number: u64,
    bytes: u64,
    /// The last record of each of its segments.
    ends: Vec<(ShardId, Tail)>,
}

impl Known {
    pub(super) fn of(number: u64, size: usize, ends: Vec<(ShardId, Tail)>) -> Self {
        Self { number, bytes: u64::try_from(size).unwrap_or(0), ends }
    }
}

/// What is known of the log's rows.
#[derive(Debug)]
pub(super) struct Cut {
    /// What was cut off.
    base: Base,
    /// Whether `rows` are all that there are: a replay has found those of before the start.
    complete: bool,
    rows: VecDeque<Known>,
    /// How many of them nobody needs, and their bytes.
    free: usize,
    free_bytes: u64,
    /// Bytes and records of all rows.
    bytes: u64,
    records: u64,
    /// Records at which owners are told next to write old runs anew.
    next_pressure: u64,
}

impl Cut {
    pub(super) fn new(base: Base, complete: bool) -> Self {
        Self {
            base,
            complete,
            rows: VecDeque::new(),
            free: 0,
            free_bytes: 0,
            bytes: 0,
            records: 0,
            next_pressure: 0,
        }
    }

    /// The rows that a replay has found, which are older than all that were written since.
    pub(super) fn found(&mut self, rows: Vec<Known>) {
        if self.complete {
            return;
        }
        let first = self.rows.front().map_or(u64::MAX, |row| row.number);
        for row in rows.into_iter().rev().filter(|row| row.number < first) {
            self.bytes += row.bytes;
            self.rows.push_front(row);
        }
        self.complete = true;
        self.count();
    }

    /// Counts the records anew: rows say only where they end.
    fn count(&mut self) {
        let mut last = self.base.tails.map(|tail| tail.seq);
        self.records = 0;
        for (shard, end) in self.rows.iter().flat_map(|row| &row.ends) {
            let last = &mut last[shard.index()];
            self.records += end.seq.saturating_sub(*last);
            *last = end.seq.max(*last);
        }
    }

    /// Bytes and records of the log.
    pub(super) fn size(&self) -> (u64, u64) {
        (self.bytes, self.records)
    }

    /// Where to cut now, if it is worth it.
    pub(super) fn due(&mut self, needs: &Needs, closing: bool) -> Option<Base> {
        if !self.complete {
            return None;
        }
        while let Some(row) = self.rows.get(self.free)
            && self.free < CUT_ROWS_MAX
            && !row.ends.iter().any(|end| needs.needs(end))
        {
            self.free += 1;
            self.free_bytes += row.bytes;
        }
        let worth = self.free >= CUT_ROWS_MIN || self.free_bytes >= CUT_BYTES_MIN || closing;
        let last = self.free.checked_sub(1).filter(|_| worth)?;
        let mut base = Base { row: self.rows[last].number, ..self.base.clone() };
        for (shard, end) in self.rows.iter().take(self.free).flat_map(|row| &row.ends) {
            base.tails[shard.index()] = *end;
        }
        Some(base)
    }

    /// A commit is durable: the log was cut, and rows were added.
    pub(super) fn committed(
        &mut self,
        cut: Option<Base>,
        rows: impl Iterator<Item = Known>,
        records: u64,
    ) {
        if let Some(base) = cut {
            let before: u64 = self.base.tails.iter().map(|tail| tail.seq).sum();
            let after: u64 = base.tails.iter().map(|tail| tail.seq).sum();
            self.records = self.records.saturating_sub(after - before);
            self.bytes -= self.rows.drain(..self.free).map(|row| row.bytes).sum::<u64>();
            (self.base, self.free, self.free_bytes) = (base, 0, 0);
        }
        self.records += records;
        for row in rows {
            self.bytes += row.bytes;
            self.rows.push_back(row);
        }
    }

    /// Tells owners to write old runs anew where the log has become long: those that begin in its
    /// older half.
    pub(super) fn press(&mut self, needs: &Needs) {
        let limit = LOG_RECORDS_MAX.max(needs.live().saturating_mul(RECORDS_PER_RUN));
        if !self.complete || self.records < limit.max(self.next_pressure) {
            if self.records < limit {
                self.next_pressure = 0;
            }
            return;
        }
        self.next_pressure = self.records + limit / 4;
        for (shard, end) in self.rows.iter().take(self.rows.len() / 2).flat_map(|row| &row.ends) {
            needs.rewrite[shard.index()].fetch_max(end.seq, Ordering::AcqRel);
        }
        needs.pressure.fetch_add(1, Ordering::AcqRel);
    }
}
