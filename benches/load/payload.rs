//! Large payloads through a chain of ten: bytes a second, and what the process holds meanwhile.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::chain::flood;
use crate::child::resident;
use crate::process;
use crate::prototype::{CHAIN_STEPS, Load};
use crate::scale::{both, place};
use crate::{Effort, Figure, Part, Report, Row, Unit, median};

/// Bytes of a payload, and what they are called.
const SIZES: [(usize, &str); 5] =
    [(100, "100 B"), (1_000, "1 KB"), (10_000, "10 KB"), (100_000, "100 KB"), (1_000_000, "1 MB")];

/// The size whose memory is told.
const LARGEST: usize = 1_000_000;

/// How often the memory is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Runs that are under way at once.
const IN_FLIGHT: u32 = 200;

/// Of these rows so many rounds are enough.
const ROUNDS_MAX: usize = 3;

/// A part for each size, in memory and durable.
pub(crate) fn parts() -> Vec<Part> {
    both(|durable| {
        SIZES.map(|(bytes, called)| {
            let name = format!("payload-{}-{bytes}", place(durable));
            Part::new(&name, move |effort, report| {
                measure(effort, report, (bytes, called), durable);
            })
        })
    })
}

fn measure(effort: Effort, report: &mut Report, (bytes, called): (usize, &str), durable: bool) {
    let part = format!("payload-{}-{bytes}-{}", place(durable), effort.share);
    let (mut rates, mut held) = (Vec::new(), Vec::new());
    for _ in 0..effort.rounds.min(ROUNDS_MAX) {
        let folder = tempfile::tempdir().unwrap();
        let figures = process::play_both(&part, folder.path());
        rates.push(figures[0]);
        held.push(figures[1]);
    }
    let live = number(bytes) * f64::from(IN_FLIGHT);
    report.add(Row {
        what: format!("payload of {called} through a chain of 10, {}", place(durable)),
        target: "no knee".to_owned(),
        reached: Figure { value: median(rates), unit: Unit::MegabytesPerSecond },
        beside: format!("{IN_FLIGHT} in flight: {:.1} MB live", live / 1e6),
    });
    // Of smaller payloads the engine's own state and its buffers are most of what is held.
    if bytes == LARGEST {
        let held = median(held);
        report.add(Row {
            what: format!("resident memory beside live payload of {called}, {}", place(durable)),
            target: "≤ 2.5 × the live bytes".to_owned(),
            reached: Figure { value: held / live, unit: Unit::Times },
            beside: format!("{:.0} MB for {:.0} MB live", held / 1e6, live / 1e6),
        });
    }
}

/// Played by a child: megabytes a second, and bytes that the process holds meanwhile beyond what it
/// holds without work: the middle one of many looks.
pub(crate) fn play(part: &str, folder: &Path) -> [f64; 2] {
    let [_, place, bytes, share] = part.split('-').collect::<Vec<_>>()[..] else {
        panic!("no part `{part}`")
    };
    let (bytes, share): (usize, usize) = (bytes.parse().unwrap(), share.parse().unwrap());
    let runs = (200_000_000 / bytes / share).clamp(usize::try_from(IN_FLIGHT).unwrap(), 30_000);
    let load = Load { runs: u32::try_from(runs).unwrap(), in_flight: IN_FLIGHT, payload: bytes };
    let durable = place == "durable";
    // The process has run before it is measured: what it needs in any case is there.
    let small = Load { runs: 1_000, in_flight: IN_FLIGHT, payload: 100 };
    flood("chain", small, durable.then_some(folder.join("before").as_path()));
    let before = resident();
    let over = AtomicBool::new(false);
    let (took, held) = std::thread::scope(|scope| {
        let looks = scope.spawn(|| {
            let mut looks = vec![resident()];
            while !over.load(Ordering::Relaxed) {
                std::thread::sleep(LOOK_EVERY);
                looks.push(resident());
            }
            median(looks)
        });
        let took = flood("chain", load, durable.then_some(folder.join("data").as_path()));
        over.store(true, Ordering::Relaxed);
        (took, looks.join().unwrap())
    });
    let through = number(bytes) * f64::from(load.runs) * f64::from(CHAIN_STEPS);
    [through / 1e6 / took.as_secs_f64(), held - before]
}

fn number(bytes: usize) -> f64 {
    f64::from(u32::try_from(bytes).unwrap())
}
