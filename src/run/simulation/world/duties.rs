//! What a run owes the outside, said twice: by its effects and by its state.

use super::*;

impl World {
    /// What the run says it is owed is what is outstanding.
    pub(super) fn check_owed(&self) -> Checked {
        let owed = self.run.owed(&self.plan);
        let mut waiting: BTreeSet<_> = self
            .jobs
            .iter()
            .filter(|(_, job)| job.started.is_none())
            .map(|(unit, job)| (*unit, job.attempt, job.fencing))
            .collect();
        let mut timers = self.timers.clone();
        for effect in owed {
            match effect {
                Effect::Dispatch { unit, attempt, fencing, .. } => {
                    let known = waiting.remove(&(unit, attempt, fencing));
                    ensure!(known, "{unit:?} is owed, and was not handed out");
                }
                Effect::Arm { timer, due } => {
                    ensure!(timers.remove(&(due, timer)), "{timer:?} is owed, and was not armed");
                }
                Effect::End => ensure!(self.run.state().is_end(), "an end is owed too early"),
                Effect::Abort { .. } | Effect::Bury { .. } | Effect::Exhume { .. } => {
                    return Err(format!("{effect:?} cannot be owed"));
                }
            }
        }
        ensure!(waiting.is_empty(), "handed out, and not owed: {waiting:?}");
        for (due, timer) in timers {
            let mut events = Vec::new();
            self.run.decide(&self.plan, &Input::Due(timer), due.max(self.now), &mut events);
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
                let node = self.witness.node(place);
                let of_it = |unit: &&Unit| {
                    unit.has_item() && self.plan.node(unit.node).parent.unwrap_or(unit.node) == node
                };
                let items: BTreeSet<u32> =
                    self.jobs.keys().filter(of_it).map(|unit| unit.item).collect();
                ensure!(items.len() <= usize::try_from(max).unwrap(), "items at once: {items:?}");
            }
        }
        Ok(())
    }
}
