//! A journal whose commits come late, fail, leave things unknown and recover, over a real one.
//!
//! A batch that is handed over waits; the world decides when it lands, and later when that is told:
//! the batches of one shard in their order, those of different shards in any.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

use super::fault::Fault;
use super::store::land;
use crate::id::{RunId, ShardId};
use crate::journal::{
    Appended, Batch, Beside, Done, Fence, Journal, JournalError, RunSummary, Tail,
};
use crate::luck::Luck;
use crate::sync::{Mutex, MutexGuard, lock};

/// A batch that is durable, and whose.
pub(super) type Landed = (Fence, Arc<Batch>);

/// The simulated journal.
pub(super) struct Port {
    pub(super) store: Arc<dyn Journal>,
    pub(super) fault: Option<Fault>,
    inner: Mutex<Inner>,
}

pub(super) struct Inner {
    pub(super) luck: Luck,
    /// Appends that have not been told, oldest first.
    pub(super) calls: VecDeque<Call>,
    /// Which shards take nothing until the journal is opened again.
    pub(super) failed: Failed,
    landed: Vec<Landed>,
    pub(super) pressure: u64,
    /// Held back by [`Fault::LateLetter`].
    late: Vec<Beside>,
    /// First entries of the archive, for [`Fault::OldArchive`].
    pub(super) old: HashMap<RunId, (RunSummary, Bytes)>,
    /// Where logs ended before a lost batch, for [`Fault::UnknownNotFound`].
    pub(super) tails: BTreeMap<ShardId, Tail>,
    /// How often a version, and a page of dead letters, was read.
    pub(super) definitions_read: usize,
    pub(super) letters_read: usize,
}

/// One append: its batches, and how they went.
pub(super) struct Call {
    pub(super) batches: Vec<(Fence, Arc<Batch>, Option<Appended>)>,
    pub(super) done: Done,
    pub(super) is_told: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failed {
    No,
    One(ShardId),
    All,
}

impl Failed {
    pub(super) fn has(&self, shard: ShardId) -> bool {
        match self {
            Self::No => false,
            Self::One(one) => *one == shard,
            Self::All => true,
        }
    }
}

impl Call {
    fn has(&self, shard: ShardId) -> bool {
        self.batches.iter().any(|(fence, ..)| fence.shard == shard)
    }

    fn is_complete(&self) -> bool {
        self.batches.iter().all(|(.., result)| result.is_some())
    }
}

impl Port {
    pub(super) fn over(store: Arc<dyn Journal>, luck: Luck, fault: Option<Fault>) -> Self {
        let inner = Inner {
            luck,
            calls: VecDeque::new(),
            failed: Failed::No,
            landed: Vec::new(),
            pressure: 0,
            late: Vec::new(),
            old: HashMap::new(),
            tails: BTreeMap::new(),
            definitions_read: 0,
            letters_read: 0,
        };
        Self { store, fault, inner: Mutex::new(inner) }
    }

    pub(super) fn inner(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }

    /// What has landed.
    pub(super) fn store(&self) -> &dyn Journal {
        self.store.as_ref()
    }

    /// Whether a batch waits to land.
    pub(super) fn waits(&self) -> bool {
        !self.inner().ready().is_empty()
    }

    /// Whether a result waits to be told.
    pub(super) fn is_untold(&self) -> bool {
        !self.inner().tellable().is_empty()
    }

    pub(super) fn is_failed(&self) -> bool {
        self.inner().failed != Failed::No
    }

    /// A batch becomes durable: the oldest of its shard.
    pub(super) fn land(&self) {
        let mut inner = self.inner();
        let ready = inner.ready();
        if ready.is_empty() {
            return;
        }
        let (call, place) = ready[inner.luck.index(ready.len())];
        self.land_one(&mut inner, call, place);
    }

    fn land_one(&self, inner: &mut Inner, call: usize, place: usize) {
        let (fence, batch, _) = &inner.calls[call].batches[place];
        let (fence, batch) = (*fence, Arc::clone(batch));
        let spoilt = Arc::new(self.spoilt(inner, &batch));
        let mut result = land(self.store.as_ref(), fence, &spoilt);
        match result {
            Appended::Landed(_) => inner.landed.push((fence, batch)),
            Appended::Fenced if self.fault == Some(Fault::FencedTakenForLanded) => {
                result = Appended::Landed(batch.first());
            }
            Appended::NotLanded(_) | Appended::Fenced | Appended::Unknown(_) => {}
        }
        inner.calls[call].batches[place].2 = Some(result);
        if self.fault == Some(Fault::ResultOfAnother) {
            inner.swap_results();
        }
    }

    /// Tells an append how it went. Those of one shard are told in their order.
    pub(super) fn tell(&self) {
        let mut inner = self.inner();
        let tellable = inner.tellable();
        if tellable.is_empty() {
            return;
        }
        let chosen = tellable[inner.luck.index(tellable.len())];
        let Some(call) = inner.calls.remove(chosen) else { return };
        drop(inner);
        // Whoever is told may hand over the next batch.
        if !call.is_told {
            let results = call.batches.into_iter().filter_map(|(.., result)| result);
            (call.done)(results.collect());
        }
    }

    /// The store refuses what waits, of one shard or of all, and whatever comes, until it is opened
    /// again. Of the first batch of each it may be unknown whether it is there.
    pub(super) fn fail(&self) {
        let mut inner = self.inner();
        let ready = inner.ready();
        let one = (!ready.is_empty() && inner.luck.percent(40)).then(|| {
            let (call, place) = ready[inner.luck.index(ready.len())];
            inner.calls[call].batches[place].0.shard
        });
        inner.failed = one.map_or(Failed::All, Failed::One);
        for (call, place) in ready {
            let shard = inner.calls[call].batches[place].0.shard;
            if inner.failed.has(shard) {
                self.lose(&mut inner, call, place);
            }
        }
        inner.refuse_waiting(refusal);
    }

    /// The first batch of a shard that fails: refused, or unknown, and then there or not.
    fn lose(&self, inner: &mut Inner, call: usize, place: usize) {
        let (fence, batch, _) = &inner.calls[call].batches[place];
        let (fence, batch) = (*fence, Arc::clone(batch));
        let dice = inner.luck.below(3);
        if dice == 1 {
            inner.tails.insert(fence.shard, batch.before());
            self.land_one(inner, call, place);
            if inner.calls[call].batches[place].2.as_ref().is_some_and(is_fenced) {
                return;
            }
        }
        let first = batch.first();
        let result = match (dice, self.fault) {
            (0, Some(Fault::NotLandedTakenForLanded)) | (2, Some(Fault::UnknownTakenForLanded)) => {
                Appended::Landed(first)
            }
            (0, _) => Appended::NotLanded(refusal()),
            (_, _) => Appended::Unknown(refusal()),
        };
        inner.calls[call].batches[place].2 = Some(result);
    }

    /// Owners are to write old runs anew.
    pub(super) fn press(&self) {
        self.inner().pressure += 1;
    }

    /// What has landed since the last call.
    pub(super) fn take_landed(&self) -> Vec<Landed> {
        std::mem::take(&mut self.inner().landed)
    }

    /// A batch as the planted fault makes it. Its records stay: the chain would tell.
    fn spoilt(&self, inner: &mut Inner, batch: &Batch) -> Batch {
        let mut batch = batch.clone();
        let is_new_letter = |beside: &mut Beside| matches!(beside, Beside::Letter(_, Some(_)));
        batch.change_beside(|all| match self.fault {
            Some(Fault::LostReopen) => all.retain(|beside| !is_archive(beside, false)),
            Some(Fault::ForgottenNotArchived) => all.retain(|beside| !is_archive(beside, true)),
            Some(Fault::LostKey) => all.retain(|beside| !matches!(beside, Beside::Key(..))),
            Some(Fault::LateLetter) => {
                let late = std::mem::take(&mut inner.late);
                inner.late = all.extract_if(.., is_new_letter).collect();
                all.extend(late);
            }
            Some(Fault::StaleLetter) => {
                all.retain(|beside| !matches!(beside, Beside::Letter(_, None)));
            }
            Some(Fault::LostAudit) => all.retain(|beside| !matches!(beside, Beside::Audit(..))),
            Some(_) | None => {}
        });
        batch
    }
}

impl Inner {
    /// The oldest batch of each shard that waits: its append and its place there.
    fn ready(&self) -> Vec<(usize, usize)> {
        let (mut seen, mut ready) = (Vec::new(), Vec::new());
        for (number, call) in self.calls.iter().enumerate() {
            for (place, (fence, _, result)) in call.batches.iter().enumerate() {
                if result.is_none() && !seen.contains(&fence.shard) {
                    seen.push(fence.shard);
                    ready.push((number, place));
                }
            }
        }
        ready
    }

    /// Appends that may be told now.
    fn tellable(&self) -> Vec<usize> {
        let is_first = |number: usize| {
            let shards = self.calls[number].batches.iter().map(|(fence, ..)| fence.shard);
            let mut before = self.calls.range(..number);
            let shards: Vec<_> = shards.collect();
            !before.any(|call| shards.iter().any(|shard| call.has(*shard)))
        };
        let calls = 0..self.calls.len();
        calls.filter(|number| self.calls[*number].is_complete() && is_first(*number)).collect()
    }

    /// Whatever waits of a failed shard does not land.
    fn refuse_waiting(&mut self, why: impl Fn() -> JournalError) {
        let failed = self.failed.clone();
        for (fence, _, result) in self.calls.iter_mut().flat_map(|call| &mut call.batches) {
            if failed.has(fence.shard) && result.is_none() {
                *result = Some(Appended::NotLanded(why()));
            }
        }
    }

    /// For [`Fault::ResultOfAnother`].
    fn swap_results(&mut self) {
        let mut results =
            self.calls.iter_mut().flat_map(|call| &mut call.batches).filter_map(|(.., result)| {
                matches!(result, Some(Appended::Landed(_))).then_some(result)
            });
        if let (Some(first), Some(second)) = (results.next(), results.next()) {
            std::mem::swap(first, second);
        }
    }
}

fn is_fenced(result: &Appended) -> bool {
    matches!(result, Appended::Fenced)
}

/// Whether a run comes into the archive, or leaves it.
fn is_archive(beside: &Beside, comes: bool) -> bool {
    match beside {
        Beside::Archive(entry) => entry.read().summary.is_some() == comes,
        Beside::Letter(..)
        | Beside::Key(..)
        | Beside::Audit(..)
        | Beside::SetAside(_)
        | Beside::Restored(_)
        | Beside::Definition(..) => false,
    }
}

pub(super) fn refusal() -> JournalError {
    JournalError::Io { path: "simulated".to_owned(), what: "the disk refuses".to_owned() }
}

impl std::fmt::Debug for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Port")
    }
}
