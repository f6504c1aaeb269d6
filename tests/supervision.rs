//! Actors that die are started again, and nothing is lost.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use serde_json::json;
use windlass::engine::Victim;
use windlass::{DeadLetterFilter, Engine, Error, RunState, StepContext, StepError};

const FAN: &str = r#"
    [steps.list]
    task = "list"
    [steps.each]
    for_each = "steps.list.output"
    task = "work"
    retry = { attempts = 3, delay = "5ms", jitter = "none" }
    [steps.sum]
    task = "sum"
    depends_on = ["each"]
"#;

async fn list(count: u64) -> Result<Vec<u64>, StepError> {
    Ok((0..count).collect())
}

/// The first attempt of every seventeenth item fails.
async fn work(step: StepContext, item: u64) -> Result<u64, StepError> {
    tokio::task::yield_now().await;
    if step.attempt() == 1 && item % 17 == 3 {
        return Err(StepError::new("busy", "try again"));
    }
    Ok(item)
}

async fn sum(items: Vec<u64>) -> Result<u64, StepError> {
    Ok(items.iter().sum())
}

async fn engine(folder: Option<&std::path::Path>) -> Engine {
    let builder = Engine::builder().task("list", list).task("work", work).task("sum", sum);
    let builder = builder.workflow_text("fan", FAN).unwrap().queue("default", |q| q.workers(16));
    let builder = match folder {
        Some(folder) => builder.data_dir(folder),
        None => builder,
    };
    builder.start().await.unwrap()
}

async fn survives(victims: &[Victim], folder: Option<&std::path::Path>) {
    let engine = engine(folder).await;
    let mut runs = Vec::new();
    for round in 0..20 {
        runs.push(engine.run("fan", 50).await.unwrap());
        assert!(engine.kill(victims[round % victims.len()].clone()).await);
    }
    for run in runs {
        assert_eq!(run.output::<u64>().await.unwrap(), (0..50).sum::<u64>());
    }
    let stats = engine.stats().await.unwrap();
    assert_eq!(stats.queues[0].depth, 0);
    engine.shutdown(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_workers_lose_nothing() {
    survives(&[Victim::Worker("default".into(), 0), Victim::Worker("default".into(), 1)], None)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_queues_lose_nothing() {
    survives(&[Victim::Queue("default".into())], None).await;
    let folder = tempfile::tempdir().unwrap();
    survives(&[Victim::Queue("default".into())], Some(folder.path())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_timers_and_journal_actors_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    survives(&[Victim::Timers, Victim::Journal], Some(folder.path())).await;
}

#[tokio::test]
async fn a_dead_dlq_actor_loses_no_letter() {
    let text = "[steps.a]\ntask = \"fail\"";
    let fail = async |_: u32| Err::<u32, _>(StepError::permanent("no"));
    let builder = Engine::builder().task("fail", fail).workflow_text("f", text).unwrap();
    let engine = builder.start().await.unwrap();
    for n in 0..5 {
        let run = engine.run("f", n).await.unwrap();
        assert_eq!(run.wait().await.unwrap().state, RunState::Failed);
        assert!(engine.kill(Victim::Dlq("default".into())).await);
    }
    let letters = engine.dead_letters().list(&DeadLetterFilter::default()).await.unwrap();
    assert_eq!(letters.len(), 5);
}

#[tokio::test]
async fn the_death_of_a_shard_stops_the_engine_and_the_next_start_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let first = engine(Some(folder.path())).await;
    let later = first.start_later("fan", 10, Duration::from_millis(50)).await.unwrap();
    for shard in 0..2 {
        first.kill(Victim::Shard(shard)).await;
    }
    let stopped = later.wait().await.unwrap_err();
    assert!(stopped.to_string().contains("shard"), "{stopped}");
    let refused = first.run("fan", json!(1)).await.unwrap_err();
    assert!(matches!(refused, Error::Unavailable(_)), "{refused}");
    let id = later.id();
    drop((later, first));

    let second = engine(Some(folder.path())).await;
    let run = second.attach(id).await.unwrap();
    assert_eq!(run.output::<u64>().await.unwrap(), 45);
}
