//! `windlass check`: all problems of all files in one pass.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use windlass::definition::{Format, Severity};
use windlass::plan::KnownTasks;

use crate::args::Common;
use crate::exit::{Exit, Problem};
use crate::source::{self, Checked, count};
use crate::style::{BAD, OK, WARN, paint};
use crate::{output, plain};

/// Check workflow files: every problem, with its place and its fix
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Files, or folders (all *.toml below); default: `workflows`, or else this folder
    paths: Vec<PathBuf>,
    /// How problems are written
    #[arg(long, value_enum, default_value_t)]
    format: CheckFormat,
    /// The tasks that the program registers, separated by commas; any other is an error
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    tasks: Option<Vec<String>>,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum CheckFormat {
    /// For people, as cargo draws them
    #[default]
    Human,
    /// One JSON object per problem and line
    Json,
    /// Annotations of GitHub Actions
    Github,
}

/// How deep folders are searched.
const FOLDER_DEPTH_MAX: usize = 32;

pub(crate) fn act(args: &CheckArgs, common: Common) -> Result<Exit, Problem> {
    let tasks = match &args.tasks {
        Some(names) => KnownTasks::Only(names.iter().cloned().collect::<BTreeSet<_>>()),
        None => KnownTasks::Any,
    };
    let mut totals = Totals::default();
    for path in files(&args.paths)? {
        match source::check(&path, &tasks) {
            Ok(checked) => report(&checked, args.format, common, &mut totals)?,
            Err(problem) => {
                output::complain(&problem);
                totals.unread.push(problem.exit);
            }
        }
    }
    if !common.quiet && matches!(args.format, CheckFormat::Human) {
        output::note(&totals.to_string());
    }
    Ok(totals.exit())
}

fn report(
    checked: &Checked,
    format: CheckFormat,
    common: Common,
    totals: &mut Totals,
) -> Result<(), Problem> {
    totals.files += 1;
    totals.errors += checked.count(Severity::Error);
    totals.warnings += checked.count(Severity::Warning);
    if checked.diagnostics.is_empty() {
        if common.verbose > 0 {
            output::note(&format!("{} {}", paint(OK, "          OK"), plain::line(&checked.path)));
        }
        return Ok(());
    }
    let text = checked.render(match format {
        CheckFormat::Human => Format::Human { color: output::data_has_color() },
        CheckFormat::Json => Format::Json,
        CheckFormat::Github => Format::Github,
    });
    let gap = if matches!(format, CheckFormat::Human) { "\n" } else { "" };
    output::print(&format!("{}\n{gap}", text.trim_end()))
}

#[derive(Debug, Default)]
struct Totals {
    files: usize,
    errors: usize,
    warnings: usize,
    /// How the command would exit for each file that could not be read.
    unread: Vec<Exit>,
}

impl Totals {
    fn exit(&self) -> Exit {
        match self.unread.first() {
            Some(exit) => *exit,
            None if self.errors > 0 => Exit::Invalid,
            None => Exit::Done,
        }
    }
}

impl std::fmt::Display for Totals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let style = match (self.errors + self.unread.len(), self.warnings) {
            (0, 0) => OK,
            (0, _) => WARN,
            _ => BAD,
        };
        write!(f, "{} {}", paint(style, "     Checked"), count(self.files, "file"))?;
        if !self.unread.is_empty() {
            write!(f, ", {} not read", self.unread.len())?;
        }
        match (self.errors, self.warnings) {
            (0, 0) if self.unread.is_empty() => write!(f, ", no problems"),
            (0, 0) => Ok(()),
            (errors, warnings) => {
                write!(f, ", {}, {}", count(errors, "error"), count(warnings, "warning"))
            }
        }
    }
}

/// All files that `paths` name, sorted within each folder.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Problem> {
    if paths.is_empty() {
        let folder = Path::new(if Path::new("workflows").is_dir() { "workflows" } else { "." });
        return files(&[folder.to_owned()]);
    }
    let mut found = Vec::new();
    for path in paths {
        if !path.is_dir() {
            found.push(source::find(&path.to_string_lossy())?);
            continue;
        }
        let before = found.len();
        walk(path, FOLDER_DEPTH_MAX, &mut found);
        if found.len() == before {
            return Err(Problem::missing(format!("there is no *.toml in {}", path.display()))
                .help("`windlass new` writes a workflow to start from"));
        }
    }
    Ok(found)
}

/// Files below a folder; hidden folders and what is no workflow (`Cargo.toml`) is left out.
fn walk(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut entries: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') || name == "target" {
            continue;
        }
        if path.is_dir() && !path.is_symlink() && depth > 0 {
            walk(&path, depth - 1, found);
        } else if path.extension().is_some_and(|e| e == "toml") && !FOREIGN.contains(&name.as_str())
        {
            found.push(path.strip_prefix(".").map(Path::to_owned).unwrap_or(path));
        }
    }
}

/// TOML files that are known to be something else.
const FOREIGN: [&str; 7] = [
    "Cargo.toml",
    "clippy.toml",
    "deny.toml",
    "pyproject.toml",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "Trunk.toml",
];
