//! Spans are due by themselves, whatever the wall clock says when the engine starts again.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::json;
use windlass::{Engine, EngineBuilder, EventKind, RunState, StepContext, StepError};

use crate::child::{Child, tell};
use crate::support::{Place, data, id, letters, mark, runs, within};

const HOUR: i64 = 3600;

/// What a run waits for when its process dies.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Span {
    Sleep,
    Retry,
    Timeout,
    StartWithin,
}

impl Span {
    fn workflow(self) -> &'static str {
        match self {
            Self::Sleep => {
                "[steps.a]\nsleep = \"300ms\"\n[steps.b]\ntask = \"mark\"\ndepends_on = [\"a\"]\n"
            }
            Self::Retry => {
                "[steps.a]\ntask = \"second\"\n\
                 retry = { attempts = 2, delay = \"300ms\", backoff = \"fixed\", jitter = \"none\" }\n"
            }
            Self::Timeout => "timeout = \"300ms\"\n[steps.a]\nsleep = \"1h\"\n",
            Self::StartWithin => "[steps.a]\ntask = \"mark\"\nstart_within = \"1m\"\n",
        }
    }

    fn end(self) -> RunState {
        match self {
            Self::Sleep | Self::Retry | Self::StartWithin => RunState::Succeeded,
            Self::Timeout => RunState::Failed,
        }
    }
}

fn builder(place: &Path, span: Span) -> EngineBuilder {
    let folder = place.to_owned();
    let marks = move |step: StepContext| {
        mark(&folder, step.step());
        async { Ok::<_, StepError>(1) }
    };
    let second = async |step: StepContext| match step.attempt() {
        1 => Err(StepError::new("busy", "not now")),
        attempt => Ok(attempt),
    };
    let builder = Engine::builder().task("mark", marks).task("second", second);
    builder.workflow_text("w", span.workflow()).unwrap().data_dir(data(place))
}

/// Played by a child: a run begins to wait, then the process waits for its death.
pub(crate) async fn wait(place: PathBuf, span: Span) {
    let builder = builder(&place, span);
    let builder = if matches!(span, Span::StartWithin) { builder.hold() } else { builder };
    let engine = builder.start().await.unwrap();
    let mut events = engine.events();
    let run = engine.run("w", json!(null)).await.unwrap();
    loop {
        let kind = events.next().await.unwrap().kind;
        let waits = match span {
            Span::Sleep | Span::Timeout => matches!(kind, EventKind::Sleeping { .. }),
            Span::Retry => matches!(kind, EventKind::Retrying { .. }),
            Span::StartWithin => matches!(kind, EventKind::Ready),
        };
        if waits {
            break;
        }
    }
    tell(run.id());
    std::future::pending::<()>().await;
}

/// Played by a child: goes on with what is there, and says how it ended.
pub(crate) async fn go_on(place: PathBuf, span: Span) {
    if matches!(span, Span::StartWithin) {
        // All timers that are due at the start are over before one of a millisecond is.
        let tick = "[steps.a]\nsleep = \"1ms\"\n";
        let held = builder(&place, span).workflow_text("tick", tick).unwrap().hold();
        let held = held.start().await.unwrap();
        within(held.run("tick", 1).await.unwrap().wait()).await.unwrap();
        held.shutdown(Duration::ZERO).await.unwrap();
    }
    let engine = builder(&place, span).start().await.unwrap();
    let first = runs(&engine).await.pop().unwrap().id;
    let run = engine.attach(first).await.unwrap();
    let ended = within(run.wait()).await.unwrap();
    let letters = letters(&engine, run.id()).await.len();
    tell(format!("{} {letters}", ended.state.as_str()));
    engine.shutdown(Duration::ZERO).await.unwrap();
}

/// This program with a wall clock that is wrong by so many seconds.
fn at(place: &Path, wrong_by: i64) -> Command {
    let library = place.join("clock.so");
    if !library.exists() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/clock.c");
        // What links this program compiles it too.
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source);
        assert!(compiler.status().unwrap().success());
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env("LD_PRELOAD", library).env("WINDLASS_TEST_CLOCK", wrong_by.to_string());
    command
}

/// A run begins to wait by one clock and goes on by another.
fn survives(span: Span, first: i64, second: i64) {
    let place = Place::new();
    let waits = format!("wait-{span:?}");
    let mut child = Child::start_by(at(place.path(), first), &waits, place.path());
    id(&child.next().unwrap());
    child.kill();
    let goes_on = format!("go-on-{span:?}");
    let told = Child::start_by(at(place.path(), second), &goes_on, place.path()).rest();
    let letters = usize::from(span.end() == RunState::Failed && !matches!(span, Span::Timeout));
    let expected = format!("{} {letters}", span.end().as_str());
    assert_eq!(told, [expected], "{span:?}: a clock at {first} s, then at {second} s");
}

#[test]
fn the_clock_of_a_child_can_be_wrong() {
    survives(Span::Sleep, HOUR, HOUR);
}

#[test]
fn a_clock_that_is_set_back_delays_no_span() {
    for span in [Span::Sleep, Span::Retry, Span::Timeout] {
        survives(span, HOUR, 0);
        survives(span, 0, -30 * 24 * HOUR);
    }
}

#[test]
fn downtime_is_no_time_in_a_queue() {
    survives(Span::StartWithin, 0, HOUR);
    survives(Span::StartWithin, -HOUR, 24 * HOUR);
}
