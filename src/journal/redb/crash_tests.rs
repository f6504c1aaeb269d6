//! The journal on a disk that fails, against a model of what was handed over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, sync_channel};

use super::crash::{CrashDisk, Fault, Kind, Luck};
use super::*;
use crate::id::Name;
use crate::journal::{RecordKind, Write};
use crate::run::RunState;

/// All that stands beside the log.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Beside {
    pub(super) archive: BTreeMap<RunId, (RunSummary, Bytes)>,
    pub(super) letters: BTreeMap<u64, Bytes>,
    pub(super) keys: BTreeMap<Box<str>, KeyEntry>,
    pub(super) audit: Vec<(Timestamp, Box<str>)>,
    pub(super) definitions: BTreeMap<DefinitionHash, Bytes>,
}

impl Beside {
    pub(super) fn write(&mut self, write: &Write) {
        match write.clone() {
            Write::Definition { hash, source } => drop(self.definitions.insert(hash, source)),
            Write::Archive { summary, state } => {
                drop(self.archive.insert(summary.id, (summary, state)));
            }
            Write::Unarchive { run } => drop(self.archive.remove(&run)),
            Write::DeadLetter { id, entry: Some(entry) } => drop(self.letters.insert(id, entry)),
            Write::DeadLetter { id, entry: None } => drop(self.letters.remove(&id)),
            Write::Key { key, entry: Some(entry) } => drop(self.keys.insert(key, entry)),
            Write::Key { key, entry: None } => drop(self.keys.remove(&key)),
            Write::Audit { at, line } => self.audit.push((at, line)),
        }
    }

    fn same_as(&self, expected: &Self) -> Result<(), String> {
        let same = [
            ("archive", self.archive == expected.archive),
            ("dead letters", self.letters == expected.letters),
            ("keys", self.keys == expected.keys),
            ("audit", self.audit == expected.audit),
            ("definitions", self.definitions == expected.definitions),
        ];
        match same.iter().find(|(_, same)| !same) {
            Some((what, _)) => Err(format!("{what}: not as it should be")),
            None => Ok(()),
        }
    }

    fn read(journal: &RedbJournal, runs: &BTreeSet<RunId>) -> Result<Self, JournalError> {
        let mut archive = BTreeMap::new();
        for run in runs {
            if let Some(found) = journal.archived(*run)? {
                archive.insert(*run, found);
            }
        }
        let listed = journal.list(&RunFilter::default())?;
        let expected = archive.values().rev().map(|(summary, _)| summary.clone());
        let counted = journal.stats().archived == count(&archive.keys().collect::<Vec<_>>());
        if !counted || listed != expected.collect::<Vec<_>>() {
            let what = "the list or count is another".to_owned();
            return Err(JournalError::Entry { entry: "runs".to_owned(), what });
        }
        Ok(Self {
            archive,
            letters: journal.dead_letters()?.into_iter().collect(),
            keys: journal.keys()?.into_iter().collect(),
            audit: journal.audit()?,
            definitions: journal.definitions()?.into_iter().collect(),
        })
    }
}

/// What was handed over, in order.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) first: u64,
    pub(super) records: Vec<Record>,
    pub(super) writes: Vec<Write>,
    pub(super) keep_from: u64,
}

/// Hands batches over and remembers what it was told.
pub(super) struct Witness {
    pub(super) given: Vec<Given>,
    /// How many of them are known to be durable.
    acknowledged: usize,
    pub(super) runs: BTreeSet<RunId>,
    pub(super) luck: Luck,
    keep_from: u64,
}

type Told = Receiver<Result<Lsn, JournalError>>;

impl Witness {
    pub(super) fn new(seed: u64) -> Self {
        let (given, runs, luck) = (Vec::new(), BTreeSet::new(), Luck::new(seed));
        Self { given, acknowledged: 0, runs, luck, keep_from: 1 }
    }

    fn next_lsn(&self) -> u64 {
        self.given.last().map_or(1, |last| last.first + count(&last.records))
    }

    fn batch(&mut self) -> Given {
        let first = self.next_lsn();
        let records = (0..=self.luck.below(4)).map(|_| self.record()).collect();
        let writes = (0..self.luck.below(4)).map(|_| self.write()).collect();
        if self.luck.below(4) == 0 {
            self.keep_from += self.luck.below(first - self.keep_from + 1);
        }
        Given { first, records, writes, keep_from: self.keep_from }
    }

    fn run(&mut self) -> RunId {
        let mut bytes = [7; 16];
        bytes[5] = u8::try_from(self.luck.below(40)).unwrap();
        self.runs.insert(RunId::from_bytes(bytes));
        RunId::from_bytes(bytes)
    }

    fn bytes(&mut self) -> Bytes {
        let size = if self.luck.below(30) == 0 { 70_000 } else { self.luck.index(600) };
        let byte = u8::try_from(self.luck.below(256)).unwrap();
        vec![byte; size].into()
    }

    fn record(&mut self) -> Record {
        Record { run: self.run(), kind: RecordKind::Events, body: self.bytes() }
    }

    fn write(&mut self) -> Write {
        let (run, id) = (self.run(), self.luck.below(8));
        let key: Box<str> = format!("key-{id}").into();
        let until = Timestamp::from_micros(i64::try_from(self.luck.below(1_000)).unwrap());
        match self.luck.below(12) {
            0 => Write::Unarchive { run },
            1 => Write::DeadLetter { id, entry: None },
            2 => Write::DeadLetter { id, entry: Some(self.bytes()) },
            3 => Write::Key { key, entry: None },
            4 => Write::Key { key, entry: Some(KeyEntry { run, input: [3; 16], until }) },
            5 => Write::Audit { at: until, line: key },
            6 => {
                Write::Definition { hash: DefinitionHash::of(&key), source: key.to_string().into() }
            }
            _ => Write::Archive { summary: self.summary(run), state: self.bytes() },
        }
    }

    fn summary(&mut self, id: RunId) -> RunSummary {
        let states = [RunState::Succeeded, RunState::Failed, RunState::Cancelled];
        RunSummary {
            id,
            workflow: Name::new(["one", "two"][self.luck.index(2)]).unwrap(),
            definition: DefinitionHash([1; 16]),
            state: states[self.luck.index(3)],
            accepted: Timestamp::from_micros(5),
            ended: None,
            failure: None,
        }
    }

    /// Hands a few batches over so that they are committed together, and waits.
    fn round(&mut self, journal: &RedbJournal) -> Vec<Result<Lsn, JournalError>> {
        let (open, gate) = sync_channel::<()>(1);
        let at_gate = Batch { shard: 0, keep_from: Some(Lsn(1)), ..Batch::default() };
        let floor = Lsn(self.keep_from);
        let at_gate = Batch { keep_from: Some(floor), ..at_gate };
        journal.append(at_gate, Box::new(move |_| gate.recv().unwrap_or_default()));
        let told: Vec<Told> = (0..=self.luck.below(3)).map(|_| self.hand_over(journal)).collect();
        drop(open);
        told.into_iter().map(|told| told.recv().unwrap()).collect()
    }

    fn hand_over(&mut self, journal: &RedbJournal) -> Told {
        let given = self.batch();
        let batch = Batch {
            shard: 0,
            records: given.records.clone(),
            writes: given.writes.clone(),
            lazy: false,
            keep_from: Some(Lsn(given.keep_from)),
        };
        self.given.push(given);
        let (tell, told) = sync_channel(1);
        journal.append(batch, Box::new(move |result| tell.send(result).unwrap_or_default()));
        told
    }

    /// Rounds until one fails or there were `rounds`; true: all went well.
    pub(super) fn work(&mut self, journal: &RedbJournal, rounds: u64) -> bool {
        for _ in 0..rounds {
            let before = self.given.len();
            let results = self.round(journal);
            for (given, result) in self.given[before..].iter().zip(&results) {
                if let Ok(lsn) = result {
                    assert_eq!(lsn.0, given.first, "another lsn than the records have");
                    self.acknowledged += 1;
                }
            }
            let acknowledged = results.iter().filter(|result| result.is_ok()).count();
            assert!(results.iter().take(acknowledged).all(Result::is_ok), "not in order");
            if acknowledged < results.len() {
                return false;
            }
        }
        true
    }

    /// What stands beside the log after all that was handed over.
    pub(super) fn beside(&self) -> Beside {
        let mut beside = Beside::default();
        self.given.iter().flat_map(|given| &given.writes).for_each(|write| beside.write(write));
        beside
    }

    /// Compares the journal with what was handed over; says what is lost or wrong. What was not
    /// acknowledged may be there, as a whole batch and in order.
    pub(super) fn check(&mut self, journal: &RedbJournal) -> Result<(), String> {
        let mut found = BTreeMap::new();
        let damages = journal
            .replay(&mut |lsn, record| assert!(found.insert(lsn.0, record).is_none()))
            .map_err(|error| error.to_string())?;
        if !damages.is_empty() {
            return Err(format!("damage: {damages:?}"));
        }
        let last = found.keys().last().copied().unwrap_or_else(|| journal.stats().last_lsn);
        let there = self.given.partition_point(|given| given.first <= last);
        if there < self.acknowledged {
            return Err(format!("{} batches of {} are there", there, self.acknowledged));
        }
        self.given.truncate(there);
        self.acknowledged = there;
        if self.next_lsn() != last + 1 {
            return Err("half a batch is there, or more than was handed over".to_owned());
        }
        for given in &self.given {
            for (lsn, record) in (given.first..).zip(&given.records) {
                match found.get(&lsn) {
                    Some(same) if same == record => {}
                    None if lsn < self.keep_from => {}
                    other => return Err(format!("record {lsn} is {:?}", other.map(|r| r.run))),
                }
            }
        }
        let first = found.keys().next().copied().unwrap_or(last + 1);
        if count(&found.values().collect::<Vec<_>>()) != last + 1 - first {
            return Err("lsns are not dense".to_owned());
        }
        self.keep_from = self.keep_from.min(self.next_lsn());
        let expected = self.beside();
        let beside = Beside::read(journal, &self.runs).map_err(|error| error.to_string())?;
        beside.same_as(&expected)
    }
}

pub(super) fn count<T>(records: &[T]) -> u64 {
    u64::try_from(records.len()).unwrap()
}

pub(super) fn open(disk: &CrashDisk) -> Result<RedbJournal, JournalError> {
    RedbJournal::open_on(Arc::new(disk.clone()), &Options::default())
}

/// A few lives of a journal, each ended by a power cut; says what is lost.
fn lives(seed: u64, fault: impl Fn(u64) -> Fault) -> Result<Witness, String> {
    let mut witness = Witness::new(seed);
    let mut disk = CrashDisk::new(seed);
    for life in 0..3 {
        let at = 1 + witness.luck.below(250);
        disk.set_fault(Some(fault(at)));
        let opened = open(&disk);
        if let Ok(journal) = &opened {
            let checked = if life > 0 { witness.check(journal) } else { Ok(()) };
            if !disk.is_dead() {
                checked?;
            }
            witness.work(journal, 25);
            disk.cut();
        }
        if !disk.is_dead() {
            return Err(opened.err().map_or_else(String::new, |error| error.to_string()));
        }
        disk = disk.restart(seed + life);
    }
    let journal = open(&disk).map_err(|error| error.to_string())?;
    witness.check(&journal)?;
    witness.work(&journal, 3);
    witness.check(&journal)?;
    drop(journal);
    let journal = open(&disk).map_err(|error| error.to_string())?;
    witness.check(&journal)?;
    Ok(witness)
}

/// Runs `body` for so many seeds on two threads, or for as many or the one that the environment says.
pub(super) fn each_seed(count: u64, body: impl Fn(u64) + Sync) {
    let said = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let count = said("WINDLASS_SEEDS").unwrap_or(count);
    let seeds = said("WINDLASS_SEED").map_or(0..count, |seed: u64| seed..seed + 1);
    let half = |odd| seeds.clone().filter(move |seed| seed % 2 == odd).for_each(&body);
    std::thread::scope(|threads| {
        threads.spawn(|| half(0));
        half(1);
    });
}

#[test]
fn a_power_cut_loses_nothing_that_was_acknowledged() {
    let acknowledged = AtomicU64::new(0);
    each_seed(500, |seed| match lives(seed, Fault::Cut) {
        Ok(witness) => {
            acknowledged.fetch_add(count(&witness.given), Ordering::Relaxed);
        }
        Err(what) => panic!("seed {seed}: {what}"),
    });
    assert!(acknowledged.into_inner() > 100);
}

#[test]
fn a_disk_that_lies_about_syncs_is_found_out() {
    each_seed(50, |seed| {
        let mut witness = Witness::new(seed);
        let disk = CrashDisk::new(seed);
        drop(open(&disk).unwrap());
        disk.set_fault(Some(Fault::Lie(150)));
        let journal = open(&disk).unwrap();
        witness.work(&journal, 100);
        assert!(witness.acknowledged > 0);
        drop(journal);
        let found = open(&disk.restart(seed)).map_err(|error| error.to_string());
        let checked = found.and_then(|journal| witness.check(&journal));
        assert!(checked.is_err(), "seed {seed}: a loss that was not found");
    });
}

/// Opens, again and again while the disk fails.
fn open_at_last(disk: &CrashDisk) -> RedbJournal {
    (0..10).find_map(|_| open(disk).ok()).expect("the disk works again after a few errors")
}

#[test]
fn an_io_error_is_never_acknowledged_and_leaves_no_trace_after_a_recovery() {
    each_seed(300, |seed| {
        let mut witness = Witness::new(seed);
        let disk = CrashDisk::new(seed);
        let what = [Kind::Read, Kind::Write, Kind::Sync][witness.luck.index(3)];
        let at = witness.luck.below(150);
        disk.set_fault(Some(Fault::Fail { what, at, times: 1 + witness.luck.below(4) }));
        let journal = open_at_last(&disk);
        for _ in 0..10 {
            if !witness.work(&journal, 5) {
                assert!(!witness.work(&journal, 1), "seed {seed}: it goes on without a recovery");
                assert!((0..10).any(|_| journal.recover().is_ok()), "seed {seed}: no recovery");
                witness.given.truncate(witness.acknowledged);
                let checked = (0..10).map(|_| witness.check(&journal)).find(Result::is_ok);
                assert!(checked.is_some(), "seed {seed}: {:?}", witness.check(&journal));
            }
        }
        disk.cut();
        drop(journal);
        let checked = witness.check(&open(&disk.restart(seed)).unwrap());
        assert_eq!(checked, Ok(()), "seed {seed}");
    });
}
