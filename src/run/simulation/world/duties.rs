//! What a run owes the outside, said twice: by its effects and by its state.

use super::*;

impl World {
    /// What the run says it is owed is what is outstanding.
    pub(super) fn check_owed(&self) -> Checked {
        let owed = self.run.owed(self.now);
        let mut waiting: BTreeSet<_> = self
            .jobs
            .iter()
            .filter(|(_, job)| job.started.is_none())
            .map(|(unit, job)| (*unit, job.attempt, job.dispatch))
            .collect();
        let mut evaluations: BTreeSet<u32> = self.evaluations.keys().copied().collect();
        let mut timers: BTreeSet<Timer> = self.timers.iter().map(|(_, timer)| *timer).collect();
        for effect in owed {
            match effect {
                Effect::Dispatch { unit, attempt, dispatch, .. } => {
                    let known = waiting.remove(&(unit, attempt, dispatch));
                    ensure!(known, "{unit:?} is owed, and was not handed out");
                }
                Effect::Arm { timer, .. } => {
                    ensure!(timers.remove(&timer), "{timer:?} is owed, and was not armed");
                }
                Effect::Evaluate { of, number } => {
                    let known = evaluations.remove(&number);
                    ensure!(known, "{of:?} #{number} is owed, and was not handed out");
                }
                Effect::End => ensure!(self.run.state().is_end(), "an end is owed too early"),
                Effect::Abort { .. }
                | Effect::AddDeadLetter { .. }
                | Effect::RemoveDeadLetter { .. } => {
                    return Err(format!("{effect:?} cannot be owed"));
                }
            }
        }
        ensure!(waiting.is_empty(), "handed out, and not owed: {waiting:?}");
        for number in evaluations {
            let (of, _) = self.evaluations[&number];
            let is_awaited = self.run.evaluation(&self.plan, of, number).is_some();
            ensure!(!is_awaited, "{of:?} #{number} is awaited, and not owed");
        }
        for timer in timers {
            let mut events = Vec::new();
            self.run.decide(&self.plan, &Input::Due(timer), self.now, &mut events);
            ensure!(events.is_empty(), "{timer:?} matters, and is not owed: {events:?}");
        }
        Ok(())
    }

    /// No more attempts at once than the run and its fan-outs may have.
    pub(super) fn check_slots(&self) -> Checked {
        if let Some(max) = self.sketch.max_parallel {
            let max = usize::try_from(max).unwrap();
            ensure!(self.jobs.len() <= max, "{} at once, {max} may be", self.jobs.len());
        }
        for (place, step) in self.sketch.steps.iter().enumerate() {
            if let VerbSketch::Each(each) = &step.verb
                && let Some(max) = each.max_parallel
            {
                let owner = Unit::top(self.witness.node(place));
                let of_it = |unit: &&Unit| {
                    self.run.block_around(**unit).is_some_and(|block| block.owner == owner)
                };
                let items: BTreeSet<_> =
                    self.jobs.keys().filter(of_it).map(|unit| unit.scope).collect();
                ensure!(items.len() <= usize::try_from(max).unwrap(), "items at once: {items:?}");
            }
        }
        Ok(())
    }
}
