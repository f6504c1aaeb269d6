//! Tells those who listen what happens in the engine. Costs one load where nobody does.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc;

use super::inbox::lock;
use crate::clock::Timestamp;
use crate::definition::ErrorClass;
use crate::id::{Name, RunId};
use crate::payload::Payload;
use crate::plan::{NodeId, Plan};
use crate::run::{Event, RunState, SkipReason, Unit};

/// How many events a listener may be behind; more are dropped, and counted.
pub const EVENTS_BEHIND_MAX: usize = 65_536;

/// Something that has happened, durable as far as the run is.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct EngineEvent {
    /// When.
    pub at: Timestamp,
    /// The run.
    pub run: RunId,
    /// Its workflow.
    pub workflow: Name,
    /// The step, where it is about one.
    pub step: Option<Name>,
    /// The fan-out whose body the step belongs to.
    pub fan_out: Option<Name>,
    /// The item of a fan-out.
    pub item: Option<u32>,
    /// What.
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
        /// Which.
        by: Name,
    },
    /// A fan-out knows its list.
    FannedOut {
        /// How many items.
        items: usize,
    },
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
        /// When.
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
        /// Why.
        reason: Box<str>,
    },
    /// The run goes on: a retry.
    Reopened,
    /// A dead letter was replayed.
    Replayed,
    /// The run came to its end.
    Ended {
        /// How.
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
    pub(crate) fn publish(&self, run: RunId, plan: &Plan, event: &Event) {
        let event = describe(run, plan, event);
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

fn describe(run: RunId, plan: &Plan, event: &Event) -> EngineEvent {
    let (at, unit, kind) = kind_of(plan, event);
    let step = unit.map(|unit| plan.node(unit.node).id.clone());
    let parent = unit.and_then(|unit| plan.node(unit.node).parent);
    let fan_out = parent.map(|parent| plan.node(parent).id.clone());
    let item = unit.and_then(|unit| (unit.item != Unit::NO_ITEM).then_some(unit.item));
    EngineEvent { at, run, workflow: plan.name.clone(), step, fan_out, item, kind }
}

fn kind_of(plan: &Plan, event: &Event) -> (Timestamp, Option<Unit>, EventKind) {
    let name = |node: NodeId| plan.node(node).id.clone();
    let class = |class: &ErrorClass| class.to_string();
    match event {
        Event::Accepted(accepted) => (accepted.at, None, EventKind::Accepted),
        Event::Began { at } => (*at, None, EventKind::Began),
        Event::Ready { unit, at } => (*at, Some(*unit), EventKind::Ready),
        Event::Skipped { unit, at, reason } => {
            let reason = match reason {
                SkipReason::When => "its `when` is false".to_owned(),
                SkipReason::Needs(node) => format!("needs the output of step `{}`", name(*node)),
            };
            (*at, Some(*unit), EventKind::Skipped { reason })
        }
        Event::Blocked { unit, at, by } => (*at, Some(*unit), EventKind::Blocked { by: name(*by) }),
        Event::FannedOut { node, at, items } => {
            (*at, Some(Unit::of(*node)), EventKind::FannedOut { items: items.len() })
        }
        Event::Started { unit, at, .. } => (*at, Some(*unit), EventKind::Started),
        Event::Slept { unit, at, until, .. } => {
            (*at, Some(*unit), EventKind::Sleeping { until: *until })
        }
        Event::Succeeded { unit, started, at, output, .. } => {
            let (started, output) = (*started, output.clone());
            (*at, Some(*unit), EventKind::Succeeded { started, output })
        }
        Event::AttemptFailed { unit, started, at, failure, .. } => {
            let (class, message) = (class(&failure.class), failure.message.clone());
            (*at, Some(*unit), EventKind::AttemptFailed { started: *started, class, message })
        }
        Event::RetryScheduled { unit, at, due } => {
            (*at, Some(*unit), EventKind::Retrying { due: *due })
        }
        Event::Failed { unit, at, failure } => {
            let (class, message) = (class(&failure.class), failure.message.clone());
            (*at, Some(*unit), EventKind::Failed { class, message })
        }
        Event::Crashed { unit, at, .. } => (*at, Some(*unit), EventKind::Crashed),
        Event::Interrupted { unit, at, .. } => (*at, Some(*unit), EventKind::Interrupted),
        Event::Parked { unit, at } => (*at, Some(*unit), EventKind::Parked),
        Event::Gathered { node, at, .. } => (*at, Some(Unit::of(*node)), EventKind::Gathered),
        Event::Cancelled { unit, at } => (*at, Some(*unit), EventKind::Cancelled),
        Event::CancelRequested { at, reason, .. } => {
            (*at, None, EventKind::CancelRequested { reason: reason.clone() })
        }
        Event::Reopened { at, .. } => (*at, None, EventKind::Reopened),
        Event::Replayed { unit, at, .. } => (*at, Some(*unit), EventKind::Replayed),
        Event::Ended { at, state, failure, .. } => {
            let failure = failure.as_ref().map(|f| format!("{}: {}", f.class, f.message));
            (*at, None, EventKind::Ended { state: *state, failure })
        }
    }
}
