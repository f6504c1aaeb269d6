//! What was answered or shown is there after the process has died at once.

use std::path::{Path, PathBuf};
use std::time::Duration;

use windlass::{Engine, EngineBuilder, From, Payload, Resume, RunState, StepContext, StepError};

use crate::child::{Child, tell};
use crate::support::{Place, data, id, letters, mark, runs, within};

/// How a run that has ended is made to go on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way {
    Failed,
    Start,
    Step,
    Replay,
    ReplayWith,
}

/// How the process or the engine ends after that.
#[derive(Debug, Clone, Copy)]
enum End {
    Kill,
    Shutdown,
    Drop,
}

/// A step that fails in the first life of its run, and succeeds in the second; it marks each call.
fn flaky(place: &Path, hangs: bool) -> EngineBuilder {
    let folder = place.to_owned();
    let flaky = move |step: StepContext, _: Payload| {
        let folder = folder.clone();
        async move {
            let first = !folder.join("marks").exists();
            mark(&folder, step.step());
            if first {
                return Err(StepError::permanent("the first time"));
            }
            if hangs {
                std::future::pending::<()>().await;
            }
            Ok(1)
        }
    };
    let text = "[steps.a]\ntask = \"flaky\"\n";
    Engine::builder().task("flaky", flaky).workflow_text("w", text).unwrap().data_dir(data(place))
}

/// Starts a run that fails, and lets it go on as soon as its end is known.
async fn fail_and_reopen(engine: &Engine, way: Way) -> windlass::RunId {
    let run = engine.run("w", 1).await.unwrap();
    assert_eq!(run.wait().await.unwrap().state, RunState::Failed);
    match way {
        Way::Failed => drop(engine.retry(run.id(), From::Failed).await.unwrap()),
        Way::Start => drop(engine.retry(run.id(), From::Start).await.unwrap()),
        Way::Step => drop(engine.retry(run.id(), From::Step("a".to_owned())).await.unwrap()),
        Way::Replay => {
            let letter = letters(engine, run.id()).await.remove(0).id;
            engine.dead_letters().replay(letter).await.unwrap();
        }
        Way::ReplayWith => {
            let letter = letters(engine, run.id()).await.remove(0).id;
            engine.dead_letters().replay_with(letter, 2).await.unwrap();
        }
    }
    run.id()
}

/// Played by a child: reopens a run, says which, and waits for its death.
pub(crate) async fn retry(place: PathBuf, way: Way) {
    let engine = flaky(&place, true).start().await.unwrap();
    tell(fail_and_reopen(&engine, way).await);
    std::future::pending::<()>().await;
}

async fn a_reopened_run_survives(way: Way, end: End) {
    let place = Place::new();
    let run = match end {
        End::Kill => {
            let mut child = Child::start(&format!("retry-{way:?}"), place.path());
            let run = child.next().unwrap();
            child.kill();
            id(&run)
        }
        End::Shutdown | End::Drop => {
            let engine = flaky(place.path(), true).start().await.unwrap();
            let run = fail_and_reopen(&engine, way).await;
            if matches!(end, End::Shutdown) {
                engine.shutdown(Duration::ZERO).await.unwrap();
            }
            run
        }
    };
    let looks = flaky(place.path(), false).resume(Resume::Nothing).start().await.unwrap();
    assert!(looks.damage().is_empty(), "{way:?}, {end:?}: {:?}", looks.damage());
    let listed: Vec<_> =
        runs(&looks).await.iter().map(|run| (run.id, run.state.is_end())).collect();
    assert_eq!(listed, [(run, false)], "{way:?}, {end:?}");
    looks.shutdown(Duration::ZERO).await.unwrap();

    let engine = flaky(place.path(), false).start().await.unwrap();
    let outcome = within(engine.attach(run).await.unwrap().wait()).await.unwrap();
    assert_eq!(outcome.state, RunState::Succeeded, "{way:?}, {end:?}");
    engine.shutdown(Duration::ZERO).await.unwrap();
}

const WAYS: [Way; 5] = [Way::Failed, Way::Start, Way::Step, Way::Replay, Way::ReplayWith];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_goes_on_right_after_its_end_survives_a_kill() {
    for way in WAYS {
        a_reopened_run_survives(way, End::Kill).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_goes_on_right_after_its_end_survives_a_shutdown() {
    for way in WAYS {
        a_reopened_run_survives(way, End::Shutdown).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_goes_on_right_after_its_end_survives_a_dropped_engine() {
    for way in WAYS {
        a_reopened_run_survives(way, End::Drop).await;
    }
}
