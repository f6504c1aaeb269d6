//! Which files belong together: each says whose it is and which epoch wrote it last.

use ::redb::{Error, ReadTransaction, ReadableTable, WriteTransaction};
use bytes::Bytes;

use super::moved::Moved;
use super::tables::{self, OUTBOX, corrupted, meta, set_meta};
use crate::journal::frame::le_u32;

const IDENTITY: &str = "identity";

/// Whose file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    /// The id of the data folder.
    pub(super) folder: [u8; 16],
    /// The highest epoch of the process that wrote the file last.
    pub(super) epoch: u32,
}

pub(super) fn identity(txn: &ReadTransaction) -> Result<Identity, Error> {
    let bytes = meta(txn, IDENTITY)?;
    let (folder, epoch) = bytes.split_first_chunk::<16>().ok_or_else(|| corrupted(IDENTITY))?;
    let epoch = epoch.get(..4).map(le_u32).ok_or_else(|| corrupted(IDENTITY))?;
    Ok(Identity { folder: *folder, epoch })
}

pub(super) fn set_identity(txn: &WriteTransaction, identity: Identity) -> Result<(), Error> {
    let value = [&identity.folder[..], &identity.epoch.to_le_bytes()].concat();
    set_meta(txn, IDENTITY, &value)
}

/// What a journal's file says of the archive that belongs to it.
#[derive(Debug, Clone)]
pub(super) struct HandedOut {
    pub(super) identity: Identity,
    /// What the outbox no longer has, since the archive has it.
    pub(super) moved: Moved,
    /// The rows of the outbox.
    pub(super) rows: Vec<(u64, Bytes)>,
}

impl HandedOut {
    pub(super) fn read(txn: &ReadTransaction) -> Result<Self, Error> {
        let rows = txn.open_table(OUTBOX)?;
        let rows = rows.iter()?.map(|row| {
            let (number, row) = row?;
            Ok::<_, Error>((number.value(), Bytes::copy_from_slice(row.value())))
        });
        let rows = rows.collect::<Result<_, _>>()?;
        Ok(Self { identity: identity(txn)?, moved: tables::moved(txn)?, rows })
    }

    /// The last row that the outbox has had.
    pub(super) fn last(&self) -> u64 {
        self.rows.last().map_or(self.moved.row, |(number, _)| *number)
    }

    /// Why the archive beside it, filled up to `filled`, cannot be used with it, if so. An archive
    /// that is behind lacks nothing as long as the outbox has what comes next.
    pub(super) fn apart(&self, archive: Identity, filled: Moved) -> Option<String> {
        let (last, filled_row) = (self.last(), filled.row);
        if self.identity.folder != archive.folder {
            return Some("archive.redb is from another folder than journal.redb".to_owned());
        }
        if archive.epoch > self.identity.epoch {
            return Some("journal.redb is older than archive.redb beside it".to_owned());
        }
        if filled_row > last {
            return Some(format!(
                "archive.redb holds finished runs up to row {filled_row}, and journal.redb knows of \
                 {last}: it is older"
            ));
        }
        let fits = filled_row < self.moved.row || filled.fits(self.moved, &self.rows);
        (!fits).then(|| {
            "archive.redb holds other finished runs than journal.redb has handed out: they are from \
             two copies of one folder"
                .to_owned()
        })
    }
}
