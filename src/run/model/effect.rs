//! What must now be done.

use std::time::Duration;

use super::{EvaluationOf, Event, Timer, Unit};
use crate::clock::Timestamp;
use crate::expression::Names;
use crate::payload::Payload;

/// What must now be done; released when the events behind it are durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// Hand an attempt to the unit's queue.
    Dispatch {
        /// What is tried.
        unit: Unit,
        /// Which try, from 1; interrupted and crashed ones are not counted.
        attempt: u32,
        /// The number of the dispatch within the run.
        dispatch: u32,
        /// Its start must be recorded before the handler runs.
        durable_start: bool,
    },
    /// Wake the run at a time.
    Arm {
        /// What the run knows it by.
        timer: Timer,
        /// When to wake it.
        due: Timestamp,
        /// Of a wait of a certain length that length, counted by a clock that nobody sets; `None`:
        /// it is due at a moment of the wall clock.
        span: Option<Duration>,
    },
    /// Evaluate what takes long ([`Run::evaluation`](crate::run::Run::evaluation)), and say what it
    /// comes to.
    Evaluate {
        /// What it is for.
        of: EvaluationOf,
        /// Its number within the run, among those of the dispatches.
        number: u32,
    },
    /// Take the attempt out of its queue, or stop it.
    Abort {
        /// What is tried.
        unit: Unit,
        /// The number of the dispatch within the run.
        dispatch: u32,
    },
    /// A unit has failed for good, or is parked: a dead letter stands for it.
    AddDeadLetter {
        /// The unit.
        unit: Unit,
        /// The dispatch that failed; names the letter within the run.
        dispatch: u32,
    },
    /// The dead letter is settled: it was replayed or given up, or the run was retried.
    RemoveDeadLetter {
        /// The unit.
        unit: Unit,
        /// The dispatch that failed.
        dispatch: u32,
    },
    /// The run has ended: answer who waits, forget its timers, move it to the archive.
    End,
}

/// What came of one input: the events to store, and the effects to release once they are durable.
#[derive(Debug, Default)]
pub struct Decision {
    /// In the order in which they happened.
    pub events: Vec<Event>,
    /// In the order in which they are to be done.
    pub effects: Vec<Effect>,
}

impl Decision {
    /// Makes it empty, keeping its memory.
    pub fn clear(&mut self) {
        self.events.clear();
        self.effects.clear();
    }
}

/// What flows into an attempt.
#[derive(Debug, Clone)]
pub enum AttemptSource {
    /// Ready as it is.
    Payload(Payload),
    /// To be rendered (`with`, a command, a request).
    Rendered(Box<ToRender>),
}

/// What an attempt's input is rendered from.
#[derive(Debug, Clone)]
pub struct ToRender {
    /// What expressions read.
    pub names: Names,
    /// The verb's input, where it is there already: a person has edited it, or it flows in as it
    /// is. Whatever else there is to render is rendered from the names.
    pub input: Option<Payload>,
}
