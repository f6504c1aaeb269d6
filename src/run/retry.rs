//! Whether there is another try, and when.

use std::time::Duration;

use super::fault::{Fault, planted};
use super::unit::{PastEnd, Phase, UnitState};
use super::{Event, Failure, Run, Timer, Unit};
use crate::clock::Timestamp;
use crate::definition::{Backoff, Delay, ErrorClass, Jitter, RetryRule};
use crate::id::{RunId, content_hash};
use crate::plan::Plan;

/// The delay where the rule takes it from the error, and the error says nothing.
const RETRY_AFTER_DEFAULT: Duration = Duration::from_secs(1);

/// The rule for an error: the first that fits.
fn rule_for<'a>(rules: &'a [RetryRule], class: &ErrorClass) -> Option<&'a RetryRule> {
    if *class == ErrorClass::Poison {
        return None;
    }
    rules.iter().find(|rule| {
        let named = rule.on.contains(class);
        let open = rule.on.is_empty() && (!class.is_final() || planted(Fault::FinalRetried));
        (named || open) && !rule.not_on.contains(class)
    })
}

/// The wait before the next try: grown, capped, then spread. `luck` is in `0.0..1.0`; `tries` is
/// how many have failed, at least 1. A wait that the error asked for is not spread.
fn delay(rule: &RetryRule, tries: u32, failure: &Failure, luck: f64) -> Duration {
    let base = match rule.delay {
        Delay::Of(span) => span,
        Delay::RetryAfter => match failure.retry_after {
            Some(span) => return span.min(rule.max_delay),
            None => RETRY_AFTER_DEFAULT,
        },
    };
    let steps = tries.saturating_sub(1);
    let grown = match rule.backoff {
        Backoff::Fixed => base.as_secs_f64(),
        Backoff::Linear => base.as_secs_f64() * f64::from(tries),
        Backoff::Exponential => {
            base.as_secs_f64() * rule.factor.powi(i32::try_from(steps).unwrap_or(i32::MAX))
        }
    };
    let capped = grown.min(rule.max_delay.as_secs_f64());
    let spread = match rule.jitter {
        Jitter::Full => capped * luck,
        Jitter::Equal => capped * f64::midpoint(1.0, luck),
        Jitter::None => capped,
    };
    Duration::try_from_secs_f64(spread).unwrap_or(rule.max_delay)
}

/// A number in `0.0..1.0` that is the same for the same try of the same unit of the same run.
fn luck(run: RunId, unit: Unit, tries: u32) -> f64 {
    let mut bytes = [0; 28];
    bytes[..16].copy_from_slice(&run.to_bytes());
    bytes[16..20].copy_from_slice(&unit.node.0.to_le_bytes());
    bytes[20..24].copy_from_slice(&unit.item.to_le_bytes());
    bytes[24..].copy_from_slice(&tries.to_le_bytes());
    let hash = content_hash(&bytes);
    let number = u32::from_le_bytes([hash[0], hash[1], hash[2], hash[3]]);
    f64::from(number) / (f64::from(u32::MAX) + 1.0)
}

impl Run {
    /// When the next try is due; `None`: there is none.
    fn next_try(&self, plan: &Plan, unit: Unit, state: &UnitState) -> Option<Timestamp> {
        let failure = state.failure()?;
        let rule = rule_for(&plan.node(unit.node).retry, &failure.class)?;
        let tries = state.tries();
        if tries >= rule.attempts + u32::from(planted(Fault::ExtraTry)) {
            return None;
        }
        let mut wait = delay(rule, tries, failure, luck(self.id, unit, tries));
        if planted(Fault::EarlyRetry) {
            wait /= 2;
        }
        let due = state.ended.after(wait);
        let first = state.more.as_ref().and_then(|more| more.first).unwrap_or(state.started);
        let in_time = rule.within.is_none_or(|within| due <= first.after(within));
        in_time.then_some(due)
    }

    /// What follows from a failed attempt.
    pub(super) fn judge_failure(
        &self,
        plan: &Plan,
        unit: Unit,
        now: Timestamp,
        out: &mut Vec<Event>,
    ) {
        let Some(state) = self.unit(plan, unit) else { return };
        let stopped = self.is_stopped(plan, unit);
        let due = if stopped { None } else { self.next_try(plan, unit, state) };
        if let Some(due) = due {
            out.push(Event::RetryScheduled { unit, at: now, due });
            return;
        }
        let failure = state.failure().cloned().map(Box::new);
        out.extend(failure.map(|failure| Event::Failed { unit, at: now, failure }));
    }

    /// An attempt failed.
    pub(super) fn note_failure(
        &mut self,
        plan: &Plan,
        unit: Unit,
        (fencing, started, at): (u32, Timestamp, Timestamp),
        failure: &Failure,
    ) {
        let Some(state) = self.turn(plan, unit, Phase::Tried) else { return };
        state.fencing = fencing;
        state.started = started;
        state.ended = at;
        state.note_first();
        state.note(at, PastEnd::Failed(Box::new(failure.clone())));
        let more = state.more();
        more.tries = more.tries.saturating_add(1);
        self.work.push_back(unit);
    }

    /// The next try waits for its time.
    pub(super) fn wait_for_retry(
        &mut self,
        plan: &Plan,
        unit: Unit,
        due: Timestamp,
    ) -> Option<Timer> {
        let state = self.turn(plan, unit, Phase::Retrying)?;
        state.more().due = due;
        Some(Timer::Retry { unit, fencing: state.fencing })
    }
}

#[cfg(test)]
mod tests;
