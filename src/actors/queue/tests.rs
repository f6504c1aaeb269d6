//! Random jobs, claims and aborts, held against a list.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::Job;
use super::class::TURN_MAX;
use super::ready::Ready;
use crate::clock::Timestamp;
use crate::id::RunId;
use crate::luck::Luck;
use crate::payload::Payload;
use crate::plan::NodeId;
use crate::run::{AttemptSource, ItemPath, Unit};

const SEEDS: u64 = 2_000;

fn job(run: u8, priority: i16, number: u32) -> Job {
    Job {
        run: RunId::from_bytes([run; 16]),
        unit: Unit::top(NodeId(0)),
        items: ItemPath::default(),
        attempt: 1,
        dispatch: number,
        epoch: 1,
        priority,
        start: super::StartRecord::Lazy,
        ready_at: Timestamp::default(),
        workflow: 0,
        source: AttemptSource::Payload(Payload::NULL),
        folder: None,
    }
}

fn take(ready: &mut Ready, wanted: usize) -> Vec<Job> {
    let mut jobs = VecDeque::new();
    ready.take(wanted, Timestamp::default(), &mut jobs);
    jobs.into()
}

/// What is to come of it: the jobs in the order of their turns, as plainly as that can be said.
#[derive(Default)]
struct Model {
    /// Priority, run, numbers.
    groups: Vec<(i16, RunId, Vec<u32>)>,
    /// How many each priority's group at its turn has had.
    had: BTreeMap<i16, usize>,
    aborted: BTreeSet<u32>,
}

impl Model {
    fn push(&mut self, job: &Job) {
        let last = self.groups.iter_mut().rfind(|(priority, ..)| *priority == job.priority);
        match last.filter(|(_, run, _)| *run == job.run) {
            Some((_, _, numbers)) => numbers.push(job.dispatch),
            None => self.groups.push((job.priority, job.run, vec![job.dispatch])),
        }
    }

    fn pop(&mut self) -> Option<u32> {
        loop {
            let highest = self.groups.iter().map(|(priority, ..)| *priority).max()?;
            let turn = self.groups.iter().position(|(priority, ..)| *priority == highest)?;
            let number = self.groups[turn].2.remove(0);
            let had = self.had.entry(highest).or_default();
            *had += 1;
            if self.groups[turn].2.is_empty() {
                self.groups.remove(turn);
                *had = 0;
            } else if *had == TURN_MAX {
                let last = self.groups.remove(turn);
                self.groups.push(last);
                *had = 0;
            }
            if !self.aborted.contains(&number) {
                return Some(number);
            }
        }
    }
}

#[test]
fn what_is_ready_is_handed_out_once_and_in_turns() {
    for seed in 0..SEEDS {
        let mut luck = Luck::new(seed);
        let (mut ready, mut model) = (Ready::new(1), Model::default());
        let (runs, priorities) = (1 + luck.below(5), 1 + luck.below(3));
        let mut keys = Vec::new();
        for round in 0..60 {
            let many = if luck.percent(5) { 100 } else { 6 };
            for _ in 0..luck.below(many) {
                let run = u8::try_from(luck.below(runs)).unwrap();
                let priority = i16::try_from(luck.below(priorities)).unwrap();
                let job = job(run, priority, u32::try_from(keys.len()).unwrap());
                keys.push(job.key());
                model.push(&job);
                ready.push(job);
            }
            if luck.percent(30) && !keys.is_empty() {
                let at = luck.index(keys.len());
                ready.abort(keys[at]);
                model.aborted.insert(u32::try_from(at).unwrap());
            }
            let wanted = if round == 59 { 10_000 } else { luck.index(8) };
            let taken: Vec<u32> = take(&mut ready, wanted).iter().map(|job| job.dispatch).collect();
            let expected: Vec<u32> = (0..wanted).map_while(|_| model.pop()).collect();
            assert_eq!(taken, expected, "seed {seed}, round {round}");
        }
        assert_eq!(ready.len(), 0, "seed {seed}");
    }
}

#[test]
fn a_wide_fan_out_does_not_hold_up_a_small_run() {
    let mut ready = Ready::new(1);
    (0..10_000).for_each(|number| ready.push(job(1, 0, number)));
    take(&mut ready, 100);
    ready.push(job(2, 0, 0));
    let taken = take(&mut ready, TURN_MAX + 1);
    assert!(taken.iter().any(|job| job.run == RunId::from_bytes([2; 16])), "{taken:?}");
}
