//! `windlass logs`: what the steps of a run have printed.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use clap::Args;
use windlass::task::{list_logs, read_log};

use crate::args::{Common, Data};
use crate::exit::{Exit, Problem};
use crate::follow::finish::nothing;
use crate::style::{BOLD, paint};
use crate::{door, output, plain, runtime};

/// Show what the steps of a run have printed
#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    /// The run's id, or the beginning of it
    run: String,
    /// Only this step (of a fan-out also `step.3`); without it, all
    step: Option<String>,
    #[command(flatten)]
    data: Data,
}

pub(crate) fn act(args: &LogsArgs, common: Common) -> Result<Exit, Problem> {
    super::must_exist(&args.data.folder)?;
    let folder = match folder_of(&args.data.folder, &args.run) {
        Some(folder) => folder,
        None => runtime::block_on(common, known(args))?,
    };
    let unreadable =
        |e: std::io::Error| Problem::failed(format!("{} cannot be read: {e}", folder.display()));
    let all = list_logs(&folder).map_err(unreadable)?;
    let wanted: Vec<&String> =
        all.iter().filter(|name| is_of(name, args.step.as_deref())).collect();
    if wanted.is_empty() {
        nothing(match &args.step {
            Some(_) => "this step has printed nothing",
            None => "no step has printed anything",
        });
    }
    for name in &wanted {
        let text = read_log(&folder, name).map_err(unreadable)?;
        if wanted.len() > 1 {
            output::print(&paint(BOLD, format!("── {name}")))?;
        }
        show(&text)?;
    }
    Ok(Exit::Done)
}

/// On a terminal nothing can move the cursor; a pipe gets what was printed.
fn show(text: &str) -> Result<(), Problem> {
    if text.is_empty() {
        return Ok(());
    }
    if std::io::stdout().is_terminal() {
        return output::print_raw(&plain::block(text));
    }
    output::print_raw(text)
}

fn is_of(log: &str, step: Option<&str>) -> bool {
    let Some(step) = step else { return true };
    // `step`, `step.3`, `fan-out.step.3`: the dotted parts in order, from either end.
    log == step
        || log.starts_with(&format!("{step}."))
        || log.strip_suffix(step).is_some_and(|head| head.ends_with('.'))
        || log.contains(&format!(".{step}."))
}

/// The one folder of a run whose id begins like this. It can be read while the run goes on.
fn folder_of(data: &Path, prefix: &str) -> Option<PathBuf> {
    let prefix = prefix.to_ascii_lowercase();
    let entries = std::fs::read_dir(data.join("runs")).ok()?;
    let mut fitting = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(&prefix)));
    let first = fitting.next()?;
    (fitting.next().is_none() && !prefix.is_empty()).then_some(first)
}

/// The folder of a run that has none yet; or the problem that there is no such run.
async fn known(args: &LogsArgs) -> Result<PathBuf, Problem> {
    let engine = door::look(&args.data.folder).await?;
    let run = door::find_run(&engine, &args.run).await;
    door::close(&engine).await?;
    Ok(args.data.folder.join("runs").join(run?.id.to_string()))
}

#[cfg(test)]
mod tests {
    use super::is_of;

    #[test]
    fn a_step_has_the_logs_of_its_items() {
        let fitting = |step: &str| {
            let logs = ["a", "a.0", "a.10", "b.a.1", "ab", "b.c.1"];
            logs.into_iter().filter(|log| is_of(log, Some(step))).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(fitting("a"), "a a.0 a.10 b.a.1");
        assert_eq!(fitting("a.0"), "a.0");
        assert_eq!(fitting("b"), "b.a.1 b.c.1");
        assert_eq!(fitting("c"), "b.c.1");
    }
}
