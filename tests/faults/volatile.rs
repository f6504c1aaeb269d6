//! `durability = "memory"` beside a data folder: all of a run is durable, or nothing of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use windlass::{Engine, EngineBuilder, Error, From, Payload, RunState, StepContext, StepError};

use crate::child::{Child, tell};
use crate::support::{Place, data, id, letters, mark, runs, until, within};

/// What has happened to the run when the process dies.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Story {
    Running,
    Succeeded,
    /// One step has failed for good, another goes on.
    Failing,
    Failed,
    /// It had failed, and a retry is under way.
    Retrying,
    /// It had failed, failed again in a retry, and a replay is under way.
    Retried,
}

const STORIES: [Story; 6] = [
    Story::Running,
    Story::Succeeded,
    Story::Failing,
    Story::Failed,
    Story::Retrying,
    Story::Retried,
];

const KEY: &str = "order-7";

/// A run in memory whose steps fail or hang as its input says, and a durable one.
fn volatile(place: &Path) -> EngineBuilder {
    let folder = place.to_owned();
    let act = move |step: StepContext, what: Payload| {
        let first = !folder.join("marks").exists();
        mark(&folder, step.step());
        async move {
            match what.as_str() {
                "\"fail\"" => Err(StepError::permanent("no")),
                "\"fail once\"" if first => Err(StepError::permanent("no")),
                "\"hang\"" | "\"fail once\"" => std::future::pending().await,
                _ => Ok(1),
            }
        }
    };
    let text = "durability = \"memory\"\n[steps.a]\ntask = \"act\"\nwith = \"${{ input.a }}\"\n\
                [steps.b]\ntask = \"act\"\nwith = \"${{ input.b }}\"\n";
    let builder = Engine::builder().task("act", act).data_dir(data(place));
    let durable = "[steps.a]\ntask = \"act\"\nwith = 1\n";
    builder.workflow_text("w", text).unwrap().workflow_text("durable", durable).unwrap()
}

fn input(story: Story) -> serde_json::Value {
    let a = match story {
        Story::Running => "hang",
        Story::Succeeded => "succeed",
        Story::Failing | Story::Failed | Story::Retried => "fail",
        Story::Retrying => "fail once",
    };
    let b = if matches!(story, Story::Failing) { "hang" } else { "succeed" };
    json!({ "a": a, "b": b })
}

/// Played by a child: a run in memory comes so far, then the process waits for its death.
pub(crate) async fn live(place: PathBuf, story: Story) {
    let engine = volatile(&place).start().await.unwrap();
    let run = engine.run("w", input(story)).idempotency_key(KEY).await.unwrap();
    match story {
        Story::Running => {}
        Story::Succeeded | Story::Failed => drop(run.wait().await.unwrap()),
        Story::Failing => {
            until(async || (!letters(&engine, run.id()).await.is_empty()).then_some(())).await;
        }
        Story::Retrying => {
            run.wait().await.unwrap();
            commit(&engine).await;
            engine.retry(run.id(), From::Failed).await.unwrap();
        }
        Story::Retried => {
            run.wait().await.unwrap();
            engine.retry(run.id(), From::Failed).await.unwrap().wait().await.unwrap();
            commit(&engine).await;
            let letter = letters(&engine, run.id()).await.remove(0).id;
            engine.dead_letters().replay_with(letter, "hang").await.unwrap();
        }
    }
    commit(&engine).await;
    tell(run.id());
    std::future::pending::<()>().await;
}

/// Commits of a durable run take along whatever waits for the disk.
async fn commit(engine: &Engine) {
    for _ in 0..3 {
        engine.run("durable", 1).await.unwrap().wait().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_run_in_memory_all_or_nothing_survives_a_kill() {
    for story in STORIES {
        let place = Place::new();
        let mut child = Child::start(&format!("volatile-{story:?}"), place.path());
        let run = id(&child.next().unwrap());
        child.kill();

        let engine = volatile(place.path()).start().await.unwrap();
        let known = engine.summary(run).await.is_ok();
        let listed = runs(&engine).await.iter().any(|summary| summary.id == run);
        assert_eq!(listed, known, "{story:?}: it is listed, but not known, or the reverse");
        let letter = !letters(&engine, run).await.is_empty();
        assert!(known || !letter, "{story:?}: a dead letter without its run");
        let again = engine.run("w", input(story)).idempotency_key(KEY).await;
        let holds = again.as_ref().is_ok_and(|again| again.id() == run);
        assert_eq!(
            holds, known,
            "{story:?}: the key knows the run, the engine does not, or the reverse"
        );
        let other = engine.run("w", json!({ "a": 1, "b": 1 })).idempotency_key(KEY).await;
        assert!(matches!(other, Err(Error::KeyTaken { .. })), "{story:?}: {other:?}");
        engine.shutdown(Duration::ZERO).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_run_in_memory_all_or_nothing_survives_a_restart() {
    let place = Place::new();
    let engine = volatile(place.path()).start().await.unwrap();
    let mut all = Vec::new();
    for (number, story) in [Story::Succeeded, Story::Failed].into_iter().enumerate() {
        let key = number.to_string();
        let run = engine.run("w", input(story)).idempotency_key(&key).await.unwrap();
        let ended = within(run.wait()).await.unwrap();
        assert_eq!(ended.state == RunState::Failed, matches!(story, Story::Failed));
        all.push((run.id(), story, key));
    }
    engine.shutdown(Duration::ZERO).await.unwrap();
    let engine = volatile(place.path()).start().await.unwrap();
    for (run, story, key) in all {
        let known = engine.summary(run).await.is_ok();
        let letter = !letters(&engine, run).await.is_empty();
        assert_eq!(letter, known && matches!(story, Story::Failed), "{story:?}");
        let again = engine.run("w", input(story)).idempotency_key(key).await.unwrap();
        assert_eq!(again.id() == run, known, "{story:?}: the key and the run differ");
    }
    engine.shutdown(Duration::ZERO).await.unwrap();
}
