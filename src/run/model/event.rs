//! What has happened: the only thing stored.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Failure, RetryFrom, RunState, Unit};
use crate::clock::Timestamp;
use crate::id::{DefinitionHash, Name};
use crate::payload::Payload;
use crate::plan::NodeId;

/// How a run began. The first event of every run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// The workflow's name.
    pub workflow: Name,
    /// The version it keeps.
    pub definition: DefinitionHash,
    /// The checked input, defaults filled in.
    pub input: Payload,
    /// When.
    pub at: Timestamp,
    /// When it is to begin; not before `at`.
    pub begin: Timestamp,
    /// The time it stands for.
    pub scheduled_at: Timestamp,
    /// `cli`, `api` …
    pub started_by: Box<str>,
    /// The idempotency key, and until when it is kept.
    pub key: Option<(Box<str>, Timestamp)>,
    /// Overrides the workflow's priority.
    pub priority: Option<i8>,
    /// `label=value` pairs of the start.
    pub tags: Vec<(Box<str>, Box<str>)>,
}

/// What has happened. The only thing stored; its durable form never changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// The run exists.
    Accepted(Arc<Accepted>),
    /// It left `pending`.
    Began {
        /// When.
        at: Timestamp,
    },
    /// The unit may be executed: its dependencies are satisfied and `when` is true, or its next try
    /// is due, or it goes on after an interruption.
    Ready {
        /// Which.
        unit: Unit,
        /// When.
        at: Timestamp,
    },
    /// It will not run.
    Skipped {
        /// Which.
        unit: Unit,
        /// When.
        at: Timestamp,
        /// Why.
        reason: SkipReason,
    },
    /// A dependency did not allow it.
    Blocked {
        /// Which.
        unit: Unit,
        /// When.
        at: Timestamp,
        /// The dependency.
        by: NodeId,
    },
    /// The list of a fan-out is known.
    FannedOut {
        /// The fan-out.
        node: NodeId,
        /// When.
        at: Timestamp,
        /// The list.
        items: Vec<Payload>,
    },
    /// An attempt is known to run.
    Started {
        /// Whose attempt.
        unit: Unit,
        /// Which dispatch.
        fencing: u32,
        /// When.
        at: Timestamp,
    },
    /// A `sleep` step waits.
    Slept {
        /// Which.
        unit: Unit,
        /// Counts as a dispatch.
        fencing: u32,
        /// When it began.
        at: Timestamp,
        /// When it ends.
        until: Timestamp,
    },
    /// An attempt succeeded, and with it the unit.
    Succeeded {
        /// Whose attempt.
        unit: Unit,
        /// Which dispatch.
        fencing: u32,
        /// When it started.
        started: Timestamp,
        /// When it ended.
        at: Timestamp,
        /// What it gave.
        output: Payload,
    },
    /// An attempt failed. What follows (`RetryScheduled`, `Failed`) is decided when the run settles.
    AttemptFailed {
        /// Whose attempt.
        unit: Unit,
        /// Which dispatch.
        fencing: u32,
        /// When it started; where it never left its queue, when it ended.
        started: Timestamp,
        /// When it ended.
        at: Timestamp,
        /// Why.
        failure: Box<Failure>,
    },
    /// There will be another try.
    RetryScheduled {
        /// Whose.
        unit: Unit,
        /// When that was decided.
        at: Timestamp,
        /// When it is to start.
        due: Timestamp,
    },
    /// The unit failed for good; a dead letter stands for it unless the failure is allowed.
    Failed {
        /// Which.
        unit: Unit,
        /// When.
        at: Timestamp,
        /// Why.
        failure: Box<Failure>,
    },
    /// The process died in an attempt. What follows is decided when the run settles.
    Crashed {
        /// Whose attempt.
        unit: Unit,
        /// Which dispatch.
        fencing: u32,
        /// When that was found.
        at: Timestamp,
    },
    /// The engine stopped an attempt; it does not count.
    Interrupted {
        /// Whose attempt.
        unit: Unit,
        /// Which dispatch.
        fencing: u32,
        /// When.
        at: Timestamp,
    },
    /// A person must decide.
    Parked {
        /// About which.
        unit: Unit,
        /// When.
        at: Timestamp,
    },
    /// All items of a fan-out have ended as they may; its output is the array of theirs, `null` in
    /// the place of a failed one.
    Gathered {
        /// The fan-out.
        node: NodeId,
        /// When.
        at: Timestamp,
    },
    /// The unit was stopped or will not run: cancelled run, lost race, `fail_fast`. With a fan-out
    /// all its items are.
    Cancelled {
        /// Which.
        unit: Unit,
        /// When.
        at: Timestamp,
    },
    /// Somebody asked for the end of the run; or its time was up (`timeout`).
    CancelRequested {
        /// When.
        at: Timestamp,
        /// Who and why, for people.
        reason: Box<str>,
        /// Whether it was the run's `timeout`.
        timed_out: bool,
    },
    /// A retry by an operator: these units are pending again. A fan-out that is followed by units
    /// of its items keeps its list and its other items; one that is not starts anew.
    Reopened {
        /// When.
        at: Timestamp,
        /// What is pending again.
        units: Vec<Unit>,
        /// What was asked for.
        from: RetryFrom,
    },
    /// A dead letter was replayed.
    Replayed {
        /// Whose.
        unit: Unit,
        /// When.
        at: Timestamp,
        /// The edited input.
        input: Option<Payload>,
        /// What is pending again: the unit, its fan-out, and what was blocked or cancelled behind
        /// it; as in `Reopened`.
        units: Vec<Unit>,
    },
    /// The run came to its end.
    Ended {
        /// When.
        at: Timestamp,
        /// `succeeded`, `failed` or `cancelled`.
        state: RunState,
        /// `null` unless it succeeded.
        output: Payload,
        /// Why it failed.
        failure: Option<Box<Failure>>,
    },
}

impl Event {
    /// When it happened.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Accepted(accepted) => accepted.at,
            Self::Began { at }
            | Self::Ready { at, .. }
            | Self::Skipped { at, .. }
            | Self::Blocked { at, .. }
            | Self::FannedOut { at, .. }
            | Self::Started { at, .. }
            | Self::Slept { at, .. }
            | Self::Succeeded { at, .. }
            | Self::AttemptFailed { at, .. }
            | Self::RetryScheduled { at, .. }
            | Self::Failed { at, .. }
            | Self::Crashed { at, .. }
            | Self::Interrupted { at, .. }
            | Self::Parked { at, .. }
            | Self::Gathered { at, .. }
            | Self::Cancelled { at, .. }
            | Self::CancelRequested { at, .. }
            | Self::Reopened { at, .. }
            | Self::Replayed { at, .. }
            | Self::Ended { at, .. } => *at,
        }
    }

    /// `attempt_failed`: its name in streams of events.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Accepted(_) => "accepted",
            Self::Began { .. } => "began",
            Self::Ready { .. } => "ready",
            Self::Skipped { .. } => "skipped",
            Self::Blocked { .. } => "blocked",
            Self::FannedOut { .. } => "fanned_out",
            Self::Started { .. } => "started",
            Self::Slept { .. } => "slept",
            Self::Succeeded { .. } => "succeeded",
            Self::AttemptFailed { .. } => "attempt_failed",
            Self::RetryScheduled { .. } => "retry_scheduled",
            Self::Failed { .. } => "failed",
            Self::Crashed { .. } => "crashed",
            Self::Interrupted { .. } => "interrupted",
            Self::Parked { .. } => "parked",
            Self::Gathered { .. } => "gathered",
            Self::Cancelled { .. } => "cancelled",
            Self::CancelRequested { .. } => "cancel_requested",
            Self::Reopened { .. } => "reopened",
            Self::Replayed { .. } => "replayed",
            Self::Ended { .. } => "ended",
        }
    }
}

/// Why a unit was skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SkipReason {
    /// Its `when` is false.
    When,
    /// It needs the output of a step that has none: it was skipped, or failed and was allowed to.
    Needs(NodeId),
}
