//! Problems as cargo draws them. The home of `annotate-snippets`.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::place::Lines;
use crate::definition::{Diagnostic, Severity, Span};

/// Lines longer than this are named and not drawn, in bytes.
const LINE_BYTES_MAX: usize = 2_000;

/// Places further apart than this are drawn apart, in lines.
const GAP_LINES_MAX: usize = 100;

/// One problem.
pub(super) fn draw(path: &str, lines: &Lines<'_>, problem: &Diagnostic, color: bool) -> String {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = level
        .primary_title(problem.message.as_str())
        .id(problem.code)
        .elements(Vec::<Snippet<'_, annotate_snippets::Annotation<'_>>>::new());
    for marks in gathered(lines, problem) {
        group = element(group, path, lines, &marks);
    }
    if let Some(help) = &problem.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let mut drawn = renderer.decor_style(DecorStyle::Ascii).render(&[group]);
    drawn.push_str("\n\n");
    drawn
}

/// A place with what stands beside it.
#[derive(Debug, Clone)]
struct Mark<'a> {
    span: Span,
    label: &'a str,
    primary: bool,
}

/// The places of a problem, near ones together; the group of the primary place is the first.
fn gathered<'a>(lines: &Lines<'_>, problem: &'a Diagnostic) -> Vec<Vec<Mark<'a>>> {
    let related = problem.related.iter().map(|(span, label)| (span, label.as_str(), false));
    let primary = std::iter::once((&problem.span, problem.label.as_str(), true));
    let mut marks: Vec<Mark<'a>> = primary
        .chain(related)
        .map(|(span, label, primary)| Mark { span: lines.inside(span), label, primary })
        .collect();
    marks.sort_by_key(|mark| mark.span.start);
    let mut groups: Vec<Vec<Mark<'a>>> = Vec::new();
    for mark in marks {
        let near = groups.last().and_then(|group| group.last()).is_some_and(|last| {
            lines.line(mark.span.start) <= lines.line(last.span.end) + GAP_LINES_MAX
        });
        match groups.last_mut().filter(|_| near) {
            Some(group) => group.push(mark),
            None => groups.push(vec![mark]),
        }
    }
    groups.sort_by_key(|group| !group.iter().any(|mark| mark.primary));
    groups
}

fn element<'a>(
    group: Group<'a>,
    path: &'a str,
    lines: &Lines<'a>,
    marks: &[Mark<'a>],
) -> Group<'a> {
    let first = marks.iter().map(|mark| lines.line(mark.span.start)).min().unwrap_or(0);
    let last = marks.iter().map(|mark| lines.line(mark.span.end)).max().unwrap_or(first);
    let range = lines.range(first, last);
    let longest = (first..=last).map(|line| lines.range(line, line).len()).max().unwrap_or(0);
    if longest > LINE_BYTES_MAX {
        let mark = marks.iter().find(|mark| mark.primary).or_else(|| marks.first());
        let place = lines.place(mark.map_or(0, |mark| mark.span.start));
        return group.element(Origin::path(path).line(place.line).char_column(place.column));
    }
    let snippet = Snippet::source(&lines.text[range.clone()]).line_start(first + 1).path(path);
    group.element(snippet.annotations(marks.iter().map(|mark| {
        let kind = if mark.primary { AnnotationKind::Primary } else { AnnotationKind::Context };
        let span = mark.span.start - range.start..(mark.span.end.min(range.end)) - range.start;
        let label = (!mark.label.is_empty()).then_some(mark.label);
        kind.span(span).label(label)
    })))
}
