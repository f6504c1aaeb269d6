//! The journal: commits of 1 to 1,000 events on a real disk, replay, encoding, the archive.
//!
//! `cargo bench --bench journal`. The folder is made under `target/`, so that the disk is the one
//! that the project is on.
#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use bytes::Bytes;
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use windlass::clock::Timestamp;
use windlass::id::{DefinitionHash, Name, RunId, ShardId};
use windlass::journal::{
    Appended, Batch, Drain, Fence, Journal, Options, RedbJournal, RunSummary, Tail, Urgency,
};
use windlass::payload::Payload;
use windlass::plan::NodeId;
use windlass::run::{Attempt, Event, RunState, Unit};
use windlass::stored;

fn main() {
    divan::main();
}

/// Events of 100-byte outputs, two to a record, as a chain of steps gives them.
fn events(step: u32) -> [Event; 2] {
    let (unit, next) = (Unit::top(NodeId(step)), Unit::top(NodeId(step + 1)));
    let at = Timestamp::from_micros(1_767_323_045_000_000);
    let output = Payload::of(&"x".repeat(98)).unwrap();
    let attempt = Attempt { unit, dispatch: step + 1, started: at, ended: at };
    [Event::Succeeded { attempt, output }, Event::Ready { unit: next, at }]
}

fn run_id(n: u64) -> RunId {
    let at = Timestamp::from_micros(1_767_323_045_000_000 + i64::try_from(n).unwrap());
    RunId::new(at, ShardId::of(n))
}

/// A journal and the owner of all its shards.
struct Place {
    _folder: tempfile::TempDir,
    journal: RedbJournal,
    fences: Vec<Fence>,
    tails: Vec<Tail>,
    body: Bytes,
    tell: SyncSender<Vec<Appended>>,
    told: Receiver<Vec<Appended>>,
}

impl Place {
    fn new() -> Self {
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
        let folder = tempfile::tempdir_in(target).unwrap();
        let journal = RedbJournal::open(folder.path(), &Options::default()).unwrap();
        let shards: Vec<_> = ShardId::all().collect();
        let fences = journal.acquire(&shards, Timestamp::default()).unwrap();
        let tails = journal.replay(&mut |_, _| {}).unwrap().tails.to_vec();
        let (tell, told) = sync_channel(64);
        let body = stored::encode_events(&events(3));
        Self { _folder: folder, journal, fences, tails, body, tell, told }
    }

    /// A drain with so many events, two to a record, over as many shards as there are.
    fn drain(&mut self, events: usize) -> Vec<Batch> {
        let mut batches: Vec<Batch> = self.tails.iter().map(|tail| Batch::after(*tail)).collect();
        for n in 0..u64::try_from(events / 2).unwrap().max(1) {
            let id = run_id(n);
            batches[id.shard().index()].events(id, |to| to.extend_from_slice(&self.body));
        }
        batches
    }

    fn append(&mut self, batches: Vec<Batch>) {
        let mut drain = Drain::new();
        for (shard, batch) in batches.into_iter().enumerate().filter(|(_, b)| !b.is_empty()) {
            self.tails[shard] = batch.tail();
            drain.push((self.fences[shard], Arc::new(batch)));
        }
        let tell = self.tell.clone();
        let done = move |results| tell.send(results).unwrap();
        self.journal.append(drain, Urgency::Now, Box::new(done));
    }

    fn wait(&self) {
        for result in self.told.recv().unwrap() {
            assert!(matches!(result, Appended::Landed(_)));
        }
    }
}

/// One drain after the other, each waited for; framing is counted.
#[divan::bench(args = [1, 10, 100, 1_000, 10_000])]
fn commit(bencher: Bencher<'_, '_>, events: usize) {
    let mut place = Place::new();
    bencher.counter(ItemsCount::new(events)).bench_local(|| {
        let drain = place.drain(events);
        place.append(drain);
        place.wait();
    });
}

/// Sixteen drains of 64 events under way at once, as shards hand them over.
#[divan::bench]
fn commit_together(bencher: Bencher<'_, '_>) {
    let mut place = Place::new();
    bencher.counter(ItemsCount::new(16 * 64usize)).bench_local(|| {
        for _ in 0..16 {
            let drain = place.drain(64);
            place.append(drain);
        }
        (0..16).for_each(|_| place.wait());
    });
}

/// 1,000 finished runs of 2 KB beside 10,000 events.
#[divan::bench]
fn commit_with_finished_runs(bencher: Bencher<'_, '_>) {
    let mut place = Place::new();
    let mut next = 0;
    bencher.counter(ItemsCount::new(10_000usize)).bench_local(|| {
        let mut drain = place.drain(10_000);
        for _ in 0..1_000 {
            next += 1;
            let summary = summary(next);
            drain[summary.id.shard().index()].archive(&summary, None, |to| to.extend([7; 2_048]));
        }
        place.append(drain);
        place.wait();
    });
}

fn summary(n: u64) -> RunSummary {
    let at = Timestamp::from_micros(1_767_323_045_000_000 + i64::try_from(n).unwrap());
    RunSummary {
        id: run_id(n),
        workflow: Name::new("order").unwrap(),
        definition: DefinitionHash([1; 16]),
        state: RunState::Succeeded,
        accepted: at,
        ended: Some(at),
        failure: None,
    }
}

/// A log of a million events, its bodies decoded.
#[divan::bench(sample_count = 5, sample_size = 1, args = [false, true])]
fn replay_a_million(bencher: Bencher<'_, '_>, decode: bool) {
    let mut place = Place::new();
    for _ in 0..100 {
        let drain = place.drain(10_000);
        place.append(drain);
        place.wait();
    }
    bencher.counter(ItemsCount::new(1_000_000usize)).bench_local(|| {
        let mut events = 0;
        let replayed = place.journal.replay(&mut |_, record| {
            events += if decode { stored::decode_events(&record.body).unwrap().len() } else { 2 };
        });
        assert_eq!((events, replayed.unwrap().damages.len()), (1_000_000, 0));
    });
}

#[divan::bench]
fn encode(bencher: Bencher<'_, '_>) {
    let events = events(3);
    let size = stored::encode_events(&events).len();
    bencher
        .counter(ItemsCount::new(2usize))
        .counter(BytesCount::new(size))
        .bench_local(|| stored::encode_events(divan::black_box(&events)));
}

#[divan::bench]
fn decode(bencher: Bencher<'_, '_>) {
    let body = stored::encode_events(&events(3));
    bencher
        .counter(ItemsCount::new(2usize))
        .counter(BytesCount::new(body.len()))
        .bench_local(|| stored::decode_events(divan::black_box(&body)).unwrap());
}
