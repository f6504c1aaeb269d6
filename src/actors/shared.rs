//! What all actors of one engine share: the doors to each other, and what never changes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::oneshot;

use super::dlq::DeadLetterBox;
use super::evaluator::Evaluator;
use super::hub::Hub;
use super::inbox::Inbox;
use super::queue::Queue;
use super::shard;
use super::timers::Timers;
use crate::clock::Clock;
use crate::definition::{Durability, RetentionKeys};
use crate::id::{DefinitionHash, Name, RunId};
use crate::journal::Journal;
use crate::plan::{Plan, StoredDefinition};
use crate::run::{count, index};
use crate::stored;
use crate::sync::{Mutex, RwLock, lock, read, write};
use crate::task::Executor;

/// What all actors of one engine share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    pub(crate) journal: Arc<dyn Journal>,
    /// Whether the journal keeps a log; without one nothing is encoded and nothing waits.
    pub(crate) logged: bool,
    pub(crate) executor: Executor,
    pub(crate) durability: Durability,
    /// Where the runs' folders are; `None`: nowhere.
    pub(crate) runs_folder: Option<Arc<Path>>,
    pub(crate) shards: Vec<Arc<Inbox<shard::Request>>>,
    pub(crate) queues: Vec<Arc<Queue>>,
    pub(crate) letters: Vec<DeadLetterBox>,
    pub(crate) timers: Timers,
    pub(crate) evaluator: Evaluator,
    pub(crate) hub: Hub,
    pub(crate) workflows: RwLock<Workflows>,
    /// What `engine.toml` says of how long things are kept.
    pub(crate) retention: RetentionKeys,
    pub(crate) health: Health,
    /// The door to the journal actor.
    pub(crate) journal_failures: Arc<Inbox<super::journal::Request>>,
}

impl Shared {
    /// The place in `shards` of the one that owns the run.
    pub(crate) fn shard_index(&self, run: RunId) -> usize {
        run.shard().index() % self.shards.len()
    }

    /// The door to the shard that owns the run.
    pub(crate) fn shard_of(&self, run: RunId) -> &Inbox<shard::Request> {
        &self.shards[self.shard_index(run)]
    }

    /// An append has failed.
    pub(crate) fn journal_failed(&self) {
        self.journal_failures.send(super::journal::Request::Failed);
    }

    /// Waits until nothing waits for the journal.
    pub(crate) async fn flush(&self) {
        for shard in &self.shards {
            let (reply, flushed) = oneshot::channel();
            shard.send(shard::Request::Flush(reply));
            drop(flushed.await);
        }
    }

    /// Nothing more is accepted or begun, for good; the first reason stays.
    pub(crate) fn stop(&self, reason: &str) {
        self.health.stop(reason);
        self.queues.iter().for_each(|queue| queue.stop());
    }

    /// Tells all attempts that can heed it that the engine shuts down.
    pub(crate) fn tell_attempts(&self) {
        self.queues.iter().flat_map(|queue| &queue.desks).for_each(|desk| desk.tell_all());
    }

    /// Stops all attempts.
    pub(crate) fn stop_attempts(&self) {
        self.queues.iter().flat_map(|queue| &queue.desks).for_each(|desk| desk.stop_all());
    }

    /// Nothing is done any more: who waits for an answer hears that there will be none.
    pub(crate) fn abandon(&self) {
        self.shards.iter().for_each(|shard| shard.close());
        self.letters.iter().for_each(|letters| letters.0.close());
        self.queues.iter().for_each(|queue| queue.inbox.close());
        self.evaluator.0.close();
    }

    /// Gives back the room that a start has reserved.
    pub(crate) fn unreserve(&self, workflow: &Registered) {
        for queue in workflow.queues.iter().take(1) {
            self.queues[*queue].unreserve();
        }
    }

    /// The version of a workflow that a run keeps; read from the journal where no run has needed it
    /// since the start.
    ///
    /// # Errors
    /// Why it cannot be had, in words.
    pub(crate) fn workflow_of(&self, hash: DefinitionHash) -> Result<Arc<Registered>, String> {
        if let Some(known) = read(&self.workflows).by_hash.get(&hash) {
            return Ok(Arc::clone(known));
        }
        let plan = Arc::new(kept_plan(self.journal.as_ref(), hash)?);
        let mut workflows = write(&self.workflows);
        let known = workflows.by_hash.get(&hash).map(Arc::clone);
        Ok(known.unwrap_or_else(|| workflows.add(&plan, &self.queues)))
    }

    /// The plan of the workflow at this place; none is ever taken away.
    pub(crate) fn plan_at(&self, place: u32) -> Arc<Plan> {
        let workflows = read(&self.workflows);
        Arc::clone(&workflows.all[index(place)].plan)
    }

    /// The run's own folder.
    pub(crate) fn run_folder(&self, run: RunId) -> Option<PathBuf> {
        self.runs_folder.as_ref().map(|folder| folder.join(run.to_string()))
    }
}

/// The definition of a version, if the journal keeps it.
///
/// # Errors
/// Why it cannot be read, in words.
pub(crate) fn kept_definition(
    journal: &dyn Journal,
    hash: DefinitionHash,
) -> Result<Option<StoredDefinition>, String> {
    let unreadable = |error: String| format!("its definition {hash} cannot be read: {error}");
    let body = journal.definition(hash).map_err(|error| unreadable(error.to_string()))?;
    let Some(body) = body else { return Ok(None) };
    let kept = stored::decode_definition(&body).map_err(|error| unreadable(error.to_string()))?;
    if kept.hash() != hash {
        return Err(unreadable(format!("it is that of version {}", kept.hash())));
    }
    Ok(Some(kept))
}

/// The plan of a version that the journal keeps. Its tasks may be gone from the program; an attempt
/// will say so.
///
/// # Errors
/// Why it cannot be had, in words.
pub(crate) fn kept_plan(journal: &dyn Journal, hash: DefinitionHash) -> Result<Plan, String> {
    let kept = kept_definition(journal, hash)?;
    let kept = kept.ok_or_else(|| format!("its definition {hash} is missing"))?;
    Plan::stored(&kept).map_err(|error| format!("its definition {hash} cannot be used: {error}"))
}

/// A workflow as the engine runs it.
#[derive(Debug)]
pub(crate) struct Registered {
    /// Its place among all.
    pub(crate) place: u32,
    pub(crate) plan: Arc<Plan>,
    /// The engine's queue for each of the plan's.
    pub(crate) queues: Box<[usize]>,
}

impl Registered {
    /// The engine's queue of a node.
    pub(crate) fn queue(&self, node: crate::plan::NodeId) -> usize {
        self.queues[usize::from(self.plan.node(node).queue)]
    }
}

/// The workflows that can be started, and the versions that runs keep.
#[derive(Debug, Default)]
pub(crate) struct Workflows {
    pub(crate) by_name: HashMap<Name, Arc<Registered>>,
    by_hash: HashMap<DefinitionHash, Arc<Registered>>,
    all: Vec<Arc<Registered>>,
}

impl Workflows {
    /// Whether the program or a run that was needed since the start has a version.
    pub(crate) fn has(&self, hash: DefinitionHash) -> bool {
        self.by_hash.contains_key(&hash)
    }

    /// Adds a version, and finds its queues among the engine's; the first one serves for any that
    /// is missing.
    pub(crate) fn add(&mut self, plan: &Arc<Plan>, queues: &[Arc<Queue>]) -> Arc<Registered> {
        let find = |name: &Name| queues.iter().position(|queue| queue.name == *name).unwrap_or(0);
        let queues = plan.queues.iter().map(find).collect();
        let added =
            Arc::new(Registered { place: count(self.all.len()), plan: Arc::clone(plan), queues });
        self.by_hash.insert(plan.hash, Arc::clone(&added));
        self.all.push(Arc::clone(&added));
        added
    }
}

/// Whether the engine can take work.
#[derive(Debug, Default)]
pub(crate) struct Health {
    /// The journal cannot be written at the moment.
    degraded: AtomicBool,
    stopping: AtomicBool,
    reason: Mutex<String>,
}

impl Health {
    /// Why nothing is accepted at the moment.
    pub(crate) fn refusal(&self) -> Option<String> {
        let (stopping, degraded) =
            (self.stopping.load(Ordering::Acquire), self.degraded.load(Ordering::Acquire));
        (stopping || degraded).then(|| lock(&self.reason).clone())
    }

    pub(crate) fn is_degraded(&self) -> bool {
        self.degraded.load(Ordering::Acquire)
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    pub(crate) fn degrade(&self, reason: String) {
        *lock(&self.reason) = reason;
        self.degraded.store(true, Ordering::Release);
    }

    pub(crate) fn heal(&self) {
        self.degraded.store(false, Ordering::Release);
    }

    /// Nothing more is accepted, for good. The first reason stays.
    pub(crate) fn stop(&self, reason: &str) {
        let mut kept = lock(&self.reason);
        if !self.stopping.swap(true, Ordering::AcqRel) {
            reason.clone_into(&mut kept);
        }
    }
}
