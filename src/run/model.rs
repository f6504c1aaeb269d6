//! The three vocabularies of a run: inputs, events, effects.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::definition::ErrorClass;
use crate::id::{DefinitionHash, Name};
use crate::payload::Payload;
use crate::plan::NodeId;

/// What is executed: a node, or one item of a fan-out node, or a body node for one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Unit {
    /// The node.
    pub node: NodeId,
    /// The item's index in the list; `Unit::NO_ITEM` outside of a fan-out.
    pub item: u32,
}

impl Unit {
    /// The `item` of a unit that belongs to no fan-out.
    pub const NO_ITEM: u32 = u32::MAX;

    /// The unit of a plain node.
    pub const fn of(node: NodeId) -> Self {
        Self { node, item: Self::NO_ITEM }
    }

    /// The unit of one item.
    pub const fn item(node: NodeId, item: u32) -> Self {
        Self { node, item }
    }
}

/// Why an attempt did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What retry rules look at.
    pub class: ErrorClass,
    /// For people: a lowercase fragment, at most 4 KiB.
    pub message: Box<str>,
    /// How long to wait, if the error said so.
    pub retry_after: Option<Duration>,
}

/// What the outside says.
#[derive(Debug, Clone)]
pub enum Input {
    /// Its time has come (`pending` → `running`).
    Begin,
    /// Nothing new: decide what follows from the state as it is.
    Settle,
    /// An attempt is known to run (its handler was pending after the first poll, or the record must
    /// be durable before the handler runs).
    Started { unit: Unit, fencing: u32, at: Timestamp },
    /// An attempt ended.
    Finished {
        unit: Unit,
        fencing: u32,
        started: Timestamp,
        ended: Timestamp,
        outcome: Result<Payload, Failure>,
    },
    /// A timer came due.
    Due(Timer),
    /// Somebody cancels the run.
    Cancel { reason: Box<str> },
    /// The process died and was started again: what was running has been interrupted by it.
    Died,
    /// The engine stopped an attempt (shutdown, a lost worker); it does not count.
    Interrupted { unit: Unit, fencing: u32 },
    /// Somebody starts a finished run again.
    Retry(RetryFrom),
    /// Somebody replays a dead letter of this run, maybe with another input.
    Replay { unit: Unit, input: Option<Payload> },
}

/// Where an operator's retry begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RetryFrom {
    /// Whatever failed, was blocked or cancelled; what succeeded stays.
    Failed,
    /// This step and all that depend on it, whatever their state.
    Step(NodeId),
    /// Everything.
    Start,
}

/// What a timer is for. A timer that no longer fits the state is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Timer {
    /// `pending` → `running`
    Begin,
    /// The run's `timeout`.
    RunTimeout,
    /// The next try.
    Retry { unit: Unit, fencing: u32 },
    /// A `sleep` step ends.
    Sleep { unit: Unit, fencing: u32 },
    /// `start_within`
    StartWithin { unit: Unit, fencing: u32 },
}

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
    Began { at: Timestamp },
    /// The dependencies are satisfied and `when` is true: the unit may be executed.
    Ready { unit: Unit, at: Timestamp },
    /// It will not run.
    Skipped { unit: Unit, at: Timestamp, reason: SkipReason },
    /// A dependency did not allow it.
    Blocked { unit: Unit, at: Timestamp, by: NodeId },
    /// The list of a fan-out is known.
    FannedOut { node: NodeId, at: Timestamp, items: Vec<Payload> },
    /// An attempt is known to run.
    Started { unit: Unit, fencing: u32, at: Timestamp },
    /// A `sleep` step waits.
    Slept { unit: Unit, fencing: u32, at: Timestamp, until: Timestamp },
    /// An attempt succeeded, and with it the unit.
    Succeeded { unit: Unit, fencing: u32, started: Timestamp, at: Timestamp, output: Payload },
    /// An attempt failed. What follows is in the next event of the same decision.
    AttemptFailed {
        unit: Unit,
        fencing: u32,
        started: Timestamp,
        at: Timestamp,
        failure: Box<Failure>,
    },
    /// There will be another try.
    RetryScheduled { unit: Unit, due: Timestamp },
    /// The unit failed for good; a dead letter stands for it unless the failure is allowed.
    Failed { unit: Unit, at: Timestamp, failure: Box<Failure> },
    /// The process died in an attempt.
    Crashed { unit: Unit, fencing: u32, at: Timestamp },
    /// The engine stopped an attempt; it does not count.
    Interrupted { unit: Unit, fencing: u32, at: Timestamp },
    /// A person must decide.
    Parked { unit: Unit, at: Timestamp },
    /// All items of a fan-out have ended; its output is their array.
    Gathered { node: NodeId, at: Timestamp, output: Payload, failed: Payload },
    /// The unit was stopped or will not run: cancelled run, lost race, `fail_fast`.
    Cancelled { unit: Unit, at: Timestamp },
    /// Somebody asked for the end of the run; or its time was up (`timeout`).
    CancelRequested { at: Timestamp, reason: Box<str>, timed_out: bool },
    /// A retry by an operator: these units are pending again.
    Reopened { at: Timestamp, units: Vec<Unit>, from: RetryFrom },
    /// A dead letter was replayed.
    Replayed { unit: Unit, at: Timestamp, input: Option<Payload> },
    /// The run came to its end.
    Ended { at: Timestamp, state: RunState, output: Payload, failure: Option<Box<Failure>> },
}

/// Why a unit was skipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SkipReason {
    /// Its `when` is false.
    When,
    /// It needs the output of a step that was skipped.
    Needs(NodeId),
}

/// What must now be done; released when the events behind it are durable.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Hand an attempt to the unit's queue. `fencing` rises with every dispatch of the unit.
    Dispatch { unit: Unit, attempt: u32, fencing: u32, durable_start: bool },
    /// Wake the run at a time.
    Arm { timer: Timer, due: Timestamp },
    /// Take the attempt out of its queue, or stop it.
    Abort { unit: Unit, fencing: u32 },
    /// A dead letter has come to be.
    Bury { unit: Unit },
    /// The dead letter of the unit is settled (replayed, or the run was retried).
    Exhume { unit: Unit },
    /// The run has ended: answer who waits, forget its timers, move it to the archive.
    End,
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
