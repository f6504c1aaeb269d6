//! An operator starts a finished or parked run again: a retry, or the replay of a dead letter.

use std::collections::BTreeSet;

use super::fan_out::ItemState;
use super::fault::{Fault, planted};
use super::join::beside;
use super::table::{count, fan_node, index};
use super::unit::Phase;
use super::{Act, Effect, Event, RetryFrom, Run, RunState, Stop, Unit};
use crate::clock::Timestamp;
use crate::payload::Payload;
use crate::plan::{Join, NodeId, Plan};

/// Where reopening looks for what is behind: the top-level nodes, or the body for one item.
#[derive(Debug, Clone, Copy)]
struct Scope {
    first: u32,
    end: u32,
    item: u32,
}

impl Scope {
    fn holds(self, id: NodeId) -> bool {
        (self.first..self.end).contains(&id.0)
    }

    fn ids(self) -> impl DoubleEndedIterator<Item = NodeId> {
        (self.first..self.end).map(NodeId)
    }

    fn unit(self, id: NodeId) -> Unit {
        Unit { node: id, item: self.item }
    }
}

impl Run {
    /// An operator wants a finished or parked run to go on.
    pub(super) fn decide_retry(
        &self,
        plan: &Plan,
        from: &RetryFrom,
        at: Timestamp,
        out: &mut Vec<Event>,
    ) {
        if !self.state.is_end() && self.state() != RunState::Parked {
            return;
        }
        if self.units.is_empty() {
            out.push(Event::Reopened { at, units: Vec::new(), from: from.clone() });
            out.push(Event::Began { at });
            return;
        }
        let top = Scope { first: 0, end: plan.top, item: Unit::NO_ITEM };
        let units = match from {
            RetryFrom::Start => self.tops().collect(),
            RetryFrom::Step(id) if plan.nodes.get(id.index()).is_none() => return,
            RetryFrom::Step(id) => {
                let seeds = BTreeSet::from([fan_node(plan, *id)]);
                let all = self.behind(plan, top, seeds, |_| true);
                all.into_iter().map(Unit::of).collect()
            }
            RetryFrom::Failed => {
                let seeds = self.unfinished(plan, top, |_| false);
                let all = self.behind(plan, top, seeds, is_stopped_phase);
                self.with_items(plan, &all, None)
            }
        };
        if !units.is_empty() {
            out.push(Event::Reopened { at, units, from: from.clone() });
        }
    }

    /// Somebody replays the dead letter of a unit.
    pub(super) fn decide_replay(
        &self,
        plan: &Plan,
        (unit, input): (Unit, Option<Payload>),
        at: Timestamp,
        out: &mut Vec<Event>,
    ) {
        let has_letter =
            self.unit(plan, unit).is_some_and(|state| self.is_buried(plan, unit, state.phase));
        if !has_letter {
            return;
        }
        let top = Scope { first: 0, end: plan.top, item: Unit::NO_ITEM };
        let target = if unit.has_item() { fan_node(plan, unit.node) } else { unit.node };
        let mut seeds = BTreeSet::from([target]);
        if self.stop != Stop::Nothing {
            // What was stopped goes on too.
            seeds = self.unfinished(plan, top, |id| id == target);
            seeds.retain(|&id| id == target || self.phase(plan, Unit::of(id)) == Phase::Cancelled);
        }
        let all = self.behind(plan, top, seeds, is_stopped_phase);
        let units = self.with_items(plan, &all, unit.has_item().then_some(unit));
        out.push(Event::Replayed { unit, at, input, units });
    }

    /// Whether steps are left that were cancelled with the run before it was opened again, and that
    /// nobody has opened: not all of it is done.
    pub(super) fn is_incomplete(&self, plan: &Plan) -> bool {
        if self.units.iter().all(|state| state.phase != Phase::Cancelled) {
            return false;
        }
        let top = Scope { first: 0, end: plan.top, item: Unit::NO_ITEM };
        let mut left = BTreeSet::new();
        for id in top.ids().rev() {
            let mut waits = plan.node(id).dependents.iter().filter(|id| top.holds(**id)).peekable();
            let wanted = |id: &NodeId| left.contains(id) && !self.has_won(plan, top, *id);
            let is_cancelled = self.phase(plan, Unit::of(id)) == Phase::Cancelled;
            if is_cancelled && (waits.peek().is_none() || waits.any(wanted)) {
                left.insert(id);
            }
        }
        !left.is_empty()
    }

    /// What has to run once more within a scope: what failed, was blocked, is parked or is named;
    /// and what was cancelled, unless it lost a race that is over.
    fn unfinished(
        &self,
        plan: &Plan,
        scope: Scope,
        is_named: impl Fn(NodeId) -> bool,
    ) -> BTreeSet<NodeId> {
        let mut found = BTreeSet::new();
        let mut won = BTreeSet::new();
        for id in scope.ids().rev() {
            let node = plan.node(id);
            let mut waits = node.dependents.iter().filter(|id| scope.holds(**id)).peekable();
            let wanted = |id: &NodeId| found.contains(id) && !won.contains(id);
            let again = match self.phase(plan, scope.unit(id)) {
                Phase::Failed => !node.allow_failure,
                Phase::Blocked(_) => !planted(Fault::ForgottenBlocked),
                Phase::Parked => true,
                Phase::Fanned => self.has_parked_items(id, plan),
                Phase::Cancelled => waits.peek().is_none() || waits.any(wanted),
                Phase::Pending(_)
                | Phase::Held
                | Phase::Queued
                | Phase::Running
                | Phase::Tried
                | Phase::Interrupted
                | Phase::Crashed
                | Phase::Retrying
                | Phase::Sleeping
                | Phase::Succeeded
                | Phase::Skipped
                | Phase::SkippedFor(_) => false,
            };
            if again || is_named(id) {
                found.insert(id);
                if self.has_won(plan, scope, id) {
                    won.insert(id);
                }
            }
        }
        found
    }

    /// Whether enough dependencies of a join by count have succeeded: the others stay out.
    fn has_won(&self, plan: &Plan, scope: Scope, id: NodeId) -> bool {
        let node = plan.node(id);
        let Join::Count(wanted) = node.join else { return false };
        let successes = node.needs.iter().filter(|need| {
            scope.holds(need.node) && self.phase(plan, scope.unit(need.node)) == Phase::Succeeded
        });
        count(successes.count()) >= wanted
    }

    fn has_parked_items(&self, id: NodeId, plan: &Plan) -> bool {
        self.fan_at(plan, id).is_some_and(|place| {
            self.fans[place].units.iter().any(|unit| unit.phase == Phase::Parked)
        })
    }

    /// Adds what depends on these and is to follow them, on and on.
    fn behind(
        &self,
        plan: &Plan,
        scope: Scope,
        seeds: BTreeSet<NodeId>,
        follows: impl Fn(Phase) -> bool,
    ) -> BTreeSet<NodeId> {
        let mut found = seeds.clone();
        let mut ask = seeds;
        while let Some(id) = ask.pop_first() {
            for &id in plan.node(id).dependents.iter().filter(|id| scope.holds(**id)) {
                let phase = self.phase(plan, scope.unit(id));
                if follows(phase) && found.insert(id) {
                    ask.insert(id);
                }
            }
        }
        found
    }

    /// The units of these nodes; a fan-out that has failed or was stopped with its list known is
    /// followed by those of its units that are to run once more: `only` that one and what is behind
    /// it, or all that did not succeed.
    fn with_items(&self, plan: &Plan, ids: &BTreeSet<NodeId>, only: Option<Unit>) -> Vec<Unit> {
        let mut units = Vec::with_capacity(ids.len());
        for &id in ids {
            units.push(Unit::of(id));
            let Some(place) = self.fan_at(plan, id) else { continue };
            let fan = &self.fans[place];
            let only = only.filter(|unit| fan_node(plan, unit.node) == id);
            let scope = |item| Scope { first: fan.first, end: fan.first + fan.width, item };
            if let Some(unit) = only {
                let scope = scope(unit.item);
                let seeds = BTreeSet::from([unit.node]);
                let all = self.behind(plan, scope, seeds, is_stopped_phase);
                units.extend(all.into_iter().map(|id| scope.unit(id)));
            }
            if only.is_some() && fan.cancelled == 0 {
                continue;
            }
            for (item, state) in fan.items.iter().enumerate() {
                let item = count(item);
                let again = match state.state {
                    ItemState::Cancelled => only.is_none_or(|unit| unit.item != item),
                    ItemState::Failed | ItemState::Active => only.is_none(),
                    ItemState::Waiting | ItemState::Succeeded => false,
                };
                if again {
                    let scope = scope(item);
                    let seeds = self.unfinished(plan, scope, |_| false);
                    let all = self.behind(plan, scope, seeds, is_stopped_phase);
                    units.extend(all.into_iter().map(|id| scope.unit(id)));
                }
            }
        }
        units
    }

    /// A retry by an operator.
    pub(super) fn reopen(&mut self, units: &[Unit], from: &RetryFrom, act: &mut Act<'_>) {
        self.attempt = self.attempt.saturating_add(1);
        self.open_again(units, *from != RetryFrom::Failed, act);
    }

    /// A dead letter was replayed.
    pub(super) fn replay(
        &mut self,
        unit: Unit,
        input: Option<&Payload>,
        units: &[Unit],
        act: &mut Act<'_>,
    ) {
        self.open_again(units, false, act);
        if let (Some(input), Some(state)) = (input, self.unit_mut(act.plan, unit)) {
            state.more().edited = Some(input.clone());
        }
    }

    fn open_again(&mut self, units: &[Unit], forget_inputs: bool, act: &mut Act<'_>) {
        self.stop = Stop::Nothing;
        if self.units.is_empty() {
            self.state = RunState::Pending;
            self.last = None;
            return;
        }
        if self.state.is_end() {
            self.state = RunState::Running;
            self.last = None;
            self.start_clock(act.at, act);
        }
        for (place, &unit) in units.iter().enumerate() {
            let followed = units.get(place + 1).is_some_and(|next| {
                !unit.has_item() && next.has_item() && fan_node(act.plan, next.node) == unit.node
            });
            self.open_unit(unit, forget_inputs, followed, act);
        }
        self.count_waiting(act.plan, units);
        for unit in units.iter().filter(|unit| !unit.has_item()) {
            if self.phase(act.plan, *unit) == Phase::Fanned
                && let Some(place) = self.fan_at(act.plan, unit.node)
            {
                self.start_items(place, act);
            }
        }
    }

    /// One unit is pending again; a fan-out that keeps its list is under way again.
    fn open_unit(&mut self, unit: Unit, forget_input: bool, keeps_list: bool, act: &mut Act<'_>) {
        let phase = self.phase(act.plan, unit);
        if self.is_buried(act.plan, unit, phase) {
            act.effects.push(Effect::Exhume { unit });
        }
        let fan = self.fan_at(act.plan, unit.node);
        if unit.has_item() {
            if let Some(place) = fan {
                self.open_item(act.plan, place, (unit, phase));
            }
        } else if let (Some(place), true) = (fan, keeps_list) {
            self.fans[place].stopped = false;
            self.turn(act.plan, unit, Phase::Fanned);
            return;
        } else if let Some(place) = fan {
            self.drop_list(place, act);
        }
        let Some(state) = self.unit_mut(act.plan, unit) else { return };
        state.reset(forget_input);
        // The counts follow from what it was.
        state.phase = phase;
        self.turn(act.plan, unit, Phase::Pending(0));
    }

    /// A unit of an item is pending again, and its item with it.
    fn open_item(&mut self, plan: &Plan, place: usize, (unit, was): (Unit, Phase)) {
        let fan = &mut self.fans[place];
        let failed = (fan.first..fan.first + fan.width).any(|inner| {
            let other = Unit { node: NodeId(inner), ..unit };
            let state = fan.place(other).and_then(|place| fan.units.get(place));
            other != unit
                && !plan.node(other.node).allow_failure
                && state.is_some_and(|state| state.phase == Phase::Failed)
        });
        let Some(item) = fan.items.get_mut(index(unit.item)) else { return };
        item.open += u32::from(was.is_end());
        item.failed &= failed;
        item.cancelled = false;
        match item.state {
            ItemState::Failed => fan.failed -= 1,
            ItemState::Cancelled => fan.cancelled -= 1,
            ItemState::Succeeded => {}
            ItemState::Waiting | ItemState::Active => return,
        }
        item.state = ItemState::Waiting;
        fan.again.push_back(unit.item);
    }

    /// A fan-out starts anew: its list will be asked for again. Its units keep their history.
    fn drop_list(&mut self, place: usize, act: &mut Act<'_>) {
        for unit in self.item_units(place) {
            let phase = self.phase(act.plan, unit);
            if self.is_buried(act.plan, unit, phase) {
                act.effects.push(Effect::Exhume { unit });
            }
            if let Some(state) = self.unit_mut(act.plan, unit) {
                state.reset(true);
                state.phase = phase;
                self.turn(act.plan, unit, Phase::Pending(0));
            }
        }
        let fan = &mut self.fans[place];
        fan.items.clear();
        fan.again.clear();
        (fan.next, fan.active, fan.failed, fan.cancelled) = (0, 0, 0, 0);
        fan.stopped = false;
        fan.output = Payload::NULL;
    }

    /// Counts again what these and those behind them wait for; what can be decided goes to the
    /// worklist, unless its item starts later.
    fn count_waiting(&mut self, plan: &Plan, units: &[Unit]) {
        let mut touched: BTreeSet<Unit> = units.iter().copied().collect();
        for unit in units {
            if unit.has_item() && plan.node(unit.node).parent.is_none() {
                continue;
            }
            let behind = plan.node(unit.node).dependents.iter();
            touched.extend(behind.map(|&id| beside(plan, *unit, id)));
        }
        for &unit in &touched {
            if !matches!(self.phase(plan, unit), Phase::Pending(_)) {
                continue;
            }
            self.count_again(plan, unit);
            let waits_for_item = unit.has_item()
                && self.fan_at(plan, unit.node).is_none_or(|place| {
                    let item = self.fans[place].items.get(index(unit.item));
                    item.is_none_or(|item| item.state != ItemState::Active)
                });
            if !waits_for_item && self.is_decidable(plan, unit) {
                self.work.push_back(unit);
            }
        }
    }
}

/// What stands still behind something that did not succeed, and goes on when that is reopened.
fn is_stopped_phase(phase: Phase) -> bool {
    matches!(phase, Phase::Blocked(_) | Phase::Cancelled | Phase::Skipped | Phase::SkippedFor(_))
        && !(planted(Fault::ForgottenBlocked) && matches!(phase, Phase::Blocked(_)))
}

#[cfg(test)]
mod tests;
