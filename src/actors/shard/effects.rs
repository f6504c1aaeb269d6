//! Doing what was decided, once it may happen.

use std::sync::Arc;

use super::intake::{Release, Round};
use super::{Ended, Live, Stage, State};
use crate::actors::desk::AttemptKey;
use crate::actors::dlq;
use crate::actors::evaluator::EvaluationJob;
use crate::actors::queue::{Job, StartRecord};
use crate::clock::Timestamp;
use crate::dead_letter::{CauseId, DeadLetter, DeadLetterId};
use crate::id::RunId;
use crate::journal::Urgency;
use crate::run::{Effect, EvaluationOf, Input, Unit};

impl State {
    /// Does and answers what has waited.
    pub(super) fn perform(&mut self, releases: Vec<Release>) {
        for release in releases {
            match release {
                Release::Ready(queue, job) => self.out.to_queues[queue].push(job),
                Release::Arm(run, timer, due) => {
                    if let Some(live) = self.runs.get_mut(&run) {
                        live.armed = true;
                    }
                    self.shared.timers.arm(due, run, timer);
                }
                Release::Evaluate(job) => self.shared.evaluator.evaluate(job),
                Release::Abort(queue, key) => self.abort(queue, key),
                Release::End(run, ended) => self.end(run, ended),
                Release::AddDeadLetter(queue, letter) => {
                    self.shared.letters[queue].0.send(dlq::Request::Add(letter));
                }
                Release::RemoveDeadLetter(id) => {
                    let boxes = self.shared.letters.iter();
                    boxes.for_each(|letters| letters.0.send(dlq::Request::Remove(id)));
                }
                Release::Reply(reply) => reply(),
                Release::Publish(run, event) => {
                    if let Some(live) = self.runs.get(&run) {
                        let (items, event) = *event;
                        self.shared.hub.publish(run, &live.workflow.plan, &items, &event);
                    }
                }
                Release::Room(queue) => self.out.rooms.push(queue),
                Release::Forget(run, archived) => self.forget(run, archived),
                Release::Erase(run) => self.erase(run),
            }
        }
    }

    /// Stops an attempt; its job may be among those that have not left yet.
    fn abort(&mut self, queue: usize, key: AttemptKey) {
        self.shared.queues[queue].abort(&mut self.out.to_queues[queue], key);
    }

    /// Answers those who wait, and hands the run on to the archive. It may have been started again
    /// meanwhile, and even have ended again: that end is told all the same, and the run waits for
    /// its last one.
    fn end(&mut self, id: RunId, ended: Box<Ended>) {
        let Some(live) = self.runs.get_mut(&id) else { return };
        for waiter in std::mem::take(&mut live.waiters) {
            drop(waiter.send(Ended::clone(&ended)));
        }
        let is_last = live.run.state().is_end() && self::ended(live) == *ended;
        if !is_last || !matches!(live.stage, Stage::Live) {
            return;
        }
        if live.armed {
            self.shared.timers.forget(id);
        }
        live.stage = Stage::Ended(ended);
        if live.kept.is_durable() {
            self.ended.push_back(id);
        } else {
            self.volatile.push_back(id);
            self.expire_key(id);
        }
    }

    /// Deletes the folder of a run that is not kept any longer.
    fn erase(&self, id: RunId) {
        if let Some(folder) = self.shared.run_folder(id) {
            // Off this thread: a run may have left many files.
            tokio::task::spawn_blocking(move || match std::fs::remove_dir_all(&folder) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    tracing::warn!(folder = %folder.display(), %error, "a run's folder stays");
                }
                Ok(()) | Err(_) => {}
            });
        }
    }

    /// A worker may not run the handler before its start is durable: record it, then hand it back.
    pub(super) fn record_start(&mut self, mut job: Job, at: Timestamp) {
        let id = job.run;
        let input = Input::started(job.unit, job.dispatch, at);
        self.input(id, &input);
        self.out.urgency = Urgency::Now;
        let Some(live) = self.runs.get(&id) else { return };
        if !live.run.awaits(job.unit, job.dispatch) {
            // It was cancelled on its way here.
            return;
        }
        job.start = StartRecord::Done;
        let queue = live.workflow.queue(job.unit.node);
        if live.kept.is_durable() {
            self.after_landing(id, Release::Ready(queue, job));
        } else {
            self.out.free.push(Release::Ready(queue, job));
        }
    }

    /// Says again which timers should be armed.
    pub(super) fn owe_timers(&mut self) {
        let now = self.shared.clock.now();
        for (id, live) in self.runs.iter().filter(|(_, live)| !live.dormant) {
            for effect in live.run.owed(now) {
                if let Effect::Arm { timer, due, .. } = effect {
                    self.shared.timers.arm(due, *id, timer);
                }
            }
        }
    }

    /// Hands over again which evaluations should be under way.
    pub(super) fn owe_evaluations(&mut self) {
        let now = self.shared.clock.now();
        for (id, live) in self.runs.iter().filter(|(_, live)| !live.dormant) {
            let owed = live.run.owed(now).into_iter();
            let jobs = owed.filter_map(|effect| match effect {
                Effect::Evaluate { of, number } => evaluation((*id, live), of, number),
                Effect::Dispatch { .. }
                | Effect::Arm { .. }
                | Effect::Abort { .. }
                | Effect::AddDeadLetter { .. }
                | Effect::RemoveDeadLetter { .. }
                | Effect::End => None,
            });
            jobs.for_each(|job| self.shared.evaluator.evaluate(job));
        }
    }
}

/// An evaluation with all that it reads; `None` where nothing waits for it any more.
pub(super) fn evaluation(
    (run, live): (RunId, &Live),
    of: EvaluationOf,
    number: u32,
) -> Option<Box<EvaluationJob>> {
    let workflow = Arc::clone(&live.workflow);
    let evaluation = live.run.evaluation(&workflow.plan, of, number)?;
    Some(Box::new(EvaluationJob { run, number, workflow, evaluation }))
}

/// The job of an attempt: try, dispatch, and how its start is recorded.
pub(super) fn job(
    round: Round<'_>,
    unit: Unit,
    (attempt, dispatch, start): (u32, u32, StartRecord),
) -> Job {
    let Round { shared, id: run, live, now: ready_at, epoch } = round;
    let plan = &live.workflow.plan;
    let queue = &shared.queues[live.workflow.queue(unit.node)];
    Job {
        run,
        unit,
        items: live.run.items(unit),
        attempt,
        dispatch,
        epoch,
        priority: i16::from(live.run.priority(plan, unit)) + i16::from(queue.settings.priority),
        start,
        ready_at,
        workflow: live.workflow.place,
        source: live.run.attempt_input(plan, unit),
        folder: live.run.accepted().folder_for(plan, unit.node),
    }
}

/// How a run ended.
pub(super) fn ended(live: &Live) -> Ended {
    Ended {
        state: live.run.state(),
        output: live.run.output().cloned().unwrap_or_default(),
        failure: live.run.failure().map(|failure| Box::new(failure.clone())),
    }
}

/// The dead letter of a unit that has just failed for good.
pub(super) fn dead_letter(round: Round<'_>, unit: Unit, dispatch: u32) -> DeadLetter {
    let Round { shared, id: run, live, now: at, .. } = round;
    let plan = &live.workflow.plan;
    let queue = shared.queues[live.workflow.queue(unit.node)].name.clone();
    let step = plan.node(unit.node).id.clone();
    let failure = live.run.failure_at(unit);
    DeadLetter {
        id: DeadLetterId::of(run, dispatch),
        queue,
        run,
        workflow: plan.name.clone(),
        definition: live.run.definition(),
        cause: CauseId::of(&plan.name, &plan.path(unit.node), &failure),
        step,
        path: live.run.path(plan, unit).into(),
        item: live.run.items(unit).last(),
        input: live.run.shown_input(plan, unit),
        attempts: live.run.attempts(plan, unit).into_iter().map(Into::into).collect(),
        failure,
        at,
        unit,
        dispatch,
    }
}
