//! The evaluator: evaluates expressions that take long, on threads of their own and not on those of
//! the shards.
//!
//! Owns what waits for such a thread, in memory only. Its death loses that; the shards hand over again
//! what is owed when it is back, and of two results of one evaluation a run takes the first. An
//! evaluation cannot be stopped: one that nobody waits for any more goes on to its end, which its
//! bounds on work keep near.

use std::collections::VecDeque;
use std::sync::Arc;

use super::drain::{Drain, Draining};
use super::inbox::Inbox;
use super::shard;
use super::shared::{Registered, Shared};
use crate::guard::guarded;
use crate::id::RunId;
use crate::run::{Evaluation, Input};

/// An evaluation to be done for a run.
#[derive(Debug)]
pub(crate) struct EvaluationJob {
    pub(crate) run: RunId,
    /// Its number within the run.
    pub(crate) number: u32,
    pub(crate) workflow: Arc<Registered>,
    pub(crate) evaluation: Evaluation,
}

impl EvaluationJob {
    /// Does it: what the run is to be told.
    pub(crate) fn evaluate(&self) -> Input {
        let evaluated = guarded(|| self.evaluation.evaluate(&self.workflow.plan));
        let evaluated = evaluated.unwrap_or_else(|reason| self.evaluation.panicked(&reason));
        Input::Evaluated { number: self.number, evaluated: Box::new(evaluated) }
    }
}

/// What the evaluator is asked.
#[derive(Debug)]
pub(crate) enum Request {
    /// Evaluate this, and tell the run's shard what it has come to.
    Evaluate(Box<EvaluationJob>),
    /// A thread is free again.
    Done,
}

/// The way to the evaluator.
#[derive(Debug, Clone)]
pub(crate) struct Evaluator(pub(crate) Arc<Inbox<Request>>);

impl Evaluator {
    pub(crate) fn evaluate(&self, job: Box<EvaluationJob>) {
        self.0.send(Request::Evaluate(job));
    }
}

pub(crate) struct State {
    shared: Arc<Shared>,
    waiting: VecDeque<Box<EvaluationJob>>,
    /// Evaluations under way.
    running: usize,
    /// So many may be under way at once.
    running_max: usize,
}

impl State {
    /// The state of a new evaluator, beside its inbox. It takes half of the cores at most, so that it
    /// leaves some to the shards and workers.
    pub(crate) fn of(shared: &Arc<Shared>) -> Draining<Self> {
        let state = Self {
            shared: Arc::clone(shared),
            waiting: VecDeque::new(),
            running: 0,
            running_max: shared.shards.len().div_ceil(2),
        };
        Draining::new(state, Arc::clone(&shared.evaluator.0))
    }

    fn start_waiting(&mut self) {
        if self.shared.health.is_stopping() {
            // It is owed again at the next start.
            self.waiting.clear();
        }
        while self.running < self.running_max
            && let Some(job) = self.waiting.pop_front()
        {
            self.running += 1;
            let shared = Arc::clone(&self.shared);
            tokio::task::spawn_blocking(move || {
                let (run, input) = (job.run, job.evaluate());
                shared.shard_of(run).send(shard::Request::Input(run, input));
                shared.evaluator.0.send(Request::Done);
            });
        }
    }
}

impl Drain for State {
    type Request = Request;

    fn drain(&mut self, requests: &mut Vec<Request>) {
        for request in requests.drain(..) {
            match request {
                Request::Evaluate(job) => self.waiting.push_back(job),
                Request::Done => self.running = self.running.saturating_sub(1),
            }
        }
        self.start_waiting();
    }
}
