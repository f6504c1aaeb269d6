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
    be_quiet_where_guarded();
    args::main().into()
}

/// A panic that the library catches and tells as damage is not printed as well.
fn be_quiet_where_guarded() {
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !windlass::is_guarded() {
            told(panic);
        }
    }));
}
