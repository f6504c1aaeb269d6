//! The world around a run: workers, timers, the journal's events, crashes, an operator.

mod answers;
mod drive;
mod duties;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::fault::Fault;
use super::script::{Script, Spot};
use super::sketch::{Sketch, Sketched, VerbSketch};
use super::witness::Witness;
use super::{Checked, ensure, table};
use crate::clock::Timestamp;
use crate::luck::{Luck, hash};
use crate::plan::{NodeId, Plan};
use crate::run::tests::{accepted, id, plan, stored_and_read};
use crate::run::unit::Phase;
use crate::run::{
    Attempt, Decision, Effect, Evaluated, Evaluation, EvaluationOf, Event, Input, RetryFrom, Run,
    RunState, Timer, Unit,
};

/// Inputs after which a run must have ended.
const INPUTS_MAX: usize = 40_000;

/// An attempt that was handed out.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Job {
    pub(super) spot: Spot,
    pub(super) attempt: u32,
    pub(super) dispatch: u32,
    durable_start: bool,
    started: Option<Timestamp>,
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) sketch: Rc<Sketch>,
    pub(super) plan: Rc<Plan>,
    pub(super) run: Run,
    pub(super) script: Script,
    pub(super) witness: Witness,
    /// Handed out, and not known to run; or known to.
    pub(super) jobs: BTreeMap<Unit, Job>,
    timers: BTreeSet<(Timestamp, Timer)>,
    /// What is being evaluated, by number.
    evaluations: BTreeMap<u32, (EvaluationOf, Evaluation)>,
    /// What has been evaluated and told.
    answered: Vec<(u32, Evaluated)>,
    events: Vec<Event>,
    /// Built event by event from what the journal has.
    pub(super) shadow: Run,
    told: Vec<(Unit, u32, Spot)>,
    now: Timestamp,
    luck: Luck,
    crashes_left: u64,
    /// The process dies as soon as something runs.
    deadly: bool,
    retries_left: u64,
    /// States from which a crash is tried when the run has ended.
    marks: Vec<(Run, Witness, Timestamp)>,
    /// How many events of a hundred become such a mark.
    marked: u64,
    fault: Option<Fault>,
    pub(super) talks: bool,
}

impl World {
    pub(super) fn new(seed: u64, fault: Option<Fault>) -> Result<Self, String> {
        let mut luck = Luck::new(hash(&[seed]));
        let sketch = Sketch::random(&mut luck);
        let plan = plan(&sketch.toml());
        let delay = Duration::from_millis(if luck.percent(10) { luck.below(1_000) } else { 0 });
        let accepted = accepted(&plan, "{}", delay);
        let now = accepted.at;
        let (run, step) = Run::accept(&plan, id(1), accepted);
        let shadow = Run::new(id(1), Arc::clone(&run.accepted));
        let is_small = sketch.steps.len() <= 6;
        let mut world = Self {
            witness: Witness::new(&sketch, &plan),
            script: Script { seed },
            jobs: BTreeMap::new(),
            timers: BTreeSet::new(),
            evaluations: BTreeMap::new(),
            answered: Vec::new(),
            events: Vec::new(),
            shadow,
            told: Vec::new(),
            now,
            crashes_left: if luck.percent(60) { luck.below(5) } else { 0 },
            deadly: luck.percent(8),
            retries_left: if luck.percent(40) { 1 + luck.below(2) } else { 0 },
            marks: Vec::new(),
            marked: if is_small && luck.percent(10) { 100 } else { 2 },
            fault,
            talks: false,
            sketch: Rc::new(sketch),
            plan: Rc::new(plan),
            run,
            luck,
        };
        world.take(step)?;
        Ok(world)
    }

    /// From the start to the end, and once more from each mark.
    pub(super) fn live(mut self) -> Checked {
        self.go_on()?;
        for (run, witness, now) in std::mem::take(&mut self.marks) {
            let mut world = self.after_crash(run, witness, now);
            world.die()?;
            world.go_on().map_err(|told| format!("after a crash at a mark: {told}"))?;
        }
        Ok(())
    }

    /// This world with the journal cut at a mark.
    fn after_crash(&self, run: Run, mut witness: Witness, now: Timestamp) -> Self {
        let letters = run.dead_letters(&self.plan).into_iter();
        witness.letters = letters.map(|(unit, _)| unit).collect();
        witness.letters.retain(|unit| !witness.given_up.contains(unit));
        Self {
            sketch: Rc::clone(&self.sketch),
            plan: Rc::clone(&self.plan),
            jobs: running_jobs(&run),
            shadow: run.clone(),
            run,
            script: self.script,
            witness,
            timers: BTreeSet::new(),
            evaluations: BTreeMap::new(),
            answered: self.answered.clone(),
            events: Vec::new(),
            told: Vec::new(),
            now,
            luck: self.luck.clone(),
            crashes_left: 0,
            deadly: false,
            retries_left: 0,
            marks: Vec::new(),
            marked: 0,
            fault: self.fault,
            talks: self.talks,
        }
    }

    /// Until the run has ended for the last time.
    fn go_on(&mut self) -> Checked {
        for _ in 0..INPUTS_MAX {
            if self.run.state().is_end() {
                self.check_end()?;
                if self.retries_left == 0 {
                    return Ok(());
                }
                self.retries_left -= 1;
                self.operate()?;
            } else {
                self.happen()?;
            }
        }
        Err(format!("not ended after {INPUTS_MAX} inputs"))
    }

    /// Something happens.
    fn happen(&mut self) -> Checked {
        self.now = self.now.after(Duration::from_micros(self.luck.below(30_000)));
        let dice = self.luck.below(1_000);
        let runs = self.jobs.values().any(|job| job.started.is_some());
        if (dice < 8 || (self.deadly && runs)) && self.crashes_left > 0 {
            self.crashes_left -= 1;
            return self.die();
        }
        if dice < 9 && self.luck.percent(20) {
            return self.input(Input::Cancel { reason: "at random".into() });
        }
        if dice < 20 && !self.told.is_empty() {
            return self.tell_again();
        }
        if dice < 30 && !self.answered.is_empty() {
            return self.answer_again();
        }
        if dice < 36 && !self.witness.letters.is_empty() {
            return self.replay_or_give_up();
        }
        let rests = self.jobs.is_empty() && self.timers.is_empty();
        if !self.evaluations.is_empty() && (rests || dice > 700) {
            return self.answer();
        }
        let due = self.timers.first().is_some_and(|(due, _)| *due <= self.now);
        if self.jobs.is_empty() || (due && dice < 500) {
            if !self.evaluations.is_empty() && self.luck.percent(50) {
                return self.answer();
            }
            if let Some((due, timer)) = self.timers.pop_first() {
                self.now = self.now.max(due);
                return self.input(Input::Due(timer));
            }
            ensure!(self.run.state() == RunState::Parked, "nothing is under way: {:?}", self.run);
            return self.replay_or_give_up();
        }
        let chosen = self.luck.index(self.jobs.len());
        let (&unit, job) = self.jobs.iter().nth(chosen).unwrap();
        let (job, dispatch) = (job.clone(), job.dispatch);
        if job.started.is_none() && (job.durable_start || dice < 600) {
            return self.input(Input::started(unit, dispatch, self.now));
        }
        if dice > 985 {
            return self.input(Input::Interrupted { unit, dispatch });
        }
        let era = self.witness.era_of(unit);
        let outcome = self.script.outcome(&job.spot, era, job.attempt);
        let started = job.started.unwrap_or(self.now);
        let ended = self.now.after(Duration::from_micros(self.luck.below(10_000)));
        self.now = ended;
        self.told.push((unit, dispatch, job.spot));
        let attempt = Attempt { unit, dispatch, started, ended };
        self.input(Input::Finished { attempt, outcome })
    }

    fn replay_or_give_up(&mut self) -> Checked {
        let letters: Vec<Unit> = self.witness.letters.iter().copied().collect();
        let unit = letters[self.luck.index(letters.len())];
        let parked = self.run.unit_state(&self.plan, unit) == Some(crate::run::StepState::Parked);
        self.witness.era += 1;
        if parked && self.luck.percent(40) {
            self.witness.given_up.insert(unit);
            return self.input(Input::GiveUp { unit, reason: "at random".into() });
        }
        self.input(Input::Replay { unit, input: None })
    }

    /// An operator starts the ended run again.
    fn operate(&mut self) -> Checked {
        self.witness.era += 1;
        let letters = !self.witness.letters.is_empty();
        let from = match self.luck.below(4) {
            0 if letters => return self.replay_or_give_up(),
            0 | 1 => RetryFrom::Failed,
            2 => RetryFrom::Start,
            _ => {
                let step = self.luck.index(self.sketch.steps.len());
                RetryFrom::Step(self.witness.node(step))
            }
        };
        self.input(Input::Retry(from))
    }

    /// One input, and all that must hold after it.
    fn input(&mut self, mut input: Input) -> Checked {
        if self.talks {
            println!("{} {input:?}", self.now);
        }
        table::meet(&self.run, &self.plan, &input, self.now);
        let started =
            if let Input::Started { unit, at, .. } = &input { Some((*unit, *at)) } else { None };
        let step = self.advance(&mut input)?;
        if let Some((unit, at)) = started
            && let Some(job) = self.jobs.get_mut(&unit)
        {
            job.started = Some(at);
        }
        self.take(step)
    }

    /// The process dies; what it knew is gone, what it wrote is not.
    fn die(&mut self) -> Checked {
        let jobs = std::mem::take(&mut self.jobs).into_iter();
        let died: Vec<Unit> =
            jobs.filter(|(_, job)| job.started.is_some()).map(|(unit, _)| unit).collect();
        self.timers.clear();
        self.evaluations.clear();
        self.run = stored_and_read(&self.shadow);
        ensure!(self.run == self.shadow, "a snapshot changed something: {:?}", self.run);
        table::meet(&self.run, &self.plan, &Input::Died { maybe: Vec::new() }, self.now);
        let step = self.recover()?;
        if self.talks {
            println!("{} died", self.now);
        }
        self.check_deaths(&died, &step)?;
        self.take_events(&step)?;
        self.shadow = self.run.clone();
        self.take_effects(step)
    }

    fn take(&mut self, step: Decision) -> Checked {
        let effects = self.take_events(&step)?;
        ensure!(effects == step.effects, "a replay has other effects: {effects:?} {step:?}");
        ensure!(self.shadow == self.run, "I10: a replay leads elsewhere");
        self.take_effects(step)
    }

    /// The events are in the journal: a replay follows them.
    fn take_events(&mut self, step: &Decision) -> Result<Vec<Effect>, String> {
        let mut effects = Vec::new();
        for event in &step.events {
            if self.talks {
                println!("    {event:?}");
            }
            self.check_verdict(event)?;
            self.check_opening(event)?;
            self.shadow.apply(&self.plan, event, &mut effects);
            let kept = self.kept_lists(event);
            if let Event::Crashed { unit, .. } = event {
                self.witness.died_in(*unit);
            }
            self.witness.event(event, &self.jobs, self.script)?;
            self.witness.begun.extend(kept);
            if self.marked > 0 && self.luck.percent(self.marked) {
                self.marks.push((self.shadow.clone(), self.witness.clone(), self.now));
            }
        }
        self.events.extend(step.events.iter().cloned());
        Ok(effects)
    }

    /// The events are durable: their effects are released.
    fn take_effects(&mut self, mut step: Decision) -> Checked {
        if let Some(fault) = self.fault {
            fault.effects(&mut step, &mut self.luck);
        }
        for event in &step.events {
            if let Event::Succeeded { attempt: Attempt { unit, .. }, .. }
            | Event::AttemptFailed { attempt: Attempt { unit, .. }, .. }
            | Event::Interrupted { unit, .. } = event
            {
                self.jobs.remove(unit);
            }
        }
        for effect in &step.effects {
            if self.talks {
                println!("        {effect:?}");
            }
            match *effect {
                Effect::Dispatch { unit, attempt, dispatch, durable_start } => {
                    self.take_job(unit, attempt, dispatch, durable_start)?;
                }
                Effect::Arm { timer, due, .. } => {
                    self.timers.insert((due, timer));
                }
                Effect::Evaluate { of, number } => {
                    if let Some(evaluation) = self.run.evaluation(&self.plan, of, number) {
                        self.evaluations.insert(number, (of, evaluation));
                    }
                }
                Effect::Abort { unit, dispatch } => {
                    if self.jobs.get(&unit).is_some_and(|job| job.dispatch == dispatch) {
                        self.jobs.remove(&unit);
                    }
                }
                Effect::AddDeadLetter { unit, .. } => {
                    ensure!(self.witness.letters.insert(unit), "a second letter for {unit:?}");
                }
                Effect::RemoveDeadLetter { unit, .. } => {
                    self.witness.letters.remove(&unit);
                }
                Effect::End => {
                    ensure!(self.jobs.is_empty(), "ended with {:?}", self.jobs);
                    self.timers.clear();
                    self.evaluations.clear();
                }
            }
        }
        for effect in &step.effects {
            if let Effect::Dispatch { unit, dispatch, .. } = effect
                && self.jobs.get(unit).is_some_and(|job| job.dispatch == *dispatch)
            {
                let over = self.witness.ended.contains_key(unit);
                ensure!(!over, "{unit:?} starts, and has ended");
                ensure!(!self.witness.cancelled, "I16: {unit:?} starts in a cancelled run");
                ensure!(!self.witness.stopped, "{unit:?} starts after `fail_fast`");
            }
        }
        self.check_owed()?;
        self.check_slots()
    }

    /// An attempt is handed out.
    fn take_job(
        &mut self,
        unit: Unit,
        attempt: u32,
        dispatch: u32,
        durable_start: bool,
    ) -> Checked {
        self.witness.dispatch(unit, attempt, dispatch, self.now)?;
        self.check_dependencies(unit)?;
        let may_die = self.sketched(unit).0.parks && self.is_task(unit);
        let has_died = self.witness.deaths.contains_key(&unit);
        let is_known = durable_start || !(may_die || has_died);
        ensure!(is_known, "{unit:?} starts, and nobody will know");
        let spot = spot(&self.run, unit);
        let job = Job { spot, attempt, dispatch, durable_start, started: None };
        let old = self.jobs.insert(unit, job);
        ensure!(old.is_none(), "{unit:?} was handed out twice");
        Ok(())
    }

    /// The step that a unit belongs to, and its siblings.
    pub(super) fn sketched(&self, unit: Unit) -> (&Sketched, &[Sketched]) {
        self.witness.sketched(&self.sketch, unit.node)
    }

    /// The unit of a sibling.
    pub(super) fn sibling(&self, unit: Unit, place: usize) -> Unit {
        let siblings = self.sketched(unit).1;
        let id = siblings[place].id.as_str();
        let is_sibling = |node: &NodeId| {
            let node = self.plan.node(*node);
            node.parent == self.plan.node(unit.node).parent && node.id.as_str() == id
        };
        let all = self.plan.nodes.len();
        let node = (0..all).map(|node| NodeId(node.try_into().unwrap())).find(is_sibling);
        Unit { node: node.unwrap(), ..unit }
    }

    /// Whether a unit's verb is a task.
    pub(super) fn is_task(&self, unit: Unit) -> bool {
        match &self.sketched(unit).0.verb {
            VerbSketch::Task => true,
            VerbSketch::Sleep(_) => false,
            VerbSketch::Each(each) => each.body.is_none(),
        }
    }

    /// The index of the item in which a unit stands.
    pub(super) fn item(&self, unit: Unit) -> Option<u32> {
        self.run.items(unit).last()
    }
}

/// Where a unit stands, as the outside knows it.
pub(super) fn spot(run: &Run, unit: Unit) -> Spot {
    Spot { node: unit.node, items: run.items(unit) }
}

/// What a run believes to be under way with somebody.
fn running_jobs(run: &Run) -> BTreeMap<Unit, Job> {
    let running = run.all_units().filter(|(_, state)| state.phase == Phase::RUNNING);
    let job = |(unit, dispatch)| {
        let started = Some(Timestamp::default());
        let spot = spot(run, unit);
        (unit, Job { spot, attempt: 1, dispatch, durable_start: false, started })
    };
    running.map(|(unit, state)| job((unit, state.dispatch))).collect()
}
