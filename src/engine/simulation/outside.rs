//! Workers and timers: what the shards hand out, and what comes back. Nothing of it outlives the
//! process.

use std::collections::{BTreeMap, HashMap};

use super::ledger::Ledger;
use super::{Checked, ensure};
use crate::actors::evaluator::{EvaluationJob, Request as ToEvaluator};
use crate::actors::queue::{Job, StartRecord};
use crate::actors::shard::Request;
use crate::actors::shared::Shared;
use crate::actors::timers::Request as ToTimers;
use crate::clock::Timestamp;
use crate::definition::ErrorClass;
use crate::id::RunId;
use crate::luck::Luck;
use crate::payload::Payload;
use crate::run::{Attempt, Failure, Input, Timer, Unit};
use crate::task::CancelSignal;

/// What the workers have on their hands, and what is armed.
#[derive(Debug, Default)]
pub(super) struct Outside {
    jobs: Vec<Held>,
    armed: BTreeMap<(Timestamp, u64), (RunId, Timer)>,
    evaluations: Vec<EvaluationJob>,
    sequence: u64,
    /// What handlers gave.
    given: HashMap<(RunId, Unit, u32), Vec<Payload>>,
}

#[derive(Debug)]
struct Held {
    job: Job,
    started: Option<Timestamp>,
    /// Set when it is not wanted any more.
    cancel: CancelSignal,
}

impl Outside {
    /// Takes what the shards have handed out. Its cause must have landed.
    pub(super) fn take(&mut self, shared: &Shared, ledger: &Ledger, now: Timestamp) -> Checked {
        for queue in &shared.queues {
            let desk = &queue.desks[0];
            queue.claim(desk, now);
            while let Some((job, _)) = desk.begin(now, |_| None) {
                let known = ledger.runs.get(&job.run);
                let landed =
                    known.is_some_and(|known| known.dispatches.contains(&(job.unit, job.dispatch)));
                let landed = landed || ledger.loose.contains(&job.run);
                ensure!(landed, "I3: {:?} was handed out before its cause landed", job.key());
                let (cancel, _) = desk.spawned(job.key(), true, None);
                self.jobs.push(Held { job, started: None, cancel });
                if !desk.has_jobs() {
                    queue.claim(desk, now);
                }
            }
        }
        for held in self.jobs.extract_if(.., |held| held.cancel.is_set()) {
            finished(shared, &held.job);
        }
        let mut asked = Vec::new();
        shared.timers.0.take(&mut asked);
        for request in asked {
            match request {
                ToTimers::Arm { due, run, timer } => {
                    let known = ledger.runs.get(&run);
                    let landed = known.is_some_and(|known| known.timers.contains(&timer));
                    let landed = landed || ledger.loose.contains(&run);
                    ensure!(landed, "{timer:?} of {run} was armed before its cause landed");
                    self.sequence += 1;
                    self.armed.insert((due, self.sequence), (run, timer));
                }
                ToTimers::Forget(run) => self.armed.retain(|_, (armed, _)| *armed != run),
                ToTimers::Tick => {}
            }
        }
        self.take_evaluations(shared, ledger)
    }

    fn take_evaluations(&mut self, shared: &Shared, ledger: &Ledger) -> Checked {
        let mut asked = Vec::new();
        shared.evaluator.0.take(&mut asked);
        for request in asked {
            let ToEvaluator::Evaluate(job) = request else { continue };
            let known = ledger.runs.get(&job.run);
            let landed = known.is_some_and(|known| known.evaluations.contains(&job.number));
            let landed = landed || ledger.loose.contains(&job.run);
            ensure!(landed, "an evaluation of {} was asked for before its cause landed", job.run);
            self.evaluations.push(*job);
        }
        Ok(())
    }

    pub(super) fn has_evaluations(&self) -> bool {
        !self.evaluations.is_empty()
    }

    /// An evaluation is done, maybe once more.
    pub(super) fn evaluate(&mut self, shared: &Shared, luck: &mut Luck) {
        let chosen = luck.index(self.evaluations.len());
        let job = self.evaluations.swap_remove(chosen);
        shared.shard_of(job.run).send(Request::Input(job.run, job.evaluate()));
        if luck.percent(20) {
            self.evaluations.push(job);
        }
    }

    pub(super) fn has_jobs(&self) -> bool {
        !self.jobs.is_empty()
    }

    pub(super) fn first_due(&self) -> Option<Timestamp> {
        self.armed.first_key_value().map(|((due, _), _)| *due)
    }

    /// A timer that is due wakes its run.
    pub(super) fn fire(&mut self, shared: &Shared, now: Timestamp) {
        if let Some(first) = self.armed.first_entry()
            && first.key().0 <= now
        {
            let (run, timer) = first.remove();
            shared.shard_of(run).send(Request::Input(run, Input::Due(timer)));
        }
    }

    /// An attempt goes on: its start is recorded, or known, or it ends.
    pub(super) fn work(&mut self, shared: &Shared, luck: &mut Luck, now: Timestamp) {
        let chosen = luck.index(self.jobs.len());
        let dice = luck.below(100);
        let held = &mut self.jobs[chosen];
        let (run, unit, dispatch) = (held.job.run, held.job.unit, held.job.dispatch);
        if held.job.start == StartRecord::Durable {
            let Held { job, .. } = self.jobs.swap_remove(chosen);
            finished(shared, &job);
            return shared.shard_of(run).send(Request::RecordStart(Box::new(job), now));
        }
        if held.started.is_none() && dice < 40 {
            held.started = Some(now);
            let input = Input::started(unit, dispatch, now);
            return shared.shard_of(run).send(Request::Input(run, input));
        }
        let Held { job, started, .. } = self.jobs.swap_remove(chosen);
        finished(shared, &job);
        let started = started.unwrap_or(now);
        let input = if dice > 96 {
            Input::Interrupted { unit, dispatch }
        } else {
            let outcome = self.outcome((run, unit, dispatch), luck);
            let attempt = Attempt { unit, dispatch, started, ended: now };
            Input::Finished { attempt, outcome }
        };
        shared.shard_of(run).send(Request::Input(run, input));
    }

    fn outcome(&mut self, key: (RunId, Unit, u32), luck: &mut Luck) -> Result<Payload, Failure> {
        if luck.percent(30) {
            return Err(Failure::new(ErrorClass::Named("simulated".into()), "at random"));
        }
        let given = Payload::from_trusted(luck.below(1 << 40).to_string());
        self.given.entry(key).or_default().push(given.clone());
        Ok(given)
    }

    /// Whether results that have landed are ones that handlers gave; a `sleep` gives none.
    pub(super) fn check(&self, results: &[(RunId, Unit, u32, Payload)]) -> Checked {
        for (run, unit, dispatch, output) in results {
            let given = self.given.get(&(*run, *unit, *dispatch));
            let is_given = given.is_some_and(|given| given.contains(output));
            ensure!(is_given || output.is_null(), "I2: {unit:?} of {run} has another result");
        }
        Ok(())
    }

    /// The process dies: what ran and what was armed is gone. What handlers gave was given.
    pub(super) fn die(&mut self) {
        self.jobs.clear();
        self.armed.clear();
        self.evaluations.clear();
    }
}

/// A job is off the desk that it lay on.
fn finished(shared: &Shared, job: &Job) {
    shared.queues.iter().for_each(|queue| queue.desks[0].finished(&job.key()));
}
