//! What of a run is shown while it goes on, in the words of the terminal.

use std::fmt;
use std::time::Duration;

use windlass::clock::Timestamp;
use windlass::id::RunId;
use windlass::run::RunState;

/// One thing that happened in a run.
#[derive(Debug, Clone)]
pub(crate) struct Happened {
    /// The run.
    pub(crate) run: RunId,
    /// When.
    pub(crate) at: Timestamp,
    /// What.
    pub(crate) what: What,
}

/// A step, or an item of a fan-out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    /// Where it stands: `files[3].fetch`.
    pub(crate) path: String,
    /// The ids of the path: `files.fetch`.
    pub(crate) step: String,
    /// The item of the innermost fan-out.
    pub(crate) item: Option<u32>,
}

impl Place {
    /// The place that a path names.
    pub(crate) fn of(path: &str) -> Self {
        let mut step = String::new();
        let mut item = None;
        for part in path.split('[') {
            match part.split_once(']') {
                Some((index, rest)) => {
                    item = index.parse().ok();
                    step.push_str(rest);
                }
                None => step.push_str(part),
            }
        }
        Self { path: path.to_owned(), step, item }
    }

    /// The name of its log: the ids and then the items, each after a dot.
    pub(crate) fn log_name(&self) -> String {
        let items = self.path.split('[').filter_map(|part| Some(part.split_once(']')?.0));
        items.fold(self.step.clone(), |name, item| format!("{name}.{item}"))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

/// An error, for people.
#[derive(Debug, Clone)]
pub(crate) struct Cause {
    /// Its class: `exit:3`, `timeout` …
    pub(crate) class: String,
    /// In words.
    pub(crate) message: String,
}

/// What happened.
#[derive(Debug, Clone)]
pub(crate) enum What {
    /// The run left `pending`.
    Began,
    /// An attempt runs.
    Started { place: Place, attempt: u32 },
    /// A `sleep` step waits.
    Waits { place: Place, until: Timestamp },
    /// The list of a fan-out is known.
    FannedOut { step: String, items: usize },
    /// Done.
    Succeeded { place: Place, attempts: u32, took: Duration },
    /// A try failed and there will be another.
    Retries { place: Place, attempt: u32, cause: Cause, due: Timestamp },
    /// Failed for good.
    Failed { place: Place, attempts: u32, took: Duration, cause: Cause, allowed: bool },
    /// Did not have to run.
    Skipped { place: Place, reason: String },
    /// A dependency did not allow it.
    Blocked { place: Place, by: String },
    /// Stopped, or not started any more.
    Cancelled { place: Place },
    /// A person must decide.
    Parked { place: Place },
    /// The engine stopped the attempt; it will run again.
    Interrupted { place: Place },
    /// The run came to its end.
    Ended { state: RunState, failure: Option<String> },
    /// Its end was asked for.
    Stops { reason: String },
}

impl What {
    /// The step or item that it is about.
    pub(crate) fn place(&self) -> Option<&Place> {
        match self {
            Self::Began | Self::FannedOut { .. } | Self::Ended { .. } | Self::Stops { .. } => None,
            Self::Started { place, .. }
            | Self::Waits { place, .. }
            | Self::Succeeded { place, .. }
            | Self::Retries { place, .. }
            | Self::Failed { place, .. }
            | Self::Skipped { place, .. }
            | Self::Blocked { place, .. }
            | Self::Cancelled { place }
            | Self::Parked { place }
            | Self::Interrupted { place } => Some(place),
        }
    }
}
