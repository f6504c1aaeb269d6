//! A grid of characters with lines that know where they meet.

use crate::plain::add;
use crate::style;
use anstyle::Style;

/// Directions in which a line leaves a cell.
pub(super) const UP: u8 = 1;
/// Down.
pub(super) const DOWN: u8 = 2;
/// Left.
pub(super) const LEFT: u8 = 4;
/// Right.
pub(super) const RIGHT: u8 = 8;

#[derive(Debug, Clone, Copy, Default)]
struct Spot {
    /// Lines from here, by direction.
    lines: u8,
    /// Whose lines; 0: nobody's.
    net: usize,
    /// A character that was written.
    mark: Option<char>,
    /// How it looks.
    bold: bool,
}

/// The grid.
#[derive(Debug)]
pub(super) struct Canvas {
    width: usize,
    spots: Vec<Spot>,
}

impl Canvas {
    /// An empty grid of so many columns.
    pub(super) fn new(width: usize) -> Self {
        Self { width, spots: Vec::new() }
    }

    /// How many rows there are.
    pub(super) fn height(&self) -> usize {
        self.spots.len().checked_div(self.width).unwrap_or(0)
    }

    /// Adds empty rows at the bottom.
    pub(super) fn grow(&mut self, rows: usize) {
        self.spots.resize(self.spots.len() + rows * self.width, Spot::default());
    }

    /// Lets the lines of a net leave a spot in these directions. Where two nets cross, the vertical
    /// one is drawn through and the horizontal one passes beneath.
    pub(super) fn line(&mut self, (x, y): (usize, usize), directions: u8, net: usize) {
        let Some(spot) = self.spots.get_mut(y * self.width + x) else { return };
        if spot.net == 0 || spot.net == net {
            spot.lines |= directions;
            spot.net = net;
        } else if directions & (UP | DOWN) != 0 {
            spot.lines = directions;
            spot.net = net;
        }
    }

    /// A vertical line of a net from row `top` to row `bottom`, ends included.
    pub(super) fn vertical(&mut self, x: usize, (top, bottom): (usize, usize), net: usize) {
        for y in top..=bottom {
            let up = if y > top { UP } else { 0 };
            let down = if y < bottom { DOWN } else { 0 };
            self.line((x, y), up | down, net);
        }
    }

    /// A horizontal line of a net from column `left` to column `right`, ends included.
    pub(super) fn horizontal(&mut self, y: usize, (left, right): (usize, usize), net: usize) {
        for x in left..=right {
            let before = if x > left { LEFT } else { 0 };
            let after = if x < right { RIGHT } else { 0 };
            self.line((x, y), before | after, net);
        }
    }

    /// Writes text.
    pub(super) fn write(&mut self, (x, y): (usize, usize), text: &str, bold: bool) {
        for (offset, c) in text.chars().enumerate() {
            if let Some(spot) = self.spots.get_mut(y * self.width + x + offset) {
                *spot = Spot { lines: 0, net: 0, mark: Some(c), bold };
            }
        }
    }

    /// The picture: ids bold, lines dim.
    pub(super) fn render(&self) -> String {
        let mut out = String::new();
        for row in self.spots.chunks(self.width.max(1)) {
            let used = row.iter().rposition(|s| s.mark.is_some_and(|c| c != ' ') || s.lines != 0);
            let mut plain = Style::new();
            for spot in &row[..used.map_or(0, |last| last + 1)] {
                let c = spot.mark.unwrap_or_else(|| glyph(spot.lines));
                let look = match (c, spot.bold) {
                    (' ', _) => plain,
                    (_, true) => style::BOLD,
                    (_, false) => style::DIM,
                };
                if look != plain {
                    add(&mut out, format_args!("{plain:#}{look}"));
                    plain = look;
                }
                out.push(c);
            }
            add(&mut out, format_args!("{plain:#}\n"));
        }
        out
    }
}

fn glyph(lines: u8) -> char {
    const GLYPHS: [char; 16] =
        [' ', '│', '│', '│', '─', '╯', '╮', '┤', '─', '╰', '╭', '├', '─', '┴', '┬', '┼'];
    GLYPHS[usize::from(lines & 15)]
}
