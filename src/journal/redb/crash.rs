//! A disk in memory whose power can be cut, whose syncs can fail or lie, and whose bits can flip.
//!
//! Each file keeps what its readers see, what is durable, and the writes since the last sync. At a
//! cut every such write is kept, dropped, or torn by sectors of 512 bytes, by a seed.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use ::redb::{Builder, Database, DatabaseError, StorageBackend};

use super::store::Disk;
use crate::journal::JournalError;
use crate::sync::{Mutex, MutexGuard, lock};

const SECTOR_BYTES: usize = 512;

/// `SplitMix64`
#[derive(Debug, Clone)]
pub(crate) struct Luck(u64);

impl Luck {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    pub(crate) fn index(&mut self, end: usize) -> usize {
        usize::try_from(self.below(u64::try_from(end).unwrap())).unwrap()
    }
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The power is cut at the n-th write, resize or sync.
    Cut(u64),
    /// Syncs do nothing and say that they did; the power is cut at the n-th operation, and
    /// whatever was not really synced is lost.
    Lie(u64),
    /// From the n-th read, write or sync on, that kind fails, so many times.
    Fail { what: Kind, at: u64, times: u64 },
}

/// A kind of operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Read,
    Write,
    Sync,
}

#[derive(Debug, Clone, Default)]
struct Content {
    /// What readers see.
    live: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Resize(usize),
}

#[derive(Debug)]
struct World {
    files: BTreeMap<String, Content>,
    made: bool,
    luck: Luck,
    fault: Option<Fault>,
    /// Writes, resizes and syncs so far.
    changes: u64,
    /// Operations so far of the kind that is to fail.
    counted: u64,
    /// The power is off.
    dead: bool,
}

/// The disk.
#[derive(Debug, Clone)]
pub(crate) struct CrashDisk(Arc<Mutex<World>>);

impl CrashDisk {
    /// An empty disk.
    pub(crate) fn new(seed: u64) -> Self {
        Self::with(BTreeMap::new(), false, seed)
    }

    fn with(files: BTreeMap<String, Content>, made: bool, seed: u64) -> Self {
        let luck = Luck::new(seed);
        let world = World { files, made, luck, fault: None, changes: 0, counted: 0, dead: false };
        Self(Arc::new(Mutex::new(world)))
    }

    fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.0)
    }

    /// What will go wrong from now on; counts from here.
    pub(crate) fn set_fault(&self, fault: Option<Fault>) {
        let mut world = self.world();
        (world.fault, world.changes, world.counted) = (fault, 0, 0);
    }

    /// Cuts the power now, if it is not off yet.
    pub(crate) fn cut(&self) {
        self.world().cut();
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.world().dead
    }

    /// The disk after the power is back.
    pub(crate) fn restart(&self, seed: u64) -> Self {
        let world = self.world();
        assert!(world.dead, "the power is still on");
        Self::with(world.files.clone(), world.made, seed)
    }

    /// A copy of what is durable.
    pub(crate) fn copy(&self, seed: u64) -> Self {
        let world = self.world();
        let files = world.files.iter().map(|(name, file)| {
            let (live, durable) = (file.durable.clone(), file.durable.clone());
            (name.clone(), Content { live, durable, pending: Vec::new() })
        });
        Self::with(files.collect(), world.made, seed)
    }

    /// Changes the durable bytes of a file behind everyone's back.
    pub(crate) fn damage(&self, file: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut world = self.world();
        let file = world.files.get_mut(file).unwrap();
        change(&mut file.durable);
        file.live = file.durable.clone();
    }

    pub(crate) fn bytes(&self, file: &str) -> usize {
        self.world().files.get(file).map_or(0, |file| file.durable.len())
    }
}

impl World {
    /// Counts an operation; fails where it is to fail.
    fn operation(&mut self, kind: Kind) -> io::Result<()> {
        if self.dead {
            return Err(io::Error::other("the power is off"));
        }
        self.changes += u64::from(kind != Kind::Read);
        match self.fault {
            Some(Fault::Cut(at) | Fault::Lie(at)) if self.changes >= at => {
                self.cut();
                Err(io::Error::other("the power went off"))
            }
            Some(Fault::Fail { what, at, times }) if what == kind => {
                self.counted += 1;
                let fails = self.counted >= at && self.counted < at + times;
                if fails { Err(io::Error::from(io::ErrorKind::StorageFull)) } else { Ok(()) }
            }
            Some(_) | None => Ok(()),
        }
    }

    fn cut(&mut self) {
        let lies = matches!(self.fault, Some(Fault::Lie(_)));
        if !std::mem::replace(&mut self.dead, true) {
            for file in self.files.values_mut() {
                let pending = std::mem::take(&mut file.pending);
                if !lies {
                    for change in pending {
                        survive(file, change, &mut self.luck);
                    }
                }
                file.live = file.durable.clone();
            }
        }
    }
}

/// What of a write that was not synced is there after a cut.
fn survive(file: &mut Content, change: Change, luck: &mut Luck) {
    match (change, luck.below(3)) {
        (_, 0) => {}
        (Change::Resize(size), _) => resize(&mut file.durable, size),
        (Change::Write(at, bytes), 1) => write_at(&mut file.durable, at, &bytes),
        (Change::Write(at, bytes), _) => {
            for (place, sector) in bytes.chunks(SECTOR_BYTES).enumerate() {
                if luck.below(2) == 0 {
                    write_at(&mut file.durable, at + place * SECTOR_BYTES, sector);
                }
            }
        }
    }
}

/// `Vec::resize` is slow where nothing is optimised.
fn resize(file: &mut Vec<u8>, size: usize) {
    match size.checked_sub(file.len()) {
        Some(more) => file.append(&mut vec![0; more]),
        None => file.truncate(size),
    }
}

fn write_at(file: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if file.len() < at + bytes.len() {
        resize(file, at + bytes.len());
    }
    file[at..at + bytes.len()].copy_from_slice(bytes);
}

impl Disk for CrashDisk {
    fn open(&self, file: &str, builder: &Builder) -> Result<Database, DatabaseError> {
        self.world().files.entry(file.to_owned()).or_default();
        builder.create_with_backend(CrashFile { disk: self.clone(), name: file.to_owned() })
    }

    fn size(&self, file: &str) -> Option<u64> {
        self.world().files.get(file).map(|file| u64::try_from(file.live.len()).unwrap())
    }

    fn rewrite(&self, file: &str) -> io::Result<()> {
        let mut world = self.world();
        world.operation(Kind::Write)?;
        world.operation(Kind::Sync)?;
        let file = world.files.get_mut(file).unwrap();
        file.durable = file.live.clone();
        file.pending.clear();
        Ok(())
    }

    fn rename(&self, file: &str, to: Option<&str>) -> io::Result<()> {
        let mut world = self.world();
        world.operation(Kind::Sync)?;
        let content = world.files.remove(file).unwrap();
        if let Some(to) = to {
            world.files.insert(to.to_owned(), content);
        }
        Ok(())
    }

    fn is_made(&self) -> Result<bool, JournalError> {
        Ok(self.world().made)
    }

    fn set_made(&self) -> Result<(), JournalError> {
        let mut world = self.world();
        world.operation(Kind::Sync).map_err(|error| super::store::io_fault("FORMAT", &error))?;
        world.made = true;
        Ok(())
    }

    fn path(&self, file: &str) -> String {
        file.to_owned()
    }

    fn release(&self) {}
}

#[derive(Debug)]
struct CrashFile {
    disk: CrashDisk,
    name: String,
}

impl CrashFile {
    fn with<T>(
        &self,
        kind: Kind,
        work: impl FnOnce(&mut Content, &mut World) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut world = self.disk.world();
        let allowed = world.operation(kind);
        let mut file = world.files.remove(&self.name).unwrap();
        let result = match allowed {
            Ok(()) => work(&mut file, &mut world),
            Err(error) => {
                if kind == Kind::Sync && !world.dead {
                    forget_some(&mut file, &mut world.luck);
                }
                Err(error)
            }
        };
        world.files.insert(self.name.clone(), file);
        result
    }
}

/// After a failed sync the system takes pages for written that are not.
fn forget_some(file: &mut Content, luck: &mut Luck) {
    for change in std::mem::take(&mut file.pending) {
        if luck.below(2) == 0 {
            survive(file, change, luck);
        }
    }
}

impl StorageBackend for CrashFile {
    fn len(&self) -> io::Result<u64> {
        let world = self.disk.world();
        Ok(u64::try_from(world.files[&self.name].live.len()).unwrap())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.with(Kind::Read, |file, _| {
            let at = usize::try_from(offset).unwrap();
            let end = at.saturating_add(out.len());
            let bytes = file.live.get(at..end).ok_or(io::ErrorKind::UnexpectedEof)?;
            out.copy_from_slice(bytes);
            Ok(())
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.with(Kind::Write, |file, _| {
            let size = usize::try_from(len).unwrap();
            resize(&mut file.live, size);
            file.pending.push(Change::Resize(size));
            Ok(())
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.with(Kind::Sync, |file, world| {
            if !matches!(world.fault, Some(Fault::Lie(_))) {
                for change in std::mem::take(&mut file.pending) {
                    match change {
                        Change::Write(at, bytes) => write_at(&mut file.durable, at, &bytes),
                        Change::Resize(size) => resize(&mut file.durable, size),
                    }
                }
            }
            Ok(())
        })
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.with(Kind::Write, |file, _| {
            let at = usize::try_from(offset).unwrap();
            write_at(&mut file.live, at, data);
            file.pending.push(Change::Write(at, data.to_vec()));
            Ok(())
        })
    }
}
