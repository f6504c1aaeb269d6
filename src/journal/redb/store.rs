//! One database file: opened, closed, opened again; every fault of redb as a sentence.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ::redb::{Builder, Database, DatabaseError, Error, ReadTransaction, WriteTransaction};

use crate::guard;
use crate::journal::JournalError;
use crate::sync::{RwLock, read, write};

/// Where database files are: a folder, or a made-up disk in tests.
pub(crate) trait Disk: Send + Sync + std::fmt::Debug {
    /// Opens the database in a file, made if it is not there.
    ///
    /// # Errors
    /// As redb has it.
    fn open(&self, file: &str, builder: &Builder) -> Result<Database, DatabaseError>;

    /// The size of a file in bytes; `None`: it is not there.
    fn size(&self, file: &str) -> Option<u64>;

    /// Writes the whole file once more and syncs it. After a failed sync the system may take pages
    /// for written that never reached the disk.
    ///
    /// # Errors
    /// Where the disk still does not work.
    fn rewrite(&self, file: &str) -> io::Result<()>;

    /// Gives a file another name, durably; or takes it away.
    ///
    /// # Errors
    /// Where the disk does not work.
    fn rename(&self, file: &str, to: Option<&str>) -> io::Result<()>;

    /// Whether [`Disk::set_made`] was called once: then the tables must be there.
    ///
    /// # Errors
    /// Where that cannot be read, or a newer version made the data folder.
    fn is_made(&self) -> Result<bool, JournalError>;

    /// Records durably that the journal file has its tables.
    ///
    /// # Errors
    /// Where that cannot be written.
    fn set_made(&self) -> Result<(), JournalError>;

    /// The path of a file, for people.
    fn path(&self, file: &str) -> String;

    /// Lets others have it.
    fn release(&self);
}

/// One database file.
#[derive(Debug)]
pub(super) struct Store {
    disk: Arc<dyn Disk>,
    file: &'static str,
    cache_bytes: usize,
    db: RwLock<Option<Database>>,
    /// A write has failed: what the system shows may not be what the disk has.
    suspect: AtomicBool,
}

impl Store {
    pub(super) fn new(disk: Arc<dyn Disk>, file: &'static str, cache_bytes: usize) -> Self {
        Self { disk, file, cache_bytes, db: RwLock::new(None), suspect: AtomicBool::new(false) }
    }

    /// Opens the file, if it is not open. After a failed write it is written once more before.
    pub(super) fn open(&self) -> Result<(), JournalError> {
        let mut db = write(&self.db);
        if db.is_none() {
            if self.suspect.load(Ordering::Relaxed) {
                self.disk.rewrite(self.file).map_err(|error| io_fault(&self.path(), &error))?;
                self.suspect.store(false, Ordering::Relaxed);
            }
            *db = Some(self.guarded(|| self.open_file(self.file))?);
        }
        Ok(())
    }

    fn open_file(&self, file: &str) -> Result<Database, Error> {
        let mut builder = Database::builder();
        builder.set_cache_size(self.cache_bytes);
        Ok(self.disk.open(file, &builder)?)
    }

    /// Makes the file with its tables: under another name first, so that a crash leaves nothing
    /// half made.
    pub(super) fn create(
        &self,
        make: impl FnOnce(&WriteTransaction) -> Result<(), Error>,
    ) -> Result<(), JournalError> {
        let draft = format!("{}.new", self.file);
        self.guarded(|| {
            if self.disk.size(&draft).is_some() {
                self.disk.rename(&draft, None)?;
            }
            let db = self.open_file(&draft)?;
            let txn = db.begin_write()?;
            make(&txn)?;
            txn.commit()?;
            db.close()?;
            Ok(self.disk.rename(&draft, Some(self.file))?)
        })
    }

    pub(super) fn is_open(&self) -> bool {
        read(&self.db).is_some()
    }

    /// Closes the file.
    pub(super) fn close(&self) {
        let db = write(&self.db).take();
        // A damaged file may make redb panic while it closes; it is closed then all the same.
        guard::guarded(|| drop(db)).unwrap_or_default();
    }

    /// Whether the file is there; it need not be open.
    pub(super) fn exists(&self) -> bool {
        self.disk.size(self.file).is_some()
    }

    pub(super) fn size(&self) -> u64 {
        self.disk.size(self.file).unwrap_or(0)
    }

    pub(super) fn path(&self) -> String {
        self.disk.path(self.file)
    }

    /// Reads within one transaction.
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&ReadTransaction) -> Result<T, Error>,
    ) -> Result<T, JournalError> {
        let txn = self.snapshot()?;
        self.guarded(move || work(&txn))
    }

    /// Writes within one transaction; commits it.
    pub(super) fn write<T>(
        &self,
        work: impl FnOnce(&mut WriteTransaction) -> Result<T, Error>,
    ) -> Result<T, JournalError> {
        let result = self.with(|db| {
            let mut txn = db.begin_write()?;
            let value = work(&mut txn)?;
            txn.commit()?;
            Ok(value)
        });
        if result.is_err() {
            self.suspect.store(true, Ordering::Relaxed);
        }
        result
    }

    fn with<T>(&self, work: impl FnOnce(&Database) -> Result<T, Error>) -> Result<T, JournalError> {
        let db = read(&self.db);
        let db = db.as_ref().ok_or(JournalError::Closed)?;
        self.guarded(|| work(db))
    }

    /// Lets redb verify every page; says what is wrong. Nobody else may use the store.
    pub(super) fn check_integrity(&self) -> Option<String> {
        let mut db = write(&self.db);
        let db = db.as_mut()?;
        match self.guarded(|| Ok(db.check_integrity()?)) {
            Ok(true) => None,
            Ok(false) => Some("it was damaged and has been repaired".to_owned()),
            Err(error) => Some(error.to_string()),
        }
    }

    /// The state as of now, to be read while the store goes on.
    pub(super) fn snapshot(&self) -> Result<ReadTransaction, JournalError> {
        self.with(|db| Ok(::redb::ReadableDatabase::begin_read(db)?))
    }

    /// redb trusts the structure of its file: where that is broken it may panic.
    pub(super) fn guarded<T>(
        &self,
        work: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, JournalError> {
        match guard::guarded(work) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(fault(&self.path(), error)),
            Err(_) => Err(self.damaged("its structure is broken")),
        }
    }

    pub(super) fn damaged(&self, what: impl Into<String>) -> JournalError {
        JournalError::Damaged { path: self.path(), what: what.into() }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "what else redb says cannot be acted upon")]
fn fault(path: &str, error: Error) -> JournalError {
    match error {
        Error::Io(error) => io_fault(path, &error),
        Error::PreviousIo => {
            JournalError::Io { path: path.to_owned(), what: "an earlier write failed".to_owned() }
        }
        Error::DatabaseAlreadyOpen => {
            JournalError::Locked { folder: path.to_owned(), pid: String::new() }
        }
        Error::DatabaseClosed => JournalError::Closed,
        Error::Corrupted(what) => JournalError::Damaged { path: path.to_owned(), what },
        other => JournalError::Damaged { path: path.to_owned(), what: other.to_string() },
    }
}

/// What the system said, and what to do about it.
pub(super) fn io_fault(path: &str, error: &io::Error) -> JournalError {
    let path = path.to_owned();
    if error.kind() == io::ErrorKind::InvalidData {
        return JournalError::Damaged { path, what: "it is not a journal".to_owned() };
    }
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return JournalError::Damaged { path, what: "it ends too early".to_owned() };
    }
    let known = SENTENCES.iter().find(|(kind, _)| *kind == error.kind());
    let what = known.map_or_else(|| error.to_string(), |(_, what)| (*what).to_owned());
    JournalError::Io { path, what }
}

/// What people are told of the errors that they can do something about.
const SENTENCES: &[(io::ErrorKind, &str)] = &[
    (io::ErrorKind::StorageFull, "the disk is full; free some space"),
    (io::ErrorKind::FileTooLarge, "it may not grow further; raise the limit (ulimit -f)"),
    (io::ErrorKind::QuotaExceeded, "the quota is used up; free some space"),
    (
        io::ErrorKind::ReadOnlyFilesystem,
        "the file system is read-only; name another folder with --data",
    ),
    (
        io::ErrorKind::PermissionDenied,
        "no permission; change its owner or mode, or name another folder with --data",
    ),
    (io::ErrorKind::NotADirectory, "it is not a folder; name another one with --data"),
    (io::ErrorKind::AlreadyExists, "it is not a folder; name another one with --data"),
];
