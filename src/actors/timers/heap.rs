//! The armed timers, soonest first: at most one for each owner, none of a run that has ended.

use std::collections::{BTreeMap, BTreeSet};

use crate::clock::Timestamp;
use crate::id::RunId;
use crate::run::{Timer, TimerOwner};

/// Armed timers. Its size is their number: what is armed anew, forgotten or due is gone at once.
#[derive(Debug, Default)]
pub(crate) struct Heap {
    soonest: BTreeSet<(Timestamp, RunId, Timer)>,
    /// When each owner's timer is due, and its number.
    owners: BTreeMap<(RunId, TimerOwner), (Timestamp, u32)>,
}

impl Heap {
    /// Arms a timer, in place of an older one of the same owner.
    pub(crate) fn arm(&mut self, due: Timestamp, run: RunId, timer: Timer) {
        let Timer { owner, number } = timer;
        if let Some((due, number)) = self.owners.insert((run, owner), (due, number)) {
            self.soonest.remove(&(due, run, Timer { owner, number }));
        }
        self.soonest.insert((due, run, timer));
    }

    /// Drops all timers of a run.
    pub(crate) fn forget(&mut self, run: RunId) {
        // The run itself is the first of its owners.
        let from = (run, TimerOwner::Run);
        while let Some((&(of, owner), &(due, number))) = self.owners.range(from..).next()
            && of == run
        {
            self.owners.remove(&(run, owner));
            self.soonest.remove(&(due, run, Timer { owner, number }));
        }
    }

    /// When the first timer is due.
    pub(crate) fn first_due(&self) -> Option<Timestamp> {
        self.soonest.first().map(|(due, ..)| *due)
    }

    /// Takes the first timer, if it is due.
    pub(crate) fn take_due(&mut self, now: Timestamp) -> Option<(RunId, Timer)> {
        let (due, run, timer) = *self.soonest.first().filter(|(due, ..)| *due <= now)?;
        self.soonest.remove(&(due, run, timer));
        self.owners.remove(&(run, timer.owner));
        Some((run, timer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::luck::Luck;
    use crate::plan::NodeId;
    use crate::run::Unit;

    fn at(micros: u64) -> Timestamp {
        Timestamp::from_micros(i64::try_from(micros).unwrap())
    }

    fn run(number: u64) -> RunId {
        let mut bytes = [0; 16];
        bytes[8..].copy_from_slice(&number.to_be_bytes());
        RunId::from_bytes(bytes)
    }

    fn owner(number: u64) -> TimerOwner {
        match number.checked_sub(1) {
            None => TimerOwner::Run,
            Some(node) => TimerOwner::Unit(Unit::top(NodeId(u32::try_from(node).unwrap()))),
        }
    }

    /// Against a list that is searched from end to end.
    #[test]
    fn timers_come_when_they_are_due_and_none_is_left_behind() {
        for seed in 0..300 {
            let mut luck = Luck::new(seed);
            let (mut heap, mut list) = (Heap::default(), Vec::new());
            let mut now = 0;
            for number in 1..200 {
                let (id, owner) = (run(luck.below(4)), owner(luck.below(4)));
                match luck.below(10) {
                    0 => {
                        heap.forget(id);
                        list.retain(|(_, of, _)| *of != id);
                    }
                    1..7 => {
                        let due = at(luck.below(100) + now / 2);
                        let timer = Timer { owner, number };
                        heap.arm(due, id, timer);
                        list.retain(|(_, of, other): &(_, _, Timer)| {
                            (*of, other.owner) != (id, owner)
                        });
                        list.push((due, id, timer));
                    }
                    _ => {
                        now += luck.below(20);
                        while let Some((id, timer)) = heap.take_due(at(now)) {
                            let soonest = list.iter().map(|(due, ..)| *due).min();
                            let found = list.iter().position(|(due, of, other)| {
                                (*of, *other) == (id, timer) && Some(*due) == soonest
                            });
                            list.swap_remove(found.expect("the soonest comes first"));
                        }
                        assert!(list.iter().all(|(due, ..)| *due > at(now)), "one is late");
                    }
                }
                assert_eq!((heap.soonest.len(), heap.owners.len()), (list.len(), list.len()));
                assert_eq!(heap.first_due(), list.iter().map(|(due, ..)| *due).min());
            }
        }
    }

    #[test]
    fn runs_that_have_ended_leave_nothing() {
        let mut heap = Heap::default();
        for number in 0..10_000 {
            for place in 0..3 {
                heap.arm(at(1 << 40), run(number), Timer { owner: owner(place), number: 1 });
            }
            heap.forget(run(number));
        }
        assert!(heap.soonest.is_empty() && heap.owners.is_empty());
    }
}
