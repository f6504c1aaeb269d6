//! The one door to a journal, whatever is behind it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::batch::Batch;
use super::model::{
    Appended, Damage, Damaged, Fence, JournalError, JournalStats, KeyEntry, LetterId, Record,
    RunFilter, RunSummary, Tail,
};
use crate::clock::Timestamp;
use crate::id::{DefinitionHash, EntityId, Name, RunId, SHARDS, Seq, ShardId};

/// What is appended at once: a batch for each of many shards.
pub type Drain = Vec<(Fence, Arc<Batch>)>;

/// Called once for each append, with one result for each of its batches, in their order. Must not
/// block.
pub type Done = Box<dyn FnOnce(Vec<Appended>) + Send>;

/// What a replay has found.
#[derive(Debug, Clone)]
pub struct Replayed {
    /// Where the log of each shard ends, by its number.
    pub tails: Box<[Tail]>,
    /// What could not be read: in the log, and of what stands beside it in the same file.
    pub damages: Vec<Damage>,
}

impl Default for Replayed {
    fn default() -> Self {
        Self { tails: vec![Tail::default(); usize::from(SHARDS)].into(), damages: Vec::new() }
    }
}

/// Where records go, and what stands beside them. Verbs that only read acquire nothing.
pub trait Journal: Send + Sync + std::fmt::Debug {
    /// Takes shards over: their former owners are fenced from here on. One fence for each shard,
    /// in their order.
    ///
    /// # Errors
    /// Where the store cannot be written.
    fn acquire(&self, shards: &[ShardId], now: Timestamp) -> Result<Vec<Fence>, JournalError>;

    /// Hands a drain over; never blocks on the disk. The batches of one shard become durable in the
    /// order in which they were handed over, and are told in that order. After one that did not
    /// land no later one of its shard lands, until [`Journal::recover`].
    fn append(&self, drain: Drain, urgency: Urgency, done: Done);

    /// The log of all shards, each in its order. Bad records are not visited; they are in the
    /// answer.
    ///
    /// # Errors
    /// Where the store cannot be read at all.
    fn replay(&self, visit: Visit<'_>) -> Result<Replayed, JournalError>;

    /// Opens the store again after a failed append; on success appends work again, and
    /// [`Journal::tail`] tells what of the failed ones is there.
    ///
    /// # Errors
    /// Where it still does not work.
    fn recover(&self) -> Result<(), JournalError>;

    /// Where the log of a shard ends, as far as it is certain.
    fn tail(&self, shard: ShardId) -> Tail;

    /// The owner of a shard needs no record before this one; of those behind, so many are the first
    /// of a live run. The log may be cut.
    fn release(&self, fence: Fence, before: Seq, live: u64);

    /// Rises when the log has become long and owners must write old runs anew, so that it can be
    /// cut: all live runs whose first record is not behind [`Journal::rewrite_to`].
    fn pressure(&self) -> u64;

    /// See [`Journal::pressure`]; 0: none of this shard's.
    fn rewrite_to(&self, shard: ShardId) -> Seq;

    /// How many bytes can be handed over now and be durable within this time, as the disk was of
    /// late.
    fn room(&self, within: Duration) -> usize;

    /// The archived state of a run.
    ///
    /// # Errors
    /// Where the store cannot be read, or the entry is damaged.
    fn archived(&self, run: RunId) -> Result<Option<(RunSummary, Bytes)>, JournalError>;

    /// Archived and damaged runs that fit, newest id first. A run whose entry in the archive is
    /// damaged is there too, with the damage as its failure.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn list(&self, filter: &RunFilter) -> Result<Vec<RunSummary>, JournalError>;

    /// The workflows that have archived runs.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn archived_workflows(&self) -> Result<Vec<Name>, JournalError>;

    /// Archived runs of a workflow that are not to be kept any longer, oldest first, at most
    /// `limit`. Those that have letters or a key that has not expired are not among them.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn expired(
        &self,
        workflow: &Name,
        keep: &Keep,
        limit: usize,
    ) -> Result<Vec<RunId>, JournalError>;

    /// A version of a workflow.
    ///
    /// # Errors
    /// Where the store cannot be read, or the entry is damaged.
    fn definition(&self, hash: DefinitionHash) -> Result<Option<Bytes>, JournalError>;

    /// Versions of workflows behind `after`, at most `limit`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn definitions(
        &self,
        after: Option<DefinitionHash>,
        limit: usize,
    ) -> Result<Vec<DefinitionHash>, JournalError>;

    /// Those of these versions that no archived run has.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn unused_definitions(
        &self,
        of: Vec<DefinitionHash>,
    ) -> Result<Vec<DefinitionHash>, JournalError>;

    /// Dead letters by id, behind `after`, at most `limit`. Damaged ones are left out; a check tells
    /// them.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn letters(
        &self,
        after: Option<LetterId>,
        limit: usize,
    ) -> Result<Vec<(LetterId, Bytes)>, JournalError>;

    /// An idempotency key of a run that has left the log.
    ///
    /// # Errors
    /// Where the store cannot be read, or the entry is damaged.
    fn key(&self, key: EntityId) -> Result<Option<KeyEntry>, JournalError>;

    /// Keys that are kept until before `now`, at most `limit`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn expired_keys(&self, now: Timestamp, limit: usize) -> Result<Vec<EntityId>, JournalError>;

    /// The last lines of the audit log, oldest first, at most `limit`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn audit(&self, limit: usize) -> Result<Vec<(Timestamp, Box<str>)>, JournalError>;

    /// The runs that are set aside, behind `after`, at most `limit`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn damaged(&self, after: Option<RunId>, limit: usize) -> Result<Vec<Damaged>, JournalError>;

    /// A run that is set aside.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn damaged_run(&self, run: RunId) -> Result<Option<Damaged>, JournalError>;

    /// The records of a run that is set aside, in their order.
    ///
    /// # Errors
    /// Where the store or any of them cannot be read.
    fn damaged_records(&self, run: RunId) -> Result<Vec<Record>, JournalError>;

    /// Sizes and counts.
    fn stats(&self) -> JournalStats;

    /// Writes a copy of the store, as of now, while it goes on.
    ///
    /// # Errors
    /// Where the copy cannot be written.
    fn backup(&self, to: &Path) -> Result<(), JournalError>;

    /// Makes durable what waits, ends the thread, closes the files. Later appends do not land.
    fn close(&self);
}

/// Is given each good record of a replay.
pub type Visit<'a> = &'a mut dyn FnMut(Seq, Record);

/// Whether anybody waits for a drain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Nobody: it may ride with a later one, for at most [`super::LAZY_MAX`].
    Lazy,
    /// Somebody waits, or was answered already.
    Now,
}

/// Which archived runs of a workflow are kept, as of now.
#[derive(Debug, Clone, Copy)]
pub struct Keep {
    /// The time.
    pub now: Timestamp,
    /// So long after its end a run that succeeded; `None`: for ever.
    pub succeeded: Option<Duration>,
    /// So long after its end one that did not; `None`: for ever.
    pub others: Option<Duration>,
    /// In any case the last so many runs.
    pub at_least: usize,
}

/// How a journal is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// Memory for pages of the store, in bytes.
    pub cache_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { cache_bytes: 64 << 20 }
    }
}
