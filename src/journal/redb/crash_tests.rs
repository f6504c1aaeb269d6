//! The journal on a disk that fails, against a model of what was handed over.

mod tables;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Receiver, sync_channel};

use self::tables::Tables;
use super::crash::{CrashDisk, Fault, Kind, Luck};
use super::*;
use crate::journal::{Appended, Batch};
use crate::run::RunState;

/// Shards that batches are made for.
const SHARDS_USED: u8 = 3;

/// What was handed over for one shard.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) shard: ShardId,
    pub(super) batch: Arc<Batch>,
}

/// One shard, as its owner sees it.
#[derive(Debug, Clone, Copy, Default)]
struct Own {
    fence: Option<Fence>,
    tail: Tail,
    /// The last record that is known to be durable.
    durable: u64,
    /// The first record that is needed.
    floor: u64,
}

/// Hands batches over and remembers what it was told.
pub(super) struct Witness {
    pub(super) given: Vec<Given>,
    pub(super) runs: BTreeSet<RunId>,
    keys: BTreeSet<EntityId>,
    hashes: BTreeSet<DefinitionHash>,
    pub(super) luck: Luck,
    own: [Own; 64],
    pub(super) acknowledged: u64,
}

type Told = Receiver<Vec<Appended>>;

impl Witness {
    pub(super) fn new(seed: u64) -> Self {
        let (given, runs, luck) = (Vec::new(), BTreeSet::new(), Luck::new(seed));
        let (keys, hashes) = (BTreeSet::new(), BTreeSet::new());
        Self { given, runs, keys, hashes, luck, own: [Own::default(); 64], acknowledged: 0 }
    }

    fn id(&mut self, shard: ShardId, many: u64) -> [u8; 16] {
        let mut bytes = [7; 16];
        bytes[5] = u8::try_from(self.luck.below(many)).unwrap();
        bytes[15] = shard.number();
        bytes
    }

    fn run(&mut self, shard: ShardId) -> RunId {
        let run = RunId::from_bytes(self.id(shard, 15));
        self.runs.insert(run);
        run
    }

    fn bytes(&mut self) -> Vec<u8> {
        let size = if self.luck.below(30) == 0 { 70_000 } else { self.luck.index(600) };
        vec![u8::try_from(self.luck.below(256)).unwrap(); size]
    }

    fn batch(&mut self, shard: ShardId) -> Batch {
        let mut batch = Batch::after(self.own[shard.index()].tail);
        for _ in 0..=self.luck.below(5) {
            self.operation(shard, &mut batch);
        }
        batch
    }

    fn operation(&mut self, shard: ShardId, batch: &mut Batch) {
        let (run, bytes) = (self.run(shard), self.bytes());
        let key = EntityId::from_bytes(self.id(shard, 4));
        let hash = DefinitionHash(self.id(shard, 4));
        let time =
            |luck: &mut Luck| Timestamp::from_micros(i64::try_from(luck.below(1_000)).unwrap());
        let (at, until) = (time(&mut self.luck), time(&mut self.luck));
        let dispatch = u32::try_from(self.luck.below(3)).unwrap();
        self.keys.insert(key);
        self.hashes.insert(hash);
        let write = |to: &mut Vec<u8>| to.extend_from_slice(&bytes);
        match self.luck.below(20) {
            0 => batch.reopen(run, write),
            1 => batch.delete(run),
            2 => batch.letter(LetterId { run, dispatch }, None),
            3 => batch.letter(LetterId { run, dispatch }, Some(bytes.into())),
            4 => batch.key(key, None),
            5 => batch.key(key, Some(KeyEntry { run, input: [3; 16], at, until })),
            6 => batch.audit(run.into(), at, format!("line {dispatch}").into()),
            7 => batch.definition(hash, Some(bytes.into())),
            8 => batch.definition(hash, None),
            9 => batch.set_aside(damaged(run, at)),
            10 => batch.restore(run, write),
            11 => batch.snapshot(run, write),
            12..16 => {
                let summary = self.summary(run);
                batch.archive(&summary, Some(until), |to| to.extend_from_slice(&bytes));
            }
            _ => batch.events(run, write),
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

    /// Hands a few drains over so that they are committed together, and waits; whether all landed.
    fn round(&mut self, journal: &RedbJournal) -> bool {
        let (open, gate) = sync_channel::<()>(1);
        let wait = move |_| gate.recv().unwrap_or_default();
        journal.append(Vec::new(), Urgency::Now, Box::new(wait));
        let told: Vec<_> = (0..=self.luck.below(3)).map(|_| self.hand_over(journal)).collect();
        drop(open);
        let mut all = true;
        for (given, told) in told {
            let results = told.recv().unwrap();
            assert_eq!(results.len(), given.len(), "one result for each batch");
            for (given, result) in given.iter().zip(results) {
                all &= self.told(given, result);
            }
        }
        all
    }

    fn told(&mut self, given: &Given, result: Appended) -> bool {
        let own = &mut self.own[given.shard.index()];
        match result {
            Appended::Landed(first) => {
                assert_eq!(first, given.batch.first(), "another record than it begins with");
                assert!(own.durable <= given.batch.before().seq, "not in order");
                own.durable = given.batch.tail().seq;
                self.acknowledged += 1;
                true
            }
            Appended::NotLanded(_) | Appended::Unknown(_) => false,
            Appended::Fenced => panic!("nobody else has the shard"),
        }
    }

    fn hand_over(&mut self, journal: &RedbJournal) -> (Vec<Given>, Told) {
        let mut given = Vec::new();
        for number in 0..SHARDS_USED {
            let last = number + 1 == SHARDS_USED && given.is_empty();
            if last || self.luck.below(2) == 0 {
                let shard = ShardId::from_number(number).unwrap();
                let batch = Arc::new(self.batch(shard));
                self.own[shard.index()].tail = batch.tail();
                given.push(Given { shard, batch });
            }
        }
        self.given.extend(given.iter().cloned());
        let fence = |shard: ShardId| self.own[shard.index()].fence.unwrap();
        let drain = given.iter().map(|one| (fence(one.shard), Arc::clone(&one.batch))).collect();
        let (tell, told) = sync_channel(1);
        let done = move |results| tell.send(results).unwrap_or_default();
        journal.append(drain, Urgency::Now, Box::new(done));
        (given, told)
    }

    /// Rounds until one fails or there were `rounds`; true: all went well.
    pub(super) fn work(&mut self, journal: &RedbJournal, rounds: u64) -> bool {
        if !self.acquire(journal) {
            return false;
        }
        for _ in 0..rounds {
            if !self.round(journal) {
                return false;
            }
            self.release(journal);
        }
        true
    }

    /// Takes the shards over, if this life of the journal has not; their logs are read first, as a
    /// start does.
    fn acquire(&mut self, journal: &RedbJournal) -> bool {
        if self.own[0].fence.is_some() {
            return true;
        }
        let shards: Vec<_> = (0..SHARDS_USED).filter_map(ShardId::from_number).collect();
        let now = Timestamp::from_micros(1_767_225_600_000_000 + 5_000_000);
        let Ok(fences) = journal.acquire(&shards, now) else { return false };
        for fence in fences {
            assert!(fence.epoch >= 5, "at least the seconds since 2026");
            self.own[fence.shard.index()].fence = Some(fence);
        }
        true
    }

    /// The first record of each shard that is needed.
    pub(super) fn floors(&self) -> impl Iterator<Item = (ShardId, u64)> {
        ShardId::all().map(|shard| (shard, self.own[shard.index()].floor))
    }

    /// Another life of the journal begins.
    pub(super) fn reborn(&mut self) {
        self.own.iter_mut().for_each(|own| own.fence = None);
    }

    /// Sometimes lets go of the head of the log.
    fn release(&mut self, journal: &RedbJournal) {
        for own in &mut self.own {
            let Some(fence) = own.fence else { continue };
            if self.luck.below(4) == 0 {
                own.floor += self.luck.below(own.durable + 2 - own.floor.min(own.durable + 1));
            }
            journal.release(fence, Seq(own.floor.max(1)), 1);
        }
    }

    /// After a recovery the journal says what of the batches in doubt is there.
    fn resolve(&mut self, journal: &RedbJournal) {
        for own in &mut self.own {
            let Some(fence) = own.fence else { continue };
            let end = journal.tail(fence.shard);
            assert!(end.seq >= own.durable, "acknowledged records are gone");
            (own.tail, own.durable) = (end, end.seq);
            self.given
                .retain(|given| given.shard != fence.shard || given.batch.tail().seq <= end.seq);
        }
    }

    /// What stands beside the log after all that was handed over.
    pub(super) fn tables(&self) -> Tables {
        let mut tables = Tables::default();
        let all = self.given.iter().flat_map(|given| given.batch.beside());
        all.for_each(|beside| tables.write(beside));
        tables
    }

    /// Compares the journal with what was handed over; says what is lost or wrong. What was not
    /// acknowledged may be there, as whole batches and in the order of its shard.
    pub(super) fn check(&mut self, journal: &RedbJournal) -> Result<(), String> {
        let mut found = BTreeMap::new();
        let replayed = journal
            .replay(&mut |seq, record| {
                let shard = record.entity.shard();
                assert!(found.insert((shard, seq.0), record).is_none());
            })
            .map_err(|error| error.to_string())?;
        if !replayed.damages.is_empty() {
            return Err(format!("damage: {:?}", replayed.damages));
        }
        for shard in (0..SHARDS_USED).filter_map(ShardId::from_number) {
            self.check_shard(shard, replayed.tails[shard.index()], &found)?;
        }
        let expected = self.tables();
        let tables = Tables::read(journal, self).map_err(|error| error.to_string())?;
        tables.same_as(&expected)
    }

    fn check_shard(
        &mut self,
        shard: ShardId,
        end: Tail,
        found: &BTreeMap<(ShardId, u64), Record>,
    ) -> Result<(), String> {
        let own = &mut self.own[shard.index()];
        if end.seq < own.durable {
            return Err(format!("records up to {} are there, of {}", end.seq, own.durable));
        }
        self.given.retain(|given| given.shard != shard || given.batch.tail().seq <= end.seq);
        let last = self.given.iter().rev().find(|given| given.shard == shard);
        if last.map(|given| given.batch.tail()).unwrap_or_default() != end {
            return Err("half a batch is there, or another than was handed over".to_owned());
        }
        (own.tail, own.durable) = (end, end.seq);
        own.floor = own.floor.min(end.seq + 1);
        for (seq, record) in self
            .given
            .iter()
            .filter(|given| given.shard == shard)
            .flat_map(|given| given.batch.records())
        {
            match found.get(&(shard, seq.0)) {
                Some(same) if *same == record => {}
                None if seq.0 < own.floor => {}
                other => return Err(format!("record {} is {:?}", seq.0, other.map(|r| r.entity))),
            }
        }
        Ok(())
    }
}

fn damaged(run: RunId, at: Timestamp) -> Damaged {
    Damaged {
        run,
        at,
        version: "1".into(),
        reason: "a test".into(),
        whole: true,
        workflow: None,
        accepted: None,
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
            witness.reborn();
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
    witness.reborn();
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
            acknowledged.fetch_add(witness.acknowledged, Ordering::Relaxed);
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
fn an_io_error_is_never_acknowledged_and_a_recovery_tells_what_is_there() {
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
                witness.resolve(&journal);
                let checked = (0..10).map(|_| witness.check(&journal)).find(Result::is_ok);
                assert!(checked.is_some(), "seed {seed}: {:?}", witness.check(&journal));
            }
        }
        disk.cut();
        drop(journal);
        witness.reborn();
        let checked = witness.check(&open(&disk.restart(seed)).unwrap());
        assert_eq!(checked, Ok(()), "seed {seed}");
    });
}
