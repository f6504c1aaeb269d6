//! What goes into a journal and what comes out.

use std::path::Path;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{DefinitionHash, Lsn, Name, RunId};
use crate::run::RunState;
pub use crate::run::RunSummary;

/// What a record's body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RecordKind {
    /// Events of one decision round: `codec::encode_events`.
    Events,
    /// The whole state of a live run: `codec::encode_run`. What came before is not needed any more.
    Snapshot,
    /// The run has ended and stands in the archive; its records are not needed any more. Empty.
    Archived,
}

/// One record of the log; the journal gives it its lsn, checksum and place in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Whose.
    pub run: RunId,
    /// What `body` is.
    pub kind: RecordKind,
    /// The encoded events or state.
    pub body: Bytes,
}

/// What is written beside the log, in the same commit.
#[derive(Debug, Clone)]
pub enum Write {
    /// A version of a workflow. Written once, before its first run.
    Definition {
        /// Which.
        hash: DefinitionHash,
        /// `codec::encode_source`
        source: Bytes,
    },
    /// A finished run: replaces an older entry of the same run.
    Archive {
        /// The run in a line.
        summary: RunSummary,
        /// `codec::encode_run`
        state: Bytes,
    },
    /// A finished run goes on: its entry leaves the archive.
    Unarchive {
        /// Which.
        run: RunId,
    },
    /// A dead letter.
    DeadLetter {
        /// Its number.
        id: u64,
        /// `codec::encode_dead_letter`; `None` deletes it.
        entry: Option<Bytes>,
    },
    /// An idempotency key whose run has left the log.
    Key {
        /// The key.
        key: Box<str>,
        /// Its run; `None` deletes it.
        entry: Option<KeyEntry>,
    },
    /// A line of the audit log: who did what.
    Audit {
        /// When.
        at: Timestamp,
        /// What.
        line: Box<str>,
    },
}

/// Which run took an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyEntry {
    /// The run.
    pub run: RunId,
    /// `content_hash` of its input, to refuse another input under the same key.
    pub input: [u8; 16],
    /// Until when the key is kept.
    pub until: Timestamp,
}

/// What one shard hands over at once: one commit holds all of it or nothing.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Which shard actor.
    pub shard: usize,
    /// Records, in order.
    pub records: Vec<Record>,
    /// What else belongs to the commit.
    pub writes: Vec<Write>,
    /// Nobody waits: it may ride with a later batch, for at most `LAZY_MAX`.
    pub lazy: bool,
    /// The oldest record before this batch that this shard still needs; `None`: none. The batch's
    /// own records are kept in any case, [`RecordKind::Archived`] ones apart.
    pub keep_from: Option<Lsn>,
}

/// Called on the journal's thread once the batch is durable, with the lsn of its first record, or
/// once it is certain that it is not. Must not block.
pub type Done = Box<dyn FnOnce(Result<Lsn, JournalError>) + Send>;

/// Where records go.
pub trait Journal: Send + Sync + std::fmt::Debug {
    /// Hands a batch over; never blocks on the disk. Batches become durable in the order in which
    /// they were handed over. After a failed one every later batch of any shard fails too, until
    /// [`Journal::recover`], which makes sure that none of the failed ones is there. (If the process
    /// ends before that, a failed batch may be found at the next start.)
    fn append(&self, batch: Batch, done: Done);

    /// Reads the log in lsn order. Bad records are not visited; they are in the answer, and so is
    /// whatever [`Journal::definitions`], [`Journal::dead_letters`], [`Journal::keys`] and
    /// [`Journal::audit`] leave out because it is damaged.
    ///
    /// # Errors
    /// Where the store cannot be read at all.
    fn replay(&self, visit: &mut dyn FnMut(Lsn, Record)) -> Result<Vec<Damage>, JournalError>;

    /// Opens the store again after a failed append; on success appends work again.
    ///
    /// # Errors
    /// Where it still does not work.
    fn recover(&self) -> Result<(), JournalError>;

    /// The archived state of a run.
    ///
    /// # Errors
    /// Where the store cannot be read, or the entry is damaged.
    fn archived(&self, run: RunId) -> Result<Option<(RunSummary, Bytes)>, JournalError>;

    /// Archived runs that fit, newest id first. A run whose entry is damaged is there too, as
    /// `parked`, with the damage as its failure.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn list(&self, filter: &RunFilter) -> Result<Vec<RunSummary>, JournalError>;

    /// Every version of every workflow that a run may need.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn definitions(&self) -> Result<Vec<(DefinitionHash, Bytes)>, JournalError>;

    /// All dead letters by id.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn dead_letters(&self) -> Result<Vec<(u64, Bytes)>, JournalError>;

    /// Idempotency keys of runs that have left the log.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn keys(&self) -> Result<Vec<(Box<str>, KeyEntry)>, JournalError>;

    /// The audit lines, oldest first.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn audit(&self) -> Result<Vec<(Timestamp, Box<str>)>, JournalError>;

    /// Sizes and counts.
    fn stats(&self) -> JournalStats;

    /// Writes a copy of the store, as of now, while it goes on.
    ///
    /// # Errors
    /// Where the copy cannot be written.
    fn backup(&self, to: &Path) -> Result<(), JournalError>;

    /// Makes durable what waits, ends the thread, closes the files. Later appends fail.
    fn close(&self);
}

/// How a journal is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many shard actors append. The log is cut only behind what all of them have reported by
    /// [`Batch::keep_from`].
    pub shards: usize,
    /// Memory for pages of the store, in bytes.
    pub cache_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { shards: 1, cache_bytes: 64 << 20 }
    }
}

/// Which runs to list.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// Only of this workflow.
    pub workflow: Option<Name>,
    /// Only in this state.
    pub state: Option<RunState>,
    /// Only accepted at or after.
    pub since: Option<Timestamp>,
    /// At most so many; 0: 1,000.
    pub limit: usize,
}

impl RunFilter {
    /// How many a filter without a limit lists.
    pub const LIMIT_DEFAULT: usize = 1_000;

    /// At most so many.
    pub fn limit(&self) -> usize {
        if self.limit == 0 { Self::LIMIT_DEFAULT } else { self.limit }
    }

    /// Whether a run fits; the limit apart.
    pub fn fits(&self, run: &RunSummary) -> bool {
        self.is_of_kind(run) && self.since.is_none_or(|since| since <= run.accepted)
    }

    /// Whether a run has the workflow and state.
    pub(crate) fn is_of_kind(&self, run: &RunSummary) -> bool {
        self.workflow.as_ref().is_none_or(|workflow| *workflow == run.workflow)
            && self.state.is_none_or(|state| state == run.state)
    }
}

/// Sizes and counts of a journal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct JournalStats {
    /// Records in the log.
    pub records: u64,
    /// Bytes of the log's records.
    pub log_bytes: u64,
    /// Finished runs in the archive.
    pub archived: u64,
    /// Commits since the start.
    pub commits: u64,
    /// Bytes of the store's files.
    pub file_bytes: u64,
    /// The last lsn.
    pub last_lsn: u64,
}

/// What a damage was found in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The log. The only place where a damage without a run may have cost any live run a record.
    Log,
    /// A version of a workflow.
    Definition,
    /// A dead letter.
    DeadLetter,
    /// An idempotency key.
    Key,
    /// A line of the audit log.
    Audit,
    /// The archive.
    Archive,
}

/// Something in the store that cannot be trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// In what.
    pub place: Place,
    /// In the log: the lsn, or the first one of an unreadable row. Elsewhere 0.
    pub lsn: Lsn,
    /// Whose, where that is certain; `None`: any run that was live then may have lost a record.
    pub run: Option<RunId>,
    /// What was found, in words.
    pub what: String,
}

/// Why the journal could not do it. Each message says what and what to do.
#[derive(Debug, Clone, thiserror::Error)]
pub enum JournalError {
    /// Another process has the folder.
    #[error(
        "the data folder {folder} is in use by another process{pid}; stop that one, or name another folder with --data"
    )]
    Locked {
        /// The folder.
        folder: String,
        /// ` (pid 123)` where known.
        pid: String,
    },
    /// A later version of Windlass made the folder.
    #[error(
        "the data folder {folder} has format {found}, and this windlass reads up to {known}; use a newer windlass"
    )]
    Newer {
        /// The folder.
        folder: String,
        /// Its format.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// The folder or file is not what it should be.
    #[error(
        "the journal {path} is damaged: {what}; restore a backup, or move the folder away to start anew"
    )]
    Damaged {
        /// The file.
        path: String,
        /// What was found.
        what: String,
    },
    /// The disk refused.
    #[error("the journal {path} cannot be written: {what}")]
    Io {
        /// The file or folder.
        path: String,
        /// What the system said, and what to do (full, read-only, no permission).
        what: String,
    },
    /// One entry is not what was written; the others are not concerned.
    #[error("the journal's entry of {entry} is damaged: {what}; a backup may have it")]
    Entry {
        /// Of what: `run 0198…`.
        entry: String,
        /// What was found.
        what: String,
    },
    /// It was closed.
    #[error("the journal is closed")]
    Closed,
}
