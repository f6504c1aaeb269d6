//! What all actors of one engine share: the doors to each other, and what never changes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use super::dlq::DeadLetterBox;
use super::hub::Hub;
use super::inbox::{Inbox, lock};
use super::queue::Queue;
use super::shard;
use super::timers::Timers;
use crate::clock::Clock;
use crate::definition::Durability;
use crate::id::{DefinitionHash, Name, RunId};
use crate::journal::Journal;
use crate::plan::Plan;
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
    pub(crate) hub: Hub,
    pub(crate) workflows: RwLock<Workflows>,
    pub(crate) health: Health,
    /// The door to the journal actor.
    pub(crate) journal_failures: Arc<Inbox<super::journal::Failed>>,
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
        self.journal_failures.send(super::journal::Failed);
    }

    /// Nothing is done any more: who waits for an answer hears that there will be none.
    pub(crate) fn abandon(&self) {
        self.shards.iter().for_each(|shard| shard.close());
        self.letters.iter().for_each(|letters| letters.0.close());
        self.queues.iter().for_each(|queue| queue.inbox.close());
    }

    /// Gives back the room that a start has reserved.
    pub(crate) fn unreserve(&self, workflow: &Registered) {
        for queue in workflow.queues.iter().take(1) {
            self.queues[*queue].unreserve();
        }
    }

    /// The version of a workflow that a run keeps.
    pub(crate) fn workflow_of(&self, hash: DefinitionHash) -> Option<Arc<Registered>> {
        let workflows = self.workflows.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        workflows.by_hash.get(&hash).cloned()
    }

    /// The plan of the workflow at this place; none is ever taken away.
    pub(crate) fn plan_at(&self, place: usize) -> Arc<Plan> {
        let workflows = self.workflows.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        Arc::clone(&workflows.all[place].plan)
    }

    /// The run's own folder.
    pub(crate) fn run_folder(&self, run: RunId) -> Option<PathBuf> {
        self.runs_folder.as_ref().map(|folder| folder.join(run.to_string()))
    }
}

/// A workflow as the engine runs it.
#[derive(Debug)]
pub(crate) struct Registered {
    /// Its place among all.
    pub(crate) place: usize,
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
    /// Adds a version, and finds its queues among the engine's; the first one serves for any that
    /// is missing.
    pub(crate) fn add(&mut self, plan: &Arc<Plan>, queues: &[Arc<Queue>]) -> Arc<Registered> {
        let find = |name: &Name| queues.iter().position(|queue| queue.name == *name).unwrap_or(0);
        let queues = plan.queues.iter().map(find).collect();
        let added = Arc::new(Registered { place: self.all.len(), plan: Arc::clone(plan), queues });
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
