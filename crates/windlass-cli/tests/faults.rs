//! Faults of the first version as tests of the command: `tests/faults.rs` of the library says how
//! they are kept, and its `ledger` holds the ignored ones here too.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[expect(dead_code, reason = "other tests of the command use the rest")]
#[path = "cli/support.rs"]
mod support;

#[path = "faults/again.rs"]
mod again;
#[path = "faults/damage.rs"]
mod damage;
#[path = "faults/input.rs"]
mod input;
#[path = "faults/limits.rs"]
mod limits;

use std::process::Command;

use support::{Answer, Place};

/// Calls the binary, which must end by itself.
fn bounded(place: &Place, arguments: &[&str]) -> Answer {
    let mut command = Command::new("timeout");
    command.args(["20", env!("CARGO_BIN_EXE_windlass")]).args(arguments);
    command.current_dir(place.path()).stdin(std::process::Stdio::null());
    command.env_remove("WINDLASS_DATA").env("TZ", "UTC").env("RUST_BACKTRACE", "0");
    let answer = Answer::of(&command.output().unwrap());
    assert_ne!(answer.code, 124, "`{}` hangs: {}", arguments.join(" "), answer.err);
    assert!(!answer.err.contains("panicked at"), "a panic is shown: {}", answer.err);
    answer
}
