//! A named queue: workers with free slots claim what is ready.
//!
//! The ready jobs lie on a counter beside the actor, where shards put them and workers take them
//! without a message. The actor owns what is said about them: aborts, stopping, questions. Its
//! death loses nothing.

mod ready;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::{Notify, oneshot};

use self::ready::Ready;
use super::desk::{AttemptKey, Desk};
use super::inbox::{Inbox, lock};
use crate::clock::Timestamp;
use crate::definition::{QueueSettings, WhenFull};
use crate::id::{Name, RunId};
use crate::run::{AttemptSource, Unit};
use crate::task::StopReason;

/// The most jobs that a worker takes at once.
const CLAIM_MAX: usize = 64;

/// One attempt that is ready to be executed.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) run: RunId,
    pub(crate) unit: Unit,
    pub(crate) attempt: u32,
    pub(crate) fencing: u32,
    pub(crate) priority: i16,
    pub(crate) start: StartRecord,
    pub(crate) ready_at: Timestamp,
    /// The place of its workflow among the engine's: a reference would be counted by all cores.
    pub(crate) workflow: usize,
    pub(crate) source: AttemptSource,
}

impl Job {
    pub(crate) fn key(&self) -> AttemptKey {
        AttemptKey { run: self.run, unit: self.unit, fencing: self.fencing }
    }
}

/// How the start of an attempt gets into the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StartRecord {
    /// Along the way, if the handler is still at work after its first poll.
    Lazy,
    /// Before the handler runs.
    Durable,
    /// It is there.
    Done,
}

/// What a queue is asked.
#[derive(Debug)]
pub(crate) enum Request {
    /// The job is not wanted any more, wherever it is.
    Abort(AttemptKey),
    /// Hand out nothing more.
    Stop,
    /// When the oldest ready job became ready.
    Oldest(oneshot::Sender<Option<Timestamp>>),
}

/// The shared face of a queue: its door, its workers' desks, its counts.
pub(crate) struct Queue {
    pub(crate) index: usize,
    pub(crate) name: Name,
    pub(crate) settings: QueueSettings,
    pub(crate) inbox: Arc<Inbox<Request>>,
    pub(crate) desks: Vec<Arc<Desk>>,
    ready: Mutex<Ready>,
    pub(crate) counts: Counts,
    /// Told when a full queue has room again.
    pub(crate) room: Notify,
    /// Told when an attempt in a task has ended.
    pub(crate) idle: Notify,
}

/// What a queue holds beside its jobs.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Runs that were accepted and whose first job is not here yet.
    pub(crate) reserved: AtomicUsize,
    /// Restarts of its actors.
    pub(crate) restarts: AtomicU64,
    /// Whether somebody waits for room.
    pub(crate) awaited: AtomicBool,
}

impl Queue {
    pub(crate) fn new(
        index: usize,
        name: Name,
        settings: QueueSettings,
        cores: usize,
    ) -> Arc<Self> {
        let workers = settings.workers.min(cores).max(1);
        Arc::new(Self {
            index,
            name,
            settings,
            inbox: Inbox::new(),
            desks: (0..workers).map(Desk::new).collect(),
            ready: Mutex::new(Ready::new(workers)),
            counts: Counts::default(),
            room: Notify::new(),
            idle: Notify::new(),
        })
    }

    /// The slots of one worker; the first ones have one more where the number does not divide.
    pub(crate) fn slots(&self, worker: usize) -> usize {
        let (all, workers) = (self.settings.workers, self.desks.len());
        all / workers + usize::from(worker < all % workers)
    }

    /// Puts ready jobs on the counter, and wakes workers for them.
    pub(crate) fn push(&self, jobs: &mut Vec<Job>) {
        if jobs.is_empty() {
            return;
        }
        let mut wanted = jobs.len();
        let mut ready = lock(&self.ready);
        jobs.drain(..).for_each(|job| ready.push(job));
        for desk in &self.desks {
            if wanted > 0 && ready.resting[desk.index] {
                ready.resting[desk.index] = false;
                desk.wake();
                wanted -= 1;
            }
        }
    }

    /// Puts what a worker may take on its desk: no more than its free slots and its share. Says
    /// whether that is anything; if not, the worker may rest and is woken.
    pub(crate) fn claim(&self, desk: &Desk, now: Timestamp) -> bool {
        let mut ready = lock(&self.ready);
        let free = self.slots(desk.index).saturating_sub(desk.taken());
        let share = ready.len().div_ceil(self.desks.len()).min(free).min(CLAIM_MAX);
        if share == 0 || ready.stopped {
            // Without a slot it is woken by the attempt that frees one.
            ready.resting[desk.index] = free > 0;
            return false;
        }
        desk.put((0..share).map_while(|_| ready.pop(now)));
        drop(ready);
        if self.counts.awaited.load(Ordering::Acquire) {
            self.room.notify_waiters();
        }
        true
    }

    /// A slot of the worker has become free.
    pub(crate) fn freed(&self, desk: &Desk) {
        let mut ready = lock(&self.ready);
        let is_wanted = ready.len() > 0 && !ready.stopped;
        ready.resting[desk.index] = !is_wanted;
        if is_wanted {
            desk.wake();
        }
        drop(ready);
        self.idle.notify_waiters();
    }

    /// Jobs that wait behind a handler that does not return go back.
    pub(crate) fn hand_back(&self, desk: &Desk) {
        let mut jobs = desk.take_jobs().into();
        self.push(&mut jobs);
    }

    /// Ready jobs that are not handed out.
    pub(crate) fn depth(&self) -> usize {
        lock(&self.ready).len()
    }

    /// Reserves room for a run's first job.
    ///
    /// # Errors
    /// The depth, where the queue is full.
    pub(crate) fn reserve(&self) -> Result<(), usize> {
        let Some(limit) = self.settings.max_depth else { return Ok(()) };
        let reserved = self.counts.reserved.fetch_add(1, Ordering::AcqRel);
        let depth = self.depth();
        if depth + reserved < limit {
            return Ok(());
        }
        self.unreserve();
        Err(depth)
    }

    /// Gives the room back.
    pub(crate) fn unreserve(&self) {
        if self.settings.max_depth.is_some() {
            self.counts.reserved.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// Whether a start waits for room instead of being refused.
    pub(crate) fn waits(&self) -> bool {
        self.settings.when_full == WhenFull::Wait
    }

    /// How many attempts have succeeded and failed, and the time they took, in microseconds.
    pub(crate) fn counted(&self) -> [u64; 3] {
        let all = self.desks.iter().map(|desk| desk.counted());
        all.fold([0; 3], |[a, b, c], [x, y, z]| [a + x, b + y, c + z])
    }

    /// How many attempts run in tasks.
    pub(crate) fn running(&self) -> usize {
        self.desks.iter().map(|desk| desk.running()).sum()
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Queue({})", self.name)
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Msg {
    /// Something waits in the inbox.
    Drain,
}

pub(super) struct State {
    queue: Arc<Queue>,
    taken: Vec<Request>,
}

impl State {
    fn drain(&mut self, myself: &ActorRef<Msg>) {
        let mut taken = std::mem::take(&mut self.taken);
        self.queue.inbox.take(&mut taken);
        for request in taken.drain(..) {
            match request {
                Request::Abort(key) => self.abort(key),
                Request::Stop => lock(&self.queue.ready).stopped = true,
                Request::Oldest(reply) => {
                    let oldest = lock(&self.queue.ready).oldest();
                    let _ = reply.send(oldest); // who asked may have gone
                }
            }
        }
        self.taken = taken;
        if self.queue.inbox.go_on() {
            drop(myself.cast(Msg::Drain));
        }
    }

    /// A job is with a worker, or else on the counter: a claim moves it under the counter's lock.
    fn abort(&self, key: AttemptKey) {
        let mut ready = lock(&self.queue.ready);
        if !self.queue.desks.iter().any(|desk| desk.stop(&key, StopReason::Cancelled)) {
            ready.abort(key);
        }
    }
}

pub(super) struct QueueActor;

impl Actor for QueueActor {
    type Msg = Msg;
    type State = State;
    type Arguments = Arc<Queue>;

    async fn pre_start(
        &self,
        myself: ActorRef<Msg>,
        queue: Arc<Queue>,
    ) -> Result<State, ActorProcessingErr> {
        queue.inbox.attach(move || drop(myself.cast(Msg::Drain)));
        Ok(State { queue, taken: Vec::new() })
    }

    async fn handle(
        &self,
        myself: ActorRef<Msg>,
        message: Msg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Msg::Drain => state.drain(&myself),
        }
        Ok(())
    }
}
