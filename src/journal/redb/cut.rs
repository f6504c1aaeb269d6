//! When the head of the log may go: what each shard still needs, and which rows there are.

use std::collections::VecDeque;

use super::commit::{Prepared, Work};
use super::position::Position;
use crate::journal::frame::{Row, Tail};

/// From so many bytes on the head of the log is cut.
const CUT_BYTES_MIN: u64 = 8 << 20;
/// Or from so many rows on.
const CUT_ROWS_MIN: usize = if cfg!(test) { 20 } else { 1_000 };
/// At most so many rows are cut in one commit.
const CUT_ROWS_MAX: usize = 16_384;

/// What is known of the log's rows and of who needs them.
#[derive(Debug)]
pub(super) struct Cut {
    /// Per shard actor the first lsn that it needs; `None`: it has not reported yet.
    needed: Vec<Option<u64>>,
    /// Rows that were there at the start, or at a recovery, taken as one.
    old: Option<Old>,
    /// Rows since then.
    rows: VecDeque<Known>,
    /// Bytes of the rows since the start that were cut.
    before: u64,
    /// Bytes of all rows since the start.
    total: u64,
}

#[derive(Debug, Clone, Copy)]
struct Old {
    last: Tail,
    rows: usize,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    last: Tail,
    /// Bytes of all rows up to this one.
    through: u64,
}

impl Cut {
    /// Nothing is cut before `shards` actors have reported.
    pub(super) fn new(shards: usize, position: &Position) -> Self {
        let needed = vec![None; shards.max(1)];
        let mut cut = Self { needed, old: None, rows: VecDeque::new(), before: 0, total: 0 };
        cut.restart(position);
        cut
    }

    /// Takes all rows as old ones again.
    pub(super) fn restart(&mut self, position: &Position) {
        self.rows.clear();
        self.before = self.total;
        let rows = usize::try_from(position.rows).unwrap_or(usize::MAX);
        self.old = (rows > 0).then_some(Old { last: position.tail, rows });
    }

    /// Bytes of the rows since the start.
    pub(super) fn bytes(&self) -> u64 {
        self.total - self.before
    }

    /// Where to cut now, if it is worth it.
    pub(super) fn due(&self, closing: bool) -> Option<Tail> {
        let needed = self.needed.iter().copied().collect::<Option<Vec<_>>>()?;
        let needed = needed.into_iter().min()?;
        let mut cut = None;
        let mut rows = 0;
        let mut through = self.before;
        if let Some(old) = self.old {
            if old.last.lsn >= needed {
                return None;
            }
            (cut, rows) = (Some(old.last), old.rows);
        }
        let known = self.rows.partition_point(|row| row.last.lsn < needed).min(CUT_ROWS_MAX);
        if let Some(last) = known.checked_sub(1).map(|last| self.rows[last]) {
            (cut, rows, through) = (Some(last.last), rows + known, last.through);
        }
        let enough = closing || rows >= CUT_ROWS_MIN || through - self.before >= CUT_BYTES_MIN;
        cut.filter(|_| enough)
    }

    /// A commit is durable.
    pub(super) fn committed(&mut self, work: &Work<'_>) {
        if let Some(cut) = work.cut {
            self.old.take_if(|old| old.last.lsn <= cut.lsn);
            let gone = self.rows.partition_point(|row| row.last.lsn <= cut.lsn);
            self.before =
                self.rows.drain(..gone).next_back().map_or(self.before, |row| row.through);
        }
        for row in &work.rows {
            self.total += size(row);
            self.rows.push_back(Known { last: row.last, through: self.total });
        }
    }

    /// Takes in what the shards of a commit still need; `next` is the lsn of its first record.
    pub(super) fn report(&mut self, batches: &[Prepared], mut next: u64) {
        for batch in batches {
            let own = batch.frames.first_needed().map_or(u64::MAX, |place| next + place);
            let needed = batch.keep_from.map_or(own, |lsn| lsn.0.min(own));
            if self.needed.len() <= batch.shard {
                self.needed.resize(batch.shard + 1, None);
            }
            self.needed[batch.shard] = Some(needed);
            next += batch.frames.count();
        }
    }

    /// Whether rows of before the start are still there.
    pub(super) fn has_old(&self) -> bool {
        self.old.is_some()
    }
}

fn size(row: &Row) -> u64 {
    u64::try_from(row.bytes.len()).unwrap_or(0)
}
