//! What an engine shows is durable: a process that dies as soon as it has seen an end has not seen
//! one that is lost.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use windlass::{
    Engine, EngineBuilder, EventKind, From, Payload, RunFilter, RunHandle, RunState, StepContext,
    StepError, StepState,
};

use crate::child::{Child, tell};
use crate::support::{Place, data, id, mark, within};

/// Where an end is seen.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sight {
    Wait,
    Status,
    List,
    History,
    Step,
    Events,
}

const SIGHTS: [Sight; 6] =
    [Sight::Wait, Sight::Status, Sight::List, Sight::History, Sight::Step, Sight::Events];

/// Processes that die for each sight.
const ROUNDS: usize = 3;

/// A large output, so that a commit takes a while.
const OUTPUT_BYTES: usize = 900_000;

/// A step that marks each call.
fn marking(place: &Path, sight: Sight) -> EngineBuilder {
    let folder = place.to_owned();
    let large = move |step: StepContext, _: Payload| {
        mark(&folder, step.run());
        async { Ok::<_, StepError>("x".repeat(OUTPUT_BYTES)) }
    };
    let mut text = "[steps.a]\ntask = \"large\"\n".to_owned();
    if matches!(sight, Sight::Step) {
        text.push_str("[steps.later]\nsleep = \"100ms\"\ndepends_on = [\"a\"]\n");
    }
    Engine::builder().task("large", large).workflow_text("w", &text).unwrap().data_dir(data(place))
}

/// Played by a child: starts a run, says which, and dies as soon as its end is seen.
pub(crate) async fn see(place: PathBuf, sight: Sight) {
    let engine = marking(&place, sight).start().await.unwrap();
    let mut events = engine.events();
    let run = engine.run("w", 1).await.unwrap();
    tell(run.id());
    match sight {
        Sight::Wait => drop(run.wait().await.unwrap()),
        Sight::Events => {
            while let Some(event) = events.next().await {
                if matches!(event.kind, EventKind::Succeeded { .. }) {
                    break;
                }
            }
        }
        Sight::Status | Sight::List | Sight::History | Sight::Step => {
            while !sees(&engine, &run, sight).await {
                tokio::task::yield_now().await;
            }
        }
    }
    std::process::abort();
}

async fn sees(engine: &Engine, run: &RunHandle, sight: Sight) -> bool {
    match sight {
        Sight::Wait | Sight::Events => unreachable!("these are waited for"),
        Sight::Status => run.status().await.unwrap() == RunState::Succeeded,
        Sight::List => {
            let filter = RunFilter { state: Some(RunState::Succeeded), ..RunFilter::default() };
            !engine.runs(&filter).await.unwrap().is_empty()
        }
        Sight::History => engine.history(run.id()).await.unwrap().state == RunState::Succeeded,
        Sight::Step => {
            let steps = engine.history(run.id()).await.unwrap().steps;
            steps[0].state == StepState::Succeeded
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_that_was_seen_outlives_the_process() {
    let mut again = Vec::new();
    for sight in SIGHTS {
        for _ in 0..ROUNDS {
            let place = Place::new();
            let told = Child::start(&format!("see-{sight:?}"), place.path()).rest();
            let run = id(&told[0]);
            let engine = marking(place.path(), sight).start().await.unwrap();
            let outcome = within(engine.attach(run).await.unwrap().wait()).await.unwrap();
            assert_eq!(outcome.state, RunState::Succeeded, "{sight:?}");
            if place.marks().len() != 1 {
                again.push(sight);
            }
            engine.shutdown(Duration::ZERO).await.unwrap();
        }
    }
    assert!(again.is_empty(), "the step ran again although its end was seen by {again:?}");
}

/// Retries that come as soon as an end can be known meet everybody who waits for that end.
async fn waits_answer_ends(folder: Option<&Path>) {
    let calls = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&calls);
    let odd = move |_: u32| {
        let call = counter.fetch_add(1, Ordering::SeqCst);
        async move { if call.is_multiple_of(2) { Err(StepError::permanent("odd")) } else { Ok(call) } }
    };
    let builder = Engine::builder().task("odd", odd);
    let builder = builder.workflow_text("w", "[steps.a]\ntask = \"odd\"\n").unwrap();
    let builder = match folder {
        Some(folder) => builder.data_dir(folder),
        None => builder,
    };
    let engine = builder.start().await.unwrap();
    for _ in 0..100 {
        let run = engine.run("w", 1).await.unwrap();
        let id = run.id();
        let waiters: Vec<_> = (0..3)
            .map(|_| {
                let engine = engine.clone();
                tokio::spawn(async move { engine.attach(id).await.unwrap().wait().await.unwrap() })
            })
            .collect();
        let retried = within(async {
            loop {
                match engine.retry(id, From::Failed).await {
                    Ok(again) => return again,
                    Err(_) => tokio::task::yield_now().await,
                }
            }
        });
        let again = retried.await;
        let first = within(run.wait()).await.unwrap().state;
        assert!(first.is_end(), "`wait` answers {first:?}");
        for waiter in waiters {
            let state = within(waiter).await.unwrap().state;
            assert!(state.is_end(), "`wait` answers {state:?}");
        }
        assert_eq!(within(again.wait()).await.unwrap().state, RunState::Succeeded);
        let known = within(engine.attach(id)).await.unwrap();
        assert_eq!(within(known.wait()).await.unwrap().state, RunState::Succeeded);
    }
    engine.shutdown(Duration::ZERO).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_answers_an_end_whoever_retries_meanwhile() {
    waits_answer_ends(None).await;
    let place = Place::new();
    waits_answer_ends(Some(&place.data())).await;
}
