//! From the journal's events of one run to the words of the terminal. Remembers only what the events
//! do not repeat: how often a unit was tried, since when, and what its last error was.

use std::collections::HashMap;
use std::sync::Arc;

use windlass::clock::Timestamp;
use windlass::id::RunId;
use windlass::plan::{NodeId, Plan};
use windlass::run::{Event, Failure, SkipReason, Unit};

use super::happened::{Cause, Happened, Place, What};

/// Tells what happens in one run.
#[derive(Debug)]
pub(crate) struct Teller {
    run: RunId,
    plan: Arc<Plan>,
    units: HashMap<Unit, Tally>,
}

#[derive(Debug, Default)]
struct Tally {
    tries: u32,
    since: Option<Timestamp>,
    error: Option<Cause>,
}

impl Teller {
    /// For a run of this plan.
    pub(crate) fn new(run: RunId, plan: Arc<Plan>) -> Self {
        Self { run, plan, units: HashMap::new() }
    }

    /// What the event means to people; nothing, where it means nothing to them.
    pub(crate) fn tell(&mut self, event: &Event) -> Option<Happened> {
        let (at, what) = self.translate(event)?;
        Some(Happened { run: self.run, at, what })
    }

    fn translate(&mut self, event: &Event) -> Option<(Timestamp, What)> {
        Some(match event {
            Event::Began { at } => (*at, What::Began),
            Event::Started { unit, at, .. } => {
                let tally = self.tally(*unit);
                tally.since.get_or_insert(*at);
                let attempt = tally.tries + 1;
                (*at, What::Started { place: self.place(*unit), attempt })
            }
            Event::Slept { unit, at, until, .. } => {
                self.tally(*unit).since.get_or_insert(*at);
                (*at, What::Waits { place: self.place(*unit), until: *until })
            }
            Event::FannedOut { node, at, items } => {
                self.tally(Unit::of(*node)).since.get_or_insert(*at);
                (*at, What::FannedOut { step: self.name(*node), items: items.len() })
            }
            Event::Succeeded { unit, started, at, .. } => {
                let tally = self.tally(*unit);
                tally.tries += 1;
                (*at, self.succeeded(*unit, *started, *at))
            }
            Event::Gathered { node, at } => (*at, self.succeeded(Unit::of(*node), *at, *at)),
            Event::AttemptFailed { unit, started, failure, .. } => {
                let tally = self.tally(*unit);
                tally.tries += 1;
                tally.since.get_or_insert(*started);
                tally.error = Some(cause(failure));
                return None;
            }
            Event::RetryScheduled { unit, at, due } => (*at, self.retries(*unit, *due)?),
            Event::Failed { unit, at, failure } => (*at, self.failed(*unit, *at, failure)),
            Event::Skipped { unit, at, reason } => {
                (*at, What::Skipped { place: self.place(*unit), reason: self.reason(*reason) })
            }
            Event::Blocked { unit, at, by } => {
                (*at, What::Blocked { place: self.place(*unit), by: self.name(*by) })
            }
            Event::Parked { unit, at } => (*at, What::Parked { place: self.place(*unit) }),
            Event::Cancelled { unit, at } => (*at, What::Cancelled { place: self.place(*unit) }),
            Event::Crashed { unit, at, .. } | Event::Interrupted { unit, at, .. } => {
                (*at, What::Interrupted { place: self.place(*unit) })
            }
            Event::Ended { at, state, output, failure } => {
                let failure = failure.as_deref().map(cause);
                (*at, What::Ended { state: *state, output: output.clone(), failure })
            }
            Event::Reopened { units, .. } | Event::Replayed { units, .. } => {
                for unit in units {
                    self.units.remove(unit);
                }
                return None;
            }
            Event::Accepted(_) | Event::Ready { .. } | Event::CancelRequested { .. } => {
                return None;
            }
        })
    }

    fn tally(&mut self, unit: Unit) -> &mut Tally {
        self.units.entry(unit).or_default()
    }

    fn succeeded(&mut self, unit: Unit, started: Timestamp, at: Timestamp) -> What {
        let tally = self.units.remove(&unit).unwrap_or_default();
        let took = at.since(tally.since.unwrap_or(started));
        What::Succeeded { place: self.place(unit), attempts: tally.tries.max(1), took }
    }

    fn retries(&mut self, unit: Unit, due: Timestamp) -> Option<What> {
        let tally = self.tally(unit);
        let attempt = tally.tries;
        let cause = tally.error.take()?;
        Some(What::Retries { place: self.place(unit), attempt, cause, due })
    }

    fn failed(&mut self, unit: Unit, at: Timestamp, failure: &Failure) -> What {
        let tally = self.units.remove(&unit).unwrap_or_default();
        let node = &self.plan.nodes[unit.node.index()];
        What::Failed {
            place: self.place(unit),
            attempts: tally.tries,
            took: at.since(tally.since.unwrap_or(at)),
            cause: cause(failure),
            allowed: node.allow_failure && !unit.has_item(),
        }
    }

    fn reason(&self, reason: SkipReason) -> String {
        match reason {
            SkipReason::When => "`when` is false".to_owned(),
            SkipReason::Needs(node) => format!("needs the output of `{}`", self.name(node)),
        }
    }

    fn name(&self, node: NodeId) -> String {
        self.plan.path(node)
    }

    fn place(&self, unit: Unit) -> Place {
        place(&self.plan, unit)
    }
}

/// A unit as people name it.
pub(crate) fn place(plan: &Plan, unit: Unit) -> Place {
    Place { step: plan.path(unit.node), item: unit.has_item().then_some(unit.item) }
}

/// A failure as it is shown.
pub(crate) fn cause(failure: &Failure) -> Cause {
    Cause { class: failure.class.to_string(), message: failure.message.to_string() }
}
