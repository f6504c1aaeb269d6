//! Faults that a test plants between a run and its world, to prove that the checks see them: an
//! event or effect is changed, lost or doubled there. The rules know nothing of them.

use crate::luck::Luck;
use crate::payload::Payload;
use crate::run::{
    Decision, Effect, EvaluationOf, Event, Failure, Input, RunState, SkipReason, Unit,
};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The outcome of an old dispatch is taken for that of the new one.
    OldOutcome,
    /// The next try is due in half the time.
    EarlyRetry,
    /// What failed for good is tried once more.
    ExtraTry,
    /// What has a try left fails for good.
    LostTry,
    /// What its `when` does not want runs.
    SkippedRuns,
    /// What should run is skipped.
    ReadySkipped,
    /// What is blocked runs.
    BlockedRuns,
    /// A list loses its last item.
    LostItem,
    /// A list is turned around.
    TurnedList,
    /// A fan-out of which too many items failed succeeds.
    LooseTolerance,
    /// The result of an attempt is another's.
    OtherOutput,
    /// Who lost a race goes on.
    LosersGoOn,
    /// A death is taken for an interruption.
    ForgottenDeath,
    /// A death is not noticed.
    UnnoticedDeath,
    /// What should be parked starts again.
    UnparkedCrash,
    /// A run that failed has succeeded.
    FalseEnd,
    /// A retry forgets one step.
    ForgottenStep,
    /// An attempt is not handed out.
    LostDispatch,
    /// An attempt is handed out twice.
    DoubleDispatch,
    /// A start that must be recorded first is not.
    UnrecordedStart,
    /// A timer is not armed.
    LostTimer,
    /// A timer is armed for half its time.
    EarlyTimer,
    /// An attempt is not stopped.
    LostAbort,
    /// A dead letter is not written.
    LostLetter,
    /// A dead letter is written twice.
    DoubleLetter,
    /// A settled dead letter stays.
    KeptLetter,
    /// After a restart one effect is not owed.
    ForgottenDebt,
    /// What takes long is not evaluated.
    LostEvaluation,
    /// The result of an old evaluation is taken for that of the new one.
    OldEvaluation,
}

impl Fault {
    pub(super) const ALL: [Self; 29] = [
        Self::OldOutcome,
        Self::EarlyRetry,
        Self::ExtraTry,
        Self::LostTry,
        Self::SkippedRuns,
        Self::ReadySkipped,
        Self::BlockedRuns,
        Self::LostItem,
        Self::TurnedList,
        Self::LooseTolerance,
        Self::OtherOutput,
        Self::LosersGoOn,
        Self::ForgottenDeath,
        Self::UnnoticedDeath,
        Self::UnparkedCrash,
        Self::FalseEnd,
        Self::ForgottenStep,
        Self::LostDispatch,
        Self::DoubleDispatch,
        Self::UnrecordedStart,
        Self::LostTimer,
        Self::EarlyTimer,
        Self::LostAbort,
        Self::LostLetter,
        Self::DoubleLetter,
        Self::KeptLetter,
        Self::ForgottenDebt,
        Self::LostEvaluation,
        Self::OldEvaluation,
    ];

    /// Changes an input before the run sees it; `current` is the dispatch at hand of its unit.
    pub(super) fn input(self, input: &mut Input, current: impl Fn(Unit) -> u32) {
        if let (Self::OldOutcome, Input::Finished { attempt, .. }) = (self, &mut *input) {
            attempt.dispatch = current(attempt.unit);
        }
        if let (Self::OldEvaluation, Input::Evaluated { number, evaluated }) = (self, input)
            && let EvaluationOf::Start(unit) = evaluated.of()
        {
            *number = current(unit);
        }
    }

    /// Changes what was decided before it is made so. `is_judged` tells an attempt's failure from
    /// one without an attempt.
    pub(super) fn events(
        self,
        events: &mut Vec<Event>,
        input: &Input,
        is_judged: impl Fn(Unit) -> bool,
    ) {
        if self == Self::LosersGoOn && events.len() > 1 && matches!(input, Input::Settle) {
            events.retain(|event| !matches!(event, Event::Cancelled { .. }));
        }
        if self == Self::UnnoticedDeath {
            events.retain(|event| !matches!(event, Event::Crashed { .. }));
        }
        for event in events {
            self.event(event, &is_judged);
        }
    }

    fn event(self, event: &mut Event, is_judged: &impl Fn(Unit) -> bool) {
        match (self, &mut *event) {
            (Self::EarlyRetry, Event::RetryScheduled { at, due, .. }) => {
                *due = at.after(due.since(*at) / 2);
            }
            (Self::ExtraTry, &mut Event::Failed { unit, at, .. }) if is_judged(unit) => {
                *event = Event::RetryScheduled { unit, at, due: at };
            }
            (Self::LostTry, &mut Event::RetryScheduled { unit, at, .. }) => {
                let failure = Failure::new(crate::definition::ErrorClass::Timeout, "planted");
                *event = Event::Failed { unit, at, failure: Box::new(failure) };
            }
            (Self::SkippedRuns, &mut Event::Skipped { unit, at, reason: SkipReason::When })
            | (Self::BlockedRuns, &mut Event::Blocked { unit, at, .. })
            | (Self::UnparkedCrash, &mut Event::Parked { unit, at }) => {
                *event = Event::Ready { unit, at };
            }
            (Self::ReadySkipped, &mut Event::Ready { unit, at }) if !is_judged(unit) => {
                *event = Event::Skipped { unit, at, reason: SkipReason::When };
            }
            (Self::LostItem, Event::FannedOut { items, .. }) => drop(items.pop()),
            (Self::TurnedList, Event::FannedOut { items, .. }) => items.reverse(),
            (Self::LooseTolerance, &mut Event::Failed { unit, at, .. }) if !is_judged(unit) => {
                *event = Event::Gathered { unit, at };
            }
            (Self::OtherOutput, Event::Succeeded { output, .. }) => {
                *output = Payload::of(&"another's").unwrap();
            }
            (Self::ForgottenDeath, &mut Event::Crashed { unit, dispatch, at, .. }) => {
                *event = Event::Interrupted { unit, dispatch, at };
            }
            (Self::FalseEnd, Event::Ended { state, .. }) if *state == RunState::Failed => {
                *state = RunState::Succeeded;
            }
            (Self::ForgottenStep, Event::Reopened { units, .. }) => drop(units.pop()),
            (_, _) => {}
        }
    }

    /// Changes what is to be done before it is.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others change events")]
    pub(super) fn effects(self, decision: &mut Decision, luck: &mut Luck) {
        let effects = &mut decision.effects;
        match self {
            Self::LostDispatch => lose(effects, |it| matches!(it, Effect::Dispatch { .. })),
            Self::DoubleDispatch => double(effects, |it| matches!(it, Effect::Dispatch { .. })),
            Self::LostEvaluation => lose(effects, |it| matches!(it, Effect::Evaluate { .. })),
            Self::LostTimer => lose(effects, |it| matches!(it, Effect::Arm { .. })),
            Self::LostAbort => lose(effects, |it| matches!(it, Effect::Abort { .. })),
            Self::LostLetter => lose(effects, |it| matches!(it, Effect::AddDeadLetter { .. })),
            Self::DoubleLetter => double(effects, |it| matches!(it, Effect::AddDeadLetter { .. })),
            Self::KeptLetter => lose(effects, |it| matches!(it, Effect::RemoveDeadLetter { .. })),
            Self::UnrecordedStart => {
                for effect in effects {
                    if let Effect::Dispatch { durable_start, .. } = effect {
                        *durable_start = false;
                    }
                }
            }
            Self::EarlyTimer => {
                for effect in effects {
                    if let Effect::Arm { due, span: Some(span), .. } = effect {
                        let back = i64::try_from(span.as_micros() / 2).unwrap();
                        *due = crate::clock::Timestamp::from_micros(due.as_micros() - back);
                    }
                }
            }
            Self::ForgottenDebt if !effects.is_empty() => {
                effects.remove(luck.index(effects.len()));
            }
            _ => {}
        }
    }
}

fn lose(effects: &mut Vec<Effect>, is: impl Fn(&Effect) -> bool) {
    if let Some(place) = effects.iter().position(is) {
        effects.remove(place);
    }
}

fn double(effects: &mut Vec<Effect>, is: impl Fn(&Effect) -> bool) {
    if let Some(effect) = effects.iter().copied().find(is) {
        effects.push(effect);
    }
}
