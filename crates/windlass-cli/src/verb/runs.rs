//! `windlass runs`: what there is.

use clap::Args;
use serde_json::{Value, json};
use windlass::clock::Clock;
use windlass::run::RunSummary;
use windlass::{RunState, Timestamp};

use crate::args::{Common, Data};
use crate::exit::{Exit, Problem};
use crate::follow::finish::nothing;
use crate::follow::{short, words};
use crate::style::{BAD, DIM, LIVE, OK, WARN, paint};
use crate::table::Table;
use crate::{door, filter, output, plain, runtime, when};

/// List runs, newest first
#[derive(Debug, Args)]
pub(crate) struct RunsArgs {
    /// status:failed workflow:order since:1d
    filter: Vec<String>,
    /// At most so many
    #[arg(long, short = 'n', default_value_t = 50, value_name = "NUMBER")]
    limit: usize,
    /// One JSON object per line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: Data,
}

pub(crate) fn act(args: &RunsArgs, common: Common) -> Result<Exit, Problem> {
    runtime::block_on(common, async {
        let now = Clock::system().now();
        let filter = filter::parse(&args.filter, args.limit, now)?;
        let engine = door::look(&args.data.folder).await?;
        let runs = engine.runs(&filter).await;
        door::close(&engine).await?;
        let runs = runs?;
        if args.json {
            let lines: String = runs.iter().map(|run| format!("{}\n", object(run))).collect();
            if !lines.is_empty() {
                output::print_raw(&lines)?;
            }
        } else if runs.is_empty() {
            nothing(if args.filter.is_empty() { "no runs yet" } else { "no run fits" });
        } else {
            output::print(&table(&runs, now))?;
        }
        Ok(Exit::Done)
    })
}

fn table(runs: &[RunSummary], now: Timestamp) -> String {
    let mut table = Table::new(["RUN", "WORKFLOW", "STATE", "STARTED", "TOOK", ""]);
    for run in runs {
        let took =
            run.ended.map_or_else(|| "…".to_owned(), |at| words::span(at.since(run.accepted)));
        let why = run.failure.as_deref().map_or_else(String::new, |why| plain::summary(why, 60));
        table.row([
            short(run.id),
            run.workflow.to_string(),
            state(run.state),
            when::ago(run.accepted, now),
            took,
            paint(DIM, why),
        ]);
    }
    table.render()
}

/// The state in its colour.
pub(crate) fn state(state: RunState) -> String {
    let style = match state {
        RunState::Succeeded => OK,
        RunState::Damaged | RunState::Failed => BAD,
        RunState::Cancelled | RunState::Parked | RunState::Paused => WARN,
        RunState::Pending | RunState::Running => LIVE,
    };
    paint(style, state.as_str())
}

fn object(run: &RunSummary) -> Value {
    json!({
        "v": 1,
        "id": run.id.to_string(),
        "workflow": run.workflow.as_str(),
        "definition": run.definition.to_string(),
        "state": run.state.as_str(),
        "accepted": run.accepted.to_string(),
        "ended": run.ended.map(|at| at.to_string()),
        "failure": run.failure,
    })
}
