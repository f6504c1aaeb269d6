//! The yardstick alone: `cargo bench --bench yardstick`.
#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
#![expect(clippy::print_stdout, reason = "the result of a benchmark")]

mod prototype;

use prototype::{CHAIN_STEPS, Load, lone_commits, measure};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let load = Load { runs: 100_000, in_flight: 2_000, payload: 100 };
    for round in 1..=5 {
        let folder = tempfile::tempdir().unwrap();
        let steps = f64::from(load.runs * CHAIN_STEPS);
        let memory = steps / measure(load, None).as_secs_f64();
        let durable = steps / measure(load, Some(folder.path())).as_secs_f64();
        let commit = lone_commits(folder.path(), 1, 100).as_secs_f64() * 1e3;
        println!(
            "round {round}: in memory {memory:.0} steps/s, durable {durable:.0} steps/s, \
             a lone commit {commit:.2} ms"
        );
    }
}
