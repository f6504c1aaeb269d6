//! What is still to be done, said again after a recovery.

use super::unit::{Phase, UnitState, Wait};
use super::{Armed, Effect, EvaluationOf, Run, RunState, Timer, TimerOwner, Unit};
use crate::clock::Timestamp;
use crate::plan::Plan;

impl Run {
    /// The dispatches, timers and evaluations that are outstanding, and the end, if the run has come to it.
    ///
    /// An attempt that is known to run is not among them: somebody has it, or has died with it
    /// ([`Run::recover`]). Starts are to be durable now, so that a handler that kills the process
    /// at once is counted from here on. A wait of a certain length is never longer than that from
    /// now on, whatever the wall clock did; a wait in a queue begins anew.
    pub fn owed(&self, now: Timestamp) -> Vec<Effect> {
        let mut owed = Vec::new();
        if self.state.is_end() {
            owed.push(Effect::End);
            return owed;
        }
        if let Some(armed) = self.alarm.as_deref().copied() {
            owed.push(arm(TimerOwner::Run, armed, armed.due_again(now)));
        }
        if let Some(number) = self.awaited_output() {
            owed.push(Effect::Evaluate { of: EvaluationOf::Output, number });
        }
        if self.busy == 0 || self.state == RunState::Pending {
            return owed;
        }
        for (unit, state) in self.all_units() {
            let dispatch = state.dispatch;
            if state.phase == Phase::QUEUED {
                let attempt = state.attempt();
                owed.push(Effect::Dispatch { unit, attempt, dispatch, durable_start: true });
            } else if state.phase == Phase::Waiting(Wait::Evaluation) {
                let of = EvaluationOf::Start(unit);
                owed.push(Effect::Evaluate { of, number: dispatch });
            }
        }
        for (&unit, &armed) in self.waits.iter() {
            let due = match armed.span {
                Some(span) if self.phase(unit) == Phase::QUEUED => now.after(span),
                Some(_) | None => armed.due_again(now),
            };
            owed.push(arm(TimerOwner::Unit(unit), armed, due));
        }
        owed
    }

    /// The units for which a dead letter stands, or stood until somebody dropped it, each with the
    /// dispatch that failed.
    pub fn dead_letters(&self, plan: &Plan) -> Vec<(Unit, u32)> {
        self.all_units()
            .filter(|(unit, state)| self.has_letter(plan, *unit, state))
            .map(|(unit, state)| (unit, state.dispatch))
            .collect()
    }

    /// Whether a dead letter stands for a unit.
    pub(crate) fn has_letter(&self, plan: &Plan, unit: Unit, state: &UnitState) -> bool {
        match state.phase {
            Phase::PARKED => true,
            Phase::FAILED => {
                // One that failed through its scopes has those of their units.
                !plan.node(unit.node).allow_failure && self.block_of_owner(unit).is_none()
            }
            Phase::Pending(_)
            | Phase::Waiting(_)
            | Phase::Active(_)
            | Phase::Judged(_)
            | Phase::Ended(_) => false,
        }
    }
}

fn arm(owner: TimerOwner, armed: Armed, due: Timestamp) -> Effect {
    Effect::Arm { timer: Timer { owner, number: armed.number }, due, span: armed.span }
}
