//! `windlass resume`: runs that a crash, a kill or Ctrl-C has left go on.

use clap::Args;
use windlass::{Engine, RunFilter, RunId};

use crate::args::Common;
use crate::door::{self, Work};
use crate::exit::{Exit, Problem};
use crate::follow::finish::{Follower, Following, nothing};
use crate::runtime;
use crate::signals::Interrupts;

/// Go on with a run that was interrupted, or with all of them
#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// The run's id, or the beginning of it; without it, all unfinished runs
    run: Option<String>,
    #[command(flatten)]
    following: Following,
}

pub(crate) fn act(args: &ResumeArgs, common: Common) -> Result<Exit, Problem> {
    super::must_exist(&args.following.data.folder)?;
    runtime::block_on(common, async {
        let mut interrupts = Interrupts::listen()?;
        let engine = door::open(&args.following.data.folder, None, Work::Execute).await?;
        let runs = match wanted(args, &engine).await {
            Ok(runs) => runs,
            Err(problem) => {
                door::close(&engine).await?;
                return Err(problem);
            }
        };
        if runs.is_empty() {
            nothing("no run is unfinished");
            door::close(&engine).await?;
            return Ok(Exit::Done);
        }
        let follower = Follower { following: &args.following, common };
        let mut steps = 0;
        for run in &runs {
            steps += engine.plan_of(*run).await?.top().len();
        }
        let mut course = follower.course(&engine, runs.len(), steps);
        for run in runs {
            follower.add(&mut course, &engine, run).await?;
            engine.resume(run).await?;
        }
        follower.finish(&engine, course, &mut interrupts).await
    })
}

/// The runs to go on with, oldest first.
async fn wanted(args: &ResumeArgs, engine: &Engine) -> Result<Vec<RunId>, Problem> {
    if let Some(run) = &args.run {
        let run = door::find_run(engine, run).await?;
        if run.state.is_end() {
            let problem = Problem::usage(door::ended(&run));
            return Err(problem
                .help(format!("`windlass retry {}` runs it again", crate::follow::short(run.id))));
        }
        return Ok(vec![run.id]);
    }
    let mut runs: Vec<RunId> = Vec::new();
    for state in crate::filter::STATES.into_iter().filter(|state| !state.is_end()) {
        let filter = RunFilter { state: Some(state), limit: RUNS_MAX, ..RunFilter::default() };
        runs.extend(engine.runs(&filter).await?.iter().map(|run| run.id));
    }
    runs.sort_unstable();
    Ok(runs)
}

/// So many runs go on at once.
const RUNS_MAX: usize = 100_000;
