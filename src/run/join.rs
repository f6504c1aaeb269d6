//! When the dependencies of a unit are enough, and what it does to those that wait for it.

use super::fault::{Fault, planted};
use super::table::{count, index};
use super::unit::Phase;
use super::{Run, Unit};
use crate::plan::{Join, Need, Node, NodeId, Plan};

/// What the end of a dependency is to those that wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Result {
    /// It succeeded.
    Success,
    /// It was skipped, or failed and was allowed to.
    Passed,
    /// It failed, was blocked or cancelled.
    Refused,
}

/// What the dependencies say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It may go on.
    Enough,
    /// This one does not allow it.
    Blocked(NodeId),
    /// It needs the output of this one, which has none.
    SkippedFor(NodeId),
}

fn result(plan: &Plan, id: NodeId, phase: Phase) -> Result {
    match phase {
        Phase::Succeeded => Result::Success,
        Phase::Skipped | Phase::SkippedFor(_) if planted(Fault::SkipStops) => Result::Refused,
        Phase::Skipped | Phase::SkippedFor(_) => Result::Passed,
        Phase::Failed if plan.node(id).allow_failure || planted(Fault::FailureAllowed) => {
            Result::Passed
        }
        Phase::Failed
        | Phase::Blocked(_)
        | Phase::Cancelled
        | Phase::Pending(_)
        | Phase::Held
        | Phase::Queued
        | Phase::Running
        | Phase::Fanned
        | Phase::Tried
        | Phase::Interrupted
        | Phase::Crashed
        | Phase::Retrying
        | Phase::Sleeping
        | Phase::Parked => Result::Refused,
    }
}

/// The dependencies that a unit of the node waits for: those outside of a body have ended before
/// its items exist.
pub(super) fn needs<'a>(plan: &'a Plan, node: &'a Node) -> impl Iterator<Item = &'a Need> {
    let inside = node.parent.is_some();
    node.needs.iter().filter(move |need| !inside || need.node.0 >= plan.top)
}

/// What a unit waits for before any dependency has ended.
pub(super) fn waiting(plan: &Plan, node: &Node) -> u32 {
    let all = || {
        if node.parent.is_none() {
            count(node.needs.len())
        } else {
            count(needs(plan, node).count())
        }
    };
    match node.join {
        Join::All => all().saturating_sub(u32::from(planted(Fault::EarlyJoin) && all() > 1)),
        Join::Settled => all(),
        Join::Count(wanted) => wanted.min(all()),
    }
}

/// The unit of a dependency: of the same item, or of none.
pub(super) fn beside(plan: &Plan, unit: Unit, id: NodeId) -> Unit {
    if id.0 < plan.top { Unit::of(id) } else { Unit::item(id, unit.item) }
}

impl Run {
    /// A unit has ended: those that wait for it count, and go to the worklist if that decides them.
    pub(super) fn tell_dependents(&mut self, plan: &Plan, unit: Unit, phase: Phase) {
        let ended = plan.node(unit.node);
        if ended.dependents.is_empty() || (unit.has_item() && ended.parent.is_none()) {
            return;
        }
        let result = result(plan, unit.node, phase);
        for &id in &ended.dependents {
            if !unit.has_item() && id.0 >= plan.top {
                continue;
            }
            let dependent = Unit { node: id, item: unit.item };
            if self.hear(plan, dependent, result) {
                self.work.push_back(dependent);
            }
        }
    }

    /// A dependency of a unit has ended. Whether the unit can be decided now.
    fn hear(&mut self, plan: &Plan, unit: Unit, result: Result) -> bool {
        let Some(state) = self.unit_mut(plan, unit) else { return false };
        let Phase::Pending(waiting) = &mut state.phase else { return false };
        match (plan.node(unit.node).join, result) {
            (Join::All, Result::Refused) => true,
            (Join::All, Result::Success | Result::Passed)
            | (Join::Settled, Result::Success | Result::Passed | Result::Refused)
            | (Join::Count(_), Result::Success) => {
                *waiting = waiting.saturating_sub(1);
                *waiting == 0
            }
            (Join::Count(_), Result::Passed | Result::Refused) => {
                let left = *waiting;
                let more = state.more();
                more.lost = more.lost.saturating_add(1);
                let lost = more.lost;
                left > 0 && is_out_of_reach(plan, unit, lost)
            }
        }
    }

    /// Whether a pending unit's dependencies decide it: they are enough, or can never be.
    pub(super) fn is_decidable(&self, plan: &Plan, unit: Unit) -> bool {
        let Some(state) = self.unit(plan, unit) else { return false };
        let Phase::Pending(waiting) = state.phase else { return false };
        let lost = state.more.as_ref().map_or(0, |more| more.lost);
        waiting == 0
            || is_out_of_reach(plan, unit, lost)
            || (plan.node(unit.node).join == Join::All && self.refusing(plan, unit).is_some())
    }

    /// Counts again what a pending unit waits for, after dependencies were reopened.
    pub(super) fn count_again(&mut self, plan: &Plan, unit: Unit) {
        let waiter = plan.node(unit.node);
        let (mut success, mut passed, mut refused) = (0_u32, 0_u32, 0_u32);
        for need in needs(plan, waiter) {
            let phase = self.phase(plan, beside(plan, unit, need.node));
            if phase.is_end() {
                match result(plan, need.node, phase) {
                    Result::Success => success += 1,
                    Result::Passed => passed += 1,
                    Result::Refused => refused += 1,
                }
            }
        }
        let done = match waiter.join {
            Join::All => success + passed,
            Join::Settled => success + passed + refused,
            Join::Count(_) => success,
        };
        let left = waiting(plan, waiter).saturating_sub(done);
        let Some(state) = self.unit_mut(plan, unit) else { return };
        if let Phase::Pending(waiting) = &mut state.phase {
            *waiting = left;
        }
        if matches!(waiter.join, Join::Count(_)) {
            state.more().lost = passed + refused;
        }
    }

    /// The first dependency that has ended and does not allow the unit to run.
    fn refusing(&self, plan: &Plan, unit: Unit) -> Option<NodeId> {
        needs(plan, plan.node(unit.node)).map(|need| need.node).find(|&id| {
            let phase = self.phase(plan, beside(plan, unit, id));
            phase.is_end() && result(plan, id, phase) == Result::Refused
        })
    }

    /// What the dependencies of a pending unit that can be decided say.
    pub(super) fn verdict(&self, plan: &Plan, unit: Unit, waiting: u32) -> Verdict {
        let waiter = plan.node(unit.node);
        if waiting > 0 {
            let by = match waiter.join {
                Join::All | Join::Settled => self.refusing(plan, unit),
                Join::Count(_) => self.first_loser(plan, unit),
            };
            return by.map_or(Verdict::Enough, Verdict::Blocked);
        }
        let lacking = |need: &&Need| {
            let phase = self.phase(plan, beside(plan, unit, need.node));
            need.data
                && match waiter.join {
                    Join::All => phase != Phase::Succeeded,
                    Join::Settled => matches!(phase, Phase::Skipped | Phase::SkippedFor(_)),
                    Join::Count(_) => false,
                }
        };
        needs(plan, waiter)
            .find(lacking)
            .map_or(Verdict::Enough, |need| Verdict::SkippedFor(need.node))
    }

    fn first_loser(&self, plan: &Plan, unit: Unit) -> Option<NodeId> {
        needs(plan, plan.node(unit.node)).map(|need| need.node).find(|&id| {
            let phase = self.phase(plan, beside(plan, unit, id));
            phase.is_end() && phase != Phase::Succeeded
        })
    }

    /// A dependency that failed or was blocked, of a unit that `fail_fast` stops: such a unit is
    /// blocked as it would be without.
    pub(super) fn blocking(&self, plan: &Plan, unit: Unit) -> Option<NodeId> {
        let waiter = plan.node(unit.node);
        if waiter.join != Join::All {
            return None;
        }
        needs(plan, waiter).map(|need| need.node).find(|&id| {
            let phase = self.phase(plan, beside(plan, unit, id));
            matches!(phase, Phase::Failed | Phase::Blocked(_))
                && result(plan, id, phase) == Result::Refused
        })
    }

    /// Who has lost the race that a unit joins: its dependencies that have not ended and that
    /// nobody else waits for, and what only they wait for.
    pub(super) fn losers(&self, plan: &Plan, unit: Unit) -> Vec<Unit> {
        let mut lost = std::collections::HashSet::new();
        let mut losers = Vec::new();
        if !matches!(plan.node(unit.node).join, Join::Count(_)) || planted(Fault::LosersGoOn) {
            return losers;
        }
        lost.insert(unit.node);
        let mut ask = vec![unit.node];
        while let Some(id) = ask.pop() {
            for need in needs(plan, plan.node(id)) {
                let rival = beside(plan, unit, need.node);
                let is_needed = || {
                    plan.node(need.node).dependents.iter().any(|dependent| {
                        !lost.contains(dependent)
                            && !self.phase(plan, Unit { node: *dependent, ..rival }).is_end()
                    })
                };
                let open = !self.phase(plan, rival).is_end() && !lost.contains(&need.node);
                if open && !is_needed() {
                    lost.insert(need.node);
                    losers.push(rival);
                    ask.push(need.node);
                }
            }
        }
        losers
    }

    /// Sets up the top-level nodes; the roots go to the worklist in the file's order.
    pub(super) fn lay_out(&mut self, plan: &Plan) {
        let top = &plan.nodes[..index(plan.top)];
        self.units = top.iter().map(|node| super::UnitState::new(waiting(plan, node))).collect();
        self.open = plan.top;
        for &id in &plan.file_order {
            if self.units[id.index()].phase == Phase::Pending(0) {
                self.work.push_back(Unit::of(id));
            }
        }
    }
}

/// Whether too few dependencies can still succeed.
fn is_out_of_reach(plan: &Plan, unit: Unit, lost: u32) -> bool {
    let node = plan.node(unit.node);
    match node.join {
        Join::Count(wanted) => {
            let all = count(needs(plan, node).count());
            all.saturating_sub(lost) < wanted.min(all)
        }
        Join::All | Join::Settled => false,
    }
}

#[cfg(test)]
mod tests;
