//! The load program: everything that docs/performance.md says, measured in one run. `just load`.
//!
//! Each figure that has a yardstick is measured in turns with it, so that a noisy neighbour meets both.
//! `quick` as an argument takes one round of small loads: a first look, not a result. The name of a
//! part (`memory-chain`, `durable-chain`, `fan-out`, `latency`, `graph`, `memory`, `recovery`,
//! `command`) measures that one alone.
#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the result of a benchmark")]

mod chain;
mod child;
mod process;
#[path = "../yardstick/prototype.rs"]
mod prototype;
mod report;
mod wide;

use report::{Report, Row, median};

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
type Part = (&'static str, fn(Effort, &mut Report));

const PARTS: [Part; 8] = [
    ("memory-chain", chain::in_memory),
    ("durable-chain", chain::durable),
    ("fan-out", chain::fan_out),
    ("latency", chain::latency),
    ("graph", wide::graph),
    ("memory", process::memory),
    ("recovery", process::recovery),
    ("command", process::command),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let mut words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["child", name, folder] = words[..] {
        return child::play(name, folder.as_ref());
    }
    let before = words.len();
    words.retain(|word| *word != "quick");
    let effort = if words.len() < before {
        Effort { rounds: 1, share: 20 }
    } else {
        Effort { rounds: 5, share: 1 }
    };
    if !words.iter().all(|word| PARTS.iter().any(|(name, _)| name == word)) {
        eprintln!("usage: just load [quick] [{}]...", PARTS.map(|(name, _)| name).join(" | "));
        std::process::exit(2);
    }
    let mut report = Report::default();
    for (name, measure) in PARTS {
        if words.is_empty() || words.contains(&name) {
            measure(effort, &mut report);
        }
    }
    println!("{report}");
}
