//! `windlass dlq`: dead letters, what failed for good and waits to be replayed or dropped.

mod list;
mod pick;
mod settle;

use clap::{Args, Subcommand};

use crate::args::{Common, Data};
use crate::exit::{Exit, Problem};
use crate::follow::finish::Following;
use crate::runtime;

/// Look at dead letters, replay them, drop them
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct DlqArgs {
    #[command(subcommand)]
    act: Option<Act>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// List dead letters, grouped by cause
    Ls(ListArgs),
    /// Show a dead letter: its input and all its attempts
    Show(ShowArgs),
    /// Run dead letters again; their runs go on from there
    Replay(ReplayArgs),
    /// Delete dead letters; their runs stay as they are
    Drop(DropArgs),
}

/// Which to list.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// workflow:order step:ship class:timeout queue:default run:ID
    filter: Vec<String>,
    /// Each letter on a line of its own
    #[arg(long)]
    flat: bool,
    /// One JSON object per line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: Data,
}

/// Which to show.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The id of a letter or of a cause, or the beginning of it
    letter: String,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: Data,
}

/// Which to replay.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// Ids of letters or causes, or filters such as workflow:order
    #[arg(required = true)]
    which: Vec<String>,
    /// Run them with this input instead of their own
    #[arg(long, value_name = "JSON")]
    set: Option<String>,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    following: Following,
}

/// Which to drop.
#[derive(Debug, Args)]
pub(crate) struct DropArgs {
    /// Ids of letters or causes, or filters such as workflow:order
    #[arg(required = true)]
    which: Vec<String>,
    /// Why; written into the audit log
    #[arg(long, value_name = "TEXT", default_value = "by hand")]
    reason: String,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    data: Data,
}

pub(crate) fn act(args: &DlqArgs, common: Common) -> Result<Exit, Problem> {
    runtime::block_on(common, async {
        match &args.act {
            None => list::ls(&args.list).await,
            Some(Act::Ls(args)) => list::ls(args).await,
            Some(Act::Show(args)) => list::show(args).await,
            Some(Act::Replay(args)) => settle::replay(args, common).await,
            Some(Act::Drop(args)) => settle::drop_letters(args, common).await,
        }
    })
}
