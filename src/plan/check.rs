//! The problems found so far.

use std::collections::HashSet;

use crate::definition::{Diagnostic, nearest};

/// The most problems that are told.
const PROBLEMS_MAX: usize = 1_000;

/// The most names for which something similar is looked for: with many wrong names among many right
/// ones, looking takes longer than everything else.
const SUGGESTIONS_MAX: usize = 50;

/// Collects problems while a definition is checked.
pub(super) struct Check<'t> {
    /// The file.
    pub text: &'t str,
    found: Vec<Diagnostic>,
    /// A problem of a default that many steps have is told once.
    seen: HashSet<(usize, usize, String)>,
    hidden: usize,
    suggestions: usize,
}

impl<'t> Check<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, found: Vec::new(), seen: HashSet::new(), hidden: 0, suggestions: 0 }
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

    /// Whether there is time to look for what was meant.
    pub(super) fn suggests(&mut self) -> bool {
        self.suggestions += 1;
        self.suggestions <= SUGGESTIONS_MAX
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

/// What `word` was probably meant to be, as a help.
pub(super) fn suggestion<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<String> {
    nearest(word, known).map(|near| format!("did you mean `{near}`?"))
}
