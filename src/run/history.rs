//! A run as people read it.

use serde::Serialize;

use super::scope::{ScopeBlock, ScopeKind, ScopePhase};
use super::unit::{PastAttempt, PastEnd, Phase, UnitEnd, UnitState, Wait};
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
    /// `files[3].fetch`: what was tried.
    pub path: Box<str>,
    /// The item, in a fan-out; in fan-outs within each other that of the innermost.
    pub item: Option<u32>,
    /// Which try, from 1; interrupted and crashed ones are not counted.
    pub attempt: u32,
    /// The number of its dispatch within the run.
    pub dispatch: u32,
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
            definition: self.definition,
            state: self.state(),
            attempt: self.attempt,
            started_by: self.accepted.origin.as_str().into(),
            accepted: self.accepted.at,
            began: began.then_some(self.began),
            ended: self.ended(),
            input: self.accepted.input.clone(),
            output: self.output().cloned(),
            error: self.failure().map(ErrorHistory::from),
            cancelled: self.cancel_reason().map(Box::from),
            steps: plan.top().map(|id| self.top_history(plan, id)).collect(),
        }
    }

    fn top_history(&self, plan: &Plan, id: NodeId) -> StepHistory {
        match self.unit(Unit::top(id)) {
            Some(_) => self.step_history(plan, id, &[Unit::top(id)]),
            None => self.unbegun(&plan.node(id).id),
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

    /// A step with all its units: one at the top, one for each scope in a body.
    fn step_history(&self, plan: &Plan, id: NodeId, units: &[Unit]) -> StepHistory {
        let known = || units.iter().filter_map(|unit| Some((*unit, self.unit(*unit)?)));
        let telling = known().enumerate().max_by_key(|(place, (_, state))| {
            (weight(state.phase.state()), std::cmp::Reverse(*place))
        });
        let telling = telling.map(|(_, known)| known);
        let (state, reason, error) = match telling {
            Some((unit, state)) => {
                (state.phase.state(), self.reason(plan, unit, state), error_of(state))
            }
            None => (StepState::Pending, None, None),
        };
        let blocks: Vec<&ScopeBlock> = units
            .iter()
            .filter_map(|unit| self.block_of_owner(*unit))
            .map(|place| &self.arena.blocks[place])
            .collect();
        let mut attempts: Vec<AttemptHistory> =
            known().flat_map(|(unit, state)| self.attempts_of(plan, unit, state)).collect();
        for block in blocks.iter().filter(|block| block.runs_own_verb()) {
            for (unit, state) in block.units().zip(&self.units[block.all_places()]) {
                attempts.extend(self.attempts_of(plan, unit, state));
            }
        }
        let output = match units {
            [unit] if unit.is_top() => self.output_of(plan, *unit),
            _ => None,
        };
        StepHistory {
            id: plan.node(id).id.clone(),
            state,
            allowed: state == StepState::Failed && plan.node(id).allow_failure,
            reason,
            attempts,
            items: item_counts(&blocks),
            output,
            error,
            steps: self.inner_histories(plan, id, &blocks),
        }
    }

    /// The steps of a body, in the file's order.
    fn inner_histories(&self, plan: &Plan, id: NodeId, blocks: &[&ScopeBlock]) -> Vec<StepHistory> {
        let inside: Vec<&&ScopeBlock> = blocks.iter().filter(|b| !b.runs_own_verb()).collect();
        if inside.is_empty() {
            return Vec::new();
        }
        let nodes = plan.node(id).body.clone().unwrap_or_default().map(NodeId);
        nodes
            .map(|node| {
                let scopes = inside.iter().flat_map(|b| (0..b.count()).map(|at| b.scope(at)));
                let units: Vec<Unit> = scopes.map(|scope| Unit { scope, node }).collect();
                self.step_history(plan, node, &units)
            })
            .collect()
    }

    /// Why a unit stands where it does, where that is not plain.
    fn reason(&self, plan: &Plan, unit: Unit, state: &UnitState) -> Option<String> {
        let fate = |by: NodeId| match self.phase(self.visible(unit, by)) {
            Phase::Ended(UnitEnd::Blocked(_)) => "was blocked",
            Phase::Ended(UnitEnd::Cancelled) => "was cancelled",
            Phase::Ended(UnitEnd::Skipped | UnitEnd::SkippedFor(_)) => "was skipped",
            Phase::Ended(UnitEnd::Failed | UnitEnd::Succeeded)
            | Phase::Pending(_)
            | Phase::Waiting(_)
            | Phase::Active(_)
            | Phase::Judged(_) => "failed",
        };
        let due = || self.waits.get(&unit).map_or(state.ended, |armed| armed.due);
        Some(match state.phase {
            Phase::Ended(UnitEnd::Skipped) => "`when` is false".to_owned(),
            Phase::Ended(UnitEnd::SkippedFor(id)) => {
                let what = if fate(id) == "failed" { "failed" } else { "skipped" };
                format!("needs the output of {what} step `{}`", plan.node(id).id)
            }
            Phase::Ended(UnitEnd::Blocked(by)) => {
                format!("step `{}` {}", plan.node(by).id, fate(by))
            }
            Phase::Ended(UnitEnd::Cancelled) => self.why_cancelled(),
            Phase::Waiting(Wait::Retry) => format!("the next try is due at {}", due()),
            Phase::Waiting(Wait::Sleep) => format!("sleeps until {}", due()),
            Phase::Waiting(Wait::Person) => {
                "the process died while it ran: a person must decide".to_owned()
            }
            Phase::Waiting(Wait::Slot) => "waits for `max_parallel`".to_owned(),
            Phase::Waiting(Wait::Evaluation) => "its expressions are being evaluated".to_owned(),
            Phase::Ended(UnitEnd::Succeeded | UnitEnd::Failed)
            | Phase::Pending(_)
            | Phase::Active(_)
            | Phase::Judged(_) => return None,
        })
    }

    fn why_cancelled(&self) -> String {
        match (self.ending.as_ref().and_then(|ending| ending.cancel.as_ref()), self.stop) {
            (Some((_, true)), _) => "the run's time was up".to_owned(),
            (Some((reason, false)), _) => format!("the run was cancelled: {reason}"),
            (None, Stop::Starts | Stop::Attempts) => "another step failed (`fail_fast`)".to_owned(),
            (None, Stop::Nothing | Stop::Run) => "it was not needed any more".to_owned(),
        }
    }

    /// The attempts of a unit, oldest first.
    pub(super) fn attempts_of(
        &self,
        plan: &Plan,
        unit: Unit,
        state: &UnitState,
    ) -> Vec<AttemptHistory> {
        let past = state.rare.as_ref().map_or(&[][..], |rare| &rare.past);
        let opened = self.block_of_owner(unit).is_some();
        let at_hand = match state.phase {
            Phase::SUCCEEDED if state.dispatch > 0 && !opened => Some(AttemptState::Succeeded),
            Phase::RUNNING | Phase::Waiting(Wait::Sleep) => Some(AttemptState::Running),
            Phase::Pending(_)
            | Phase::Waiting(_)
            | Phase::Active(_)
            | Phase::Judged(_)
            | Phase::Ended(_) => None,
        };
        if past.is_empty() && at_hand.is_none() {
            return Vec::new();
        }
        let path: Box<str> = self.path(plan, unit).into();
        let item = self.items(unit).last();
        let mut attempts: Vec<AttemptHistory> =
            past.iter().map(|past| ended(past, path.clone(), item)).collect();
        attempts.extend(at_hand.map(|at_hand| AttemptHistory {
            path,
            item,
            attempt: state.attempt(),
            dispatch: state.dispatch,
            started: state.started,
            ended: (at_hand == AttemptState::Succeeded).then_some(state.ended),
            state: at_hand,
            error: None,
        }));
        attempts
    }
}

/// How the items of a fan-out stand, in all scopes in which it is.
fn item_counts(blocks: &[&ScopeBlock]) -> Option<ItemCounts> {
    let mut counts = ItemCounts::default();
    let mut lists = blocks.iter().filter(|block| block.kind == ScopeKind::Item).peekable();
    lists.peek()?;
    for scope in lists.flat_map(|block| &block.scopes) {
        counts.total += 1;
        *match scope.phase {
            ScopePhase::Waiting => &mut counts.waiting,
            ScopePhase::Active => &mut counts.active,
            ScopePhase::Succeeded => &mut counts.succeeded,
            ScopePhase::Failed => &mut counts.failed,
            ScopePhase::Cancelled => &mut counts.cancelled,
        } += 1;
    }
    (counts.total > 0).then_some(counts)
}

fn ended(past: &PastAttempt, path: Box<str>, item: Option<u32>) -> AttemptHistory {
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
        path,
        item,
        attempt: past.attempt,
        dispatch: past.dispatch,
        started: past.started,
        ended: Some(past.ended),
        state,
        error: error.map(|failure| ErrorHistory::from(failure.as_ref())),
    }
}

fn error_of(state: &UnitState) -> Option<ErrorHistory> {
    (state.phase == Phase::FAILED).then(|| state.failure().map(ErrorHistory::from)).flatten()
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
