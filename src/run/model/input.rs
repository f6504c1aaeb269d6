//! What the outside says.

use serde::{Deserialize, Serialize};

use super::{Failure, Unit};
use crate::clock::Timestamp;
use crate::payload::Payload;
use crate::plan::NodeId;

/// What the outside says.
#[derive(Debug, Clone)]
pub enum Input {
    /// Nothing new: decide what follows from the state as it is.
    Settle,
    /// An attempt is known to run (its handler was pending after the first poll, or the record must
    /// be durable before the handler runs).
    Started {
        /// Whose attempt.
        unit: Unit,
        /// Which dispatch.
        fencing: u32,
        /// When.
        at: Timestamp,
    },
    /// An attempt ended.
    Finished {
        /// Whose attempt.
        unit: Unit,
        /// Which dispatch.
        fencing: u32,
        /// When it started.
        started: Timestamp,
        /// When it ended.
        ended: Timestamp,
        /// How. An attempt that ran out of its `timeout` fails with the class `timeout`.
        outcome: Result<Payload, Failure>,
    },
    /// A timer came due.
    Due(Timer),
    /// Somebody cancels the run.
    Cancel {
        /// Who and why, for people.
        reason: Box<str>,
    },
    /// The process died and was started again: what was running has been interrupted by it.
    Died,
    /// The engine stopped an attempt (shutdown, a lost worker); it does not count.
    Interrupted {
        /// Whose attempt.
        unit: Unit,
        /// Which dispatch.
        fencing: u32,
    },
    /// Somebody starts a finished or parked run again.
    Retry(RetryFrom),
    /// Somebody replays a dead letter of this run, maybe with another input.
    Replay {
        /// Whose dead letter.
        unit: Unit,
        /// The edited input; `None`: what it had.
        input: Option<Payload>,
    },
    /// Somebody gives up a parked unit (its dead letter is dropped): it has failed for good.
    GiveUp {
        /// Which.
        unit: Unit,
        /// Why, for people.
        reason: Box<str>,
    },
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Timer {
    /// `pending` → `running`
    Begin,
    /// The run's `timeout`.
    RunTimeout,
    /// The next try.
    Retry {
        /// Whose.
        unit: Unit,
        /// The dispatch that failed.
        fencing: u32,
    },
    /// A `sleep` step ends.
    Sleep {
        /// Whose.
        unit: Unit,
        /// Which sleep.
        fencing: u32,
    },
    /// `start_within`
    StartWithin {
        /// Whose.
        unit: Unit,
        /// The dispatch that waits in the queue.
        fencing: u32,
    },
}
