//! A run from the outside.

use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use super::Engine;
use crate::actors::shard::{Ended, Request};
use crate::error::Error;
use crate::id::RunId;
use crate::payload::Payload;
use crate::run::{Failure, RunState};
use crate::sync::{Mutex, lock};

/// A run that was accepted.
#[derive(Debug)]
pub struct RunHandle {
    engine: Engine,
    id: RunId,
    ended: Mutex<Option<oneshot::Receiver<Ended>>>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// `succeeded`, `failed` or `cancelled`.
    pub state: RunState,
    /// Its output; `null` unless it succeeded.
    pub output: Payload,
    /// Why it failed.
    pub failure: Option<Failure>,
}

impl RunHandle {
    pub(super) fn new(engine: Engine, id: RunId, ended: Option<oneshot::Receiver<Ended>>) -> Self {
        Self { engine, id, ended: Mutex::new(ended) }
    }

    /// The run's id.
    pub fn id(&self) -> RunId {
        self.id
    }

    /// Waits for the end of the run.
    ///
    /// # Errors
    /// Where the engine stops before. The run goes on at the next start on the same data folder.
    pub async fn wait(&self) -> Result<Outcome, Error> {
        loop {
            let waiting = lock(&self.ended).take();
            let waiting = match waiting {
                Some(waiting) => Some(waiting),
                None => self.engine.ask(self.id, |reply| Request::Watch(self.id, reply)).await?,
            };
            if let Some(waiting) = waiting {
                let ended = waiting.await.map_err(|_| self.engine.gone())?;
                return Ok(Outcome::of(ended));
            }
            if let Some((summary, run)) = self.engine.archived(self.id)? {
                let failure = run.failure().cloned();
                return Ok(Outcome {
                    state: summary.state,
                    output: run.output().cloned().unwrap_or_default(),
                    failure,
                });
            }
            if self.engine.shared().health.is_stopping() {
                return Err(self.engine.gone());
            }
            if self.engine.look(self.id).await?.is_none() {
                return Err(Error::UnknownRun(self.id));
            }
        }
    }

    /// Waits for the end of the run and reads its output.
    ///
    /// # Errors
    /// As [`RunHandle::wait`]; where the run did not succeed; where the output is no `T`.
    pub async fn output<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let outcome = self.wait().await?;
        if outcome.state != RunState::Succeeded {
            let failure = outcome.failure.map(|f| format!("{}: {}", f.class, f.message));
            return Err(Error::Ended { run: self.id, state: outcome.state.as_str(), failure });
        }
        let read = outcome.output.parse();
        read.map_err(|error| Error::Json { what: "the run's output", why: error.to_string() })
    }

    /// The state of the run now.
    ///
    /// # Errors
    /// Where the engine has stopped.
    pub async fn status(&self) -> Result<RunState, Error> {
        self.engine.summary(self.id).await.map(|summary| summary.state)
    }

    /// Ends the run; see [`Engine::cancel`].
    ///
    /// # Errors
    /// Where it has ended.
    pub async fn cancel(&self, reason: &str) -> Result<(), Error> {
        self.engine.cancel(self.id, reason).await
    }
}

impl Outcome {
    fn of(ended: Ended) -> Self {
        let failure = ended.failure.map(|failure| *failure);
        Self { state: ended.state, output: ended.output, failure }
    }
}
