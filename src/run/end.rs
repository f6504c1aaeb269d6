//! How a run ends.

use super::unit::{Phase, UnitEnd};
use super::{ApplyContext, Effect, Event, Failure, Run, RunState, Unit};
use crate::clock::Timestamp;
use crate::definition::{ErrorClass, format_duration};
use crate::expression::EvalError;
use crate::payload::Payload;
use crate::plan::{NodeId, Plan};

impl Run {
    /// Everything has ended: what the run comes to.
    pub(crate) fn decide_end(&self, plan: &Plan, at: Timestamp) -> Event {
        let failed = |failure| failed(failure, at);
        match self.ending.as_ref().and_then(|ending| ending.cancel.as_ref()) {
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
        if plan.output.is_some() {
            return self.decide_output(plan, at);
        }
        let (state, output) = (RunState::Succeeded, self.leaf_output(plan));
        Event::Ended { at, state, output, failure: None }
    }

    /// The step that makes the run a failure: the first that failed and was not allowed to; the
    /// first that failed at all, where nothing succeeded.
    fn failed_step(&self, plan: &Plan) -> Option<NodeId> {
        let (mut allowed, mut succeeded) = (None, false);
        for unit in plan.sorted(0..plan.top).iter().copied().map(Unit::top) {
            match self.phase(unit) {
                Phase::Ended(UnitEnd::Succeeded) => succeeded = true,
                Phase::Ended(UnitEnd::Failed) if !plan.node(unit.node).allow_failure => {
                    return Some(unit.node);
                }
                Phase::Ended(UnitEnd::Failed) => allowed = allowed.or(Some(unit.node)),
                Phase::Ended(
                    UnitEnd::Skipped
                    | UnitEnd::SkippedFor(_)
                    | UnitEnd::Blocked(_)
                    | UnitEnd::Cancelled,
                )
                | Phase::Pending(_)
                | Phase::Waiting(_)
                | Phase::Active(_)
                | Phase::Judged(_) => {}
            }
        }
        allowed.filter(|_| !succeeded)
    }

    fn step_failure(&self, plan: &Plan, id: NodeId) -> Failure {
        let step = &plan.node(id).id;
        match self.unit(Unit::top(id)).and_then(|state| state.failure()) {
            Some(failure) => {
                let message = format!("step `{step}` failed: {}", failure.message);
                Failure::new(failure.class.clone(), message)
            }
            None => Failure::new(ErrorClass::Permanent, format!("step `{step}` failed")),
        }
    }

    /// Without an `[output]`: the output of the only leaf, or a table of the leaves' outputs.
    fn leaf_output(&self, plan: &Plan) -> Payload {
        let is_leaf = |id: &NodeId| plan.node(*id).dependents.is_empty();
        let mut leaves = plan.top().filter(is_leaf);
        let (first, second) = (leaves.next(), leaves.next());
        let Some(first) = first else { return Payload::NULL };
        let Some(second) = second else {
            return self.output_of(plan, Unit::top(first)).unwrap_or_default();
        };
        self.table(plan, Unit::top(first), [first, second].into_iter().chain(leaves))
    }

    /// The run came to its end.
    pub(crate) fn end(
        &mut self,
        state: RunState,
        output: &Payload,
        failure: Option<&Failure>,
        context: &mut ApplyContext<'_>,
    ) {
        self.state = state;
        self.ended = context.at;
        let ending = self.ending.get_or_insert_default();
        ending.output = output.clone();
        ending.failure = failure.cloned().map(Box::new);
        ending.evaluation = None;
        self.work.clear();
        self.held.clear();
        self.waits.clear();
        self.alarm = None;
        context.effects.push(Effect::End);
    }
}

/// The end of a run whose `[output]` has this value, or none.
pub(super) fn with_output(output: Result<Payload, EvalError>, at: Timestamp) -> Event {
    match output {
        Ok(output) => Event::Ended { at, state: RunState::Succeeded, output, failure: None },
        Err(error) => failed(Failure::new(ErrorClass::Invalid, format!("`[output]`: {error}")), at),
    }
}

fn failed(failure: Failure, at: Timestamp) -> Event {
    let failure = Some(Box::new(failure));
    Event::Ended { at, state: RunState::Failed, output: Payload::NULL, failure }
}

fn cancelled(at: Timestamp) -> Event {
    Event::Ended { at, state: RunState::Cancelled, output: Payload::NULL, failure: None }
}

#[cfg(test)]
mod tests;
