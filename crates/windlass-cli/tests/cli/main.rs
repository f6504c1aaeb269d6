//! The real binary from the outside: what it prints, how it exits, what it leaves behind.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::too_many_lines, reason = "what is printed stands in the tests as it is printed")]

mod again;
mod check;
mod data;
mod disk;
mod dlq;
mod graph;
mod help;
mod new;
mod run;
mod signals;
mod support;
