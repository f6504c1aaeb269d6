//! What a test may break in a live engine.

use super::Engine;
use crate::actors::shard::Request;
use crate::actors::supervisor::Role;
use crate::id::{Name, RunId};

/// An actor to kill, or a run to break, in a test.
#[doc(hidden)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Victim {
    Timers,
    Evaluator,
    Journal,
    Shard(usize),
    Queue(String),
    Worker(String, usize),
    Dlq(String),
    /// The rules of this run panic.
    Run(RunId),
}

impl Engine {
    /// Kills an actor, or breaks a run, to test what comes of it.
    #[doc(hidden)]
    pub async fn kill(&self, victim: Victim) -> bool {
        let place = |name: &str| {
            let name = Name::new(name)?;
            self.shared().queues.iter().position(|queue| queue.name == name)
        };
        let role = match &victim {
            Victim::Timers => Some(Role::Timers),
            Victim::Evaluator => Some(Role::Evaluator),
            Victim::Journal => Some(Role::Journal),
            Victim::Shard(index) => Some(Role::Shard(*index)),
            Victim::Queue(name) => place(name).map(Role::Queue),
            Victim::Worker(name, worker) => place(name).map(|queue| Role::Worker(queue, *worker)),
            Victim::Dlq(name) => place(name).map(Role::Dlq),
            Victim::Run(run) => {
                self.shared().shard_of(*run).send(Request::Break(*run));
                return true;
            }
        };
        let Some(role) = role else { return false };
        self.0.supervisor.kill(role).await
    }
}
