//! A named queue: workers with free slots claim what is ready.
//!
//! The ready jobs lie on a counter beside the actor, where shards put them and workers take them
//! without a message; an abort is made there too, before the cancel is answered. The actor answers
//! questions. Its death loses nothing.

mod class;
mod ready;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use tokio::sync::{Notify, oneshot};

use self::ready::{Ready, Rest};
use super::desk::{AttemptKey, Desk};
use super::drain::{Drain, Draining};
use super::inbox::Inbox;
use crate::clock::Timestamp;
use crate::definition::{QueueSettings, WhenFull};
use crate::id::{Name, RunId};
use crate::run::{AttemptSource, ItemPath, Unit};
use crate::sync::{Mutex, lock};
use crate::task::StopReason;

/// The most jobs that a worker takes at once.
const CLAIM_MAX: usize = 64;

/// One attempt that is ready to be executed.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) run: RunId,
    pub(crate) unit: Unit,
    pub(crate) items: ItemPath,
    pub(crate) attempt: u32,
    pub(crate) dispatch: u32,
    /// The ownership of the run's shard that it was dispatched in.
    pub(crate) epoch: u32,
    pub(crate) priority: i16,
    pub(crate) start: StartRecord,
    pub(crate) ready_at: Timestamp,
    /// The place of its workflow among the engine's: a reference would be counted by all cores.
    pub(crate) workflow: u32,
    pub(crate) source: AttemptSource,
    /// The run's folder, for steps that ask for it.
    pub(crate) folder: Option<Arc<Path>>,
}

impl Job {
    pub(crate) fn key(&self) -> AttemptKey {
        AttemptKey { run: self.run, unit: self.unit, dispatch: self.dispatch }
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
        if !jobs.is_empty() {
            self.lay_out(&mut lock(&self.ready), jobs);
        }
    }

    fn lay_out(&self, ready: &mut Ready, jobs: &mut Vec<Job>) {
        let mut wanted = jobs.len();
        jobs.drain(..).for_each(|job| ready.push(job));
        for desk in &self.desks {
            if wanted > 0 && ready.rests[desk.index] == Rest::Job {
                ready.rests[desk.index] = Rest::Nothing;
                desk.wake();
                wanted -= 1;
            }
        }
    }

    /// Puts what a worker may take on its desk, which has no jobs: no more than its free slots and its
    /// share. Says whether that is anything; if not, the worker may rest and is woken.
    pub(crate) fn claim(&self, desk: &Desk, now: Timestamp) -> bool {
        let mut ready = lock(&self.ready);
        let free = self.slots(desk.index).saturating_sub(desk.taken());
        let share = ready.len().div_ceil(self.desks.len()).min(free).min(CLAIM_MAX);
        if ready.stopped {
            drop(ready);
            self.idle.notify_waiters();
            return false;
        }
        if share == 0 {
            ready.rests[desk.index] = if free > 0 { Rest::Job } else { Rest::Slot };
            return false;
        }
        ready.rests[desk.index] = Rest::Nothing;
        desk.put(|jobs| ready.take(share, now, jobs));
        true
    }

    /// Wakes those who wait for room; says whether there may be any.
    pub(crate) fn tell_of_room(&self) -> bool {
        let awaited = &self.counts.awaited;
        let is_awaited = awaited.load(Ordering::Acquire) && awaited.swap(false, Ordering::AcqRel);
        if is_awaited {
            self.room.notify_waiters();
        }
        is_awaited
    }

    /// A slot of the worker has become free. One that is at work, or does not return from it, is not
    /// told: others may rest that take what there is.
    pub(crate) fn freed(&self, desk: &Desk) {
        let mut ready = lock(&self.ready);
        if ready.rests[desk.index] == Rest::Slot {
            let is_wanted = ready.len() > 0 && !ready.stopped;
            ready.rests[desk.index] = if is_wanted { Rest::Nothing } else { Rest::Job };
            if is_wanted {
                desk.wake();
            }
        }
        drop(ready);
        self.idle.notify_waiters();
    }

    /// Hands out nothing more, and those who wait for room hear it. What a worker has claimed and not
    /// begun never begins: a claim is made under the same lock.
    pub(crate) fn stop(&self) {
        let mut ready = lock(&self.ready);
        ready.stopped = true;
        for desk in &self.desks {
            drop(desk.take_jobs());
            desk.wake();
        }
        drop(ready);
        self.room.notify_waiters();
    }

    /// Whether it hands out nothing more.
    pub(crate) fn is_stopped(&self) -> bool {
        lock(&self.ready).stopped
    }

    /// A job is not wanted any more, maybe one of those that come with it. It is with a worker, or else
    /// on the counter, or never comes there: a claim moves it under the counter's lock.
    pub(crate) fn abort(&self, jobs: &mut Vec<Job>, key: AttemptKey) {
        let mut ready = lock(&self.ready);
        self.lay_out(&mut ready, jobs);
        if !self.desks.iter().any(|desk| desk.stop(&key, StopReason::Cancelled)) {
            ready.abort(key);
        }
    }

    /// How many attempts have begun and not ended.
    pub(crate) fn begun(&self) -> usize {
        self.desks.iter().map(|desk| desk.taken()).sum()
    }

    /// Jobs that wait behind a handler that does not return go back.
    pub(crate) fn hand_back(&self, desk: &Desk) {
        let mut ready = lock(&self.ready);
        self.lay_out(&mut ready, &mut desk.take_jobs().into());
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
        // Nobody is told: there was no room.
        self.counts.reserved.fetch_sub(1, Ordering::AcqRel);
        Err(depth)
    }

    /// Gives the room back.
    pub(crate) fn unreserve(&self) {
        if self.settings.max_depth.is_some() {
            self.counts.reserved.fetch_sub(1, Ordering::AcqRel);
            self.tell_of_room();
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

pub(crate) struct State {
    queue: Arc<Queue>,
}

impl State {
    /// The state of a queue's actor, beside its inbox.
    pub(crate) fn of(queue: &Arc<Queue>) -> Draining<Self> {
        Draining::new(Self { queue: Arc::clone(queue) }, Arc::clone(&queue.inbox))
    }
}

impl Drain for State {
    type Request = Request;

    fn drain(&mut self, requests: &mut Vec<Request>) {
        for request in requests.drain(..) {
            match request {
                Request::Oldest(reply) => {
                    let oldest = lock(&self.queue.ready).oldest();
                    let _ = reply.send(oldest); // who asked may have gone
                }
            }
        }
    }
}
