//! The problems found so far.

use std::collections::HashSet;
use std::ops::Range;

use crate::definition::{Diagnostic, SUGGESTIONS_MAX, nearest};

/// The most problems that are told.
const PROBLEMS_MAX: usize = 1_000;

/// How far an expression is looked for in vain, in bytes, in all of a file: one that is written with
/// escapes does not stand there as it is read.
const SEARCHED_BYTES_MAX: usize = 16 << 20;

/// Collects problems while a definition is checked.
pub(super) struct Check<'t> {
    /// The file.
    pub text: &'t str,
    found: Vec<Diagnostic>,
    /// A problem of a default that many steps have is told once.
    seen: HashSet<(usize, usize, String)>,
    hidden: usize,
    suggestions: usize,
    /// Bytes that were searched in vain.
    searched: usize,
}

impl<'t> Check<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let (found, seen) = (Vec::new(), HashSet::new());
        Self { text, found, seen, hidden: 0, suggestions: 0, searched: 0 }
    }

    /// Adds a problem.
    pub(super) fn report(&mut self, problem: Diagnostic) {
        if self.found.len() >= PROBLEMS_MAX {
            self.hidden += 1;
            return;
        }
        let key = (problem.span.start, problem.span.end, problem.message.clone());
        if self.seen.insert(key) {
            self.found.push(problem);
        }
    }

    /// Whether there is time to look for a similar name.
    pub(super) fn suggests(&mut self) -> bool {
        self.suggestions += 1;
        self.suggestions <= SUGGESTIONS_MAX
    }

    /// Where a text stands within a part of the file; `None` too when too much was searched in vain.
    pub(super) fn find(&mut self, text: &str, within: Range<usize>) -> Option<usize> {
        if self.searched > SEARCHED_BYTES_MAX {
            return None;
        }
        let place = self.text.get(within.clone())?.find(text);
        if place.is_none() {
            self.searched += within.len();
        }
        Some(within.start + place?)
    }

    /// All problems in the order of the file.
    pub(super) fn into_sorted(mut self) -> Vec<Diagnostic> {
        sort(&mut self.found);
        if self.hidden > 0 {
            let last = self.found.last().map_or(0..0, |problem| problem.span.clone());
            let told = format!("{} more problems are not shown", self.hidden);
            self.found.push(
                Diagnostic::error("too-many-problems", told, last)
                    .label("the last one that is shown")
                    .help("mend these first"),
            );
        }
        self.found
    }
}

/// Puts problems in the order of the file; that there are more comes last.
pub(super) fn sort(problems: &mut [Diagnostic]) {
    let key = |problem: &Diagnostic| {
        let is_rest = problem.code == "too-many-problems";
        (is_rest, problem.span.start, problem.span.end, problem.code)
    };
    problems.sort_by(|a, b| key(a).cmp(&key(b)));
}

/// A help that names the known word that is most like `word`.
pub(super) fn suggestion<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<String> {
    nearest(word, known).map(|near| format!("did you mean `{near}`?"))
}
