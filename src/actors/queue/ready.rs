//! What is ready in a queue, and in which order it is handed out: by priority, and the longer
//! something has waited the higher it counts, so that nothing starves. Within a priority the runs
//! take turns, and what waits is judged by the job whose turn it is.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::time::Duration;

use super::Job;
use super::class::Class;
use crate::actors::desk::AttemptKey;
use crate::clock::Timestamp;

/// A job gains one point of priority for each such span that it has waited.
const AGING: Duration = Duration::from_secs(10);

/// So many keys of jobs that have left may stand among the aborted ones, and twice as many as there
/// are jobs.
const ABORTED_STALE: usize = 64;

/// Ready jobs by priority, and the workers that wait for some.
#[derive(Debug, Default)]
pub(super) struct Ready {
    classes: BTreeMap<i16, Class>,
    len: usize,
    /// Jobs that are not wanted any more, wherever they stand.
    aborted: HashSet<AttemptKey>,
    /// What each worker waits for.
    pub(super) rests: Vec<Rest>,
    /// Whether nothing more is handed out.
    pub(super) stopped: bool,
}

/// What a worker waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// Nothing: it is at work, and looks again by itself.
    Nothing,
    /// A job: it is to be woken when there is one.
    Job,
    /// A slot: the attempt that frees one tells it.
    Slot,
}

impl Ready {
    pub(super) fn new(workers: usize) -> Self {
        Self { rests: vec![Rest::Nothing; workers], ..Self::default() }
    }

    pub(super) fn push(&mut self, job: Job) {
        self.len += 1;
        self.classes.entry(job.priority).or_default().push(job);
    }

    /// Hands out so many jobs, those that count most now first.
    pub(super) fn take(&mut self, wanted: usize, now: Timestamp, to: &mut VecDeque<Job>) {
        if self.classes.len() == 1
            && self.aborted.is_empty()
            && let Some(mut only) = self.classes.first_entry()
        {
            let before = to.len();
            to.extend((0..wanted).map_while(|_| only.get_mut().pop()));
            self.len -= to.len() - before;
            return;
        }
        to.extend((0..wanted).map_while(|_| self.pop(now)));
        if self.len == 0 {
            self.aborted.clear();
        }
    }

    /// The job that counts most now.
    fn pop(&mut self, now: Timestamp) -> Option<Job> {
        loop {
            let job = self.pop_any(now)?;
            if self.aborted.is_empty() || !self.aborted.remove(&job.key()) {
                return Some(job);
            }
        }
    }

    fn pop_any(&mut self, now: Timestamp) -> Option<Job> {
        let class = self.first_class(now)?;
        let jobs = self.classes.get_mut(&class)?;
        let job = jobs.pop();
        if jobs.is_empty() && self.classes.len() > 1 {
            self.classes.remove(&class);
        }
        self.len -= usize::from(job.is_some());
        job
    }

    fn first_class(&self, now: Timestamp) -> Option<i16> {
        let score = |class: i16, head: &Job| {
            let points = now.since(head.ready_at).as_micros() / AGING.as_micros();
            i64::from(class).saturating_add(i64::try_from(points).unwrap_or(i64::MAX))
        };
        let heads = self.classes.iter().filter_map(|(class, jobs)| Some((*class, jobs.head()?)));
        heads.max_by_key(|(class, head)| score(*class, head)).map(|(class, _)| class)
    }

    /// The job is not to be handed out, if it is here.
    pub(super) fn abort(&mut self, key: AttemptKey) {
        if self.len == 0 {
            return;
        }
        self.aborted.insert(key);
        if self.aborted.len() > ABORTED_STALE + 2 * self.len {
            let here: HashSet<_> =
                self.classes.values().flat_map(Class::jobs).map(Job::key).collect();
            self.aborted.retain(|key| here.contains(key));
        }
    }

    /// Jobs that stand here, those that are not wanted any more included: a key of `aborted` may name
    /// a job that has left, and must not hide one that has not.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// When the job that has waited longest became ready.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.classes.values().filter_map(Class::oldest).min()
    }
}
