//! Figures and the table they end in.

use std::fmt;

/// What has been measured.
#[derive(Debug, Default)]
pub(crate) struct Report(Vec<Row>);

/// One line of the table.
#[derive(Debug)]
pub(crate) struct Row {
    /// What was measured.
    pub(crate) what: &'static str,
    /// What we want.
    pub(crate) target: String,
    /// What came out.
    pub(crate) reached: String,
    /// What the bare shape reached in the same run, and the share of it.
    pub(crate) yardstick: String,
}

impl Report {
    /// Adds a line, and shows it at once.
    pub(crate) fn add(&mut self, row: Row) {
        eprintln!("{}: {} (target {}; {})", row.what, row.reached, row.target, row.yardstick);
        self.0.push(row);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        writeln!(f, "Measured on {cores} cores; medians.\n")?;
        writeln!(f, "| what | target | reached | beside it, in the same run |")?;
        writeln!(f, "|---|---|---|---|")?;
        for Row { what, target, reached, yardstick } in &self.0 {
            writeln!(f, "| {what} | {target} | {reached} | {yardstick} |")?;
        }
        Ok(())
    }
}

/// The middle one.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// `1.23 M`, `456 k`
pub(crate) fn rate(per_second: f64) -> String {
    if per_second >= 1e6 {
        format!("{:.2} M", per_second / 1e6)
    } else {
        format!("{:.0} k", per_second / 1e3)
    }
}
