//! Following a run: what happens is shown as it happens, and at the end how it went.

pub(crate) mod course;
pub(crate) mod finish;
pub(crate) mod happened;
mod lines;
mod live;
pub(crate) mod ndjson;
pub(crate) mod report;
pub(crate) mod story;
pub(crate) mod teller;
pub(crate) mod view;
pub(crate) mod words;

use windlass::id::RunId;

/// The short form of a run's id: enough to name it.
pub(crate) fn short(run: RunId) -> String {
    run.to_string().chars().take(SHORT_CHARS).collect()
}

/// The time of a run's acceptance in milliseconds, as its id has it.
const SHORT_CHARS: usize = 13;
