//! How far the archive has taken over the outbox, and by which rows.

use ::redb::Error;
use bytes::Bytes;

use super::tables::corrupted;
use crate::journal::checksum::checksum;
use crate::journal::entry::{entries, sums};
use crate::journal::frame::le_u32;

/// A place in the outbox: the rows up to it, and no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Moved {
    /// The last row; 0: none.
    pub(super) row: u64,
    /// Links the entries of all rows. Two copies of a folder that both go on number their rows
    /// alike, and differ here.
    pub(super) chain: u32,
}

impl Moved {
    /// The place behind these rows, which come next.
    pub(super) fn behind(self, rows: &[(u64, Bytes)]) -> Self {
        rows.iter().fold(self, |before, (number, row)| {
            let start = checksum(&[&before.chain.to_le_bytes(), &number.to_le_bytes()]);
            let link = |chain: u32, sum: &[u8]| checksum(&[&chain.to_le_bytes(), sum]);
            Self { row: *number, chain: sums(row).fold(start, link) }
        })
    }

    /// Whether an archive that is filled up to `self` has what a journal has handed out: the rows
    /// up to `moved`, and then the first of `rows`. Behind a damaged row that is not known; the
    /// archive counts as fitting then.
    pub(super) fn fits(self, moved: Self, rows: &[(u64, Bytes)]) -> bool {
        let taken = rows.partition_point(|(number, _)| *number <= self.row);
        let sound = |(_, row): &(u64, Bytes)| entries(row).all(|found| found.is_ok());
        moved.behind(&rows[..taken]) == self || !rows[..taken].iter().all(sound)
    }

    /// Row and chain, as both files keep them.
    pub(super) fn encode(self) -> Vec<u8> {
        [&self.row.to_le_bytes()[..], &self.chain.to_le_bytes()].concat()
    }

    /// As `name` in `meta` has it.
    pub(super) fn decode(name: &str, bytes: &[u8]) -> Result<Self, Error> {
        let (row, chain) = bytes.split_first_chunk::<8>().ok_or_else(|| corrupted(name))?;
        let chain = chain.get(..4).map(le_u32).ok_or_else(|| corrupted(name))?;
        Ok(Self { row: u64::from_le_bytes(*row), chain })
    }
}
