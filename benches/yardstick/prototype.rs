//! The bare shape of the engine: what is left when expressions, limits, histories, retries and
//! supervision are taken away. What the full engine reaches is told as a share of this.
//!
//! One task owns all runs. Workers get batches of attempts, poll each handler once in place under
//! `catch_unwind`, spawn what is pending, and answer in batches. The log is a thread of its own: it
//! commits whatever waits as one row in one transaction, and only then are the attempts handed out.

use std::collections::HashMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc as thread_mpsc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use redb::{Database, Durability, TableDefinition};
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

/// Steps of one run.
pub(crate) const CHAIN_STEPS: u32 = 10;

/// Attempts handed to a worker at once.
const BATCH: usize = 64;

/// Rows up to this size are cheap in redb; larger ones take runs of pages.
const ROW_BYTES_MAX: usize = 60_000;

/// The time of every event; the yardstick reads no clock.
const STAMP: i64 = 1_700_000_000_000_000;

const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// Runs in all.
    pub(crate) runs: u32,
    /// Runs under way at once.
    pub(crate) in_flight: u32,
    /// Bytes of each payload.
    pub(crate) payload: usize,
}

type Handler = Arc<dyn Fn(Bytes) -> Pin<Box<dyn Future<Output = Bytes> + Send>> + Send + Sync>;

struct Job {
    run: u64,
    step: u32,
    payload: Bytes,
}

/// A run as its owner knows it.
struct Run {
    step: u32,
    output: Bytes,
}

#[derive(Serialize)]
enum Event<'a> {
    Accepted { run: u64, input: &'a Bytes },
    Started { run: u64, step: u32, at: i64 },
    Succeeded { run: u64, step: u32, at: i64, output: &'a Bytes },
}

/// What the log releases once its records are durable.
#[derive(Default)]
struct Append {
    records: Vec<u8>,
    jobs: Vec<Job>,
}

/// Runs the load and tells how long it took. With a folder, every result is durable before what
/// depends on it starts; without one there is no log.
pub(crate) fn measure(load: Load, folder: Option<&Path>) -> Duration {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let log = folder.map(|folder| Database::create(folder.join("yardstick.redb")).unwrap());
    runtime.block_on(async {
        let begin = Instant::now();
        tokio::spawn(drive(load, log)).await.unwrap();
        begin.elapsed()
    })
}

/// The one owner of all runs.
async fn drive(load: Load, log: Option<Database>) {
    let (results_to, mut results) = mpsc::unbounded_channel();
    let workers = Workers::spawn(results_to);
    let log = log.map(|database| Log::spawn(database, workers.clone()));
    let mut shard = Shard::new(load, log.is_some());
    let mut drained: Vec<Vec<Job>> = Vec::new();
    (0..load.in_flight).for_each(|_| shard.accept());
    while shard.ended < load.runs {
        release(log.as_ref(), &workers, shard.decided());
        results.recv_many(&mut drained, BATCH).await;
        drained.drain(..).flatten().for_each(|job| shard.finished(job));
    }
    release(log.as_ref(), &workers, shard.decided());
    if let Some(log) = log {
        log.flush().await;
    }
}

/// The runs, and what has been decided since the last release.
struct Shard {
    load: Load,
    payload: Bytes,
    runs: HashMap<u64, Run>,
    accepted: u32,
    ended: u32,
    logs: bool,
    append: Append,
}

impl Shard {
    fn new(load: Load, logs: bool) -> Self {
        let payload = Bytes::from(format!("\"{}\"", "x".repeat(load.payload.saturating_sub(2))));
        let append = Append::default();
        Self { load, payload, runs: HashMap::new(), accepted: 0, ended: 0, logs, append }
    }

    fn accept(&mut self) {
        if self.accepted == self.load.runs {
            return;
        }
        // Spread as ids of real runs are: no order that a map could profit from.
        let run = u64::from(self.accepted).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let payload = self.payload.clone();
        self.write(&Event::Accepted { run, input: &payload });
        self.runs.insert(run, Run { step: 0, output: payload.clone() });
        self.append.jobs.push(Job { run, step: 0, payload });
        self.accepted += 1;
    }

    fn finished(&mut self, job: Job) {
        let Job { run: id, step, payload } = job;
        self.write(&Event::Started { run: id, step, at: STAMP });
        self.write(&Event::Succeeded { run: id, step, at: STAMP, output: &payload });
        let Some(run) = self.runs.get_mut(&id).filter(|run| run.step == step) else { return };
        run.step += 1;
        run.output = payload;
        if run.step < CHAIN_STEPS {
            let (step, payload) = (run.step, run.output.clone());
            self.append.jobs.push(Job { run: id, step, payload });
        } else {
            self.runs.remove(&id);
            self.ended += 1;
            self.accept();
        }
    }

    fn write(&mut self, event: &Event<'_>) {
        if self.logs {
            let form = bincode::config::standard();
            bincode::serde::encode_into_std_write(event, &mut self.append.records, form).unwrap();
        }
    }

    fn decided(&mut self) -> Append {
        std::mem::take(&mut self.append)
    }
}

fn release(log: Option<&Log>, workers: &Workers, decided: Append) {
    match log {
        Some(log) => log.append(decided),
        None => workers.hand_out(decided.jobs),
    }
}

/// Two workers, one per core, each with a mailbox of batches.
#[derive(Clone)]
struct Workers(Arc<[mpsc::UnboundedSender<Vec<Job>>]>);

impl Workers {
    fn spawn(results: mpsc::UnboundedSender<Vec<Job>>) -> Self {
        let handler: Handler = Arc::new(|payload| Box::pin(async move { payload }));
        let worker = |_| {
            let (to, mailbox) = mpsc::unbounded_channel();
            tokio::spawn(work(mailbox, Arc::clone(&handler), results.clone()));
            to
        };
        Self((0..2).map(worker).collect())
    }

    fn hand_out(&self, mut jobs: Vec<Job>) {
        let mut turn = 0;
        while !jobs.is_empty() {
            let rest = jobs.split_off(BATCH.min(jobs.len()));
            self.0[turn % self.0.len()].send(jobs).unwrap_or_default();
            jobs = rest;
            turn += 1;
        }
    }
}

async fn work(
    mut mailbox: mpsc::UnboundedReceiver<Vec<Job>>,
    handler: Handler,
    results: mpsc::UnboundedSender<Vec<Job>>,
) {
    while let Some(batch) = mailbox.recv().await {
        let done = batch.into_iter().filter_map(|job| attempt(job, &handler, &results)).collect();
        results.send(done).unwrap_or_default();
    }
}

/// Polls the handler once; what is then pending lives on in a task of its own.
fn attempt(job: Job, handler: &Handler, results: &mpsc::UnboundedSender<Vec<Job>>) -> Option<Job> {
    let mut future = handler(job.payload.clone());
    let mut context = Context::from_waker(Waker::noop());
    let poll = AssertUnwindSafe(|| future.as_mut().poll(&mut context));
    match std::panic::catch_unwind(poll) {
        Ok(Poll::Ready(payload)) => Some(Job { payload, ..job }),
        Ok(Poll::Pending) => {
            let results = results.clone();
            tokio::spawn(async move {
                let payload = future.await;
                results.send(vec![Job { payload, ..job }]).unwrap_or_default();
            });
            None
        }
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// The log's thread and the way to it.
struct Log(thread_mpsc::Sender<Append>, oneshot::Receiver<()>);

impl Log {
    fn spawn(database: Database, workers: Workers) -> Self {
        let (to, appends) = thread_mpsc::channel();
        let (ended, end) = oneshot::channel();
        std::thread::spawn(move || {
            keep(&database, &appends, &workers);
            ended.send(()).unwrap_or_default();
        });
        Self(to, end)
    }

    fn append(&self, append: Append) {
        self.0.send(append).unwrap_or_default();
    }

    async fn flush(self) {
        drop(self.0);
        self.1.await.unwrap_or_default();
    }
}

/// Commits what waits as soon as the last commit has ended.
fn keep(database: &Database, appends: &thread_mpsc::Receiver<Append>, workers: &Workers) {
    let mut next = 0;
    while let Ok(first) = appends.recv() {
        let mut records = first.records;
        let mut released = vec![first.jobs];
        while let Ok(more) = appends.try_recv() {
            records.extend_from_slice(&more.records);
            released.push(more.jobs);
        }
        commit(database, &mut next, &records);
        for jobs in released {
            workers.hand_out(jobs);
        }
    }
}

/// Makes these bytes durable.
pub(crate) fn commit(database: &Database, next: &mut u64, records: &[u8]) {
    let mut transaction = database.begin_write().unwrap();
    transaction.set_durability(Durability::Immediate).unwrap();
    {
        let mut log = transaction.open_table(LOG).unwrap();
        for row in records.chunks(ROW_BYTES_MAX) {
            log.insert(*next, row).unwrap();
            *next += 1;
        }
    }
    transaction.commit().unwrap();
}

/// The median time of so many commits after one another, each of 200 bytes, each alone.
pub(crate) fn lone_commits(folder: &Path, commits: u32, rounds: u32) -> Duration {
    let database = Database::create(folder.join("lone.redb")).unwrap();
    let records = [0; 200];
    let mut next = 0;
    let mut times = Vec::new();
    for _ in 0..rounds.max(1) {
        let begin = Instant::now();
        for _ in 0..commits {
            commit(&database, &mut next, &records);
        }
        times.push(begin.elapsed());
    }
    times.sort();
    times[times.len() / 2]
}
