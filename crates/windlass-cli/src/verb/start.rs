//! `windlass start`: a run is accepted, durably, and executed when somebody resumes it.

use clap::Args;
use windlass::Timestamp;
use windlass::definition::parse_duration;

use crate::args::{Common, Data};
use crate::door::{self, Work};
use crate::exit::{Exit, Problem};
use crate::follow::story::data_flag;
use crate::inputs::Inputs;
use crate::style::{DIM, paint};
use crate::{output, runtime};

/// Accept a run without executing it, and print its id
#[derive(Debug, Args)]
pub(crate) struct StartArgs {
    /// The workflow's file, or its name (NAME.toml here or in workflows/)
    #[arg(value_name = "FILE|NAME")]
    workflow: String,
    #[command(flatten)]
    inputs: Inputs,
    /// One key, one run: for 24 hours the same key gives the same run
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Begin at this time (2026-01-31T14:00:00Z)
    #[arg(long, value_name = "TIME", conflicts_with = "after")]
    at: Option<String>,
    /// Begin so much later (30s, 2h)
    #[arg(long, value_name = "DURATION")]
    after: Option<String>,
    #[command(flatten)]
    data: Data,
}

pub(crate) fn act(args: &StartArgs, common: Common) -> Result<Exit, Problem> {
    let (plan, input) = super::run::prepare(&args.workflow, &args.inputs, common)?;
    let at = args.at.as_deref().map(time).transpose()?;
    let after = args.after.as_deref().map(span).transpose()?;
    runtime::block_on(common, async {
        let name = plan.name.to_string();
        let engine = door::open(&args.data.folder, Some(plan), Work::Hold).await?;
        let mut start = engine.run(&name, input).origin(windlass::Origin::Cli);
        if let Some(key) = &args.key {
            start = start.idempotency_key(key.as_str());
        }
        if let Some(at) = at {
            start = start.at(at);
        }
        if let Some(after) = after {
            start = start.after(after);
        }
        let started = start.await.map(|handle| handle.id());
        door::close(&engine).await?;
        let id = started?;
        output::print_raw(&id.to_string())?;
        if !common.quiet {
            let text = format!("  → windlass resume {id}{}", data_flag(&args.data.folder));
            output::note(&paint(DIM, text));
        }
        Ok(Exit::Done)
    })
}

fn time(text: &str) -> Result<Timestamp, Problem> {
    Timestamp::parse(text).ok_or_else(|| {
        Problem::usage(format!("--at {text} is not a time")).help("write 2026-01-31T14:00:00Z")
    })
}

fn span(text: &str) -> Result<std::time::Duration, Problem> {
    parse_duration(text).map_err(|why| {
        Problem::usage(format!("--after {text} is not a duration: {why}")).help("write 30s or 2h")
    })
}
