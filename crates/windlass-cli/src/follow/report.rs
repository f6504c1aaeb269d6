//! How a run stands or ended, in numbers and reasons.

use std::fmt;
use std::time::Duration;

use windlass::run::RunState;

use super::happened::{Cause, Place};

/// A run to tell about.
#[derive(Debug)]
pub(crate) struct Report {
    /// Its state.
    pub(crate) state: RunState,
    /// From its acceptance to its end, or until now.
    pub(crate) took: Duration,
    /// How many steps came to what.
    pub(crate) counts: Counts,
    /// Why the run failed as a whole.
    pub(crate) failure: Option<Cause>,
    /// The steps and items that failed.
    pub(crate) failures: Vec<FailedPlace>,
    /// Steps that could not run, and which one did not let them.
    pub(crate) blocked: Vec<(String, String)>,
    /// Commands to go on with.
    pub(crate) next: Vec<String>,
}

/// A step or item that failed.
#[derive(Debug)]
pub(crate) struct FailedPlace {
    /// Its id, with the item.
    pub(crate) place: Place,
    /// Why.
    pub(crate) cause: Cause,
    /// How many tries there were.
    pub(crate) attempts: u32,
    /// Whether the run goes on.
    pub(crate) allowed: bool,
    /// The last lines of its output.
    pub(crate) log: Vec<String>,
}

/// How many steps came to what.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Counts {
    /// Done.
    pub(crate) ok: usize,
    /// Failed for good.
    pub(crate) failed: usize,
    /// Failed, and allowed to.
    pub(crate) allowed: usize,
    /// Did not have to run.
    pub(crate) skipped: usize,
    /// Could not run.
    pub(crate) blocked: usize,
    /// Stopped.
    pub(crate) cancelled: usize,
    /// Everything else.
    pub(crate) open: usize,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (self.ok, "ok"),
            (self.failed, "failed → dead letter"),
            (self.allowed, "failed (allowed)"),
            (self.skipped, "skipped"),
            (self.blocked, "blocked"),
            (self.cancelled, "cancelled"),
            (self.open, "not finished"),
        ];
        let said: Vec<String> = parts
            .iter()
            .enumerate()
            .filter(|(at, (number, _))| *at == 0 || *number > 0)
            .map(|(_, (number, what))| format!("{number} {what}"))
            .collect();
        f.write_str(&said.join(", "))
    }
}
