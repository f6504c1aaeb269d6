//! What is still to be done, said again after a recovery.

use super::fault::{Fault, planted};
use super::unit::{Phase, UnitState};
use super::{Effect, Run, RunState, Timer, Unit};
use crate::plan::Plan;

impl Run {
    /// The dispatches and timers that are outstanding, and the end, if the run has come to it.
    ///
    /// An attempt that is known to run is not among them: somebody has it, or has died with it
    /// ([`Run::recover`]). Starts are to be durable now, so that a handler that kills the process
    /// at once is counted from here on.
    pub fn owed(&self, plan: &Plan) -> Vec<Effect> {
        let mut owed = Vec::new();
        if self.state.is_end() {
            owed.push(Effect::End);
            return owed;
        }
        if self.state == RunState::Pending {
            owed.push(Effect::Arm { timer: Timer::Begin, due: self.accepted.begin });
            return owed;
        }
        if let Some(limit) = plan.timeout {
            owed.push(Effect::Arm { timer: Timer::RunTimeout, due: self.began.after(limit) });
        }
        for (unit, state) in self.tops().zip(&self.units) {
            owed_to(plan, unit, state, &mut owed);
        }
        for place in self.live_fans() {
            for (unit, state) in self.item_units(place).zip(&self.fans[place].units) {
                owed_to(plan, unit, state, &mut owed);
            }
        }
        owed
    }

    /// The units for which a dead letter stands, or stood until somebody dropped it.
    pub fn dead_letters(&self, plan: &Plan) -> Vec<Unit> {
        let tops = self.tops().zip(&self.units);
        let items = (0..self.fans.len())
            .flat_map(|place| self.item_units(place).zip(&self.fans[place].units));
        tops.chain(items)
            .filter(|(unit, state)| self.is_buried(plan, *unit, state.phase))
            .map(|(unit, _)| unit)
            .collect()
    }

    /// Whether a dead letter stands for a unit.
    pub(super) fn is_buried(&self, plan: &Plan, unit: Unit, phase: Phase) -> bool {
        let by_items = || {
            // One that was opened again and whose list could not be made has none of its items'.
            let place = if unit.has_item() { None } else { self.fan_at(plan, unit.node) };
            place.is_some_and(|place| !self.fans[place].items.is_empty())
        };
        match phase {
            Phase::Parked => true,
            Phase::Failed => !plan.node(unit.node).allow_failure && !by_items(),
            Phase::Pending(_)
            | Phase::Held
            | Phase::Queued
            | Phase::Running
            | Phase::Fanned
            | Phase::Tried
            | Phase::Interrupted
            | Phase::Crashed
            | Phase::Retrying
            | Phase::Sleeping
            | Phase::Succeeded
            | Phase::Skipped
            | Phase::SkippedFor(_)
            | Phase::Blocked(_)
            | Phase::Cancelled => false,
        }
    }
}

fn owed_to(plan: &Plan, unit: Unit, state: &UnitState, owed: &mut Vec<Effect>) {
    let fencing = state.fencing;
    let waits = matches!(state.phase, Phase::Retrying | Phase::Sleeping);
    if waits && planted(Fault::LostTimer) {
        return;
    }
    match state.phase {
        Phase::Queued => {
            let attempt = state.attempt();
            owed.push(Effect::Dispatch { unit, attempt, fencing, durable_start: true });
            if let Some(wait) = plan.node(unit.node).start_within {
                let timer = Timer::StartWithin { unit, fencing };
                owed.push(Effect::Arm { timer, due: state.started.after(wait) });
            }
        }
        Phase::Retrying => {
            let due = state.more.as_ref().map_or(state.ended, |more| more.due);
            owed.push(Effect::Arm { timer: Timer::Retry { unit, fencing }, due });
        }
        Phase::Sleeping => {
            let timer = Timer::Sleep { unit, fencing };
            owed.push(Effect::Arm { timer, due: state.ended });
        }
        Phase::Pending(_)
        | Phase::Held
        | Phase::Running
        | Phase::Fanned
        | Phase::Tried
        | Phase::Interrupted
        | Phase::Crashed
        | Phase::Parked
        | Phase::Succeeded
        | Phase::Failed
        | Phase::Skipped
        | Phase::SkippedFor(_)
        | Phase::Blocked(_)
        | Phase::Cancelled => {}
    }
}
