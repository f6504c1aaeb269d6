//! From the engine's events of one run to the words of the terminal. Remembers only what the events
//! do not repeat: how often a unit was tried, since when, and what its last error was.

use std::collections::HashMap;
use std::sync::Arc;

use windlass::definition::OnCrash;
use windlass::plan::Plan;
use windlass::run::{AttemptState, RunHistory, StepHistory};
use windlass::{EngineEvent, EventKind, Timestamp};

use super::happened::{Cause, Happened, Place, What};

/// Tells what happens in one run.
#[derive(Debug)]
pub(crate) struct Teller {
    plan: Arc<Plan>,
    tallies: HashMap<Place, Tally>,
}

#[derive(Debug, Default)]
struct Tally {
    tries: u32,
    since: Option<Timestamp>,
    error: Option<Cause>,
}

impl Teller {
    /// For a run of this plan that stands as its history says.
    pub(crate) fn new(plan: Arc<Plan>, history: Option<&RunHistory>) -> Self {
        let mut teller = Self { plan, tallies: HashMap::new() };
        for step in history.iter().flat_map(|h| &h.steps) {
            teller.recall(step);
        }
        teller
    }

    /// Counts the tries that were made before.
    fn recall(&mut self, step: &StepHistory) {
        if step.state.is_end() {
            return;
        }
        for attempt in &step.attempts {
            if matches!(attempt.state, AttemptState::Failed | AttemptState::TimedOut) {
                let place = Place::of(&attempt.path);
                self.tally(&place).tries += 1;
            }
        }
        for inner in &step.steps {
            self.recall(inner);
        }
    }

    /// What the event means to people; nothing, where it means nothing to them.
    pub(crate) fn tell(&mut self, event: &EngineEvent) -> Option<Happened> {
        let place = event.path.as_deref().map(Place::of);
        let what = match place {
            Some(place) => self.of_place(place, event)?,
            None => self.of_run(&event.kind)?,
        };
        Some(Happened { run: event.run, at: event.at, what })
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the rest is about steps; the enum may grow"
    )]
    fn of_run(&mut self, kind: &EventKind) -> Option<What> {
        match kind {
            EventKind::Began => Some(What::Began),
            EventKind::Ended { state, failure } => {
                Some(What::Ended { state: *state, failure: failure.clone() })
            }
            EventKind::Reopened => {
                self.tallies.clear();
                None
            }
            EventKind::CancelRequested { reason } => {
                Some(What::Stops { reason: reason.to_string() })
            }
            _ => None,
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the rest is about runs or about what nobody wants to see; the enum may grow"
    )]
    fn of_place(&mut self, place: Place, event: &EngineEvent) -> Option<What> {
        let at = event.at;
        Some(match &event.kind {
            EventKind::Started => {
                let tally = self.tally(&place);
                tally.since.get_or_insert(at);
                What::Started { attempt: tally.tries + 1, place }
            }
            EventKind::Sleeping { until } => {
                self.tally(&place).since.get_or_insert(at);
                What::Waits { place, until: *until }
            }
            EventKind::GroupOpened => {
                self.tally(&place).since.get_or_insert(at);
                return None;
            }
            EventKind::FannedOut { items } => {
                self.tally(&place).since.get_or_insert(at);
                What::FannedOut { step: place.step, items: *items }
            }
            EventKind::Succeeded { started, .. } => self.succeeded(place, *started, at),
            EventKind::Gathered => self.succeeded(place, at, at),
            EventKind::AttemptFailed { started, class, message } => {
                let tally = self.tally(&place);
                tally.tries += 1;
                tally.since.get_or_insert(*started);
                tally.error = Some(Cause { class: class.clone(), message: message.to_string() });
                return None;
            }
            EventKind::Retrying { due } => {
                let tally = self.tally(&place);
                let cause = tally.error.take()?;
                What::Retries { attempt: tally.tries, place, cause, due: *due }
            }
            EventKind::Failed { class, message } => {
                let cause = Cause { class: class.clone(), message: message.to_string() };
                self.failed(place, at, cause)
            }
            EventKind::Skipped { reason } => What::Skipped { place, reason: reason.clone() },
            EventKind::Blocked { by } => What::Blocked { place, by: by.to_string() },
            EventKind::Parked => What::Parked { place },
            EventKind::Cancelled => What::Cancelled { place },
            EventKind::Crashed if self.parks_after_a_crash(&place) => return None,
            EventKind::Crashed | EventKind::Interrupted => What::Interrupted { place },
            EventKind::Replayed => {
                self.tallies.clear();
                return None;
            }
            _ => return None,
        })
    }

    /// Whether a person decides what becomes of the step: that is told next.
    fn parks_after_a_crash(&self, place: &Place) -> bool {
        let node = self.plan.find(&place.step).map(|id| self.plan.node(id));
        node.is_some_and(|node| node.on_crash == OnCrash::Park)
    }

    fn tally(&mut self, place: &Place) -> &mut Tally {
        self.tallies.entry(place.clone()).or_default()
    }

    fn succeeded(&mut self, place: Place, started: Timestamp, at: Timestamp) -> What {
        let tally = self.tallies.remove(&place).unwrap_or_default();
        let took = at.since(tally.since.unwrap_or(started));
        What::Succeeded { place, attempts: tally.tries + 1, took }
    }

    fn failed(&mut self, place: Place, at: Timestamp, cause: Cause) -> What {
        let tally = self.tallies.remove(&place).unwrap_or_default();
        let node = self.plan.find(&place.step).map(|id| self.plan.node(id));
        let allowed = place.item.is_none() && node.is_some_and(|node| node.allow_failure);
        let took = at.since(tally.since.unwrap_or(at));
        What::Failed { place, attempts: tally.tries, took, cause, allowed }
    }
}
