//! The end of what has not ended: a cancelled run, its `timeout`, `fail_fast`.

use super::fault::{Fault, planted};
use super::unit::{PastEnd, Phase};
use super::{Act, Effect, Event, Failure, Run, RunState, Stop, Unit};
use crate::clock::Timestamp;
use crate::definition::FailFast;
use crate::plan::Plan;

impl Run {
    /// Somebody wants the run to end, or its time is up.
    pub(super) fn decide_cancel(
        &self,
        reason: Box<str>,
        timed_out: bool,
        at: Timestamp,
        out: &mut Vec<Event>,
    ) {
        let cancelled = self.last.as_ref().is_some_and(|last| last.cancel.is_some());
        if !self.state.is_end() && !cancelled {
            out.push(Event::CancelRequested { at, reason, timed_out });
        }
    }

    /// The end was asked for: everything that has not ended is to be cancelled.
    pub(super) fn request_cancel(&mut self, reason: &str, timed_out: bool) {
        self.stop = Stop::Run;
        self.last.get_or_insert_default().cancel = Some((reason.into(), timed_out));
        if self.state == RunState::Pending {
            // Nothing was laid out, nothing is open: the run ends at once.
            self.state = RunState::Running;
        }
        self.sweep();
    }

    /// A step failed for good, and that was not allowed.
    pub(super) fn fail_fast(&mut self, plan: &Plan) {
        let stop = match plan.fail_fast {
            _ if planted(Fault::SlowFail) => return,
            FailFast::Off => return,
            FailFast::Stop => Stop::Starts,
            FailFast::Cancel => Stop::Attempts,
        };
        if self.stop == Stop::Nothing {
            self.stop = stop;
            self.sweep();
        }
    }

    /// Puts whatever the stop ends into the worklist.
    fn sweep(&mut self) {
        let only_starts = self.stop == Stop::Starts;
        for unit in self.tops() {
            let phase = self.units[unit.node.index()].phase;
            let runs = matches!(phase, Phase::Running | Phase::Tried | Phase::Fanned);
            let deaf = planted(Fault::DeafRetries) && phase == Phase::Retrying;
            let goes_on = only_starts && runs;
            if !phase.is_end() && !goes_on && !deaf {
                self.work.push_back(unit);
            }
        }
        if !only_starts {
            return;
        }
        let fans: Vec<usize> = self.live_fans().collect();
        for place in fans {
            self.stop_items(place);
            let fan = &self.fans[place];
            if fan.is_over(self.stop) {
                self.work.push_back(Unit::of(fan.node));
            }
        }
    }

    /// Whether nothing of this unit may start any more.
    pub(super) fn is_stopped(&self, plan: &Plan, unit: Unit) -> bool {
        self.stop != Stop::Nothing
            || (unit.has_item()
                && self.fan_at(plan, unit.node).is_some_and(|at| self.fans[at].is_stopped(unit)))
    }

    /// Whether a unit that has neither ended nor is to be judged is to be cancelled.
    pub(super) fn is_condemned(&self, plan: &Plan, unit: Unit, phase: Phase) -> bool {
        match phase {
            Phase::Running | Phase::Fanned => matches!(self.stop, Stop::Attempts | Stop::Run),
            Phase::Pending(_)
            | Phase::Held
            | Phase::Queued
            | Phase::Retrying
            | Phase::Sleeping
            | Phase::Parked => self.is_stopped(plan, unit),
            Phase::Tried
            | Phase::Interrupted
            | Phase::Crashed
            | Phase::Succeeded
            | Phase::Failed
            | Phase::Skipped
            | Phase::SkippedFor(_)
            | Phase::Blocked(_)
            | Phase::Cancelled => false,
        }
    }

    /// A unit is cancelled, a fan-out with all its items.
    pub(super) fn cancel_unit(&mut self, unit: Unit, act: &mut Act<'_>) {
        if self.phase(act.plan, unit).is_end() {
            return;
        }
        self.cut_short(unit, act);
        self.end_unit(unit, Phase::Cancelled, act);
    }

    /// Stops what of a unit is under way.
    pub(super) fn cut_short(&mut self, unit: Unit, act: &mut Act<'_>) {
        let at = act.at;
        let phase = self.phase(act.plan, unit);
        if phase == Phase::Fanned
            && let Some(place) = self.fan_at(act.plan, unit.node)
        {
            self.close_items(place, act);
        }
        let Some(state) = self.unit_mut(act.plan, unit) else { return };
        if matches!(phase, Phase::Running | Phase::Sleeping) {
            state.note(at, PastEnd::Cancelled);
        }
        if matches!(phase, Phase::Queued | Phase::Running) {
            act.effects.push(Effect::Abort { unit, fencing: state.fencing });
        }
        if phase == Phase::Parked {
            act.effects.push(Effect::Exhume { unit });
        }
    }

    /// A unit failed for good.
    pub(super) fn fail_unit(&mut self, unit: Unit, failure: &Failure, act: &mut Act<'_>) {
        let Some(state) = self.unit_mut(act.plan, unit) else { return };
        let old = state.phase;
        state.note_final(failure);
        let allowed = act.plan.node(unit.node).allow_failure;
        if old == Phase::Parked {
            // It was given up: that settles its dead letter.
            act.effects.push(Effect::Exhume { unit });
        } else if old == Phase::Fanned
            && let Some(place) = self.fan_at(act.plan, unit.node)
        {
            // It fails through its items, and they have their own dead letters.
            self.close_items(place, act);
        } else if !allowed && !planted(Fault::NoDeadLetter) {
            act.effects.push(Effect::Bury { unit });
        }
        self.end_unit(unit, Phase::Failed, act);
        if !unit.has_item() && !allowed {
            self.fail_fast(act.plan);
        }
    }
}

#[cfg(test)]
mod tests;
