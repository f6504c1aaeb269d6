//! What one worker has on its hands, outside of the worker: so that it survives the worker, and
//! that the watchdog sees a first poll that does not return.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;
use std::time::Duration;

use super::inbox::Inbox;
use super::queue::Job;
use super::shard::Request;
use crate::clock::Timestamp;
use crate::id::RunId;
use crate::run::Unit;
use crate::sync::{Mutex, lock};
use crate::task::{CancelSignal, StopReason};

/// One attempt of all there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct AttemptKey {
    pub(crate) run: RunId,
    pub(crate) unit: Unit,
    pub(crate) dispatch: u32,
}

/// The first poll that is under way.
#[derive(Debug, Clone)]
pub(crate) struct Polling {
    pub(crate) key: AttemptKey,
    pub(crate) since: Timestamp,
    pub(crate) timeout: Option<Duration>,
    /// Whether the watchdog has told the shard that the attempt runs.
    pub(crate) told: bool,
    /// Whether the watchdog has ended the attempt by its timeout.
    pub(crate) ended: bool,
}

/// The desk of one worker.
pub(crate) struct Desk {
    pub(crate) index: usize,
    state: Mutex<State>,
    running: Mutex<HashMap<AttemptKey, Running>>,
    tally: Tally,
}

/// An attempt in a task of its own.
#[derive(Debug)]
struct Running {
    cancel: CancelSignal,
    /// Whether it can heed the signal and end well: a handler can, a command is made to end.
    heeds: bool,
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
    /// The signal of the attempt that is polled: one for all that are ready at once.
    cancel: CancelSignal,
    /// What is to be told to each shard.
    reports: Vec<Vec<Request>>,
    /// Of the worker.
    waker: Option<Waker>,
}

impl State {
    fn report(&mut self, shard: usize, report: Request) {
        if self.reports.len() <= shard {
            self.reports.resize_with(shard + 1, Vec::new);
        }
        self.reports[shard].push(report);
    }
}

impl Desk {
    pub(crate) fn new(index: usize) -> Arc<Self> {
        let (state, running) = (Mutex::default(), Mutex::default());
        Arc::new(Self { index, state, running, tally: Tally::default() })
    }

    /// What the worker's predecessor was polling when it died.
    pub(crate) fn take_over(&self) -> Option<Polling> {
        lock(&self.state).polling.take()
    }

    /// Names the worker to wake; whether there are jobs for it that have not begun.
    pub(crate) fn attach(&self, waker: &Waker) -> bool {
        let mut state = lock(&self.state);
        if !state.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            state.waker = Some(waker.clone());
        }
        !state.jobs.is_empty()
    }

    /// Tells the worker that there is something for it.
    pub(crate) fn wake(&self) {
        if let Some(waker) = &lock(&self.state).waker {
            waker.wake_by_ref();
        }
    }

    /// Lets somebody put jobs on the desk.
    pub(crate) fn put(&self, put: impl FnOnce(&mut VecDeque<Job>)) {
        put(&mut lock(&self.state).jobs);
    }

    /// The next job and its signal, marked as being polled since `now`; `timeout` tells how long it
    /// may run.
    pub(crate) fn begin(
        &self,
        now: Timestamp,
        timeout: impl FnOnce(&Job) -> Option<Duration>,
    ) -> Option<(Job, CancelSignal)> {
        let mut state = lock(&self.state);
        let job = state.jobs.pop_front()?;
        let (key, timeout) = (job.key(), timeout(&job));
        state.polling = Some(Polling { key, since: now, timeout, told: false, ended: false });
        if !state.cancel.is_fresh() {
            state.cancel = CancelSignal::new();
        }
        Some((job, state.cancel.clone()))
    }

    /// The first poll has returned, and this is to be told to a shard: whether it still counts.
    pub(crate) fn polled(&self, shard: usize, report: Request) -> bool {
        let mut state = lock(&self.state);
        let counts = state.polling.take().is_none_or(|polling| !polling.ended);
        if counts {
            state.report(shard, report);
        }
        counts
    }

    /// Tells the shards what has come of the attempts so far, in this order whoever sends: so the desk
    /// stays locked.
    pub(crate) fn send_reports(&self, shards: &[Arc<Inbox<Request>>]) {
        for (shard, reports) in shards.iter().zip(&mut lock(&self.state).reports) {
            shard.send_all(reports);
        }
    }

    /// Lets the watchdog look at the first poll that is under way, and mark it.
    pub(crate) fn watch<T>(&self, look: impl FnOnce(&mut Polling) -> T) -> Option<T> {
        lock(&self.state).polling.as_mut().map(look)
    }

    /// Whether there are jobs that have not begun.
    pub(crate) fn has_jobs(&self) -> bool {
        !lock(&self.state).jobs.is_empty()
    }

    /// Takes the jobs that have not begun.
    pub(crate) fn take_jobs(&self) -> VecDeque<Job> {
        std::mem::take(&mut lock(&self.state).jobs)
    }

    /// The attempt that was polled goes on in a task of its own; the signal that stops it, and whether it
    /// still counts. If so, its start may be to be told to a shard.
    pub(crate) fn spawned(
        &self,
        key: AttemptKey,
        heeds: bool,
        started: Option<(usize, Request)>,
    ) -> (CancelSignal, bool) {
        let mut state = lock(&self.state);
        let cancel = state.cancel.clone();
        lock(&self.running).insert(key, Running { cancel: cancel.clone(), heeds });
        let counts = state.polling.take().is_none_or(|polling| !polling.ended);
        if let Some((shard, report)) = started.filter(|_| counts) {
            state.report(shard, report);
        }
        (cancel, counts)
    }

    /// It has ended.
    pub(crate) fn finished(&self, key: &AttemptKey) {
        lock(&self.running).remove(key);
    }

    /// Stops an attempt, if it is here: one that has not begun never does.
    pub(crate) fn stop(&self, key: &AttemptKey, why: StopReason) -> bool {
        // In this order: a job is polled before it is off the desk, and an attempt goes on in a task
        // before its first poll is over.
        self.take_back(key)
            || self.stop_polled(|polled| polled == key, |cancel| cancel.set(why))
            || lock(&self.running).get(key).map(|running| running.cancel.set(why)).is_some()
    }

    /// Takes a job off the desk that has not begun.
    fn take_back(&self, key: &AttemptKey) -> bool {
        let jobs = &mut lock(&self.state).jobs;
        let place = jobs.iter().position(|job| job.key() == *key);
        place.and_then(|place| jobs.remove(place)).is_some()
    }

    /// Tells those that can heed it that the engine shuts down.
    pub(crate) fn tell_all(&self) {
        self.stop_polled(|_| true, |cancel| cancel.set(StopReason::Shutdown));
        for running in lock(&self.running).values().filter(|running| running.heeds) {
            running.cancel.set(StopReason::Shutdown);
        }
    }

    /// Stops all that has begun, for a shutdown.
    pub(crate) fn stop_all(&self) {
        self.stop_polled(|_| true, |cancel| cancel.cut(StopReason::Shutdown));
        lock(&self.running).values().for_each(|running| running.cancel.cut(StopReason::Shutdown));
    }

    /// Does something to the signal of the first poll that is under way, if it is the one that is meant.
    fn stop_polled(
        &self,
        is_meant: impl FnOnce(&AttemptKey) -> bool,
        stop: impl FnOnce(&CancelSignal),
    ) -> bool {
        let state = lock(&self.state);
        let is_meant = state.polling.as_ref().is_some_and(|polling| is_meant(&polling.key));
        if is_meant {
            stop(&state.cancel);
        }
        is_meant
    }

    /// Whether the attempt of the first poll that is under way was told that the engine shuts down.
    pub(crate) fn is_told(&self) -> bool {
        lock(&self.state).cancel.reason() == Some(StopReason::Shutdown)
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
