//! What becomes of attempts that did not end by themselves: the process died, the engine stopped
//! them, they waited too long.

use super::unit::{AttemptEnd, PastEnd, Phase};
use super::{Attempt, Event, Failure, Run, Unit};
use crate::clock::Timestamp;
use crate::definition::{ErrorClass, OnCrash, format_duration};
use crate::plan::Plan;

/// The process may die so often in the attempts of a unit, less one.
pub const DEATHS_MAX: u32 = 3;

impl Run {
    /// The process died: so did every attempt that was known to run, and maybe those that had been
    /// claimed. What was only queued is owed as before.
    pub(crate) fn decide_died(&self, maybe: &[(Unit, u32)], at: Timestamp, out: &mut Vec<Event>) {
        if self.busy > 0 {
            let running = self.all_units().filter(|(_, state)| state.phase == Phase::RUNNING);
            out.extend(running.map(|(unit, state)| Event::Crashed {
                unit,
                dispatch: state.dispatch,
                at,
                certain: true,
            }));
        }
        for &(unit, dispatch) in maybe {
            if self.phase(unit) == Phase::QUEUED && self.awaits(unit, dispatch) {
                out.push(Event::Crashed { unit, dispatch, at, certain: false });
            }
        }
    }

    /// What follows when the process has died in an attempt. Uncertain deaths count too, but the
    /// last one must be certain.
    pub(crate) fn judge_crash(&self, plan: &Plan, unit: Unit, at: Timestamp, out: &mut Vec<Event>) {
        let Some(state) = self.unit(unit) else { return };
        let is_certain = state.rare.as_ref().is_some_and(|rare| rare.died_for_certain);
        if is_certain && state.deaths() >= DEATHS_MAX {
            let message = format!("the process died {} times while it ran", state.deaths());
            let failure = Box::new(Failure::new(ErrorClass::Poison, message));
            out.push(Event::Failed { unit, at, failure });
        } else if is_certain
            && plan.node(unit.node).on_crash == OnCrash::Park
            && !self.is_stopped(unit)
        {
            out.push(Event::Parked { unit, at });
        } else {
            self.judge_interruption(unit, at, out);
        }
    }

    /// What follows when the engine has stopped an attempt: it starts again.
    pub(crate) fn judge_interruption(&self, unit: Unit, at: Timestamp, out: &mut Vec<Event>) {
        out.push(if self.is_stopped(unit) {
            Event::Cancelled { unit, at }
        } else {
            Event::Ready { unit, at }
        });
    }

    /// An attempt waited too long in its queue.
    pub(crate) fn decide_too_late(
        &self,
        plan: &Plan,
        unit: Unit,
        at: Timestamp,
        out: &mut Vec<Event>,
    ) {
        let Some(state) = self.unit(unit) else { return };
        let Some(limit) = plan.node(unit.node).start_within else { return };
        let message = format!("did not start within {}", format_duration(limit));
        let failure = Box::new(Failure::new(ErrorClass::Timeout, message));
        let attempt = Attempt { unit, dispatch: state.dispatch, started: at, ended: at };
        out.push(Event::AttemptFailed { attempt, failure });
    }

    /// The process died in an attempt.
    pub(crate) fn note_crash(&mut self, unit: Unit, at: Timestamp, certain: bool) {
        let Some(state) = self.turn(unit, Phase::Judged(AttemptEnd::Crashed)) else { return };
        if certain {
            state.note_first();
            state.note(at, PastEnd::Crashed);
        }
        let rare = state.rare();
        rare.deaths = rare.deaths.saturating_add(1);
        rare.died_for_certain = certain;
        self.work.push_back(unit);
    }

    /// The engine stopped an attempt.
    pub(crate) fn note_interruption(&mut self, unit: Unit, at: Timestamp) {
        let ran = self.phase(unit) == Phase::RUNNING;
        let Some(state) = self.turn(unit, Phase::Judged(AttemptEnd::Interrupted)) else { return };
        if ran {
            state.note_first();
            state.note(at, PastEnd::Interrupted);
        }
        self.work.push_back(unit);
    }
}

#[cfg(test)]
mod tests;
