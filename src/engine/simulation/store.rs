//! What is behind the simulated journal and outlives the process: a real journal.

use std::sync::{Arc, mpsc};

use crate::clock::Timestamp;
use crate::id::ShardId;
use crate::journal::crash::CrashDisk;
use crate::journal::{
    Appended, Batch, Fence, Journal, MemoryJournal, Options, RedbJournal, Urgency,
};
use crate::luck::Luck;

/// What survives a process.
#[derive(Debug, Clone)]
pub(super) enum Ground {
    /// All that has landed.
    Memory(Arc<MemoryJournal>),
    /// The files of redb, on a disk whose power can be cut.
    Disk(CrashDisk),
}

impl Ground {
    /// A journal on it.
    pub(super) fn open(&self) -> Result<Arc<dyn Journal>, String> {
        Ok(match self {
            Self::Memory(journal) => Arc::<MemoryJournal>::clone(journal),
            Self::Disk(disk) => {
                let journal = RedbJournal::open_on(Arc::new(disk.clone()), &Options::default());
                Arc::new(journal.map_err(|error| error.to_string())?)
            }
        })
    }

    /// What is there now, to go on from once more.
    pub(super) fn copy(&self, luck: &mut Luck) -> Self {
        match self {
            Self::Memory(journal) => Self::Memory(Arc::new(journal.copy())),
            Self::Disk(disk) => Self::Disk(disk.copy(luck.next())),
        }
    }

    /// What is there after the process has died, and on a disk the power with it.
    pub(super) fn crash(&self, luck: &mut Luck) -> Self {
        match self {
            Self::Memory(journal) => Self::Memory(Arc::clone(journal)),
            Self::Disk(disk) => {
                disk.cut();
                Self::Disk(disk.restart(luck.next()))
            }
        }
    }
}

/// Makes one batch durable, and waits for it.
pub(super) fn land(store: &dyn Journal, fence: Fence, batch: &Arc<Batch>) -> Appended {
    let (tell, told) = mpsc::channel();
    let drain = vec![(fence, Arc::clone(batch))];
    store.append(drain, Urgency::Now, Box::new(move |results| drop(tell.send(results))));
    let mut results = told.recv().expect("a journal tells each append");
    results.pop().expect("one result for one batch")
}

/// Another process takes all shards over.
pub(super) fn take_over(store: &dyn Journal, now: Timestamp) -> Vec<Fence> {
    let shards: Vec<_> = ShardId::all().collect();
    store.acquire(&shards, now).expect("the store can be written")
}
