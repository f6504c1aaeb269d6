//! What a handler may know about the attempt it serves.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::executor::Shared;
use super::handler::Rendered;
use super::log::StepLog;
use super::place::Place;
use super::secret::Masks;
use super::{Attempt, CancelSignal, StepError, StopReason};
use crate::clock::Timestamp;
use crate::id::RunId;

/// The attempt as its handler sees it. Cheap to clone; a clone may outlive the handler.
///
/// ```
/// use windlass::task::{StepContext, StepError};
///
/// async fn import(context: StepContext, rows: Vec<String>) -> Result<usize, StepError> {
///     for (done, row) in rows.iter().enumerate() {
///         if context.is_cancelled() {
///             return Err(StepError::new("stopped", "the import was stopped"));
///         }
///         context.log(format!("row {row}"));
///         context.progress(done + 1, rows.len());
///     }
///     Ok(rows.len())
/// }
/// ```
#[derive(Clone)]
pub struct StepContext(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    attempt: Attempt,
    /// What `idempotency_key` gave, or what was made of run, step and item when somebody asked.
    key: OnceLock<Box<str>>,
    masks: Masks,
    log: OnceLock<StepLog>,
}

impl StepContext {
    /// The run.
    pub fn run(&self) -> RunId {
        self.0.attempt.run
    }

    /// The workflow's name.
    pub fn workflow(&self) -> &str {
        self.0.attempt.plan.name.as_str()
    }

    /// The step's id.
    pub fn step(&self) -> &str {
        self.0.attempt.step().id.as_str()
    }

    /// The item's index, inside a fan-out.
    pub fn item(&self) -> Option<u32> {
        self.0.attempt.item()
    }

    /// Which try this is, from 1.
    pub fn attempt(&self) -> u32 {
        self.0.attempt.attempt
    }

    /// A number that rises with every call for this step or item. A store that remembers the
    /// highest it has seen can refuse a late call.
    pub fn fencing(&self) -> u64 {
        self.0.attempt.fencing
    }

    /// A key that is the same in every try of this step or item: the step's `idempotency_key`, or
    /// one made of run, step and item. Hand it to services that must not do the same thing twice.
    pub fn idempotency_key(&self) -> &str {
        let attempt = &self.0.attempt;
        self.0.key.get_or_init(|| default_key(attempt))
    }

    /// When the attempt was handed to its worker.
    pub fn started(&self) -> Timestamp {
        self.0.attempt.at
    }

    /// When the step's `timeout` ends this attempt.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.timeout().map(|timeout| self.0.attempt.at.after(timeout))
    }

    /// The step's `timeout`.
    pub fn timeout(&self) -> Option<Duration> {
        self.0.attempt.step().timeout
    }

    /// Whether the attempt is to stop: the run was cancelled, the time is up, the engine shuts down.
    ///
    /// A handler that has taken its context may go on for 5 s then to clean up, and at a shutdown for
    /// the time that [`Engine::shutdown`](crate::Engine::shutdown) gives; after that it is dropped at
    /// its next await. What it returns counts at a shutdown alone, and only if it is `Ok`.
    pub fn is_cancelled(&self) -> bool {
        self.0.attempt.cancel.is_set()
    }

    /// Waits until the attempt is to stop.
    ///
    /// ```
    /// # use windlass::task::{StepContext, StepError};
    /// async fn listen(context: StepContext) -> Result<(), StepError> {
    ///     let reason = context.cancelled().await;
    ///     Err(StepError::new("stopped", format!("{reason:?}")))
    /// }
    /// ```
    pub async fn cancelled(&self) -> StopReason {
        self.0.attempt.cancel.wait().await
    }

    /// The signal behind [`StepContext::cancelled`].
    pub fn cancel_signal(&self) -> &CancelSignal {
        &self.0.attempt.cancel
    }

    /// Adds a line to the step's log.
    pub fn log(&self, line: impl fmt::Display) {
        let line = format!("{line}\n");
        self.step_log().write(&self.0.masks.apply(line.as_bytes()));
    }

    /// Adds a line to the step's log that tells how far the work has come.
    pub fn progress(&self, done: usize, total: usize) {
        self.log(format_args!("progress {done}/{total}"));
    }

    /// The work folder, made if need be: the item's own inside a fan-out, else the run's.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn work_folder(&self) -> Result<std::path::PathBuf, StepError> {
        Ok(Place::prepare(&self.0.attempt, &self.0.shared.scratch)?.work)
    }

    pub(super) fn new(shared: Arc<Shared>, attempt: Attempt, rendered: Rendered) -> Self {
        let key = rendered.key.map_or_else(OnceLock::new, OnceLock::from);
        let (masks, log) = (rendered.masks, OnceLock::new());
        attempt.cancel.hear();
        Self(Arc::new(Inner { shared, attempt, key, masks, log }))
    }

    fn step_log(&self) -> &StepLog {
        let inner = &self.0;
        inner.log.get_or_init(|| inner.shared.step_log(&inner.attempt))
    }
}

impl fmt::Debug for StepContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StepContext")
            .field("run", &self.run())
            .field("step", &self.step())
            .field("item", &self.item())
            .field("attempt", &self.attempt())
            .field("fencing", &self.fencing())
            .finish_non_exhaustive()
    }
}

/// `run/step`, `run/step/item`; inside a body `run/fan-out/step/item`.
pub(crate) fn default_key(attempt: &Attempt) -> Box<str> {
    let name = super::log_name(&attempt.plan, attempt.unit.node, &attempt.items);
    format!("{}/{}", attempt.run, name.replace('.', "/")).into()
}
