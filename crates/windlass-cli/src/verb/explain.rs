//! `windlass explain`: what a diagnostic's code means, with an example.

use clap::Args;
use windlass::definition;

use crate::exit::{Exit, Problem};
use crate::output;
use crate::style::{BOLD, paint};

/// Explain the code of a diagnostic
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The code, such as `unknown-key`; without it, all codes are listed
    code: Option<String>,
}

pub(crate) fn act(args: &ExplainArgs) -> Result<Exit, Problem> {
    let Some(code) = &args.code else {
        output::print(&list())?;
        return Ok(Exit::Done);
    };
    let code =
        code.trim_start_matches("error[").trim_start_matches("warning[").trim_end_matches(']');
    let text = definition::explain(code).ok_or_else(|| {
        Problem::missing(format!("there is no code `{code}`"))
            .help("`windlass explain` lists all codes")
    })?;
    output::print(&format!("{}\n\n{}", paint(BOLD, code), text.trim_end()))?;
    Ok(Exit::Done)
}

fn list() -> String {
    let width = definition::codes().map(str::len).max().unwrap_or(0);
    definition::codes()
        .map(|code| {
            let about = definition::explain(code).unwrap_or("");
            format!(
                "{}  {}\n",
                paint(BOLD, format!("{code:<width$}")),
                crate::plain::summary(about, 90)
            )
        })
        .collect()
}
