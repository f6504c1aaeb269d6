//! The supervisors: the engine's, and one for each queue.
//!
//! They own the other actors and start again what dies, one for one. Too many deaths in a short
//! time, or the death of a shard (whose runs only the journal can bring back), stop the engine; it
//! says why.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ractor::{Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::oneshot;

use super::dlq::DlqActor;
use super::journal::JournalActor;
use super::queue::QueueActor;
use super::shard::{self, ShardActor};
use super::shared::Shared;
use super::timers::TimersActor;
use super::worker::WorkerActor;
use crate::clock::Timestamp;

/// So many restarts within [`RESTARTS_WITHIN`] are one too many.
const RESTARTS_MAX: usize = 20;

/// See [`RESTARTS_MAX`].
const RESTARTS_WITHIN: Duration = Duration::from_secs(10);

/// A child by what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    /// Brings the journal back.
    Journal,
    /// Hosts runs.
    Shard(usize),
    /// Wakes runs.
    Timers,
    /// Owns the actors of a queue.
    QueueSupervisor(usize),
    /// Hands out jobs.
    Queue(usize),
    /// Executes attempts: queue and place.
    Worker(usize, usize),
    /// Keeps dead letters.
    Dlq(usize),
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Journal => f.write_str("journal"),
            Self::Shard(index) => write!(f, "shard {index}"),
            Self::Timers => f.write_str("timers"),
            Self::QueueSupervisor(queue) => write!(f, "supervisor of queue {queue}"),
            Self::Queue(queue) => write!(f, "queue {queue}"),
            Self::Worker(queue, worker) => write!(f, "worker {worker} of queue {queue}"),
            Self::Dlq(queue) => write!(f, "dead letters of queue {queue}"),
        }
    }
}

/// The way to the engine's supervisor.
#[derive(Debug)]
pub(crate) struct Supervisor(ActorRef<Msg>);

impl Supervisor {
    /// Starts all actors of an engine.
    ///
    /// # Errors
    /// Why one of them could not be started.
    pub(crate) async fn start(shared: &Arc<Shared>) -> Result<Self, String> {
        #[expect(clippy::disallowed_methods, reason = "the root of the tree has no supervisor")]
        let spawned = Actor::spawn(None, SupervisorActor, (Arc::clone(shared), None)).await;
        spawned.map(|(actor, _)| Self(actor)).map_err(|error| error.to_string())
    }

    /// Stops all actors, and waits for it.
    pub(crate) async fn stop(&self) {
        let (reply, stopped) = oneshot::channel();
        if self.0.cast(Msg::Stop(reply)).is_ok() {
            drop(stopped.await);
        }
    }

    /// Tells all actors to stop, and does not wait.
    pub(crate) fn abandon(&self) {
        self.0.stop(None);
    }

    /// Kills an actor, to show what its death does; whether there was one.
    pub(crate) async fn kill(&self, role: Role) -> bool {
        let (reply, killed) = oneshot::channel();
        drop(self.0.cast(Msg::Kill(role, reply)));
        killed.await.unwrap_or(false)
    }
}

pub(super) enum Msg {
    /// Stop all children, then yourself.
    Stop(oneshot::Sender<()>),
    /// Kill a child, to show what its death does.
    Kill(Role, oneshot::Sender<bool>),
}

pub(super) struct State {
    shared: Arc<Shared>,
    children: HashMap<ActorId, (Role, ActorCell)>,
    restarts: VecDeque<Timestamp>,
}

impl State {
    async fn spawn(
        &mut self,
        myself: &ActorRef<Msg>,
        role: Role,
    ) -> Result<(), ActorProcessingErr> {
        let shared = Arc::clone(&self.shared);
        let boss = myself.get_cell();
        let queue = |index: usize| Arc::clone(&self.shared.queues[index]);
        let cell = match role {
            Role::Journal => start(JournalActor, shared, boss).await?,
            Role::Shard(index) => start(ShardActor, (shared, index), boss).await?,
            Role::Timers => start(TimersActor, shared, boss).await?,
            Role::QueueSupervisor(index) => {
                start(SupervisorActor, (shared, Some(index)), boss).await?
            }
            Role::Queue(index) => start(QueueActor, queue(index), boss).await?,
            Role::Worker(index, worker) => {
                start(WorkerActor, (shared, queue(index), worker), boss).await?
            }
            Role::Dlq(index) => start(DlqActor, (shared, index), boss).await?,
        };
        self.children.insert(cell.get_id(), (role, cell));
        Ok(())
    }

    /// A child is gone: start it again, or say why not.
    async fn died(
        &mut self,
        myself: &ActorRef<Msg>,
        child: ActorId,
        why: &str,
    ) -> Result<(), ActorProcessingErr> {
        let Some((role, _)) = self.children.remove(&child) else { return Ok(()) };
        tracing::error!(actor = %role, why, "an actor died");
        if matches!(role, Role::Shard(_)) {
            return Err(self.give_up(format!("{role} died: {why}")));
        }
        if !self.may_restart() {
            return Err(self.give_up(format!("{role} died too often: {why}")));
        }
        self.spawn(myself, role).await?;
        self.told(role);
        Ok(())
    }

    /// What has to be said to others when an actor has been started again.
    fn told(&self, role: Role) {
        if role == Role::Timers {
            self.shared.shards.iter().for_each(|shard| shard.send(shard::Request::OweTimers));
        }
        if let Role::Queue(index) | Role::Worker(index, _) | Role::Dlq(index) = role {
            self.shared.queues[index].counts.restarts.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn may_restart(&mut self) -> bool {
        let now = self.shared.clock.now();
        while self.restarts.front().is_some_and(|at| now.since(*at) > RESTARTS_WITHIN) {
            self.restarts.pop_front();
        }
        self.restarts.push_back(now);
        self.restarts.len() <= RESTARTS_MAX
    }

    fn give_up(&self, reason: String) -> ActorProcessingErr {
        self.shared.health.stop(&reason);
        self.shared.hub.close();
        self.shared.abandon();
        reason.into()
    }

    fn kill(&self, role: Role) -> bool {
        let direct = self.children.values().find(|(r, _)| *r == role);
        if let Some((_, cell)) = direct {
            cell.kill();
        }
        direct.is_some()
    }

    /// Kills a child, or lets the supervisor do it whose child it is.
    fn pass_on(&self, role: Role, reply: oneshot::Sender<bool>) {
        if let Some(supervisor) = self.below(role) {
            drop(supervisor.cast(Msg::Kill(role, reply)));
        } else {
            let killed = self.kill(role);
            // Who asked may have gone.
            let _ = reply.send(killed);
        }
    }

    /// Where a role's actor lives, if below one of the queue supervisors.
    fn below(&self, role: Role) -> Option<ActorRef<Msg>> {
        let (Role::Queue(index) | Role::Worker(index, _) | Role::Dlq(index)) = role else {
            return None;
        };
        let supervisor = Role::QueueSupervisor(index);
        let (_, cell) = self.children.values().find(|(r, _)| *r == supervisor)?;
        Some(cell.clone().into())
    }

    async fn stop(&mut self, myself: &ActorRef<Msg>, reply: oneshot::Sender<()>) {
        for (_, (role, cell)) in self.children.drain() {
            if matches!(role, Role::QueueSupervisor(_)) {
                let (done, stopped) = oneshot::channel();
                let below: ActorRef<Msg> = cell.into();
                if below.cast(Msg::Stop(done)).is_ok() {
                    drop(stopped.await);
                }
            } else {
                drop(cell.stop_and_wait(None, Some(STOP_WITHIN)).await);
            }
        }
        let _ = reply.send(()); // who asked may have gone
        myself.stop(None);
    }
}

/// A child that has not stopped by then is left to the runtime.
const STOP_WITHIN: Duration = Duration::from_secs(5);

async fn start<A: Actor>(
    actor: A,
    args: A::Arguments,
    boss: ActorCell,
) -> Result<ActorCell, ActorProcessingErr> {
    let (child, _) = Actor::spawn_linked(None, actor, args, boss).await?;
    Ok(child.get_cell())
}

/// Supervises the engine's actors, or those of one queue.
struct SupervisorActor;

impl Actor for SupervisorActor {
    type Msg = Msg;
    type State = State;
    /// The queue; `None`: the engine.
    type Arguments = (Arc<Shared>, Option<usize>);

    async fn pre_start(
        &self,
        myself: ActorRef<Msg>,
        (shared, queue): Self::Arguments,
    ) -> Result<State, ActorProcessingErr> {
        let roles: Vec<Role> = if let Some(index) = queue {
            let workers = shared.queues[index].desks.len();
            let workers = (0..workers).map(|worker| Role::Worker(index, worker));
            [Role::Dlq(index), Role::Queue(index)].into_iter().chain(workers).collect()
        } else {
            let shards = (0..shared.shards.len()).map(Role::Shard);
            let queues = (0..shared.queues.len()).map(Role::QueueSupervisor);
            [Role::Journal, Role::Timers].into_iter().chain(queues).chain(shards).collect()
        };
        let mut state = State { shared, children: HashMap::new(), restarts: VecDeque::new() };
        for role in roles {
            state.spawn(&myself, role).await?;
        }
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<Msg>,
        message: Msg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Msg::Stop(reply) => state.stop(&myself, reply).await,
            Msg::Kill(role, reply) => state.pass_on(role, reply),
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Msg>,
        event: SupervisionEvent,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorFailed(cell, why) => {
                state.died(&myself, cell.get_id(), &why.to_string()).await
            }
            SupervisionEvent::ActorTerminated(cell, _, why) => {
                let why = why.unwrap_or_else(|| "it stopped".to_owned());
                state.died(&myself, cell.get_id(), &why).await
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => Ok(()),
        }
    }
}
