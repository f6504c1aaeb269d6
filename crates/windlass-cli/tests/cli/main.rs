//! The real binary from the outside: what it prints, how it exits, what it leaves behind.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod check;
mod graph;
mod help;
mod new;
mod support;
