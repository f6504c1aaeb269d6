//! Finished runs between the two files.
//!
//! A finished run is made durable as a row of the journal's own file, in the commit that ends it.
//! From there a thread moves many at a time to `archive.redb`; until then they are answered from
//! memory. So the hot file stays small, however many runs have ended, and one commit still holds
//! all of a batch or nothing. This module never writes the journal's file: the log thread deletes
//! the rows that have been moved.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

use super::archive;
use super::identity::{Identity, identity, set_identity};
use super::moved::Moved;
use super::store::Store;
use super::tables::make_archive;
use crate::id::RunId;
use crate::journal::entry::{Stored, entries};
use crate::journal::{Damage, JournalError, Place};
use crate::sync::{Condvar, Mutex, MutexGuard, lock, wait};

/// From so many bytes on the outbox is moved.
const MOVE_BYTES_MIN: usize = 4 << 20;
/// Or from so many rows on.
const MOVE_ROWS_MIN: usize = if cfg!(test) { 10 } else { 1_000 };
/// At most about so many bytes are moved in one commit.
const MOVE_BYTES_MAX: usize = 16 << 20;
/// With so many bytes waiting, no batch with finished runs is committed before some are moved.
const OUTBOX_BYTES_MAX: usize = 64 << 20;

/// What waits to be moved.
#[derive(Debug)]
pub(super) struct Outbox {
    inner: Mutex<Inner>,
    changed: Condvar,
    /// Held while the archive is written.
    moving: Mutex<()>,
}

#[derive(Debug)]
struct Inner {
    rows: VecDeque<(u64, Bytes)>,
    bytes: usize,
    /// Rows whose entries are not in `latest` yet: they are read when somebody asks.
    unread: Vec<(u64, Bytes)>,
    /// The newest change of each run that waits, with the number of its row.
    latest: BTreeMap<RunId, (u64, Stored)>,
    /// What the archive holds durably.
    moved: Moved,
    failed: Option<JournalError>,
    /// Whose the files are, and who writes them.
    identity: Identity,
    /// The archive has its tables.
    archive: bool,
    /// The thread has been called and has not looked yet.
    called: bool,
    closed: bool,
}

impl Inner {
    /// The newest changes, those in unread rows included. What stands behind damage in a row cannot
    /// be read; [`Outbox::damages`] tells of it.
    fn read_up(&mut self) -> &BTreeMap<RunId, (u64, Stored)> {
        for (number, row) in self.unread.drain(..) {
            for (_, entry) in entries(&row).flatten() {
                self.latest.insert(entry.run, (number, entry));
            }
        }
        &self.latest
    }
}

impl Outbox {
    /// An empty one; the archive, if there is one, has the rows up to `moved`.
    pub(super) fn new(moved: Moved, identity: Identity, archive: bool) -> Self {
        let inner = Mutex::new(Inner {
            rows: VecDeque::new(),
            bytes: 0,
            unread: Vec::new(),
            latest: BTreeMap::new(),
            moved,
            failed: None,
            identity,
            archive,
            called: false,
            closed: false,
        });
        Self { inner, changed: Condvar::new(), moving: Mutex::new(()) }
    }

    /// A process writes the files from here on.
    pub(super) fn enter(&self, epoch: u32) -> Identity {
        let mut inner = self.lock();
        inner.identity.epoch = epoch.max(inner.identity.epoch);
        inner.identity
    }

    /// Whose the files are.
    pub(super) fn identity(&self) -> Identity {
        self.lock().identity
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }

    /// Adds a durable row.
    pub(super) fn add(&self, number: u64, row: Bytes) {
        let mut inner = self.lock();
        inner.bytes += row.len();
        inner.rows.push_back((number, row.clone()));
        inner.unread.push((number, row));
        let full = inner.bytes >= MOVE_BYTES_MIN || inner.rows.len() >= MOVE_ROWS_MIN;
        if full && !inner.called {
            inner.called = true;
            self.changed.notify_all();
        }
    }

    /// What of the rows that wait cannot be read.
    pub(super) fn damages(&self) -> Vec<Damage> {
        let inner = self.lock();
        let found = inner.rows.iter().filter_map(|(number, row)| {
            let what = entries(row).find_map(Result::err)?;
            let what = format!("row {number} of the outbox: {what}");
            Some(Damage::beside(Place::Archive, None, what))
        });
        found.collect()
    }

    /// Waits until there is room for more.
    pub(super) fn make_room(&self) -> Result<(), JournalError> {
        let mut inner = self.lock();
        while inner.bytes > OUTBOX_BYTES_MAX {
            if let Some(error) = &inner.failed {
                return Err(error.clone());
            }
            inner.called = true;
            self.changed.notify_all();
            inner = wait(&self.changed, inner);
        }
        Ok(())
    }

    /// The newest change of a run that waits; its summary is `None` where the run was taken out.
    pub(super) fn find(&self, run: RunId) -> Option<Stored> {
        self.lock().read_up().get(&run).map(|(_, entry)| entry.clone())
    }

    /// The newest changes of all runs that wait.
    pub(super) fn latest(&self) -> Vec<Stored> {
        self.lock().read_up().values().map(|(_, entry)| entry.clone()).collect()
    }

    /// What the archive holds durably.
    pub(super) fn moved(&self) -> Moved {
        self.lock().moved
    }

    /// Whether there is an archive yet.
    pub(super) fn has_archive(&self) -> bool {
        self.lock().archive
    }

    /// Keeps the archive as it is for as long as the guard lives.
    pub(super) fn pause(&self) -> MutexGuard<'_, ()> {
        lock(&self.moving)
    }

    /// Moves what waits, and waits for it: a reader then finds all in the archive.
    pub(super) fn settle(&self) -> Result<(), JournalError> {
        let mut inner = self.lock();
        let last = inner.rows.back().map_or(0, |(number, _)| *number);
        while inner.moved.row < last && !inner.closed {
            if let Some(error) = &inner.failed {
                return Err(error.clone());
            }
            inner.called = true;
            self.changed.notify_all();
            inner = wait(&self.changed, inner);
        }
        Ok(())
    }

    /// Forgets a failure: the next rows are tried again.
    pub(super) fn recover(&self) {
        self.lock().failed = None;
    }

    /// Ends [`Outbox::serve`].
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Moves rows whenever there are enough; the body of the thread.
    pub(super) fn serve(&self, archive: &Arc<Store>) {
        while let Some(rows) = self.wait() {
            let pause = self.pause();
            let (moved, end) = (self.moved(), self.moved().behind(&rows));
            let result = move_rows(archive, &rows, (moved, end), self.identity());
            drop(pause);
            if result.is_err() {
                archive.close();
            }
            self.moved_or_failed(&rows, result.map(|()| end));
        }
    }

    fn wait(&self) -> Option<Vec<(u64, Bytes)>> {
        let mut inner = self.lock();
        while !inner.called && !inner.closed {
            inner = wait(&self.changed, inner);
        }
        if inner.closed {
            return None;
        }
        inner.called = false;
        let mut room = MOVE_BYTES_MAX;
        let fits = |(_, row): &&(u64, Bytes)| {
            let before = room;
            room = room.saturating_sub(row.len());
            before > 0
        };
        Some(inner.rows.iter().take_while(fits).cloned().collect())
    }

    fn moved_or_failed(&self, rows: &[(u64, Bytes)], result: Result<Moved, JournalError>) {
        let mut inner = self.lock();
        match result {
            Ok(end) => {
                inner.failed = None;
                inner.archive = true;
                inner.rows.drain(..rows.len());
                inner.bytes -= rows.iter().map(|(_, row)| row.len()).sum::<usize>();
                inner.moved = end;
                inner.latest.retain(|_, (number, _)| *number > end.row);
                inner.unread.retain(|(number, _)| *number > end.row);
                inner.called |= inner.bytes >= MOVE_BYTES_MIN;
            }
            Err(error) => inner.failed = Some(error),
        }
        self.changed.notify_all();
    }
}

/// Opens the archive, made if it is not there; it must hold the rows up to `moved`.
pub(super) fn open_archive(
    archive: &Store,
    moved: Moved,
    identity: Identity,
) -> Result<(), JournalError> {
    if moved.row == 0 && !archive.exists() {
        archive.create(|txn| make_archive(txn, identity))?;
    }
    archive.open()?;
    if archive.read(archive::filled)?.row < moved.row {
        return Err(archive.damaged("runs that were moved to it are missing"));
    }
    Ok(())
}

/// Whose the archive is, and what it has of the outbox.
pub(super) fn archive_end(archive: &Store) -> Result<(Identity, Moved), JournalError> {
    archive.read(|txn| Ok((identity(txn)?, archive::filled(txn)?)))
}

fn move_rows(
    archive: &Store,
    rows: &[(u64, Bytes)],
    (moved, end): (Moved, Moved),
    identity: Identity,
) -> Result<(), JournalError> {
    if rows.is_empty() {
        return Ok(());
    }
    if !archive.is_open() {
        open_archive(archive, moved, identity)?;
    }
    archive.write(|txn| {
        // The file may be large: it must open at once after a crash. Costs a second sync.
        txn.set_quick_repair(true);
        set_identity(txn, identity)?;
        archive::take_over(txn, rows, end)
    })
}
