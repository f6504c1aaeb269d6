//! From the last event to the exit code: the report, the output, the trace, what to do next.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use windlass::clock::Clock;
use windlass::run::RunHistory;
use windlass::{DeadLetterFilter, Engine, RunId, RunState};

use crate::args::{Common, Data};
use crate::exit::{Exit, Problem};
use crate::signals::Interrupts;
use crate::style::{DIM, WARN, paint};
use crate::{door, output, trace};

use super::course::{Course, Ending};
use super::view::{Mode, View};
use super::{story, teller::Teller, words};

/// How a run is followed: the flags that `run`, `retry` and `resume` share.
#[derive(Debug, Clone, Args)]
pub(crate) struct Following {
    /// How progress is shown; default: live on a terminal, else lines
    #[arg(short = 'o', long = "output", value_enum, value_name = "MODE")]
    pub(crate) mode: Option<Mode>,
    /// Write every attempt as JSON lines to this file, at the end
    #[arg(long, value_name = "F.jsonl")]
    pub(crate) trace: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) data: Data,
}

/// Following with what all verbs know.
#[derive(Debug)]
pub(crate) struct Follower<'a> {
    pub(crate) following: &'a Following,
    pub(crate) common: Common,
}

impl Follower<'_> {
    /// A course for so many runs with so many steps in all.
    pub(crate) fn course<'e>(&self, engine: &'e Engine, runs: usize, steps: usize) -> Course<'e> {
        Course::new(engine, View::new(self.following.mode, self.common, steps, runs > 1))
    }

    /// Adds a run that was there before, and says so.
    pub(crate) async fn add(
        &self,
        course: &mut Course<'_>,
        engine: &Engine,
        run: RunId,
    ) -> Result<(), Problem> {
        let plan = engine.plan_of(run).await?;
        let history = engine.history(run).await?;
        course.view().recall(&history);
        self.greet(course, &history.workflow.to_string(), run, plan.top().len());
        course.add(run, history.state, Teller::new(plan, Some(&history)));
        Ok(())
    }

    /// The first line.
    pub(crate) fn greet(&self, course: &mut Course<'_>, workflow: &str, run: RunId, steps: usize) {
        if self.common.quiet || course.shows_json() {
            return;
        }
        let (run, steps) = (super::short(run), crate::source::count(steps, "step"));
        let text = format!("{} · run {run} · {steps}", paint(crate::style::BOLD, workflow));
        course.view().write(&text);
    }

    /// Follows to the end, tells it, closes the engine.
    pub(crate) async fn finish(
        &self,
        engine: &Engine,
        mut course: Course<'_>,
        interrupts: &mut Interrupts,
    ) -> Result<Exit, Problem> {
        let followed = course.runs();
        let ending = course.follow(interrupts).await;
        course.close();
        let ending = match ending {
            Ok(ending) => ending,
            Err(problem) => {
                // Nobody reads any more, or the engine is not well: the run can go on later.
                self.interrupted(&course, &followed);
                let exit =
                    if problem.exit == Exit::Done { Exit::Interrupted } else { problem.exit };
                return Err(Problem { exit, ..problem });
            }
        };
        match ending {
            Ending::Ended => {}
            Ending::Interrupted | Ending::Dropped => {
                self.interrupted(&course, &followed);
                return Ok(Exit::Interrupted);
            }
        }
        self.write_trace(engine, &course.ended).await?;
        let mut exit = Exit::Done;
        for history in &course.ended {
            self.tell(history, course.shows_json())?;
            if exit == Exit::Done {
                exit = exit_of(history);
            }
        }
        // After Ctrl-C in the last moment it is closed already; there is nothing left to keep.
        door::close(engine).await.unwrap_or(());
        Ok(exit)
    }

    fn tell(&self, history: &RunHistory, json: bool) -> Result<(), Problem> {
        let folder = &self.following.data.folder;
        if json {
            return output::print_raw(&result(history).to_string());
        }
        if !self.common.quiet || history.state != RunState::Succeeded {
            let report = story::report(history, folder, Clock::system().now());
            output::note(&words::ending(&report));
        }
        match history.output.as_ref().filter(|payload| !payload.is_null()) {
            Some(payload) => print_output(payload.as_str()),
            None => Ok(()),
        }
    }

    fn interrupted(&self, course: &Course<'_>, followed: &[RunId]) {
        let ended = |run: &&RunId| course.ended.iter().any(|history| history.id == **run);
        let data = story::data_flag(&self.following.data.folder);
        for run in followed.iter().filter(|run| !ended(run)) {
            let run = super::short(*run);
            let word = words::word(WARN, "Interrupted");
            output::note(&format!("{word} run {run} is kept as it stands"));
            output::note(&format!("  → windlass resume {run}{data}"));
        }
    }

    async fn write_trace(&self, engine: &Engine, ended: &[RunHistory]) -> Result<(), Problem> {
        let Some(path) = &self.following.trace else { return Ok(()) };
        let mut lines = String::new();
        for history in ended {
            let filter = DeadLetterFilter { run: Some(history.id), ..DeadLetterFilter::default() };
            let letters = engine.dead_letters().list(&filter).await?;
            lines.push_str(&trace::lines(history, &letters, ended.len() > 1));
        }
        trace::write(path, &lines)
    }
}

/// The exit code of a run.
pub(crate) fn exit_of(history: &RunHistory) -> Exit {
    let late = history.error.as_ref().is_some_and(|error| {
        // A step that was late fails the run with its own class, and its name before the message.
        error.class == "timeout" && !error.message.starts_with("step `")
    });
    match history.state {
        RunState::Succeeded => Exit::Done,
        RunState::Failed if late => Exit::TimedOut,
        RunState::Failed
        | RunState::Damaged
        | RunState::Cancelled
        | RunState::Parked
        | RunState::Paused
        | RunState::Pending
        | RunState::Running => Exit::Failed,
    }
}

/// The last line of `-o json`.
fn result(history: &RunHistory) -> Value {
    json!({
        "v": 1,
        "type": "result",
        "run": history.id.to_string(),
        "workflow": history.workflow.as_str(),
        "state": history.state.as_str(),
        "seconds": history.ended.map(|at| at.since(history.accepted).as_secs_f64()),
        "output": history.output,
        "error": history.error,
    })
}

/// On a terminal with line ends and indents, else on one line.
fn print_output(json: &str) -> Result<(), Problem> {
    if std::io::stdout().is_terminal()
        && let Ok(value) = serde_json::from_str::<Value>(json)
    {
        return output::print_raw(&crate::plain::block(&format!("{value:#}")));
    }
    output::print_raw(json)
}

/// The line of dim text for a verb that found nothing to do.
pub(crate) fn nothing(text: &str) {
    output::note(&paint(DIM, text));
}
