//! The ready jobs of one priority: runs take turns, so that a wide fan-out does not hold up the others.
//! Jobs that came one after the other keep their order.
//!
//! A turn is some jobs and not one: those of one run are executed faster one after the other, since
//! they read the same memory (turns of one job cost a fan-out a sixth of its rate).

use std::collections::VecDeque;
use std::mem::replace;

use super::Job;
use crate::clock::Timestamp;

/// The most jobs of a turn.
pub(super) const TURN_MAX: usize = 16;

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

#[derive(Debug, Default)]
pub(super) struct Class {
    /// The turn is the front's.
    groups: VecDeque<Group>,
    /// Jobs that it has had of its turn.
    had: usize,
}

impl Class {
    pub(super) fn push(&mut self, job: Job) {
        let same = |group: &&mut Group| group.head().is_some_and(|head| head.run == job.run);
        match self.groups.back_mut().filter(same) {
            Some(group) => group.push(job),
            None => self.groups.push_back(Group::One(job)),
        }
    }

    pub(super) fn pop(&mut self) -> Option<Job> {
        let jobs = match self.groups.front_mut()? {
            Group::Many(jobs) => jobs,
            Group::One(_) => {
                let Group::One(job) = self.groups.pop_front()? else { return None };
                return Some(job);
            }
        };
        let job = jobs.pop_front();
        let is_over = jobs.is_empty();
        self.had += 1;
        if is_over {
            self.groups.pop_front();
        } else if self.had == TURN_MAX {
            self.groups.rotate_left(1);
        }
        if is_over || self.had == TURN_MAX {
            self.had = 0;
        }
        job
    }

    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Whose turn is next.
    pub(super) fn head(&self) -> Option<&Job> {
        self.groups.front()?.head()
    }

    /// When the job that has waited longest became ready. Looks at every group.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.groups.iter().filter_map(|group| Some(group.head()?.ready_at)).min()
    }

    pub(super) fn jobs(&self) -> impl Iterator<Item = &Job> {
        self.groups.iter().flat_map(|group| {
            let (one, many) = match group {
                Group::One(job) => (Some(job), None),
                Group::Many(jobs) => (None, Some(jobs)),
            };
            one.into_iter().chain(many.into_iter().flatten())
        })
    }
}
