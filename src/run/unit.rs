//! The state of one unit: 40 bytes, and what is rare in a box.

use serde::{Deserialize, Serialize};

use super::{Failure, StepState};
use crate::clock::Timestamp;
use crate::payload::Payload;
use crate::plan::NodeId;

/// A `slot` that names no place.
pub(super) const NOWHERE: u32 = u32::MAX;

/// How many ended attempts of a unit are kept; beyond that the middle is dropped.
pub(super) const ATTEMPTS_KEPT_MAX: usize = 100;

/// What is known of a unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct UnitState {
    /// What few units have.
    pub(super) more: Option<Box<More>>,
    /// When the attempt at hand started; while it is queued, when it was dispatched.
    pub(super) started: Timestamp,
    /// When the attempt at hand or the unit ended; while it sleeps, until when.
    pub(super) ended: Timestamp,
    /// Where it stands.
    pub(super) phase: Phase,
    /// The last dispatch.
    pub(super) fencing: u32,
    /// Of a fan-out node its place in `Run::fans`, of any other unit its output's in
    /// `Run::outputs`, or `NOWHERE`.
    pub(super) slot: u32,
}

/// Where a unit stands; finer than [`StepState`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Phase {
    /// Waits for so many of its dependencies.
    Pending(u32),
    /// May be executed, but waits for a slot of the run's `max_parallel`.
    Held,
    /// Dispatched, and not known to run.
    Queued,
    /// An attempt is known to run.
    Running,
    /// A fan-out whose items are under way.
    Fanned,
    /// An attempt failed; to be judged.
    Tried,
    /// An attempt was stopped by the engine; to be judged.
    Interrupted,
    /// The process died in an attempt; to be judged.
    Crashed,
    /// Waits for its next try.
    Retrying,
    /// A `sleep` step waits.
    Sleeping,
    /// A person must decide.
    Parked,
    /// Done.
    Succeeded,
    /// Failed for good.
    Failed,
    /// Its `when` was false.
    Skipped,
    /// It needs the output of this one, which has none.
    SkippedFor(NodeId),
    /// This dependency did not allow it.
    Blocked(NodeId),
    /// Stopped, or never started.
    Cancelled,
}

impl Phase {
    /// Whether it is over.
    pub(super) const fn is_end(self) -> bool {
        matches!(
            self,
            Self::Succeeded
                | Self::Failed
                | Self::Skipped
                | Self::SkippedFor(_)
                | Self::Blocked(_)
                | Self::Cancelled
        )
    }

    /// Whether it takes one of the run's `max_parallel` slots. An attempt that has ended keeps its
    /// slot until it is judged: what the verdict stops must not start before it.
    pub(super) const fn takes_slot(self) -> bool {
        matches!(
            self,
            Self::Queued | Self::Running | Self::Tried | Self::Interrupted | Self::Crashed
        )
    }

    /// Whether something will come of it by itself: an outcome, a timer, a slot, a verdict.
    pub(super) const fn is_busy(self) -> bool {
        self.takes_slot() || matches!(self, Self::Held | Self::Retrying | Self::Sleeping)
    }

    /// What the outside calls it.
    pub(super) const fn state(self) -> StepState {
        match self {
            Self::Pending(_) => StepState::Pending,
            Self::Held | Self::Queued | Self::Interrupted | Self::Crashed => StepState::Ready,
            Self::Running | Self::Fanned => StepState::Running,
            Self::Tried | Self::Retrying => StepState::Retrying,
            Self::Sleeping => StepState::Waiting,
            Self::Parked => StepState::Parked,
            Self::Succeeded => StepState::Succeeded,
            Self::Failed => StepState::Failed,
            Self::Skipped | Self::SkippedFor(_) => StepState::Skipped,
            Self::Blocked(_) => StepState::Blocked,
            Self::Cancelled => StepState::Cancelled,
        }
    }
}

/// What few units have: tries that failed, deaths, an edited input.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct More {
    /// Tries that failed, since the unit was last opened.
    pub(super) tries: u32,
    /// How often the process died in it, since the unit was last opened.
    pub(super) deaths: u32,
    /// With a join by count: dependencies that ended and were no success.
    pub(super) lost: u32,
    /// When its first attempt started, since the unit was last opened.
    pub(super) first: Option<Timestamp>,
    /// When the next try is due.
    pub(super) due: Timestamp,
    /// Why it failed, unless that is the failure of its last attempt.
    pub(super) failure: Option<Box<Failure>>,
    /// The input that a person gave it.
    pub(super) edited: Option<Payload>,
    /// Ended attempts, without the last one of a unit that succeeded.
    pub(super) past: Vec<Past>,
    /// How many were dropped from the middle of `past`.
    pub(super) dropped: u32,
}

/// An attempt that has ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Past {
    /// Which try.
    pub(super) attempt: u32,
    /// Which dispatch.
    pub(super) fencing: u32,
    /// When it started.
    pub(super) started: Timestamp,
    /// When it ended.
    pub(super) ended: Timestamp,
    /// How.
    pub(super) end: PastEnd,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum PastEnd {
    /// Well; the unit was reopened afterwards.
    Succeeded,
    /// With this.
    Failed(Box<Failure>),
    /// The engine stopped it.
    Interrupted,
    /// The process died in it.
    Crashed,
    /// The unit was cancelled.
    Cancelled,
}

impl UnitState {
    /// A unit that waits for so many dependencies.
    pub(super) fn new(waiting: u32) -> Self {
        Self {
            more: None,
            started: Timestamp::default(),
            ended: Timestamp::default(),
            phase: Phase::Pending(waiting),
            fencing: 0,
            slot: NOWHERE,
        }
    }

    /// The rare part, made if need be.
    pub(super) fn more(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }

    /// Tries that failed since the unit was last opened.
    pub(super) fn tries(&self) -> u32 {
        self.more.as_ref().map_or(0, |more| more.tries)
    }

    /// The number of the try at hand.
    pub(super) fn attempt(&self) -> u32 {
        self.tries().saturating_add(1)
    }

    /// How often the process died in it.
    pub(super) fn deaths(&self) -> u32 {
        self.more.as_ref().map_or(0, |more| more.deaths)
    }

    /// Why it failed last.
    pub(super) fn failure(&self) -> Option<&Failure> {
        let more = self.more.as_deref()?;
        more.failure.as_deref().or_else(|| match &more.past.last()?.end {
            PastEnd::Failed(failure) => Some(failure),
            PastEnd::Succeeded | PastEnd::Interrupted | PastEnd::Crashed | PastEnd::Cancelled => {
                None
            }
        })
    }

    /// Notes why it failed for good.
    pub(super) fn note_final(&mut self, failure: &Failure) {
        if self.failure() != Some(failure) {
            self.more().failure = Some(Box::new(failure.clone()));
        }
    }

    /// Writes the attempt at hand into the history, ended at `ended`.
    pub(super) fn note(&mut self, ended: Timestamp, end: PastEnd) {
        let past = Past {
            attempt: self.attempt(),
            fencing: self.fencing,
            started: self.started,
            ended,
            end,
        };
        let more = self.more();
        if more.past.len() >= ATTEMPTS_KEPT_MAX {
            more.past.remove(ATTEMPTS_KEPT_MAX / 2);
            more.dropped = more.dropped.saturating_add(1);
        }
        more.past.push(past);
    }

    /// Notes when the first attempt since the unit was opened started.
    pub(super) fn note_first(&mut self) {
        let started = self.started;
        self.more().first.get_or_insert(started);
    }

    /// Makes it as if it had never run, but for its history and its fencing.
    pub(super) fn reset(&mut self, forget_input: bool) {
        if self.phase == Phase::Succeeded && self.fencing > 0 {
            self.note(self.ended, PastEnd::Succeeded);
        }
        if let Some(more) = &mut self.more {
            let edited = if forget_input { None } else { more.edited.take() };
            let past = std::mem::take(&mut more.past);
            **more = More { past, edited, dropped: more.dropped, ..More::default() };
        }
        self.phase = Phase::Pending(0);
        self.started = Timestamp::default();
        self.ended = Timestamp::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_small() {
        assert_eq!(size_of::<UnitState>(), 40);
        assert_eq!(size_of::<Past>(), 40);
    }

    #[test]
    fn a_long_history_loses_its_middle() {
        let mut unit = UnitState::new(0);
        for fencing in 1..=250 {
            unit.fencing = fencing;
            unit.note(Timestamp::default(), PastEnd::Interrupted);
        }
        let more = unit.more();
        assert_eq!((more.past.len(), more.dropped), (100, 150));
        assert_eq!((more.past[0].fencing, more.past[49].fencing), (1, 50));
        assert_eq!((more.past[50].fencing, more.past[99].fencing), (201, 250));
    }
}
