//! A named queue: hands ready jobs to workers that have free slots.
//!
//! Owns the jobs that are ready and not handed out. Its death loses them; the shards say again what
//! is owed when it is back, and what the workers still hold is not handed out twice.

mod ready;

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::{Notify, oneshot};

use self::ready::Ready;
use super::desk::{AttemptKey, Desk};
use super::inbox::Inbox;
use super::shared::{Registered, Shared};
use crate::clock::Timestamp;
use crate::definition::{QueueSettings, WhenFull};
use crate::id::{Name, RunId};
use crate::plan::Node;
use crate::run::{AttemptSource, Unit};
use crate::task::StopReason;

/// The most jobs handed to a worker at once.
const HAND_OUT_MAX: usize = 64;

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
    pub(crate) workflow: Arc<Registered>,
    pub(crate) source: AttemptSource,
}

impl Job {
    pub(crate) fn key(&self) -> AttemptKey {
        AttemptKey { run: self.run, unit: self.unit, fencing: self.fencing }
    }

    pub(crate) fn node(&self) -> &Node {
        self.workflow.plan.node(self.unit.node)
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
    /// A job is ready.
    Ready(Job),
    /// The job is not wanted any more, wherever it is.
    Abort(AttemptKey),
    /// A worker has free slots.
    Freed,
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
    pub(crate) counts: Counts,
    /// Told when a full queue has room again.
    pub(crate) room: Notify,
    /// Told when an attempt in a task has ended.
    pub(crate) idle: Notify,
}

/// What a queue has done and holds.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Ready jobs that are not handed out.
    pub(crate) depth: AtomicUsize,
    /// Runs that were accepted and whose first job is not here yet.
    pub(crate) reserved: AtomicUsize,
    pub(crate) succeeded: AtomicU64,
    pub(crate) failed: AtomicU64,
    /// Time spent in attempts, microseconds.
    pub(crate) busy: AtomicU64,
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

    /// Sends what shards and others have for the queue, and takes it out of `requests`.
    pub(crate) fn send_ready(&self, requests: &mut Vec<Request>) {
        if requests.is_empty() {
            return;
        }
        self.inbox.put(|waiting| {
            self.counts.depth.fetch_add(ready_among(requests), Ordering::AcqRel);
            waiting.append(requests);
        });
    }

    /// Reserves room for a run's first job.
    ///
    /// # Errors
    /// The depth, where the queue is full.
    pub(crate) fn reserve(&self) -> Result<(), usize> {
        let Some(limit) = self.settings.max_depth else { return Ok(()) };
        let reserved = self.counts.reserved.fetch_add(1, Ordering::AcqRel);
        let depth = self.counts.depth.load(Ordering::Acquire);
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

    /// Whether an attempt waits at the door or is in a worker's hands.
    pub(crate) fn holds(&self, key: &AttemptKey) -> bool {
        let waits = |request: &Request| matches!(request, Request::Ready(job) if job.key() == *key);
        self.desks.iter().any(|desk| desk.holds(key))
            || self.inbox.look(|requests| requests.iter().any(waits))
    }

    /// How many attempts run in tasks.
    pub(crate) fn running(&self) -> usize {
        self.desks.iter().map(|desk| desk.running()).sum()
    }

    /// Counts an attempt that has ended.
    pub(crate) fn count(&self, succeeded: bool, took: Duration) {
        let counter = if succeeded { &self.counts.succeeded } else { &self.counts.failed };
        counter.fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.counts.busy.fetch_add(micros, Ordering::Relaxed);
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
    shared: Arc<Shared>,
    queue: Arc<Queue>,
    taken: Vec<Request>,
    ready: Ready,
    /// Jobs in `ready` that are not to be handed out.
    aborted: HashSet<AttemptKey>,
    stopped: bool,
}

impl State {
    fn drain(&mut self, myself: &ActorRef<Msg>) {
        let mut taken = std::mem::take(&mut self.taken);
        self.queue.inbox.take(&mut taken);
        for request in taken.drain(..) {
            match request {
                Request::Ready(job) => self.ready.push(job),
                Request::Abort(key) => self.abort(key),
                Request::Freed => {}
                Request::Stop => self.stopped = true,
                Request::Oldest(reply) => drop(reply.send(self.ready.oldest())),
            }
        }
        self.taken = taken;
        if !self.stopped {
            self.hand_out();
        }
        if self.queue.inbox.go_on() {
            drop(myself.cast(Msg::Drain));
        }
    }

    fn abort(&mut self, key: AttemptKey) {
        let held = self.queue.desks.iter().any(|desk| desk.stop(&key, StopReason::Cancelled));
        if !held && self.ready.iter().any(|job| job.key() == key) {
            self.aborted.insert(key);
        }
    }

    /// Gives each worker its share of what is ready, as far as it has slots.
    fn hand_out(&mut self) {
        let now = self.shared.clock.now();
        while self.ready.len() > 0 {
            let free: Vec<(usize, usize)> = self.free_slots();
            if free.is_empty() {
                return;
            }
            let share = self.ready.len().div_ceil(free.len()).min(HAND_OUT_MAX);
            for (worker, slots) in free {
                let jobs = self.pick(share.min(slots), now);
                self.queue.desks[worker].assign(jobs.into_iter());
            }
        }
    }

    fn free_slots(&self) -> Vec<(usize, usize)> {
        let desks = self.queue.desks.iter();
        desks
            .filter(|desk| !desk.is_stuck())
            .map(|desk| (desk.index, self.queue.slots(desk.index).saturating_sub(desk.taken())))
            .filter(|(_, free)| *free > 0)
            .collect()
    }

    fn pick(&mut self, count: usize, now: Timestamp) -> Vec<Job> {
        let mut jobs = Vec::with_capacity(count);
        let mut left = 0;
        while jobs.len() < count {
            let Some(job) = self.ready.pop(now) else { break };
            left += 1;
            if self.aborted.is_empty() || !self.aborted.remove(&job.key()) {
                jobs.push(job);
            }
        }
        self.queue.counts.depth.fetch_sub(left, Ordering::AcqRel);
        if self.queue.counts.awaited.load(Ordering::Acquire) {
            self.queue.room.notify_waiters();
        }
        jobs
    }
}

fn ready_among(requests: &[Request]) -> usize {
    requests.iter().filter(|request| matches!(request, Request::Ready(_))).count()
}

pub(super) struct QueueActor;

impl Actor for QueueActor {
    type Msg = Msg;
    type State = State;
    type Arguments = (Arc<Shared>, Arc<Queue>);

    async fn pre_start(
        &self,
        myself: ActorRef<Msg>,
        (shared, queue): Self::Arguments,
    ) -> Result<State, ActorProcessingErr> {
        // What a predecessor had taken is gone; what waits at the door is not.
        queue.inbox.look(|waiting| {
            queue.counts.depth.store(ready_among(waiting), Ordering::Release);
        });
        queue.inbox.attach(move || drop(myself.cast(Msg::Drain)));
        Ok(State {
            shared,
            queue,
            taken: Vec::new(),
            ready: Ready::default(),
            aborted: HashSet::new(),
            stopped: false,
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
        }
        Ok(())
    }
}
