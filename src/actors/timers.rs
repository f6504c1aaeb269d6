//! The timers actor: wakes runs at their time, never before it.
//!
//! Owns the armed timers, in memory only. Its death loses them all; the shards arm again what is
//! owed when it is back.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::task::JoinHandle;

use super::inbox::Inbox;
use super::shard;
use super::shared::Shared;
use crate::clock::Timestamp;
use crate::id::RunId;
use crate::run::{Input, Timer};

/// So many runs may have ended before their timers are looked for.
const FORGOTTEN_MIN: usize = 1_000;

/// What the timers actor is asked.
#[derive(Debug)]
pub(crate) enum Request {
    /// Wake the run at the time.
    Arm { due: Timestamp, run: RunId, timer: Timer },
    /// The run has ended.
    Forget(RunId),
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

#[derive(Debug, Clone, Copy)]
pub(super) enum Msg {
    /// Something waits in the inbox.
    Drain,
    /// The first timer may be due.
    Tick,
}

pub(super) struct State {
    shared: Arc<Shared>,
    inbox: Arc<Inbox<Request>>,
    taken: Vec<Request>,
    /// Armed timers by time, then by the order in which they came.
    armed: BTreeMap<(Timestamp, u64), (RunId, Timer)>,
    /// Runs that have ended; their timers are dropped when there are many.
    forgotten: HashSet<RunId>,
    sequence: u64,
    alarm: Option<(Timestamp, JoinHandle<()>)>,
}

impl State {
    fn drain(&mut self, myself: &ActorRef<Msg>) {
        let mut taken = std::mem::take(&mut self.taken);
        self.inbox.take(&mut taken);
        for request in taken.drain(..) {
            match request {
                Request::Arm { due, run, timer } => self.arm(due, run, timer),
                Request::Forget(run) => self.forget(run),
            }
        }
        self.taken = taken;
        self.set_alarm(myself);
        if self.inbox.go_on() {
            drop(myself.cast(Msg::Drain));
        }
    }

    fn arm(&mut self, due: Timestamp, run: RunId, timer: Timer) {
        self.sequence += 1;
        self.armed.insert((due, self.sequence), (run, timer));
        self.forgotten.remove(&run);
    }

    /// A timer of a run that has ended does no harm; only their number must not grow.
    fn forget(&mut self, run: RunId) {
        self.forgotten.insert(run);
        if self.forgotten.len() > FORGOTTEN_MIN.max(self.armed.len() / 2) {
            let forgotten = std::mem::take(&mut self.forgotten);
            self.armed.retain(|_, (run, _)| !forgotten.contains(run));
        }
    }

    fn tick(&mut self, myself: &ActorRef<Msg>) {
        let now = self.shared.clock.now();
        self.alarm = None;
        while let Some(entry) = self.armed.first_entry() {
            let key = *entry.key();
            if key.0 > now {
                break;
            }
            let (run, timer) = entry.remove();
            self.shared.shard_of(run).send(shard::Request::Input(run, Input::Due(timer)));
        }
        self.set_alarm(myself);
    }

    /// Wakes this actor when the first timer is due.
    fn set_alarm(&mut self, myself: &ActorRef<Msg>) {
        let Some(((due, _), _)) = self.armed.first_key_value() else { return };
        if self.alarm.as_ref().is_some_and(|(set, _)| set <= due) {
            return;
        }
        if let Some((_, alarm)) = self.alarm.take() {
            alarm.abort();
        }
        let (until, actor) = (self.shared.clock.instant(*due), myself.clone());
        let alarm = tokio::spawn(async move {
            tokio::time::sleep_until(until).await;
            drop(actor.cast(Msg::Tick));
        });
        self.alarm = Some((*due, alarm));
    }
}

pub(super) struct TimersActor;

impl Actor for TimersActor {
    type Msg = Msg;
    type State = State;
    type Arguments = Arc<Shared>;

    async fn pre_start(
        &self,
        myself: ActorRef<Msg>,
        shared: Arc<Shared>,
    ) -> Result<State, ActorProcessingErr> {
        let inbox = Arc::clone(&shared.timers.0);
        inbox.attach(move || drop(myself.cast(Msg::Drain)));
        Ok(State {
            shared,
            inbox,
            taken: Vec::new(),
            armed: BTreeMap::new(),
            forgotten: HashSet::new(),
            sequence: 0,
            alarm: None,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Msg>,
        message: Msg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Msg::Drain => state.drain(&myself),
            Msg::Tick => state.tick(&myself),
        }
        Ok(())
    }
}
