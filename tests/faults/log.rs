//! What the log keeps: not more than 10 ms go missing under `relaxed`, and what nobody needs is cut.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;
use windlass::{Durability, Engine, EngineBuilder, Payload, Resume, RunState, StepError};

use crate::child::Child;
use crate::support::{Place, data, id, mark, runs, within};

/// What may be lost is at most this old: the 10 ms that are promised, and what a busy machine takes
/// to write them.
const LOST_MAX: Duration = Duration::from_millis(60);

/// The middle of so many lives counts, since neighbours may stop a whole process for a while.
const LIVES: usize = 3;

/// How long a process starts runs before it dies.
const LIFE: Duration = Duration::from_millis(500);

fn relaxed(place: &Path) -> EngineBuilder {
    let gives = large(1_000_000);
    let give = move |bytes: usize| {
        let gives = if bytes > 100 { gives.clone() } else { Payload::NULL };
        async move { Ok::<_, StepError>(gives) }
    };
    let text = "[steps.a]\ntask = \"give\"\nwith = \"${{ input.bytes }}\"\n";
    let builder = Engine::builder().task("give", give).workflow_text("w", text).unwrap();
    builder.durability(Durability::Relaxed).data_dir(data(place))
}

fn large(bytes: usize) -> Payload {
    Payload::of(&"x".repeat(bytes)).unwrap()
}

/// Played by a child: runs with large results for a while, marks each that was answered with its
/// moment, and dies.
pub(crate) async fn end_many(place: PathBuf) {
    let engine = relaxed(&place).start().await.unwrap();
    let begin = Instant::now();
    let clients = (0..8).map(|_| {
        let (engine, place) = (engine.clone(), place.clone());
        tokio::spawn(async move {
            while begin.elapsed() < LIFE {
                let run = engine.run("w", json!({ "bytes": 1_000_000 })).await.unwrap();
                run.wait().await.unwrap();
                mark(&place, format!("{} {}", run.id(), begin.elapsed().as_micros()));
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    mark(&place, format!("end {}", begin.elapsed().as_micros()));
    std::process::abort();
}

/// What was marked: a word and a moment.
fn marked(place: &Place) -> Vec<(String, Duration)> {
    let split = |line: &String| {
        let (word, micros) = line.split_once(' ').unwrap();
        (word.to_owned(), Duration::from_micros(micros.parse().unwrap()))
    };
    place.marks().iter().map(split).collect()
}

/// When each run was answered whose end is not there any more.
async fn lost(place: &Place) -> Vec<Duration> {
    let engine = relaxed(place.path()).resume(Resume::Nothing).start().await.unwrap();
    let runs = runs(&engine).await;
    engine.shutdown(Duration::ZERO).await.unwrap();
    let ended: Vec<_> = runs.iter().filter(|run| run.state.is_end()).map(|run| run.id).collect();
    let answered = marked(place).into_iter().filter(|(word, _)| word.contains('-'));
    let gone = answered.filter(|(run, _)| !ended.contains(&id(run)));
    gone.map(|(_, at)| at).collect()
}

/// The moment with this word.
fn moment(place: &Place, wanted: &str) -> Option<Duration> {
    marked(place).into_iter().find(|(word, _)| word == wanted).map(|(_, at)| at)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn relaxed_loses_only_the_last_moments_however_large_they_are() {
    let mut oldest = Vec::new();
    for _ in 0..LIVES {
        let place = Place::new();
        Child::start("end-many", place.path()).rest();
        let end = moment(&place, "end").unwrap();
        let lost = lost(&place).await;
        oldest.push(lost.iter().map(|at| end.saturating_sub(*at)).max().unwrap_or_default());
    }
    oldest.sort();
    assert!(oldest[LIVES / 2] <= LOST_MAX, "what was lost was so old: {oldest:?}");
}

/// Played by a child whose files may not grow: many runs until one is refused, and for a while
/// after that, and dies.
pub(crate) async fn fill(place: PathBuf) {
    let engine = relaxed(&place).start().await.unwrap();
    let begin = Instant::now();
    let refused = Arc::new(OnceLock::new());
    let clients = (0..8).map(|_| {
        let (engine, place, refused) = (engine.clone(), place.clone(), Arc::clone(&refused));
        tokio::spawn(async move {
            while begin.elapsed() < refused.get().map_or(20 * LIFE, |at| *at + LIFE) {
                let bytes = if refused.get().is_none() { 1_000_000 } else { 100 };
                // A start that was on its way when the disk refused waits until it takes it.
                let start = IntoFuture::into_future(engine.run("w", json!({ "bytes": bytes })));
                let Ok(started) = tokio::time::timeout(LIFE, start).await else { break };
                let Ok(run) = started else {
                    let at = begin.elapsed();
                    if refused.set(at).is_ok() {
                        mark(&place, format!("refused {}", at.as_micros()));
                    }
                    tokio::task::yield_now().await;
                    continue;
                };
                if let Ok(Ok(outcome)) = tokio::time::timeout(LIFE, run.wait()).await {
                    assert_eq!(outcome.state, RunState::Succeeded);
                    mark(&place, format!("{} {}", run.id(), begin.elapsed().as_micros()));
                }
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    std::process::abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn relaxed_refuses_when_the_disk_is_full() {
    let mut told = Vec::new();
    for _ in 0..LIVES {
        let place = Place::new();
        // A signal would end the process; ignored, it is an error as of a full disk.
        let limited = "trap '' XFSZ; ulimit -S -f 32000; exec \"$0\" \"$@\"";
        let mut command = Command::new("sh");
        command.args(["-c", limited]).arg(std::env::current_exe().unwrap());
        Child::start_by(command, "fill", place.path()).rest();
        let all = place.marks().len();
        let refused = moment(&place, "refused");
        let refused = refused.unwrap_or_else(|| panic!("{all} runs of 1 MB went into 16 MB"));
        let lost = lost(&place).await;
        let late = lost.iter().filter(|at| **at > refused + LOST_MAX).count();
        let early = lost.iter().filter(|at| **at + LOST_MAX < refused).count();
        told.push((late, early));
    }
    // Whatever neighbours do, nothing is answered long after the disk has refused.
    assert!(told.iter().all(|(late, _)| *late == 0), "lost (late, early): {told:?}");
    assert!(told.iter().any(|(_, early)| *early == 0), "lost (late, early): {told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_is_cut_whatever_else_waits() {
    let place = Place::new();
    let mut records = Vec::new();
    let input = json!({ "bytes": 1 });
    for _ in 0..10 {
        let builder = relaxed(place.path()).durability(Durability::Strict);
        let engine = builder.start().await.unwrap();
        let days = Duration::from_secs(3 * 24 * 3600);
        engine.start_later("w", &input, days).await.unwrap();
        for _ in 0..20 {
            within(engine.run("w", &input).await.unwrap().wait()).await.unwrap();
        }
        engine.shutdown(Duration::ZERO).await.unwrap();
        let engine = relaxed(place.path()).hold().start().await.unwrap();
        records.push(engine.stats().await.unwrap().journal.records);
        engine.shutdown(Duration::ZERO).await.unwrap();
    }
    let grown = records[9] - records[4];
    assert!(grown <= 50, "five lives with one run each that is not over: {records:?}");
}
