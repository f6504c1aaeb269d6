//! Problems as JSON lines, and as commands of GitHub Actions.

use serde::Serialize;

use super::place::Lines;
use super::severity_word;
use crate::definition::{Diagnostic, Span};

/// One object and a line end.
pub(super) fn json(path: &str, lines: &Lines<'_>, problem: &Diagnostic) -> String {
    let related = problem.related.iter();
    let object = Problem {
        v: 1,
        code: problem.code,
        severity: severity_word(problem.severity),
        message: &problem.message,
        file: path,
        place: Place::of(lines, &problem.span),
        label: &problem.label,
        related: related
            .map(|(span, label)| Related { place: Place::of(lines, span), label })
            .collect(),
        help: problem.help.as_deref(),
    };
    // Texts and numbers can always be written.
    format!("{}\n", serde_json::to_string(&object).unwrap_or_default())
}

/// A problem, in the order of its keys.
#[derive(Serialize)]
struct Problem<'p> {
    v: u8,
    code: &'p str,
    severity: &'p str,
    message: &'p str,
    file: &'p str,
    #[serde(flatten)]
    place: Place,
    label: &'p str,
    related: Vec<Related<'p>>,
    help: Option<&'p str>,
}

#[derive(Serialize)]
struct Related<'p> {
    #[serde(flatten)]
    place: Place,
    label: &'p str,
}

#[derive(Serialize)]
struct Place {
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
}

impl Place {
    fn of(lines: &Lines<'_>, span: &Span) -> Self {
        let span = lines.inside(span);
        let (start, end) = (lines.place(span.start), lines.place(span.end));
        Self { line: start.line, column: start.column, end_line: end.line, end_column: end.column }
    }
}

/// One command and a line end ([workflow commands]).
///
/// [workflow commands]: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
pub(super) fn github(path: &str, lines: &Lines<'_>, problem: &Diagnostic) -> String {
    let span = lines.inside(&problem.span);
    let (start, end) = (lines.place(span.start), lines.place(span.end));
    let mut message = problem.message.clone();
    if let Some(help) = &problem.help {
        message.push_str("\nhelp: ");
        message.push_str(help);
    }
    format!(
        "::{} file={},line={},endLine={},col={},endColumn={},title={}::{}\n",
        severity_word(problem.severity),
        property(path),
        start.line,
        end.line,
        start.column,
        end.column,
        property(problem.code),
        data(&message),
    )
}

/// What stands behind `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// What stands behind `=`.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
