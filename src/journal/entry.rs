//! Entries of the archive as bytes, and the rows that they are packed into.
//!
//! A row is first a row of the outbox in `journal.redb` and then, byte for byte, a chunk in
//! `archive.redb`. `docs/journal-format.md` draws it.

use bytes::Bytes;

use super::checksum::checksum;
use super::codec;
use super::frame::{ROW_BYTES_MAX, le_u32};
use super::model::RunSummary;
use crate::id::RunId;

/// The version of an entry that is written.
const ENTRY_VERSION: u8 = 1;

/// The bytes of an entry before its summary.
pub(crate) const ENTRY_HEADER_BYTES: usize = 36;

const ARCHIVED: u8 = 1;
const REMOVED: u8 = 2;

/// A change of the archive, encoded.
#[derive(Debug)]
pub(crate) struct Entry(Vec<u8>);

impl Entry {
    /// A finished run.
    pub(crate) fn archived(summary: &RunSummary, state: &[u8]) -> Self {
        Self(encode(ARCHIVED, summary.id, &codec::encode_summary(summary), state))
    }

    /// A run that goes on.
    pub(crate) fn removed(run: RunId) -> Self {
        Self(encode(REMOVED, run, &[], &[]))
    }

    /// How many bytes it takes.
    pub(crate) fn size(&self) -> usize {
        self.0.len()
    }
}

fn encode(kind: u8, run: RunId, summary: &[u8], state: &[u8]) -> Vec<u8> {
    let length = |part: &[u8]| u32::try_from(part.len()).expect("invariant: below 4 GiB");
    let mut bytes = Vec::with_capacity(ENTRY_HEADER_BYTES + summary.len() + state.len());
    bytes.extend_from_slice(&[ENTRY_VERSION, kind, 0, 0]);
    bytes.extend_from_slice(&length(summary).to_le_bytes());
    bytes.extend_from_slice(&length(state).to_le_bytes());
    bytes.extend_from_slice(&run.to_bytes());
    bytes.extend_from_slice(&checksum(&[state]).to_le_bytes());
    bytes.extend_from_slice(&checksum(&[&bytes, summary]).to_le_bytes());
    bytes.extend_from_slice(summary);
    bytes.extend_from_slice(state);
    bytes
}

/// An entry as it was found, its header and summary checked.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    /// Whose.
    pub(crate) run: RunId,
    /// `None`: the run leaves the archive.
    pub(crate) summary: Option<RunSummary>,
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
        if le_u32(&header[32..]) != checksum(&[&header[..32], summary]) {
            return Err("its summary does not fit its checksum");
        }
        if header[0] != ENTRY_VERSION || end > bytes.len() {
            return Err("its version or length is wrong");
        }
        let run = RunId::from_bytes(header[12..28].try_into().expect("invariant: 16 bytes"));
        let summary = match header[1] {
            ARCHIVED => Some(codec::decode_summary(summary).map_err(|_| "an unreadable summary")?),
            REMOVED => None,
            _ => return Err("it is of an unknown kind"),
        };
        Ok(Self { run, summary, bytes: bytes.slice(..end), state_at })
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
        if le_u32(&self.bytes[28..]) == checksum(&[&state]) {
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

/// Packs entries into rows.
pub(crate) fn pack<'a>(entries: impl Iterator<Item = &'a Entry> + Clone) -> Vec<Bytes> {
    let (mut rows, mut row) = (Vec::new(), Vec::<u8>::new());
    let mut coming: usize = entries.clone().map(Entry::size).sum();
    for entry in entries {
        if !row.is_empty() && row.len() + entry.size() > ROW_BYTES_MAX {
            rows.push(Bytes::from(std::mem::take(&mut row)));
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
