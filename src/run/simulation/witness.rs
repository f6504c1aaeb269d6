//! An outside witness: what the client and the handlers saw, and what must hold of it at every
//! event.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::script::{Miss, Script};
use super::sketch::{Sketch, Sketched, VerbSketch};
use super::world::Job;
use super::{Checked, ensure};
use crate::clock::Timestamp;
use crate::definition::ErrorClass;
use crate::payload::Payload;
use crate::plan::{NodeId, Plan};
use crate::run::{Event, Failure, RunState, Unit};

#[derive(Debug, Clone)]
pub(super) struct Witness {
    /// By node: the place of its top-level step, and in its body.
    places: Vec<(usize, Option<usize>)>,
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
    fencing: HashMap<Unit, u32>,
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
        let find = |id: &str, steps: &[Sketched]| steps.iter().position(|step| step.id == id);
        let place = |node: &crate::plan::Node| match node.parent {
            None => (find(node.id.as_str(), &sketch.steps).unwrap(), None),
            Some(parent) => {
                let top = find(plan.node(parent).id.as_str(), &sketch.steps).unwrap();
                let VerbSketch::Each(each) = &sketch.steps[top].verb else { panic!("no body") };
                (top, find(node.id.as_str(), each.body.as_ref().unwrap()))
            }
        };
        let nodes = sketch.steps.iter().map(|step| plan.find(&step.id).unwrap());
        Self {
            places: plan.nodes.iter().map(place).collect(),
            nodes: nodes.collect(),
            era: 0,
            eras: HashMap::new(),
            ended: HashMap::new(),
            taken: HashMap::new(),
            judged: HashMap::new(),
            first: HashMap::new(),
            tries: HashMap::new(),
            not_before: HashMap::new(),
            fencing: HashMap::new(),
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

    pub(super) fn sketched<'a>(
        &self,
        sketch: &'a Sketch,
        unit: Unit,
    ) -> (&'a Sketched, &'a [Sketched]) {
        let (top, inner) = self.places[unit.node.index()];
        match (inner, &sketch.steps[top].verb) {
            (Some(inner), VerbSketch::Each(each)) => {
                let body = each.body.as_ref().unwrap();
                (&body[inner], body)
            }
            (Some(_) | None, _) => (&sketch.steps[top], &sketch.steps),
        }
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
        fencing: u32,
        now: Timestamp,
    ) -> Checked {
        let before = self.fencing.insert(unit, fencing).unwrap_or(0);
        ensure!(fencing >= before, "the fencing of {unit:?} fell from {before} to {fencing}");
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
            Event::Succeeded { unit, fencing, output, .. } => {
                if !output.is_null() {
                    let known = jobs.get(unit).is_some_and(|job| job.fencing == *fencing);
                    ensure!(known, "I17: {unit:?} succeeded by a stale attempt");
                    let attempt = jobs[unit].attempt;
                    let given = script.try_of(*unit, self.era_of(*unit), attempt);
                    ensure!(
                        given.as_ref() == Ok(output),
                        "I2: {unit:?} has {output}, not {given:?}"
                    );
                }
                self.taken.insert(*unit, output.clone());
                self.end(*unit)
            }
            Event::AttemptFailed { unit, started, at, failure, .. } => {
                self.attempt_failed(*unit, (*started, *at), failure)
            }
            Event::RetryScheduled { unit, due, .. } => {
                self.not_before.insert(*unit, *due);
                Ok(())
            }
            Event::Failed { unit, .. }
            | Event::Skipped { unit, .. }
            | Event::Blocked { unit, .. }
            | Event::Cancelled { unit, .. } => self.end(*unit),
            Event::Gathered { node, .. } => self.end(Unit::of(*node)),
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
            Event::Ready { unit, .. } | Event::Slept { unit, .. } => self.begin(*unit),
            Event::FannedOut { node, .. } => self.begin(Unit::of(*node)),
            Event::Accepted(_)
            | Event::Began { .. }
            | Event::Crashed { .. }
            | Event::Interrupted { .. }
            | Event::Parked { .. } => Ok(()),
        }
    }

    fn attempt_failed(
        &mut self,
        unit: Unit,
        (started, at): (Timestamp, Timestamp),
        failure: &Failure,
    ) -> Checked {
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
        for (place, &unit) in units.iter().enumerate() {
            let inside = |other: &Unit| {
                other.has_item()
                    && self.places[other.node.index()].0 == self.places[unit.node.index()].0
            };
            let anew = !unit.has_item() && !units.get(place + 1).is_some_and(inside);
            let top = self.places[unit.node.index()].0;
            let places = &self.places;
            let gone = |other: &Unit| {
                *other == unit || (anew && other.has_item() && places[other.node.index()].0 == top)
            };
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
