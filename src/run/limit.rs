//! What a run may have of everything; decided before it has it, and told by name.

use super::scope::ScopeBlock;
use super::table::count;
use super::{Attempt, Event, Failure, Run, Unit};
use crate::definition::ErrorClass;
use crate::payload::Payload;
use crate::plan::{InputFrom, Plan, Verb};

/// The most step instances of a run.
pub const UNITS_MAX: u32 = 1_000_000;

/// The largest gathered result, and the largest input of a verb, in bytes.
pub const RESULT_BYTES_MAX: u64 = 16 << 20;

/// The most bytes that a run may hold in results and items.
pub const RUN_BYTES_MAX: u64 = 256 << 20;

/// What a payload counts; nothing, where it is `null` and may not be kept.
pub(crate) fn bytes(payload: &Payload) -> u64 {
    let len = if payload.is_null() { 0 } else { payload.as_bytes().len() };
    u64::try_from(len).unwrap_or(u64::MAX)
}

impl ScopeBlock {
    /// The ids of a body's steps and punctuation.
    fn frame(&self, plan: &Plan) -> u64 {
        let id = |node| u64::try_from(plan.node(node).id.as_str().len()).unwrap_or(u64::MAX) + 4;
        let each = if self.runs_own_verb() { 5 } else { 3 + self.nodes().map(id).sum::<u64>() };
        2 + each * u64::from(self.count())
    }
}

impl Run {
    /// An attempt succeeded: what that comes to, if there is room for what it gave.
    pub(crate) fn decide_success(&self, plan: &Plan, attempt: Attempt, output: &Payload) -> Event {
        match self.is_too_much(plan, attempt.unit, bytes(output)) {
            None => Event::Succeeded { attempt, output: output.clone() },
            Some(failure) => Event::AttemptFailed { attempt, failure: Box::new(failure) },
        }
    }

    /// Why there is no room for what a unit gave.
    pub(crate) fn is_too_much(&self, plan: &Plan, unit: Unit, more: u64) -> Option<Failure> {
        let run = self.bytes.saturating_add(more);
        if run > RUN_BYTES_MAX {
            return Some(too_much(format!(
                "the results of this run would have {run} bytes with that of `{}`: \
                 RUN_BYTES_MAX is {RUN_BYTES_MAX} (256 MiB)",
                self.path(plan, unit)
            )));
        }
        let block = self.block_around(unit)?;
        // Most results are far from the limit, and nobody has to add up the frame.
        let all = block.bytes.saturating_add(more);
        if all < RESULT_BYTES_MAX / 2 && block.count() < UNITS_MAX / 64 {
            return None;
        }
        let all = all.saturating_add(block.frame_bytes.get_or(|| block.frame(plan)));
        (all > RESULT_BYTES_MAX).then(|| {
            too_much(format!(
                "the gathered result of `{}` would have {all} bytes with that of `{}`: \
                 RESULT_BYTES_MAX is {RESULT_BYTES_MAX} (16 MiB)",
                self.path(plan, block.owner),
                self.path(plan, unit)
            ))
        })
    }

    /// Why a unit may not open so many scopes of so many units each, with these items.
    pub(crate) fn too_many_units(
        &self,
        plan: &Plan,
        unit: Unit,
        items: &[Payload],
    ) -> Option<String> {
        let width = plan.node(unit.node).body.as_ref().map_or(1, |body| body.end - body.start);
        let more = u64::from(count(items.len())) * u64::from(width);
        let all = u64::from(count(self.units.len())) + more;
        if all > u64::from(UNITS_MAX) {
            return Some(format!(
                "{} items of {width} steps make {all} step instances of this run: UNITS_MAX is \
                 1,000,000",
                items.len()
            ));
        }
        let all = self.bytes.saturating_add(items.iter().map(bytes).sum());
        (all > RUN_BYTES_MAX).then(|| {
            format!("with its items this run would hold {all} bytes: RUN_BYTES_MAX is 256 MiB")
        })
    }

    /// Why what flows into a unit without a template is too large.
    pub(crate) fn too_large_input(&self, plan: &Plan, unit: Unit) -> Option<String> {
        let node = plan.node(unit.node);
        let (Verb::Task(_), InputFrom::Nodes(ids)) = (&node.verb, &node.input) else {
            return None;
        };
        let outputs = ids.iter().filter_map(|id| self.output_of(plan, self.visible(unit, *id)));
        let all: u64 = outputs.map(|output| bytes(&output)).sum();
        (all > RESULT_BYTES_MAX).then(|| {
            format!(
                "the outputs of {} steps that flow in have {all} bytes together: \
                 RESULT_BYTES_MAX is {RESULT_BYTES_MAX} (16 MiB)",
                ids.len()
            )
        })
    }
}

fn too_much(message: String) -> Failure {
    Failure::new(ErrorClass::Invalid, message)
}

#[cfg(test)]
mod tests;
