//! `-o lines`: one line for each thing that ends, for logs and pipes.

use crate::output;

use super::happened::Happened;
use super::words::{self, Detail};

/// Writes lines to standard error.
#[derive(Debug)]
pub(crate) struct Lines {
    /// How much is said.
    pub(crate) detail: Detail,
    /// Whether several runs are followed: then each line begins with its run.
    pub(crate) many: bool,
}

impl Lines {
    /// Writes its line.
    pub(crate) fn happened(&self, happened: &Happened) {
        let Some(line) = words::line(happened, self.detail) else { return };
        if self.many {
            let run = super::short(happened.run);
            output::note(&format!("{} {line}", crate::style::paint(crate::style::DIM, run)));
        } else {
            output::note(&line);
        }
    }
}
