//! Faults of the first version as tests, each by its kind: what must hold, over hard values and in
//! other places, at the level of the public API. `crates/windlass-cli/tests/faults` has those of
//! the command.
//!
//! A test of a fault that is not mended yet is ignored with the fault's number as the reason.
//! `faults/open.txt` lists these numbers, and `ledger` holds both against each other, so that a
//! mended fault leaves both. `just open-faults` runs the ignored tests.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "faults/ledger.rs"]
mod ledger;

#[path = "faults/child.rs"]
mod child;
#[path = "faults/support.rs"]
mod support;

#[path = "faults/answers.rs"]
mod answers;
#[path = "faults/deaths.rs"]
mod deaths;
#[path = "faults/delays.rs"]
mod delays;
#[path = "faults/evaluation.rs"]
mod evaluation;
#[path = "faults/folders.rs"]
mod folders;
#[path = "faults/joins.rs"]
mod joins;
#[path = "faults/keys.rs"]
mod keys;
#[path = "faults/log.rs"]
mod log;
#[path = "faults/order.rs"]
mod order;
#[path = "faults/queue.rs"]
mod queue;
#[path = "faults/restart.rs"]
mod restart;
#[path = "faults/retention.rs"]
mod retention;
#[path = "faults/rules.rs"]
mod rules;
#[path = "faults/shown.rs"]
mod shown;
#[path = "faults/spans.rs"]
mod spans;
#[path = "faults/stop.rs"]
mod stop;
#[path = "faults/stored.rs"]
mod stored;
#[path = "faults/values.rs"]
mod values;
#[path = "faults/volatile.rs"]
mod volatile;
