//! The order in which a queue hands out what is ready: by priority, and the longer something has
//! waited the higher it counts, so that nothing starves.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::Job;
use crate::clock::Timestamp;

/// A job gains one point of priority for each such span that it has waited.
const AGING: Duration = Duration::from_secs(10);

/// Ready jobs, in order of arrival within each priority.
#[derive(Debug, Default)]
pub(super) struct Ready {
    classes: BTreeMap<i16, VecDeque<Job>>,
    len: usize,
}

impl Ready {
    pub(super) fn push(&mut self, job: Job) {
        self.len += 1;
        self.classes.entry(job.priority).or_default().push_back(job);
    }

    /// The job that counts most now.
    pub(super) fn pop(&mut self, now: Timestamp) -> Option<Job> {
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

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// When the job that has waited longest became ready.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.classes.values().filter_map(|jobs| jobs.front()).map(|job| job.ready_at).min()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Job> {
        self.classes.values().flatten()
    }
}
