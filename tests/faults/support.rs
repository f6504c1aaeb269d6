//! A place for a data folder and for what handlers leave behind, and patience with an end.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use windlass::{DeadLetter, DeadLetterFilter, Engine, RunFilter, RunId, RunSummary};

/// Longer than anything here takes on a busy machine; what takes longer hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A folder that several engines and processes share, one after the other.
#[derive(Debug)]
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// The data folder.
    pub(crate) fn data(&self) -> PathBuf {
        data(self.path())
    }

    /// What handlers have marked, in order, whichever process they ran in.
    pub(crate) fn marks(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.path().join("marks")).unwrap_or_default();
        text.lines().map(ToOwned::to_owned).collect()
    }
}

/// The data folder of a place.
pub(crate) fn data(place: &Path) -> PathBuf {
    place.join("data")
}

/// Adds a mark, which outlives the process.
pub(crate) fn mark(place: &Path, line: impl std::fmt::Display) {
    let file = OpenOptions::new().append(true).create(true).open(place.join("marks"));
    file.unwrap().write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// Waits for a future that hangs where the fault is there.
#[track_caller]
pub(crate) fn within<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let caller = std::panic::Location::caller();
    async move {
        let ended = tokio::time::timeout(PATIENCE, future).await;
        ended.unwrap_or_else(|_| panic!("{caller}: it hangs"))
    }
}

/// Asks again and again until the answer is there.
#[track_caller]
pub(crate) fn until<T, F: Future<Output = Option<T>>>(
    mut ask: impl FnMut() -> F,
) -> impl Future<Output = T> {
    within(async move {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
}

/// All runs that an engine knows.
pub(crate) async fn runs(engine: &Engine) -> Vec<RunSummary> {
    let all = RunFilter { limit: 1_000_000, ..RunFilter::default() };
    engine.runs(&all).await.unwrap()
}

/// The dead letters of a run.
pub(crate) async fn letters(engine: &Engine, run: RunId) -> Vec<DeadLetter> {
    let filter = DeadLetterFilter { run: Some(run), ..DeadLetterFilter::default() };
    engine.dead_letters().list(&filter).await.unwrap()
}

/// A run by the text of its id.
pub(crate) fn id(text: &str) -> RunId {
    RunId::parse(text).unwrap()
}
