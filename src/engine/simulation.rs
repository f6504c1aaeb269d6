//! Seeded simulation of shards over a journal: commits that come late, fail and recover, and a crash
//! at every commit, held against a model of what has landed.
//!
//! The shards, the recovery and all between them are the engine's own; the journal's disk, workers,
//! timers and operators are simulated, in one thread and without a runtime. What must hold: *what
//! was answered is there*, *what was shown is durable*, and every run comes to its end once faults
//! stop.
//!
//! `WINDLASS_SEEDS=100000 cargo test engine::simulation` runs more seeds than usual; a seed that fails
//! says its number, and `WINDLASS_SEED=7` runs that one alone. That the checks bite is shown by
//! planted faults: each must be found.

mod door;
mod fault;
mod ledger;
mod life;
mod operators;
mod outside;
mod port;
mod start;
mod store;
mod wishes;
mod workflows;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::journal::MemoryJournal;
use crate::journal::crash::CrashDisk;
use fault::Fault;
use store::Ground;
use world::World;

/// What must hold; the story of the seed ends where it does not.
macro_rules! ensure {
    ($holds:expr, $($told:tt)+) => {
        if !$holds {
            return Err(format!($($told)+));
        }
    };
}
use ensure;

type Checked = Result<(), String>;

/// How many seeds run if nothing else is said. Where nothing is optimised they take five times as
/// long.
const SEEDS: u64 = if cfg!(debug_assertions) { 500 } else { 2_000 };

/// As [`SEEDS`], over redb.
const SEEDS_ON_A_DISK: u64 = 40;

/// How many seeds may pass before a planted fault is found.
const SEEDS_TO_FIND_A_FAULT: u64 = 300;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|text| text.parse().ok())
}

/// Nothing is lost that has landed.
fn memory(_: u64) -> Ground {
    Ground::Memory(Arc::new(MemoryJournal::new()))
}

/// As files of redb; a crash takes the power with it.
fn disk(seed: u64) -> Ground {
    Ground::Disk(CrashDisk::new(seed))
}

/// Runs one seed; what did not hold, if anything.
fn simulate(seed: u64, ground: fn(u64) -> Ground, fault: Option<Fault>) -> Checked {
    let run = || World::new(seed, fault, ground)?.live();
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let told = panic.downcast_ref::<String>().cloned();
        let told = told.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(format!("panicked: {}", told.unwrap_or_else(|| "without a word".into())))
    })
}

/// The first seed that does not hold, over two threads.
fn first_found(
    seeds: u64,
    ground: fn(u64) -> Ground,
    fault: Option<Fault>,
) -> Option<(u64, String)> {
    let half = |first: u64| {
        let mut seeds = (first..seeds).step_by(2);
        seeds.find_map(|seed| Some((seed, simulate(seed, ground, fault).err()?)))
    };
    std::thread::scope(|scope| {
        let even = scope.spawn(|| half(0));
        let odd = half(1);
        even.join().unwrap().into_iter().chain(odd).min()
    })
}

/// Runs all seeds, or the one that is asked for.
fn check(seeds: u64, ground: fn(u64) -> Ground) {
    if let Some(seed) = number("WINDLASS_SEED") {
        return simulate(seed, ground, None).unwrap();
    }
    if let Some((seed, told)) = first_found(seeds, ground, None) {
        panic!("seed {seed}: {told}");
    }
}

#[test]
fn what_was_answered_is_there_and_what_was_shown_is_durable() {
    check(number("WINDLASS_SEEDS").unwrap_or(SEEDS), memory);
}

#[test]
fn so_it_is_over_redb_on_a_disk_whose_power_is_cut() {
    check(number("WINDLASS_SEEDS").map_or(SEEDS_ON_A_DISK, |seeds| seeds / 10), disk);
}

#[test]
fn every_planted_fault_is_found() {
    let found =
        Fault::ALL.map(|fault| (fault, first_found(SEEDS_TO_FIND_A_FAULT, memory, Some(fault))));
    for (fault, found) in &found {
        println!("{fault:?}: {found:?}");
    }
    let missed: Vec<_> =
        found.iter().filter(|(_, found)| found.is_none()).map(|(fault, _)| fault).collect();
    assert!(missed.is_empty(), "not found: {missed:?}");
}
