//! The public door: build an engine, start runs, wait for them, look at them, operate them.

mod builder;
mod dead_letters;
mod eager;
mod events;
mod handle;
mod launch;
mod limits;
mod recovery;
#[cfg(test)]
mod simulation;
mod start;
mod stats;
mod victim;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::oneshot;

pub use self::builder::{EngineBuilder, QueueBuilder, Resume};
pub use self::dead_letters::DeadLetters;
pub use self::eager::Eager;
pub use self::events::{EVENTS_BEHIND_MAX, EngineEvent, EventKind, Events};
pub use self::handle::{Outcome, RunHandle};
pub use self::limits::{
    IDEMPOTENCY_KEY_BYTES_MAX, PRIORITY_RANGE, REASON_BYTES_MAX, TAG_NAME_BYTES_MAX,
    TAG_VALUE_BYTES_MAX, TAGS_MAX,
};
pub use self::start::Start;
pub use self::stats::{QueueStats, Stats};
pub use self::victim::Victim;

use crate::actors::retention::Sweeper;
use crate::actors::shard::{Look, Request};
use crate::actors::shared::Shared;
use crate::actors::supervisor::Supervisor;
use crate::actors::watchdog::Watchdog;
use crate::error::Error;
use crate::id::RunId;
use crate::journal::{Damage, RunFilter};
use crate::plan::Plan;
use crate::run::{RetryFrom, Run, RunHistory, RunSummary};
use crate::stored;
use crate::task::{list_logs, read_log};

/// A workflow engine in this process. Cheap to clone; all clones are the same engine.
///
/// See [`Engine::builder`]. An engine whose last clone is dropped stops without waiting for what
/// runs; [`Engine::shutdown`] waits.
#[derive(Debug, Clone)]
pub struct Engine(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    supervisor: Supervisor,
    damage: Vec<Damage>,
    _watchdog: Watchdog,
    _sweeper: Sweeper,
}

/// Where a retry of a finished run begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum From {
    /// At what failed, was blocked or cancelled; what succeeded stays.
    Failed,
    /// At the start.
    Start,
    /// At this step; all that depends on it runs again.
    Step(String),
}

impl Engine {
    /// An engine to be configured.
    pub fn builder() -> EngineBuilder {
        EngineBuilder::default()
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    /// A run of the workflow with this name, accepted once the result is awaited.
    ///
    /// Under durability `strict` the run is durable then.
    ///
    /// # Errors
    /// When awaited: an unknown workflow, an input that does not fit, a full queue, a key that is
    /// taken, an engine that is not well. Nothing was accepted then.
    pub fn run<'a>(&'a self, workflow: &'a str, input: impl Serialize) -> Start<'a> {
        Start::new(self, workflow, &input)
    }

    /// As [`Engine::run`], to begin after a while. The wait is durable.
    pub fn start_later<'a>(
        &'a self,
        workflow: &'a str,
        input: impl Serialize,
        after: Duration,
    ) -> Start<'a> {
        self.run(workflow, input).after(after)
    }

    /// The handle of a run that was started before, maybe by another process.
    ///
    /// # Errors
    /// Where there is no such run.
    pub async fn attach(&self, id: RunId) -> Result<RunHandle, Error> {
        let ended = self.ask(id, |reply| Request::Watch(id, reply)).await?;
        if ended.is_none() && self.archived(id)?.is_none() {
            return Err(Error::UnknownRun(id));
        }
        Ok(RunHandle::new(self.clone(), id, ended))
    }

    /// Runs that fit, newest first: those in memory and those in the archive.
    ///
    /// # Errors
    /// Where the archive cannot be read.
    pub async fn runs(&self, filter: &RunFilter) -> Result<Vec<RunSummary>, Error> {
        let mut runs = self.shared().journal.list(filter)?;
        let mut live = Vec::new();
        for shard in &self.shared().shards {
            let (reply, answer) = oneshot::channel();
            shard.send(Request::Summaries(reply));
            live.extend(answer.await.map_err(|_| self.gone())?);
        }
        // What is in memory is newer than what the archive has of the same run.
        let here: HashSet<RunId> = live.iter().map(|run| run.id).collect();
        runs.retain(|run| !here.contains(&run.id));
        runs.extend(live.into_iter().filter(|run| filter.fits(run)));
        runs.sort_unstable_by_key(|run| std::cmp::Reverse(run.id));
        runs.truncate(filter.limit());
        Ok(runs)
    }

    /// A run in one line.
    ///
    /// # Errors
    /// Where there is no such run.
    pub async fn summary(&self, id: RunId) -> Result<RunSummary, Error> {
        if let Some(look) = self.look(id).await? {
            return Ok(look.summary);
        }
        if let Some((summary, _)) = self.archived(id)? {
            return Ok(summary);
        }
        let damaged = self.shared().journal.damaged_run(id)?;
        damaged.map(|damaged| damaged.summary()).ok_or(Error::UnknownRun(id))
    }

    /// All that is known of a run: steps, items, attempts, times, reasons.
    ///
    /// # Errors
    /// Where there is no such run, or its entry is damaged.
    pub async fn history(&self, id: RunId) -> Result<RunHistory, Error> {
        if let Some(look) = self.look(id).await? {
            return Ok(look.history);
        }
        let Some((summary, run)) = self.archived(id)? else {
            return Err(match self.shared().journal.damaged_run(id)? {
                Some(damaged) => {
                    Error::Refused(format!("run {id} is set aside: {}", damaged.reason))
                }
                None => Error::UnknownRun(id),
            });
        };
        let workflow = self.shared().workflow_of(summary.definition);
        let workflow = workflow.map_err(|why| Error::Refused(format!("run {id}: {why}")))?;
        Ok(run.history(&workflow.plan))
    }

    /// The plan that a run keeps.
    ///
    /// # Errors
    /// Where there is no such run.
    pub async fn plan_of(&self, id: RunId) -> Result<Arc<Plan>, Error> {
        let summary = self.summary(id).await?;
        let workflow = self.shared().workflow_of(summary.definition);
        let workflow = workflow.map_err(|why| Error::Refused(format!("run {id}: {why}")))?;
        Ok(Arc::clone(&workflow.plan))
    }

    /// Lets a run go on that was left as it is at the start ([`Resume::Nothing`], [`Resume::Only`]).
    /// What was running when its process ended counts as interrupted by that. Nothing changes for a
    /// run that is under way.
    ///
    /// # Errors
    /// Where it has ended, or there is no such run.
    pub async fn resume(&self, id: RunId) -> Result<RunHandle, Error> {
        let answer = self.ask(id, |answer| Request::Resume(id, answer)).await?;
        answer.map_err(Error::Refused)?;
        self.attach(id).await
    }

    /// Ends a run: nothing more of it starts, what runs is stopped.
    ///
    /// # Errors
    /// Where it has ended, or does not exist, or the reason is longer than [`REASON_BYTES_MAX`].
    pub async fn cancel(&self, id: RunId, reason: &str) -> Result<(), Error> {
        limits::reason(reason)?;
        let answer = self.ask(id, |answer| Request::Cancel(id, reason.into(), answer)).await?;
        answer.map_err(Error::Refused)
    }

    /// Runs a finished run again, as the same run.
    ///
    /// # Errors
    /// Where it has not ended, or nothing of it failed ([`From::Failed`]), or there is no such run or
    /// step.
    pub async fn retry(&self, id: RunId, from: From) -> Result<RunHandle, Error> {
        let from = match from {
            From::Failed => RetryFrom::Failed,
            From::Start => RetryFrom::Start,
            From::Step(step) => {
                let plan = self.plan_of(id).await?;
                let node = plan.find(&step);
                RetryFrom::Step(node.ok_or_else(|| {
                    Error::Refused(format!("workflow `{}` has no step `{step}`", plan.name))
                })?)
            }
        };
        let answer = self.ask(id, |answer| Request::Retry(id, from, answer)).await?;
        answer.map_err(Error::Refused)?;
        self.attach(id).await
    }

    /// The dead letters of all queues.
    pub fn dead_letters(&self) -> DeadLetters<'_> {
        DeadLetters::new(self)
    }

    /// What happens from now on, as far as it is durable.
    pub fn events(&self) -> Events {
        Events::new(self.shared().hub.listen())
    }

    /// What the commands and handlers of a run have printed: each step's log by name, in the order
    /// of names. An engine without a data folder keeps the last 8 MiB of all runs.
    ///
    /// # Errors
    /// Where a log cannot be read.
    pub fn log(&self, id: RunId, step: Option<&str>) -> Result<Vec<(String, String)>, Error> {
        let executor = &self.shared().executor;
        let Some(folder) = self.shared().run_folder(id) else {
            let names = executor.memory_logs(id).into_iter().filter(|name| is_log_of(name, step));
            return Ok(names.map(|name| (name.clone(), executor.memory_log(id, &name))).collect());
        };
        let unreadable = |error: std::io::Error| Error::File {
            path: folder.display().to_string(),
            why: error.to_string(),
        };
        let names = list_logs(&folder).map_err(unreadable)?;
        let names = names.into_iter().filter(|name| is_log_of(name, step));
        names
            .map(|name| Ok((name.clone(), read_log(&folder, &name).map_err(unreadable)?)))
            .collect()
    }

    /// Counts, depths and ages.
    ///
    /// # Errors
    /// Where the engine has stopped.
    pub async fn stats(&self) -> Result<Stats, Error> {
        Stats::gather(self).await
    }

    /// Why no new work is taken for now, if so: the journal is not well, or the engine has stopped.
    pub fn refusing(&self) -> Option<String> {
        self.shared().health.refusal()
    }

    /// The workflows that can be started.
    pub fn workflows(&self) -> Vec<Arc<Plan>> {
        let workflows = crate::sync::read(&self.shared().workflows);
        let mut plans: Vec<_> =
            workflows.by_name.values().map(|workflow| Arc::clone(&workflow.plan)).collect();
        plans.sort_by(|a, b| a.name.cmp(&b.name));
        plans
    }

    /// What the journal could not read when the engine started: these runs are set aside.
    pub fn damage(&self) -> &[Damage] {
        &self.0.damage
    }

    /// Stops: nothing new is accepted or started, handlers are told
    /// ([`StepContext::cancelled`](crate::StepContext::cancelled)), what ends well within `grace` is
    /// kept, the rest is stopped without counting, everything is made durable. Runs that have not
    /// ended go on at the next start on the same data folder.
    ///
    /// # Errors
    /// Where the journal could not make everything durable.
    pub async fn shutdown(&self, grace: Duration) -> Result<(), Error> {
        let shared = self.shared();
        shared.stop("it is shutting down");
        shared.tell_attempts();
        let ended = tokio::time::timeout(grace, self.idle()).await;
        if ended.is_err() {
            shared.stop_attempts();
            drop(tokio::time::timeout(STOP_WITHIN, self.idle()).await);
        }
        let flushed = tokio::time::timeout(FLUSH_WITHIN, self.shared().flush()).await;
        self.0.supervisor.stop().await;
        shared.abandon();
        shared.hub.close();
        shared.journal.close();
        flushed.map_err(|_| Error::Late { what: "making everything durable", within: FLUSH_WITHIN })
    }

    /// Waits until no attempt is under way.
    async fn idle(&self) {
        for queue in &self.shared().queues {
            loop {
                let told = queue.idle.notified();
                if queue.begun() == 0 {
                    break;
                }
                told.await;
            }
        }
    }

    async fn look(&self, id: RunId) -> Result<Option<Box<Look>>, Error> {
        self.ask(id, |reply| Request::Look(id, reply)).await
    }

    fn archived(&self, id: RunId) -> Result<Option<(RunSummary, Run)>, Error> {
        let Some((summary, state)) = self.shared().journal.archived(id)? else { return Ok(None) };
        let run = stored::decode_run(&state)
            .map_err(|error| Error::Refused(format!("the archived run {id}: {error}")))?;
        Ok(Some((summary, run)))
    }

    /// Asks the shard that owns the run.
    pub(crate) async fn ask<T>(
        &self,
        run: RunId,
        request: impl FnOnce(oneshot::Sender<T>) -> Request,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        self.shared().shard_of(run).send(request(reply));
        answer.await.map_err(|_| self.gone())
    }

    /// The engine has stopped, and why.
    pub(crate) fn gone(&self) -> Error {
        let reason = self.shared().health.refusal();
        Error::Unavailable(reason.unwrap_or_else(|| "it has stopped".to_owned()))
    }
}

/// What was stopped has so long to be gone.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// The journal has so long to take what waits.
const FLUSH_WITHIN: Duration = Duration::from_secs(30);

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.stop("it was dropped");
        self.shared.stop_attempts();
        self.shared.abandon();
        self.shared.hub.close();
        self.supervisor.abandon();
        self.shared.journal.close();
    }
}

/// Whether a log (`step`, `step.item`, `fan-out.step.item`) belongs to the step.
fn is_log_of(name: &str, step: Option<&str>) -> bool {
    step.is_none_or(|step| name.split('.').any(|part| part == step))
}
