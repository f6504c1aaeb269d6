//! The place of an expression in the file, and the names that it may use there.

use std::ops::Range;

use super::check::Check;
use super::steps::StepIndex;
use crate::definition::{Diagnostic, Span};
use crate::expression::CompileError;

/// Where expressions stand.
#[derive(Debug, Clone)]
pub(super) struct Site<'s> {
    /// For messages: ``step `a` ``.
    pub owner: &'s str,
    /// The step whose expressions these are.
    pub step: Option<StepIndex>,
    /// The value in the file.
    pub within: &'s Span,
    pub may: May,
}

/// Whether the names that are not known everywhere may be used at a place.
#[derive(Debug, Clone, Copy)]
pub(super) struct May {
    pub item: bool,
    pub secrets: bool,
}

/// Finds expressions in the text of a value, one after the other.
#[derive(Debug, Clone)]
pub(super) struct Cursor {
    at: usize,
    end: usize,
    within: Span,
}

/// How far behind the first key of a table its other keys are looked for, in bytes.
const TABLE_BYTES_MAX: usize = 256 * 1024;

impl Cursor {
    /// `is_table`: the span may be that of a table's first key.
    pub(super) fn new(text: &str, within: &Span, is_table: bool) -> Self {
        let mut end = within.end;
        if is_table {
            end = (end + TABLE_BYTES_MAX).min(text.len());
            while !text.is_char_boundary(end) {
                end -= 1;
            }
        }
        Self { at: within.start, end, within: within.clone() }
    }

    /// Where the next expression with this text begins; `None` where it is written with escapes.
    pub(super) fn next(&mut self, check: &mut Check<'_>, source: &str) -> Option<usize> {
        let found = check.find(source, self.at..self.end)?;
        self.at = found + source.len();
        Some(found)
    }

    /// A place inside of an expression; the whole value, where the expression was not found.
    pub(super) fn place(&self, base: Option<usize>, offset: &Range<usize>) -> Span {
        match base {
            Some(base) => base + offset.start..base + offset.end,
            None => self.within.clone(),
        }
    }
}

/// Reports expressions that are wrong.
pub(super) fn refuse(
    check: &mut Check<'_>,
    site: &Site<'_>,
    mut cursor: Cursor,
    errors: Vec<CompileError>,
) {
    for error in errors {
        let base = cursor.next(check, &error.source);
        let span = cursor.place(base, &error.offset);
        let told = format!("{}: {}", site.owner, error.message);
        let mut problem = Diagnostic::error("bad-expression", told, span).label("here");
        problem.help = error.help;
        check.report(problem);
    }
}
