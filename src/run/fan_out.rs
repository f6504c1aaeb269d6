//! Fan-outs: items start within `max_parallel`, end in any order, and are gathered in theirs.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::fault::{Fault, planted};
use super::join::waiting;
use super::table::{count, index};
use super::unit::{Phase, UnitState};
use super::{Act, Event, Failure, Run, Stop, Unit};
use crate::clock::Timestamp;
use crate::definition::{ErrorClass, Tolerate};
use crate::payload::Payload;
use crate::plan::{FanOut, NodeId, Plan, Verb};

/// A fan-out whose list is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Fan {
    /// The fan-out.
    pub(super) node: NodeId,
    /// The first node that runs for each item: of the body, or the fan-out itself.
    pub(super) first: u32,
    /// How many nodes run for each item.
    pub(super) width: u32,
    /// The list.
    pub(super) items: Vec<Item>,
    /// The units of item 0, of item 1 …
    pub(super) units: Vec<UnitState>,
    /// The highest fencing number that a list before this one came to.
    pub(super) fencing: u32,
    /// Reopened items, to start before `next`.
    pub(super) again: VecDeque<u32>,
    /// The first item that has never started.
    pub(super) next: u32,
    /// Items under way.
    pub(super) active: u32,
    /// Items that failed.
    pub(super) failed: u32,
    /// Items that were cancelled under way.
    pub(super) cancelled: u32,
    /// More failed than `tolerate` says: no new item starts.
    pub(super) stopped: bool,
    /// The array of the results, once gathered.
    pub(super) output: Payload,
}

/// One item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Item {
    /// Its place in the list holds this.
    pub(super) value: Payload,
    /// Its units that have not ended.
    pub(super) open: u32,
    /// Where it stands.
    pub(super) state: ItemState,
    /// A unit of it failed for good.
    pub(super) failed: bool,
    /// A unit of it was stopped.
    pub(super) cancelled: bool,
}

/// Where an item stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum ItemState {
    /// Has not started.
    Waiting,
    /// Under way.
    Active,
    /// Done.
    Succeeded,
    /// Failed.
    Failed,
    /// Stopped, or never started.
    Cancelled,
}

impl Fan {
    /// A fan-out over this list, of which nothing has started.
    fn new(plan: &Plan, id: NodeId, spec: &FanOut, items: &[Payload]) -> Self {
        let (first, width) =
            spec.body.as_ref().map_or((id.0, 1), |body| (body.start, body.end - body.start));
        let waits = |inner: u32| {
            if inner == id.0 { 0 } else { waiting(plan, plan.node(NodeId(inner))) }
        };
        let waits: Vec<u32> = (first..first + width).map(waits).collect();
        let item = |value: &Payload| Item {
            value: value.clone(),
            open: width,
            state: ItemState::Waiting,
            failed: false,
            cancelled: false,
        };
        Self {
            node: id,
            first,
            width,
            items: items.iter().map(item).collect(),
            units: items.iter().flat_map(|_| waits.iter().copied().map(UnitState::new)).collect(),
            fencing: 0,
            again: VecDeque::new(),
            next: 0,
            active: 0,
            failed: 0,
            cancelled: 0,
            stopped: false,
            output: Payload::NULL,
        }
    }

    /// The place in `units` of a unit.
    pub(super) fn place(&self, unit: Unit) -> Option<usize> {
        let inner = unit.node.0.checked_sub(self.first)?;
        let fits = inner < self.width && index(unit.item) < self.items.len();
        fits.then(|| index(unit.item) * index(self.width) + index(inner))
    }

    /// Whether no unit of this one's kind may start: the verb of an item, when too many have
    /// failed. The body of an item that has started goes on to its end.
    pub(super) fn is_stopped(&self, unit: Unit) -> bool {
        self.stopped && unit.node == self.node
    }

    /// Whether more items have failed than may.
    fn is_exceeded(&self, fan: &FanOut) -> bool {
        let failed = self.failed.saturating_sub(u32::from(planted(Fault::LooseTolerance)));
        match fan.tolerate {
            None => failed > 0,
            Some(Tolerate::Count(items)) => failed > items,
            Some(Tolerate::Percent(percent)) => {
                f64::from(failed) * 100.0 > percent * f64::from(count(self.items.len()))
            }
        }
    }

    /// Whether nothing is under way and nothing will be.
    pub(super) fn is_over(&self, stop: Stop) -> bool {
        self.active == 0 && (!self.has_unstarted() || self.stopped || stop != Stop::Nothing)
    }

    /// Whether there are items that have not started.
    fn has_unstarted(&self) -> bool {
        !self.again.is_empty() || index(self.next) < self.items.len()
    }
}

/// The fan-out of a node that has one.
fn fan_of(plan: &Plan, id: NodeId) -> Option<&FanOut> {
    plan.node(id).fan.as_ref()
}

impl Run {
    /// The list is known: the first items start.
    pub(super) fn fan_out(&mut self, id: NodeId, items: &[Payload], act: &mut Act<'_>) {
        let Some(spec) = fan_of(act.plan, id) else { return };
        let fan = Fan::new(act.plan, id, spec, items);
        let place = if let Some(place) = self.fan_at(act.plan, id) {
            let old = std::mem::replace(&mut self.fans[place], fan);
            inherit(&mut self.fans[place], old);
            place
        } else {
            self.fans.push(fan);
            self.fans.len() - 1
        };
        let Some(state) = self.turn(act.plan, Unit::of(id), Phase::Fanned) else { return };
        state.slot = count(place);
        state.started = act.at;
        self.start_items(place, act);
    }

    /// Starts items, as far as they may.
    pub(super) fn start_items(&mut self, place: usize, act: &mut Act<'_>) {
        let id = self.fans[place].node;
        let max = fan_of(act.plan, id).and_then(|fan| fan.max_parallel).unwrap_or(u32::MAX);
        while self.stop == Stop::Nothing {
            let fan = &mut self.fans[place];
            if fan.stopped || fan.active >= max {
                break;
            }
            let item = match fan.again.pop_front() {
                Some(item) => item,
                None if index(fan.next) < fan.items.len() => {
                    fan.next += 1;
                    fan.next - 1
                }
                None => break,
            };
            if fan.items[index(item)].state != ItemState::Waiting {
                continue;
            }
            fan.items[index(item)].state = ItemState::Active;
            fan.active += 1;
            self.start_item(place, item, act);
        }
        if self.fans[place].is_over(self.stop) {
            self.work.push_back(Unit::of(id));
        }
    }

    fn start_item(&mut self, place: usize, item: u32, act: &mut Act<'_>) {
        let fan = &self.fans[place];
        let (id, first, width) = (fan.node, fan.first, fan.width);
        if first != id.0 {
            let units = (first..first + width).map(|inner| Unit::item(NodeId(inner), item));
            for unit in units {
                if self.is_decidable(act.plan, unit) {
                    self.work.push_back(unit);
                }
            }
        } else if matches!(act.plan.node(id).verb, Verb::Sleep(_)) {
            self.work.push_back(Unit::item(id, item));
        } else {
            self.admit(Unit::item(id, item), act);
        }
    }

    /// A unit of an item has ended; the item with it, if it was the last one.
    pub(super) fn item_unit_ended(&mut self, unit: Unit, phase: Phase, act: &mut Act<'_>) {
        let plan = act.plan;
        let Some(place) = self.fan_at(plan, unit.node) else { return };
        let run_stopped = self.stop != Stop::Nothing;
        let fan = &mut self.fans[place];
        let own_verb = unit.node == fan.node;
        let stopped = run_stopped || fan.is_stopped(unit);
        let Some(item) = fan.items.get_mut(index(unit.item)) else { return };
        item.failed |= phase == Phase::Failed && (own_verb || !plan.node(unit.node).allow_failure);
        item.cancelled |= phase == Phase::Cancelled && stopped;
        item.open = item.open.saturating_sub(1);
        if item.open > 0 || item.state != ItemState::Active {
            return;
        }
        item.state = match (item.failed, item.cancelled) {
            (true, _) => ItemState::Failed,
            (false, true) => ItemState::Cancelled,
            (false, false) => ItemState::Succeeded,
        };
        fan.failed += u32::from(item.failed);
        fan.cancelled += u32::from(item.cancelled && !item.failed);
        fan.active -= 1;
        let Some(spec) = fan_of(plan, fan.node) else { return };
        if !fan.stopped && spec.tolerate.is_some() && fan.is_exceeded(spec) {
            fan.stopped = true;
            self.stop_items(place);
        }
        self.start_items(place, act);
    }

    /// Puts the units of items that may be stopped into the worklist.
    pub(super) fn stop_items(&mut self, place: usize) {
        let units = self.item_units(place).zip(&self.fans[place].units);
        let busy = units.filter(|(_, state)| state.phase.is_busy()).map(|(unit, _)| unit);
        self.work.extend(busy);
    }

    /// All items have ended: what the fan-out comes to.
    pub(super) fn judge_items(&self, plan: &Plan, id: NodeId, at: Timestamp, out: &mut Vec<Event>) {
        let Some(place) = self.fan_at(plan, id) else { return };
        let fan = &self.fans[place];
        let Some(spec) = fan_of(plan, id) else { return };
        if fan.is_exceeded(spec) {
            let failure = Box::new(self.items_failure(plan, place));
            out.push(Event::Failed { unit: Unit::of(id), at, failure });
        } else if fan.cancelled > 0 || fan.has_unstarted() {
            out.push(Event::Cancelled { unit: Unit::of(id), at });
        } else {
            out.push(Event::Gathered { node: id, at });
        }
    }

    /// `2 of 5 items failed; item 1: out of stock`, with the class of the first one.
    fn items_failure(&self, plan: &Plan, place: usize) -> Failure {
        let fan = &self.fans[place];
        let all = fan.items.len();
        let first = (0..all).find(|&item| fan.items[item].state == ItemState::Failed);
        let cause = first.and_then(|item| self.item_failure(plan, place, count(item)));
        let (class, message) = cause.map_or((ErrorClass::Permanent, ""), |(_, failure)| {
            (failure.class.clone(), failure.message.as_ref())
        });
        let first = first.unwrap_or_default();
        Failure::new(
            class,
            format!("{} of {all} items failed; item {first}: {message}", fan.failed),
        )
    }

    /// Why an item failed: its first unit that did.
    pub(super) fn item_failure(
        &self,
        plan: &Plan,
        place: usize,
        item: u32,
    ) -> Option<(NodeId, &Failure)> {
        let fan = &self.fans[place];
        (fan.first..fan.first + fan.width).find_map(|inner| {
            let id = NodeId(inner);
            let state = fan.units.get(fan.place(Unit::item(id, item))?)?;
            let counts = id == fan.node || !plan.node(id).allow_failure;
            let failed = state.phase == Phase::Failed && counts;
            failed.then(|| state.failure()).flatten().map(|failure| (id, failure))
        })
    }

    /// The results become the fan-out's output.
    pub(super) fn gather(&mut self, id: NodeId, act: &mut Act<'_>) {
        let Some(place) = self.fan_at(act.plan, id) else { return };
        self.fans[place].output = self.results(act.plan, place);
        self.end_unit(Unit::of(id), Phase::Succeeded, act);
    }

    /// The fan-out ends before all its items have: what is left of them is cancelled.
    pub(super) fn close_items(&mut self, place: usize, act: &mut Act<'_>) {
        for unit in self.item_units(place) {
            if !self.phase(act.plan, unit).is_end() {
                self.cut_short(unit, act);
                self.turn(act.plan, unit, Phase::Cancelled);
            }
        }
        let fan = &mut self.fans[place];
        for item in &mut fan.items {
            if matches!(item.state, ItemState::Waiting | ItemState::Active) {
                item.state = ItemState::Cancelled;
                item.open = 0;
                fan.cancelled += 1;
            }
        }
        fan.again.clear();
        fan.next = count(fan.items.len());
        fan.active = 0;
    }

    /// The array of the results, `null` in the place of an item that failed.
    fn results(&self, plan: &Plan, place: usize) -> Payload {
        let fan = &self.fans[place];
        let mut text = Vec::with_capacity(2 + 16 * fan.items.len());
        text.push(b'[');
        let items = 0..count(fan.items.len());
        let write = |item: u32| {
            if text.len() > 1 {
                text.push(b',');
            }
            if fan.items[index(item)].state == ItemState::Succeeded {
                self.write_result(plan, fan, item, &mut text);
            } else {
                text.extend_from_slice(b"null");
            }
        };
        if planted(Fault::ShuffledItems) {
            items.rev().for_each(write);
        } else {
            items.for_each(write);
        }
        text.push(b']');
        Payload::from_trusted(text)
    }

    /// The result of one item: what its verb gave, or a table of what its body's steps gave.
    fn write_result(&self, plan: &Plan, fan: &Fan, item: u32, text: &mut Vec<u8>) {
        let output = |inner: u32| {
            let state = fan.units.get(fan.place(Unit::item(NodeId(inner), item))?)?;
            let output = self.outputs.get(index(state.slot)).map_or(&b"null"[..], |p| p.as_bytes());
            (state.phase == Phase::Succeeded).then_some(output)
        };
        if fan.first == fan.node.0 {
            text.extend_from_slice(output(fan.first).unwrap_or(b"null"));
            return;
        }
        text.push(b'{');
        let mut comma = false;
        for inner in fan.first..fan.first + fan.width {
            let Some(output) = output(inner) else { continue };
            if comma {
                text.push(b',');
            }
            comma = true;
            text.push(b'"');
            text.extend_from_slice(plan.node(NodeId(inner)).id.as_str().as_bytes());
            text.extend_from_slice(b"\":");
            text.extend_from_slice(output);
        }
        text.push(b'}');
    }
}

/// The units of a new list keep the history of those of the old one, and their fencing goes on.
fn inherit(fan: &mut Fan, old: Fan) {
    fan.fencing = old.units.iter().map(|unit| unit.fencing).fold(old.fencing, u32::max);
    for unit in &mut fan.units {
        unit.fencing = fan.fencing;
    }
    for (unit, mut old) in fan.units.iter_mut().zip(old.units) {
        old.reset(true);
        unit.more = old.more;
        unit.slot = old.slot;
    }
}

#[cfg(test)]
mod tests;
