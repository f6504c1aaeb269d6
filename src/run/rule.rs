//! The two tables of the state machine: inputs to events, events to state. The rules stand beside.

use super::unit::Phase;
use super::{Act, Effect, Event, Input, Run, RunState, SkipReason, StepState, Stop, Timer, Unit};
use crate::clock::Timestamp;
use crate::definition::ErrorClass;
use crate::plan::Plan;

/// What has happened, given what came in.
pub(super) fn decide(run: &Run, plan: &Plan, input: &Input, now: Timestamp, out: &mut Vec<Event>) {
    match input {
        Input::Settle => settle(run, plan, now, out),
        Input::Started { unit, fencing, at } => {
            if run.awaits(plan, *unit, *fencing) && run.phase(plan, *unit) == Phase::Queued {
                out.push(Event::Started { unit: *unit, fencing: *fencing, at: *at });
            }
        }
        Input::Finished { unit, fencing, started, ended, outcome } => {
            if run.awaits(plan, *unit, *fencing) {
                let (unit, fencing, started, at) = (*unit, *fencing, *started, *ended);
                out.push(match outcome {
                    Ok(output) => {
                        Event::Succeeded { unit, fencing, started, at, output: output.clone() }
                    }
                    Err(failure) => {
                        let failure = Box::new(failure.clone());
                        Event::AttemptFailed { unit, fencing, started, at, failure }
                    }
                });
            }
        }
        Input::Due(timer) => due(run, plan, *timer, now, out),
        Input::Cancel { reason } => run.decide_cancel(reason.clone(), false, now, out),
        Input::Died => run.decide_died(now, out),
        Input::Interrupted { unit, fencing } => {
            if run.awaits(plan, *unit, *fencing) {
                out.push(Event::Interrupted { unit: *unit, fencing: *fencing, at: now });
            }
        }
        Input::Retry(from) => run.decide_retry(plan, from, now, out),
        Input::Replay { unit, input } => {
            run.decide_replay(plan, (*unit, input.clone()), now, out);
        }
        Input::GiveUp { unit, reason } => {
            if run.unit_state(plan, *unit) == Some(StepState::Parked) {
                let failure = super::Failure::new(ErrorClass::Permanent, reason.as_ref());
                out.push(Event::Failed { unit: *unit, at: now, failure: Box::new(failure) });
            }
        }
    }
}

fn settle(run: &Run, plan: &Plan, now: Timestamp, out: &mut Vec<Event>) {
    if run.state == RunState::Pending && run.accepted.begin <= now {
        begin(run, now, out);
    } else {
        run.decide_next(plan, now, out);
    }
}

fn begin(run: &Run, at: Timestamp, out: &mut Vec<Event>) {
    if run.state == RunState::Pending {
        out.push(Event::Began { at });
    }
}

/// A timer came due. One that does not fit the state any more changes nothing.
fn due(run: &Run, plan: &Plan, timer: Timer, at: Timestamp, out: &mut Vec<Event>) {
    let fits = |unit: Unit, phase: Phase, fencing: u32| {
        run.unit(plan, unit).is_some_and(|state| state.phase == phase && state.fencing == fencing)
    };
    match timer {
        Timer::Begin => begin(run, at, out),
        Timer::RunTimeout => {
            if run.state == RunState::Running {
                run.decide_cancel("the run's time was up".into(), true, at, out);
            }
        }
        Timer::Retry { unit, fencing } => {
            if fits(unit, Phase::Retrying, fencing) {
                out.push(Event::Ready { unit, at });
            }
        }
        Timer::Sleep { unit, fencing } => {
            if fits(unit, Phase::Sleeping, fencing) {
                let started = run.unit(plan, unit).map_or(at, |state| state.started);
                let output = crate::payload::Payload::NULL;
                out.push(Event::Succeeded { unit, fencing, started, at, output });
            }
        }
        Timer::StartWithin { unit, fencing } => {
            if fits(unit, Phase::Queued, fencing) {
                run.decide_too_late(plan, unit, at, out);
            }
        }
    }
}

/// Makes an event so.
pub(super) fn apply(run: &mut Run, event: &Event, act: &mut Act<'_>) {
    let plan = act.plan;
    match event {
        Event::Accepted(accepted) => {
            if accepted.begin > accepted.at {
                act.effects.push(Effect::Arm { timer: Timer::Begin, due: accepted.begin });
            }
        }
        Event::Began { at } => {
            run.state = RunState::Running;
            run.start_clock(*at, act);
            run.lay_out(plan);
        }
        Event::Ready { unit, .. } => run.admit(*unit, act),
        Event::Skipped { unit, reason, .. } => {
            let phase = match reason {
                SkipReason::When => Phase::Skipped,
                SkipReason::Needs(needed) => Phase::SkippedFor(*needed),
            };
            run.end_unit(*unit, phase, act);
        }
        Event::Blocked { unit, by, .. } => run.end_unit(*unit, Phase::Blocked(*by), act),
        Event::FannedOut { node, items, .. } => run.fan_out(*node, items, act),
        Event::Started { unit, fencing, at } => run.start(plan, *unit, *fencing, *at),
        Event::Slept { unit, fencing, at, until } => {
            run.fall_asleep(*unit, *fencing, (*at, *until), act);
        }
        Event::Succeeded { unit, fencing, started, output, .. } => {
            run.succeed(*unit, (*fencing, *started), output, act);
        }
        Event::AttemptFailed { unit, fencing, started, at, failure } => {
            if started == at {
                act.effects.push(Effect::Abort { unit: *unit, fencing: *fencing });
            }
            run.note_failure(plan, *unit, (*fencing, *started, *at), failure);
        }
        Event::RetryScheduled { unit, due, .. } => {
            let timer = run.wait_for_retry(plan, *unit, *due);
            act.effects.extend(timer.map(|timer| Effect::Arm { timer, due: *due }));
        }
        Event::Failed { unit, failure, .. } => run.fail_unit(*unit, failure, act),
        Event::Crashed { unit, at, .. } => run.note_crash(plan, *unit, *at),
        Event::Interrupted { unit, at, .. } => run.note_interruption(plan, *unit, *at),
        Event::Parked { unit, .. } => {
            run.turn(plan, *unit, Phase::Parked);
            act.effects.push(Effect::Bury { unit: *unit });
        }
        Event::Gathered { node, .. } => run.gather(*node, act),
        Event::Cancelled { unit, .. } => run.cancel_unit(*unit, act),
        Event::CancelRequested { reason, timed_out, .. } => run.request_cancel(reason, *timed_out),
        Event::Reopened { units, from, .. } => run.reopen(units, from, act),
        Event::Replayed { unit, input, units, .. } => run.replay(*unit, input.as_ref(), units, act),
        Event::Ended { state, output, failure, .. } => {
            run.end(*state, output, failure.as_deref(), act);
        }
    }
}

impl Run {
    /// The run's `timeout` counts from here.
    pub(super) fn start_clock(&mut self, at: Timestamp, act: &mut Act<'_>) {
        self.began = at;
        self.stop = Stop::Nothing;
        if let Some(limit) = act.plan.timeout {
            act.effects.push(Effect::Arm { timer: Timer::RunTimeout, due: at.after(limit) });
        }
    }

    /// A unit sleeps.
    fn fall_asleep(
        &mut self,
        unit: Unit,
        fencing: u32,
        (at, until): (Timestamp, Timestamp),
        act: &mut Act<'_>,
    ) {
        let Some(state) = self.turn(act.plan, unit, Phase::Sleeping) else { return };
        state.fencing = fencing;
        state.started = at;
        state.ended = until;
        act.effects.push(Effect::Arm { timer: Timer::Sleep { unit, fencing }, due: until });
    }

    /// An attempt succeeded, and with it the unit.
    fn succeed(
        &mut self,
        unit: Unit,
        (fencing, started): (u32, Timestamp),
        output: &crate::payload::Payload,
        act: &mut Act<'_>,
    ) {
        let Some(state) = self.unit_mut(act.plan, unit) else { return };
        state.fencing = fencing;
        state.started = started;
        self.keep_output(act.plan, unit, output);
        self.end_unit(unit, Phase::Succeeded, act);
    }
}
