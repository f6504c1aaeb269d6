//! The verbs, one file each.

pub(crate) mod cancel;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod db;
pub(crate) mod dlq;
pub(crate) mod explain;
pub(crate) mod graph;
pub(crate) mod logs;
pub(crate) mod new;
pub(crate) mod resume;
pub(crate) mod retry;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod show;
pub(crate) mod start;

use std::path::Path;

use windlass::journal::JournalError;

use crate::exit::Problem;

/// A verb that only reads makes no data folder.
pub(crate) fn must_exist(folder: &Path) -> Result<(), Problem> {
    if folder.is_dir() {
        return Ok(());
    }
    Err(Problem::missing(format!("there is no data folder {}", folder.display()))
        .help("go to where the runs were started, or name the folder with --data"))
}

impl From<JournalError> for Problem {
    fn from(error: JournalError) -> Self {
        Self::failed(error.to_string())
    }
}
