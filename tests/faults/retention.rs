//! What has ended leaves.

use std::path::Path;
use std::time::Duration;

use windlass::{Engine, EngineBuilder, Payload, StepError};

use crate::support::{Place, letters, runs, until, within};

fn builder(folder: &Path) -> EngineBuilder {
    Engine::builder()
        .task("same", async |value: Payload| Ok::<_, StepError>(value))
        .task("fails", async |_: Payload| Err::<u32, _>(StepError::permanent("no")))
        .data_dir(folder)
}

const SHORT: &str = "[steps.a]\ntask = \"same\"\n[retention]\nkeep = \"1ms\"\nkeep_min = 3\n";
const FAILED: &str = "[steps.a]\ntask = \"fails\"\nallow_failure = true\n[steps.b]\n\
                      task = \"fails\"\n[retention]\nkeep = \"1ms\"\nkeep_min = 0\n";

fn retained(folder: &Path) -> EngineBuilder {
    let builder = builder(folder).workflow_text("short", SHORT).unwrap();
    builder.workflow_text("failed", FAILED).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_leave_by_the_retention_of_their_workflow() {
    let place = Place::new();
    let engine = retained(&place.data()).start().await.unwrap();
    let mut last = Vec::new();
    for number in 0..20 {
        let run = engine.run("short", number).await.unwrap();
        within(run.wait()).await.unwrap();
        last.push(run.id());
    }
    let keyed = engine.run("short", 99).idempotency_key("k").await.unwrap();
    within(keyed.wait()).await.unwrap();
    let lettered = engine.run("failed", 1).await.unwrap();
    within(lettered.wait()).await.unwrap();
    for _ in 0..3 {
        within(engine.run("short", 100).await.unwrap().wait()).await.unwrap();
    }
    engine.shutdown(Duration::ZERO).await.unwrap();

    let engine = retained(&place.data()).start().await.unwrap();
    // The last three, the one with a live key, the one with a dead letter.
    until(async || (runs(&engine).await.len() <= 5).then_some(())).await;
    let kept: Vec<_> = runs(&engine).await.iter().map(|run| run.id).collect();
    assert!(kept.contains(&keyed.id()), "its key lives");
    assert!(kept.contains(&lettered.id()), "it has a dead letter");
    assert!(!kept.contains(&last[0]));
    assert!(engine.summary(last[0]).await.is_err(), "it is not listed, but known");
    assert!(engine.history(keyed.id()).await.is_ok());
    let letter = letters(&engine, lettered.id()).await.remove(0).id;
    engine.dead_letters().drop(letter, "seen").await.unwrap();
    engine.shutdown(Duration::ZERO).await.unwrap();

    let engine = retained(&place.data()).start().await.unwrap();
    until(async || engine.summary(lettered.id()).await.is_err().then_some(())).await;
    engine.shutdown(Duration::ZERO).await.unwrap();
}
