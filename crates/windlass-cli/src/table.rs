//! Columns of text, aligned. Styles take no room.

use anstream::adapter::strip_str;

use crate::style::{DIM, paint};

/// Rows under heads.
#[derive(Debug)]
pub(crate) struct Table<const COLUMNS: usize> {
    rows: Vec<[String; COLUMNS]>,
}

/// The room between two columns.
const GAP: usize = 2;

impl<const COLUMNS: usize> Table<COLUMNS> {
    /// A table with these heads.
    pub(crate) fn new(heads: [&str; COLUMNS]) -> Self {
        Self { rows: vec![heads.map(|head| paint(DIM, head))] }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: [String; COLUMNS]) {
        self.rows.push(cells);
    }

    /// The table as text, without blanks at the ends of lines.
    pub(crate) fn render(&self) -> String {
        let mut widths = [0; COLUMNS];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(chars(cell));
            }
        }
        let line = |row: &[String; COLUMNS]| {
            let mut line = String::new();
            let last = row.iter().rposition(|cell| chars(cell) > 0).unwrap_or(0);
            for (at, cell) in row.iter().enumerate().take(last + 1) {
                line.push_str(cell);
                if at < last {
                    line.push_str(&" ".repeat(widths[at] + GAP - chars(cell)));
                }
            }
            line + "\n"
        };
        self.rows.iter().map(line).collect()
    }
}

fn chars(cell: &str) -> usize {
    strip_str(cell).map(|part| part.chars().count()).sum()
}

#[cfg(test)]
mod tests {
    use super::Table;
    use crate::style::{BAD, paint};

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(["A", "LONG", "C"]);
        table.row(["wide cell".into(), paint(BAD, "x"), String::new()]);
        let plain = anstream::adapter::strip_str(&table.render()).to_string();
        assert_eq!(plain, "A          LONG  C\nwide cell  x\n");
    }
}
