//! An evaluation that takes long is a wait like any other: what ends it, ends it, and what comes of it
//! later changes nothing.

use std::time::Duration;

use serde_json::json;
use windlass::engine::Victim;
use windlass::{Engine, EngineBuilder, EventKind, Payload, RunHandle, RunState, StepError};

use crate::support::{Place, within};

/// `b` asks for what takes some tenths of a second where nothing is optimised, and some hundredths
/// where it is.
const LONG: &str = "[output]\nall = \"${{ steps.b.output }}\"\n[steps.a]\ntask = \"same\"\nwith = 1\n\
                    [steps.b]\ntask = \"same\"\ndepends_on = [\"a\"]\nwith = 2\n\
                    when = \"(input | sort | map('string') | sort | join(',') | length) > steps.a.output\"\n";

fn builder(text: &str) -> EngineBuilder {
    let same = async |value: Payload| Ok::<_, StepError>(value);
    Engine::builder().task("same", same).workflow_text("w", text).unwrap()
}

fn numbers() -> Vec<u32> {
    (0..40_000).rev().collect()
}

/// Starts a run, and waits until it evaluates.
async fn evaluating(engine: &Engine) -> RunHandle {
    let mut events = engine.events();
    let run = engine.run("w", numbers()).await.unwrap();
    within(async { while !matches!(events.next().await.unwrap().kind, EventKind::Evaluating) {} })
        .await;
    run
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_evaluates_can_be_cancelled_and_retried() {
    let engine = builder(LONG).start().await.unwrap();
    let run = evaluating(&engine).await;
    engine.cancel(run.id(), "enough").await.unwrap();
    assert_eq!(within(run.wait()).await.unwrap().state, RunState::Cancelled);
    let again = engine.retry(run.id(), windlass::From::Start).await.unwrap();
    assert_eq!(within(again.wait()).await.unwrap().state, RunState::Succeeded);
    engine.shutdown(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_evaluates_can_run_out_of_time() {
    let text = format!("timeout = \"1ms\"\n{LONG}");
    let engine = builder(&text).start().await.unwrap();
    let run = engine.run("w", numbers()).await.unwrap();
    let outcome = within(run.wait()).await.unwrap();
    assert_eq!(outcome.state, RunState::Failed);
    assert_eq!(outcome.failure.unwrap().class.to_string(), "timeout");
    engine.shutdown(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_being_evaluated_is_evaluated_again_after_a_restart() {
    let place = Place::new();
    let engine = builder(LONG).data_dir(place.data()).start().await.unwrap();
    let run = evaluating(&engine).await.id();
    engine.shutdown(Duration::ZERO).await.unwrap();
    drop(engine);
    let engine = builder(LONG).data_dir(place.data()).start().await.unwrap();
    let outcome = within(engine.attach(run).await.unwrap().wait()).await.unwrap();
    assert_eq!(outcome.output.parse::<serde_json::Value>().unwrap(), json!({ "all": 2 }));
    engine.shutdown(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_evaluator_loses_nothing() {
    let engine = builder(LONG).start().await.unwrap();
    for _ in 0..2 {
        let run = evaluating(&engine).await;
        assert!(engine.kill(Victim::Evaluator).await);
        assert_eq!(within(run.wait()).await.unwrap().state, RunState::Succeeded);
    }
    engine.shutdown(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_evaluation_that_panics_fails_its_step_as_invalid() {
    let text = "[steps.a]\ntask = \"same\"\nwhen = \"(input | sort | length) is divisibleby(input | min)\"\n";
    let engine = builder(text).start().await.unwrap();
    let run = engine.run("w", numbers()).await.unwrap();
    let outcome = within(run.wait()).await.unwrap();
    assert_eq!(outcome.state, RunState::Failed);
    assert_eq!(outcome.failure.unwrap().class.to_string(), "invalid");
    engine.shutdown(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test]
async fn an_eager_run_evaluates_in_its_place() {
    let eager = builder(LONG).eager().unwrap();
    let outcome = eager.run("w", numbers()).await.unwrap();
    assert_eq!(outcome.output.parse::<serde_json::Value>().unwrap(), json!({ "all": 2 }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_evaluation_holds_no_other_run_up() {
    let quick = "pipeline = [\"a\", \"b\", \"c\"]\n[steps.a]\ntask = \"same\"\n[steps.b]\n\
                 task = \"same\"\n[steps.c]\ntask = \"same\"\n";
    let builder = builder(LONG).shards(1).workflow_text("quick", quick).unwrap();
    let engine = builder.start().await.unwrap();
    let slow = engine.run("w", numbers()).await.unwrap();
    let mut ended = 0;
    let mut slow = std::pin::pin!(within(slow.wait()));
    loop {
        tokio::select! {
            biased;
            outcome = slow.as_mut() => {
                assert_eq!(outcome.unwrap().state, RunState::Succeeded);
                break;
            }
            state = async { engine.run("quick", 1).await.unwrap().wait().await } => {
                assert_eq!(state.unwrap().state, RunState::Succeeded);
                ended += 1;
            }
        }
    }
    assert!(ended >= 10, "only {ended} quick runs ended beside one that evaluates for long");
}
