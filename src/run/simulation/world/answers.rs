//! What comes late, twice, and when nobody waits for it any more: outcomes, and evaluations that take
//! long.

use super::*;

impl World {
    /// An outcome comes late, or twice: it must change nothing.
    pub(super) fn tell_again(&mut self) -> Checked {
        let (unit, dispatch, spot) = self.told[self.luck.index(self.told.len())].clone();
        if self.jobs.get(&unit).is_some_and(|job| job.dispatch == dispatch) {
            return Ok(());
        }
        let outcome = self.script.outcome(&spot, 9, 9);
        let attempt = Attempt { unit, dispatch, started: self.now, ended: self.now };
        let before = self.events.len();
        self.input(Input::Finished { attempt, outcome })?;
        ensure!(self.events.len() == before, "I17: a stale outcome of {unit:?} changed something");
        Ok(())
    }

    /// An evaluation is done.
    pub(super) fn answer(&mut self) -> Checked {
        let chosen = self.luck.index(self.evaluations.len());
        let number = *self.evaluations.keys().nth(chosen).unwrap();
        let (of, evaluation) = self.evaluations.remove(&number).unwrap();
        let is_awaited = self.run.evaluation(&self.plan, of, number).is_some();
        let evaluated = evaluation.evaluate(&self.plan);
        self.answered.push((number, evaluated.clone()));
        self.tell_evaluated(number, evaluated, is_awaited)
    }

    /// An evaluation that was told is told again: it must change nothing.
    pub(super) fn answer_again(&mut self) -> Checked {
        let (number, evaluated) = self.answered[self.luck.index(self.answered.len())].clone();
        let is_awaited = self.run.evaluation(&self.plan, evaluated.of(), number).is_some();
        self.tell_evaluated(number, evaluated, is_awaited)
    }

    fn tell_evaluated(&mut self, number: u32, evaluated: Evaluated, is_awaited: bool) -> Checked {
        let of = evaluated.of();
        if is_awaited {
            self.evaluations.remove(&number);
        }
        let before = self.events.len();
        self.input(Input::Evaluated { number, evaluated: Box::new(evaluated) })?;
        let changes = self.events.len() > before;
        ensure!(changes == is_awaited, "I17: {of:?} awaits {number}: {is_awaited}, {changes}");
        Ok(())
    }
}
