//! The supervisors: the engine's, and one for each queue.
//!
//! They own the other actors and start again what dies, one for one, at once. More than
//! [`RESTARTS_MAX`] deaths below one supervisor within [`RESTARTS_WITHIN`], the death of a shard
//! (whose runs only the journal can bring back), or a child that cannot be started again stop the
//! engine: nothing is accepted any more, whoever waits for an answer hears that there is none, and
//! the first reason stays, no handler is called any more, and those at work are told to stop.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ractor::{Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::oneshot;

use super::drain::{Drain, DrainActor, Draining};
use super::shared::Shared;
use super::worker::WorkerActor;
use super::{dlq, evaluator, journal, queue, shard, timers};
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
    /// Evaluates what takes long.
    Evaluator,
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
            Self::Evaluator => f.write_str("evaluator"),
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
            Role::Journal => drain(journal::State::of(&shared), boss).await?,
            Role::Shard(index) => drain(shard::State::of(&shared, index), boss).await?,
            Role::Timers => drain(timers::State::of(&shared), boss).await?,
            Role::Evaluator => drain(evaluator::State::of(&shared), boss).await?,
            Role::QueueSupervisor(index) => {
                start(SupervisorActor, (shared, Some(index)), boss).await?
            }
            Role::Queue(index) => drain(queue::State::of(&queue(index)), boss).await?,
            Role::Worker(index, worker) => {
                start(WorkerActor, (shared, queue(index), worker), boss).await?
            }
            Role::Dlq(index) => drain(dlq::State::of(&shared, index), boss).await?,
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
        if self.shared.health.is_stopping() {
            // A queue's supervisor has given up, or the engine is being stopped.
            return Err(self.give_up(format!("{role} died: {why}")));
        }
        if let Err(error) = self.spawn(myself, role).await {
            return Err(self.give_up(format!("{role} died and cannot be started again: {error}")));
        }
        self.told(role);
        Ok(())
    }

    /// What has to be said to others when an actor has been started again.
    fn told(&self, role: Role) {
        if role == Role::Timers {
            self.shared.shards.iter().for_each(|shard| shard.send(shard::Request::OweTimers));
        }
        if role == Role::Evaluator {
            self.shared.shards.iter().for_each(|shard| shard.send(shard::Request::OweEvaluations));
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

    /// Stops the engine, and with the error that is given back this supervisor and all below it.
    fn give_up(&self, reason: String) -> ActorProcessingErr {
        self.shared.stop(&reason);
        self.shared.stop_attempts();
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
        let children: Vec<_> = self.children.drain().map(|(_, child)| child).collect();
        let is_queue = |role: Role| matches!(role, Role::QueueSupervisor(_));
        let (queues, others): (Vec<_>, Vec<_>) =
            children.into_iter().partition(|(role, _)| is_queue(*role));
        let has_workers = !queues.is_empty();
        for (_, cell) in queues {
            let (done, stopped) = oneshot::channel();
            let below: ActorRef<Msg> = cell.into();
            if below.cast(Msg::Stop(done)).is_ok() {
                drop(stopped.await);
            }
        }
        if has_workers {
            // What the last polls have given is kept.
            drop(tokio::time::timeout(STOP_WITHIN, self.shared.flush()).await);
        }
        for (_, cell) in others {
            drop(cell.stop_and_wait(None, Some(STOP_WITHIN)).await);
        }
        let _ = reply.send(()); // who asked may have gone
        myself.stop(None);
    }
}

/// A child that has not stopped by then is left to the runtime.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// Starts an actor that drains an inbox.
async fn drain<D: Drain>(
    draining: Draining<D>,
    boss: ActorCell,
) -> Result<ActorCell, ActorProcessingErr> {
    start(DrainActor::new(), draining, boss).await
}

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
            let first = [Role::Journal, Role::Timers, Role::Evaluator];
            first.into_iter().chain(queues).chain(shards).collect()
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
