//! What must now be done.

use super::{Event, Timer, Unit};
use crate::clock::Timestamp;
use crate::expression::Names;
use crate::payload::Payload;

/// What must now be done; released when the events behind it are durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// Hand an attempt to the unit's queue.
    Dispatch {
        /// Whose.
        unit: Unit,
        /// Which try, from 1; interrupted and crashed ones are not counted.
        attempt: u32,
        /// Rises with every dispatch of the unit.
        fencing: u32,
        /// Its start must be recorded before the handler runs.
        durable_start: bool,
    },
    /// Wake the run at a time.
    Arm {
        /// What for.
        timer: Timer,
        /// When.
        due: Timestamp,
    },
    /// Take the attempt out of its queue, or stop it.
    Abort {
        /// Whose.
        unit: Unit,
        /// Which dispatch.
        fencing: u32,
    },
    /// A dead letter has come to be.
    Bury {
        /// Whose.
        unit: Unit,
    },
    /// The dead letter of the unit is settled (replayed, or the run was retried).
    Exhume {
        /// Whose.
        unit: Unit,
    },
    /// The run has ended: answer who waits, forget its timers, move it to the archive.
    End,
}

/// What came of one input: the events to store, and the effects to release once they are durable.
#[derive(Debug, Default)]
pub struct Step {
    /// In the order in which they happened.
    pub events: Vec<Event>,
    /// In the order in which they are to be done.
    pub effects: Vec<Effect>,
}

impl Step {
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
    /// To be rendered from these names (`with`, a command, a request).
    Names(Box<Names>),
    /// The verb's input is this payload (a person has edited it, or it flows in as it is); whatever
    /// else there is to render is rendered from these names.
    Edited(Box<Names>, Payload),
}
