//! `windlass completions`: a script for the shell.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::exit::{Exit, Problem};
use crate::output;

/// Print a completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = "\
  bash  windlass completions bash > ~/.local/share/bash-completion/completions/windlass
  zsh   windlass completions zsh > \"${fpath[1]}/_windlass\"
  fish  windlass completions fish > ~/.config/fish/completions/windlass.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

pub(crate) fn act(args: &CompletionsArgs) -> Result<Exit, Problem> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::args::Cli::command(), "windlass", &mut script);
    output::print_raw(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
