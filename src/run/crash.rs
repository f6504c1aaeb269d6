//! What becomes of attempts that did not end by themselves: the process died, the engine stopped
//! them, they waited too long.

use super::fault::{Fault, planted};
use super::unit::{PastEnd, Phase};
use super::{Event, Failure, Run, Unit};
use crate::clock::Timestamp;
use crate::definition::{ErrorClass, OnCrash, format_duration};
use crate::plan::Plan;

/// The process may die so often in the attempts of a unit, less one.
pub const DEATHS_MAX: u32 = 3;

impl Run {
    /// The process died: so did every attempt that was known to run. What was only queued is owed
    /// as before.
    pub(super) fn decide_died(&self, at: Timestamp, out: &mut Vec<Event>) {
        let mut died = |unit: Unit, state: &super::UnitState| {
            if state.phase == Phase::Running {
                out.push(Event::Crashed { unit, fencing: state.fencing, at });
            }
        };
        for (unit, state) in self.tops().zip(&self.units) {
            died(unit, state);
        }
        for place in self.live_fans() {
            for (unit, state) in self.item_units(place).zip(&self.fans[place].units) {
                died(unit, state);
            }
        }
    }

    /// What follows when the process has died in an attempt.
    pub(super) fn judge_crash(&self, plan: &Plan, unit: Unit, at: Timestamp, out: &mut Vec<Event>) {
        let Some(state) = self.unit(plan, unit) else { return };
        if state.deaths() >= DEATHS_MAX {
            let message = format!("the process died {} times while it ran", state.deaths());
            let failure = Box::new(Failure::new(ErrorClass::Poison, message));
            out.push(Event::Failed { unit, at, failure });
        } else if plan.node(unit.node).on_crash == OnCrash::Park && !self.is_stopped(plan, unit) {
            out.push(Event::Parked { unit, at });
        } else {
            self.judge_interruption(plan, unit, at, out);
        }
    }

    /// What follows when the engine has stopped an attempt: it starts again.
    pub(super) fn judge_interruption(
        &self,
        plan: &Plan,
        unit: Unit,
        at: Timestamp,
        out: &mut Vec<Event>,
    ) {
        out.push(if self.is_stopped(plan, unit) {
            Event::Cancelled { unit, at }
        } else {
            Event::Ready { unit, at }
        });
    }

    /// An attempt waited too long in its queue.
    pub(super) fn decide_too_late(
        &self,
        plan: &Plan,
        unit: Unit,
        at: Timestamp,
        out: &mut Vec<Event>,
    ) {
        let Some(state) = self.unit(plan, unit) else { return };
        let Some(limit) = plan.node(unit.node).start_within else { return };
        if state.phase != Phase::Queued {
            return;
        }
        let message = format!("did not start within {}", format_duration(limit));
        let failure = Box::new(Failure::new(ErrorClass::Timeout, message));
        out.push(Event::AttemptFailed { unit, fencing: state.fencing, started: at, at, failure });
    }

    /// The process died in an attempt.
    pub(super) fn note_crash(&mut self, plan: &Plan, unit: Unit, at: Timestamp) {
        let Some(state) = self.turn(plan, unit, Phase::Crashed) else { return };
        state.note_first();
        state.note(at, PastEnd::Crashed);
        let more = state.more();
        if !planted(Fault::ForgottenDeath) {
            more.deaths = more.deaths.saturating_add(1);
        }
        if planted(Fault::DeathIsTry) {
            more.tries += 1;
        }
        self.work.push_back(unit);
    }

    /// The engine stopped an attempt.
    pub(super) fn note_interruption(&mut self, plan: &Plan, unit: Unit, at: Timestamp) {
        let ran = self.phase(plan, unit) == Phase::Running;
        let Some(state) = self.turn(plan, unit, Phase::Interrupted) else { return };
        if ran {
            state.note_first();
            state.note(at, PastEnd::Interrupted);
        }
        self.work.push_back(unit);
    }
}

#[cfg(test)]
mod tests;
