//! The ready jobs of one priority: runs take turns, so that a wide fan-out does not hold up the others.
//! The jobs of one run keep their order.

use std::collections::VecDeque;
use std::mem::replace;

use super::Job;
use crate::clock::Timestamp;

/// Jobs of one run that came one after the other. A run may have several such groups, where jobs of
/// others came between; each has turns of its own, in the order of their arrival.
#[derive(Debug)]
enum Group {
    One(Job),
    Many(VecDeque<Job>),
}

impl Group {
    fn head(&self) -> Option<&Job> {
        match self {
            Self::One(job) => Some(job),
            Self::Many(jobs) => jobs.front(),
        }
    }

    fn push(&mut self, job: Job) {
        if let Self::Many(jobs) = self {
            return jobs.push_back(job);
        }
        if let Self::One(first) = replace(self, Self::Many(VecDeque::with_capacity(2))) {
            self.push(first);
            self.push(job);
        }
    }
}

/// The next turn is the front's.
#[derive(Debug, Default)]
pub(super) struct Class(VecDeque<Group>);

impl Class {
    pub(super) fn push(&mut self, job: Job) {
        let same = |group: &&mut Group| group.head().is_some_and(|head| head.run == job.run);
        match self.0.back_mut().filter(same) {
            Some(group) => group.push(job),
            None => self.0.push_back(Group::One(job)),
        }
    }

    pub(super) fn pop(&mut self) -> Option<Job> {
        let mut jobs = match self.0.pop_front()? {
            Group::One(job) => return Some(job),
            Group::Many(jobs) => jobs,
        };
        let job = jobs.pop_front();
        if !jobs.is_empty() {
            self.0.push_back(Group::Many(jobs));
        }
        job
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whose turn is next.
    pub(super) fn head(&self) -> Option<&Job> {
        self.0.front()?.head()
    }

    /// When the job that has waited longest became ready.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.0.iter().filter_map(|group| Some(group.head()?.ready_at)).min()
    }

    pub(super) fn jobs(&self) -> impl Iterator<Item = &Job> {
        self.0.iter().flat_map(|group| {
            let (one, many) = match group {
                Group::One(job) => (Some(job), None),
                Group::Many(jobs) => (None, Some(jobs)),
            };
            one.into_iter().chain(many.into_iter().flatten())
        })
    }
}
