//! The load program: everything that docs/performance.md says, measured in one run. `just load`.
//!
//! Each figure that has a yardstick is measured in turns with it, so that a noisy neighbour meets both.
//! `quick` as an argument takes one round of small loads: a first look, not a result.
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

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["child", name, folder] => return child::play(name, folder.as_ref()),
        [] | ["quick"] => {}
        _ => {
            eprintln!("usage: just load [quick]");
            std::process::exit(2);
        }
    }
    let quick = words == ["quick"];
    let effort =
        if quick { Effort { rounds: 1, share: 20 } } else { Effort { rounds: 5, share: 1 } };
    let mut report = Report::default();
    chain::throughput(effort, &mut report);
    chain::fan_out(effort, &mut report);
    chain::latency(effort, &mut report);
    wide::graph(effort, &mut report);
    process::memory(effort, &mut report);
    process::recovery(effort, &mut report);
    process::command(effort, &mut report);
    println!("{report}");
}
