//! Where the state of a unit stands, and the counts that follow from it.

use super::limit::bytes;
use super::unit::{Activity, Phase, Slot, UnitEnd, UnitState, Wait};
use super::{ApplyContext, Armed, Effect, Run, Timer, TimerOwner, Unit};
use crate::clock::Timestamp;
use crate::payload::Payload;
use crate::plan::{NodeId, Plan};

/// A count or place as an index.
pub(crate) fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// A length or index as a count.
pub(crate) fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl Run {
    /// The place of a unit in `units`.
    fn place(&self, unit: Unit) -> Option<usize> {
        if unit.is_top() {
            return (unit.node.0 < self.top).then(|| unit.node.index());
        }
        let block = self.block_around(unit)?;
        let inner = unit.node.0.checked_sub(block.node.0)?;
        let start = block.places(block.place_of(unit.scope)).start;
        (inner < block.width).then(|| start + index(inner))
    }

    /// The state of a unit.
    pub(crate) fn unit(&self, unit: Unit) -> Option<&UnitState> {
        self.units.get(self.place(unit)?)
    }

    /// The state of a unit, to be changed; never its phase.
    pub(crate) fn unit_mut(&mut self, unit: Unit) -> Option<&mut UnitState> {
        let place = self.place(unit)?;
        self.units.get_mut(place)
    }

    /// Where a unit stands; as if cancelled where there is none.
    pub(crate) fn phase(&self, unit: Unit) -> Phase {
        self.unit(unit).map_or(Phase::CANCELLED, |unit| unit.phase)
    }

    /// Changes where a unit stands and keeps the counts; `None` where there is no such unit.
    pub(crate) fn turn(&mut self, unit: Unit, to: Phase) -> Option<&mut UnitState> {
        let place = self.place(unit)?;
        let from = std::mem::replace(&mut self.units[place].phase, to);
        self.recount(from, to);
        if unit.is_top() {
            self.open = self.open + u32::from(from.is_end()) - u32::from(to.is_end());
        }
        if has_timer(from) && !self.waits.is_empty() {
            self.waits.remove(&unit);
        }
        self.units.get_mut(place)
    }

    /// A unit is pending as if it had never run, but for its history.
    pub(crate) fn reset_unit(&mut self, unit: Unit, forget_input: bool, opens_scopes: bool) {
        let was = self.phase(unit);
        if self.turn(unit, Phase::Pending(0)).is_some()
            && let Some(state) = self.unit_mut(unit)
        {
            state.phase = was;
            state.reset(forget_input, opens_scopes);
        }
    }

    /// Counts what follows from the units as they are: for a run that was read from its snapshot.
    pub(crate) fn count_units(&mut self) {
        let phases = || self.units.iter().map(|unit| unit.phase);
        let is_open = |phase: &Phase| !phase.is_end();
        self.open = count(phases().take(index(self.top)).filter(is_open).count());
        let all = phases().map(Phase::counts);
        [self.busy, self.slots, self.parked] =
            all.fold([0; 3], |[a, b, c], [x, y, z]| [a + x, b + y, c + z]);
        self.count_all_bytes();
    }

    /// Counts the bytes of what is kept.
    fn count_all_bytes(&mut self) {
        let blocks = self.arena.blocks.iter();
        let items = blocks.clone().flat_map(|block| block.scopes.iter().map(|scope| &scope.value));
        let gathered = blocks.map(|block| &block.output);
        self.bytes = self.outputs.iter().chain(items).chain(gathered).map(bytes).sum();
        for place in 0..self.arena.blocks.len() {
            let units = self.arena.blocks[place].units();
            self.arena.blocks[place].bytes = units.map(|unit| self.bytes_of(unit)).sum();
        }
    }

    /// The bytes of what a unit gave.
    fn bytes_of(&self, unit: Unit) -> u64 {
        if let Some(place) = self.block_of_owner(unit) {
            return bytes(&self.arena.blocks[place].output);
        }
        let slot = self.unit(unit).and_then(|state| state.slot);
        slot.and_then(|slot| self.outputs.get(slot.output())).map_or(0, bytes)
    }

    /// Keeps the counts of units when one goes from a phase to another.
    fn recount(&mut self, from: Phase, to: Phase) {
        let ([busy, slots, parked], new) = (from.counts(), to.counts());
        self.busy = self.busy + new[0] - busy;
        self.slots = self.slots + new[1] - slots;
        self.parked = self.parked + new[2] - parked;
    }

    /// Whether this outcome belongs to the attempt at hand.
    pub(crate) fn awaits(&self, unit: Unit, dispatch: u32) -> bool {
        self.unit(unit).is_some_and(|unit| {
            matches!(unit.phase, Phase::Active(Activity::Queued | Activity::Running))
                && unit.dispatch == dispatch
        })
    }

    /// The number of the next dispatch.
    pub(crate) fn next_dispatch(&mut self) -> u32 {
        self.dispatches = self.dispatches.saturating_add(1);
        self.dispatches
    }

    /// Arms the timer of a unit, or of the run.
    pub(crate) fn arm(
        &mut self,
        owner: TimerOwner,
        due: Timestamp,
        is_span: bool,
        context: &mut ApplyContext<'_>,
    ) {
        self.timers = self.timers.saturating_add(1);
        let number = self.timers;
        let span = is_span.then(|| due.since(context.at));
        let armed = Armed { number, due, span };
        match owner {
            TimerOwner::Run => self.alarm = Some(Box::new(armed)),
            TimerOwner::Unit(unit) => {
                self.waits.insert(unit, armed);
            }
        }
        context.effects.push(Effect::Arm { timer: Timer { owner, number }, due, span });
    }

    /// Whether a timer is the one that its owner waits for.
    pub(crate) fn is_armed(&self, timer: Timer) -> bool {
        let armed = match timer.owner {
            TimerOwner::Run => self.alarm.as_deref(),
            TimerOwner::Unit(unit) => self.waits.get(&unit),
        };
        armed.is_some_and(|armed| armed.number == timer.number)
    }

    /// Keeps what a unit gave.
    pub(crate) fn keep_output(&mut self, unit: Unit, output: &Payload) {
        let null = output.is_null();
        let places = self.outputs.len();
        let Some(state) = self.unit_mut(unit) else { return };
        let old = match state.slot {
            Some(slot) => {
                let Some(place) = self.outputs.get_mut(slot.output()) else { return };
                bytes(&std::mem::replace(place, output.clone()))
            }
            None if null => return,
            None => {
                state.slot = Slot::of_output(places);
                if places == 0 {
                    self.outputs.reserve_exact(index(self.top).min(16));
                }
                self.outputs.push(output.clone());
                0
            }
        };
        self.count_bytes(unit, old, bytes(output));
    }

    /// What a unit gave has so many bytes now, and had so many before.
    pub(crate) fn count_bytes(&mut self, unit: Unit, old: u64, new: u64) {
        self.bytes = (self.bytes + new).saturating_sub(old);
        if !unit.is_top()
            && let Some(place) = self.arena.block_of(unit.scope)
        {
            let block = &mut self.arena.blocks[place];
            block.bytes = (block.bytes + new).saturating_sub(old);
        }
    }

    /// What a unit gave; `None` where it has not succeeded.
    pub(crate) fn output_of(&self, plan: &Plan, unit: Unit) -> Option<Payload> {
        let state = self.unit(unit)?;
        if state.phase != Phase::SUCCEEDED {
            return None;
        }
        if opens_scopes(plan, unit.node) && !self.is_own_verb(unit) {
            return self.block_of_owner(unit).map(|place| self.arena.blocks[place].output.clone());
        }
        let slot = state.slot.and_then(|slot| self.outputs.get(slot.output()));
        Some(slot.cloned().unwrap_or_default())
    }

    /// Ends a unit and tells those that wait for it.
    pub(crate) fn end_unit(&mut self, unit: Unit, end: UnitEnd, context: &mut ApplyContext<'_>) {
        let Some(state) = self.turn(unit, Phase::Ended(end)) else { return };
        state.ended = context.at;
        self.tell_dependents(context.plan, unit, end);
        if !unit.is_top() {
            self.scope_unit_ended(unit, end, context);
        }
    }

    /// The top-level units, in order.
    pub(crate) fn tops(&self) -> impl DoubleEndedIterator<Item = Unit> + use<> {
        (0..self.top).map(|id| Unit::top(NodeId(id)))
    }

    /// All units with their states: of the run itself, then of each block.
    pub(crate) fn all_units(&self) -> impl Iterator<Item = (Unit, &UnitState)> {
        let blocks = self.arena.blocks.iter();
        let inside = blocks.flat_map(|block| block.units().zip(&self.units[block.all_places()]));
        self.tops().zip(&self.units).chain(inside)
    }

    /// The blocks whose scopes are under way, by their places.
    pub(crate) fn live_blocks(&self) -> impl Iterator<Item = usize> + '_ {
        let blocks = self.arena.blocks.iter().enumerate();
        blocks.filter(|(_, block)| self.phase(block.owner) == Phase::SCOPES).map(|(at, _)| at)
    }
}

/// Whether a node's units open scopes: fan-outs and groups.
pub(crate) fn opens_scopes(plan: &Plan, node: NodeId) -> bool {
    let node = plan.node(node);
    node.fan.is_some() || node.body.is_some()
}

/// Whether a unit in this phase may have a timer.
fn has_timer(phase: Phase) -> bool {
    matches!(phase, Phase::Active(Activity::Queued) | Phase::Waiting(Wait::Retry | Wait::Sleep))
}
