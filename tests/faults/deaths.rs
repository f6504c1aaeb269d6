//! Only what had begun counts as started when a process dies; every call has a number that rises.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use windlass::{Engine, EngineBuilder, StepContext, StepError, StepState};

use crate::child::{Child, tell};
use crate::support::{Place, data, letters, mark, runs, until, within};

/// A step that ends its process in its first calls, and marks the number of each.
fn deadly(place: &Path, deaths: usize) -> EngineBuilder {
    let folder = place.to_owned();
    let dies = move |step: StepContext| {
        mark(&folder, step.fencing());
        let calls = std::fs::read_to_string(folder.join("marks")).unwrap().lines().count();
        if calls <= deaths {
            std::process::abort();
        }
        async { Ok::<_, StepError>(1) }
    };
    let text = "[steps.a]\ntask = \"dies\"\nretry = { attempts = 10, delay = \"0s\" }\n";
    Engine::builder().task("dies", dies).workflow_text("w", text).unwrap().data_dir(data(place))
}

/// Played by a child: goes on with the run, or starts it, until the step ends the process.
pub(crate) async fn die(place: PathBuf) {
    let engine = deadly(&place, 100).start().await.unwrap();
    let run = match runs(&engine).await.first() {
        Some(run) => engine.attach(run.id).await.unwrap(),
        None => engine.run("w", json!(null)).await.unwrap(),
    };
    run.wait().await.unwrap();
    tell("ended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_number_of_a_call_rises_across_deaths() {
    let place = Place::new();
    for _ in 0..2 {
        Child::start("die", place.path()).rest();
    }
    let engine = deadly(place.path(), 0).start().await.unwrap();
    let run = runs(&engine).await[0].id;
    within(engine.attach(run).await.unwrap().wait()).await.unwrap();
    engine.shutdown(Duration::ZERO).await.unwrap();
    let numbers: Vec<u64> = place.marks().iter().map(|line| line.parse().unwrap()).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{numbers:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "A9"]
async fn three_deaths_are_three() {
    let place = Place::new();
    let mut lives = 0;
    for _ in 0..6 {
        lives += 1;
        if Child::start("die", place.path()).rest() == ["ended"] {
            break;
        }
    }
    assert_eq!((place.marks().len(), lives), (3, 4), "(calls, lives)");
    let engine = deadly(place.path(), 0).start().await.unwrap();
    let letters = letters(&engine, runs(&engine).await[0].id).await;
    assert_eq!(letters[0].failure.class.to_string(), "poison");
    assert!(letters[0].failure.message.contains('3'), "{}", letters[0].failure.message);
    engine.shutdown(Duration::ZERO).await.unwrap();
}

/// Many steps for two workers; each marks its call and stays.
fn many(place: &Path, stays: bool) -> EngineBuilder {
    let folder = place.to_owned();
    let step = move |step: StepContext, item: u32| {
        mark(&folder, step.item().unwrap_or_default());
        async move {
            if stays {
                std::future::pending::<()>().await;
            }
            Ok::<_, StepError>(item)
        }
    };
    let list = async || Ok::<_, StepError>((0..20).collect::<Vec<u32>>());
    let text = "[steps.list]\ntask = \"list\"\n[steps.each]\nfor_each = \"steps.list.output\"\n\
                task = \"step\"\n";
    let builder = Engine::builder().task("step", step).task("list", list).data_dir(data(place));
    builder.workflow_text("w", text).unwrap().queue("default", |queue| queue.workers(2))
}

/// Played by a child: a fan-out of which two items are under way, then it waits for its death.
pub(crate) async fn hold_two(place: PathBuf) {
    let marks = || std::fs::read_to_string(place.join("marks")).unwrap_or_default().lines().count();
    let before = marks();
    let engine = many(&place, true).start().await.unwrap();
    if runs(&engine).await.is_empty() {
        engine.run("w", json!(null)).await.unwrap();
    }
    until(async || (marks() >= before + 2).then_some(())).await;
    tell("two");
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "A8"]
async fn only_what_had_begun_counts_as_started() {
    let place = Place::new();
    for _ in 0..4 {
        let mut child = Child::start("hold-two", place.path());
        assert_eq!(child.next().as_deref(), Some("two"));
        child.kill();
    }
    let begun: std::collections::BTreeSet<String> = place.marks().into_iter().collect();
    let engine = many(place.path(), false).start().await.unwrap();
    let run = runs(&engine).await[0].id;
    within(engine.attach(run).await.unwrap().wait()).await.unwrap();
    let letters = letters(&engine, run).await;
    let never: Vec<_> = letters
        .iter()
        .filter(|letter| letter.item.is_none_or(|item| !begun.contains(&item.to_string())))
        .map(|letter| letter.item)
        .collect();
    assert!(never.is_empty(), "dead letters of items that never began: {never:?}");
    let history = engine.history(run).await.unwrap();
    let crashed = history.steps[1]
        .attempts
        .iter()
        .filter(|attempt| attempt.state == windlass::run::AttemptState::Crashed);
    let crashed = crashed.count();
    assert!(crashed <= 8, "{crashed} attempts died in four deaths of a process that ran two");
    assert_ne!(history.steps[1].state, StepState::Pending);
    engine.shutdown(Duration::ZERO).await.unwrap();
}
