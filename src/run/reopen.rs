//! An operator starts a finished or parked run again: a retry, or the replay of a dead letter.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::scope::{ScopeBlock, ScopePhase};
use super::table::count;
use super::unit::{Activity, Phase, UnitEnd, Wait};
use super::{Event, RetryFrom, Run, RunState, ScopeId, Stop, Unit};
use crate::clock::Timestamp;
use crate::payload::Payload;
use crate::plan::{InputFrom, Join, NodeId, Plan};

/// Where reopening looks for what is behind: the top-level nodes, or those of one scope.
#[derive(Debug, Clone, Copy)]
struct Level {
    scope: ScopeId,
    first: u32,
    end: u32,
}

impl Level {
    fn top(plan: &Plan) -> Self {
        Self { scope: ScopeId::RUN, first: 0, end: plan.top }
    }

    fn of(block: &ScopeBlock, place: u32) -> Self {
        let first = block.node.0;
        Self { scope: block.scope(place), first, end: first + block.width }
    }

    fn holds(self, id: NodeId) -> bool {
        (self.first..self.end).contains(&id.0)
    }

    /// In topological order.
    fn ids(self, plan: &Plan) -> impl DoubleEndedIterator<Item = NodeId> + '_ {
        plan.sorted(self.first..self.end).iter().copied()
    }

    fn unit(self, node: NodeId) -> Unit {
        Unit { scope: self.scope, node }
    }
}

/// What is opened again within a level.
#[derive(Debug)]
struct Behind {
    level: Level,
    nodes: BTreeSet<NodeId>,
    /// Those of them that have read a result that is to be made anew: so must their lists be.
    anew: BTreeSet<NodeId>,
}

impl Run {
    /// An operator wants a finished or parked run to go on.
    pub(crate) fn decide_retry(
        &self,
        plan: &Plan,
        from: RetryFrom,
        at: Timestamp,
        out: &mut Vec<Event>,
    ) {
        if !self.state.is_end() && self.state() != RunState::Parked {
            return;
        }
        if self.units.is_empty() {
            out.push(Event::Reopened { at, units: Vec::new(), from });
            out.push(Event::Began { at });
            return;
        }
        let top = Level::top(plan);
        let mut units = Vec::new();
        match from {
            RetryFrom::Start => units.extend(self.tops()),
            RetryFrom::Step(id) if plan.nodes.get(id.index()).is_none() => return,
            RetryFrom::Step(id) => {
                let seeds = BTreeSet::from([top_node(plan, id)]);
                let found = self.behind(plan, top, seeds, |_| true);
                units.extend(found.nodes.into_iter().map(Unit::top));
            }
            RetryFrom::Failed => {
                let seeds = self.unfinished(plan, top, |_| false);
                let found = self.behind(plan, top, seeds, is_stopped_phase);
                self.with_scopes(plan, &found, &[], &mut units);
            }
        }
        // Where every step is done and the run is not, its `[output]` is asked again.
        if !units.is_empty() || self.state != RunState::Succeeded {
            out.push(Event::Reopened { at, units, from });
        }
    }

    /// Whether there is something to go on with.
    pub(crate) fn retries(&self, plan: &Plan, from: RetryFrom, at: Timestamp) -> bool {
        let mut events = Vec::new();
        self.decide_retry(plan, from, at, &mut events);
        !events.is_empty()
    }

    /// Somebody replays the dead letter of a unit.
    pub(crate) fn decide_replay(
        &self,
        plan: &Plan,
        (unit, input): (Unit, Option<Payload>),
        at: Timestamp,
        out: &mut Vec<Event>,
    ) {
        let has_letter = self.unit(unit).is_some_and(|state| self.has_letter(plan, unit, state));
        if !has_letter {
            return;
        }
        let top = Level::top(plan);
        let chain = self.chain(unit);
        let target = chain[0].node;
        let mut seeds = BTreeSet::from([target]);
        if self.stop != Stop::Nothing {
            // What was stopped goes on too.
            seeds = self.unfinished(plan, top, |id| id == target);
            seeds.retain(|&id| id == target || self.phase(Unit::top(id)) == Phase::CANCELLED);
        }
        let found = self.behind(plan, top, seeds, is_stopped_phase);
        let mut units = Vec::new();
        self.with_scopes(plan, &found, &chain, &mut units);
        out.push(Event::Replayed { unit, at, input, units });
    }

    /// The owners of the scopes around a unit, the outermost first, and the unit itself.
    fn chain(&self, unit: Unit) -> Vec<Unit> {
        let mut chain = vec![unit];
        let mut inner = unit;
        while let Some(block) = self.block_around(inner) {
            inner = block.owner;
            chain.push(inner);
        }
        chain.reverse();
        chain
    }

    /// Whether steps are left that were cancelled with the run before it was opened again, and that
    /// nobody has opened: not all of it is done.
    pub(crate) fn is_incomplete(&self, plan: &Plan) -> bool {
        if self.tops().all(|unit| self.phase(unit) != Phase::CANCELLED) {
            return false;
        }
        let top = Level::top(plan);
        let (mut left, mut won) = (BTreeSet::new(), BTreeSet::new());
        for id in top.ids(plan).rev() {
            let mut waits = plan.node(id).dependents.iter().peekable();
            let wanted = |id: &NodeId| left.contains(id) && !won.contains(id);
            let is_cancelled = self.phase(Unit::top(id)) == Phase::CANCELLED;
            if is_cancelled && (waits.peek().is_none() || waits.any(wanted)) {
                left.insert(id);
                if self.has_won(plan, top, id) {
                    won.insert(id);
                }
            }
        }
        !left.is_empty()
    }

    /// What has to run once more within a level: what failed, was blocked, is parked or is named;
    /// and what was cancelled, unless it lost a race that is over.
    fn unfinished(
        &self,
        plan: &Plan,
        level: Level,
        is_named: impl Fn(NodeId) -> bool,
    ) -> BTreeSet<NodeId> {
        let mut found = BTreeSet::new();
        let mut won = BTreeSet::new();
        for id in level.ids(plan).rev() {
            let node = plan.node(id);
            let mut waits = node.dependents.iter().filter(|id| level.holds(**id)).peekable();
            let wanted = |id: &NodeId| found.contains(id) && !won.contains(id);
            let again = match self.phase(level.unit(id)) {
                Phase::Ended(UnitEnd::Failed) => !node.allow_failure,
                Phase::Ended(UnitEnd::Blocked(_)) | Phase::Waiting(Wait::Person) => true,
                Phase::Active(Activity::Scopes) => self.has_parked_units(level.unit(id)),
                Phase::Ended(UnitEnd::Cancelled) => waits.peek().is_none() || waits.any(wanted),
                Phase::Ended(UnitEnd::Succeeded | UnitEnd::Skipped | UnitEnd::SkippedFor(_))
                | Phase::Pending(_)
                | Phase::Waiting(Wait::Slot | Wait::Retry | Wait::Sleep | Wait::Evaluation)
                | Phase::Active(Activity::Queued | Activity::Running)
                | Phase::Judged(_) => false,
            };
            if again || is_named(id) {
                found.insert(id);
                if self.has_won(plan, level, id) {
                    won.insert(id);
                }
            }
        }
        found
    }

    /// Whether enough dependencies of a join by count have succeeded: the others stay out.
    fn has_won(&self, plan: &Plan, level: Level, id: NodeId) -> bool {
        let node = plan.node(id);
        let Join::Count(wanted) = node.join else { return false };
        let is_success = |id| self.phase(level.unit(id)) == Phase::SUCCEEDED;
        let successes = super::join::counted(node).filter(|id| level.holds(*id) && is_success(*id));
        count(successes.count()) >= wanted
    }

    /// Whether a unit of the scopes that a unit has opened is parked, at any depth.
    fn has_parked_units(&self, unit: Unit) -> bool {
        if self.parked == 0 {
            return false;
        }
        let Some(place) = self.block_of_owner(unit) else { return false };
        let block = &self.arena.blocks[place];
        block.units().zip(&self.units[block.all_places()]).any(|(unit, state)| {
            state.phase == Phase::PARKED
                || (state.phase == Phase::SCOPES && self.has_parked_units(unit))
        })
    }

    /// Adds what depends on these and is to follow them, on and on: what `follows` says, what has
    /// read a result that is to be made anew, and what waits for an evaluation that reads them.
    fn behind(
        &self,
        plan: &Plan,
        level: Level,
        seeds: BTreeSet<NodeId>,
        follows: impl Fn(Phase) -> bool,
    ) -> Behind {
        let mut found = Behind { level, nodes: seeds.clone(), anew: BTreeSet::new() };
        let mut ask = seeds;
        let mut readers = Readers::default();
        while let Some(on) = ask.pop_first() {
            let is_made_anew = self.phase(level.unit(on)) == Phase::SUCCEEDED;
            for &id in plan.node(on).dependents.iter().filter(|id| level.holds(**id)) {
                let phase = self.phase(level.unit(id));
                let has_read = is_made_anew
                    && !matches!(phase, Phase::Pending(_))
                    && readers.has_read(plan, id, on);
                if has_read {
                    found.anew.insert(id);
                }
                // What is being evaluated has read how it was, and is asked again.
                let is_reading =
                    phase == Phase::Waiting(Wait::Evaluation) && readers.has_read(plan, id, on);
                if (has_read || is_reading || follows(phase)) && found.nodes.insert(id) {
                    ask.insert(id);
                }
            }
        }
        found
    }

    /// The units of these nodes. One whose scopes are known, and that failed or was stopped, is
    /// followed by those of their units that are to run once more: those of `only` (a unit, after
    /// the owners of the scopes around it) and what is behind it, or all that did not succeed.
    fn with_scopes(&self, plan: &Plan, found: &Behind, only: &[Unit], units: &mut Vec<Unit>) {
        for &id in &found.nodes {
            let owner = found.level.unit(id);
            units.push(owner);
            if found.anew.contains(&id) {
                continue;
            }
            let Some(place) = self.block_of_owner(owner) else { continue };
            let block = &self.arena.blocks[place];
            let only = if only.first() == Some(&owner) { &only[1..] } else { &[] };
            if let Some(unit) = only.first() {
                let level = Level::of(block, block.place_of(unit.scope));
                let seeds = BTreeSet::from([unit.node]);
                let found = self.behind(plan, level, seeds, is_stopped_phase);
                self.with_scopes(plan, &found, only, units);
                if block.cancelled == 0 {
                    continue;
                }
            }
            for (scope, state) in (0..).zip(&block.scopes) {
                let is_only = only.first().is_some_and(|unit| unit.scope == block.scope(scope));
                let again = match state.phase {
                    ScopePhase::Cancelled => !is_only,
                    ScopePhase::Failed | ScopePhase::Active => only.is_empty(),
                    ScopePhase::Waiting | ScopePhase::Succeeded => false,
                };
                if again {
                    let level = Level::of(block, scope);
                    let seeds = self.unfinished(plan, level, |_| false);
                    let found = self.behind(plan, level, seeds, is_stopped_phase);
                    self.with_scopes(plan, &found, &[], units);
                }
            }
        }
    }
}

/// The top-level node that a node is, or in whose body it is.
fn top_node(plan: &Plan, id: NodeId) -> NodeId {
    let mut top = id;
    while let Some(parent) = plan.node(top).parent {
        top = parent;
    }
    top
}

/// What nodes read, each looked at once.
#[derive(Debug, Default)]
struct Readers(HashMap<NodeId, HashSet<NodeId>>);

impl Readers {
    /// Whether a node, or a step of its body, reads what another one gave.
    fn has_read(&mut self, plan: &Plan, id: NodeId, on: NodeId) -> bool {
        let all = || {
            let mut found = HashSet::new();
            add_reads(plan, id, &mut found);
            found
        };
        self.0.entry(id).or_insert_with(all).contains(&on)
    }
}

/// Adds what a node and the steps of its body read.
fn add_reads(plan: &Plan, id: NodeId, found: &mut HashSet<NodeId>) {
    let node = plan.node(id);
    match &node.input {
        InputFrom::Node(node) => found.extend([node]),
        InputFrom::Nodes(nodes) => found.extend(nodes),
        InputFrom::Run | InputFrom::Item | InputFrom::With(_) => {}
    }
    found.extend(&node.reads);
    for inner in node.body.clone().unwrap_or_default() {
        add_reads(plan, NodeId(inner), found);
    }
}

/// What stands still behind something that did not succeed, and goes on when that is reopened.
fn is_stopped_phase(phase: Phase) -> bool {
    matches!(
        phase,
        Phase::Ended(
            UnitEnd::Blocked(_) | UnitEnd::Cancelled | UnitEnd::Skipped | UnitEnd::SkippedFor(_)
        )
    )
}

#[cfg(test)]
mod tests;
