//! What follows from the state by itself: the head of the worklist is decided, one at a time.

use super::join::Verdict;
use super::table::count;
use super::unit::Phase;
use super::{Event, Failure, Run, RunState, SkipReason, Stop, Unit};
use crate::clock::Timestamp;
use crate::definition::{ErrorClass, parse_duration};
use crate::plan::{FanOut, Node, Plan, Template, Verb};

impl Run {
    /// Decides the head of the worklist; the end of the run, where nothing is left.
    pub(super) fn decide_next(&self, plan: &Plan, at: Timestamp, out: &mut Vec<Event>) {
        if self.state != RunState::Running {
            return;
        }
        let Some(&unit) = self.work.front() else {
            if self.open == 0 {
                out.push(self.decide_end(plan, at));
            }
            return;
        };
        let phase = self.phase(plan, unit);
        match phase {
            Phase::Pending(waiting) => self.decide_pending(plan, (unit, waiting), at, out),
            Phase::Tried => self.judge_failure(plan, unit, at, out),
            Phase::Crashed => self.judge_crash(plan, unit, at, out),
            Phase::Interrupted => self.judge_interruption(plan, unit, at, out),
            Phase::Fanned if !self.is_condemned(plan, unit, phase) => {
                self.judge_items(plan, unit.node, at, out);
            }
            Phase::Fanned
            | Phase::Held
            | Phase::Queued
            | Phase::Running
            | Phase::Retrying
            | Phase::Sleeping
            | Phase::Parked
            | Phase::Succeeded
            | Phase::Failed
            | Phase::Skipped
            | Phase::SkippedFor(_)
            | Phase::Blocked(_)
            | Phase::Cancelled => out.push(Event::Cancelled { unit, at }),
        }
    }

    /// Takes from the head of the worklist what there is nothing to decide about any more.
    pub(super) fn drop_decided(&mut self, plan: &Plan) {
        while let Some(&unit) = self.work.front() {
            if self.is_pressing(plan, unit) {
                return;
            }
            self.work.pop_front();
        }
    }

    /// Whether there is something to decide about a unit.
    fn is_pressing(&self, plan: &Plan, unit: Unit) -> bool {
        let phase = self.phase(plan, unit);
        match phase {
            Phase::Pending(0) | Phase::Tried | Phase::Crashed | Phase::Interrupted => true,
            Phase::Pending(_) => {
                self.is_condemned(plan, unit, phase) || self.is_decidable(plan, unit)
            }
            Phase::Fanned => {
                let over = |place: usize| self.fans[place].is_over(self.stop);
                self.is_condemned(plan, unit, phase)
                    || self.fan_at(plan, unit.node).is_some_and(over)
            }
            Phase::Held
            | Phase::Queued
            | Phase::Running
            | Phase::Retrying
            | Phase::Sleeping
            | Phase::Parked => self.is_condemned(plan, unit, phase),
            Phase::Succeeded
            | Phase::Failed
            | Phase::Skipped
            | Phase::SkippedFor(_)
            | Phase::Blocked(_)
            | Phase::Cancelled => false,
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
        if self.is_stopped(plan, unit) {
            let by = if self.stop == Stop::Run { None } else { self.blocking(plan, unit) };
            out.push(match by {
                Some(by) => Event::Blocked { unit, at, by },
                None => Event::Cancelled { unit, at },
            });
            return;
        }
        let node = plan.node(unit.node);
        if unit.has_item() && node.fan.is_some() {
            // One item of a fan-out's own verb; the fan-out was asked.
            return out.push(self.decide_start(plan, unit, node, at));
        }
        match self.verdict(plan, unit, waiting) {
            Verdict::Blocked(by) => out.push(Event::Blocked { unit, at, by }),
            Verdict::SkippedFor(needed) => {
                let reason = SkipReason::Needs(needed);
                out.push(Event::Skipped { unit, at, reason });
            }
            Verdict::Enough => {
                let losers = self.losers(plan, unit);
                out.extend(losers.into_iter().map(|unit| Event::Cancelled { unit, at }));
                out.push(self.decide_start(plan, unit, node, at));
            }
        }
    }

    /// A unit that its dependencies allow: its own condition, its list, its sleep.
    fn decide_start(&self, plan: &Plan, unit: Unit, node: &Node, at: Timestamp) -> Event {
        let is_item = unit.has_item() && node.fan.is_some();
        if !is_item && let Some(when) = &node.when {
            match when.is_true(&self.names(plan, unit)) {
                Ok(true) => {}
                Ok(false) => return Event::Skipped { unit, at, reason: SkipReason::When },
                Err(error) => return invalid(unit, at, format!("`when`: {error}")),
            }
        }
        match (&node.fan, &node.verb) {
            (Some(fan), _) if !is_item => self.decide_list(plan, unit, fan, at),
            (_, Verb::Sleep(length)) => self.decide_sleep(plan, unit, length, at),
            (_, Verb::Task(_) | Verb::Run(_) | Verb::Http(_) | Verb::Body) => {
                Event::Ready { unit, at }
            }
        }
    }

    fn decide_list(&self, plan: &Plan, unit: Unit, fan: &FanOut, at: Timestamp) -> Event {
        let items = match fan.list.eval_list(&self.names(plan, unit)) {
            Ok(items) => items,
            Err(error) => return invalid(unit, at, format!("`for_each`: {error}")),
        };
        let all = count(items.len());
        if all > fan.max_items {
            let max = fan.max_items;
            return invalid(unit, at, format!("the list has {all} items, `max_items` is {max}"));
        }
        Event::FannedOut { node: unit.node, at, items }
    }

    fn decide_sleep(&self, plan: &Plan, unit: Unit, length: &Template, at: Timestamp) -> Event {
        let text = match length.render_text(&self.names(plan, unit)) {
            Ok(text) => text,
            Err(error) => return invalid(unit, at, format!("`sleep`: {error}")),
        };
        match parse_duration(&text) {
            Ok(span) => {
                let fencing = self.unit(plan, unit).map_or(0, |state| state.fencing) + 1;
                Event::Slept { unit, fencing, at, until: at.after(span) }
            }
            Err(error) => invalid(unit, at, format!("`sleep`: {error}")),
        }
    }
}

/// A unit that cannot start.
fn invalid(unit: Unit, at: Timestamp, message: String) -> Event {
    Event::Failed { unit, at, failure: Box::new(Failure::new(ErrorClass::Invalid, message)) }
}

#[cfg(test)]
mod tests;
