//! The door to the engine: opening a data folder, finding a run, and the engine's errors in our words.

use std::path::Path;
use std::time::Duration;

use windlass::definition::Format;
use windlass::plan::Plan;
use windlass::run::RunSummary;
use windlass::{Engine, Error, Resume, RunFilter, RunId, RunState};

use crate::exit::{Exit, Problem};
use crate::style::{WARN, paint};
use crate::{output, source};

/// So many runs are searched for a prefix.
const SEARCHED_MAX: usize = 1_000_000;

/// Whether the engine executes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// Runs that are started or woken are executed.
    Execute,
    /// Nothing is executed: look, accept, cancel.
    Hold,
}

/// Opens a data folder. No run goes on before it is woken.
pub(crate) async fn open(folder: &Path, plan: Option<Plan>, work: Work) -> Result<Engine, Problem> {
    let mut builder = Engine::builder().data_dir(folder).resume(Resume::Nothing);
    if Path::new(source::SETTINGS_FILE).is_file() {
        builder = builder.settings(source::SETTINGS_FILE)?;
    }
    if let Some(plan) = plan {
        builder = builder.plan(plan);
    }
    if work == Work::Hold {
        builder = builder.hold();
    }
    let engine = builder.start().await?;
    for damage in engine.damage() {
        let run = damage.run.map_or_else(String::new, |run| format!("run {run} is set aside: "));
        output::note(&format!(
            "{}: {run}{}",
            paint(WARN, "warning"),
            crate::plain::line(&damage.what)
        ));
    }
    Ok(engine)
}

/// Opens a data folder that must be there, to look at it.
pub(crate) async fn look(folder: &Path) -> Result<Engine, Problem> {
    crate::verb::must_exist(folder)?;
    open(folder, None, Work::Hold).await
}

/// Closes an engine in which nothing runs.
pub(crate) async fn close(engine: &Engine) -> Result<(), Problem> {
    Ok(engine.shutdown(Duration::ZERO).await?)
}

/// The run that `wanted` names: its id, or the beginning of it.
pub(crate) async fn find_run(engine: &Engine, wanted: &str) -> Result<RunSummary, Problem> {
    if let Some(id) = RunId::parse(wanted) {
        return Ok(engine.summary(id).await?);
    }
    let prefix = wanted.to_ascii_lowercase();
    if prefix.is_empty() || !prefix.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-') {
        return Err(Problem::usage(format!("`{wanted}` is not the id of a run"))
            .help("`windlass runs` lists all runs"));
    }
    let filter = RunFilter { limit: SEARCHED_MAX, ..RunFilter::default() };
    let mut fitting: Vec<RunSummary> = engine.runs(&filter).await?;
    fitting.retain(|run| run.id.to_string().starts_with(&prefix));
    match fitting.len() {
        1 => Ok(fitting.swap_remove(0)),
        0 => Err(Problem::missing(format!("there is no run {wanted}"))
            .help("`windlass runs` lists all runs")),
        number => {
            let ids: Vec<String> = fitting.iter().take(5).map(|run| run.id.to_string()).collect();
            Err(Problem::usage(format!("{number} runs begin with {wanted}"))
                .help(format!("write more of the id: {}", ids.join(", "))))
        }
    }
}

/// What became of a run that has ended, as the end of a sentence.
pub(crate) fn ended(run: &RunSummary) -> String {
    let how = match run.state {
        RunState::Succeeded => "succeeded",
        RunState::Failed => "failed",
        RunState::Cancelled => "was cancelled",
        RunState::Damaged => "is set aside",
        RunState::Pending | RunState::Running | RunState::Paused | RunState::Parked => "goes on",
    };
    format!("run {} has ended: it {how}", run.id)
}

impl From<Error> for Problem {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the enum may grow; whatever it is, its words say what and what to do"
    )]
    fn from(error: Error) -> Self {
        match &error {
            Error::Workflow(invalid) => {
                let format = Format::Human { color: output::notes_have_color() };
                let (text, problems) = (&invalid.text, &invalid.diagnostics);
                output::note(
                    windlass::definition::render(&invalid.path, text, problems, format).trim_end(),
                );
                Self::new(Exit::Invalid, format!("{} is not right", invalid.path))
            }
            Error::Input { workflow, problems } => {
                let list: Vec<String> = problems.iter().map(|p| format!("  {p}")).collect();
                Self::usage(format!(
                    "the input does not fit workflow `{workflow}`\n{}",
                    list.join("\n")
                ))
                .help(
                    "give it with -i key=value (-i key:=JSON for JSON), or as a file with --input",
                )
            }
            Error::Json { .. } | Error::KeyTaken { .. } | Error::Limit { .. } => {
                Self::usage(error.to_string())
            }
            Error::UnknownRun(_) => {
                Self::missing(error.to_string()).help("`windlass runs` lists all runs")
            }
            Error::UnknownDeadLetter(_) => {
                Self::missing(error.to_string()).help("`windlass dlq` lists all dead letters")
            }
            Error::UnknownWorkflow { .. } => Self::missing(error.to_string()),
            _ => Self::failed(error.to_string()),
        }
    }
}
