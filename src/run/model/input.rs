//! What the outside says.

use std::time::Duration;

use super::{Attempt, Evaluated, Failure, StartedBy, Timer, Unit};
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
        /// What is tried.
        unit: Unit,
        /// The number of its dispatch within the run.
        dispatch: u32,
        /// When it started.
        at: Timestamp,
        /// Who runs it.
        by: StartedBy,
        /// How long a worker in another process may keep it without a sign of life.
        lease: Option<Duration>,
    },
    /// An attempt ended.
    Finished {
        /// The attempt.
        attempt: Attempt,
        /// How it ended. An attempt that ran out of its `timeout` fails with the class `timeout`.
        outcome: Result<Payload, Failure>,
    },
    /// A timer came due.
    Due(Timer),
    /// An evaluation that was asked for has been done.
    Evaluated {
        /// Its number within the run.
        number: u32,
        /// What it has come to.
        evaluated: Box<Evaluated>,
    },
    /// Somebody cancels the run.
    Cancel {
        /// Who asked and why, for people.
        reason: Box<str>,
    },
    /// The process died and was started again: what was known to run died with it.
    Died {
        /// Units and dispatches that had been claimed, and of which no start is recorded: each may
        /// have been running.
        maybe: Vec<(Unit, u32)>,
    },
    /// The engine stopped an attempt (shutdown, a lost worker); it does not count.
    Interrupted {
        /// What was tried.
        unit: Unit,
        /// The number of its dispatch within the run.
        dispatch: u32,
    },
    /// Somebody starts a finished or parked run again.
    Retry(RetryFrom),
    /// Somebody replays a dead letter of this run, maybe with another input.
    Replay {
        /// The unit that it stands for.
        unit: Unit,
        /// The edited input; `None`: what it had.
        input: Option<Payload>,
    },
    /// Somebody gives up a parked unit (its dead letter is dropped): it has failed for good.
    GiveUp {
        /// The unit.
        unit: Unit,
        /// Why, for people.
        reason: Box<str>,
    },
}

impl Input {
    /// An attempt is known to run in this process.
    pub fn started(unit: Unit, dispatch: u32, at: Timestamp) -> Self {
        Self::Started { unit, dispatch, at, by: StartedBy::Local, lease: None }
    }
}

/// Where an operator's retry begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryFrom {
    /// Whatever failed, was blocked or cancelled; what succeeded stays.
    Failed,
    /// This step and all that depend on it, whatever their state.
    Step(NodeId),
    /// Everything.
    Start,
}
