//! What follows from the state by itself: the head of the worklist is decided, one at a time.

use super::join::Verdict;
use super::table::count;
use super::unit::{Activity, AttemptEnd, Phase};
use super::{Event, Failure, Run, RunState, SkipReason, StartCheck, Stop, Unit};
use crate::clock::Timestamp;
use crate::definition::{ErrorClass, parse_duration};
use crate::payload::Payload;
use crate::plan::Plan;

impl Run {
    /// Decides the head of the worklist; the end of the run, where nothing is left.
    pub(crate) fn decide_next(&self, plan: &Plan, at: Timestamp, out: &mut Vec<Event>) {
        if self.state != RunState::Running {
            return;
        }
        let Some(&unit) = self.work.front() else {
            if self.open == 0 && self.awaited_output().is_none() {
                out.push(self.decide_end(plan, at));
            }
            return;
        };
        let phase = self.phase(unit);
        match phase {
            Phase::Pending(waiting) => self.decide_pending(plan, (unit, waiting), at, out),
            Phase::Judged(AttemptEnd::Failed) => self.judge_failure(plan, unit, at, out),
            Phase::Judged(AttemptEnd::Crashed) => self.judge_crash(plan, unit, at, out),
            Phase::Judged(AttemptEnd::Interrupted) => self.judge_interruption(unit, at, out),
            Phase::Active(Activity::Scopes) if !self.is_condemned(unit, phase) => {
                self.judge_scopes(plan, unit, at, out);
            }
            Phase::Active(_) | Phase::Waiting(_) | Phase::Ended(_) => {
                out.push(Event::Cancelled { unit, at });
            }
        }
    }

    /// Takes from the head of the worklist what there is nothing to decide about any more.
    pub(crate) fn drop_decided(&mut self, plan: &Plan) {
        while let Some(&unit) = self.work.front() {
            if self.is_pressing(plan, unit) {
                return;
            }
            self.work.pop_front();
        }
    }

    /// Whether there is something to decide about a unit.
    fn is_pressing(&self, plan: &Plan, unit: Unit) -> bool {
        let phase = self.phase(unit);
        match phase {
            Phase::Pending(0) | Phase::Judged(_) => true,
            Phase::Pending(_) => self.is_condemned(unit, phase) || self.is_decidable(plan, unit),
            Phase::Active(Activity::Scopes) => {
                let over = |place: usize| self.arena.blocks[place].is_over(self.stop);
                self.is_condemned(unit, phase) || self.block_of_owner(unit).is_some_and(over)
            }
            Phase::Active(Activity::Queued | Activity::Running) | Phase::Waiting(_) => {
                self.is_condemned(unit, phase)
            }
            Phase::Ended(_) => false,
        }
    }

    /// A unit whose dependencies are enough, or never will be.
    fn decide_pending(
        &self,
        plan: &Plan,
        (unit, waiting): (Unit, u32),
        at: Timestamp,
        out: &mut Vec<Event>,
    ) {
        if self.is_stopped(unit) {
            let by = if self.stop == Stop::Run { None } else { self.blocking(plan, unit) };
            out.push(match by {
                Some(by) => Event::Blocked { unit, at, by },
                None => Event::Cancelled { unit, at },
            });
            return;
        }
        if self.is_own_verb(unit) {
            // One item of a fan-out's own verb; the fan-out was asked.
            return out.push(self.decide_start(plan, unit, at));
        }
        match self.verdict(plan, unit, waiting) {
            Verdict::Blocked(by) => out.push(Event::Blocked { unit, at, by }),
            Verdict::Enough => {
                let losers = self.losers(plan, unit);
                out.extend(losers.into_iter().map(|unit| Event::Cancelled { unit, at }));
                out.push(self.decide_start(plan, unit, at));
            }
        }
    }

    /// What a unit comes to that its dependencies allow, given what its expressions say.
    pub(crate) fn conclude_start(
        &self,
        plan: &Plan,
        unit: Unit,
        check: StartCheck,
        at: Timestamp,
    ) -> Event {
        match check {
            StartCheck::Unwanted => Event::Skipped { unit, at, reason: SkipReason::When },
            StartCheck::Refused { key, error } => {
                let lacking = self.lacking(plan, unit, &error, at);
                lacking.unwrap_or_else(|| invalid(unit, at, format!("`{key}`: {error}")))
            }
            StartCheck::List(items) => self.decide_list(plan, unit, items, at),
            StartCheck::Lacks(step) => {
                let lacking = self.without(plan, unit, &step, at);
                lacking.unwrap_or_else(|| invalid(unit, at, format!("`{step}` has no output")))
            }
            StartCheck::Sleeps(length) => match parse_duration(&length) {
                Ok(span) => Event::Slept { unit, at, until: at.after(span) },
                Err(error) => invalid(unit, at, format!("`sleep`: {error}")),
            },
            StartCheck::Passed => self.let_start(plan, unit, at),
        }
    }

    /// Nothing keeps a unit from starting but what a run may have.
    pub(crate) fn let_start(&self, plan: &Plan, unit: Unit, at: Timestamp) -> Event {
        if plan.node(unit.node).body.is_some() {
            return Event::GroupOpened { unit, at };
        }
        match self.too_large_input(plan, unit) {
            Some(message) => invalid(unit, at, message),
            None => Event::Ready { unit, at },
        }
    }

    fn decide_list(&self, plan: &Plan, unit: Unit, items: Vec<Payload>, at: Timestamp) -> Event {
        let max = plan.node(unit.node).fan.as_ref().map_or(0, |fan| fan.max_items);
        let all = count(items.len());
        if all > max {
            return invalid(unit, at, format!("the list has {all} items, `max_items` is {max}"));
        }
        if let Some(message) = self.too_many_units(plan, unit, &items) {
            return invalid(unit, at, format!("`for_each`: {message}"));
        }
        Event::FannedOut { unit, at, items }
    }
}

/// A unit that cannot start.
fn invalid(unit: Unit, at: Timestamp, message: String) -> Event {
    Event::Failed { unit, at, failure: Box::new(Failure::new(ErrorClass::Invalid, message)) }
}

#[cfg(test)]
mod tests;
