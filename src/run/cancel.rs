//! The end of what has not ended: a cancelled run, its `timeout`, `fail_fast`.

use super::scope::ScopeBlock;
use super::unit::{Activity, PastEnd, Phase, UnitEnd, Wait};
use super::{ApplyContext, Effect, Event, Failure, Run, RunState, Stop, Unit};
use crate::clock::Timestamp;
use crate::definition::FailFast;
use crate::plan::Plan;

impl Run {
    /// Somebody wants the run to end, or its time is up.
    pub(crate) fn decide_cancel(
        &self,
        reason: Box<str>,
        timed_out: bool,
        at: Timestamp,
        out: &mut Vec<Event>,
    ) {
        let cancelled = self.ending.as_ref().is_some_and(|ending| ending.cancel.is_some());
        if !self.state.is_end() && !cancelled {
            out.push(Event::CancelRequested { at, reason, timed_out });
        }
    }

    /// The end was asked for: everything that has not ended is to be cancelled.
    pub(crate) fn request_cancel(&mut self, reason: &str, timed_out: bool) {
        self.stop = Stop::Run;
        self.ending.get_or_insert_default().cancel = Some((reason.into(), timed_out));
        if self.state == RunState::Pending {
            // Nothing was laid out, nothing is open: the run ends at once.
            self.state = RunState::Running;
            self.alarm = None;
        }
        self.sweep();
    }

    /// A step failed for good, and that was not allowed.
    pub(crate) fn fail_fast(&mut self, plan: &Plan) {
        let stop = match plan.fail_fast {
            FailFast::Off => return,
            FailFast::Stop => Stop::Starts,
            FailFast::Cancel => Stop::Attempts,
        };
        if self.stop == Stop::Nothing {
            self.stop = stop;
            self.sweep();
        }
    }

    /// Queues every unit that the stop cancels.
    fn sweep(&mut self) {
        let only_starts = self.stop == Stop::Starts;
        for unit in self.tops() {
            let goes_on = |phase: Phase| match phase {
                Phase::Active(Activity::Running | Activity::Scopes) | Phase::Judged(_) => {
                    only_starts
                }
                Phase::Ended(_) => true,
                Phase::Pending(_) | Phase::Waiting(_) | Phase::Active(Activity::Queued) => false,
            };
            if !goes_on(self.phase(unit)) {
                self.work.push_back(unit);
            }
        }
        if !only_starts {
            return;
        }
        let blocks: Vec<usize> = self.live_blocks().collect();
        for place in blocks {
            self.stop_scopes(place);
            let block = &self.arena.blocks[place];
            if block.is_over(self.stop) {
                self.work.push_back(block.owner);
            }
        }
    }

    /// Whether nothing of this unit may start any more.
    pub(crate) fn is_stopped(&self, unit: Unit) -> bool {
        self.stop != Stop::Nothing || self.block_around(unit).is_some_and(ScopeBlock::is_stopped)
    }

    /// Whether a unit that has neither ended nor is to be judged is to be cancelled.
    pub(crate) fn is_condemned(&self, unit: Unit, phase: Phase) -> bool {
        match phase {
            Phase::Active(Activity::Running | Activity::Scopes) => {
                matches!(self.stop, Stop::Attempts | Stop::Run)
            }
            Phase::Pending(_) | Phase::Waiting(_) | Phase::Active(Activity::Queued) => {
                self.is_stopped(unit)
            }
            Phase::Judged(_) | Phase::Ended(_) => false,
        }
    }

    /// A unit is cancelled, one that opened scopes with all of them.
    pub(crate) fn cancel_unit(&mut self, unit: Unit, context: &mut ApplyContext<'_>) {
        if self.phase(unit).is_end() {
            return;
        }
        self.cut_short(unit, context);
        self.end_unit(unit, UnitEnd::Cancelled, context);
    }

    /// Stops what of a unit is under way.
    pub(crate) fn cut_short(&mut self, unit: Unit, context: &mut ApplyContext<'_>) {
        let phase = self.phase(unit);
        if phase == Phase::SCOPES
            && let Some(place) = self.block_of_owner(unit)
        {
            self.close_scopes(place, context);
        }
        let Some(state) = self.unit_mut(unit) else { return };
        if matches!(phase, Phase::RUNNING | Phase::Waiting(Wait::Sleep)) {
            state.note(context.at, PastEnd::Cancelled);
        }
        let dispatch = state.dispatch;
        if matches!(phase, Phase::QUEUED | Phase::RUNNING) {
            context.effects.push(Effect::Abort { unit, dispatch });
        }
        if phase == Phase::PARKED {
            context.effects.push(Effect::RemoveDeadLetter { unit, dispatch });
        }
    }

    /// A unit failed for good.
    pub(crate) fn fail_unit(
        &mut self,
        unit: Unit,
        failure: &Failure,
        context: &mut ApplyContext<'_>,
    ) {
        let old = self.phase(unit);
        let allowed = context.plan.node(unit.node).allow_failure;
        let Some(state) = self.unit_mut(unit) else { return };
        state.note_final(failure);
        let dispatch = state.dispatch;
        if old == Phase::PARKED {
            // It was given up: that settles its dead letter.
            context.effects.push(Effect::RemoveDeadLetter { unit, dispatch });
        } else if old == Phase::SCOPES
            && let Some(place) = self.block_of_owner(unit)
        {
            // It fails through its scopes, and their units have their own dead letters.
            self.close_scopes(place, context);
        } else if !allowed {
            let dispatch = self.failed_dispatch(unit);
            context.effects.push(Effect::AddDeadLetter { unit, dispatch });
        }
        self.end_unit(unit, UnitEnd::Failed, context);
        if unit.is_top() && !allowed {
            self.fail_fast(context.plan);
        }
    }

    /// The dispatch that failed. A failure without an attempt takes one, so that its dead letter
    /// has a number of its own.
    fn failed_dispatch(&mut self, unit: Unit) -> u32 {
        let known = self.unit(unit).map_or(0, |state| state.dispatch);
        if known > 0 {
            return known;
        }
        let dispatch = self.next_dispatch();
        if let Some(state) = self.unit_mut(unit) {
            state.dispatch = dispatch;
        }
        dispatch
    }
}

#[cfg(test)]
mod tests;
