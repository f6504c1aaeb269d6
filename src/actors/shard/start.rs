//! Accepting a run: by its key at most once, durable before the answer.

use std::collections::hash_map::Entry;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::commit::{Release, Round};
use super::{Ended, Live, State};
use crate::actors::shared::Registered;
use crate::clock::Timestamp;
use crate::definition::Durability;
use crate::id::{RunId, content_hash};
use crate::journal::KeyEntry;
use crate::run::{Accepted, Run};

/// A run to be accepted; its input has been checked.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) id: RunId,
    pub(crate) workflow: Arc<Registered>,
    pub(crate) accepted: Accepted,
    pub(crate) durability: Durability,
    /// Told when the run ends.
    pub(crate) waiter: Option<oneshot::Sender<Ended>>,
    /// Told once the run is durable; `None` where nothing can keep it from being accepted.
    pub(crate) reply: Option<oneshot::Sender<Result<Begun, Refusal>>>,
}

/// What a start has come to.
#[derive(Debug)]
pub(crate) enum Begun {
    /// A new run.
    New,
    /// The run that has the key; without a way to hear of its end it has left the memory.
    Known(RunId, Option<oneshot::Receiver<Ended>>),
}

/// Why a run was not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The key belongs to a run with another input.
    KeyTaken(RunId),
    /// The engine takes nothing at the moment.
    Unwell(String),
}

/// Keys are looked through for expired ones when so many have been added.
const KEYS_PURGE: usize = 10_000;

impl State {
    pub(super) fn start(&mut self, start: Start, now: Timestamp) {
        let Start { id, workflow, accepted, durability, waiter, reply } = start;
        if let Some(reason) = self.shared.health.refusal() {
            self.shared.unreserve(&workflow);
            return answer(reply, Err(Refusal::Unwell(reason)));
        }
        if let Some(taken) = self.take_key(id, &accepted, now) {
            self.shared.unreserve(&workflow);
            return self.answer_with(taken, &accepted, reply);
        }
        let room = workflow.queues.first().map(|queue| Arc::clone(&self.shared.queues[*queue]));
        let (run, step) = Run::accept(&workflow.plan, id, accepted);
        let live = Live {
            run,
            workflow,
            waiters: waiter.into_iter().collect(),
            first: None,
            durability,
            armed: false,
            dormant: false,
        };
        if self.shared.logged && durability != Durability::Memory {
            self.base(id);
        }
        self.out.urgent = true;
        self.out.collect(Round { shared: &self.shared, id, live: &live, now }, &step);
        self.runs.insert(id, Box::new(live));
        let accept = move || {
            if let Some(room) = room {
                room.unreserve();
            }
            answer(reply, Ok(Begun::New));
        };
        if durability == Durability::Strict && self.shared.logged {
            self.out.gated.push(Release::Reply(Box::new(accept)));
        } else {
            accept();
        }
    }

    /// Takes the run's key for it, or says who has it.
    fn take_key(&mut self, id: RunId, accepted: &Accepted, now: Timestamp) -> Option<KeyEntry> {
        let (key, until) = accepted.key.clone()?;
        if self.keys.len() >= KEYS_PURGE && self.keys.len().is_power_of_two() {
            self.keys.retain(|_, entry| entry.until > now);
        }
        let input = content_hash(accepted.input.as_bytes());
        match self.keys.entry(key) {
            Entry::Occupied(taken) if taken.get().until > now => Some(taken.get().clone()),
            Entry::Occupied(mut expired) => {
                expired.insert(KeyEntry { run: id, input, until });
                None
            }
            Entry::Vacant(free) => {
                free.insert(KeyEntry { run: id, input, until });
                None
            }
        }
    }

    /// The key is taken: the same input gets the same run, and waits until that one is durable.
    fn answer_with(
        &mut self,
        taken: KeyEntry,
        accepted: &Accepted,
        reply: Option<oneshot::Sender<Result<Begun, Refusal>>>,
    ) {
        let id = taken.run;
        if taken.input != content_hash(accepted.input.as_bytes()) {
            return answer(reply, Err(Refusal::KeyTaken(id)));
        }
        let ended = self.runs.get_mut(&id).map(|live| super::operate::listen(live));
        let known = move || answer(reply, Ok(Begun::Known(id, ended)));
        self.out.gated.push(Release::Reply(Box::new(known)));
    }
}

fn answer(reply: Option<oneshot::Sender<Result<Begun, Refusal>>>, what: Result<Begun, Refusal>) {
    if let Some(reply) = reply {
        drop(reply.send(what));
    }
}
