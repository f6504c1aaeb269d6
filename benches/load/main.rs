//! The load program: everything that docs/performance.md says, measured in one run. `just load`.
//!
//! Each figure that has a yardstick is measured in turns with it, so that a noisy neighbour meets both.
//! Arguments: `quick` takes one round of small loads: a first look, not a result. The name of a part,
//! or the beginning of one (`in-flight`, `in-flight-durable-1000`), measures that one alone. `compare
//! PROGRAM` measures in turns with the load program of another build, and prints both.
#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the result of a benchmark")]

mod chain;
mod child;
mod compare;
mod history;
mod payload;
mod process;
#[path = "../yardstick/prototype.rs"]
mod prototype;
mod report;
mod scale;
mod wide;

use report::{Figure, Report, Row, Unit, median};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How much is measured, and how often.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    /// Rounds of each figure; the median counts.
    pub(crate) rounds: usize,
    /// Divides the loads.
    pub(crate) share: u32,
}

/// A part of the table, by its name.
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) measure: Measure,
}

type Measure = Box<dyn Fn(Effort, &mut Report)>;

impl Part {
    pub(crate) fn new(name: &str, measure: impl Fn(Effort, &mut Report) + 'static) -> Self {
        Self { name: name.to_owned(), measure: Box::new(measure) }
    }
}

/// All parts, in the order of the table.
fn parts() -> Vec<Part> {
    let mut parts = vec![
        Part::new("memory-chain", chain::in_memory),
        Part::new("durable-chain", chain::durable),
        Part::new("fan-out", chain::fan_out),
        Part::new("latency", chain::latency),
        Part::new("graph", wide::graph),
        Part::new("memory", process::memory),
        Part::new("recovery", process::recovery),
        Part::new("command", process::command),
    ];
    parts.extend(scale::in_flight());
    parts.extend(scale::width());
    parts.extend(payload::parts());
    parts.push(Part::new("history", history::measure));
    parts
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let mut words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["child", name, folder] = words[..] {
        return child::play(name, folder.as_ref());
    }
    let (mut quick, mut tell, mut other) = (false, false, None);
    let mut names = Vec::new();
    words.reverse();
    while let Some(word) = words.pop() {
        match word {
            "quick" => quick = true,
            // One round of each figure, as lines for the process that compares.
            "tell" => tell = true,
            "compare" => other = words.pop(),
            name => names.push(name),
        }
    }
    let parts = parts();
    let exact = |name: &str| parts.iter().any(|part| part.name == name);
    // The whole name of a part, or the beginning of several.
    let means = |name: &str, part: &Part| {
        if exact(name) { part.name == name } else { part.name.starts_with(name) }
    };
    if !names.iter().all(|name| parts.iter().any(|part| means(name, part))) {
        let known: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
        eprintln!("usage: just load [quick] [PART]...; the parts are {}", known.join(" "));
        std::process::exit(2);
    }
    let chosen =
        parts.iter().filter(|part| names.is_empty() || names.iter().any(|name| means(name, part)));
    if let Some(other) = other {
        return compare::compare(other.as_ref(), chosen, quick);
    }
    let share = if quick { 20 } else { 1 };
    let rounds = if quick || tell { 1 } else { 5 };
    let mut report = Report::default();
    for part in chosen {
        (part.measure)(Effort { rounds, share }, &mut report);
    }
    if tell {
        report.rows().iter().for_each(|row| println!("{}", row.told()));
    } else {
        println!("{report}");
    }
}
