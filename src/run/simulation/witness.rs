//! An outside witness: what the client and the handlers saw, and what must hold of it at every
//! event.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::script::{Miss, Script};
use super::sketch::{Sketch, Sketched, sketch_body};
use super::world::Job;
use super::{Checked, ensure};
use crate::clock::Timestamp;
use crate::definition::ErrorClass;
use crate::payload::Payload;
use crate::plan::{NodeId, Plan};
use crate::run::{Attempt, Event, Failure, RunState, Unit};

#[derive(Debug, Clone)]
pub(super) struct Witness {
    /// By node: the places of the steps in whose bodies it stands, from the top, and its own.
    places: Vec<Vec<usize>>,
    nodes: Vec<NodeId>,
    /// Rises with everything that a person does.
    pub(super) era: u32,
    /// The era in which a unit was first handed out since it was opened.
    eras: HashMap<Unit, u32>,
    /// The era in which a unit ended.
    pub(super) ended: HashMap<Unit, u32>,
    /// What handlers gave, and the run took.
    pub(super) taken: HashMap<Unit, Payload>,
    /// Failed attempts to be judged: how, after how many tries, and when it ended.
    pub(super) judged: HashMap<Unit, (Miss, u32, Timestamp)>,
    /// When the first attempt started.
    pub(super) first: HashMap<Unit, Timestamp>,
    tries: HashMap<Unit, u32>,
    /// Not before this may the next attempt be handed out.
    not_before: HashMap<Unit, Timestamp>,
    dispatches: HashMap<Unit, u32>,
    pub(super) deaths: HashMap<Unit, u32>,
    pub(super) given_up: HashSet<Unit>,
    pub(super) letters: BTreeSet<Unit>,
    /// Since the run was last opened.
    pub(super) cancelled: bool,
    pub(super) timed_out: bool,
    /// A step failed for good, and `fail_fast` is on.
    pub(super) stopped: bool,
    /// How many events there were; in which era and after how many a unit began since it was
    /// opened, and after how many it ended.
    events: usize,
    pub(super) begun: HashMap<Unit, (u32, usize)>,
    pub(super) ended_after: HashMap<Unit, usize>,
}

impl Witness {
    pub(super) fn new(sketch: &Sketch, plan: &Plan) -> Self {
        let place = |node: usize| {
            let mut steps = &sketch.steps;
            let mut places = Vec::new();
            for id in plan.line(NodeId(u32::try_from(node).unwrap())) {
                let id = plan.node(id).id.as_str();
                let at = steps.iter().position(|step| step.id == id).unwrap();
                places.push(at);
                steps = sketch_body(&steps[at]).unwrap_or(steps);
            }
            places
        };
        let nodes = sketch.steps.iter().map(|step| plan.find(&step.id).unwrap());
        Self {
            places: (0..plan.nodes.len()).map(place).collect(),
            nodes: nodes.collect(),
            era: 0,
            eras: HashMap::new(),
            ended: HashMap::new(),
            taken: HashMap::new(),
            judged: HashMap::new(),
            first: HashMap::new(),
            tries: HashMap::new(),
            not_before: HashMap::new(),
            dispatches: HashMap::new(),
            deaths: HashMap::new(),
            given_up: HashSet::new(),
            letters: BTreeSet::new(),
            cancelled: false,
            timed_out: false,
            stopped: false,
            events: 0,
            begun: HashMap::new(),
            ended_after: HashMap::new(),
        }
    }

    /// The node of a top-level step.
    pub(super) fn node(&self, place: usize) -> NodeId {
        self.nodes[place]
    }

    /// The step that a node is, and its siblings.
    pub(super) fn sketched<'a>(
        &self,
        sketch: &'a Sketch,
        node: NodeId,
    ) -> (&'a Sketched, &'a [Sketched]) {
        let mut siblings = &sketch.steps;
        let (own, around) = self.places[node.index()].split_last().unwrap();
        for place in around {
            siblings = sketch_body(&siblings[*place]).unwrap();
        }
        (&siblings[*own], siblings)
    }

    pub(super) fn era_of(&self, unit: Unit) -> u32 {
        self.eras.get(&unit).copied().unwrap_or(self.era)
    }

    pub(super) fn died_in(&mut self, unit: Unit) {
        *self.deaths.entry(unit).or_default() += 1;
    }

    /// An attempt is handed out.
    pub(super) fn dispatch(
        &mut self,
        unit: Unit,
        attempt: u32,
        dispatch: u32,
        now: Timestamp,
    ) -> Checked {
        let before = self.dispatches.insert(unit, dispatch).unwrap_or(0);
        ensure!(dispatch >= before, "the dispatch of {unit:?} fell from {before} to {dispatch}");
        let tries = self.tries.get(&unit).copied().unwrap_or(0);
        ensure!(attempt == tries + 1, "{unit:?} starts its try {attempt} after {tries}");
        let earliest = self.not_before.get(&unit).copied().unwrap_or_default();
        ensure!(now >= earliest, "I4: {unit:?} starts at {now}, and not before {earliest} it may");
        self.eras.entry(unit).or_insert(self.era);
        Ok(())
    }

    /// Something has happened.
    pub(super) fn event(
        &mut self,
        event: &Event,
        jobs: &BTreeMap<Unit, Job>,
        script: Script,
    ) -> Checked {
        self.events += 1;
        match event {
            Event::Succeeded { attempt, output } => {
                let unit = attempt.unit;
                if !output.is_null() {
                    let known = jobs.get(&unit).filter(|job| job.dispatch == attempt.dispatch);
                    let job = known
                        .ok_or_else(|| format!("I17: {unit:?} succeeded by a stale attempt"))?;
                    let given = script.try_of(&job.spot, self.era_of(unit), job.attempt);
                    ensure!(
                        given.as_ref() == Ok(output),
                        "I2: {unit:?} has {output}, not {given:?}"
                    );
                }
                self.taken.insert(unit, output.clone());
                self.end(unit)
            }
            Event::AttemptFailed { attempt, failure } => self.attempt_failed(*attempt, failure),
            Event::RetryScheduled { unit, due, .. } => {
                self.not_before.insert(*unit, *due);
                Ok(())
            }
            Event::Failed { unit, .. }
            | Event::Skipped { unit, .. }
            | Event::Blocked { unit, .. }
            | Event::Gathered { unit, .. }
            | Event::Cancelled { unit, .. } => self.end(*unit),
            Event::CancelRequested { timed_out, .. } => {
                self.cancelled = true;
                self.timed_out = *timed_out;
                Ok(())
            }
            Event::Reopened { units, .. } | Event::Replayed { units, .. } => {
                self.open(units);
                Ok(())
            }
            Event::Ended { state, .. } => {
                ensure!(state.is_end() && *state != RunState::Pending, "ended as {state:?}");
                Ok(())
            }
            Event::Started { unit, at, .. } => {
                self.first.entry(*unit).or_insert(*at);
                Ok(())
            }
            Event::Ready { unit, .. }
            | Event::Slept { unit, .. }
            | Event::GroupOpened { unit, .. }
            | Event::FannedOut { unit, .. } => self.begin(*unit),
            Event::Accepted(_)
            | Event::Began { .. }
            | Event::EvaluationRequested { .. }
            | Event::Crashed { .. }
            | Event::Interrupted { .. }
            | Event::Parked { .. } => Ok(()),
        }
    }

    fn attempt_failed(&mut self, attempt: Attempt, failure: &Failure) -> Checked {
        let Attempt { unit, started, ended: at, .. } = attempt;
        self.first.entry(unit).or_insert(started);
        let tries = self.tries.entry(unit).or_default();
        *tries += 1;
        let asked =
            failure.retry_after.map_or(1_000, |wait| u64::try_from(wait.as_millis()).unwrap());
        let class =
            CLASSES.iter().find(|class| ErrorClass::parse(class).as_ref() == Some(&failure.class));
        let class = class.ok_or("a class that nobody gave")?;
        self.judged.insert(unit, (Miss { class, asked }, *tries, at));
        Ok(())
    }

    fn begin(&mut self, unit: Unit) -> Checked {
        ensure!(!self.ended.contains_key(&unit), "{unit:?} begins, and has ended");
        self.begun.entry(unit).or_insert((self.era, self.events));
        Ok(())
    }

    fn end(&mut self, unit: Unit) -> Checked {
        self.ended_after.insert(unit, self.events);
        let before = self.ended.insert(unit, self.era);
        ensure!(before.is_none(), "I2: {unit:?} ended twice");
        Ok(())
    }

    /// These are pending again; the items of a fan-out that starts anew with it.
    fn open(&mut self, units: &[Unit]) {
        (self.cancelled, self.timed_out, self.stopped) = (false, false, false);
        for &unit in units {
            // What stood in the scopes of a list that starts anew never comes back: its numbers
            // are not used again.
            let gone = |other: &Unit| *other == unit;
            self.eras.retain(|unit, _| !gone(unit));
            self.ended.retain(|unit, _| !gone(unit));
            self.taken.retain(|unit, _| !gone(unit));
            self.judged.retain(|unit, _| !gone(unit));
            self.first.retain(|unit, _| !gone(unit));
            self.begun.retain(|unit, _| !gone(unit));
            self.tries.retain(|unit, _| !gone(unit));
            self.not_before.retain(|unit, _| !gone(unit));
            self.deaths.retain(|unit, _| !gone(unit));
            self.given_up.retain(|unit| !gone(unit));
        }
    }
}

const CLASSES: [&str; 6] = ["timeout", "connection", "boom", "permanent", "rate_limited", "poison"];
