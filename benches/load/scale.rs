//! How the rate depends on what is under way: runs in flight, and the width of a fan-out.

use crate::chain::{flood, flood_fan};
use crate::prototype::{CHAIN_STEPS, Load};
use crate::{Effort, Figure, Part, Report, Row, Unit, median};

/// Runs that are under way at once.
const IN_FLIGHT: [u32; 6] = [1, 10, 100, 1_000, 10_000, 100_000];

/// Items of a fan-out.
const WIDTHS: [u32; 5] = [10, 100, 1_000, 10_000, 100_000];

/// Of these rows so many rounds are enough.
const ROUNDS_MAX: usize = 3;

/// Chains of ten by the number of runs in flight.
pub(crate) fn in_flight() -> Vec<Part> {
    both(|durable| {
        IN_FLIGHT.map(|in_flight| {
            let name = format!("in-flight-{}-{in_flight}", place(durable));
            Part::new(&name, move |effort, report| one_chain(effort, report, in_flight, durable))
        })
    })
}

/// Fan-outs by the number of their items.
pub(crate) fn width() -> Vec<Part> {
    both(|durable| {
        WIDTHS.map(|width| {
            let name = format!("width-{}-{width}", place(durable));
            Part::new(&name, move |effort, report| one_width(effort, report, width, durable))
        })
    })
}

/// In memory first, then durable.
pub(crate) fn both<const N: usize>(parts: impl Fn(bool) -> [Part; N]) -> Vec<Part> {
    [false, true].into_iter().flat_map(parts).collect()
}

/// `memory` or `durable`
pub(crate) fn place(durable: bool) -> &'static str {
    if durable { "durable" } else { "memory" }
}

fn one_chain(effort: Effort, report: &mut Report, in_flight: u32, durable: bool) {
    // Alone a durable run takes milliseconds: fewer of them tell as much.
    let runs = match (in_flight, durable) {
        (1, true) => 200,
        (10, true) => 2_000,
        (100, true) => 10_000,
        (1, false) => 20_000,
        (_, true) => 60_000,
        (_, false) => 100_000,
    };
    let runs = (runs / effort.share).max(in_flight).max(20);
    let load = Load { runs, in_flight, payload: 100 };
    let steps = f64::from(runs) * f64::from(CHAIN_STEPS);
    let figures =
        rounds(effort, durable, |folder| steps / flood("chain", load, folder).as_secs_f64());
    report.add(Row {
        what: format!("chain of 10, {}, {} in flight", place(durable), thousands(in_flight)),
        target: "–".to_owned(),
        reached: Figure { value: median(figures), unit: Unit::StepsPerSecond },
        beside: format!("{} runs", thousands(runs)),
    });
}

fn one_width(effort: Effort, report: &mut Report, width: u32, durable: bool) {
    let runs = (400_000 / effort.share / width).max(1);
    let load = Load { runs, in_flight: 200.min(runs), payload: 10 };
    let steps = f64::from(runs) * f64::from(width + 2);
    let figures =
        rounds(effort, durable, |folder| steps / flood_fan(width, load, folder).as_secs_f64());
    report.add(Row {
        what: format!("fan-out of {}, {}", thousands(width), place(durable)),
        target: "–".to_owned(),
        reached: Figure { value: median(figures), unit: Unit::StepsPerSecond },
        beside: format!("{} runs, {} in flight", thousands(runs), load.in_flight),
    });
}

/// Measures a few times, each with a data folder of its own if there is to be one.
fn rounds(
    effort: Effort,
    durable: bool,
    measure: impl Fn(Option<&std::path::Path>) -> f64,
) -> Vec<f64> {
    let round = |_| {
        let folder = tempfile::tempdir().unwrap();
        measure(durable.then_some(folder.path()))
    };
    (0..effort.rounds.min(ROUNDS_MAX)).map(round).collect()
}

/// `100,000`
pub(crate) fn thousands(number: u32) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
