//! Forty DAGs of other systems, run by the library: as shell commands that take a thousandth of the
//! time, and as handlers that take all of it on the paused clock.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/corpus.rs"]
mod corpus;
#[path = "support/trace.rs"]
mod trace;

use std::time::Duration;

use corpus::{Fixture, Work};
use trace::{Trace, Try, check};
use windlass::run::{AttemptHistory, AttemptState, RunHistory};
use windlass::{Engine, StepError};

/// Slots of the default queue.
const WORKERS: usize = 8;

#[derive(serde::Deserialize)]
struct Job {
    millis: u64,
    exit: i32,
}

async fn work(job: Job) -> Result<(), StepError> {
    tokio::time::sleep(Duration::from_millis(job.millis)).await;
    match job.exit {
        0 => Ok(()),
        exit => Err(StepError::new(&format!("exit:{exit}"), "as the fixture says")),
    }
}

/// Runs every fixture, `at_once` or one after the other, and gives their traces.
async fn run_all(kind: Work, at_once: bool) -> Vec<(Fixture, Trace)> {
    let fixtures = Fixture::all();
    assert_eq!(fixtures.len(), 40);
    let folder = tempfile::tempdir().unwrap();
    let mut builder = Engine::builder().in_memory().task("corpus.work", work);
    for fixture in &fixtures {
        let path = folder.path().join(format!("{}.toml", fixture.name));
        std::fs::write(&path, fixture.to_toml(kind)).unwrap();
        builder = builder.workflow_file(&path).unwrap();
    }
    let engine = builder.start().await.unwrap();
    let mut runs = Vec::new();
    for fixture in &fixtures {
        let run = engine.run(&fixture.name.replace('.', "-"), ()).await.unwrap();
        if !at_once {
            run.wait().await.unwrap();
        }
        runs.push(run);
    }
    let mut traces = Vec::new();
    for (fixture, run) in fixtures.into_iter().zip(runs) {
        run.wait().await.unwrap();
        let history = engine.history(run.id()).await.unwrap();
        traces.push((fixture, trace_of(&history)));
    }
    engine.shutdown(Duration::from_secs(5)).await.unwrap();
    traces
}

/// The trace of a run; tries that the engine or a crash cut short are left out.
fn trace_of(history: &RunHistory) -> Trace {
    let mut trace = Trace { run: history.state.as_str().to_owned(), ..Trace::default() };
    for step in &history.steps {
        let id = step.id.as_str().to_owned();
        let counted = step.attempts.iter().filter(|attempt| match attempt.state {
            AttemptState::Interrupted | AttemptState::Crashed | AttemptState::Running => false,
            AttemptState::Succeeded
            | AttemptState::Failed
            | AttemptState::TimedOut
            | AttemptState::Cancelled => true,
        });
        let tries: Vec<Try> = counted.map(try_of).collect();
        if !tries.is_empty() {
            trace.attempts.insert(id.clone(), tries);
        }
        trace.states.insert(id, step.state.as_str().to_owned());
    }
    trace
}

fn try_of(attempt: &AttemptHistory) -> Try {
    Try {
        started: attempt.started.as_micros(),
        ended: attempt.ended.unwrap_or(attempt.started).as_micros(),
        succeeded: attempt.state == AttemptState::Succeeded,
    }
}

fn refuse(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn every_fixture_names_a_licence_that_lets_us_have_it() {
    for fixture in Fixture::all() {
        assert!(["Apache-2.0", "MIT", "MIT-0"].contains(&fixture.licence.as_str()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_run_as_the_shapes_allow() {
    let mut problems = Vec::new();
    for (fixture, trace) in run_all(Work::Command, true).await {
        let found = check(&fixture, &trace, WORKERS);
        problems.extend(found.into_iter().map(|what| format!("{}: {what}", fixture.name)));
    }
    refuse(&problems);
}

#[tokio::test(start_paused = true)]
async fn handlers_run_as_the_shapes_allow_and_no_slot_is_idle() {
    let mut problems = Vec::new();
    for (fixture, trace) in run_all(Work::Task, false).await {
        let found = check(&fixture, &trace, WORKERS).into_iter().chain(idle(&fixture, &trace));
        problems.extend(found.map(|what| format!("{}: {what}", fixture.name)));
    }
    refuse(&problems);
}

/// Graham's bound on list scheduling: whoever takes longer has left a slot idle while a step was
/// ready. Only where nothing waits for a retry.
fn idle(fixture: &Fixture, trace: &Trace) -> Option<String> {
    let tries = || trace.attempts.values().flatten();
    if tries().any(|t| !t.succeeded) {
        return None;
    }
    let slots = fixture.policy.max_parallel.unwrap_or(WORKERS);
    let slots = i64::try_from(slots).unwrap();
    let took = tries().map(|t| t.ended).max()? - tries().map(|t| t.started).min()?;
    let work: i64 = tries().map(|t| t.ended - t.started).sum();
    let path = fixture.steps.iter().map(|step| path_to(fixture, trace, &step.id)).max()?;
    let bound = (work + (slots - 1) * path) / slots;
    // The paused clock goes in steps of a millisecond: one for each step of the longest path.
    let coarse = i64::try_from(fixture.steps.len()).unwrap() * 1_000;
    (took > bound + coarse).then(|| format!("took {took} µs, {bound} are enough"))
}

/// The longest time that must pass before the step has ended.
fn path_to(fixture: &Fixture, trace: &Trace, id: &str) -> i64 {
    let step = fixture.steps.iter().find(|step| step.id == id).unwrap();
    let own: i64 = trace.attempts.get(id).into_iter().flatten().map(|t| t.ended - t.started).sum();
    own + step.deps.iter().map(|dep| path_to(fixture, trace, dep)).max().unwrap_or(0)
}
