//! How a run ends.

use super::table::index;
use super::unit::Phase;
use super::{Act, Effect, Event, Failure, Run, RunState, Unit};
use crate::clock::Timestamp;
use crate::definition::{ErrorClass, format_duration};
use crate::payload::Payload;
use crate::plan::{NodeId, Plan};

impl Run {
    /// Everything has ended: what the run comes to.
    pub(super) fn decide_end(&self, plan: &Plan, at: Timestamp) -> Event {
        let failed = |failure: Failure| Event::Ended {
            at,
            state: RunState::Failed,
            output: Payload::NULL,
            failure: Some(Box::new(failure)),
        };
        match self.last.as_ref().and_then(|last| last.cancel.as_ref()) {
            Some((_, true)) => {
                let limit = plan.timeout.map(format_duration).unwrap_or_default();
                return failed(Failure::new(
                    ErrorClass::Timeout,
                    format!("the run did not end within {limit}"),
                ));
            }
            Some((_, false)) => return cancelled(at),
            None => {}
        }
        if let Some(id) = self.failed_step(plan) {
            return failed(self.step_failure(plan, id));
        }
        if self.is_incomplete(plan) {
            return cancelled(at);
        }
        match self.final_output(plan) {
            Ok(output) => Event::Ended { at, state: RunState::Succeeded, output, failure: None },
            Err(failure) => failed(failure),
        }
    }

    /// The step that makes the run a failure: the first that failed and was not allowed to; the
    /// first that failed at all, where nothing succeeded.
    fn failed_step(&self, plan: &Plan) -> Option<NodeId> {
        let (mut allowed, mut succeeded) = (None, false);
        for unit in self.tops() {
            match self.units[unit.node.index()].phase {
                Phase::Succeeded => succeeded = true,
                Phase::Failed if !plan.node(unit.node).allow_failure => return Some(unit.node),
                Phase::Failed => allowed = allowed.or(Some(unit.node)),
                Phase::Pending(_)
                | Phase::Held
                | Phase::Queued
                | Phase::Running
                | Phase::Fanned
                | Phase::Tried
                | Phase::Interrupted
                | Phase::Crashed
                | Phase::Retrying
                | Phase::Sleeping
                | Phase::Parked
                | Phase::Skipped
                | Phase::SkippedFor(_)
                | Phase::Blocked(_)
                | Phase::Cancelled => {}
            }
        }
        allowed.filter(|_| !succeeded)
    }

    fn step_failure(&self, plan: &Plan, id: NodeId) -> Failure {
        let step = &plan.node(id).id;
        match self.units.get(id.index()).and_then(|state| state.failure()) {
            Some(failure) => {
                let message = format!("step `{step}` failed: {}", failure.message);
                Failure::new(failure.class.clone(), message)
            }
            None => Failure::new(ErrorClass::Permanent, format!("step `{step}` failed")),
        }
    }

    /// `[output]`; without it the output of the only leaf, or a table of the leaves' outputs.
    fn final_output(&self, plan: &Plan) -> Result<Payload, Failure> {
        if let Some(template) = &plan.output {
            let names = self.names_of(plan, &plan.output_reads, None);
            return template.render(&names).map_err(|error| {
                Failure::new(ErrorClass::Invalid, format!("`[output]`: {error}"))
            });
        }
        let is_leaf = |id: &NodeId| {
            let dependents = &plan.node(*id).dependents;
            dependents.iter().all(|dependent| index(dependent.0) >= self.units.len())
        };
        let mut leaves = plan.file_order.iter().copied().filter(is_leaf);
        let (first, second) = (leaves.next(), leaves.next());
        let Some(first) = first else { return Ok(Payload::NULL) };
        let Some(second) = second else {
            return Ok(self.output_of(plan, Unit::of(first)).unwrap_or_default());
        };
        Ok(self.table(plan, [first, second].into_iter().chain(leaves), Unit::NO_ITEM))
    }

    /// The run came to its end.
    pub(super) fn end(
        &mut self,
        state: RunState,
        output: &Payload,
        failure: Option<&Failure>,
        act: &mut Act<'_>,
    ) {
        self.state = state;
        self.ended = act.at;
        let last = self.last.get_or_insert_default();
        last.output = output.clone();
        last.failure = failure.cloned().map(Box::new);
        self.work.clear();
        self.held.clear();
        act.effects.push(Effect::End);
    }
}

fn cancelled(at: Timestamp) -> Event {
    Event::Ended { at, state: RunState::Cancelled, output: Payload::NULL, failure: None }
}

#[cfg(test)]
mod tests;
