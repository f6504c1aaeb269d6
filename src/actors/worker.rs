//! A worker: polls each handler once in place, reports what is ready in one batch, and lets what is
//! pending go on in a task with its deadline.
//!
//! Owns nothing: what it has been given lies on its desk. Its death costs the attempt that it was
//! polling, which the shard hears of and dispatches again.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::desk::Desk;
use super::queue::{Job, Queue, StartRecord};
use super::shard;
use super::shared::Shared;
use crate::clock::{Clock, Timestamp};
use crate::definition::{ErrorClass, format_duration};
use crate::id::RunId;
use crate::payload::Payload;
use crate::plan::{Node, Plan, Verb};
use crate::run::{AttemptSource, Failure, Input};
use crate::task::{
    Apart, Attempt, AttemptFuture, CancelSignal, Executor, StopReason, panicked, poll_caught,
};

/// After so many claims a worker lets others have the thread.
const CLAIMS_MAX: usize = 2;

/// What an attempt came to.
type Outcome = Result<Payload, Failure>;

#[derive(Debug, Clone, Copy)]
pub(super) enum Msg {
    /// Something lies on the desk.
    Work,
}

pub(super) struct State {
    shared: Arc<Shared>,
    queue: Arc<Queue>,
    desk: Arc<Desk>,
    /// The executor, the plans that were met and the runs' folder, each with a reference count that
    /// no other worker writes.
    executor: Executor,
    plans: Vec<Option<Apart<Plan>>>,
    runs_folder: Option<Arc<Path>>,
    /// What is to be told to each shard.
    reports: Vec<Vec<shard::Request>>,
    /// One signal for all handlers that are ready at once.
    cancel: CancelSignal,
}

impl State {
    fn work(&mut self, myself: &ActorRef<Msg>) {
        let mut now = self.shared.clock.now();
        let mut rest = CLAIMS_MAX;
        loop {
            now = self.serve_all(now);
            if rest == 0 {
                return drop(myself.cast(Msg::Work));
            }
            if !self.queue.claim(&self.desk, now) {
                return;
            }
            // An attempt starts after the one whose slot it takes has ended, on the clock too.
            now = self.shared.clock.now();
            rest -= 1;
        }
    }

    /// Serves what lies on the desk, and tells the shards what came of it.
    fn serve_all(&mut self, mut now: Timestamp) -> Timestamp {
        loop {
            if !self.cancel.is_fresh() {
                self.cancel = CancelSignal::new();
            }
            let Some((job, plan)) = self.begin(now) else { break };
            now = self.serve(job, &plan, now);
        }
        for (shard, reports) in self.shared.shards.iter().zip(&mut self.reports) {
            shard.send_all(reports);
        }
        now
    }

    /// The next job, and the plan of its workflow.
    fn begin(&mut self, now: Timestamp) -> Option<(Job, Apart<Plan>)> {
        let (shared, plans) = (&self.shared, &mut self.plans);
        let mut found = None;
        let job = self.desk.begin(now, &self.cancel, |job| {
            if plans.len() <= job.workflow {
                plans.resize(job.workflow + 1, None);
            }
            let plan =
                plans[job.workflow].get_or_insert_with(|| Apart::new(shared.plan_at(job.workflow)));
            found = Some(plan.clone());
            plan.node(job.unit.node).timeout
        })?;
        Some((job, found?))
    }

    /// Starts one attempt and polls it once; the time after that.
    fn serve(&mut self, mut job: Job, plan: &Apart<Plan>, started: Timestamp) -> Timestamp {
        if job.start == StartRecord::Durable {
            self.desk.polled();
            let run = job.run;
            self.report(run, shard::Request::RecordStart(Box::new(job), started));
            return started;
        }
        let mut future = match self.start(&mut job, plan, started) {
            Ok(future) => future,
            Err(failure) => return self.ended(&job, started, Err(failure)),
        };
        match poll_once(&mut future) {
            Poll::Ready(outcome) => self.ended(&job, started, outcome),
            Poll::Pending => {
                self.spawn(job, plan, started, future);
                self.desk.polled();
                self.shared.clock.now()
            }
        }
    }

    fn start(
        &self,
        job: &mut Job,
        plan: &Apart<Plan>,
        at: Timestamp,
    ) -> Result<AttemptFuture, Failure> {
        let attempt = Attempt {
            run: job.run,
            plan: plan.clone(),
            unit: job.unit,
            attempt: job.attempt,
            fencing: job.fencing,
            input: std::mem::replace(&mut job.source, AttemptSource::Payload(Payload::NULL)),
            runs_folder: self.runs_folder.clone(),
            cancel: self.cancel.clone(),
            at,
        };
        started(&self.executor, attempt)
    }

    fn ended(&mut self, job: &Job, started: Timestamp, outcome: Outcome) -> Timestamp {
        let ended = self.shared.clock.now();
        if self.desk.polled() {
            self.desk.count(outcome.is_ok(), ended.since(started));
            let (unit, fencing) = (job.unit, job.fencing);
            let input = Input::Finished { unit, fencing, started, ended, outcome };
            self.report(job.run, shard::Request::Input(job.run, input));
        }
        ended
    }

    fn report(&mut self, run: RunId, report: shard::Request) {
        let shard = self.shared.shard_index(run);
        self.reports[shard].push(report);
    }

    /// The attempt goes on in a task of its own.
    fn spawn(&mut self, job: Job, plan: &Apart<Plan>, at: Timestamp, future: AttemptFuture) {
        let cancel = self.cancel.clone();
        self.desk.spawned(job.key(), cancel.clone());
        if job.start == StartRecord::Lazy {
            let input = Input::Started { unit: job.unit, fencing: job.fencing, at };
            self.report(job.run, shard::Request::Input(job.run, input));
        }
        let (shared, queue, desk) =
            (Arc::clone(&self.shared), Arc::clone(&self.queue), Arc::clone(&self.desk));
        let plan = plan.clone();
        tokio::spawn(async move {
            let node = plan.node(job.unit.node);
            let outcome = drive(&shared.clock, node, &cancel, at, future).await;
            let ended = shared.clock.now();
            desk.finished(&job.key());
            desk.count(outcome.is_ok(), ended.since(at));
            let (unit, fencing) = (job.unit, job.fencing);
            let input = match cancel.reason() {
                Some(StopReason::Shutdown) => Input::Interrupted { unit, fencing },
                Some(StopReason::Cancelled | StopReason::TimedOut) | None => {
                    Input::Finished { unit, fencing, started: at, ended, outcome }
                }
            };
            shared.shard_of(job.run).send(shard::Request::Input(job.run, input));
            queue.freed(&desk);
        });
    }
}

/// The future of an attempt; a panic on the way to it is a failure.
pub(crate) fn started(executor: &Executor, attempt: Attempt) -> Result<AttemptFuture, Failure> {
    catch_unwind(AssertUnwindSafe(|| executor.start(attempt))).map_err(panicked)
}

/// Polls a future once, where it is; a panic is an outcome.
fn poll_once(future: &mut AttemptFuture) -> Poll<Outcome> {
    let mut context = Context::from_waker(Waker::noop());
    poll_caught(future.as_mut(), &mut context)
}

/// Waits for the end of an attempt: its own, its timeout, or somebody's wish.
pub(crate) async fn drive(
    clock: &Clock,
    node: &Node,
    cancel: &CancelSignal,
    at: Timestamp,
    mut future: AttemptFuture,
) -> Outcome {
    let timeout = node.timeout;
    let deadline = clock.instant(at.after(timeout.unwrap_or_default()));
    let cut = tokio::select! {
        biased;
        outcome = poll_fn(|context| poll_caught(future.as_mut(), context)) => return outcome,
        _reason = cancel.wait() => {
            Failure::new(ErrorClass::Named("cancelled".into()), "the attempt was stopped")
        }
        () = tokio::time::sleep_until(deadline), if timeout.is_some() => timed_out(timeout),
    };
    if matches!(node.verb, Verb::Run(_)) {
        // A command is told to end and then made to; the slot is taken until it is gone.
        cancel.set(StopReason::TimedOut);
        drop(poll_fn(|context| poll_caught(future.as_mut(), context)).await);
    }
    Err(cut)
}

/// The failure of an attempt that ran out of time.
pub(super) fn timed_out(timeout: Option<Duration>) -> Failure {
    let limit = timeout.map(format_duration).unwrap_or_default();
    Failure::new(ErrorClass::Timeout, format!("ran longer than its timeout of {limit}"))
}

pub(super) struct WorkerActor;

impl Actor for WorkerActor {
    type Msg = Msg;
    type State = State;
    type Arguments = (Arc<Shared>, Arc<Queue>, usize);

    async fn pre_start(
        &self,
        myself: ActorRef<Msg>,
        (shared, queue, index): Self::Arguments,
    ) -> Result<State, ActorProcessingErr> {
        let desk = Arc::clone(&queue.desks[index]);
        let worker = myself.clone();
        let lost = desk.attach(move || drop(worker.cast(Msg::Work)));
        if let Some(polling) = lost {
            // Its predecessor died in this one.
            let (unit, fencing) = (polling.key.unit, polling.key.fencing);
            let input = Input::Interrupted { unit, fencing };
            shared.shard_of(polling.key.run).send(shard::Request::Input(polling.key.run, input));
        }
        drop(myself.cast(Msg::Work));
        Ok(State {
            executor: shared.executor.apart(),
            plans: Vec::new(),
            runs_folder: shared.runs_folder.as_deref().map(Arc::from),
            reports: shared.shards.iter().map(|_| Vec::new()).collect(),
            cancel: CancelSignal::new(),
            shared,
            queue,
            desk,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Msg>,
        message: Msg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Msg::Work => state.work(&myself),
        }
        Ok(())
    }
}
