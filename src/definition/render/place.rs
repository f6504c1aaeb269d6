//! Byte offsets as lines and columns. Whatever span comes in, a place in the text comes out.

use std::ops::Range;

use crate::definition::Span;

/// A text and where its lines begin.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    pub(super) text: &'a str,
    starts: Vec<usize>,
}

/// A line and a column, both from 1; the column counts characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0).chain(ends.map(|(end, _)| end + 1)).collect();
        Self { text, starts }
    }

    /// The span moved onto the borders of characters inside the text.
    pub(super) fn inside(&self, span: &Span) -> Span {
        let start = self.border(span.start);
        start..self.border(span.end).max(start)
    }

    fn border(&self, place: usize) -> usize {
        let mut place = place.min(self.text.len());
        while !self.text.is_char_boundary(place) {
            place -= 1;
        }
        place
    }

    /// Which line, from 0, an offset lies in.
    pub(super) fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    /// The bytes of the lines `first..=last`, from 0, without the last line end.
    pub(super) fn range(&self, first: usize, last: usize) -> Range<usize> {
        let start = self.starts.get(first).copied().unwrap_or(self.text.len());
        let end = self.starts.get(last + 1).map_or(self.text.len(), |next| next - 1);
        start..end.max(start)
    }

    /// The place of an offset.
    pub(super) fn place(&self, offset: usize) -> Place {
        let offset = self.border(offset);
        let line = self.line(offset);
        let column = self.text[self.starts[line]..offset].chars().count();
        Place { line: line + 1, column: column + 1 }
    }
}
