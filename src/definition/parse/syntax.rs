//! What the TOML parser has to say, in our words: syntax, and keys that stand twice.

use super::problems::Problems;
use crate::definition::unit::excerpt;
use crate::definition::{Diagnostic, Span};

/// The most places of a broken file that are told: one mistake often makes many.
const SYNTAX_PROBLEMS_MAX: usize = 50;

/// The most doubled keys whose first place is looked for; each search reads the text once.
const SEARCHES_MAX: usize = 50;

/// Reports what the parser found.
pub(super) fn report(text: &str, errors: &[toml::de::Error], problems: &Problems) {
    let mut searches = 0;
    let (doubled, broken): (Vec<_>, Vec<_>) =
        errors.iter().partition(|error| error.message() == "duplicate key");
    problems.broken.set(!broken.is_empty());
    for error in doubled {
        searches += 1;
        let span = inside(text, error.span());
        problems.report(twice(text, span, searches <= SEARCHES_MAX));
    }
    for error in broken.into_iter().take(SYNTAX_PROBLEMS_MAX) {
        let span = inside(text, error.span());
        let told = format!("this is not TOML: {}", error.message());
        problems.report(Diagnostic::error("syntax", told, span).label("here"));
    }
}

/// A place that lies in the text, on the borders of characters.
fn inside(text: &str, span: Option<Span>) -> Span {
    let span = span.unwrap_or(text.len()..text.len());
    let border = |mut place: usize| {
        place = place.min(text.len());
        while !text.is_char_boundary(place) {
            place -= 1;
        }
        place
    };
    let start = border(span.start);
    start..border(span.end).max(start)
}

/// The problem of a key or header that has been there before.
fn twice(text: &str, span: Span, search: bool) -> Diagnostic {
    let key = excerpt(&text[span.clone()]);
    let line = line_of(text, span.start);
    let header = header(&text[line.clone()]);
    let told = match header {
        Some(path) => match path.strip_prefix("steps.") {
            Some(id) => format!("step `{}` is defined twice", excerpt(&bare(id))),
            None => format!("table `[{}]` is defined twice", excerpt(path)),
        },
        None => match search.then(|| table_of(text, line.start)).flatten() {
            Some(table) => match table.strip_prefix("steps.") {
                Some(id) => {
                    format!("step `{}`: key `{key}` is written twice", excerpt(&bare(id)))
                }
                None => format!("key `{key}` is written twice in [{}]", excerpt(table)),
            },
            None => format!("key `{key}` is written twice"),
        },
    };
    let first = search.then(|| match header {
        Some(path) => first_header(&text[..line.start], path),
        None => first_key(&text[..line.start], &text[span.clone()]),
    });
    let mut problem = Diagnostic::error("duplicate-key", told, span).label("again");
    if let Some(first) = first.flatten() {
        problem = problem.related(first, "first here");
    }
    problem.help("give one of them another name, or take it out")
}

/// The line around a place, without its end.
fn line_of(text: &str, place: usize) -> Span {
    let start = text[..place].rfind('\n').map_or(0, |end| end + 1);
    let end = text[place..].find('\n').map_or(text.len(), |end| place + end);
    start..end
}

/// The path in a line such as `[steps.a]`.
fn header(line: &str) -> Option<&str> {
    let path = line.trim_start().strip_prefix('[')?;
    let path = path.strip_prefix('[').unwrap_or(path);
    path.split(']').next().map(str::trim).filter(|path| !path.is_empty())
}

/// Without the quotes that a key may have.
fn bare(key: &str) -> String {
    key.replace(['"', '\''], "")
}

/// The table that the line at `start` belongs to.
fn table_of(text: &str, start: usize) -> Option<&str> {
    text[..start].lines().rev().find_map(header)
}

fn first_header(before: &str, path: &str) -> Option<Span> {
    lines(before).find(|(_, line)| header(line) == Some(path)).map(|(start, line)| {
        let offset = line.find(path).unwrap_or(0);
        start + offset..start + offset + path.len()
    })
}

/// The key in the lines of the same table.
fn first_key(before: &str, key: &str) -> Option<Span> {
    let table = lines(before).filter(|(_, line)| header(line).is_some()).last();
    let from = table.map_or(0, |(start, line)| start + line.len());
    lines(&before[from..]).find_map(|(start, line)| {
        let indent = line.len() - line.trim_start().len();
        let rest = line.trim_start().strip_prefix(key)?.trim_start();
        let start = from + start + indent;
        rest.starts_with(['=', '.']).then(|| start..start + key.len())
    })
}

/// Lines with the places where they begin.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split_inclusive('\n').scan(0, |next, line| {
        let start = *next;
        *next += line.len();
        Some((start, line.trim_end_matches('\n')))
    })
}
