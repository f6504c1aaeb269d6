//! Whether a unit needs an output that is missing. What is needed is decided by evaluation, and asked
//! only where an output that is read is missing.

use super::join::{Support, support};
use super::unit::Phase;
use super::{Event, Run, SkipReason, Unit};
use crate::clock::Timestamp;
use crate::expression::EvalError;
use crate::plan::{NodeId, Plan};

impl Run {
    /// Whether a step that a unit reads has no output.
    pub(crate) fn lacks_output(&self, plan: &Plan, unit: Unit) -> bool {
        let mut reads = plan.node(unit.node).reads.iter();
        reads.any(|read| self.phase(self.visible(unit, *read)) != Phase::SUCCEEDED)
    }

    /// What becomes of a unit of which an evaluation failed for want of an output.
    pub(crate) fn lacking(
        &self,
        plan: &Plan,
        unit: Unit,
        error: &EvalError,
        at: Timestamp,
    ) -> Option<Event> {
        self.without(plan, unit, error.missing()?, at)
    }

    /// A unit needs the output of this step: it is skipped as that one was, or blocked by it.
    pub(crate) fn without(
        &self,
        plan: &Plan,
        unit: Unit,
        step: &str,
        at: Timestamp,
    ) -> Option<Event> {
        let is_it = |id: &&NodeId| plan.node(**id).id.as_str() == step;
        let by = *plan.node(unit.node).reads.iter().find(is_it)?;
        // A rival that has not ended has lost the race.
        let support = match self.phase(self.visible(unit, by)) {
            Phase::Ended(end) => support(plan, by, end),
            Phase::Pending(_) | Phase::Waiting(_) | Phase::Active(_) | Phase::Judged(_) => {
                Support::Refused
            }
        };
        Some(match support {
            Support::Refused => Event::Blocked { unit, at, by },
            Support::Success | Support::Passed => {
                Event::Skipped { unit, at, reason: SkipReason::Needs(by) }
            }
        })
    }
}
