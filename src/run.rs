//! The state machine of one run. Pure: reads no clock, does nothing, holds no plan.
//!
//! [`Run::decide`] says what has happened, given what came in; [`Run::apply`] makes it so and says
//! what must now be done; [`Run::owed`] says again, after a recovery, what is still to be done.
//! State is a function of the events alone.
//!
//! What follows from a state by itself (a dependent that may run, an attempt to be judged, the end)
//! stands in a worklist that `apply` keeps; [`Input::Settle`] decides its head. So every prefix of
//! the events is a state to go on from, and an event costs what it touches, never the whole graph.

mod cancel;
mod crash;
mod drop_scopes;
mod end;
mod evaluate;
mod fan_out;
mod history;
mod join;
mod letter;
mod limit;
mod model;
mod need;
mod open_again;
mod owed;
mod path;
mod read;
mod reopen;
mod retry;
mod rule;
pub(crate) mod scope;
mod settle;
mod slot;
mod table;
pub(crate) mod unit;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

pub use crash::DEATHS_MAX;
pub use evaluate::Evaluation;
pub use history::{
    AttemptHistory, AttemptState, ErrorHistory, ItemCounts, RunHistory, StepHistory,
};
pub use limit::{RESULT_BYTES_MAX, RUN_BYTES_MAX, UNITS_MAX};
pub use model::*;
pub(crate) use table::{count, index};

use crate::clock::Timestamp;
use crate::id::{DefinitionHash, RunId};
use crate::payload::Payload;
use crate::plan::Plan;
use crate::seldom::Seldom;
use scope::ScopeArena;
use unit::UnitState;

/// One run: where it stands. Everything that the events said, and nothing of the plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    pub(crate) id: RunId,
    pub(crate) accepted: Arc<Accepted>,
    /// The version that it is on.
    pub(crate) definition: DefinitionHash,
    pub(crate) state: RunState,
    /// What the end of something has stopped.
    pub(crate) stop: Stop,
    /// [`Accepted::priority`]: here too, since each dispatch asks for it.
    pub(crate) priority: Option<i8>,
    /// 1, and one more for each retry by an operator.
    pub(crate) attempt: u32,
    /// When it began or was last reopened: the run's `timeout` counts from here.
    pub(crate) began: Timestamp,
    pub(crate) ended: Timestamp,
    /// The top-level units, then those of each block of scopes; empty until the run begins.
    pub(crate) units: Vec<UnitState>,
    /// How many of `units` are top-level.
    pub(crate) top: u32,
    pub(crate) arena: Seldom<ScopeArena>,
    /// What succeeded units gave, unless that is `null`.
    pub(crate) outputs: Vec<Payload>,
    /// What is to be decided next, in order. Whatever stands at the head can be decided.
    pub(crate) work: VecDeque<Unit>,
    /// What waits for a slot of `max_parallel`, by priority, in order.
    pub(crate) held: Seldom<BTreeMap<i8, VecDeque<Unit>>>,
    /// The timers of units.
    pub(crate) waits: Seldom<BTreeMap<Unit, Armed>>,
    /// The run's own timer: its beginning, later its `timeout`.
    pub(crate) alarm: Option<Box<Armed>>,
    /// The number of the last dispatch.
    pub(crate) dispatches: u32,
    /// The number of the last timer.
    pub(crate) timers: u32,
    /// Top-level units that have not ended.
    pub(crate) open: u32,
    /// Units that will go on by themselves.
    pub(crate) busy: u32,
    /// Units that take a slot of `max_parallel`.
    pub(crate) slots: u32,
    /// Units that wait for a person.
    pub(crate) parked: u32,
    /// The bytes of `outputs`, of items and of gathered results.
    pub(crate) bytes: u64,
    pub(crate) ending: Option<Box<Ending>>,
}

/// Context for applying one event.
pub(crate) struct ApplyContext<'a> {
    plan: &'a Plan,
    /// When the event happened.
    at: Timestamp,
    /// What must now be done.
    effects: &'a mut Vec<Effect>,
}

/// What is known at the end of a run, or of one that is being cancelled.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Ending {
    /// Who cancelled it and why; or that its time was up.
    pub(crate) cancel: Option<(Box<str>, bool)>,
    pub(crate) output: Payload,
    pub(crate) failure: Option<Box<Failure>>,
    /// The number of the evaluation of `[output]` that the end waits for.
    pub(crate) evaluation: Option<u32>,
}

/// What has been stopped in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Nothing.
    Nothing,
    /// `fail_fast = "stop"`: nothing new starts.
    Starts,
    /// `fail_fast = "cancel"`: nothing new starts, what runs is stopped.
    Attempts,
    /// The run is cancelled, or its time is up.
    Run,
}

impl Run {
    /// A new run, the events that say so, and what must now be done.
    pub fn accept(plan: &Plan, id: RunId, accepted: Accepted) -> (Self, Decision) {
        let accepted = Arc::new(accepted);
        let mut run = Self::new(id, Arc::clone(&accepted));
        let mut decision = Decision::default();
        let now = accepted.at;
        decision.events.push(Event::Accepted(accepted));
        run.follow(plan, 0, now, &mut decision);
        (run, decision)
    }

    fn new(id: RunId, accepted: Arc<Accepted>) -> Self {
        Self {
            id,
            definition: accepted.definition,
            priority: accepted.priority,
            accepted,
            state: RunState::Pending,
            stop: Stop::Nothing,
            attempt: 1,
            began: Timestamp::default(),
            ended: Timestamp::default(),
            units: Vec::new(),
            top: 0,
            arena: Seldom::default(),
            outputs: Vec::new(),
            work: VecDeque::new(),
            held: Seldom::default(),
            waits: Seldom::default(),
            alarm: None,
            dispatches: 0,
            timers: 0,
            open: 0,
            busy: 0,
            slots: 0,
            parked: 0,
            bytes: 0,
            ending: None,
        }
    }

    /// The state that these events lead to; `None` where the first of them is not `Accepted`.
    pub fn rebuild<'a>(
        plan: &Plan,
        id: RunId,
        events: impl IntoIterator<Item = &'a Event>,
    ) -> Option<Self> {
        let mut events = events.into_iter();
        let Some(Event::Accepted(accepted)) = events.next() else { return None };
        let mut run = Self::new(id, Arc::clone(accepted));
        let mut effects = Vec::new();
        run.apply(plan, &Event::Accepted(Arc::clone(accepted)), &mut effects);
        for event in events {
            effects.clear();
            run.apply(plan, event, &mut effects);
        }
        Some(run)
    }

    /// What has happened, given what came in: nothing, where the input does not fit the state.
    pub fn decide(&self, plan: &Plan, input: &Input, now: Timestamp, out: &mut Vec<Event>) {
        rule::decide(self, plan, input, now, out);
    }

    /// Makes an event so, and adds what must now be done.
    pub fn apply(&mut self, plan: &Plan, event: &Event, effects: &mut Vec<Effect>) {
        let mut context = ApplyContext { plan, at: event.at(), effects };
        rule::apply(self, event, &mut context);
        self.drop_decided(plan);
        self.fill_slots(&mut context);
    }

    /// Takes an input in and goes on until nothing follows by itself. Adds to `out`.
    pub fn advance(&mut self, plan: &Plan, input: &Input, now: Timestamp, out: &mut Decision) {
        let from = out.events.len();
        // Only after a recovery is there something left: an input finds a settled run.
        if !self.is_settled() {
            self.decide(plan, &Input::Settle, now, &mut out.events);
            self.follow(plan, from, now, out);
        }
        let from = out.events.len();
        self.decide(plan, input, now, &mut out.events);
        self.follow(plan, from, now, out);
    }

    fn is_settled(&self) -> bool {
        match self.state {
            RunState::Running => {
                self.work.is_empty() && (self.open > 0 || self.awaited_output().is_some())
            }
            RunState::Pending => self.alarm.is_some(),
            RunState::Paused
            | RunState::Parked
            | RunState::Succeeded
            | RunState::Failed
            | RunState::Cancelled
            | RunState::Damaged => true,
        }
    }

    /// Applies the events from `next` on and whatever follows from them.
    fn follow(&mut self, plan: &Plan, mut next: usize, now: Timestamp, out: &mut Decision) {
        while next < out.events.len() {
            while let Some(event) = out.events.get(next) {
                self.apply(plan, event, &mut out.effects);
                next += 1;
            }
            self.decide(plan, &Input::Settle, now, &mut out.events);
        }
    }

    /// After the process died: goes on from the recorded state. `maybe` are the units and
    /// dispatches that had been claimed. The effects in `out` are all that is to be done: what came
    /// of the death, and what was owed before it.
    pub fn recover(
        &mut self,
        plan: &Plan,
        maybe: Vec<(Unit, u32)>,
        now: Timestamp,
        out: &mut Decision,
    ) {
        let from = out.effects.len();
        self.advance(plan, &Input::Died { maybe }, now, out);
        let fresh = out.effects.split_off(from);
        out.effects.extend(fresh.into_iter().filter(|effect| match effect {
            Effect::AddDeadLetter { .. } | Effect::RemoveDeadLetter { .. } => true,
            Effect::Dispatch { .. }
            | Effect::Arm { .. }
            | Effect::Evaluate { .. }
            | Effect::Abort { .. }
            | Effect::End => false,
        }));
        out.effects.extend(self.owed(now));
    }

    /// Its id.
    pub fn id(&self) -> RunId {
        self.id
    }

    /// The version of the workflow that it is on.
    pub fn definition(&self) -> DefinitionHash {
        self.definition
    }

    /// How it began.
    pub fn accepted(&self) -> &Accepted {
        &self.accepted
    }

    /// Where it stands.
    pub fn state(&self) -> RunState {
        let stuck = self.parked > 0 && self.busy == 0 && self.work.is_empty();
        if self.state == RunState::Running && stuck { RunState::Parked } else { self.state }
    }

    /// What it gave; `None` before it succeeded.
    pub fn output(&self) -> Option<&Payload> {
        (self.state == RunState::Succeeded).then_some(())?;
        self.ending.as_ref().map(|ending| &ending.output)
    }

    /// Why it failed.
    pub fn failure(&self) -> Option<&Failure> {
        self.ending.as_ref()?.failure.as_deref()
    }

    /// Why it was cancelled, as the person said.
    pub fn cancel_reason(&self) -> Option<&str> {
        self.ending.as_ref()?.cancel.as_ref().map(|(reason, _)| reason.as_ref())
    }

    /// When it ended.
    pub fn ended(&self) -> Option<Timestamp> {
        self.state.is_end().then_some(self.ended)
    }

    /// The unit's place among those that wait: higher first.
    pub fn priority(&self, plan: &Plan, unit: Unit) -> i8 {
        // A step that has its own keeps it.
        let own = plan.nodes.get(unit.node.index()).and_then(|node| node.priority);
        own.or(self.priority).unwrap_or(plan.priority)
    }

    /// The state of a unit; `None` where there is no such unit (yet).
    pub fn unit_state(&self, plan: &Plan, unit: Unit) -> Option<StepState> {
        if self.units.is_empty() {
            return (unit.is_top() && unit.node.0 < plan.top).then_some(StepState::Pending);
        }
        self.unit(unit).map(|unit| unit.phase.state())
    }

    /// What a unit gave; `None` where it has not succeeded.
    pub fn unit_output(&self, plan: &Plan, unit: Unit) -> Option<Payload> {
        self.output_of(plan, unit)
    }

    /// The run in one line.
    pub fn summary(&self) -> RunSummary {
        RunSummary {
            id: self.id,
            workflow: self.accepted.workflow.clone(),
            definition: self.definition,
            state: self.state(),
            accepted: self.accepted.at,
            ended: self.ended(),
            failure: self.failure().map(|failure| failure.message.clone()),
        }
    }
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
