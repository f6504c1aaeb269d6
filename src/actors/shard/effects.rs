//! Doing what was decided, once it may happen.

use super::commit::{Release, Round};
use super::{Ended, Live, State};
use crate::actors::desk::AttemptKey;
use crate::actors::dlq;
use crate::actors::queue::{Job, Request as ToQueue, StartRecord};
use crate::clock::Timestamp;
use crate::dead_letter::{CauseId, DeadLetter, DeadLetterId};
use crate::id::RunId;
use crate::run::{Effect, Input, Unit};

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
                Release::Abort(queue, key) => self.abort(queue, key),
                Release::End(run) => self.end(run),
                Release::Bury(queue, letter) => {
                    self.shared.letters[queue].0.send(dlq::Request::Add(letter));
                }
                Release::Exhume(id) => {
                    let boxes = self.shared.letters.iter();
                    boxes.for_each(|letters| letters.0.send(dlq::Request::Remove(id)));
                }
                Release::Reply(reply) => reply(),
                Release::Publish(run, event) => {
                    if let Some(live) = self.runs.get(&run) {
                        self.shared.hub.publish(run, &live.workflow.plan, &event);
                    }
                }
                Release::Forget(run) => self.forget(run),
            }
        }
    }

    /// Stops an attempt; its job may be among those that have not left yet.
    fn abort(&mut self, queue: usize, key: AttemptKey) {
        let shared = &self.shared.queues[queue];
        shared.push(&mut self.out.to_queues[queue]);
        shared.inbox.send(ToQueue::Abort(key));
    }

    /// Answers those who wait, and hands the run on to the archive.
    fn end(&mut self, id: RunId) {
        let Some(live) = self.runs.get_mut(&id) else { return };
        if !live.waiters.is_empty() {
            let ended = ended(live);
            for waiter in std::mem::take(&mut live.waiters) {
                drop(waiter.send(ended.clone()));
            }
        }
        if live.armed {
            self.shared.timers.forget(id);
        }
        self.ended.push_back(id);
    }

    /// The archive has the run; if it has not been started again meanwhile, it leaves.
    pub(super) fn forget(&mut self, id: RunId) {
        if self.runs.get(&id).is_some_and(|live| live.run.state().is_end()) {
            self.runs.remove(&id);
        }
    }

    /// A worker may not run the handler before its start is durable: record it, then hand it back.
    pub(super) fn record_start(&mut self, mut job: Job, at: Timestamp, now: Timestamp) {
        let id = job.run;
        let input = Input::Started { unit: job.unit, fencing: job.fencing, at };
        self.input(id, &input, now);
        self.out.urgent = true;
        let Some(live) = self.runs.get(&id) else { return };
        job.start = StartRecord::Done;
        let queue = live.workflow.queue(job.unit.node);
        self.out.gated.push(Release::Ready(queue, job));
    }

    /// Says again which timers should be armed.
    pub(super) fn owe_timers(&mut self) {
        for (id, live) in self.runs.iter().filter(|(_, live)| !live.dormant) {
            for effect in live.run.owed(&live.workflow.plan) {
                if let Effect::Arm { timer, due } = effect {
                    self.shared.timers.arm(due, *id, timer);
                }
            }
        }
    }
}

/// The job of an attempt: try, dispatch, and how its start is recorded.
pub(super) fn job(
    round: Round<'_>,
    unit: Unit,
    (attempt, fencing, start): (u32, u32, StartRecord),
) -> Job {
    let Round { shared, id: run, live, now: ready_at } = round;
    let plan = &live.workflow.plan;
    let queue = &shared.queues[live.workflow.queue(unit.node)];
    Job {
        run,
        unit,
        attempt,
        fencing,
        priority: i16::from(live.run.priority(plan, unit)) + i16::from(queue.settings.priority),
        start,
        ready_at,
        workflow: live.workflow.place,
        source: live.run.attempt_input(plan, unit),
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
pub(super) fn dead_letter(round: Round<'_>, unit: Unit) -> DeadLetter {
    let Round { shared, id: run, live, now: at } = round;
    let plan = &live.workflow.plan;
    let queue = shared.queues[live.workflow.queue(unit.node)].name.clone();
    let step = plan.node(unit.node).id.clone();
    let failure = live.run.failure_at(plan, unit);
    DeadLetter {
        id: DeadLetterId::of(run, unit),
        queue,
        run,
        workflow: plan.name.clone(),
        definition: plan.hash,
        cause: CauseId::of(&plan.name, &step, &failure),
        step,
        item: (unit.item != Unit::NO_ITEM).then_some(unit.item),
        input: live.run.shown_input(plan, unit),
        attempts: live.run.attempts(plan, unit).into_iter().map(Into::into).collect(),
        failure,
        at,
        unit,
    }
}
