//! A worker: polls each handler once in place, reports what is ready in one batch, and lets what is
//! pending go on in a task with its deadline.
//!
//! Owns nothing: what it has been given lies on its desk. Its death costs the attempt that it was
//! polling, which the shard hears of and dispatches again.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::pin::pin;
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
use crate::payload::Payload;
use crate::plan::{Node, Plan, Verb};
use crate::run::{self, AttemptSource, Failure, Input, index};
use crate::task::{
    Apart, Attempt, AttemptFuture, CancelSignal, Executor, StopReason, panicked, poll_caught,
};

/// What an attempt came to.
type Outcome = Result<Payload, Failure>;

#[derive(Debug, Clone, Copy)]
pub(super) enum Msg {
    /// Serve the queue until it is stopped.
    Serve,
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
}

impl State {
    /// Serves what it may take, until it has woken somebody: the task that a thread wakes last waits for
    /// this thread alone, and a handler that blocks would keep it from its turn. What is left has the next
    /// turn, behind those who were woken; it may be on another thread.
    ///
    /// Not a message for each turn, since an actor takes the next one without giving way, and not
    /// tokio's `yield_now`, which keeps a task for its thread until that has nothing else to do.
    fn turn(&mut self, context: &Context<'_>) -> Poll<()> {
        let now = self.shared.clock.now();
        let has_jobs = self.desk.attach(context.waker());
        if !has_jobs && !self.queue.claim(&self.desk, now) {
            return if self.queue.is_stopped() { Poll::Ready(()) } else { Poll::Pending };
        }
        if has_jobs || !self.queue.tell_of_room() {
            self.serve_all(now);
        }
        // It rests only with an empty desk: who has jobs may block, and is not to be given more.
        let has_jobs = self.desk.has_jobs();
        let has_claimed = !has_jobs && self.queue.claim(&self.desk, self.shared.clock.now());
        if has_claimed {
            self.queue.tell_of_room();
        }
        if has_jobs || has_claimed {
            context.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// Serves what lies on the desk up to a handler that goes on in a task of its own, and tells the
    /// shards what came of it.
    fn serve_all(&mut self, now: Timestamp) {
        let mut ended = Some(now);
        while let Some(now) = ended
            && let Some((job, plan, cancel)) = self.begin(now)
        {
            ended = self.serve(job, plan, cancel, now);
        }
        self.desk.send_reports(&self.shared.shards);
    }

    /// The next job, the plan of its workflow, and the signal that stops the attempt.
    fn begin(&mut self, now: Timestamp) -> Option<(Job, Apart<Plan>, CancelSignal)> {
        let (shared, plans) = (&self.shared, &mut self.plans);
        let mut found = None;
        let (job, cancel) = self.desk.begin(now, |job| {
            let plan = plan_at(shared, plans, job.workflow);
            found = Some(plan.clone());
            plan.node(job.unit.node).timeout
        })?;
        Some((job, found?, cancel))
    }

    /// Starts one attempt and polls it once; the time after that, unless it goes on in a task.
    fn serve(
        &mut self,
        mut job: Job,
        plan: Apart<Plan>,
        cancel: CancelSignal,
        started: Timestamp,
    ) -> Option<Timestamp> {
        if job.start == StartRecord::Durable {
            let shard = self.shared.shard_index(job.run);
            self.desk.polled(shard, shard::Request::RecordStart(Box::new(job), started));
            return Some(started);
        }
        let mut future = match self.start(&mut job, plan, cancel, started) {
            Ok(future) => future,
            Err(failure) => return Some(self.ended(&job, started, Err(failure))),
        };
        match poll_once(&mut future) {
            Poll::Ready(outcome) => Some(self.ended(&job, started, outcome)),
            Poll::Pending => {
                self.spawn(job, started, future);
                None
            }
        }
    }

    fn start(
        &self,
        job: &mut Job,
        plan: Apart<Plan>,
        cancel: CancelSignal,
        at: Timestamp,
    ) -> Result<AttemptFuture, Failure> {
        let attempt = Attempt {
            run: job.run,
            plan,
            unit: job.unit,
            attempt: job.attempt,
            items: job.items.clone(),
            fencing: run::fencing(job.epoch, job.dispatch),
            input: std::mem::replace(&mut job.source, AttemptSource::Payload(Payload::NULL)),
            home: job.folder.take(),
            runs_folder: self.runs_folder.clone(),
            cancel,
            at,
        };
        started(&self.executor, attempt)
    }

    fn ended(&self, job: &Job, started: Timestamp, outcome: Outcome) -> Timestamp {
        let ended = self.shared.clock.now();
        let has_succeeded = outcome.is_ok();
        let is_told = !has_succeeded && self.desk.is_told();
        let input = ended_so(job, (started, ended), outcome, is_told);
        let shard = self.shared.shard_index(job.run);
        if self.desk.polled(shard, shard::Request::Input(job.run, input)) {
            self.desk.count(has_succeeded, ended.since(started));
        }
        ended
    }

    /// The attempt goes on in a task of its own.
    fn spawn(&mut self, job: Job, at: Timestamp, future: AttemptFuture) {
        let plan = plan_at(&self.shared, &mut self.plans, job.workflow).clone();
        let is_handler = matches!(plan.node(job.unit.node).verb, Verb::Task(_));
        let started = (job.start == StartRecord::Lazy).then(|| {
            let input = Input::started(job.unit, job.dispatch, at);
            (self.shared.shard_index(job.run), shard::Request::Input(job.run, input))
        });
        let (cancel, counts) = self.desk.spawned(job.key(), is_handler, started);
        let (shared, queue, desk) =
            (Arc::clone(&self.shared), Arc::clone(&self.queue), Arc::clone(&self.desk));
        tokio::spawn(async move {
            let node = plan.node(job.unit.node);
            let outcome = drive(&shared.clock, node, &cancel, at, future).await;
            let ended = shared.clock.now();
            desk.finished(&job.key());
            if counts {
                desk.count(outcome.is_ok(), ended.since(at));
            }
            let is_told = cancel.reason() == Some(StopReason::Shutdown);
            let input = ended_so(&job, (at, ended), outcome, is_told);
            shared.shard_of(job.run).send(shard::Request::Input(job.run, input));
            queue.freed(&desk);
        });
    }
}

/// The plan at a place, with a count of the worker's own.
fn plan_at<'a>(
    shared: &Shared,
    plans: &'a mut Vec<Option<Apart<Plan>>>,
    place: u32,
) -> &'a Apart<Plan> {
    let at = index(place);
    if plans.len() <= at {
        plans.resize(at + 1, None);
    }
    plans[at].get_or_insert_with(|| Apart::new(shared.plan_at(place)))
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

/// What an attempt has come to, for its run. What failed after it was told that the engine shuts down
/// was interrupted.
fn ended_so(
    job: &Job,
    (started, ended): (Timestamp, Timestamp),
    outcome: Outcome,
    is_told: bool,
) -> Input {
    let (unit, dispatch) = (job.unit, job.dispatch);
    if is_told && outcome.is_err() {
        return Input::Interrupted { unit, dispatch };
    }
    Input::Finished { attempt: run::Attempt { unit, dispatch, started, ended }, outcome }
}

/// How long an attempt that was cancelled or is out of time may clean up, if it can hear of it.
const GRACE: Duration = Duration::from_secs(5);

/// Waits for the end of an attempt. One that is to stop, or is out of time, is told; what can hear it
/// has its grace. It is judged when it has ended.
pub(crate) async fn drive(
    clock: &Clock,
    node: &Node,
    cancel: &CancelSignal,
    at: Timestamp,
    mut future: AttemptFuture,
) -> Outcome {
    let timeout = node.timeout;
    let deadline = clock.instant(at.after(timeout.unwrap_or_default()));
    let mut work = pin!(poll_fn(|context| poll_caught(future.as_mut(), context)));
    let reason = tokio::select! {
        biased;
        outcome = work.as_mut() => return outcome,
        reason = cancel.wait() => reason,
        () = tokio::time::sleep_until(deadline), if timeout.is_some() => StopReason::TimedOut,
    };
    cancel.set(reason);
    if matches!(node.verb, Verb::Run(_)) {
        // A command is told to end and then made to; the slot is taken until it is gone.
        drop(work.await);
    } else if reason == StopReason::Shutdown {
        // As long as the shutdown waits. What ends well within that is kept.
        tokio::select! {
            biased;
            outcome = work => return outcome,
            () = cancel.wait_for_cut() => {}
        }
    } else if cancel.is_heard() {
        tokio::select! {
            biased;
            _late = work => {}
            () = cancel.wait_for_cut() => {}
            () = tokio::time::sleep(GRACE) => {}
        }
    }
    Err(match reason {
        StopReason::TimedOut => timed_out(timeout),
        StopReason::Cancelled | StopReason::Shutdown => {
            Failure::new(ErrorClass::Named("cancelled".into()), "the attempt was stopped")
        }
    })
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
        if let Some(polling) = desk.take_over() {
            // Its predecessor died in this one.
            let (unit, dispatch) = (polling.key.unit, polling.key.dispatch);
            let input = Input::Interrupted { unit, dispatch };
            shared.shard_of(polling.key.run).send(shard::Request::Input(polling.key.run, input));
        }
        desk.send_reports(&shared.shards);
        drop(myself.cast(Msg::Serve));
        Ok(State {
            executor: shared.executor.apart(),
            plans: Vec::new(),
            runs_folder: shared.runs_folder.as_deref().map(Arc::from),
            shared,
            queue,
            desk,
        })
    }

    async fn handle(
        &self,
        _: ActorRef<Msg>,
        message: Msg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Msg::Serve => poll_fn(|context| state.turn(context)).await,
        }
        Ok(())
    }
}
