//! Dispatching, within the run's `max_parallel`.

use super::fault::{Fault, planted};

use super::unit::Phase;
use super::{Act, Effect, Run, Stop, Timer, Unit};
use crate::clock::Timestamp;
use crate::definition::OnCrash;
use crate::plan::Plan;

impl Run {
    /// A unit may be executed: it is dispatched, or waits for a slot.
    pub(super) fn admit(&mut self, unit: Unit, act: &mut Act<'_>) {
        if self.has_slot_beside(act.plan, unit) {
            self.dispatch(unit, act);
        } else if self.turn(act.plan, unit, Phase::Held).is_some() {
            self.hold(unit, act.plan);
        }
    }

    /// Puts the unit among those that wait for a slot: the higher priority first, then who came first.
    fn hold(&mut self, unit: Unit, plan: &Plan) {
        let priority = |unit: &Unit| plan.node(unit.node).priority;
        let own = priority(&unit);
        match self.held.back() {
            Some(last) if priority(last) < own => {
                let place = self.held.partition_point(|other| priority(other) >= own);
                self.held.insert(place, unit);
            }
            Some(_) | None => self.held.push_back(unit),
        }
    }

    /// Whether there is a slot for the unit, its own not counted.
    fn has_slot_beside(&self, plan: &Plan, unit: Unit) -> bool {
        let Some(max) = plan.max_parallel else { return true };
        let own = u32::from(self.phase(plan, unit).takes_slot());
        let max = max + u32::from(planted(Fault::ExtraSlot));
        self.held.is_empty() && self.slots - own < max
    }

    /// Hands an attempt out.
    fn dispatch(&mut self, unit: Unit, act: &mut Act<'_>) {
        let Some(state) = self.turn(act.plan, unit, Phase::Queued) else { return };
        let node = act.plan.node(unit.node);
        state.fencing = state.fencing.saturating_add(1);
        state.started = act.at;
        let fencing = state.fencing;
        act.effects.push(Effect::Dispatch {
            unit,
            attempt: state.attempt(),
            fencing,
            durable_start: node.on_crash == OnCrash::Park || state.deaths() > 0,
        });
        if let Some(wait) = node.start_within {
            let timer = Timer::StartWithin { unit, fencing };
            act.effects.push(Effect::Arm { timer, due: act.at.after(wait) });
        }
    }

    /// After an event: hands out what waits, as far as there are slots.
    pub(super) fn fill_slots(&mut self, act: &mut Act<'_>) {
        let Some(max) = act.plan.max_parallel else { return };
        if self.stop != Stop::Nothing {
            return;
        }
        while self.slots < max + u32::from(planted(Fault::ExtraSlot)) {
            let Some(unit) = self.held.pop_front() else { return };
            let is_stopped = unit.has_item()
                && self
                    .fan_at(act.plan, unit.node)
                    .is_some_and(|at| self.fans[at].is_stopped(unit));
            if self.phase(act.plan, unit) == Phase::Held && !is_stopped {
                self.dispatch(unit, act);
            }
        }
    }

    /// An attempt is known to run.
    pub(super) fn start(&mut self, plan: &Plan, unit: Unit, fencing: u32, at: Timestamp) {
        let fits = self
            .unit(plan, unit)
            .is_some_and(|unit| unit.phase == Phase::Queued && unit.fencing == fencing);
        if fits && let Some(state) = self.turn(plan, unit, Phase::Running) {
            state.started = at;
        }
    }

    /// The units of the table, in order.
    pub(super) fn tops(&self) -> impl Iterator<Item = Unit> + use<> {
        (0..super::table::count(self.units.len())).map(|id| Unit::of(crate::plan::NodeId(id)))
    }

    /// The units of the items of a fan-out, in order.
    pub(super) fn item_units(&self, at: usize) -> impl Iterator<Item = Unit> + use<> {
        let fan = &self.fans[at];
        let (first, width) = (fan.first, fan.width.max(1));
        (0..super::table::count(fan.units.len()))
            .map(move |place| Unit::item(crate::plan::NodeId(first + place % width), place / width))
    }

    /// The fan-outs whose items are under way, by their places.
    pub(super) fn live_fans(&self) -> impl Iterator<Item = usize> + '_ {
        self.fans
            .iter()
            .enumerate()
            .filter(|(_, fan)| self.units[fan.node.index()].phase == Phase::Fanned)
            .map(|(at, _)| at)
    }
}

#[cfg(test)]
mod tests;
