//! The states of runs and steps.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{DefinitionHash, Name, RunId};

/// A run in one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSummary {
    /// The run.
    pub id: RunId,
    /// Its workflow.
    pub workflow: Name,
    /// Its version.
    pub definition: DefinitionHash,
    /// Its state.
    pub state: RunState,
    /// When it was accepted.
    pub accepted: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Why it failed, in a line.
    pub failure: Option<Box<str>>,
}

/// The state of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// Accepted; waits for its time.
    Pending,
    /// Under way.
    Running,
    /// Held by an operator.
    Paused,
    /// A person must decide.
    Parked,
    /// Done.
    Succeeded,
    /// Ended, and not as wished.
    Failed,
    /// Ended by an operator.
    Cancelled,
}

impl RunState {
    /// Whether it is over.
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }

    /// `running`
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Parked => "parked",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The state of a unit or step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepState {
    /// Waits for its dependencies.
    Pending,
    /// In its queue, or waiting for a slot of `max_parallel`.
    Ready,
    /// An attempt is known to run; a fan-out has items that have not ended.
    Running,
    /// Waits for its next try.
    Retrying,
    /// Sleeps.
    Waiting,
    /// Done.
    Succeeded,
    /// Failed for good.
    Failed,
    /// Did not have to run.
    Skipped,
    /// A dependency did not allow it.
    Blocked,
    /// Stopped, or never started, because the run was.
    Cancelled,
    /// A person must decide.
    Parked,
}

impl StepState {
    /// Whether it is over.
    pub const fn is_end(self) -> bool {
        matches!(
            self,
            Self::Succeeded | Self::Failed | Self::Skipped | Self::Blocked | Self::Cancelled
        )
    }

    /// `succeeded`
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Retrying => "retrying",
            Self::Waiting => "waiting",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Blocked => "blocked",
            Self::Cancelled => "cancelled",
            Self::Parked => "parked",
        }
    }
}
