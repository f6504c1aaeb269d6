//! Where the state of a unit stands, and the counts that follow from it.

use super::unit::{NOWHERE, Phase, UnitState};
use super::{Act, Run, Unit};
use crate::payload::Payload;
use crate::plan::{NodeId, Plan};

/// A count or place as an index.
pub(super) fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// A length or index as a count.
pub(super) fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The fan-out that a node belongs to: itself, or whose body it is in.
pub(super) fn fan_node(plan: &Plan, id: NodeId) -> NodeId {
    plan.node(id).parent.unwrap_or(id)
}

impl Run {
    /// The place in `fans` of the fan-out of a unit or node, once its list is known.
    pub(super) fn fan_at(&self, plan: &Plan, id: NodeId) -> Option<usize> {
        let owner = plan.nodes.get(id.index())?.parent.unwrap_or(id);
        let slot = self.units.get(owner.index())?.slot;
        let fan = self.fans.get(index(slot))?;
        (slot != NOWHERE && fan.node == owner).then_some(index(slot))
    }

    /// The state of a unit.
    pub(super) fn unit(&self, plan: &Plan, unit: Unit) -> Option<&UnitState> {
        if !unit.has_item() {
            return self.units.get(unit.node.index());
        }
        let fan = &self.fans[self.fan_at(plan, unit.node)?];
        fan.units.get(fan.place(unit)?)
    }

    /// The state of a unit, to be changed; never its phase.
    pub(super) fn unit_mut(&mut self, plan: &Plan, unit: Unit) -> Option<&mut UnitState> {
        if !unit.has_item() {
            return self.units.get_mut(unit.node.index());
        }
        let at = self.fan_at(plan, unit.node)?;
        let fan = &mut self.fans[at];
        let place = fan.place(unit)?;
        fan.units.get_mut(place)
    }

    /// Where a unit stands; as if cancelled where there is none.
    pub(super) fn phase(&self, plan: &Plan, unit: Unit) -> Phase {
        self.unit(plan, unit).map_or(Phase::Cancelled, |unit| unit.phase)
    }

    /// Changes where a unit stands and keeps the counts; `None` where there is no such unit.
    pub(super) fn turn(&mut self, plan: &Plan, unit: Unit, to: Phase) -> Option<&mut UnitState> {
        let from = std::mem::replace(&mut self.unit_mut(plan, unit)?.phase, to);
        self.recount(from, to);
        if !unit.has_item() {
            self.open = self.open + u32::from(from.is_end()) - u32::from(to.is_end());
        }
        self.unit_mut(plan, unit)
    }

    /// Keeps the counts of units when one goes from a phase to another.
    pub(super) fn recount(&mut self, from: Phase, to: Phase) {
        let parked = |phase: Phase| u32::from(phase == Phase::Parked);
        self.busy = self.busy + u32::from(to.is_busy()) - u32::from(from.is_busy());
        self.slots = self.slots + u32::from(to.takes_slot()) - u32::from(from.takes_slot());
        self.parked = self.parked + parked(to) - parked(from);
    }

    /// Whether this outcome belongs to the attempt at hand.
    pub(super) fn awaits(&self, plan: &Plan, unit: Unit, fencing: u32) -> bool {
        use super::fault::{Fault, planted};
        self.unit(plan, unit).is_some_and(|unit| {
            matches!(unit.phase, Phase::Queued | Phase::Running)
                && (unit.fencing == fencing || planted(Fault::StaleOutcome))
        })
    }

    /// Keeps what a unit gave.
    pub(super) fn keep_output(&mut self, plan: &Plan, unit: Unit, output: &Payload) {
        let null = output.is_null();
        let places = self.outputs.len();
        let Some(state) = self.unit_mut(plan, unit) else { return };
        if state.slot == NOWHERE {
            if null {
                return;
            }
            state.slot = count(places);
            if places == 0 {
                self.outputs.reserve_exact(self.units.len().min(16));
            }
            self.outputs.push(output.clone());
            return;
        }
        let slot = index(state.slot);
        if let Some(place) = self.outputs.get_mut(slot) {
            *place = output.clone();
        }
    }

    /// What a unit gave; `None` where it has not succeeded.
    pub(super) fn output_of(&self, plan: &Plan, unit: Unit) -> Option<Payload> {
        let state = self.unit(plan, unit)?;
        if state.phase != Phase::Succeeded {
            return None;
        }
        if !unit.has_item() && plan.node(unit.node).fan.is_some() {
            return self.fans.get(index(state.slot)).map(|fan| fan.output.clone());
        }
        Some(self.outputs.get(index(state.slot)).cloned().unwrap_or_default())
    }

    /// Ends a unit and tells those that wait for it.
    pub(super) fn end_unit(&mut self, unit: Unit, phase: Phase, act: &mut Act<'_>) {
        let Some(state) = self.turn(act.plan, unit, phase) else { return };
        state.ended = act.at;
        self.tell_dependents(act.plan, unit, phase);
        if unit.has_item() {
            self.item_unit_ended(unit, phase, act);
        }
    }
}
