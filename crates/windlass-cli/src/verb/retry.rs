//! `windlass retry`: a finished run goes on from where it failed, or from a step.

use clap::Args;
use windlass::{Error, From, RunState};

use crate::args::Common;
use crate::door::{self, Work};
use crate::exit::{Exit, Problem};
use crate::follow::finish::{Follower, Following};
use crate::follow::story;
use crate::runtime;
use crate::signals::Interrupts;

/// Run a finished run again: what failed, or from a step on
#[derive(Debug, Args)]
pub(crate) struct RetryArgs {
    /// The run's id, or the beginning of it
    run: String,
    /// Run this step and all that depends on it again
    #[arg(long, value_name = "STEP", conflicts_with_all = ["failed", "all"])]
    from: Option<String>,
    /// Run what failed, was blocked or cancelled (the default)
    #[arg(long, conflicts_with = "all")]
    failed: bool,
    /// Run everything again
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    following: Following,
}

pub(crate) fn act(args: &RetryArgs, common: Common) -> Result<Exit, Problem> {
    super::must_exist(&args.following.data.folder)?;
    runtime::block_on(common, async {
        let mut interrupts = Interrupts::listen()?;
        let engine = door::open(&args.following.data.folder, None, Work::Execute).await?;
        let done = retry(args, common, &engine, &mut interrupts).await;
        if done.is_err() {
            door::close(&engine).await.unwrap_or(());
        }
        done
    })
}

async fn retry(
    args: &RetryArgs,
    common: Common,
    engine: &windlass::Engine,
    interrupts: &mut Interrupts,
) -> Result<Exit, Problem> {
    let run = door::find_run(engine, &args.run).await?;
    if !run.state.is_end() && run.state != RunState::Parked {
        let (short, data) =
            (crate::follow::short(run.id), story::data_flag(&args.following.data.folder));
        return Err(Problem::usage(format!(
            "run {} has not ended: it is {}",
            run.id,
            run.state.as_str()
        ))
        .help(format!("`windlass resume {short}{data}` goes on with it")));
    }
    let plan = engine.plan_of(run.id).await?;
    let from = match (&args.from, args.all) {
        (Some(step), _) if plan.find(step).is_none() => {
            let steps: Vec<&str> = plan.top().map(|id| plan.node(id).id.as_str()).collect();
            return Err(Problem::missing(format!("workflow `{}` has no step `{step}`", plan.name))
                .help(format!("its steps are {}", crate::plain::cut(&steps.join(", "), 300))));
        }
        (Some(step), _) => From::Step(step.clone()),
        (None, true) => From::Start,
        (None, false) => From::Failed,
    };
    let follower = Follower { following: &args.following, common };
    let mut course = follower.course(engine, 1, plan.top().len());
    let again = engine.retry(run.id, from).await;
    if let (Err(Error::Refused(why)), RunState::Succeeded) = (&again, run.state) {
        let data = story::data_flag(&args.following.data.folder);
        let (run, why) = (crate::follow::short(run.id), why.clone());
        return Err(Problem::usage(why)
            .help(format!("`windlass retry {run} --all{data}` runs all of it again")));
    }
    again?;
    follower.add(&mut course, engine, run.id).await?;
    follower.finish(engine, course, interrupts).await
}
