//! What a workflow must come to, said a second time and in another way: each step's end is a
//! function of how its dependencies ended and of what its handlers do.

mod order;

use std::collections::HashSet;

use super::sketch::{EachSketch, JoinSketch, List, Sketched, Tolerance, VerbSketch, When};
use super::world::{World, spot};
use super::{Checked, ensure};
use crate::payload::Payload;
use crate::run::unit::Phase;
use crate::run::{Decision, Event, RunState, StepState, Unit};

/// What the dependencies and conditions of a step say.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Said {
    Runs,
    Skipped,
    Blocked,
}

impl World {
    fn state(&self, unit: Unit) -> StepState {
        self.run.unit_state(&self.plan, unit).unwrap_or(StepState::Pending)
    }

    pub(super) fn output(&self, unit: Unit) -> Option<serde_json::Value> {
        self.run.unit_output(&self.plan, unit)?.parse().ok()
    }

    /// Whether a step has failed and was not allowed to.
    fn is_hard(&self, unit: Unit) -> bool {
        self.state(unit) == StepState::Failed && !self.sketched(unit).0.allowed
    }

    fn is_refusing(&self, unit: Unit) -> bool {
        self.is_hard(unit) || matches!(self.state(unit), StepState::Blocked | StepState::Cancelled)
    }

    /// Whether a unit joins by count, and enough of its dependencies have succeeded.
    fn is_race_over(&self, unit: Unit) -> bool {
        let (step, _) = self.sketched(unit);
        let JoinSketch::Count(wanted) = step.join else { return false };
        let won = |place: &usize| self.state(self.sibling(unit, *place)) == StepState::Succeeded;
        step.counted().into_iter().filter(won).count() >= wanted
    }

    /// What is said to a unit by its dependencies and conditions.
    fn said(&self, unit: Unit) -> Said {
        let (step, _) = self.sketched(unit);
        let on = |place: &usize| self.sibling(unit, *place);
        let counted: Vec<Unit> = step.counted().iter().map(on).collect();
        let has = |place: &usize| self.state(on(place)) == StepState::Succeeded;
        let won = counted.iter().filter(|unit| self.state(**unit) == StepState::Succeeded).count();
        let is_blocked = match step.join {
            JoinSketch::All => counted.iter().any(|unit| self.is_refusing(*unit)),
            JoinSketch::Count(wanted) => won < wanted,
            JoinSketch::Settled => false,
        };
        if is_blocked {
            return Said::Blocked;
        }
        let without = |place: &usize| {
            if self.is_refusing(on(place)) { Said::Blocked } else { Said::Skipped }
        };
        let wanted = match step.when {
            When::Always => true,
            When::Never => false,
            When::EvenItem => self.item(unit).unwrap().is_multiple_of(2),
            When::Status(other) => has(&other),
            When::Value(other) => match self.output(on(&other)) {
                Some(output) => output["n"].as_u64().unwrap().is_multiple_of(2),
                None => return without(&other),
            },
        };
        let list = match &step.verb {
            VerbSketch::Each(EachSketch { list: List::Output(other), .. }) => Some(other),
            VerbSketch::Each(_) | VerbSketch::Task | VerbSketch::Sleep(_) => None,
        };
        match list.into_iter().chain(&step.reads).find(|place| !has(place)) {
            _ if !wanted => Said::Skipped,
            Some(missing) => without(missing),
            None => Said::Runs,
        }
    }

    /// What the handlers of a unit come to; `None`: time decides.
    fn scripted(&self, unit: Unit) -> Option<StepState> {
        let (step, _) = self.sketched(unit);
        if matches!(step.verb, VerbSketch::Sleep(_)) {
            return Some(StepState::Succeeded);
        }
        let deaths = self.witness.deaths.get(&unit).copied().unwrap_or(0);
        if deaths >= 3 || self.witness.given_up.contains(&unit) {
            return Some(StepState::Failed);
        }
        let in_time = step.retry.as_ref().is_none_or(|retry| retry.within.is_none());
        if step.start_within.is_some() || !in_time {
            return None;
        }
        let (era, spot) = (self.witness.era_of(unit), spot(&self.run, unit));
        for tries in 1.. {
            let Err(miss) = self.script.try_of(&spot, era, tries) else { break };
            let retry = step.retry.as_ref();
            if retry.and_then(|retry| retry.wait(miss.class, tries, miss.asked)).is_none() {
                return Some(StepState::Failed);
            }
        }
        Some(StepState::Succeeded)
    }

    /// Everything has ended: as the model says?
    pub(super) fn check_end(&self) -> Checked {
        for place in 0..self.sketch.steps.len() {
            let unit = Unit::top(self.witness.node(place));
            if self.run.history(&self.plan).began.is_some() {
                self.check_unit(unit)
                    .map_err(|told| format!("{}: {told}", self.sketch.steps[place].id))?;
            }
        }
        let letters: Vec<Unit> = self.witness.letters.iter().copied().collect();
        let failed = self.run.dead_letters(&self.plan).into_iter().map(|(unit, _)| unit);
        let mut failed: Vec<Unit> = failed.collect();
        failed.retain(|unit| !self.witness.given_up.contains(unit));
        failed.sort();
        ensure!(letters == failed, "I5: dead letters {letters:?}, failed {failed:?}");
        let state = self.run.state();
        let expected = self.expected_state();
        ensure!(state == expected, "the run ended {state:?}, not {expected:?}");
        Ok(())
    }

    /// An attempt that the process died in is told so, unless its unit was to be cancelled anyway;
    /// no other one is.
    pub(super) fn check_deaths(&self, died: &[Unit], step: &Decision) -> Checked {
        let mut left: HashSet<Unit> = died.iter().copied().collect();
        for event in &step.events {
            if let Event::Crashed { unit, .. } = event {
                ensure!(left.remove(unit), "{unit:?} crashed, and had not started");
            }
        }
        let lost = left.into_iter().find(|unit| self.run.phase(*unit) != Phase::CANCELLED);
        ensure!(lost.is_none(), "nobody says that the process died in {lost:?}");
        Ok(())
    }

    fn expected_state(&self) -> RunState {
        let units: Vec<Unit> = self
            .sketch
            .steps
            .iter()
            .enumerate()
            .map(|(at, _)| Unit::top(self.witness.node(at)))
            .collect();
        let any = |state| units.iter().any(|unit| self.state(*unit) == state);
        match (self.witness.cancelled, self.witness.timed_out) {
            (true, false) => RunState::Cancelled,
            (true, true) => RunState::Failed,
            (false, _) if units.iter().any(|unit| self.is_hard(*unit)) => RunState::Failed,
            (false, _) if any(StepState::Failed) && !any(StepState::Succeeded) => RunState::Failed,
            (false, _) if self.is_incomplete() => RunState::Cancelled,
            (false, _) => RunState::Succeeded,
        }
    }

    /// Whether a step is left that was cancelled, and not because a race was over.
    fn is_incomplete(&self) -> bool {
        let steps = &self.sketch.steps;
        let mut left = vec![false; steps.len()];
        for place in (0..steps.len()).rev() {
            let unit = Unit::top(self.witness.node(place));
            let mut waiters =
                (0..steps.len()).filter(|other| steps[*other].needs().contains(&place));
            left[place] = self.state(unit) == StepState::Cancelled
                && (waiters.clone().next().is_none()
                    || waiters.any(|other| {
                        left[other] && !self.is_race_over(Unit::top(self.witness.node(other)))
                    }));
        }
        left.contains(&true)
    }

    fn check_unit(&self, unit: Unit) -> Checked {
        let (step, siblings) = self.sketched(unit);
        let state = self.state(unit);
        ensure!(state.is_end(), "{unit:?} is {state:?}, and the run has ended");
        // A step that was not opened again stays what it was, whatever became of the others.
        let age = |unit: Unit| self.witness.ended.get(&unit).copied().unwrap_or(0);
        let own = self.witness.begun.get(&unit).map_or_else(|| age(unit), |(era, _)| *era);
        let is_older = step.needs().iter().any(|need| age(self.sibling(unit, *need)) > own);
        let failed_for_good = state == StepState::Failed && !step.allowed;
        let by_items = matches!(step.verb, VerbSketch::Each(_)) && !self.run.is_own_verb(unit);
        let given_up = self.witness.given_up.contains(&unit);
        let items_have_it = by_items && (is_older || self.said(unit) == Said::Runs);
        if failed_for_good && !given_up && !items_have_it {
            let letter = self.witness.letters.contains(&unit);
            ensure!(letter, "I5: {unit:?} failed, and has no dead letter");
        }
        if is_older {
            return Ok(());
        }
        if state == StepState::Cancelled {
            let excused = self.witness.cancelled
                || self.is_stopped()
                || self.has_lost(unit, siblings)
                || self.is_in_a_stopped_fan(unit)
                || age(unit) < self.witness.era;
            ensure!(excused, "{unit:?} was cancelled for no reason");
            return Ok(());
        }
        let said = self.said(unit);
        let expected = match said {
            Said::Blocked => StepState::Blocked,
            Said::Skipped => StepState::Skipped,
            Said::Runs => return self.check_run(unit),
        };
        ensure!(state == expected, "{unit:?} is {state:?}, and its dependencies say {said:?}");
        Ok(())
    }

    /// A unit that ran.
    fn check_run(&self, unit: Unit) -> Checked {
        let (step, siblings) = self.sketched(unit);
        if let VerbSketch::Each(each) = &step.verb
            && !self.run.is_own_verb(unit)
        {
            return self.check_items(unit, each);
        }
        let state = self.state(unit);
        let scripted = self.scripted(unit);
        let cut =
            state == StepState::Failed && (self.is_stopped() || self.is_in_a_stopped_fan(unit));
        ensure!(
            cut || scripted.is_none_or(|scripted| scripted == state),
            "{unit:?} is {state:?}, and its script says {scripted:?}"
        );
        if state == StepState::Succeeded {
            let taken = self.witness.taken.get(&unit);
            let output = self.run.unit_output(&self.plan, unit);
            ensure!(taken == output.as_ref(), "I2: {unit:?} keeps {output:?}, and took {taken:?}");
        }
        self.check_losers(unit, siblings)
    }

    /// Who waited only for a race that was over has not gone on.
    fn check_losers(&self, unit: Unit, siblings: &[Sketched]) -> Checked {
        let (step, _) = self.sketched(unit);
        let Some((_, begun)) = self.witness.begun.get(&unit) else { return Ok(()) };
        // Whoever is opened again by hand may go on whoever has won.
        if !matches!(step.join, JoinSketch::Count(_)) || self.witness.era > 0 {
            return Ok(());
        }
        for need in step.counted() {
            let rival = self.sibling(unit, need);
            let waiters = siblings.iter().filter(|other| other.needs().contains(&need)).count();
            let ended = self.witness.ended_after.get(&rival).copied().unwrap_or(0);
            let lost = self.state(rival) == StepState::Cancelled;
            ensure!(
                waiters > 1 || ended < *begun || lost,
                "{rival:?} went on after {unit:?} had what it wanted"
            );
        }
        Ok(())
    }

    /// A fan-out that ran.
    fn check_items(&self, unit: Unit, each: &EachSketch) -> Checked {
        let state = self.state(unit);
        let items = match each.list {
            List::Literal(items) => items,
            List::Output(step) => {
                let output = self.output(self.sibling(unit, step)).ok_or("no list")?;
                output["list"].as_array().unwrap().len()
            }
            List::Nothing => 1,
        };
        let mut failed = 0;
        let mut results = Vec::new();
        let place = self.run.block_of_owner(unit).ok_or("no scopes")?;
        let block = self.run.arena.blocks[place].clone();
        ensure!(block.scopes.len() == items, "{unit:?} has {} scopes", block.scopes.len());
        for item in 0..u32::try_from(items).unwrap() {
            let nodes = match &each.body {
                None => vec![unit.node],
                Some(_) => self.plan.body(unit.node).collect(),
            };
            let mut table = serde_json::Map::new();
            let mut fails = false;
            for node in nodes {
                let inner = Unit { scope: block.scope(item), node };
                let own_verb = each.body.is_none();
                if own_verb {
                    self.check_item(inner)?;
                } else {
                    self.check_unit(inner)?;
                }
                fails |=
                    self.is_hard(inner) || (own_verb && self.state(inner) == StepState::Failed);
                if let Some(output) = self.output(inner) {
                    table.insert(self.sketched(inner).0.id.clone(), output);
                }
            }
            failed += usize::from(fails);
            results.push(match each.body {
                _ if fails => serde_json::Value::Null,
                None => table.remove(&self.sketched(unit).0.id).unwrap_or_default(),
                Some(_) => table.into(),
            });
        }
        let exceeded = match each.tolerate {
            None => failed > 0,
            Some(Tolerance::Count(most)) => failed > most,
            Some(Tolerance::Percent(part)) => failed * 100 > part * items,
        };
        let expected = if exceeded { StepState::Failed } else { StepState::Succeeded };
        ensure!(state == expected, "{unit:?} is {state:?} with {failed} of {items} items failed");
        if state == StepState::Succeeded {
            let output = self.run.unit_output(&self.plan, unit);
            let expected = match each.list {
                List::Literal(_) | List::Output(_) => Payload::of(&results).ok(),
                List::Nothing => Payload::of(&results[0]).ok(),
            };
            ensure!(output == expected, "I9: {unit:?} gives {output:?}, not {expected:?}");
        }
        Ok(())
    }

    /// An item of a fan-out's own verb.
    fn check_item(&self, unit: Unit) -> Checked {
        if self.state(unit) == StepState::Cancelled {
            let excused = self.is_in_a_stopped_fan(unit) || self.is_stopped();
            ensure!(excused || self.witness.cancelled, "{unit:?} was cancelled for no reason");
            return Ok(());
        }
        self.check_run(unit)
    }

    /// `fail_fast` has stopped, now or before the run was opened again.
    fn is_stopped(&self) -> bool {
        self.sketch.fail_fast != "off"
    }

    /// A body's step or item of a fan-out in which more failed than may.
    fn is_in_a_stopped_fan(&self, unit: Unit) -> bool {
        let Some(block) = self.run.block_around(unit) else { return false };
        let is_stopped =
            matches!(self.state(block.owner), StepState::Failed | StepState::Cancelled);
        is_stopped || self.is_in_a_stopped_fan(block.owner)
    }

    /// Whether the unit was a rival in a race, or only such waited for it.
    fn has_lost(&self, unit: Unit, siblings: &[Sketched]) -> bool {
        let mut waiters = siblings.iter().enumerate().filter(|(_, other)| {
            other.needs().iter().any(|need| self.sibling(unit, *need).node == unit.node)
        });
        waiters.any(|(place, _)| {
            let waiter = self.sibling(unit, place);
            self.is_race_over(waiter) || self.state(waiter) == StepState::Cancelled
        })
    }
}
