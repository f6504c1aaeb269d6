//! Figures and the table they end in.

use std::fmt;

/// What has been measured.
#[derive(Debug, Default)]
pub(crate) struct Report(Vec<Row>);

/// One line of the table.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// What was measured.
    pub(crate) what: String,
    /// What we want.
    pub(crate) target: String,
    /// What came out.
    pub(crate) reached: Figure,
    /// What stands beside it: the bare shape in the same run and the share of it, or what the figure
    /// was made of.
    pub(crate) beside: String,
}

/// A number with its unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Figure {
    pub(crate) value: f64,
    pub(crate) unit: Unit,
}

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// More is better.
    StepsPerSecond,
    /// Megabytes; more is better.
    MegabytesPerSecond,
    /// Less is better.
    Seconds,
    /// Less is better.
    Bytes,
    /// How many times something; less is better.
    Times,
}

/// The units by the names that processes tell each other.
const UNITS: [(&str, Unit); 5] = [
    ("steps/s", Unit::StepsPerSecond),
    ("MB/s", Unit::MegabytesPerSecond),
    ("s", Unit::Seconds),
    ("B", Unit::Bytes),
    ("×", Unit::Times),
];

impl Report {
    /// Adds a line, and shows it at once.
    pub(crate) fn add(&mut self, row: Row) {
        eprintln!("{}: {} (target {}; {})", row.what, row.reached, row.target, row.beside);
        self.0.push(row);
    }

    /// The lines, in their order.
    pub(crate) fn rows(&self) -> &[Row] {
        &self.0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", machine())?;
        writeln!(f, "| what | target | reached | beside it, in the same run |")?;
        writeln!(f, "|---|---|---|---|")?;
        for Row { what, target, reached, beside } in &self.0 {
            writeln!(f, "| {what} | {target} | {reached} | {beside} |")?;
        }
        Ok(())
    }
}

/// What the figures were made on.
pub(crate) fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("Measured on {cores} cores; medians.")
}

impl Row {
    /// As one line for another process.
    pub(crate) fn told(&self) -> String {
        let name = self.reached.unit.name();
        format!("{}\t{}\t{:e}\t{name}\t{}", self.what, self.target, self.reached.value, self.beside)
    }

    /// Reads such a line; `None` where it is another one.
    pub(crate) fn heard(line: &str) -> Option<Self> {
        let [what, target, value, unit, beside] = line.split('\t').collect::<Vec<_>>()[..] else {
            return None;
        };
        let (_, unit) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
        Some(Self {
            what: what.to_owned(),
            target: target.to_owned(),
            reached: Figure { value: value.parse().ok()?, unit },
            beside: beside.to_owned(),
        })
    }
}

impl Unit {
    /// Whether a larger figure is a better one.
    pub(crate) fn grows(self) -> bool {
        matches!(self, Self::StepsPerSecond | Self::MegabytesPerSecond)
    }

    fn name(self) -> &'static str {
        UNITS.iter().find(|(_, unit)| *unit == self).map_or("", |(name, _)| name)
    }
}

/// `1.23 M steps/s`, `70 µs`, `874 B`
impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value;
        match self.unit {
            Unit::StepsPerSecond => write!(f, "{} steps/s", rate(value)),
            Unit::MegabytesPerSecond => write!(f, "{value:.0} MB/s"),
            Unit::Seconds if value < 1e-3 => write!(f, "{:.0} µs", value * 1e6),
            Unit::Seconds if value < 0.1 => write!(f, "{:.2} ms", value * 1e3),
            Unit::Seconds => write!(f, "{value:.2} s"),
            Unit::Bytes if value < 1e4 => write!(f, "{value:.0} B"),
            Unit::Bytes => write!(f, "{:.1} MB", value / 1e6),
            Unit::Times => write!(f, "{value:.2} ×"),
        }
    }
}

/// The middle one.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// `1.23 M`, `456 k`, `3.1 k`
pub(crate) fn rate(per_second: f64) -> String {
    if per_second >= 1e6 {
        format!("{:.2} M", per_second / 1e6)
    } else if per_second >= 1e5 {
        format!("{:.0} k", per_second / 1e3)
    } else {
        format!("{:.1} k", per_second / 1e3)
    }
}
