//! Problems drawn for a person, a program, or a pull request.

mod human;
mod machine;
mod place;

use super::{Diagnostic, Severity};
use place::Lines;

/// How problems are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// As cargo does it, with the lines of the file.
    Human {
        /// With ANSI colours.
        color: bool,
    },
    /// One JSON object a line.
    Json,
    /// Commands of GitHub Actions, which become notes beside the lines of a pull request.
    Github,
}

/// Writes all problems of one file, in their order.
///
/// The object of [`Format::Json`] has the keys `v` (1), `code`, `severity`, `message`, `file`,
/// `line`, `column`, `end_line`, `end_column` (all from 1; columns in characters; the end is the
/// place after the last character), `label`, `related` (a list of such places with labels) and
/// `help` (or `null`).
///
/// ```
/// use windlass::definition::{Format, parse, render};
/// let text = "[steps.a]\nrun = 'true'\ntimeot = '5s'\n";
/// let told = render("a.toml", text, &parse("a.toml", text).diagnostics, Format::Human { color: false });
/// assert!(told.starts_with("error[unknown-key]: unknown key `timeot` in step `a`"));
/// ```
pub fn render(path: &str, text: &str, diagnostics: &[Diagnostic], format: Format) -> String {
    let lines = Lines::of(text);
    let draw = |problem: &Diagnostic| match format {
        Format::Human { color } => human::draw(path, &lines, problem, color),
        Format::Json => machine::json(path, &lines, problem),
        Format::Github => machine::github(path, &lines, problem),
    };
    diagnostics.iter().map(draw).collect()
}

fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

#[cfg(test)]
mod tests;
