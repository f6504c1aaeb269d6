//! Tells those who listen what happens in the engine. Costs one load where nobody does.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc;

use crate::clock::Timestamp;
use crate::definition::ErrorClass;
use crate::id::{Name, RunId};
use crate::payload::Payload;
use crate::plan::{NodeId, Plan};
use crate::run::{Event, ItemPath, RunState, SkipReason};
use crate::sync::{Mutex, lock};

/// How many events a listener may be behind; more are dropped, and counted.
pub const EVENTS_BEHIND_MAX: usize = 65_536;

/// Something that has happened, durable as far as the run is.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct EngineEvent {
    /// When it happened, by the wall clock of the process that noted it.
    pub at: Timestamp,
    /// The run.
    pub run: RunId,
    /// Its workflow.
    pub workflow: Name,
    /// The step, where it is about one.
    pub step: Option<Name>,
    /// The path of the step or item: `files[3].fetch`, with the ids of the steps in whose bodies it
    /// stands.
    pub path: Option<Box<str>>,
    /// The item of the innermost fan-out.
    pub item: Option<u32>,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What can happen.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// A run was accepted.
    Accepted,
    /// It left `pending`.
    Began,
    /// A step or item may be executed.
    Ready,
    /// A step will not run.
    Skipped {
        /// Why, in words.
        reason: String,
    },
    /// A dependency did not allow it.
    Blocked {
        /// The dependency that does not allow it to run.
        by: Name,
    },
    /// A fan-out knows its list.
    FannedOut {
        /// How many items.
        items: usize,
    },
    /// The steps of a group may run.
    GroupOpened,
    /// Expressions of a step, or the run's `[output]`, take long and are evaluated by themselves.
    Evaluating,
    /// An attempt is under way. Attempts that end at their first poll do not tell this.
    Started,
    /// A step or item succeeded.
    Succeeded {
        /// When its last attempt started.
        started: Timestamp,
        /// What came out.
        output: Payload,
    },
    /// An attempt failed.
    AttemptFailed {
        /// When it started.
        started: Timestamp,
        /// Its class.
        class: String,
        /// For people.
        message: Box<str>,
    },
    /// There will be another attempt.
    Retrying {
        /// When the next try may start.
        due: Timestamp,
    },
    /// A step or item failed for good.
    Failed {
        /// Its class.
        class: String,
        /// For people.
        message: Box<str>,
    },
    /// A step sleeps.
    Sleeping {
        /// Until when.
        until: Timestamp,
    },
    /// The process died in an attempt.
    Crashed,
    /// The engine stopped an attempt, which does not count.
    Interrupted,
    /// A person must decide.
    Parked,
    /// A fan-out has all its results.
    Gathered,
    /// A step or item was cancelled.
    Cancelled,
    /// The end of the run was asked for, or its time is up.
    CancelRequested {
        /// What the person gave as the reason, up to 4 KiB.
        reason: Box<str>,
    },
    /// The run goes on: a retry.
    Reopened,
    /// A dead letter was replayed.
    Replayed,
    /// The run came to its end.
    Ended {
        /// The state that it ended in.
        state: RunState,
        /// Why it failed, in words.
        failure: Option<String>,
    },
    /// The listener was too slow and has missed events.
    Missed {
        /// How many.
        count: u64,
    },
}

struct Listener {
    to: mpsc::Sender<EngineEvent>,
    missed: u64,
}

/// Who listens.
#[derive(Default)]
pub(crate) struct Hub {
    heard: AtomicBool,
    listeners: Mutex<Vec<Listener>>,
}

impl Hub {
    /// Whether anybody listens.
    pub(crate) fn is_heard(&self) -> bool {
        self.heard.load(Ordering::Acquire)
    }

    /// A new listener.
    pub(crate) fn listen(&self) -> mpsc::Receiver<EngineEvent> {
        let (to, from) = mpsc::channel(EVENTS_BEHIND_MAX);
        lock(&self.listeners).push(Listener { to, missed: 0 });
        self.heard.store(true, Ordering::Release);
        from
    }

    /// Tells all that listen.
    pub(crate) fn publish(&self, run: RunId, plan: &Plan, items: &ItemPath, event: &Event) {
        let event = describe(run, plan, items, event);
        let mut listeners = lock(&self.listeners);
        listeners.retain_mut(|listener| listener.tell(&event));
        self.heard.store(!listeners.is_empty(), Ordering::Release);
    }

    /// No more events: every stream ends.
    pub(crate) fn close(&self) {
        lock(&self.listeners).clear();
        self.heard.store(false, Ordering::Release);
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hub({})", lock(&self.listeners).len())
    }
}

impl Listener {
    /// Whether it is still there.
    fn tell(&mut self, event: &EngineEvent) -> bool {
        if self.missed > 0 {
            let kind = EventKind::Missed { count: self.missed };
            match self.to.try_send(EngineEvent { kind, ..event.clone() }) {
                Ok(()) => self.missed = 0,
                Err(_) => self.missed += 1,
            }
        }
        if self.missed > 0 {
            return !self.to.is_closed();
        }
        match self.to.try_send(event.clone()) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.missed = 1;
                true
            }
            Err(mpsc::error::TrySendError::Closed(_)) => false,
        }
    }
}

/// An event as listeners are told it.
pub(crate) fn describe(run: RunId, plan: &Plan, items: &ItemPath, event: &Event) -> EngineEvent {
    let (at, unit, kind) = (event.at(), event.unit(), kind_of(plan, event));
    let step = unit.map(|unit| plan.node(unit.node).id.clone());
    let path = unit.map(|unit| plan.path_of_items(unit.node, items.indices()).into());
    let item = items.last();
    EngineEvent { at, run, workflow: plan.name.clone(), step, path, item, kind }
}

fn kind_of(plan: &Plan, event: &Event) -> EventKind {
    let name = |node: NodeId| plan.node(node).id.clone();
    let class = |class: &ErrorClass| class.to_string();
    match event {
        Event::Accepted(_) => EventKind::Accepted,
        Event::Began { .. } => EventKind::Began,
        Event::Ready { .. } => EventKind::Ready,
        Event::Skipped { reason, .. } => EventKind::Skipped {
            reason: match reason {
                SkipReason::When => "its `when` is false".to_owned(),
                SkipReason::Needs(node) => format!("needs the output of step `{}`", name(*node)),
            },
        },
        Event::Blocked { by, .. } => EventKind::Blocked { by: name(*by) },
        Event::FannedOut { items, .. } => EventKind::FannedOut { items: items.len() },
        Event::GroupOpened { .. } => EventKind::GroupOpened,
        Event::EvaluationRequested { .. } => EventKind::Evaluating,
        Event::Started { .. } => EventKind::Started,
        Event::Slept { until, .. } => EventKind::Sleeping { until: *until },
        Event::Succeeded { attempt, output } => {
            EventKind::Succeeded { started: attempt.started, output: output.clone() }
        }
        Event::AttemptFailed { attempt, failure } => EventKind::AttemptFailed {
            started: attempt.started,
            class: class(&failure.class),
            message: failure.message.clone(),
        },
        Event::RetryScheduled { due, .. } => EventKind::Retrying { due: *due },
        Event::Failed { failure, .. } => {
            let (class, message) = (class(&failure.class), failure.message.clone());
            EventKind::Failed { class, message }
        }
        Event::Crashed { .. } => EventKind::Crashed,
        Event::Interrupted { .. } => EventKind::Interrupted,
        Event::Parked { .. } => EventKind::Parked,
        Event::Gathered { .. } => EventKind::Gathered,
        Event::Cancelled { .. } => EventKind::Cancelled,
        Event::CancelRequested { reason, .. } => {
            EventKind::CancelRequested { reason: reason.clone() }
        }
        Event::Reopened { .. } => EventKind::Reopened,
        Event::Replayed { .. } => EventKind::Replayed,
        Event::Ended { state, failure, .. } => {
            let failure = failure.as_ref().map(|f| format!("{}: {}", f.class, f.message));
            EventKind::Ended { state: *state, failure }
        }
    }
}
