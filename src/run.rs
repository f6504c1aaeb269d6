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
mod end;
mod fan_out;
mod fault;
mod history;
mod join;
mod letter;
mod model;
mod owed;
mod read;
mod reopen;
mod retry;
mod rule;
mod settle;
mod slot;
mod table;
mod unit;

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use crash::DEATHS_MAX;
pub use history::{
    AttemptHistory, AttemptState, ErrorHistory, ItemCounts, RunHistory, StepHistory,
};
pub use model::*;

use crate::clock::Timestamp;
use crate::id::RunId;
use crate::payload::Payload;
use crate::plan::Plan;
use fan_out::Fan;
use unit::UnitState;

/// One run: where it stands. Everything that the events said, and nothing of the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    id: RunId,
    accepted: Arc<Accepted>,
    state: RunState,
    /// What the end of something has stopped.
    stop: Stop,
    /// 1, and one more for each retry by an operator.
    attempt: u32,
    /// When it began or was last reopened: the run's `timeout` counts from here.
    began: Timestamp,
    ended: Timestamp,
    /// The top-level nodes; empty until the run begins.
    units: Box<[UnitState]>,
    /// What succeeded units gave, unless that is `null`.
    outputs: Vec<Payload>,
    fans: Vec<Fan>,
    /// What is to be decided next, in order. Whatever stands at the head can be decided.
    work: VecDeque<Unit>,
    /// What waits for a slot of `max_parallel`, in order.
    held: VecDeque<Unit>,
    /// Top-level nodes that have not ended.
    open: u32,
    /// Units that will go on by themselves.
    busy: u32,
    /// Units that take a slot of `max_parallel`.
    slots: u32,
    /// Units that wait for a person.
    parked: u32,
    last: Option<Box<Last>>,
}

/// What an event is made so with.
struct Act<'a> {
    plan: &'a Plan,
    /// When the event happened.
    at: Timestamp,
    /// What must now be done.
    effects: &'a mut Vec<Effect>,
}

/// What is known at the end of a run, or of one that is being cancelled.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Last {
    /// Who cancelled it and why; or that its time was up.
    cancel: Option<(Box<str>, bool)>,
    output: Payload,
    failure: Option<Box<Failure>>,
}

/// What has been stopped in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Stop {
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
    pub fn accept(plan: &Plan, id: RunId, accepted: Accepted) -> (Self, Step) {
        let accepted = Arc::new(accepted);
        let mut run = Self::new(id, Arc::clone(&accepted));
        let mut step = Step::default();
        let now = accepted.at;
        step.events.push(Event::Accepted(accepted));
        run.follow(plan, 0, now, &mut step);
        (run, step)
    }

    fn new(id: RunId, accepted: Arc<Accepted>) -> Self {
        Self {
            id,
            accepted,
            state: RunState::Pending,
            stop: Stop::Nothing,
            attempt: 1,
            began: Timestamp::default(),
            ended: Timestamp::default(),
            units: Box::default(),
            outputs: Vec::new(),
            fans: Vec::new(),
            work: VecDeque::new(),
            held: VecDeque::new(),
            open: 0,
            busy: 0,
            slots: 0,
            parked: 0,
            last: None,
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
        let mut act = Act { plan, at: event.at(), effects };
        rule::apply(self, event, &mut act);
        self.fill_slots(&mut act);
        self.drop_decided(plan);
    }

    /// Takes an input in and goes on until nothing follows by itself. Adds to `out`.
    pub fn advance(&mut self, plan: &Plan, input: &Input, now: Timestamp, out: &mut Step) {
        let from = out.events.len();
        // Only after a recovery is there something left: an input finds a settled run.
        if self.state == RunState::Running && (self.open == 0 || !self.work.is_empty()) {
            self.decide(plan, &Input::Settle, now, &mut out.events);
            self.follow(plan, from, now, out);
        }
        let from = out.events.len();
        self.decide(plan, input, now, &mut out.events);
        self.follow(plan, from, now, out);
    }

    /// Applies the events from `next` on and whatever follows from them.
    fn follow(&mut self, plan: &Plan, mut next: usize, now: Timestamp, out: &mut Step) {
        while next < out.events.len() {
            while let Some(event) = out.events.get(next) {
                self.apply(plan, event, &mut out.effects);
                next += 1;
            }
            self.decide(plan, &Input::Settle, now, &mut out.events);
        }
    }

    /// After the process died: goes on from the recorded state. The effects in `out` are all that
    /// is to be done: what came of the death, and what was owed before it.
    pub fn recover(&mut self, plan: &Plan, now: Timestamp, out: &mut Step) {
        let from = out.effects.len();
        self.advance(plan, &Input::Died, now, out);
        let fresh = out.effects.split_off(from);
        out.effects.extend(fresh.into_iter().filter(|effect| match effect {
            Effect::Bury { .. } | Effect::Exhume { .. } => true,
            Effect::Dispatch { .. } | Effect::Arm { .. } | Effect::Abort { .. } | Effect::End => {
                false
            }
        }));
        out.effects.extend(self.owed(plan));
    }

    /// Its id.
    pub fn id(&self) -> RunId {
        self.id
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
        self.last.as_ref().map(|last| &last.output)
    }

    /// Why it failed.
    pub fn failure(&self) -> Option<&Failure> {
        self.last.as_ref()?.failure.as_deref()
    }

    /// Why it was cancelled, as the person said.
    pub fn cancel_reason(&self) -> Option<&str> {
        self.last.as_ref()?.cancel.as_ref().map(|(reason, _)| reason.as_ref())
    }

    /// When it ended.
    pub fn ended(&self) -> Option<Timestamp> {
        self.state.is_end().then_some(self.ended)
    }

    /// The unit's place among those that wait: higher first.
    pub fn priority(&self, plan: &Plan, unit: Unit) -> i8 {
        let own = plan.nodes.get(unit.node.index()).map_or(plan.priority, |node| node.priority);
        match self.accepted.priority {
            // A step that has its own keeps it.
            Some(priority) if own == plan.priority => priority,
            Some(_) | None => own,
        }
    }

    /// The state of a unit; `None` where there is no such unit (yet).
    pub fn unit_state(&self, plan: &Plan, unit: Unit) -> Option<StepState> {
        if self.units.is_empty() {
            return (!unit.has_item() && unit.node.0 < plan.top).then_some(StepState::Pending);
        }
        self.unit(plan, unit).map(|unit| unit.phase.state())
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
            definition: self.accepted.definition,
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
