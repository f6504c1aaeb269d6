//! What the TOML parser has to say, in our words: syntax, and keys that stand twice.

use std::collections::{HashMap, HashSet};

use super::problems::Problems;
use crate::definition::unit::excerpt;
use crate::definition::{Diagnostic, Span};

/// The most places of a broken file that are told: one mistake often makes many.
const SYNTAX_PROBLEMS_MAX: usize = 50;

/// The most doubled keys whose first place is looked for; each search reads the text once.
const SEARCHES_MAX: usize = 50;

/// Reports what the parser found.
pub(super) fn report(text: &str, errors: &[toml::de::Error], problems: &Problems) {
    let (doubled, broken): (Vec<_>, Vec<_>) =
        errors.iter().partition(|error| error.message() == "duplicate key");
    problems.broken.set(!broken.is_empty());
    if !doubled.is_empty() {
        let places = doubled.iter().map(|error| inside(text, error.span())).collect();
        report_doubled(&Headers::of(text), places, problems);
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

/// The lines of a text that open a table, in their order.
#[derive(Debug)]
struct Headers<'a> {
    text: &'a str,
    /// Where lines begin.
    lines: Vec<usize>,
    /// The place of the line, and the path in it.
    all: Vec<(usize, &'a str)>,
    /// The place of the first line with a path.
    first: HashMap<&'a str, usize>,
}

impl<'a> Headers<'a> {
    fn of(text: &'a str) -> Self {
        let all: Vec<_> =
            lines(text).filter_map(|(start, line)| Some((start, header(line)?))).collect();
        let mut first = HashMap::new();
        for (start, path) in &all {
            first.entry(*path).or_insert(*start);
        }
        Self { text, lines: lines(text).map(|(start, _)| start).collect(), all, first }
    }

    /// The line around a place, with its end.
    fn line(&self, place: usize) -> Span {
        let next = self.lines.partition_point(|start| *start <= place);
        let start = next.checked_sub(1).map_or(0, |line| self.lines[line]);
        start..self.lines.get(next).copied().unwrap_or(self.text.len())
    }

    /// The header of the table that a place lies in, or that stands in its line.
    fn before(&self, place: usize) -> Option<(usize, &'a str)> {
        let next = self.all.partition_point(|(start, _)| *start <= place);
        self.all.get(next.checked_sub(1)?).copied()
    }
}

fn report_doubled(headers: &Headers<'_>, places: Vec<Span>, problems: &Problems) {
    let mut doubled_headers = HashSet::new();
    let mut searches = 0;
    for span in places {
        if problems.is_full() {
            break;
        }
        // Keys that the parser made up where there are none.
        if span.is_empty() {
            continue;
        }
        let line = headers.line(span.start).start;
        match headers.before(span.start) {
            Some((start, path)) if start == line => {
                doubled_headers.insert(start);
                problems.report(header_twice(headers, span, path));
            }
            // The keys of a table that stands twice stand twice too: they are not told again.
            Some((start, _)) if doubled_headers.contains(&start) => {}
            table => {
                searches += 1;
                problems.report(key_twice(headers, span, table, searches <= SEARCHES_MAX));
            }
        }
    }
}

fn header_twice(headers: &Headers<'_>, span: Span, path: &str) -> Diagnostic {
    let told = match step_of(path) {
        Some(step) => format!("step `{step}` is defined twice"),
        None => format!("table [{}] is defined twice", excerpt(path)),
    };
    let problem = Diagnostic::error("duplicate-key", told, span.clone()).label("again");
    let problem = problem.help("give one of them another name, or take it out");
    match headers.first.get(path) {
        Some(start) if *start < headers.line(span.start).start => {
            let line = headers.line(*start);
            let start = start + headers.text[line].find(path).unwrap_or(0);
            problem.related(start..start + path.len(), "first here")
        }
        _ => problem,
    }
}

fn key_twice(
    headers: &Headers<'_>,
    span: Span,
    table: Option<(usize, &str)>,
    search: bool,
) -> Diagnostic {
    let text = headers.text;
    let key = &text[span.clone()];
    let told = format!("key `{}` is written twice", excerpt(key));
    let told = match table.map(|(_, path)| (path, step_of(path))) {
        Some((_, Some(step))) => format!("step `{step}`: {told}"),
        Some((path, None)) => format!("{told} in [{}]", excerpt(path)),
        None => told,
    };
    let from = table.map_or(0, |(start, _)| headers.line(start).end);
    let first = search.then(|| first_key(text, from..headers.line(span.start).start, key));
    let problem = Diagnostic::error("duplicate-key", told, span).label("again");
    let problem = problem.help("take one of them out");
    match first.flatten() {
        Some(first) => problem.related(first, "first here"),
        None => problem,
    }
}

/// The key in a part of the text, at the beginning of a line.
fn first_key(text: &str, part: Span, key: &str) -> Option<Span> {
    lines(text.get(part.clone())?).find_map(|(start, line)| {
        let indent = line.len() - line.trim_start().len();
        let rest = line.trim_start().strip_prefix(key)?.trim_start();
        let start = part.start + start + indent;
        rest.starts_with(['=', '.']).then(|| start..start + key.len())
    })
}

/// The id in a path such as `steps.a` or `steps.a.steps.b`, as messages have it.
fn step_of(path: &str) -> Option<String> {
    let id = path.strip_prefix("steps.")?.replace(".steps.", ".");
    Some(excerpt(&id.replace(['"', '\''], "")))
}

/// The path in a line such as `[steps.a]`.
fn header(line: &str) -> Option<&str> {
    let path = line.trim_start().strip_prefix('[')?;
    let path = path.strip_prefix('[').unwrap_or(path);
    path.split(']').next().map(str::trim).filter(|path| !path.is_empty())
}

/// Lines with the places where they begin.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split_inclusive('\n').scan(0, |next, line| {
        let start = *next;
        *next += line.len();
        Some((start, line.trim_end_matches('\n')))
    })
}
