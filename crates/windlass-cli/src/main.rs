//! The `windlass` command: run, check and look at workflows from the terminal.

mod args;
mod door;
mod exit;
mod filter;
mod follow;
mod graph;
mod inputs;
mod output;
mod plain;
mod runtime;
mod signals;
mod source;
mod style;
mod table;
mod trace;
mod verb;
mod when;

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    args::main().into()
}
