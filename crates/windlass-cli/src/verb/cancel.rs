//! `windlass cancel`: an unfinished run comes to its end.

use clap::Args;

use crate::args::{Common, Data};
use crate::exit::{Exit, Problem};
use crate::follow::words::word;
use crate::style::WARN;
use crate::{door, output, runtime};

/// End an unfinished run: nothing more of it is executed
#[derive(Debug, Args)]
pub(crate) struct CancelArgs {
    /// The run's id, or the beginning of it
    run: String,
    /// Why; kept with the run
    #[arg(long, value_name = "TEXT", default_value = "by hand")]
    reason: String,
    #[command(flatten)]
    data: Data,
}

pub(crate) fn act(args: &CancelArgs, common: Common) -> Result<Exit, Problem> {
    runtime::block_on(common, async {
        let engine = door::look(&args.data.folder).await?;
        let cancelled = cancel(args, &engine).await;
        door::close(&engine).await?;
        let workflow = cancelled?;
        if !common.quiet {
            output::note(&format!("{} {workflow}", word(WARN, "Cancelled")));
        }
        Ok(Exit::Done)
    })
}

async fn cancel(args: &CancelArgs, engine: &windlass::Engine) -> Result<String, Problem> {
    let run = door::find_run(engine, &args.run).await?;
    if run.state.is_end() {
        return Err(Problem::usage(door::ended(&run)));
    }
    engine.cancel(run.id, &args.reason).await?;
    engine.attach(run.id).await?.wait().await?;
    Ok(format!("{} · run {}", run.workflow, run.id))
}
