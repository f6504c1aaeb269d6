//! What one worker has on its hands, outside of the worker: so that it survives the worker, and
//! that the watchdog sees a first poll that does not return.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::inbox::lock;
use super::queue::Job;
use crate::clock::Timestamp;
use crate::id::RunId;
use crate::run::Unit;
use crate::task::{CancelSignal, StopReason};

/// One attempt of all there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct AttemptKey {
    pub(crate) run: RunId,
    pub(crate) unit: Unit,
    pub(crate) fencing: u32,
}

/// The first poll that is under way.
#[derive(Debug, Clone)]
pub(crate) struct Polling {
    pub(crate) key: AttemptKey,
    pub(crate) since: Timestamp,
    pub(crate) timeout: Option<Duration>,
    pub(crate) cancel: CancelSignal,
    /// Whether the watchdog has told the shard that the attempt runs.
    pub(crate) told: bool,
    /// Whether the watchdog has ended the attempt by its timeout.
    pub(crate) ended: bool,
}

/// The desk of one worker.
pub(crate) struct Desk {
    pub(crate) index: usize,
    state: Mutex<State>,
    running: Mutex<HashMap<AttemptKey, CancelSignal>>,
    tally: Tally,
}

/// How the attempts of one worker have ended.
#[derive(Debug, Default)]
struct Tally {
    succeeded: AtomicU64,
    failed: AtomicU64,
    /// Time spent in attempts, microseconds.
    busy: AtomicU64,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    polling: Option<Polling>,
    wake: Option<Box<dyn Fn() + Send + Sync>>,
}

impl Desk {
    pub(crate) fn new(index: usize) -> Arc<Self> {
        let (state, running) = (Mutex::default(), Mutex::default());
        Arc::new(Self { index, state, running, tally: Tally::default() })
    }

    /// Names the worker to wake. What its predecessor was polling when it died is handed back.
    pub(crate) fn attach(&self, wake: impl Fn() + Send + Sync + 'static) -> Option<Polling> {
        let mut state = lock(&self.state);
        state.wake = Some(Box::new(wake));
        state.polling.take()
    }

    /// Tells the worker that there is something for it.
    pub(crate) fn wake(&self) {
        if let Some(wake) = &lock(&self.state).wake {
            wake();
        }
    }

    /// Puts jobs on the desk.
    pub(crate) fn put(&self, jobs: impl Iterator<Item = Job>) {
        lock(&self.state).jobs.extend(jobs);
    }

    /// The next job, marked as being polled since `now`; `timeout` tells how long it may run.
    pub(crate) fn begin(
        &self,
        now: Timestamp,
        cancel: &CancelSignal,
        timeout: impl FnOnce(&Job) -> Option<Duration>,
    ) -> Option<Job> {
        let mut state = lock(&self.state);
        let job = state.jobs.pop_front()?;
        state.polling = Some(Polling {
            key: job.key(),
            since: now,
            timeout: timeout(&job),
            cancel: cancel.clone(),
            told: false,
            ended: false,
        });
        Some(job)
    }

    /// The first poll has returned: whether its result still counts.
    pub(crate) fn polled(&self) -> bool {
        lock(&self.state).polling.take().is_none_or(|polling| !polling.ended)
    }

    /// Lets the watchdog look at the first poll that is under way, and mark it.
    pub(crate) fn watch<T>(&self, look: impl FnOnce(&mut Polling) -> T) -> Option<T> {
        lock(&self.state).polling.as_mut().map(look)
    }

    /// Takes the jobs that have not begun.
    pub(crate) fn take_jobs(&self) -> VecDeque<Job> {
        std::mem::take(&mut lock(&self.state).jobs)
    }

    /// An attempt goes on in a task of its own.
    pub(crate) fn spawned(&self, key: AttemptKey, cancel: CancelSignal) {
        lock(&self.running).insert(key, cancel);
    }

    /// It has ended.
    pub(crate) fn finished(&self, key: &AttemptKey) {
        lock(&self.running).remove(key);
    }

    /// Stops an attempt, if it is here.
    pub(crate) fn stop(&self, key: &AttemptKey, why: StopReason) -> bool {
        if let Some(running) = lock(&self.running).get(key) {
            running.set(why);
            return true;
        }
        let polled =
            self.watch(|polling| (polling.key == *key).then(|| polling.cancel.set(why)).is_some());
        polled.unwrap_or(false)
    }

    /// Stops all that runs in tasks.
    pub(crate) fn stop_all(&self, why: StopReason) {
        lock(&self.running).values().for_each(|running| running.set(why));
    }

    /// Counts an attempt that has ended.
    pub(crate) fn count(&self, succeeded: bool, took: Duration) {
        let counter = if succeeded { &self.tally.succeeded } else { &self.tally.failed };
        counter.fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.tally.busy.fetch_add(micros, Ordering::Relaxed);
    }

    /// How many attempts have succeeded and failed, and the time they took, in microseconds.
    pub(crate) fn counted(&self) -> [u64; 3] {
        let Tally { succeeded, failed, busy } = &self.tally;
        [succeeded, failed, busy].map(|counter| counter.load(Ordering::Relaxed))
    }

    /// How many attempts run in tasks.
    pub(crate) fn running(&self) -> usize {
        lock(&self.running).len()
    }

    /// How many slots are taken: jobs that wait, the one that is polled, those in tasks.
    pub(crate) fn taken(&self) -> usize {
        let state = lock(&self.state);
        state.jobs.len() + usize::from(state.polling.is_some()) + lock(&self.running).len()
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Desk({})", self.index)
    }
}
