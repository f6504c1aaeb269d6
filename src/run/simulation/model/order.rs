//! In which order things may happen: after what they wait for, as their rules say.

use std::collections::BTreeSet;

use super::super::sketch::{JoinSketch, VerbSketch};
use super::super::world::World;
use super::super::{Checked, ensure};
use crate::run::{Event, RetryFrom, StepState, Unit};

impl World {
    /// I3: whoever is handed out has what it waits for.
    pub(in crate::run::simulation) fn check_dependencies(&self, unit: Unit) -> Checked {
        let (step, _) = self.sketched(unit);
        if unit.has_item() && matches!(step.verb, VerbSketch::Each(_)) {
            return Ok(());
        }
        let states = step.needs().into_iter().map(|need| self.sibling(unit, need));
        let ended = states.clone().filter(|need| self.state(*need).is_end()).count();
        let won = states.filter(|need| self.state(*need) == StepState::Succeeded).count();
        let enough = match step.join {
            JoinSketch::All | JoinSketch::Settled => ended == step.needs().len(),
            JoinSketch::Count(wanted) => won >= wanted,
        };
        ensure!(enough || self.witness.era > 0, "I3: {unit:?} starts before what it waits for");
        Ok(())
    }

    /// I4: what follows a failed attempt is what its rules say.
    pub(in crate::run::simulation) fn check_verdict(&mut self, event: &Event) -> Checked {
        if let Event::Failed { unit, .. } = event
            && !unit.has_item()
            && self.sketch.fail_fast != "off"
            && !self.sketched(*unit).0.allowed
        {
            self.witness.stopped = true;
        }
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
                let cut = self.is_stopped() || unit.has_item();
                ensure!(cut || within.is_some_and(by_rule), "{unit:?} had a try left");
                Ok(())
            }
        }
    }

    /// Whoever opens a run again opens what belongs to it.
    pub(in crate::run::simulation) fn check_opening(&self, event: &Event) -> Checked {
        let Event::Reopened { units, from, .. } = event else { return Ok(()) };
        if units.is_empty() {
            return Ok(());
        }
        for place in 0..self.sketch.steps.len() {
            let unit = Unit::of(self.witness.node(place));
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
