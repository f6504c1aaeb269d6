//! Workflow files: found by path or name, read within limits, checked.

use std::path::{Path, PathBuf};

use windlass::definition::{self, Diagnostic, Format, Severity};
use windlass::plan::{self, KnownTasks, Plan};

use crate::exit::{Exit, Problem};
use crate::output;

/// The largest workflow file, in bytes.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// What belongs to the machine and not to a workflow: queues.
pub(crate) const SETTINGS_FILE: &str = "engine.toml";

/// Where a bare name is looked for.
const FOLDERS: [&str; 2] = [".", "workflows"];

/// The file that `wanted` (a path or a workflow's name) means.
pub(crate) fn find(wanted: &str) -> Result<PathBuf, Problem> {
    let path = Path::new(wanted);
    if path.is_file() {
        return Ok(path.to_owned());
    }
    if path.is_dir() {
        return Err(Problem::usage(format!("{wanted} is a folder, not a workflow file"))
            .help(format!("`windlass check {wanted}` checks all workflows in it")));
    }
    if wanted.contains('/') || path.extension().is_some_and(|e| e == "toml") {
        return Err(Problem::missing(format!("there is no file {wanted}"))
            .help("`windlass new` writes one to start from"));
    }
    FOLDERS
        .iter()
        .map(|folder| Path::new(folder).join(format!("{wanted}.toml")))
        .find(|candidate| candidate.is_file())
        .map(|found| found.strip_prefix(".").map(Path::to_owned).unwrap_or(found))
        .ok_or_else(|| {
            Problem::missing(format!("there is no workflow `{wanted}`: neither {wanted}.toml nor workflows/{wanted}.toml exists"))
                .help("give the path of a workflow file, or write one with `windlass new`")
        })
}

/// The text of a workflow file.
pub(crate) fn read(path: &Path) -> Result<String, Problem> {
    let shown = path.display();
    let refuse =
        |e: std::io::Error| Problem::new(Exit::Missing, format!("{shown} cannot be read: {e}"));
    let size = std::fs::metadata(path).map_err(refuse)?.len();
    if size > FILE_BYTES_MAX {
        return Err(Problem::new(
            Exit::Invalid,
            format!(
                "{shown} has {size} bytes; a workflow file has at most {FILE_BYTES_MAX} (16 MiB)"
            ),
        ));
    }
    let bytes = std::fs::read(path).map_err(refuse)?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..at].split(|b| *b == b'\n').count();
        Problem::new(Exit::Invalid, format!("{shown} is not UTF-8 text: byte {at}, in line {line}"))
            .help("save the file as UTF-8")
    })
}

/// A file that was checked.
#[derive(Debug)]
pub(crate) struct Checked {
    /// The file's path, as it was given.
    pub(crate) path: String,
    /// Its text.
    pub(crate) text: String,
    /// The plan; `None` where there are errors.
    pub(crate) plan: Option<Plan>,
    /// All problems, in the file's order.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl Checked {
    /// How many problems have this severity.
    pub(crate) fn count(&self, severity: Severity) -> usize {
        self.diagnostics.iter().filter(|d| d.severity == severity).count()
    }

    /// The problems as text.
    pub(crate) fn render(&self, format: Format) -> String {
        definition::render(&self.path, &self.text, &self.diagnostics, format)
    }
}

/// Reads and checks a file.
pub(crate) fn check(path: &Path, tasks: &KnownTasks) -> Result<Checked, Problem> {
    let text = read(path)?;
    let shown = path.display().to_string();
    if path.file_name().is_some_and(|name| name == SETTINGS_FILE) {
        let (_, diagnostics) = definition::parse_settings(&shown, &text);
        return Ok(Checked { path: shown, text, plan: None, diagnostics });
    }
    let folder = folder_of(path);
    let (plan, diagnostics) = match plan::load(&shown, &text, folder.as_deref(), tasks) {
        Ok(loaded) => (Some(loaded.plan), loaded.warnings),
        Err(diagnostics) => (None, diagnostics),
    };
    Ok(Checked { path: shown, text, plan, diagnostics })
}

/// The plan of a file, or every problem on standard error and exit code 3.
pub(crate) fn plan(path: &Path, tasks: &KnownTasks, quiet: bool) -> Result<Plan, Problem> {
    let checked = check(path, tasks)?;
    let show = checked.plan.is_none() || !quiet;
    if show && !checked.diagnostics.is_empty() {
        output::note(
            checked.render(Format::Human { color: output::notes_have_color() }).trim_end(),
        );
    }
    let errors = checked.count(Severity::Error);
    checked.plan.ok_or_else(|| {
        Problem::new(Exit::Invalid, format!("{} has {}", checked.path, count(errors, "error")))
    })
}

/// The absolute folder of a file: where its commands run.
pub(crate) fn folder_of(path: &Path) -> Option<PathBuf> {
    std::path::absolute(path).ok()?.parent().map(Path::to_owned)
}

/// `1 error`, `2 errors`
pub(crate) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// As [`count`], for larger numbers.
pub(crate) fn count_u64(number: u64, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
