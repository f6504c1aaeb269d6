//! What has happened: the only thing stored.

use std::sync::Arc;
use std::time::Duration;

use super::{Accepted, Attempt, EvaluationOf, Failure, RetryFrom, RunState, Unit};
use crate::clock::Timestamp;
use crate::id::Name;
use crate::payload::Payload;
use crate::plan::NodeId;

/// What has happened. The only thing stored; its durable form never changes.
///
/// `at` is when it happened, `unit` the unit that it happened to.
#[expect(missing_docs, reason = "said above once for all variants")]
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The run exists.
    Accepted(Arc<Accepted>),
    /// It left `pending`.
    Began { at: Timestamp },
    /// The unit may be executed: its dependencies are satisfied and `when` is true, or its next try
    /// is due, or it goes on after an interruption.
    Ready { unit: Unit, at: Timestamp },
    /// It will not run.
    Skipped { unit: Unit, at: Timestamp, reason: SkipReason },
    /// A dependency did not allow it.
    Blocked {
        unit: Unit,
        at: Timestamp,
        /// The dependency.
        by: NodeId,
    },
    /// The list of a fan-out is known: a scope opens for each item.
    FannedOut {
        /// The fan-out.
        unit: Unit,
        at: Timestamp,
        /// The list.
        items: Vec<Payload>,
    },
    /// A group's steps may run: a scope opens for them.
    GroupOpened {
        /// The group.
        unit: Unit,
        at: Timestamp,
    },
    /// Expressions take long: they are evaluated apart from the run, and who needs them waits. It
    /// takes a dispatch's number.
    EvaluationRequested {
        /// What for.
        of: EvaluationOf,
        at: Timestamp,
    },
    /// An attempt is known to run.
    Started {
        unit: Unit,
        /// The number of its dispatch within the run.
        dispatch: u32,
        at: Timestamp,
        /// Who runs it.
        by: StartedBy,
        /// How long a worker in another process may keep it without a sign of life.
        lease: Option<Duration>,
    },
    /// A `sleep` step waits. It takes a dispatch of its own.
    Slept {
        unit: Unit,
        /// When it began.
        at: Timestamp,
        /// When it ends.
        until: Timestamp,
    },
    /// An attempt succeeded, and with it the unit.
    Succeeded {
        attempt: Attempt,
        /// What it gave.
        output: Payload,
    },
    /// An attempt failed. What follows (`RetryScheduled`, `Failed`) is decided when the run settles.
    AttemptFailed { attempt: Attempt, failure: Box<Failure> },
    /// There will be another try.
    RetryScheduled {
        unit: Unit,
        /// When that was decided.
        at: Timestamp,
        /// When it is to start.
        due: Timestamp,
    },
    /// The unit failed for good; a dead letter stands for it unless the failure is allowed.
    Failed { unit: Unit, at: Timestamp, failure: Box<Failure> },
    /// The process died in an attempt. What follows is decided when the run settles.
    Crashed {
        unit: Unit,
        /// The number of its dispatch within the run.
        dispatch: u32,
        /// When that was found.
        at: Timestamp,
        /// Whether it is known to have run; else it may have been waiting in its queue.
        certain: bool,
    },
    /// The engine stopped an attempt; it does not count.
    Interrupted {
        unit: Unit,
        /// The number of its dispatch within the run.
        dispatch: u32,
        at: Timestamp,
    },
    /// A person must decide.
    Parked { unit: Unit, at: Timestamp },
    /// All scopes of a fan-out or group have ended as they may. The output of a fan-out is the array
    /// of its items' results, `null` in the place of one that failed; that of a group the table of
    /// what its steps gave.
    Gathered {
        /// The fan-out or group.
        unit: Unit,
        at: Timestamp,
    },
    /// The unit was stopped or will not run: cancelled run, lost race, `fail_fast`. With a fan-out
    /// all its items are.
    Cancelled { unit: Unit, at: Timestamp },
    /// Somebody asked for the end of the run; or its time was up (`timeout`).
    CancelRequested {
        at: Timestamp,
        /// Who and why, for people.
        reason: Box<str>,
        /// Whether it was the run's `timeout`.
        timed_out: bool,
    },
    /// A retry by an operator: these units are pending again. A fan-out that is followed by units
    /// of its items keeps its list and its other items; one that is not starts anew.
    Reopened {
        at: Timestamp,
        /// What is pending again.
        units: Vec<Unit>,
        /// What was asked for.
        from: RetryFrom,
    },
    /// A dead letter was replayed.
    Replayed {
        unit: Unit,
        at: Timestamp,
        /// The edited input.
        input: Option<Payload>,
        /// What is pending again: the unit, its fan-out, and what was blocked or cancelled behind
        /// it; as in `Reopened`.
        units: Vec<Unit>,
    },
    /// The run came to its end.
    Ended {
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
            Self::Succeeded { attempt, .. } | Self::AttemptFailed { attempt, .. } => attempt.ended,
            Self::Began { at }
            | Self::Ready { at, .. }
            | Self::Skipped { at, .. }
            | Self::Blocked { at, .. }
            | Self::FannedOut { at, .. }
            | Self::GroupOpened { at, .. }
            | Self::EvaluationRequested { at, .. }
            | Self::Started { at, .. }
            | Self::Slept { at, .. }
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

    /// The unit that it happened to; none where it concerns the whole run.
    pub fn unit(&self) -> Option<Unit> {
        match self {
            Self::Succeeded { attempt, .. } | Self::AttemptFailed { attempt, .. } => {
                Some(attempt.unit)
            }
            Self::Ready { unit, .. }
            | Self::Skipped { unit, .. }
            | Self::Blocked { unit, .. }
            | Self::FannedOut { unit, .. }
            | Self::GroupOpened { unit, .. }
            | Self::EvaluationRequested { of: EvaluationOf::Start(unit), .. }
            | Self::Started { unit, .. }
            | Self::Slept { unit, .. }
            | Self::RetryScheduled { unit, .. }
            | Self::Failed { unit, .. }
            | Self::Crashed { unit, .. }
            | Self::Interrupted { unit, .. }
            | Self::Parked { unit, .. }
            | Self::Gathered { unit, .. }
            | Self::Cancelled { unit, .. }
            | Self::Replayed { unit, .. } => Some(*unit),
            Self::Accepted(_)
            | Self::Began { .. }
            | Self::EvaluationRequested { of: EvaluationOf::Output, .. }
            | Self::CancelRequested { .. }
            | Self::Reopened { .. }
            | Self::Ended { .. } => None,
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
            Self::GroupOpened { .. } => "group_opened",
            Self::EvaluationRequested { .. } => "evaluation_requested",
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkipReason {
    /// Its `when` is false.
    When,
    /// It needs the output of a step that has none: it was skipped, or failed and was allowed to.
    Needs(NodeId),
}

/// Who runs an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum StartedBy {
    /// This process.
    #[default]
    Local,
    /// A worker in another process, by its name.
    Worker(Name),
}
