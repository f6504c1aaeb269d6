//! `windlass run`: a workflow from its start to its end.

use clap::Args;
use windlass::expression::RunNames;
use windlass::plan::{KnownTasks, Plan};
use windlass::{Error, Payload, RunState};

use crate::args::Common;
use crate::door::{self, Work};
use crate::exit::{Exit, Problem};
use crate::follow::finish::{Follower, Following};
use crate::follow::teller::Teller;
use crate::graph::Graph;
use crate::inputs::Inputs;
use crate::signals::Interrupts;
use crate::style::{BOLD, DIM, paint};
use crate::{output, plain, runtime, source};

/// Run a workflow and follow it to its end
#[derive(Debug, Args)]
#[command(after_help = "\
The output of the run goes to standard output, everything else to standard error.
Queues are set in engine.toml in the current folder. Ctrl-C stops in order, twice at once;
either way `windlass resume` goes on with the run.")]
pub(crate) struct RunArgs {
    /// The workflow's file, or its name (NAME.toml here or in workflows/)
    #[arg(value_name = "FILE|NAME")]
    workflow: String,
    #[command(flatten)]
    inputs: Inputs,
    /// Check the workflow and the input, say what would run, and run nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    following: Following,
}

pub(crate) fn act(args: &RunArgs, common: Common) -> Result<Exit, Problem> {
    let (plan, input) = prepare(&args.workflow, &args.inputs, common)?;
    if args.dry_run {
        return dry_run(&plan, &input);
    }
    runtime::block_on(common, run(args, common, plan, input))
}

/// The plan and the input of a run. The command line brings no handlers of its own, so that a step
/// with a `task` is an error here.
pub(crate) fn prepare(
    workflow: &str,
    inputs: &Inputs,
    common: Common,
) -> Result<(Plan, Payload), Problem> {
    let path = source::find(workflow)?;
    let plan =
        source::plan(&path, &KnownTasks::Only(std::collections::BTreeSet::new()), common.quiet)?;
    let kind = |key: &str| plan.input.fields().find(|(name, _)| *name == key).map(|(_, kind)| kind);
    let input = inputs.read(kind)?;
    Ok((plan, input))
}

async fn run(args: &RunArgs, common: Common, plan: Plan, input: Payload) -> Result<Exit, Problem> {
    let mut interrupts = Interrupts::listen()?;
    let follower = Follower { following: &args.following, common };
    let (name, steps) = (plan.name.to_string(), plan.top().len());
    let engine = door::open(&args.following.data.folder, Some(plan), Work::Execute).await?;
    let mut course = follower.course(&engine, 1, steps);
    let started = engine.run(&name, input).origin(windlass::Origin::Cli).await;
    let run = match started {
        Ok(handle) => handle.id(),
        Err(error) => {
            door::close(&engine).await?;
            return Err(error.into());
        }
    };
    follower.greet(&mut course, &name, run, steps);
    course.add(run, RunState::Pending, Teller::new(engine.plan_of(run).await?, None));
    follower.finish(&engine, course, &mut interrupts).await
}

fn dry_run(plan: &Plan, input: &Payload) -> Result<Exit, Problem> {
    let input = plan.input.check(input, &RunNames::default()).map_err(|problems| {
        Problem::from(Error::Input { workflow: plan.name.to_string(), problems })
    })?;
    let graph = Graph::of(plan);
    let waves = graph.waves();
    let mut text = format!(
        "{} would run {} in {}\n",
        paint(BOLD, &graph.name),
        source::count(graph.nodes.len(), "step"),
        source::count(waves.len(), "wave"),
    );
    for (number, wave) in waves.iter().enumerate() {
        for at in wave {
            let node = &graph.nodes[*at];
            plain::add(
                &mut text,
                format_args!("{:>4}  {} {}\n", number + 1, node.id, paint(DIM, node.words())),
            );
        }
    }
    plain::add(
        &mut text,
        format_args!("{} {}\n", paint(DIM, "input"), plain::line(input.as_str())),
    );
    output::print(&text)?;
    Ok(Exit::Done)
}
