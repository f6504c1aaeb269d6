//! What is ready in a queue, and in which order it is handed out: by priority, and the longer
//! something has waited the higher it counts, so that nothing starves.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::time::Duration;

use super::Job;
use crate::actors::desk::AttemptKey;
use crate::clock::Timestamp;

/// A job gains one point of priority for each such span that it has waited.
const AGING: Duration = Duration::from_secs(10);

/// Ready jobs, in order of arrival within each priority, and the workers that wait for some.
#[derive(Debug, Default)]
pub(super) struct Ready {
    classes: BTreeMap<i16, VecDeque<Job>>,
    len: usize,
    /// Jobs that are not wanted any more, wherever they stand.
    aborted: HashSet<AttemptKey>,
    /// Which workers rest and are to be woken when there is a job.
    pub(super) resting: Vec<bool>,
    /// Whether nothing more is handed out.
    pub(super) stopped: bool,
}

impl Ready {
    pub(super) fn new(workers: usize) -> Self {
        Self { resting: vec![false; workers], ..Self::default() }
    }

    pub(super) fn push(&mut self, job: Job) {
        self.len += 1;
        self.classes.entry(job.priority).or_default().push_back(job);
    }

    /// The job that counts most now.
    pub(super) fn pop(&mut self, now: Timestamp) -> Option<Job> {
        loop {
            let job = self.pop_any(now)?;
            if self.aborted.is_empty() || !self.aborted.remove(&job.key()) {
                return Some(job);
            }
        }
    }

    fn pop_any(&mut self, now: Timestamp) -> Option<Job> {
        let class = match self.classes.len() {
            0 => return None,
            1 => *self.classes.first_key_value()?.0,
            _ => self.first_class(now)?,
        };
        let jobs = self.classes.get_mut(&class)?;
        let job = jobs.pop_front();
        if jobs.is_empty() && self.classes.len() > 1 {
            self.classes.remove(&class);
        }
        self.len -= usize::from(job.is_some());
        if self.len == 0 {
            self.aborted.clear();
        }
        job
    }

    fn first_class(&self, now: Timestamp) -> Option<i16> {
        let score = |class: i16, head: &Job| {
            let points = now.since(head.ready_at).as_micros() / AGING.as_micros();
            i64::from(class).saturating_add(i64::try_from(points).unwrap_or(i64::MAX))
        };
        let heads = self.classes.iter().filter_map(|(class, jobs)| Some((*class, jobs.front()?)));
        heads.max_by_key(|(class, head)| score(*class, head)).map(|(class, _)| class)
    }

    /// The job is not to be handed out, if it is here.
    pub(super) fn abort(&mut self, key: AttemptKey) {
        if self.len > 0 {
            self.aborted.insert(key);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len - self.aborted.len().min(self.len)
    }

    /// When the job that has waited longest became ready.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.classes.values().filter_map(|jobs| jobs.front()).map(|job| job.ready_at).min()
    }
}
