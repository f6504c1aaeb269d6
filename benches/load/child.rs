//! The parts that this program plays in processes of their own. Each tells its figures in one line.

use std::path::Path;
use std::time::{Duration, Instant};

use windlass::Engine;

use crate::chain::{builder, payload, runtime};
use crate::{history, payload as payloads};

/// Runs that wait for their time.
pub(crate) const PENDING_RUNS: u32 = 1_000_000;

/// Runs that are live when the process is killed.
pub(crate) const LIVE_RUNS: u32 = 100_000;

/// Events of such a run: accepted, began, ready, succeeded, ready, slept.
pub(crate) const LIVE_EVENTS: u32 = 6;

/// Starts that are asked for at once.
const CLIENTS: u32 = 1_000;

/// Plays a part.
pub(crate) fn play(part: &str, folder: &Path) {
    if part.starts_with("payload-") || part.starts_with("history-") {
        let play = if part.starts_with("payload-") { payloads::play } else { history::play };
        let [first, second] = play(part, folder);
        println!("{first} {second}");
    } else {
        let figure = runtime().block_on(async {
            match part {
                "pending" => pending(count(folder)).await,
                "idle" => idle(folder).await,
                "live" => live(folder).await,
                "recover" => recover(folder).await,
                _ => panic!("no part `{part}`"),
            }
        });
        println!("{figure}");
    }
    if part == "live" {
        wait_for_the_end();
    }
}

/// Stays until the process is killed.
pub(crate) fn wait_for_the_end() -> ! {
    loop {
        std::thread::park();
    }
}

/// The folder's name says how many runs.
fn count(folder: &Path) -> u32 {
    folder.file_name().unwrap().to_str().unwrap().parse().unwrap()
}

async fn pending(runs: u32) -> f64 {
    let engine = builder(None).start().await.unwrap();
    let before = resident();
    start_all(&engine, "chain", runs, Duration::from_secs(3600)).await;
    resident() - before
}

async fn idle(folder: &Path) -> f64 {
    let engine = builder(Some(folder)).start().await.unwrap();
    engine.run("chain", "x").await.unwrap().wait().await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    resident()
}

async fn live(folder: &Path) -> f64 {
    let engine = builder(Some(folder)).start().await.unwrap();
    let runs = count(folder);
    start_all(&engine, "held", runs, Duration::ZERO).await;
    // The last of them has yet to fall asleep, durably.
    tokio::time::sleep(Duration::from_secs(2)).await;
    drop(engine.stats().await.unwrap());
    f64::from(runs)
}

async fn recover(folder: &Path) -> f64 {
    let begin = Instant::now();
    let engine = builder(Some(folder)).start().await.unwrap();
    let took = begin.elapsed().as_secs_f64();
    let live = engine.stats().await.unwrap().live_runs;
    assert_eq!(live, usize::try_from(count(folder)).unwrap(), "runs are missing");
    took
}

async fn start_all(engine: &Engine, workflow: &'static str, runs: u32, after: Duration) {
    let clients = (0..CLIENTS).map(|client| {
        let engine = engine.clone();
        tokio::spawn(async move {
            let input = payload(100);
            for _ in (client..runs).step_by(usize::try_from(CLIENTS).unwrap()) {
                engine.start_later(workflow, &input, after).await.unwrap();
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
}

/// Bytes of memory in use, as the kernel sees them.
pub(crate) fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    let kilobytes: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes * 1024.0
}
