//! Entries of the archive as bytes, and the rows that they are packed into.
//!
//! A row is first a row of the outbox in `journal.redb` and then, byte for byte, a chunk in
//! `archive.redb`. `docs/journal-format.md` draws it.

use bytes::Bytes;

use super::checksum::checksum;
use super::frame::{ROW_BYTES_MAX, le_u32};
use super::model::RunSummary;
use crate::clock::Timestamp;
use crate::id::RunId;
use crate::stored;

/// The version of an entry that is written.
const ENTRY_VERSION: u8 = 2;

/// The bytes of an entry before its summary.
pub(crate) const ENTRY_HEADER_BYTES: usize = 44;

const ARCHIVED: u8 = 1;
const REMOVED: u8 = 2;

/// A change of the archive, encoded.
#[derive(Debug, Clone)]
pub struct Entry(Bytes);

impl Entry {
    /// A finished run, kept at least until `kept`; `encode` writes its state.
    pub(crate) fn archived(
        summary: &RunSummary,
        kept: Option<Timestamp>,
        encode: impl FnOnce(&mut Vec<u8>),
    ) -> Self {
        let mut bytes = Vec::with_capacity(512);
        bytes.extend_from_slice(&[0; ENTRY_HEADER_BYTES]);
        stored::write_summary(summary, &mut bytes);
        let state = bytes.len();
        encode(&mut bytes);
        let kept = kept.map_or(0, Timestamp::as_micros);
        Self(seal(bytes, (ARCHIVED, summary.id), state, kept))
    }

    /// A run that leaves the archive.
    pub(crate) fn removed(run: RunId) -> Self {
        Self(seal(vec![0; ENTRY_HEADER_BYTES], (REMOVED, run), ENTRY_HEADER_BYTES, 0))
    }

    /// How many bytes it takes.
    pub fn size(&self) -> usize {
        self.0.len()
    }

    /// What it says.
    pub(crate) fn read(&self) -> Stored {
        Stored::read(&self.0).expect("invariant: an entry is as it was made")
    }
}

/// Fills in the header.
fn seal(mut bytes: Vec<u8>, (kind, run): (u8, RunId), state: usize, kept: i64) -> Bytes {
    let length = |size: usize| u32::try_from(size).expect("invariant: below 4 GiB").to_le_bytes();
    let sum = checksum(&[&bytes[state..]]);
    let size = bytes.len();
    bytes[..2].copy_from_slice(&[ENTRY_VERSION, kind]);
    bytes[4..8].copy_from_slice(&length(state - ENTRY_HEADER_BYTES));
    bytes[8..12].copy_from_slice(&length(size - state));
    bytes[12..28].copy_from_slice(&run.to_bytes());
    bytes[28..36].copy_from_slice(&kept.to_le_bytes());
    bytes[36..40].copy_from_slice(&sum.to_le_bytes());
    let sum = checksum(&[&bytes[..40], &bytes[ENTRY_HEADER_BYTES..state]]);
    bytes[40..44].copy_from_slice(&sum.to_le_bytes());
    bytes.into()
}

/// An entry as it was found, its header and summary checked.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    /// The run in the archive.
    pub(crate) run: RunId,
    /// `None`: the run leaves the archive.
    pub(crate) summary: Option<RunSummary>,
    /// Retention leaves it until then.
    pub(crate) kept: Timestamp,
    bytes: Bytes,
    state_at: usize,
}

impl Stored {
    /// Reads the entry at the start of `bytes`.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub(crate) fn read(bytes: &Bytes) -> Result<Self, &'static str> {
        let header = bytes.get(..ENTRY_HEADER_BYTES).ok_or("it ends within a header")?;
        let size = |at: usize| usize::try_from(le_u32(&header[at..])).unwrap_or(usize::MAX);
        let state_at = ENTRY_HEADER_BYTES.saturating_add(size(4));
        let end = state_at.saturating_add(size(8));
        let summary = bytes.get(ENTRY_HEADER_BYTES..state_at).ok_or("its length is wrong")?;
        if le_u32(&header[40..]) != checksum(&[&header[..40], summary]) {
            return Err("its summary does not fit its checksum");
        }
        if header[0] != ENTRY_VERSION || end > bytes.len() {
            return Err("its version or length is wrong");
        }
        let run = RunId::from_bytes(header[12..28].try_into().expect("invariant: 16 bytes"));
        let kept = i64::from_le_bytes(header[28..36].try_into().expect("invariant: 8 bytes"));
        let summary = match header[1] {
            ARCHIVED => Some(stored::decode_summary(summary).map_err(|_| "an unreadable summary")?),
            REMOVED => None,
            _ => return Err("it is of an unknown kind"),
        };
        let kept = Timestamp::from_micros(kept);
        Ok(Self { run, summary, kept, bytes: bytes.slice(..end), state_at })
    }

    /// How many bytes it takes.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The encoded state.
    ///
    /// # Errors
    /// Where it does not fit its checksum.
    pub(crate) fn state(&self) -> Result<Bytes, &'static str> {
        let state = self.bytes.slice(self.state_at..);
        if le_u32(&self.bytes[36..]) == checksum(&[&state]) {
            Ok(state)
        } else {
            Err("its state does not fit its checksum")
        }
    }
}

/// An entry and its offset in the row; or what is wrong behind the last good one.
pub(crate) type Placed = Result<(usize, Stored), &'static str>;

/// The entries of a row, with their offsets. Ends with the first one that is damaged.
pub(crate) fn entries(row: &Bytes) -> impl Iterator<Item = Placed> {
    let (row, mut at) = (row.clone(), 0);
    std::iter::from_fn(move || {
        if at >= row.len() {
            return None;
        }
        let found = Stored::read(&row.slice(at..)).map(|entry| (at, entry));
        at = found.as_ref().map_or(row.len(), |(at, entry)| at + entry.size());
        Some(found)
    })
}

/// The checksums in the headers of a row's entries: each stands for all of its entry. What lies
/// behind a wrong length is left out.
pub(crate) fn sums(row: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = row;
    std::iter::from_fn(move || {
        let (header, behind) = rest.split_at_checked(ENTRY_HEADER_BYTES)?;
        let size = |at: usize| usize::try_from(le_u32(&header[at..])).unwrap_or(usize::MAX);
        rest = behind.get(size(4).saturating_add(size(8))..).unwrap_or_default();
        Some(&header[40..])
    })
}

/// Packs entries into rows. An entry that has a row to itself is not copied.
pub(crate) fn pack<'a>(entries: impl Iterator<Item = &'a Entry> + Clone) -> Vec<Bytes> {
    let (mut rows, mut row) = (Vec::new(), Vec::<u8>::new());
    let mut coming: usize = entries.clone().map(Entry::size).sum();
    for entry in entries {
        if !row.is_empty() && row.len() + entry.size() > ROW_BYTES_MAX {
            rows.push(Bytes::from(std::mem::take(&mut row)));
        }
        if row.is_empty() && entry.size() > ROW_BYTES_MAX {
            rows.push(entry.0.clone());
            coming -= entry.size();
            continue;
        }
        if row.is_empty() {
            row.reserve_exact(coming.min(ROW_BYTES_MAX).max(entry.size()));
        }
        coming -= entry.size();
        row.extend_from_slice(&entry.0);
    }
    if !row.is_empty() {
        rows.push(row.into());
    }
    rows
}
