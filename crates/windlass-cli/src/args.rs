//! The command line: verbs and what is the same for all of them.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::exit::{Exit, Problem};
use crate::{output, verb};

/// Run, check and look at workflows.
#[derive(Debug, Parser)]
#[command(
    name = "windlass",
    version,
    about = "Runs workflows: DAGs in TOML, with retries, dead letters and a journal that survives crashes",
    after_help = AFTER_HELP,
    max_term_width = 100,
    disable_help_subcommand = true,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    common: Common,
}

/// What every verb knows.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Common {
    /// Say less: only what went wrong
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say more (-vv: the engine's own log, as `RUST_LOG` says)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// Where runs are kept.
#[derive(Debug, Clone, Args)]
pub(crate) struct Data {
    /// The data folder
    #[arg(
        long = "data",
        value_name = "DIR",
        env = "WINDLASS_DATA",
        default_value = ".windlass",
        hide_env_values = true
    )]
    pub(crate) folder: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Run(verb::run::RunArgs),
    Check(verb::check::CheckArgs),
    Explain(verb::explain::ExplainArgs),
    Graph(verb::graph::GraphArgs),
    New(verb::new::NewArgs),
    Start(verb::start::StartArgs),
    Runs(verb::runs::RunsArgs),
    Show(verb::show::ShowArgs),
    Logs(verb::logs::LogsArgs),
    Retry(verb::retry::RetryArgs),
    Cancel(verb::cancel::CancelArgs),
    Resume(verb::resume::ResumeArgs),
    Dlq(verb::dlq::DlqArgs),
    Db(verb::db::DbArgs),
    Completions(verb::completions::CompletionsArgs),
}

const AFTER_HELP: &str = "\
Exit codes: 0 done, 1 the run failed, 2 usage, 3 invalid workflow, 4 no such thing,
            5 server not reachable, 6 timed out, 130 interrupted";

/// Parses the command line and does what it says.
pub(crate) fn main() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            error.print().unwrap_or(());
            return if error.use_stderr() { Exit::Usage } else { Exit::Done };
        }
    };
    match cli.verb.act(cli.common) {
        Ok(exit) => exit,
        Err(problem) => {
            output::complain(&problem);
            problem.exit
        }
    }
}

impl Verb {
    fn act(self, common: Common) -> Result<Exit, Problem> {
        match self {
            Self::Run(args) => verb::run::act(&args, common),
            Self::Check(args) => verb::check::act(&args, common),
            Self::Explain(args) => verb::explain::act(&args),
            Self::Graph(args) => verb::graph::act(&args, common),
            Self::New(args) => verb::new::act(&args),
            Self::Start(args) => verb::start::act(&args, common),
            Self::Runs(args) => verb::runs::act(&args, common),
            Self::Show(args) => verb::show::act(&args, common),
            Self::Logs(args) => verb::logs::act(&args, common),
            Self::Retry(args) => verb::retry::act(&args, common),
            Self::Cancel(args) => verb::cancel::act(&args, common),
            Self::Resume(args) => verb::resume::act(&args, common),
            Self::Dlq(args) => verb::dlq::act(&args, common),
            Self::Db(args) => verb::db::act(&args, common),
            Self::Completions(args) => verb::completions::act(&args),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
