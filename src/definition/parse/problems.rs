//! The problems found so far, and the words that several of them share.

use std::cell::{Cell, RefCell};
use std::fmt::Write as _;

use crate::definition::{Diagnostic, Span};

/// The most problems that are told of one file.
pub(super) const PROBLEMS_MAX: usize = 1_000;

/// The most names for which something similar is looked for among names of the file: with many wrong
/// names among many right ones, looking takes longer than everything else.
pub(crate) const SUGGESTIONS_MAX: usize = 50;

/// Collects problems while a file is read.
#[derive(Debug, Default)]
pub(super) struct Problems {
    found: RefCell<Vec<Diagnostic>>,
    /// How many there are, those that are not told included.
    count: Cell<usize>,
    /// For how many names something similar was looked for.
    suggestions: Cell<usize>,
    /// The TOML itself is broken: what is missing may only have been lost.
    pub(super) broken: Cell<bool>,
}

impl Problems {
    /// Adds one.
    pub(super) fn report(&self, problem: Diagnostic) {
        self.count_one();
        if self.count.get() <= PROBLEMS_MAX {
            self.found.borrow_mut().push(problem);
        }
    }

    /// Counts one that is not told.
    pub(super) fn count_one(&self) {
        self.count.set(self.count.get() + 1);
    }

    /// Whether there is time to look for what was meant among names of the file.
    pub(super) fn suggests(&self) -> bool {
        self.suggestions.set(self.suggestions.get() + 1);
        self.suggestions.get() <= SUGGESTIONS_MAX
    }

    /// Whether further ones would only be counted.
    pub(super) fn is_full(&self) -> bool {
        self.count.get() > PROBLEMS_MAX
    }

    /// Adds one about something that is not there; in a broken file it may only have been lost.
    pub(super) fn report_missing(&self, problem: Diagnostic) {
        if !self.broken.get() {
            self.report(problem);
        }
    }

    /// All, in the order of the file.
    pub(super) fn into_sorted(self) -> Vec<Diagnostic> {
        let mut found = self.found.into_inner();
        found.sort_by(|a, b| {
            (a.span.start, a.span.end, a.code).cmp(&(b.span.start, b.span.end, b.code))
        });
        let hidden = self.count.get().saturating_sub(PROBLEMS_MAX);
        if hidden > 0 {
            let last = found.last().map_or(0..0, |problem| problem.span.clone());
            let told = format!("{hidden} more problems are not shown");
            found.push(
                Diagnostic::error("too-many-problems", told, last)
                    .label("the last one that is shown")
                    .help("mend these first"),
            );
        }
        found
    }
}

/// The candidate that `word` was probably meant to be.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let chars = word.chars().count();
    if chars > crate::id::NAME_CHARS_MAX {
        return None;
    }
    let limit = if chars <= 2 { 1 } else { (chars / 3).max(2) };
    candidates
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(word.len()) <= limit)
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= limit && *distance < candidate.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Like an edit distance, but a wrong case costs nothing.
fn distance(word: &str, candidate: &str) -> usize {
    if word.eq_ignore_ascii_case(candidate) {
        0
    } else {
        strsim::osa_distance(&word.to_ascii_lowercase(), &candidate.to_ascii_lowercase())
    }
}

/// `` `a`, `b` or `c` ``
pub(super) fn alternatives(names: &[&str]) -> String {
    let mut told = String::new();
    for (place, name) in names.iter().enumerate() {
        let before = match place {
            0 => "",
            _ if place + 1 == names.len() => " or ",
            _ => ", ",
        };
        write!(told, "{before}`{name}`").expect("invariant: a string takes every text");
    }
    told
}

/// A place of no length, at the start of the file.
pub(super) const START: Span = 0..0;
