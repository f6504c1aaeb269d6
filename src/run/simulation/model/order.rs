//! In which order things may happen: after what they wait for, as their rules say.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::sketch::{JoinSketch, List, VerbSketch};
use super::super::world::World;
use super::super::{Checked, ensure};
use crate::run::unit::{AttemptEnd, Phase};
use crate::run::{Event, RetryFrom, StepState, Unit};

impl World {
    /// I3: whoever is handed out has what it waits for.
    pub(in crate::run::simulation) fn check_dependencies(&self, unit: Unit) -> Checked {
        let (step, _) = self.sketched(unit);
        if self.run.is_own_verb(unit) {
            return Ok(());
        }
        let state = |place| self.state(self.sibling(unit, place));
        let counted = step.counted();
        let has_ended = |place: &usize| state(*place).is_end();
        let won = counted.iter().filter(|place| state(**place) == StepState::Succeeded).count();
        let mut needs = step.needs().into_iter();
        let enough = match step.join {
            JoinSketch::All | JoinSketch::Settled => needs.all(|place| has_ended(&place)),
            JoinSketch::Count(wanted) => {
                won >= wanted && needs.all(|at| counted.contains(&at) || has_ended(&at))
            }
        };
        ensure!(enough || self.witness.era > 0, "I3: {unit:?} starts before what it waits for");
        Ok(())
    }

    /// I4: what follows a failed attempt is what its rules say.
    pub(in crate::run::simulation) fn check_verdict(&mut self, event: &Event) -> Checked {
        if let Event::Failed { unit, .. } = event
            && unit.is_top()
            && self.sketch.fail_fast != "off"
            && !self.sketched(*unit).0.allowed
        {
            self.witness.stopped = true;
        }
        self.check_list(event)?;
        self.check_parked(event)?;
        let (unit, due) = if let Event::RetryScheduled { unit, due, .. } = event {
            (*unit, Some(*due))
        } else if let Event::Failed { unit, .. } = event {
            (*unit, None)
        } else {
            return Ok(());
        };
        let Some((miss, tries, ended)) = self.witness.judged.remove(&unit) else {
            ensure!(due.is_none(), "{unit:?} is tried again, and has not failed");
            return Ok(());
        };
        let (step, _) = self.sketched(unit);
        let wait = step.retry.as_ref().and_then(|retry| retry.wait(miss.class, tries, miss.asked));
        let within = step.retry.as_ref().and_then(|retry| {
            let limited = miss.class == "rate_limited" && retry.limited.is_some();
            retry.within.filter(|_| !limited)
        });
        let first = self.witness.first.get(&unit).copied().unwrap_or(ended);
        let millis = std::time::Duration::from_millis;
        match (due, wait) {
            (None, None) => Ok(()),
            (Some(_), None) => {
                Err(format!("I4: {unit:?} is tried again after {miss:?}, try {tries}"))
            }
            (Some(due), Some((shortest, longest))) => {
                let fits =
                    due >= ended.after(millis(shortest)) && due <= ended.after(millis(longest));
                ensure!(fits, "I4: {unit:?} waits until {due} after {ended}");
                let in_time = within.is_none_or(|within| due <= first.after(millis(within)));
                ensure!(in_time, "{unit:?} is tried again too late");
                Ok(())
            }
            (None, Some((_, longest))) => {
                let by_rule = |rule: u64| ended.after(millis(longest)) > first.after(millis(rule));
                let cut = self.is_stopped() || !unit.is_top();
                ensure!(cut || within.is_some_and(by_rule), "{unit:?} had a try left");
                Ok(())
            }
        }
    }

    /// The list of a fan-out is the one that its expression gives.
    fn check_list(&self, event: &Event) -> Checked {
        let Event::FannedOut { unit, items, .. } = event else { return Ok(()) };
        let VerbSketch::Each(each) = &self.sketched(*unit).0.verb else {
            return Err(format!("{unit:?} has no list"));
        };
        let expected = match each.list {
            List::Literal(items) => (0..items).map(|item| json!(item)).collect(),
            List::Nothing => return Err(format!("{unit:?} is a group")),
            List::Output(step) => {
                let output = self.output(self.sibling(*unit, step)).ok_or("no list")?;
                output["list"].as_array().unwrap().clone()
            }
        };
        let items: Vec<Value> = items.iter().map(|item| item.parse().unwrap()).collect();
        ensure!(items == expected, "{unit:?} has the list {items:?}, not {expected:?}");
        Ok(())
    }

    /// What is to be parked after a crash does not start again by itself.
    fn check_parked(&self, event: &Event) -> Checked {
        let Event::Ready { unit, .. } = event else { return Ok(()) };
        let has_crashed = self.shadow.phase(*unit) == Phase::Judged(AttemptEnd::Crashed);
        let parks = self.sketched(*unit).0.parks && self.is_task(*unit);
        ensure!(!(has_crashed && parks), "{unit:?} starts again without a person");
        Ok(())
    }

    /// Whoever opens a run again opens what belongs to it.
    pub(in crate::run::simulation) fn check_opening(&self, event: &Event) -> Checked {
        let Event::Reopened { units, from, .. } = event else { return Ok(()) };
        if units.is_empty() {
            return Ok(());
        }
        for place in 0..self.sketch.steps.len() {
            let unit = Unit::top(self.witness.node(place));
            let state = self.shadow.unit_state(&self.plan, unit);
            let opened = units.contains(&unit);
            let expected = match from {
                RetryFrom::Start => true,
                RetryFrom::Step(step) => self.behind(self.place_of(*step)).contains(&place),
                RetryFrom::Failed if state == Some(StepState::Blocked) => true,
                RetryFrom::Failed => continue,
            };
            ensure!(opened == expected, "{unit:?} was {state:?}, and opened: {opened}");
        }
        Ok(())
    }

    /// Since when the units go on that are opened again and keep their scopes: what their
    /// dependencies come to later does not concern them.
    pub(in crate::run::simulation) fn kept_lists(
        &self,
        event: &Event,
    ) -> Vec<(Unit, (u32, usize))> {
        let (Event::Reopened { units, .. } | Event::Replayed { units, .. }) = event else {
            return Vec::new();
        };
        let kept = units.iter().filter(|unit| self.shadow.phase(**unit) == Phase::SCOPES);
        kept.filter_map(|unit| Some((*unit, *self.witness.begun.get(unit)?))).collect()
    }

    fn place_of(&self, node: crate::plan::NodeId) -> usize {
        (0..self.sketch.steps.len()).find(|place| self.witness.node(*place) == node).unwrap()
    }

    /// The places of a step and of all that depend on it.
    fn behind(&self, of: usize) -> BTreeSet<usize> {
        let mut behind = BTreeSet::from([of]);
        for (place, step) in self.sketch.steps.iter().enumerate().skip(of) {
            if step.needs().iter().any(|need| behind.contains(need)) {
                behind.insert(place);
            }
        }
        behind
    }
}
