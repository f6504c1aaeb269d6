//! Eager mode: a workflow in the caller's task, one step after the other.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use serde::Serialize;

use super::{EngineBuilder, Outcome, limits};
use crate::actors::timers::Heap;
use crate::actors::worker::{drive, started};
use crate::clock::Clock;
use crate::error::Error;
use crate::expression::RunNames;
use crate::id::{Name, RunId, ShardId};
use crate::payload::Payload;
use crate::plan::Plan;
use crate::run::{
    self, Accepted, Decision, Effect, EvaluationOf, Input, Origin, Run, RunState, Unit,
};
use crate::task::{Apart, Attempt, CancelSignal, Executor};

/// Runs workflows without an engine. Made by [`EngineBuilder::eager`].
#[derive(Debug)]
pub struct Eager {
    clock: Clock,
    executor: Executor,
    plans: HashMap<Name, Arc<Plan>>,
}

/// One run under way.
struct Course<'a> {
    eager: &'a Eager,
    id: RunId,
    plan: Arc<Plan>,
    run: Run,
    evaluations: VecDeque<(EvaluationOf, u32)>,
    ready: VecDeque<(Unit, u32, u32)>,
    timers: Heap,
}

impl Eager {
    pub(super) fn new(builder: EngineBuilder) -> Self {
        let plans = builder.plans.into_iter().map(|plan| (plan.name.clone(), plan));
        Self {
            clock: Clock::system(),
            executor: Executor::new(builder.registry),
            plans: plans.collect(),
        }
    }

    /// Runs a workflow to its end.
    ///
    /// # Errors
    /// Where there is no such workflow, or the input does not fit. A run that fails is an outcome.
    pub async fn run(&self, workflow: &str, input: impl Serialize) -> Result<Outcome, Error> {
        let input = Payload::of(&input)
            .map_err(|error| Error::Json { what: "the input", why: error.to_string() })?;
        let plan = Name::new(workflow).and_then(|name| self.plans.get(&name));
        let plan = plan
            .ok_or_else(|| Error::UnknownWorkflow { name: limits::short(workflow), near: None })?;
        let now = self.clock.now();
        let id = RunId::new(now, ShardId::of(0));
        let names = RunNames {
            id: Some(id),
            attempt: 1,
            scheduled_at: now,
            started_by: Origin::Library.as_str().into(),
        };
        let input = plan
            .input
            .check(&input, &names)
            .map_err(|problems| Error::Input { workflow: workflow.to_owned(), problems })?;
        let accepted = Accepted {
            folder: plan.folder.clone(),
            ..Accepted::new(&plan.name, plan.hash, id, (input, now))
        };
        let (run, step) = Run::accept(plan, id, accepted);
        let (evaluations, ready) = (VecDeque::new(), VecDeque::new());
        let (plan, timers) = (Arc::clone(plan), Heap::default());
        let course = Course { eager: self, id, plan, run, evaluations, ready, timers };
        Ok(course.finish(step).await)
    }
}

impl Course<'_> {
    async fn finish(mut self, mut step: Decision) -> Outcome {
        loop {
            step.effects.drain(..).for_each(|effect| self.note(effect));
            if self.run.state().is_end() || self.run.state() == RunState::Parked {
                break;
            }
            let Some(input) = self.next().await else { break };
            step.clear();
            self.run.advance(&self.plan, &input, self.eager.clock.now(), &mut step);
        }
        Outcome {
            state: self.run.state(),
            output: self.run.output().cloned().unwrap_or_default(),
            failure: self.run.failure().cloned(),
        }
    }

    fn note(&mut self, effect: Effect) {
        match effect {
            Effect::Dispatch { unit, attempt, dispatch, .. } => {
                self.ready.push_back((unit, attempt, dispatch));
            }
            Effect::Arm { timer, due, .. } => self.timers.arm(due, self.id, timer),
            Effect::Evaluate { of, number } => self.evaluations.push_back((of, number)),
            Effect::Abort { unit, dispatch } => {
                self.ready.retain(|(other, _, f)| (*other, *f) != (unit, dispatch));
            }
            Effect::AddDeadLetter { .. } | Effect::RemoveDeadLetter { .. } | Effect::End => {}
        }
    }

    /// The next thing that happens: what is to be evaluated, a ready attempt, or else the next timer.
    async fn next(&mut self) -> Option<Input> {
        while let Some((of, number)) = self.evaluations.pop_front() {
            if let Some(evaluation) = self.run.evaluation(&self.plan, of, number) {
                let evaluated = Box::new(evaluation.evaluate(&self.plan));
                return Some(Input::Evaluated { number, evaluated });
            }
        }
        if let Some((unit, attempt, dispatch)) = self.ready.pop_front() {
            return Some(self.attempt(unit, attempt, dispatch).await);
        }
        let clock = &self.eager.clock;
        loop {
            tokio::time::sleep_until(clock.instant(self.timers.first_due()?)).await;
            if let Some((_, timer)) = self.timers.take_due(clock.now()) {
                return Some(Input::Due(timer));
            }
        }
    }

    async fn attempt(&self, unit: Unit, attempt: u32, dispatch: u32) -> Input {
        let Eager { clock, executor, .. } = self.eager;
        let (at, cancel) = (clock.now(), CancelSignal::new());
        let attempt = Attempt {
            run: self.id,
            plan: Apart::new(Arc::clone(&self.plan)),
            unit,
            attempt,
            items: self.run.items(unit),
            fencing: run::fencing(run::FIRST_EPOCH, dispatch),
            input: self.run.attempt_input(&self.plan, unit),
            home: self.run.accepted().folder_for(&self.plan, unit.node),
            runs_folder: None,
            cancel: cancel.clone(),
            at,
        };
        let outcome = match started(executor, attempt) {
            Ok(future) => drive(clock, self.plan.node(unit.node), &cancel, at, future).await,
            Err(failure) => Err(failure),
        };
        let attempt = run::Attempt { unit, dispatch, started: at, ended: clock.now() };
        Input::Finished { attempt, outcome }
    }
}
