//! Reads the whole log, each shard in its order, and says what of it cannot be trusted.

use std::collections::BTreeMap;

use ::redb::{Error, ReadTransaction, ReadableTable, ReadableTableMetadata};
use bytes::Bytes;

use super::cut::Known;
use super::tables::{self, LOG};
use crate::id::{RunId, Seq, ShardId};
use crate::journal::frame::{Found, Segment, segments};
use crate::journal::{Damage, Place, Replayed, Tail, Visit};

/// Walks over the rows of the log.
struct Walk<'a> {
    visit: Visit<'a>,
    damages: Vec<Damage>,
    /// The last good record of each shard, and the row that it stands in.
    tails: [Tail; tables::SHARDS],
    at: [u64; tables::SHARDS],
    /// Rows that may have held records of any shard, and what is wrong with them.
    lost: Vec<(u64, &'static str)>,
    rows: Vec<Known>,
}

/// Visits the good records; what it has found, and the rows that there are.
pub(super) fn replay(
    txn: &ReadTransaction,
    visit: Visit<'_>,
) -> Result<(Replayed, Vec<Known>), Error> {
    let base = tables::base(txn)?;
    let mut walk = Walk {
        visit,
        damages: Vec::new(),
        tails: base.tails,
        at: [base.row; tables::SHARDS],
        lost: Vec::new(),
        rows: Vec::new(),
    };
    let log = txn.open_table(LOG)?;
    let mut last = base.row;
    for found in log.iter()? {
        let (number, value) = found?;
        if number.value() != last + 1 {
            walk.lost.push((last + 1, "rows are missing"));
        }
        last = number.value();
        walk.row(last, Bytes::copy_from_slice(value.value()));
    }
    if u64::try_from(walk.rows.len()) != Ok(log.len()?) {
        walk.lost.push((last + 1, "rows are missing"));
    }
    Ok(walk.end())
}

impl Walk<'_> {
    fn row(&mut self, number: u64, row: Bytes) {
        let size = row.len();
        let mut ends: BTreeMap<ShardId, Tail> = BTreeMap::new();
        for segment in segments(row) {
            match segment {
                Ok(segment) => {
                    let shard = segment.header.shard;
                    self.segment(&segment);
                    self.at[shard.index()] = number;
                    ends.insert(shard, self.tails[shard.index()]);
                }
                Err(what) => self.lost.push((number, what)),
            }
        }
        self.rows.push(Known::of(number, size, ends.into_iter().collect()));
    }

    fn segment(&mut self, segment: &Segment) {
        let header = segment.header;
        let tail = self.tails[header.shard.index()];
        if header.before.seq < tail.seq {
            let what = "a segment that stands in the wrong place";
            return self.missing(header.shard, header.before.seq + 1, what);
        }
        // Behind a record whose header is broken the chain is not known.
        if header.before != tail && (tail.chain != 0 || header.before.seq != tail.seq) {
            let what = "the next segment does not link to this place: records are missing";
            self.missing(header.shard, tail.seq + 1, what);
        }
        let mut frames = segment.frames();
        for found in frames.by_ref() {
            match found {
                Found::Record(seq, record) => (self.visit)(Seq(seq), record),
                Found::Body { seq, entity, what } => {
                    let (shards, run) = (vec![header.shard.number()], Some(RunId::from(entity)));
                    let (place, what) = (Place::Log, what.to_owned());
                    self.damages.push(Damage { place, shards, seq: Seq(seq), run, what });
                }
                Found::Header { seq, what } => self.missing(header.shard, seq, what),
            }
        }
        self.tails[header.shard.index()] = frames.tail();
    }

    fn missing(&mut self, shard: ShardId, seq: u64, what: &str) {
        let (shards, what) = (vec![shard.number()], what.to_owned());
        self.damages.push(Damage { place: Place::Log, shards, seq: Seq(seq), run: None, what });
    }

    /// A shard that goes on behind a lost row has linked to what it had, or was told to have a gap;
    /// one that does not may have lost its end there.
    fn end(mut self) -> (Replayed, Vec<Known>) {
        for (row, what) in std::mem::take(&mut self.lost) {
            let open = ShardId::all().filter(|shard| self.at[shard.index()] <= row);
            let shards = open.map(ShardId::number).collect();
            let (seq, what) = (Seq(u64::MAX), format!("row {row}: {what}"));
            self.damages.push(Damage { place: Place::Log, shards, seq, run: None, what });
        }
        (Replayed { tails: self.tails.into(), damages: self.damages }, self.rows)
    }
}
