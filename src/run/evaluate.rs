//! Evaluations: at once where they take little, elsewhere where they may take long.
//!
//! What the expressions of a unit come to follows from the names that they read, and from nothing
//! else. A little effort is made while the run decides. What takes more waits: the run says with an
//! event that it does, an [`Evaluation`] goes out with all that it reads, and what it has come to
//! comes back as an input with the number of the request. One with an old number is ignored.

use super::table::opens_scopes;
use super::unit::{Phase, Wait};
use super::{
    ApplyContext, Effect, Evaluated, EvaluationOf, Event, Run, RunState, StartCheck, Unit,
};
use crate::clock::Timestamp;
use crate::expression::{Effort, EvalError, Names};
use crate::payload::Payload;
use crate::plan::{Node, NodeId, Plan, Verb};

/// Expressions of a run with all that they read: evaluated anywhere, without the run.
#[derive(Debug, Clone)]
pub struct Evaluation {
    of: EvaluationOf,
    names: Names,
    /// Whether it is an item of a fan-out's own verb: the fan-out's conditions are not asked again.
    is_item: bool,
}

impl Evaluation {
    /// What it comes to. May take long.
    pub fn evaluate(&self, plan: &Plan) -> Evaluated {
        match self.of {
            EvaluationOf::Start(unit) => {
                Evaluated::Start(unit, self.check_start(plan.node(unit.node)))
            }
            EvaluationOf::Output => Evaluated::Output(self.render_output(plan)),
        }
    }

    fn render_output(&self, plan: &Plan) -> Result<Payload, EvalError> {
        plan.output.as_ref().map_or(Ok(Payload::NULL), |template| template.render(&self.names))
    }

    /// What it comes to where evaluating panics.
    pub fn panicked(&self, reason: &str) -> Evaluated {
        let error = EvalError::panicked(reason);
        match self.of {
            EvaluationOf::Start(unit) => {
                Evaluated::Start(unit, StartCheck::Refused { key: "when", error })
            }
            EvaluationOf::Output => Evaluated::Output(Err(error)),
        }
    }

    fn check_start(&self, node: &Node) -> StartCheck {
        let checked = self.try_start(node);
        checked.unwrap_or_else(|(key, error)| StartCheck::Refused { key, error })
    }

    /// The own condition, the list, what the verb needs, in this order: each is asked only where
    /// those before it let the unit start.
    fn try_start(&self, node: &Node) -> Result<StartCheck, (&'static str, EvalError)> {
        let names = &self.names;
        let of = |key| move |error| (key, error);
        if !self.is_item {
            if let Some(when) = &node.when
                && !when.is_true(names).map_err(of("when"))?
            {
                return Ok(StartCheck::Unwanted);
            }
            if let Some(fan) = &node.fan {
                let items = fan.list.eval_list(names).map_err(of("for_each"))?;
                return Ok(StartCheck::List(items));
            }
            if node.body.is_some() {
                return Ok(StartCheck::Passed);
            }
        }
        if let Some(step) = node.first_missing(names).map_err(of("with"))? {
            return Ok(StartCheck::Lacks(step));
        }
        match &node.verb {
            Verb::Sleep(length) => {
                length.render_text(names).map(StartCheck::Sleeps).map_err(of("sleep"))
            }
            Verb::Task(_) | Verb::Run(_) | Verb::Http(_) | Verb::Body => Ok(StartCheck::Passed),
        }
    }
}

impl Run {
    /// A unit that its dependencies allow starts, or not; or it waits until that is found out.
    pub(crate) fn decide_start(&self, plan: &Plan, unit: Unit, at: Timestamp) -> Event {
        if !self.is_start_checked(plan, unit) {
            return self.let_start(plan, unit, at);
        }
        let of = EvaluationOf::Start(unit);
        let names = Names { effort: Effort::Little, ..self.names(plan, unit) };
        let start = Evaluation { of, names, is_item: self.is_own_verb(unit) };
        let check = start.check_start(plan.node(unit.node));
        if check.is_too_long() {
            return Event::EvaluationRequested { of, at };
        }
        self.conclude_start(plan, unit, check, at)
    }

    /// Whether an expression has a say in the start of a unit.
    fn is_start_checked(&self, plan: &Plan, unit: Unit) -> bool {
        let node = plan.node(unit.node);
        let is_item = self.is_own_verb(unit);
        if !is_item && (node.when.is_some() || node.fan.is_some()) {
            return true;
        }
        let has_verb = is_item || !opens_scopes(plan, unit.node);
        has_verb && (matches!(node.verb, Verb::Sleep(_)) || self.lacks_output(plan, unit))
    }

    /// The end of a run that has an `[output]`, or that the run waits for it.
    pub(crate) fn decide_output(&self, plan: &Plan, at: Timestamp) -> Event {
        let names = Names { effort: Effort::Little, ..self.output_names(plan) };
        let of = EvaluationOf::Output;
        match (Evaluation { of, names, is_item: false }).render_output(plan) {
            Err(error) if error.is_too_long() => Event::EvaluationRequested { of, at },
            output => super::end::with_output(output, at),
        }
    }

    fn output_names(&self, plan: &Plan) -> Names {
        self.names_of(plan, &plan.output_reads, Unit::top(NodeId(0)))
    }

    /// What an evaluation has come to that the run waits for; an old one gives nothing.
    pub(crate) fn decide_evaluated(
        &self,
        plan: &Plan,
        (number, evaluated): (u32, &Evaluated),
        at: Timestamp,
        out: &mut Vec<Event>,
    ) {
        if !self.awaits_evaluation(evaluated.of(), number) {
            return;
        }
        out.push(match evaluated {
            Evaluated::Start(unit, check) => self.conclude_start(plan, *unit, check.clone(), at),
            Evaluated::Output(result) => super::end::with_output(result.clone(), at),
        });
    }

    /// Whether this is the evaluation that the unit or the end of the run waits for.
    fn awaits_evaluation(&self, of: EvaluationOf, number: u32) -> bool {
        match of {
            EvaluationOf::Start(unit) => self.unit(unit).is_some_and(|state| {
                state.phase == Phase::Waiting(Wait::Evaluation) && state.dispatch == number
            }),
            EvaluationOf::Output => self.awaited_output() == Some(number),
        }
    }

    /// The number of the evaluation of `[output]` that the end of the run waits for.
    pub(crate) fn awaited_output(&self) -> Option<u32> {
        let ending = self.ending.as_deref().filter(|_| self.state == RunState::Running)?;
        ending.evaluation.filter(|_| ending.cancel.is_none())
    }

    /// An evaluation with all that it reads; `None` where nothing waits for it any more.
    pub fn evaluation(&self, plan: &Plan, of: EvaluationOf, number: u32) -> Option<Evaluation> {
        self.awaits_evaluation(of, number).then(|| match of {
            EvaluationOf::Start(unit) => {
                Evaluation { of, names: self.names(plan, unit), is_item: self.is_own_verb(unit) }
            }
            EvaluationOf::Output => {
                Evaluation { of, names: self.output_names(plan), is_item: false }
            }
        })
    }

    /// An evaluation takes long: who needs it waits. It takes a dispatch's number, and so has one
    /// that is never used again.
    pub(crate) fn wait_for_evaluation(&mut self, of: EvaluationOf, context: &mut ApplyContext<'_>) {
        let number = match of {
            EvaluationOf::Start(unit) => {
                if self.turn(unit, Phase::Waiting(Wait::Evaluation)).is_none() {
                    return;
                }
                let number = self.next_dispatch();
                if let Some(state) = self.unit_mut(unit) {
                    state.dispatch = number;
                }
                number
            }
            EvaluationOf::Output => {
                let number = self.next_dispatch();
                self.ending.get_or_insert_default().evaluation = Some(number);
                number
            }
        };
        context.effects.push(Effect::Evaluate { of, number });
    }
}

#[cfg(test)]
mod tests;
