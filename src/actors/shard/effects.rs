//! Doing what was decided, once it may happen.

use super::commit::Release;
use super::{Ended, Live, State};
use crate::actors::desk::AttemptKey;
use crate::actors::dlq;
use crate::actors::queue::{Job, Request as ToQueue, StartRecord};
use crate::clock::Timestamp;
use crate::dead_letter::{CauseId, DeadLetter, DeadLetterId};
use crate::id::{Name, RunId};
use crate::run::{Effect, Input, Unit};

impl State {
    /// Does and answers what has waited.
    pub(super) fn perform(&mut self, releases: Vec<Release>) {
        for release in releases {
            match release {
                Release::Effect(run, effect) => self.act(run, effect),
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
                Release::Begin(job) => {
                    let queue = job.workflow.queue(job.unit.node);
                    self.to_queues[queue].push(ToQueue::Ready(*job));
                }
                Release::Forget(run) => self.forget(run),
            }
        }
    }

    fn act(&mut self, run: RunId, effect: Effect) {
        match effect {
            Effect::Dispatch { unit, attempt, fencing, durable_start } => {
                let start = if durable_start { StartRecord::Durable } else { StartRecord::Lazy };
                self.dispatch(run, unit, (attempt, fencing), start);
            }
            Effect::Arm { timer, due } => {
                if let Some(live) = self.runs.get_mut(&run) {
                    live.armed = true;
                }
                self.shared.timers.arm(due, run, timer);
            }
            Effect::Abort { unit, fencing } => {
                let Some(live) = self.runs.get(&run) else { return };
                let queue = live.workflow.queue(unit.node);
                let key = AttemptKey { run, unit, fencing };
                self.to_queues[queue].push(ToQueue::Abort(key));
            }
            Effect::End => self.end(run),
            // Became writes of the commit, and releases of their own.
            Effect::Bury { .. } | Effect::Exhume { .. } => {}
        }
    }

    fn dispatch(
        &mut self,
        run: RunId,
        unit: Unit,
        (attempt, fencing): (u32, u32),
        start: StartRecord,
    ) {
        let Some(live) = self.runs.get(&run) else { return };
        let plan = &live.workflow.plan;
        let queue = live.workflow.queue(unit.node);
        let priority = live.run.priority(plan, unit);
        let job = Job {
            run,
            unit,
            attempt,
            fencing,
            priority: i16::from(priority) + i16::from(self.shared.queues[queue].settings.priority),
            start,
            ready_at: self.now,
            workflow: std::sync::Arc::clone(&live.workflow),
            source: live.run.attempt_input(plan, unit),
        };
        self.to_queues[queue].push(ToQueue::Ready(job));
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
        self.ended.push(id);
    }

    /// The archive has the run; if it has not been started again meanwhile, it leaves.
    fn forget(&mut self, id: RunId) {
        if self.runs.get(&id).is_some_and(|live| live.run.state().is_end()) {
            self.runs.remove(&id);
        }
    }

    /// A worker may not run the handler before its start is durable: record it, then hand it back.
    pub(super) fn record_start(&mut self, mut job: Job, at: Timestamp, now: Timestamp) {
        let id = job.run;
        let input = Input::Started { unit: job.unit, fencing: job.fencing, at };
        self.input(id, &input, now);
        self.urgent = true;
        job.start = StartRecord::Done;
        self.gated.push(Release::Begin(Box::new(job)));
    }

    /// Says again what this queue should have: what is ready, and what was on its way to a worker
    /// for the second time, its start being recorded.
    pub(super) fn owe_queue(&mut self, queue: usize, now: Timestamp) {
        let held = std::sync::Arc::clone(&self.shared.queues[queue]);
        let is_here =
            |run: RunId, unit: Unit, fencing: u32| held.holds(&AttemptKey { run, unit, fencing });
        let owed = self.owed(|live, effect| {
            matches!(effect, Effect::Dispatch { unit, .. } if live.workflow.queue(unit.node) == queue)
        });
        for (run, effect) in owed {
            let Effect::Dispatch { unit, attempt, fencing, .. } = effect else { continue };
            if !is_here(run, unit, fencing) {
                self.dispatch(run, unit, (attempt, fencing), StartRecord::Lazy);
            }
        }
        let mut lost = Vec::new();
        for (id, live) in self.runs.iter().filter(|(_, live)| !live.dormant) {
            let running = live.run.running().into_iter();
            let ours = running.filter(|(unit, _)| live.workflow.queue(unit.node) == queue);
            lost.extend(ours.filter(|(unit, f)| !is_here(*id, *unit, *f)).map(|unit| (*id, unit)));
        }
        for (run, (unit, fencing)) in lost {
            self.input(run, &Input::Interrupted { unit, fencing }, now);
        }
    }

    /// Says again which timers should be armed.
    pub(super) fn owe_timers(&mut self) {
        for (run, effect) in self.owed(|_, effect| matches!(effect, Effect::Arm { .. })) {
            self.act(run, effect);
        }
    }

    fn owed(&self, wanted: impl Fn(&Live, &Effect) -> bool) -> Vec<(RunId, Effect)> {
        let live = self.runs.iter().filter(|(_, live)| !live.dormant);
        live.flat_map(|(id, live)| {
            let owed = live.run.owed(&live.workflow.plan).into_iter();
            owed.filter(|effect| wanted(live, effect))
                .map(|effect| (*id, effect))
                .collect::<Vec<_>>()
        })
        .collect()
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
pub(super) fn dead_letter(
    run: RunId,
    live: &Live,
    unit: Unit,
    (queue, at): (Name, Timestamp),
) -> DeadLetter {
    let plan = &live.workflow.plan;
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
