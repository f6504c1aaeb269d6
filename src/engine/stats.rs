//! Counts, depths and ages.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::oneshot;

use super::Engine;
use crate::actors::queue::{Queue, Request as ToQueue};
use crate::actors::shard::Request;
use crate::definition::Durability;
use crate::error::Error;
use crate::journal::JournalStats;

/// What an engine has done since its start, and holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stats {
    /// The default durability.
    pub durability: Durability,
    /// Why nothing is accepted at the moment; `None`: the engine is well.
    pub refusing: Option<String>,
    /// Runs in memory: not ended, or on their way to the archive.
    pub live_runs: usize,
    /// The queues, in the order in which they were made.
    pub queues: Vec<QueueStats>,
    /// The journal.
    pub journal: JournalStats,
}

/// One queue.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QueueStats {
    /// Its name.
    pub name: String,
    /// Its slots.
    pub workers: usize,
    /// Ready jobs that no worker has taken.
    pub depth: usize,
    /// How long the oldest of them has waited.
    pub oldest_age: Option<Duration>,
    /// Attempts that are under way.
    pub running: usize,
    /// Attempts that succeeded.
    pub succeeded: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Mean time of an attempt.
    pub mean_duration: Duration,
    /// Dead letters.
    pub dead_letters: usize,
    /// Restarts of its actors.
    pub restarts: u64,
}

impl Stats {
    pub(super) async fn gather(engine: &Engine) -> Result<Self, Error> {
        let shared = engine.shared();
        let mut live_runs = 0;
        for shard in &shared.shards {
            let (reply, answer) = oneshot::channel();
            shard.send(Request::Count(reply));
            live_runs += answer.await.map_err(|_| engine.gone())?;
        }
        let mut queues = Vec::with_capacity(shared.queues.len());
        for queue in &shared.queues {
            queues.push(QueueStats::gather(engine, queue).await?);
        }
        Ok(Self {
            durability: shared.durability,
            refusing: shared.health.refusal(),
            live_runs,
            queues,
            journal: shared.journal.stats(),
        })
    }
}

impl QueueStats {
    async fn gather(engine: &Engine, queue: &Queue) -> Result<Self, Error> {
        let (reply, answer) = oneshot::channel();
        queue.inbox.send(ToQueue::Oldest(reply));
        let oldest = answer.await.map_err(|_| engine.gone())?;
        let shared = engine.shared();
        let [succeeded, failed, busy] = queue.counted();
        let dead_letters = engine.dead_letters().count(queue.index).await?;
        Ok(Self {
            name: queue.name.to_string(),
            workers: queue.settings.workers,
            depth: queue.depth(),
            oldest_age: oldest.map(|at| shared.clock.now().since(at)),
            running: queue.running(),
            succeeded,
            failed,
            mean_duration: Duration::from_micros(busy / (succeeded + failed).max(1)),
            dead_letters,
            restarts: queue.counts.restarts.load(Ordering::Relaxed),
        })
    }
}
