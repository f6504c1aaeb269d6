//! A run as people read it.

use serde::Serialize;

use super::fan_out::ItemState;
use super::table::count;
use super::unit::{Past, PastEnd, Phase, UnitState};
use super::{Failure, Run, RunState, StepState, Stop, Unit};
use crate::clock::Timestamp;
use crate::definition::ErrorClass;
use crate::id::{DefinitionHash, Name, RunId};
use crate::payload::Payload;
use crate::plan::{NodeId, Plan};

/// A run with all its steps and attempts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunHistory {
    /// The run.
    pub id: RunId,
    /// Its workflow.
    pub workflow: Name,
    /// The version it keeps.
    pub definition: DefinitionHash,
    /// Its state.
    pub state: RunState,
    /// 1, and one more for each retry by an operator.
    pub attempt: u32,
    /// `cli`, `api` …
    pub started_by: Box<str>,
    /// When it was accepted.
    pub accepted: Timestamp,
    /// When it began, or was last reopened.
    pub began: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// What it was given.
    pub input: Payload,
    /// What it gave, if it succeeded.
    pub output: Option<Payload>,
    /// Why it failed.
    pub error: Option<ErrorHistory>,
    /// Why it was cancelled.
    pub cancelled: Option<Box<str>>,
    /// Its steps, in the file's order.
    pub steps: Vec<StepHistory>,
}

/// A step of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepHistory {
    /// The step's id.
    pub id: Name,
    /// Where it stands; of a step of an inline body the state that tells most of its items'.
    pub state: StepState,
    /// It failed, and was allowed to.
    pub allowed: bool,
    /// Why it was skipped, blocked or cancelled, or waits.
    pub reason: Option<String>,
    /// All its attempts, of one item after the other, each in the order of its tries; at most 100
    /// of an item (then the middle is left out).
    pub attempts: Vec<AttemptHistory>,
    /// How its items stand, if it is a fan-out whose list is known.
    pub items: Option<ItemCounts>,
    /// What it gave, if it succeeded.
    pub output: Option<Payload>,
    /// Why it failed.
    pub error: Option<ErrorHistory>,
    /// The steps of its inline body, in their order.
    pub steps: Vec<Self>,
}

/// One try.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AttemptHistory {
    /// The item, in a fan-out.
    pub item: Option<u32>,
    /// Which try, from 1; interrupted and crashed ones are not counted.
    pub attempt: u32,
    /// Which dispatch.
    pub fencing: u32,
    /// When it started.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// How it ended.
    pub state: AttemptState,
    /// Why.
    #[serde(flatten)]
    pub error: Option<ErrorHistory>,
}

/// How a try ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptState {
    /// It has not.
    Running,
    /// Well.
    Succeeded,
    /// With an error.
    Failed,
    /// Its time was up.
    TimedOut,
    /// It was stopped with its step.
    Cancelled,
    /// The engine stopped it.
    Interrupted,
    /// The process died in it.
    Crashed,
}

/// Why something failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrorHistory {
    /// `timeout`, `exit:1`, a handler's own …
    pub class: String,
    /// For people.
    pub message: Box<str>,
}

/// How the items of a fan-out stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ItemCounts {
    /// All of them.
    pub total: u32,
    /// Not started.
    pub waiting: u32,
    /// Under way.
    pub active: u32,
    /// Done.
    pub succeeded: u32,
    /// Failed.
    pub failed: u32,
    /// Stopped, or never started.
    pub cancelled: u32,
}

impl From<&Failure> for ErrorHistory {
    fn from(failure: &Failure) -> Self {
        Self { class: failure.class.to_string(), message: failure.message.clone() }
    }
}

impl Run {
    /// The run with all its steps and attempts.
    pub fn history(&self, plan: &Plan) -> RunHistory {
        let began = self.state != RunState::Pending && !self.units.is_empty();
        RunHistory {
            id: self.id,
            workflow: self.accepted.workflow.clone(),
            definition: self.accepted.definition,
            state: self.state(),
            attempt: self.attempt,
            started_by: self.accepted.started_by.clone(),
            accepted: self.accepted.at,
            began: began.then_some(self.began),
            ended: self.ended(),
            input: self.accepted.input.clone(),
            output: self.output().cloned(),
            error: self.failure().map(ErrorHistory::from),
            cancelled: self.cancel_reason().map(Box::from),
            steps: plan.file_order.iter().map(|&id| self.step_history(plan, id)).collect(),
        }
    }

    fn step_history(&self, plan: &Plan, id: NodeId) -> StepHistory {
        let step = plan.node(id);
        let Some(state) = self.units.get(id.index()) else {
            return self.unbegun(&step.id);
        };
        let fan = self.fan_at(plan, id).filter(|place| !self.fans[*place].items.is_empty());
        let mut attempts = attempts_of(state, None);
        let mut steps = Vec::new();
        if let Some(place) = fan {
            let fan = &self.fans[place];
            if fan.first == id.0 {
                for (unit, state) in self.item_units(place).zip(&fan.units) {
                    attempts.extend(attempts_of(state, Some(unit.item)));
                }
            } else {
                let body = fan.first..fan.first + fan.width;
                steps = body.map(|id| self.body_history(plan, place, NodeId(id))).collect();
            }
        }
        StepHistory {
            id: step.id.clone(),
            state: state.phase.state(),
            allowed: state.phase == Phase::Failed && step.allow_failure,
            reason: self.reason(plan, Unit::of(id), state),
            attempts,
            items: fan.map(|place| self.item_counts(place)),
            output: self.output_of(plan, Unit::of(id)),
            error: error_of(state),
            steps,
        }
    }

    /// A step of a run that has not begun, or was cancelled before it did.
    fn unbegun(&self, id: &Name) -> StepHistory {
        let state = if self.state.is_end() { StepState::Cancelled } else { StepState::Pending };
        StepHistory {
            id: id.clone(),
            state,
            allowed: false,
            reason: self.state.is_end().then(|| self.why_cancelled()),
            attempts: Vec::new(),
            items: None,
            output: None,
            error: None,
            steps: Vec::new(),
        }
    }

    fn body_history(&self, plan: &Plan, place: usize, id: NodeId) -> StepHistory {
        let fan = &self.fans[place];
        let units = (0..count(fan.items.len())).filter_map(|item| {
            let unit = Unit::item(id, item);
            Some((unit, fan.units.get(fan.place(unit)?)?))
        });
        let telling = units.clone().max_by_key(|(unit, state)| {
            (weight(state.phase.state()), std::cmp::Reverse(unit.item))
        });
        let (state, reason, error) = match telling {
            Some((unit, state)) => {
                (state.phase.state(), self.reason(plan, unit, state), error_of(state))
            }
            None => (StepState::Pending, None, None),
        };
        StepHistory {
            id: plan.node(id).id.clone(),
            state,
            allowed: state == StepState::Failed && plan.node(id).allow_failure,
            reason,
            attempts: units.flat_map(|(unit, state)| attempts_of(state, Some(unit.item))).collect(),
            items: None,
            output: None,
            error,
            steps: Vec::new(),
        }
    }

    fn item_counts(&self, place: usize) -> ItemCounts {
        let mut counts = ItemCounts::default();
        for item in &self.fans[place].items {
            counts.total += 1;
            *match item.state {
                ItemState::Waiting => &mut counts.waiting,
                ItemState::Active => &mut counts.active,
                ItemState::Succeeded => &mut counts.succeeded,
                ItemState::Failed => &mut counts.failed,
                ItemState::Cancelled => &mut counts.cancelled,
            } += 1;
        }
        counts
    }

    /// Why a unit stands where it does, where that is not plain.
    fn reason(&self, plan: &Plan, unit: Unit, state: &UnitState) -> Option<String> {
        let fate = |by: NodeId| match self.phase(plan, super::join::beside(plan, unit, by)) {
            Phase::Blocked(_) => "was blocked",
            Phase::Cancelled => "was cancelled",
            Phase::Skipped | Phase::SkippedFor(_) => "was skipped",
            Phase::Failed
            | Phase::Pending(_)
            | Phase::Held
            | Phase::Queued
            | Phase::Running
            | Phase::Fanned
            | Phase::Tried
            | Phase::Interrupted
            | Phase::Crashed
            | Phase::Retrying
            | Phase::Sleeping
            | Phase::Parked
            | Phase::Succeeded => "failed",
        };
        Some(match state.phase {
            Phase::Skipped => "`when` is false".to_owned(),
            Phase::SkippedFor(id) => {
                let what = if fate(id) == "failed" { "failed" } else { "skipped" };
                format!("needs the output of {what} step `{}`", plan.node(id).id)
            }
            Phase::Blocked(by) => format!("step `{}` {}", plan.node(by).id, fate(by)),
            Phase::Cancelled => self.why_cancelled(),
            Phase::Retrying => {
                let due = state.more.as_ref().map_or(state.ended, |more| more.due);
                format!("the next try is due at {due}")
            }
            Phase::Sleeping => format!("sleeps until {}", state.ended),
            Phase::Parked => "the process died while it ran: a person must decide".to_owned(),
            Phase::Held => "waits for `max_parallel`".to_owned(),
            Phase::Pending(_)
            | Phase::Queued
            | Phase::Running
            | Phase::Fanned
            | Phase::Tried
            | Phase::Interrupted
            | Phase::Crashed
            | Phase::Succeeded
            | Phase::Failed => return None,
        })
    }

    fn why_cancelled(&self) -> String {
        match (self.last.as_ref().and_then(|last| last.cancel.as_ref()), self.stop) {
            (Some((_, true)), _) => "the run's time was up".to_owned(),
            (Some((reason, false)), _) => format!("the run was cancelled: {reason}"),
            (None, Stop::Starts | Stop::Attempts) => "another step failed (`fail_fast`)".to_owned(),
            (None, Stop::Nothing | Stop::Run) => "it was not needed any more".to_owned(),
        }
    }
}

/// The attempts of a unit, oldest first.
pub(super) fn attempts_of(state: &UnitState, item: Option<u32>) -> Vec<AttemptHistory> {
    let past = state.more.as_ref().map_or(&[][..], |more| &more.past);
    let mut attempts: Vec<AttemptHistory> = past.iter().map(|past| ended(past, item)).collect();
    let at_hand = match state.phase {
        Phase::Succeeded if state.fencing > 0 => AttemptState::Succeeded,
        Phase::Running | Phase::Sleeping => AttemptState::Running,
        Phase::Succeeded
        | Phase::Pending(_)
        | Phase::Held
        | Phase::Queued
        | Phase::Fanned
        | Phase::Tried
        | Phase::Interrupted
        | Phase::Crashed
        | Phase::Retrying
        | Phase::Parked
        | Phase::Failed
        | Phase::Skipped
        | Phase::SkippedFor(_)
        | Phase::Blocked(_)
        | Phase::Cancelled => return attempts,
    };
    let over = at_hand == AttemptState::Succeeded;
    attempts.push(AttemptHistory {
        item,
        attempt: state.attempt(),
        fencing: state.fencing,
        started: state.started,
        ended: over.then_some(state.ended),
        state: at_hand,
        error: None,
    });
    attempts
}

fn ended(past: &Past, item: Option<u32>) -> AttemptHistory {
    let (state, error) = match &past.end {
        PastEnd::Succeeded => (AttemptState::Succeeded, None),
        PastEnd::Failed(failure) if failure.class == ErrorClass::Timeout => {
            (AttemptState::TimedOut, Some(failure))
        }
        PastEnd::Failed(failure) => (AttemptState::Failed, Some(failure)),
        PastEnd::Interrupted => (AttemptState::Interrupted, None),
        PastEnd::Crashed => (AttemptState::Crashed, None),
        PastEnd::Cancelled => (AttemptState::Cancelled, None),
    };
    AttemptHistory {
        item,
        attempt: past.attempt,
        fencing: past.fencing,
        started: past.started,
        ended: Some(past.ended),
        state,
        error: error.map(|failure| ErrorHistory::from(failure.as_ref())),
    }
}

fn error_of(state: &UnitState) -> Option<ErrorHistory> {
    (state.phase == Phase::Failed).then(|| state.failure().map(ErrorHistory::from)).flatten()
}

/// Which state of an item tells most about a body's step: trouble first, then what goes on.
fn weight(state: StepState) -> u8 {
    match state {
        StepState::Parked => 10,
        StepState::Failed => 9,
        StepState::Running => 8,
        StepState::Retrying => 7,
        StepState::Waiting => 6,
        StepState::Ready => 5,
        StepState::Pending => 4,
        StepState::Cancelled => 3,
        StepState::Blocked => 2,
        StepState::Succeeded => 1,
        StepState::Skipped => 0,
    }
}

#[cfg(test)]
mod tests;
