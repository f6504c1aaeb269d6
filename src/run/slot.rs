//! Dispatching, within the run's `max_parallel`.

use super::scope::ScopeBlock;
use super::unit::{Phase, Wait};
use super::{ApplyContext, Effect, Run, Stop, TimerOwner, Unit};
use crate::clock::Timestamp;
use crate::definition::OnCrash;
use crate::plan::Plan;

impl Run {
    /// A unit may be executed: it is dispatched, or waits for a slot. Slots are given out once
    /// everything is decided: of all that may be executed then, the highest priority comes first.
    pub(crate) fn admit(&mut self, unit: Unit, context: &mut ApplyContext<'_>) {
        if context.plan.max_parallel.is_none() {
            self.dispatch(unit, context);
        } else if self.turn(unit, Phase::Waiting(Wait::Slot)).is_some() {
            self.hold(unit, context.plan);
        }
    }

    /// Puts the unit among those that wait for a slot: the higher priority first, then who came first.
    fn hold(&mut self, unit: Unit, plan: &Plan) {
        let priority = self.priority(plan, unit);
        self.held.entry(priority).or_default().push_back(unit);
    }

    /// Takes the unit out that gets the next slot.
    fn next_held(&mut self) -> Option<Unit> {
        let mut highest = self.held.last_entry()?;
        let unit = highest.get_mut().pop_front();
        if highest.get().is_empty() {
            highest.remove();
        }
        unit
    }

    /// Hands an attempt out.
    fn dispatch(&mut self, unit: Unit, context: &mut ApplyContext<'_>) {
        if self.turn(unit, Phase::QUEUED).is_none() {
            return;
        }
        let dispatch = self.next_dispatch();
        let node = context.plan.node(unit.node);
        let Some(state) = self.unit_mut(unit) else { return };
        state.dispatch = dispatch;
        state.started = context.at;
        context.effects.push(Effect::Dispatch {
            unit,
            attempt: state.attempt(),
            dispatch,
            durable_start: node.on_crash == OnCrash::Park || state.deaths() > 0,
        });
        if let Some(wait) = node.start_within {
            self.arm(TimerOwner::Unit(unit), context.at.after(wait), true, context);
        }
    }

    /// After an event that leaves nothing to decide: hands out what waits, as far as there are slots.
    pub(crate) fn fill_slots(&mut self, context: &mut ApplyContext<'_>) {
        let Some(max) = context.plan.max_parallel else { return };
        if self.stop != Stop::Nothing || !self.work.is_empty() {
            return;
        }
        while self.slots < max {
            let Some(unit) = self.next_held() else { return };
            let is_stopped = self.block_around(unit).is_some_and(ScopeBlock::is_stopped);
            if self.phase(unit) == Phase::Waiting(Wait::Slot) && !is_stopped {
                self.dispatch(unit, context);
            }
        }
    }

    /// An attempt is known to run.
    pub(crate) fn start(&mut self, unit: Unit, dispatch: u32, at: Timestamp) {
        let fits = self
            .unit(unit)
            .is_some_and(|unit| unit.phase == Phase::QUEUED && unit.dispatch == dispatch);
        if fits && let Some(state) = self.turn(unit, Phase::RUNNING) {
            state.started = at;
        }
    }
}

#[cfg(test)]
mod tests;
