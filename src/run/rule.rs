//! The two tables of the state machine: inputs to events, events to state. The rules stand beside.

use super::unit::{Activity, Phase, UnitEnd, Wait};
use super::{
    ApplyContext, Attempt, Effect, Event, Failure, Input, Run, RunState, SkipReason, Stop, Timer,
    TimerOwner, Unit,
};
use crate::clock::Timestamp;
use crate::definition::ErrorClass;
use crate::payload::Payload;
use crate::plan::Plan;

/// What has happened, given what came in.
pub(super) fn decide(run: &Run, plan: &Plan, input: &Input, now: Timestamp, out: &mut Vec<Event>) {
    match input {
        Input::Settle => settle(run, plan, now, out),
        Input::Started { unit, dispatch, at, by, lease } => {
            if run.awaits(*unit, *dispatch) && run.phase(*unit) == Phase::QUEUED {
                out.push(Event::Started {
                    unit: *unit,
                    dispatch: *dispatch,
                    at: *at,
                    by: by.clone(),
                    lease: *lease,
                });
            }
        }
        Input::Finished { attempt, outcome } => {
            if run.awaits(attempt.unit, attempt.dispatch) {
                out.push(match outcome {
                    Ok(output) => run.decide_success(plan, *attempt, output),
                    Err(failure) => {
                        let failure = Box::new(failure.clone());
                        Event::AttemptFailed { attempt: *attempt, failure }
                    }
                });
            }
        }
        Input::Due(timer) => due(run, plan, *timer, now, out),
        Input::Evaluated { number, evaluated } => {
            run.decide_evaluated(plan, (*number, evaluated), now, out);
        }
        Input::Cancel { reason } => run.decide_cancel(reason.clone(), false, now, out),
        Input::Died { maybe } => run.decide_died(maybe, now, out),
        Input::Interrupted { unit, dispatch } => {
            if run.awaits(*unit, *dispatch) {
                out.push(Event::Interrupted { unit: *unit, dispatch: *dispatch, at: now });
            }
        }
        Input::Retry(from) => run.decide_retry(plan, *from, now, out),
        Input::Replay { unit, input } => {
            run.decide_replay(plan, (*unit, input.clone()), now, out);
        }
        Input::GiveUp { unit, reason } => {
            if run.phase(*unit) == Phase::PARKED {
                let failure = Failure::new(ErrorClass::Permanent, reason.as_ref());
                out.push(Event::Failed { unit: *unit, at: now, failure: Box::new(failure) });
            }
        }
    }
}

fn settle(run: &Run, plan: &Plan, now: Timestamp, out: &mut Vec<Event>) {
    if run.state == RunState::Pending && run.accepted.begin <= now {
        out.push(Event::Began { at: now });
    } else {
        run.decide_next(plan, now, out);
    }
}

/// A timer came due. One that its owner does not wait for any more changes nothing.
fn due(run: &Run, plan: &Plan, timer: Timer, at: Timestamp, out: &mut Vec<Event>) {
    if !run.is_armed(timer) {
        return;
    }
    match timer.owner {
        TimerOwner::Run if run.state == RunState::Pending => out.push(Event::Began { at }),
        TimerOwner::Run => run.decide_cancel("the run's time was up".into(), true, at, out),
        TimerOwner::Unit(unit) => unit_due(run, plan, unit, at, out),
    }
}

fn unit_due(run: &Run, plan: &Plan, unit: Unit, at: Timestamp, out: &mut Vec<Event>) {
    let Some(state) = run.unit(unit) else { return };
    match state.phase {
        Phase::Waiting(Wait::Retry) => out.push(Event::Ready { unit, at }),
        Phase::Waiting(Wait::Sleep) => {
            let (dispatch, started) = (state.dispatch, state.started);
            let attempt = Attempt { unit, dispatch, started, ended: at };
            out.push(Event::Succeeded { attempt, output: Payload::NULL });
        }
        Phase::Active(Activity::Queued) => run.decide_too_late(plan, unit, at, out),
        Phase::Pending(_)
        | Phase::Waiting(Wait::Slot | Wait::Person | Wait::Evaluation)
        | Phase::Active(Activity::Running | Activity::Scopes)
        | Phase::Judged(_)
        | Phase::Ended(_) => {}
    }
}

/// Makes an event so.
pub(super) fn apply(run: &mut Run, event: &Event, context: &mut ApplyContext<'_>) {
    match event {
        Event::Accepted(accepted) => run.wait_to_begin(accepted.begin, context),
        Event::Began { at } => {
            run.state = RunState::Running;
            run.start_clock(*at, context);
            run.lay_out(context.plan);
        }
        Event::Ready { unit, .. } => run.admit(*unit, context),
        Event::Skipped { unit, reason, .. } => {
            let end = match reason {
                SkipReason::When => UnitEnd::Skipped,
                SkipReason::Needs(needed) => UnitEnd::SkippedFor(*needed),
            };
            run.end_unit(*unit, end, context);
        }
        Event::Blocked { unit, by, .. } => run.end_unit(*unit, UnitEnd::Blocked(*by), context),
        Event::FannedOut { unit, items, .. } => run.fan_out(*unit, items, context),
        Event::GroupOpened { unit, .. } => run.open_group(*unit, context),
        Event::EvaluationRequested { of, .. } => run.wait_for_evaluation(*of, context),
        Event::Started { unit, dispatch, at, .. } => run.start(*unit, *dispatch, *at),
        Event::Slept { unit, until, .. } => run.fall_asleep(*unit, *until, context),
        Event::Succeeded { attempt, output } => run.succeed(*attempt, output, context),
        Event::AttemptFailed { attempt, failure } => run.note_failure(*attempt, failure, context),
        Event::RetryScheduled { unit, due, .. } => run.wait_for_retry(*unit, *due, context),
        Event::Failed { unit, failure, .. } => run.fail_unit(*unit, failure, context),
        Event::Crashed { unit, at, certain, .. } => run.note_crash(*unit, *at, *certain),
        Event::Interrupted { unit, at, .. } => run.note_interruption(*unit, *at),
        Event::Parked { unit, .. } => run.park(*unit, context),
        Event::Gathered { unit, .. } => run.gather(*unit, context),
        Event::Cancelled { unit, .. } => run.cancel_unit(*unit, context),
        Event::CancelRequested { reason, timed_out, .. } => run.request_cancel(reason, *timed_out),
        Event::Reopened { units, from, .. } => run.reopen(units, *from, context),
        Event::Replayed { unit, input, units, .. } => {
            run.replay(*unit, input.as_ref(), units, context);
        }
        Event::Ended { state, output, failure, .. } => {
            run.end(*state, output, failure.as_deref(), context);
        }
    }
}

impl Run {
    /// A run that begins later waits for its time.
    pub(super) fn wait_to_begin(&mut self, begin: Timestamp, context: &mut ApplyContext<'_>) {
        if begin > context.at {
            self.arm(TimerOwner::Run, begin, false, context);
        }
    }

    /// The run's `timeout` counts from here.
    pub(super) fn start_clock(&mut self, at: Timestamp, context: &mut ApplyContext<'_>) {
        self.began = at;
        self.stop = Stop::Nothing;
        self.alarm = None;
        if let Some(limit) = context.plan.timeout {
            self.arm(TimerOwner::Run, at.after(limit), true, context);
        }
    }

    /// A unit sleeps; that takes a dispatch of its own.
    fn fall_asleep(&mut self, unit: Unit, until: Timestamp, context: &mut ApplyContext<'_>) {
        if self.turn(unit, Phase::Waiting(Wait::Sleep)).is_none() {
            return;
        }
        let dispatch = self.next_dispatch();
        if let Some(state) = self.unit_mut(unit) {
            state.dispatch = dispatch;
            state.started = context.at;
        }
        self.arm(TimerOwner::Unit(unit), until, true, context);
    }

    /// An attempt succeeded, and with it the unit.
    fn succeed(&mut self, attempt: Attempt, output: &Payload, context: &mut ApplyContext<'_>) {
        let unit = attempt.unit;
        let Some(state) = self.unit_mut(unit) else { return };
        state.dispatch = attempt.dispatch;
        state.started = attempt.started;
        self.keep_output(unit, output);
        self.end_unit(unit, UnitEnd::Succeeded, context);
    }

    /// A person must decide about a unit.
    fn park(&mut self, unit: Unit, context: &mut ApplyContext<'_>) {
        if let Some(state) = self.turn(unit, Phase::PARKED) {
            let dispatch = state.dispatch;
            context.effects.push(Effect::AddDeadLetter { unit, dispatch });
        }
    }
}
