//! What goes into a journal and what comes out.

use bytes::Bytes;
use serde::Serialize;

use crate::clock::Timestamp;
use crate::id::{DefinitionHash, EntityId, Name, RunId, Seq, ShardId};
use crate::run::RunState;
pub use crate::run::{Damaged, RunSummary};

/// What a record's body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RecordKind {
    /// Events of one decision round: `stored::encode_events`.
    Events,
    /// The whole state of a live run: `stored::encode_run`. What came before is not needed any more.
    Snapshot,
    /// The run has ended and stands in the archive; its records are not needed any more. Empty.
    Archived,
    /// The run has left the archive, or the damaged ones, and is live again. Its whole state.
    Reopened,
    /// The run is set aside; its records stand among the damaged runs. Empty.
    SetAside,
    /// Only operations beside the log belong to the batch. Empty.
    Mark,
}

/// One record of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The run, or whatever else has records, that it belongs to.
    pub entity: EntityId,
    /// What `body` is.
    pub kind: RecordKind,
    /// The encoded events or state.
    pub body: Bytes,
}

/// One ownership of a shard. An append under an older epoch is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fence {
    /// The shard.
    pub shard: ShardId,
    /// Rises with every ownership, and with the time: at least the seconds since 2026.
    pub epoch: u32,
}

/// Where the log of a shard ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tail {
    /// The last record; 0: none.
    pub seq: u64,
    /// Its chain value; 0: none.
    pub chain: u32,
}

/// What stands beside the log and changes in the same commit as the records of its batch.
#[derive(Debug, Clone)]
pub enum Beside {
    /// A finished run is in the archive, in place of an older entry of the same run; or it has left
    /// it. Encoded as an entry of the archive.
    Archive(super::entry::Entry),
    /// A dead letter. `None` deletes it.
    Letter(LetterId, Option<Bytes>),
    /// An idempotency key whose run has left the log. A key that another run has, and that has not
    /// expired when this one is set, stays as it is. `None` deletes it.
    Key(EntityId, Option<KeyEntry>),
    /// A line of the audit log: who did what.
    Audit(Timestamp, Box<str>),
    /// A run is set aside: its records are copied to the damaged runs.
    SetAside(Damaged),
    /// A run that was set aside goes on.
    Restored(RunId),
    /// A version of a workflow. Written once, before its first run. `None` deletes it.
    Definition(DefinitionHash, Option<Bytes>),
}

/// A dead letter: the run and the dispatch that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LetterId {
    /// The run.
    pub run: RunId,
    /// The number of the dispatch within the run.
    pub dispatch: u32,
}

/// Which run took an idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyEntry {
    /// The run.
    pub run: RunId,
    /// The hash of its input, to refuse another input under the same key.
    pub input: [u8; 16],
    /// When the entry is made.
    pub at: Timestamp,
    /// Until when the key is kept.
    pub until: Timestamp,
}

/// How the batch of one shard went.
#[derive(Debug, Clone)]
pub enum Appended {
    /// It is durable; this is its first record.
    Landed(Seq),
    /// It is certain that nothing of it is there.
    NotLanded(JournalError),
    /// Another owner has the shard: nothing of it is there, and nothing will be.
    Fenced,
    /// It may be durable or not; [`super::Journal::tail`] tells after a recovery.
    Unknown(JournalError),
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
    /// Runs that are set aside.
    pub damaged: u64,
    /// Commits since the start.
    pub commits: u64,
    /// Bytes of the store's files.
    pub file_bytes: u64,
    /// The last row of the log.
    pub last_row: u64,
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
    /// The runs that are set aside.
    Damaged,
}

/// Something in the store that cannot be trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// In what.
    pub place: Place,
    /// In the log: the shards that may have lost records.
    pub shards: Vec<u8>,
    /// In the log: the record, or the first one that is missing. Elsewhere 0.
    pub seq: Seq,
    /// Whose, where that is certain; `None`: any run of the shards that was live then may have
    /// lost a record.
    pub run: Option<RunId>,
    /// What was found, in words.
    pub what: String,
}

impl Damage {
    /// A damage outside of the log.
    pub(crate) fn beside(place: Place, run: Option<RunId>, what: impl Into<String>) -> Self {
        Self { place, shards: Vec::new(), seq: Seq(0), run, what: what.into() }
    }
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
        /// The newest that this Windlass reads.
        known: u32,
    },
    /// An early version of Windlass made the folder.
    #[error(
        "the data folder {folder} has format {found} of an early windlass, and this one reads format {known}; let its runs end with the windlass that made it, or name another folder with --data"
    )]
    Older {
        /// The folder.
        folder: String,
        /// Its format.
        found: u32,
        /// The newest that this Windlass reads.
        known: u32,
    },
    /// The files of the folder do not belong together.
    #[error(
        "the files in the data folder {folder} do not belong together: {what}; put back the files of one backup together, or move the folder away to start anew"
    )]
    Apart {
        /// The folder.
        folder: String,
        /// What was found.
        what: String,
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
    /// A batch does not go on where its shard's log ends: a bug of the owner.
    #[error("a batch of shard {shard} goes on from record {from}, and its log ends with {end}")]
    Gap {
        /// The shard.
        shard: u8,
        /// The record before the batch.
        from: u64,
        /// The last record of the log.
        end: u64,
    },
    /// It was closed.
    #[error("the journal is closed")]
    Closed,
}
