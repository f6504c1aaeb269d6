//! The journal: commits of 1 to 1,000 events on a real disk, replay, encoding, the archive.
//!
//! `cargo bench --bench journal`. The folder is made under `target/`, so that the disk is the one
//! that the project is on.
#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use windlass::clock::Timestamp;
use windlass::id::{DefinitionHash, Lsn, Name, RunId, ShardId};
use windlass::journal::{
    Batch, Journal, JournalError, Options, Record, RecordKind, RedbJournal, RunSummary, Write,
    codec,
};
use windlass::payload::Payload;
use windlass::plan::NodeId;
use windlass::run::{Event, RunState, Unit};

fn main() {
    divan::main();
}

/// Events of 100-byte outputs, two to a record, as a chain of steps gives them.
fn events(step: u32) -> [Event; 2] {
    let (unit, next) = (Unit::of(NodeId(step)), Unit::of(NodeId(step + 1)));
    let at = Timestamp::from_micros(1_767_323_045_000_000);
    let output = Payload::of(&"x".repeat(98)).unwrap();
    [
        Event::Succeeded { unit, fencing: 1, started: at, at, output },
        Event::Ready { unit: next, at },
    ]
}

fn run_id(n: u64) -> RunId {
    let at = Timestamp::from_micros(1_767_323_045_000_000 + i64::try_from(n).unwrap());
    RunId::new(at, ShardId::of(n))
}

fn records(count: usize) -> Vec<Record> {
    let body = codec::encode_events(&events(3));
    let record = |n| Record { run: run_id(n), kind: RecordKind::Events, body: body.clone() };
    (0..u64::try_from(count / 2).unwrap().max(1)).map(record).collect()
}

fn journal() -> (tempfile::TempDir, RedbJournal) {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    let folder = tempfile::tempdir_in(target).unwrap();
    let journal = RedbJournal::open(folder.path(), &Options::default()).unwrap();
    (folder, journal)
}

type Told = Result<Lsn, JournalError>;

fn append(journal: &RedbJournal, batch: Batch, tell: &SyncSender<Told>) {
    let tell = tell.clone();
    journal.append(batch, Box::new(move |result| tell.send(result).unwrap()));
}

fn wait(told: &Receiver<Told>) {
    told.recv().unwrap().unwrap();
}

/// One batch after the other, each waited for.
#[divan::bench(args = [1, 10, 100, 1_000, 10_000])]
fn commit(bencher: Bencher<'_, '_>, events: usize) {
    let (_folder, journal) = journal();
    let (tell, told) = sync_channel(1);
    bencher
        .counter(ItemsCount::new(events))
        .with_inputs(|| Batch { records: records(events), ..Batch::default() })
        .bench_local_values(|batch| {
            append(&journal, batch, &tell);
            wait(&told);
        });
}

/// Sixteen batches of 64 events under way at once, as shards hand them over.
#[divan::bench]
fn commit_together(bencher: Bencher<'_, '_>) {
    let (_folder, journal) = journal();
    let (tell, told) = sync_channel(16);
    bencher
        .counter(ItemsCount::new(16 * 64usize))
        .with_inputs(|| {
            let batch = |_| Batch { records: records(64), ..Batch::default() };
            (0..16).map(batch).collect::<Vec<_>>()
        })
        .bench_local_values(|batches| {
            let count = batches.len();
            for batch in batches {
                append(&journal, batch, &tell);
            }
            (0..count).for_each(|_| wait(&told));
        });
}

/// 1,000 finished runs of 2 KB beside 10,000 events.
#[divan::bench]
fn commit_with_finished_runs(bencher: Bencher<'_, '_>) {
    let (_folder, journal) = journal();
    let (tell, told) = sync_channel(1);
    let mut next = 0;
    bencher
        .counter(ItemsCount::new(10_000usize))
        .with_inputs(|| {
            let finished = (0..1_000).map(|_| {
                next += 1;
                archive(next)
            });
            let writes = finished.collect();
            Batch { records: records(10_000), writes, ..Batch::default() }
        })
        .bench_local_values(|batch| {
            append(&journal, batch, &tell);
            wait(&told);
        });
}

fn archive(n: u64) -> Write {
    let at = Timestamp::from_micros(1_767_323_045_000_000 + i64::try_from(n).unwrap());
    let summary = RunSummary {
        id: run_id(n),
        workflow: Name::new("order").unwrap(),
        definition: DefinitionHash([1; 16]),
        state: RunState::Succeeded,
        accepted: at,
        ended: Some(at),
        failure: None,
    };
    Write::Archive { summary, state: vec![7; 2_048].into() }
}

/// A log of a million events, its bodies decoded.
#[divan::bench(sample_count = 5, sample_size = 1, args = [false, true])]
fn replay_a_million(bencher: Bencher<'_, '_>, decode: bool) {
    let (_folder, journal) = journal();
    let (tell, told) = sync_channel(1);
    for _ in 0..100 {
        let keep_from = Some(Lsn(1));
        append(&journal, Batch { records: records(10_000), keep_from, ..Batch::default() }, &tell);
        wait(&told);
    }
    bencher.counter(ItemsCount::new(1_000_000usize)).bench_local(|| {
        let mut events = 0;
        let damages = journal.replay(&mut |_, record| {
            events += if decode { codec::decode_events(&record.body).unwrap().len() } else { 2 };
        });
        assert_eq!((events, damages.unwrap().len()), (1_000_000, 0));
    });
}

#[divan::bench]
fn encode(bencher: Bencher<'_, '_>) {
    let events = events(3);
    let size = codec::encode_events(&events).len();
    bencher
        .counter(ItemsCount::new(2usize))
        .counter(BytesCount::new(size))
        .bench_local(|| codec::encode_events(divan::black_box(&events)));
}

#[divan::bench]
fn decode(bencher: Bencher<'_, '_>) {
    let body = codec::encode_events(&events(3));
    bencher
        .counter(ItemsCount::new(2usize))
        .counter(BytesCount::new(body.len()))
        .bench_local(|| codec::decode_events(divan::black_box(&body)).unwrap());
}
