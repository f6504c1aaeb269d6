//! Problems as JSON lines, and as commands of GitHub Actions.

use serde_json::{Map, Value, json};

use super::place::Lines;
use super::severity_word;
use crate::definition::{Diagnostic, Span};

/// One object and a line end.
pub(super) fn json(path: &str, lines: &Lines<'_>, problem: &Diagnostic) -> String {
    let mut object = Map::new();
    object.insert("v".to_owned(), json!(1));
    object.insert("code".to_owned(), json!(problem.code));
    object.insert("severity".to_owned(), json!(severity_word(problem.severity)));
    object.insert("message".to_owned(), json!(problem.message));
    object.insert("file".to_owned(), json!(path));
    insert_place(&mut object, lines, &problem.span);
    object.insert("label".to_owned(), json!(problem.label));
    let related = problem.related.iter().map(|(span, label)| {
        let mut place = Map::new();
        insert_place(&mut place, lines, span);
        place.insert("label".to_owned(), json!(label));
        Value::Object(place)
    });
    object.insert("related".to_owned(), related.collect());
    object.insert("help".to_owned(), json!(problem.help));
    format!("{}\n", Value::Object(object))
}

fn insert_place(object: &mut Map<String, Value>, lines: &Lines<'_>, span: &Span) {
    let span = lines.inside(span);
    let (start, end) = (lines.place(span.start), lines.place(span.end));
    for (key, number) in [
        ("line", start.line),
        ("column", start.column),
        ("end_line", end.line),
        ("end_column", end.column),
    ] {
        object.insert(key.to_owned(), json!(number));
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
