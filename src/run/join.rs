//! When the dependencies of a unit are enough, and what it does to those that wait for it.

use std::collections::{HashMap, HashSet};

use super::table::{count, index};
use super::unit::{Phase, Race, UnitEnd, UnitState};
use super::{Run, Unit};
use crate::plan::{Join, Node, NodeId, Plan};

/// What the end of a dependency is to those that wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Support {
    /// It succeeded.
    Success,
    /// It was skipped, or failed and was allowed to.
    Passed,
    /// It failed, was blocked or cancelled.
    Refused,
}

/// What the dependencies say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It may go on.
    Enough,
    /// This one does not allow it.
    Blocked(NodeId),
}

pub(crate) fn support(plan: &Plan, id: NodeId, end: UnitEnd) -> Support {
    match end {
        UnitEnd::Succeeded => Support::Success,
        UnitEnd::Skipped | UnitEnd::SkippedFor(_) => Support::Passed,
        UnitEnd::Failed if plan.node(id).allow_failure => Support::Passed,
        UnitEnd::Failed | UnitEnd::Blocked(_) | UnitEnd::Cancelled => Support::Refused,
    }
}

/// Whether a join counts the edge from a dependency; one that is only read is waited for.
fn is_counted(node: &Node, on: NodeId) -> bool {
    node.only_read.is_empty() || node.only_read.binary_search(&on).is_err()
}

/// The dependencies that a join counts.
pub(crate) fn counted(node: &Node) -> impl Iterator<Item = NodeId> + '_ {
    node.needs.iter().filter(|need| need.counted).map(|need| need.node)
}

/// How many dependencies a join counts.
fn counted_number(node: &Node) -> u32 {
    count(node.needs.len()) - count(node.only_read.len())
}

/// What a unit waits for before any dependency has ended.
pub(crate) fn waiting(node: &Node) -> u32 {
    match node.join {
        Join::All | Join::Settled => count(node.needs.len()),
        Join::Count(wanted) => wanted.min(counted_number(node)) + count(node.only_read.len()),
    }
}

/// How a join by count stands before any dependency has ended.
fn race(node: &Node, wanted: u32) -> Race {
    let counted = counted_number(node);
    let wanted = wanted.min(counted);
    Race { wanted, spare: counted - wanted, lost: false }
}

impl Race {
    /// One more dependency has ended: whether the unit waits for one less.
    fn hear(&mut self, support: Support) -> bool {
        match support {
            Support::Success => {
                let counts = self.wanted > 0;
                self.wanted -= u32::from(counts);
                counts
            }
            Support::Passed | Support::Refused if self.spare == 0 => {
                self.lost |= self.wanted > 0;
                false
            }
            Support::Passed | Support::Refused => {
                self.spare -= 1;
                false
            }
        }
    }
}

impl Run {
    /// A unit has ended: those that wait for it count, and go to the worklist if that decides them.
    pub(crate) fn tell_dependents(&mut self, plan: &Plan, unit: Unit, end: UnitEnd) {
        let ended = plan.node(unit.node);
        if ended.dependents.is_empty() || self.is_own_verb(unit) {
            return;
        }
        let support = support(plan, unit.node, end);
        for &id in &ended.dependents {
            let dependent = Unit { node: id, ..unit };
            if self.hear(plan, dependent, (unit.node, support)) {
                self.work.push_back(dependent);
            }
        }
    }

    /// A dependency of a unit has ended. Whether the unit can be decided now.
    fn hear(&mut self, plan: &Plan, unit: Unit, (on, support): (NodeId, Support)) -> bool {
        let node = plan.node(unit.node);
        let Some(state) = self.unit_mut(unit) else { return false };
        let Phase::Pending(waiting) = state.phase else { return false };
        let (is_less, is_decided) = match (node.join, support) {
            (Join::All, Support::Refused) => {
                let counted = is_counted(node, on);
                (!counted, counted)
            }
            (Join::Count(wanted), _) if is_counted(node, on) => {
                let race = state.rare().race.get_or_insert_with(|| race(node, wanted));
                (race.hear(support), race.lost)
            }
            (Join::All | Join::Settled | Join::Count(_), _) => (true, false),
        };
        let left = waiting.saturating_sub(u32::from(is_less));
        state.phase = Phase::Pending(left);
        is_decided || (is_less && left == 0)
    }

    /// Whether a pending unit's dependencies decide it: they are enough, or can never be.
    pub(crate) fn is_decidable(&self, plan: &Plan, unit: Unit) -> bool {
        let Some(state) = self.unit(unit) else { return false };
        let Phase::Pending(waiting) = state.phase else { return false };
        waiting == 0
            || is_lost(state)
            || (plan.node(unit.node).join == Join::All && self.refusing(plan, unit).is_some())
    }

    /// Counts again what a pending unit waits for, after dependencies were reopened.
    pub(crate) fn count_again(&mut self, plan: &Plan, unit: Unit) {
        let node = plan.node(unit.node);
        let mut left = waiting(node);
        let mut race = match node.join {
            Join::Count(wanted) => Some(race(node, wanted)),
            Join::All | Join::Settled => None,
        };
        for need in &node.needs {
            let Phase::Ended(end) = self.phase(Unit { node: need.node, ..unit }) else { continue };
            let support = support(plan, need.node, end);
            let is_less = match &mut race {
                Some(race) if is_counted(node, need.node) => race.hear(support),
                Some(_) => true,
                None => {
                    node.join == Join::Settled
                        || support != Support::Refused
                        || !is_counted(node, need.node)
                }
            };
            left = left.saturating_sub(u32::from(is_less));
        }
        let Some(state) = self.unit_mut(unit) else { return };
        if matches!(state.phase, Phase::Pending(_)) {
            state.phase = Phase::Pending(left);
        }
        if race.is_some() {
            state.rare().race = race;
        }
    }

    /// The counted dependencies of a unit that have ended, and how.
    fn counted_ends<'a>(
        &'a self,
        plan: &'a Plan,
        unit: Unit,
    ) -> impl Iterator<Item = (NodeId, UnitEnd)> + 'a {
        let node = plan.node(unit.node);
        counted(node).filter_map(move |id| match self.phase(Unit { node: id, ..unit }) {
            Phase::Ended(end) => Some((id, end)),
            Phase::Pending(_) | Phase::Waiting(_) | Phase::Active(_) | Phase::Judged(_) => None,
        })
    }

    /// The first dependency that has ended and does not allow the unit to run.
    fn refusing(&self, plan: &Plan, unit: Unit) -> Option<NodeId> {
        let mut ends = self.counted_ends(plan, unit);
        ends.find(|(id, end)| support(plan, *id, *end) == Support::Refused).map(|(id, _)| id)
    }

    /// What the dependencies of a pending unit that can be decided say.
    pub(crate) fn verdict(&self, plan: &Plan, unit: Unit, waiting: u32) -> Verdict {
        let waiter = plan.node(unit.node);
        if waiting > 0 {
            let by = match waiter.join {
                Join::All | Join::Settled => self.refusing(plan, unit),
                Join::Count(_) => {
                    let mut ends = self.counted_ends(plan, unit);
                    ends.find(|(_, end)| *end != UnitEnd::Succeeded).map(|(id, _)| id)
                }
            };
            return by.map_or(Verdict::Enough, Verdict::Blocked);
        }
        Verdict::Enough
    }

    /// A dependency that failed or was blocked, of a unit that `fail_fast` stops: such a unit is
    /// blocked as it would be without.
    pub(crate) fn blocking(&self, plan: &Plan, unit: Unit) -> Option<NodeId> {
        if plan.node(unit.node).join != Join::All {
            return None;
        }
        let mut ends = self.counted_ends(plan, unit);
        let blocks = |(id, end): &(NodeId, UnitEnd)| {
            *end != UnitEnd::Cancelled && support(plan, *id, *end) == Support::Refused
        };
        ends.find(blocks).map(|(id, _)| id)
    }

    /// Who has lost the race that a unit joins: its counted dependencies that have not ended and
    /// that nobody else waits for, and what only they wait for.
    pub(crate) fn losers(&self, plan: &Plan, unit: Unit) -> Vec<Unit> {
        let mut losers = Vec::new();
        if !matches!(plan.node(unit.node).join, Join::Count(_)) {
            return losers;
        }
        let beside = |node| Unit { node, ..unit };
        let is_open = |node| !self.phase(beside(node)).is_end();
        // Of each node those that may still wait for it; each is asked once.
        let mut waiters: HashMap<NodeId, &[NodeId]> = HashMap::new();
        let mut lost = HashSet::from([unit.node]);
        let mut ask = vec![unit.node];
        while let Some(id) = ask.pop() {
            let node = plan.node(id);
            for need in &node.needs {
                let counts = id != unit.node || is_counted(node, need.node);
                if !counts || !is_open(need.node) || lost.contains(&need.node) {
                    continue;
                }
                let waiters = waiters.entry(need.node);
                let waiters = waiters.or_insert_with(|| &plan.node(need.node).dependents);
                let waits = |id: NodeId| is_open(id) && !lost.contains(&id);
                *waiters = from_one_that(waits, waiters);
                if waiters.is_empty() {
                    lost.insert(need.node);
                    losers.push(beside(need.node));
                    ask.push(need.node);
                }
            }
        }
        losers
    }

    /// Sets up the top-level nodes; the roots go to the worklist in the file's order.
    pub(crate) fn lay_out(&mut self, plan: &Plan) {
        let top = &plan.nodes[..index(plan.top)];
        self.units = top.iter().map(|node| UnitState::new(waiting(node))).collect();
        self.top = plan.top;
        self.open = plan.top;
        for id in plan.top() {
            if self.units[id.index()].phase == Phase::Pending(0) {
                self.work.push_back(Unit::top(id));
            }
        }
    }
}

/// The nodes between the first and the last that waits, or a few more: one of the ends does. None, where
/// none does. From both ends: where many joins share a node, they end in the order of the file or
/// against it, and whoever still waits is near.
fn from_one_that(waits: impl Fn(NodeId) -> bool, mut nodes: &[NodeId]) -> &[NodeId] {
    loop {
        nodes = match nodes {
            [] => return nodes,
            [end, ..] | [.., end] if waits(*end) => return nodes,
            [_] => &[],
            [_, inner @ .., _] => inner,
        }
    }
}

/// Whether a join by count can never be satisfied any more.
fn is_lost(state: &UnitState) -> bool {
    state.rare.as_ref().and_then(|rare| rare.race).is_some_and(|race| race.lost)
}

#[cfg(test)]
mod tests;
