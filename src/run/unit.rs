//! The state of one unit: 40 bytes, and what is rare in a box.

use std::num::NonZeroU32;

use super::{Failure, ScopeId, StepState};
use crate::clock::Timestamp;
use crate::payload::Payload;
use crate::plan::NodeId;

/// How many ended attempts of a unit are kept; beyond that the middle is dropped.
pub(crate) const ATTEMPTS_KEPT_MAX: usize = 100;

/// What is known of a unit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct UnitState {
    /// State that only failed, edited or count-joined units need.
    pub(crate) rare: Option<Box<RareState>>,
    /// When the attempt at hand started; while it is queued, when it was dispatched.
    pub(crate) started: Timestamp,
    /// When the attempt at hand or the unit ended.
    pub(crate) ended: Timestamp,
    /// Where it stands.
    pub(crate) phase: Phase,
    /// The number of its last dispatch within the run; 0 before the first.
    pub(crate) dispatch: u32,
    /// What it has.
    pub(crate) slot: Option<Slot>,
}

/// What a unit has: one that opened scopes the first of them, any other one its output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot(NonZeroU32);

impl Slot {
    /// The first of the scopes that a unit opened: never the run itself.
    pub(crate) fn of_scopes(first: ScopeId) -> Option<Self> {
        NonZeroU32::new(first.0).map(Self)
    }

    /// A place in `Run::outputs`.
    pub(crate) fn of_output(place: usize) -> Option<Self> {
        NonZeroU32::new(u32::try_from(place).ok()?.checked_add(1)?).map(Self)
    }

    pub(crate) fn scopes(self) -> ScopeId {
        ScopeId(self.0.get())
    }

    pub(crate) fn output(self) -> usize {
        usize::try_from(self.0.get() - 1).unwrap_or(usize::MAX)
    }

    /// The number that stands for it where it is stored; never 0.
    pub(crate) fn number(self) -> u32 {
        self.0.get()
    }

    /// What [`Slot::number`] stands for; `None` for 0.
    pub(crate) fn of_number(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(Self)
    }
}

/// Where a unit stands; finer than [`StepState`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Waits for so many of its dependencies.
    Pending(u32),
    /// Holds nothing, and waits for something that is not a dependency.
    Waiting(Wait),
    /// Something is done for it.
    Active(Activity),
    /// An attempt has ended otherwise than well: what follows is decided when the run settles.
    Judged(AttemptEnd),
    /// It is over.
    Ended(UnitEnd),
}

/// What a unit waits for. The timer of one that has a time stands in `Run::waits`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// A slot of the run's `max_parallel`.
    Slot,
    /// The time of its next try.
    Retry,
    /// The end of its sleep.
    Sleep,
    /// A person who decides: it is parked.
    Person,
    /// An evaluation that takes long: whether it starts, and with what.
    Evaluation,
}

/// What is done for a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activity {
    /// An attempt was dispatched, and is not known to run.
    Queued,
    /// An attempt is known to run.
    Running,
    /// The scopes that it opened are under way.
    Scopes,
}

/// How an attempt ended that is to be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AttemptEnd {
    /// It failed.
    Failed,
    /// The process died in it.
    Crashed,
    /// The engine stopped it.
    Interrupted,
}

/// How a unit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnitEnd {
    /// Well.
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
    /// An attempt waits in its queue.
    pub(crate) const QUEUED: Self = Self::Active(Activity::Queued);
    /// An attempt is known to run.
    pub(crate) const RUNNING: Self = Self::Active(Activity::Running);
    /// The unit's scopes are under way.
    pub(crate) const SCOPES: Self = Self::Active(Activity::Scopes);
    /// A person must decide.
    pub(crate) const PARKED: Self = Self::Waiting(Wait::Person);
    /// Done.
    pub(crate) const SUCCEEDED: Self = Self::Ended(UnitEnd::Succeeded);
    /// Failed for good.
    pub(crate) const FAILED: Self = Self::Ended(UnitEnd::Failed);
    /// Stopped, or never started.
    pub(crate) const CANCELLED: Self = Self::Ended(UnitEnd::Cancelled);

    /// Whether it is over.
    pub(crate) const fn is_end(self) -> bool {
        matches!(self, Self::Ended(_))
    }

    /// What it counts in its run: as busy, where something will come of it by itself (an outcome, a
    /// timer, a slot, a verdict); as a slot of `max_parallel`; as parked. An attempt that has ended
    /// keeps its slot until it is judged: what the verdict stops must not start before it.
    pub(crate) const fn counts(self) -> [u32; 3] {
        match self {
            Self::Active(Activity::Queued | Activity::Running) | Self::Judged(_) => [1, 1, 0],
            Self::Waiting(Wait::Slot | Wait::Retry | Wait::Sleep | Wait::Evaluation) => [1, 0, 0],
            Self::Waiting(Wait::Person) => [0, 0, 1],
            Self::Active(Activity::Scopes) | Self::Pending(_) | Self::Ended(_) => [0, 0, 0],
        }
    }

    /// Whether something will come of it by itself.
    pub(crate) const fn is_busy(self) -> bool {
        self.counts()[0] > 0
    }

    /// What the outside calls it.
    pub(crate) const fn state(self) -> StepState {
        match self {
            Self::Pending(_) => StepState::Pending,
            Self::Waiting(wait) => wait.state(),
            Self::Active(Activity::Queued)
            | Self::Judged(AttemptEnd::Interrupted | AttemptEnd::Crashed) => StepState::Ready,
            Self::Active(Activity::Running | Activity::Scopes) => StepState::Running,
            Self::Judged(AttemptEnd::Failed) => StepState::Retrying,
            Self::Ended(end) => end.state(),
        }
    }
}

impl Wait {
    const fn state(self) -> StepState {
        match self {
            Self::Slot => StepState::Ready,
            Self::Retry => StepState::Retrying,
            Self::Sleep => StepState::Waiting,
            Self::Person => StepState::Parked,
            Self::Evaluation => StepState::Pending,
        }
    }
}

impl UnitEnd {
    const fn state(self) -> StepState {
        match self {
            Self::Succeeded => StepState::Succeeded,
            Self::Failed => StepState::Failed,
            Self::Skipped | Self::SkippedFor(_) => StepState::Skipped,
            Self::Blocked(_) => StepState::Blocked,
            Self::Cancelled => StepState::Cancelled,
        }
    }
}

/// State that only failed, edited or count-joined units need.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct RareState {
    /// Tries that failed, since the unit was last opened.
    pub(crate) tries: u32,
    /// How often the process died in it, or may have, since the unit was last opened.
    pub(crate) deaths: u32,
    /// Whether it is certain that the process died in it the last time.
    pub(crate) died_for_certain: bool,
    /// With a join by count: what its counted dependencies have come to.
    pub(crate) race: Option<Race>,
    /// When its first attempt started, since the unit was last opened.
    pub(crate) first: Option<Timestamp>,
    /// The input that a person has given it.
    pub(crate) edited: Option<Payload>,
    /// Why it failed for good, where no attempt says so.
    pub(crate) failure: Option<Box<Failure>>,
    /// Ended attempts, the oldest first.
    pub(crate) past: Vec<PastAttempt>,
    /// So many attempts in the middle of `past` are not kept.
    pub(crate) dropped: u32,
}

/// How a join by count stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Race {
    /// So many more successes are wanted.
    pub(crate) wanted: u32,
    /// So many more dependencies may end without success.
    pub(crate) spare: u32,
    /// One more than that has: it can never be won.
    pub(crate) lost: bool,
}

/// An attempt that ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PastAttempt {
    /// Which try.
    pub(crate) attempt: u32,
    /// The number of its dispatch within the run.
    pub(crate) dispatch: u32,
    pub(crate) started: Timestamp,
    pub(crate) ended: Timestamp,
    /// How it ended.
    pub(crate) end: PastEnd,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum PastEnd {
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
    pub(crate) fn new(waiting: u32) -> Self {
        Self {
            rare: None,
            started: Timestamp::default(),
            ended: Timestamp::default(),
            phase: Phase::Pending(waiting),
            dispatch: 0,
            slot: None,
        }
    }

    /// The rare part, made if need be.
    pub(crate) fn rare(&mut self) -> &mut RareState {
        self.rare.get_or_insert_default()
    }

    /// Tries that failed since the unit was last opened.
    pub(crate) fn tries(&self) -> u32 {
        self.rare.as_ref().map_or(0, |rare| rare.tries)
    }

    /// The number of the try at hand.
    pub(crate) fn attempt(&self) -> u32 {
        self.tries().saturating_add(1)
    }

    /// How often the process died in it, or may have.
    pub(crate) fn deaths(&self) -> u32 {
        self.rare.as_ref().map_or(0, |rare| rare.deaths)
    }

    /// Why it failed last.
    pub(crate) fn failure(&self) -> Option<&Failure> {
        let rare = self.rare.as_deref()?;
        rare.failure.as_deref().or_else(|| match &rare.past.last()?.end {
            PastEnd::Failed(failure) => Some(failure),
            PastEnd::Succeeded | PastEnd::Interrupted | PastEnd::Crashed | PastEnd::Cancelled => {
                None
            }
        })
    }

    /// Notes why it failed for good.
    pub(crate) fn note_final(&mut self, failure: &Failure) {
        if self.failure() != Some(failure) {
            self.rare().failure = Some(Box::new(failure.clone()));
        }
    }

    /// Writes the attempt at hand into the history, ended at `ended`.
    pub(crate) fn note(&mut self, ended: Timestamp, end: PastEnd) {
        let past = PastAttempt {
            attempt: self.attempt(),
            dispatch: self.dispatch,
            started: self.started,
            ended,
            end,
        };
        let rare = self.rare();
        if rare.past.len() >= ATTEMPTS_KEPT_MAX {
            rare.past.remove(ATTEMPTS_KEPT_MAX / 2);
            rare.dropped = rare.dropped.saturating_add(1);
        }
        rare.past.push(past);
    }

    /// Notes when the first attempt since the unit was opened started.
    pub(crate) fn note_first(&mut self) {
        let started = self.started;
        self.rare().first.get_or_insert(started);
    }

    /// Makes it as if it had never run, but for its history and its last dispatch.
    pub(crate) fn reset(&mut self, forget_input: bool, opens_scopes: bool) {
        if self.phase == Phase::SUCCEEDED && self.dispatch > 0 && !opens_scopes {
            self.note(self.ended, PastEnd::Succeeded);
        }
        if let Some(rare) = &mut self.rare {
            let edited = if forget_input { None } else { rare.edited.take() };
            let past = std::mem::take(&mut rare.past);
            **rare = RareState { past, edited, dropped: rare.dropped, ..RareState::default() };
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
        assert_eq!(size_of::<Phase>(), 8);
        assert_eq!(size_of::<UnitState>(), 40);
        assert_eq!(size_of::<PastAttempt>(), 40);
    }

    #[test]
    fn a_long_history_loses_its_middle() {
        let mut unit = UnitState::new(0);
        for dispatch in 1..=250 {
            unit.dispatch = dispatch;
            unit.note(Timestamp::default(), PastEnd::Interrupted);
        }
        let rare = unit.rare();
        assert_eq!((rare.past.len(), rare.dropped), (100, 150));
        assert_eq!((rare.past[0].dispatch, rare.past[49].dispatch), (1, 50));
        assert_eq!((rare.past[50].dispatch, rare.past[99].dispatch), (201, 250));
    }
}
