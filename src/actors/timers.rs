//! The timers actor: wakes runs at their time, never before it.
//!
//! Owns the armed timers, in memory only. Its death loses them all; the shards arm again what is
//! owed when it is back.

mod heap;

use std::sync::Arc;

use tokio::task::JoinHandle;

pub(crate) use self::heap::Heap;

use super::drain::{Drain, Draining};
use super::inbox::Inbox;
use super::shard;
use super::shared::Shared;
use crate::clock::Timestamp;
use crate::id::RunId;
use crate::run::{Input, Timer};

/// What the timers actor is asked.
#[derive(Debug)]
pub(crate) enum Request {
    /// Wake the run at the time.
    Arm { due: Timestamp, run: RunId, timer: Timer },
    /// The run has ended.
    Forget(RunId),
    /// The first timer may be due.
    Tick,
}

/// The way to the timers actor.
#[derive(Debug, Clone)]
pub(crate) struct Timers(pub(crate) Arc<Inbox<Request>>);

impl Timers {
    /// Wakes `run` at `due`.
    pub(crate) fn arm(&self, due: Timestamp, run: RunId, timer: Timer) {
        self.0.send(Request::Arm { due, run, timer });
    }

    /// Drops what is armed for `run`.
    pub(crate) fn forget(&self, run: RunId) {
        self.0.send(Request::Forget(run));
    }
}

pub(crate) struct State {
    shared: Arc<Shared>,
    armed: Heap,
    /// What is due, for each shard.
    due: Vec<Vec<shard::Request>>,
    alarm: Option<(Timestamp, JoinHandle<()>)>,
}

impl State {
    /// The state of a new timers actor, beside its inbox.
    pub(crate) fn of(shared: &Arc<Shared>) -> Draining<Self> {
        let state = Self {
            shared: Arc::clone(shared),
            armed: Heap::default(),
            due: shared.shards.iter().map(|_| Vec::new()).collect(),
            alarm: None,
        };
        Draining::new(state, Arc::clone(&shared.timers.0))
    }

    fn tick(&mut self) {
        let now = self.shared.clock.now();
        self.alarm = None;
        while let Some((run, timer)) = self.armed.take_due(now) {
            let place = self.shared.shard_index(run);
            self.due[place].push(shard::Request::Input(run, Input::Due(timer)));
        }
        for (shard, due) in self.shared.shards.iter().zip(&mut self.due) {
            shard.send_all(due);
        }
    }

    /// Wakes this actor when the first timer is due.
    fn set_alarm(&mut self) {
        let Some(due) = self.armed.first_due() else { return };
        if self.alarm.as_ref().is_some_and(|(set, _)| *set <= due) {
            return;
        }
        if let Some((_, alarm)) = self.alarm.take() {
            alarm.abort();
        }
        let (until, timers) = (self.shared.clock.instant(due), self.shared.timers.clone());
        let alarm = tokio::spawn(async move {
            tokio::time::sleep_until(until).await;
            timers.0.send(Request::Tick);
        });
        self.alarm = Some((due, alarm));
    }
}

impl Drain for State {
    type Request = Request;

    fn drain(&mut self, requests: &mut Vec<Request>) {
        for request in requests.drain(..) {
            match request {
                Request::Arm { due, run, timer } => self.armed.arm(due, run, timer),
                Request::Forget(run) => self.armed.forget(run),
                Request::Tick => self.tick(),
            }
        }
        self.set_alarm();
    }
}
