//! The data folder: its lock, its format, its files.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ::redb::{Builder, Database, DatabaseError};
use rustix::fs::SeekFrom as Place;
use rustix::io::Errno;

use super::store::{Disk, io_fault};
use crate::clock::Clock;
use crate::id::SHARDS;
use crate::journal::JournalError;
use crate::sync::{Mutex, lock};

/// The format of data folders that this version makes and reads.
pub(super) const FORMAT: u32 = 3;

const FORMAT_FILE: &str = "FORMAT";
const LOCK_FILE: &str = "lock";
const FIRST_WORDS: &str = "windlass data folder, format ";

/// What is copied at a time when a file is written once more.
const REWRITE_BYTES: u64 = 1 << 20;

/// Where data begins at or behind `at`: what was never written stays so, since the disk may be full.
fn data_from(file: &File, at: u64) -> io::Result<Option<u64>> {
    match rustix::fs::seek(file, Place::Data(at)) {
        Ok(start) => Ok(Some(start)),
        Err(Errno::NXIO) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn rewrite_part(file: &mut File, start: u64, end: u64) -> io::Result<()> {
    let (mut buffer, mut at) = (Vec::new(), start);
    while at < end {
        let part = (end - at).min(REWRITE_BYTES);
        file.seek(SeekFrom::Start(at))?;
        buffer.clear();
        file.take(part).read_to_end(&mut buffer)?;
        file.seek(SeekFrom::Start(at))?;
        file.write_all(&buffer)?;
        at += part;
    }
    Ok(())
}

/// Nobody but the owner reads what runs have worked on.
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// Makes the folder if it is not there; one that is there keeps its mode.
fn make_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    match std::fs::DirBuilder::new().mode(FOLDER_MODE).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        made => made,
    }
}

fn new_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(FILE_MODE).open(path)
}

/// A locked data folder.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    lock: Mutex<Option<File>>,
}

impl Folder {
    /// Makes the folder if it is not there, and locks it.
    pub(super) fn lock(path: &Path) -> Result<Self, JournalError> {
        let name = path.display().to_string();
        make_folder(path).map_err(|error| io_fault(&name, &error))?;
        let lock_path = path.join(LOCK_FILE);
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(FILE_MODE)
            .open(&lock_path)
            .map_err(|error| io_fault(&name, &error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(JournalError::Locked { folder: name, pid: holder(&mut lock) });
            }
            Err(TryLockError::Error(error)) => return Err(io_fault(&name, &error)),
        }
        write_pid(&mut lock).map_err(|error| io_fault(&name, &error))?;
        Ok(Self { path: path.to_owned(), lock: Mutex::new(Some(lock)) })
    }

    fn write_format(&self) -> io::Result<()> {
        let made = Clock::system().now();
        let text = format!("{FIRST_WORDS}{FORMAT}\nshards {SHARDS}\nmade {made}\n");
        let draft = self.path.join("FORMAT.new");
        let mut file = new_file(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&draft, self.path.join(FORMAT_FILE))?;
        File::open(&self.path)?.sync_all()
    }

    fn check_format(&self, text: &str) -> Result<(), JournalError> {
        let damaged = || JournalError::Damaged {
            path: self.path(FORMAT_FILE),
            what: "it does not say which format the folder has".to_owned(),
        };
        let mut lines = text.lines();
        let found = lines.next().and_then(|line| line.strip_prefix(FIRST_WORDS));
        let found: u32 = found.and_then(|n| n.parse().ok()).ok_or_else(damaged)?;
        if found > FORMAT {
            let folder = self.path.display().to_string();
            return Err(JournalError::Newer { folder, found, known: FORMAT });
        }
        if found < FORMAT {
            let folder = self.path.display().to_string();
            return Err(JournalError::Older { folder, found, known: FORMAT });
        }
        let shards = format!("shards {SHARDS}");
        if lines.any(|line| line == shards) { Ok(()) } else { Err(damaged()) }
    }
}

fn holder(lock: &mut File) -> String {
    let mut pid = String::new();
    let read = lock.read_to_string(&mut pid).is_ok();
    match pid.trim().parse::<u32>() {
        Ok(pid) if read => format!(" (pid {pid})"),
        _ => String::new(),
    }
}

fn write_pid(lock: &mut File) -> io::Result<()> {
    lock.set_len(0)?;
    lock.seek(SeekFrom::Start(0))?;
    writeln!(lock, "{}", std::process::id())
}

impl Disk for Folder {
    fn open(&self, file: &str, builder: &Builder) -> Result<Database, DatabaseError> {
        let path = self.path.join(file);
        if !path.exists() {
            new_file(&path).map_err(|error| DatabaseError::Storage(error.into()))?;
        }
        builder.create(path)
    }

    fn size(&self, file: &str) -> Option<u64> {
        std::fs::metadata(self.path.join(file)).ok().map(|found| found.len())
    }

    fn rewrite(&self, file: &str) -> io::Result<()> {
        let mut file = OpenOptions::new().read(true).write(true).open(self.path.join(file))?;
        let mut end = 0;
        while let Some(start) = data_from(&file, end)? {
            end = rustix::fs::seek(&file, Place::Hole(start))?;
            rewrite_part(&mut file, start, end)?;
        }
        file.sync_all()
    }

    fn rename(&self, file: &str, to: Option<&str>) -> io::Result<()> {
        match to {
            Some(to) => std::fs::rename(self.path.join(file), self.path.join(to))?,
            None => std::fs::remove_file(self.path.join(file))?,
        }
        File::open(&self.path)?.sync_all()
    }

    fn is_made(&self) -> Result<bool, JournalError> {
        match std::fs::read_to_string(self.path.join(FORMAT_FILE)) {
            Ok(text) => self.check_format(&text).map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(io_fault(&self.path(FORMAT_FILE), &error)),
        }
    }

    fn set_made(&self) -> Result<(), JournalError> {
        self.write_format().map_err(|error| io_fault(&self.path(FORMAT_FILE), &error))
    }

    fn path(&self, file: &str) -> String {
        self.path.join(file).display().to_string()
    }

    fn release(&self) {
        lock(&self.lock).take();
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{FileExt, MetadataExt};

    use super::*;

    #[test]
    fn a_file_that_is_written_once_more_keeps_its_bytes_and_its_holes() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::lock(place.path()).unwrap();
        let file = File::create(place.path().join("sparse")).unwrap();
        file.write_all_at(b"begin", 0).unwrap();
        file.write_all_at(&vec![7; 3_000_000], 20 << 20).unwrap();
        file.set_len(64 << 20).unwrap();
        file.sync_all().unwrap();
        let (bytes, blocks) =
            (std::fs::read(place.path().join("sparse")).unwrap(), file.metadata());
        folder.rewrite("sparse").unwrap();
        assert!(std::fs::read(place.path().join("sparse")).unwrap() == bytes);
        assert_eq!(file.metadata().unwrap().blocks(), blocks.unwrap().blocks());
    }
}
