//! The states of runs and steps.

use serde::Serialize;

use crate::clock::Timestamp;
use crate::id::{DefinitionHash, Name, RunId};

/// A run in one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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

/// A run that was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damaged {
    /// The run.
    pub run: RunId,
    /// When.
    pub at: Timestamp,
    /// The version of Windlass that could not go on with it.
    pub version: Box<str>,
    /// Why, in words.
    pub reason: Box<str>,
    /// Whether all of its records could be read: then a newer version tries it once more.
    pub whole: bool,
    /// Its workflow, where that is known.
    pub workflow: Option<Name>,
    /// When it was accepted, where that is known.
    pub accepted: Option<Timestamp>,
}

impl Damaged {
    /// The run in one line.
    pub(crate) fn summary(&self) -> RunSummary {
        let unknown = || Name::new("unknown").expect("invariant: a constant that is a name");
        RunSummary {
            id: self.run,
            workflow: self.workflow.clone().unwrap_or_else(unknown),
            definition: DefinitionHash([0; 16]),
            state: RunState::Damaged,
            accepted: self.accepted.unwrap_or(self.at),
            ended: None,
            failure: Some(self.reason.clone()),
        }
    }
}

/// The state of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
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
    /// Set aside: something of it cannot be read, or the engine cannot go on with it.
    Damaged,
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
            Self::Damaged => "damaged",
        }
    }
}

/// The state of a unit or step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
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
