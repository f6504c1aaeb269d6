//! What wakes a run.

use std::time::Duration;

use super::Unit;
use crate::clock::Timestamp;

/// Names a timer: who armed it, and its number within the run. An old number is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timer {
    /// Who armed it.
    pub owner: TimerOwner,
    /// From 1; no two timers of a run have the same.
    pub number: u32,
}

/// Who armed a timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimerOwner {
    /// The run: its beginning, later its `timeout`.
    Run,
    /// A unit: its next try, its sleep, its `start_within`.
    Unit(Unit),
}

/// A timer that is armed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Armed {
    pub(crate) number: u32,
    pub(crate) due: Timestamp,
    /// Of a wait of a certain length that length; `None`: it is due at a moment, whatever happens.
    pub(crate) span: Option<Duration>,
}

impl Armed {
    /// When it is due for one who starts to wait now, after a restart: a span is never waited for
    /// longer than it is, wherever the wall clock has been set meanwhile.
    pub(crate) fn due_again(self, now: Timestamp) -> Timestamp {
        self.span.map_or(self.due, |span| now.after(self.due.since(now).min(span)))
    }
}
