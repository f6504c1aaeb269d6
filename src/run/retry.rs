//! Whether there is another try, and when.

use std::time::Duration;

use super::unit::{AttemptEnd, PastEnd, Phase, UnitState, Wait};
use super::{ApplyContext, Attempt, Effect, Event, Failure, Run, TimerOwner, Unit};
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
        let open = rule.on.is_empty() && !class.is_final();
        (named || open) && !rule.not_on.contains(class)
    })
}

/// The wait before the next try: grown, capped, then spread; `None`: there is none. `luck` is in
/// `0.0..1.0`; `tries` is how many have failed, at least 1. A wait that the error asks for is neither
/// cut nor spread: where a limit is written that it passes, the step gives up rather than come early.
fn delay(rule: &RetryRule, tries: u32, failure: &Failure, luck: f64) -> Option<Duration> {
    let backoff = match (rule.delay, failure.retry_after) {
        (Delay::RetryAfter, Some(_)) => Duration::ZERO,
        (Delay::RetryAfter, None) => backoff(rule, RETRY_AFTER_DEFAULT, tries, luck),
        (Delay::Of(base), _) => backoff(rule, base, tries, luck),
    };
    let asked = failure.retry_after.filter(|_| heeds(rule, &failure.class));
    let is_too_long = rule.max_delay.zip(asked).is_some_and(|(max, asked)| asked > max);
    (!is_too_long).then(|| backoff.max(asked.unwrap_or_default()))
}

/// Whether a rule heeds what an error says about the next try: always where the other side is
/// overloaded (429, 503).
fn heeds(rule: &RetryRule, class: &ErrorClass) -> bool {
    let is_overload = matches!(class, ErrorClass::RateLimited | ErrorClass::ServerError);
    rule.delay == Delay::RetryAfter || is_overload
}

/// The wait that the rule itself gives.
fn backoff(rule: &RetryRule, base: Duration, tries: u32, luck: f64) -> Duration {
    if base.is_zero() {
        // Nothing grows of it, and nothing times infinity is no number.
        return Duration::ZERO;
    }
    let steps = i32::try_from(tries.saturating_sub(1)).unwrap_or(i32::MAX);
    let grown = base.as_secs_f64()
        * match rule.backoff {
            Backoff::Fixed => 1.0,
            Backoff::Linear => f64::from(tries),
            Backoff::Exponential => rule.factor.powi(steps),
        };
    let longest = rule.longest_delay();
    let capped = grown.min(longest.as_secs_f64());
    let spread = match rule.jitter {
        Jitter::Full => capped * luck,
        Jitter::Equal => capped * f64::midpoint(1.0, luck),
        Jitter::None => capped,
    };
    Duration::try_from_secs_f64(spread).unwrap_or(longest).min(longest)
}

/// A number in `0.0..1.0` that is the same for the same try of the same unit of the same run.
fn luck(run: RunId, unit: Unit, tries: u32) -> f64 {
    let mut bytes = [0; 28];
    bytes[..16].copy_from_slice(&run.to_bytes());
    bytes[16..20].copy_from_slice(&unit.node.0.to_le_bytes());
    bytes[20..24].copy_from_slice(&unit.scope.0.to_le_bytes());
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
        if tries >= rule.attempts {
            return None;
        }
        let wait = delay(rule, tries, failure, luck(self.id, unit, tries))?;
        let due = state.ended.after(wait);
        let first = state.rare.as_ref().and_then(|rare| rare.first).unwrap_or(state.started);
        let in_time = rule.within.is_none_or(|within| due <= first.after(within));
        in_time.then_some(due)
    }

    /// What follows from a failed attempt.
    pub(crate) fn judge_failure(
        &self,
        plan: &Plan,
        unit: Unit,
        now: Timestamp,
        out: &mut Vec<Event>,
    ) {
        let Some(state) = self.unit(unit) else { return };
        let due = if self.is_stopped(unit) { None } else { self.next_try(plan, unit, state) };
        if let Some(due) = due {
            out.push(Event::RetryScheduled { unit, at: now, due });
            return;
        }
        let failure = state.failure().cloned().map(Box::new);
        out.extend(failure.map(|failure| Event::Failed { unit, at: now, failure }));
    }

    /// An attempt failed.
    pub(crate) fn note_failure(
        &mut self,
        attempt: Attempt,
        failure: &Failure,
        context: &mut ApplyContext<'_>,
    ) {
        let Attempt { unit, dispatch, started, ended } = attempt;
        if started == ended {
            context.effects.push(Effect::Abort { unit, dispatch });
        }
        let Some(state) = self.turn(unit, Phase::Judged(AttemptEnd::Failed)) else { return };
        state.dispatch = dispatch;
        state.started = started;
        state.ended = ended;
        state.note_first();
        state.note(ended, PastEnd::Failed(Box::new(failure.clone())));
        let rare = state.rare();
        rare.tries = rare.tries.saturating_add(1);
        self.work.push_back(unit);
    }

    /// The next try waits for its time.
    pub(crate) fn wait_for_retry(
        &mut self,
        unit: Unit,
        due: Timestamp,
        context: &mut ApplyContext<'_>,
    ) {
        if self.turn(unit, Phase::Waiting(Wait::Retry)).is_some() {
            self.arm(TimerOwner::Unit(unit), due, true, context);
        }
    }
}

#[cfg(test)]
mod tests;
