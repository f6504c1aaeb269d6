//! Accepting a run: by its key at most once, durable before the answer.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::intake::Release;
use super::recover::FOREVER;
use super::{Ended, Kept, Live, State};
use crate::actors::shared::Registered;
use crate::definition::Durability;
use crate::id::{EntityId, RunId};
use crate::journal::{JournalError, KeyEntry, Urgency};
use crate::run::{Accepted, IdempotencyKey, Run};

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

/// Keys that no run holds are looked through for expired ones when so many have been added.
const KEYS_PURGE: usize = 10_000;

impl State {
    pub(super) fn start(&mut self, start: Start) {
        let Start { id, workflow, accepted, durability, waiter, reply } = start;
        if let Some(reason) = self.shared.health.refusal() {
            self.shared.unreserve(&workflow);
            return answer(reply, Err(Refusal::Unwell(reason)));
        }
        let kept = match durability {
            Durability::Strict if self.shared.logged => Kept::Strict,
            Durability::Relaxed if self.shared.logged => Kept::Relaxed,
            Durability::Strict | Durability::Relaxed | Durability::Memory => Kept::Nowhere,
        };
        self.relaxed |= kept == Kept::Relaxed;
        match self.take_key(id, &accepted) {
            Ok(None) => {}
            Ok(Some(taken)) => {
                self.shared.unreserve(&workflow);
                return self.answer_with(taken, &accepted, reply);
            }
            Err(error) => {
                self.shared.unreserve(&workflow);
                return answer(reply, Err(Refusal::Unwell(error.to_string())));
            }
        }
        let has_limit = |queue: &usize| self.shared.queues[*queue].settings.max_depth.is_some();
        let room = workflow.queues.first().copied().filter(has_limit);
        let (run, step) = Run::accept(&workflow.plan, id, accepted);
        let mut live = Live::new(run, workflow, kept);
        live.waiters.extend(waiter);
        if kept.is_durable() {
            let part = self.part(id);
            part.live += 1;
            part.base(id);
        }
        self.out.urgency = Urgency::Now;
        self.split().1.collect((id, &mut live), &step, None);
        self.runs.insert(id, Box::new(live));
        let early = kept == Kept::Relaxed && !self.part(id).late;
        if kept.is_durable() && !early {
            let accept = move || answer(reply, Ok(Begun::New));
            self.after_landing(id, Release::Reply(Box::new(accept)));
            if let Some(room) = room {
                self.after_landing(id, Release::Room(room));
            }
        } else {
            answer(reply, Ok(Begun::New));
            self.out.rooms.extend(room);
        }
    }

    /// Takes the run's key for it, or says who has it.
    fn take_key(
        &mut self,
        id: RunId,
        accepted: &Accepted,
    ) -> Result<Option<KeyEntry>, JournalError> {
        let Some((key, own)) = key_of(accepted) else { return Ok(None) };
        let now = self.now;
        if self.keys.len() >= KEYS_PURGE && self.keys.len().is_power_of_two() {
            self.keys.retain(|_, entry| entry.until > now);
        }
        let kept = match self.keys.get(&key) {
            Some(taken) => Some(*taken),
            None => self.shared.journal.key(key)?,
        };
        if let Some(taken) = kept.filter(|taken| taken.until > now) {
            return Ok(Some(taken));
        }
        self.keys.insert(key, KeyEntry { run: id, input: own.input, at: now, until: FOREVER });
        Ok(None)
    }

    /// The key of a run that nothing keeps durably expires in memory.
    pub(super) fn expire_key(&mut self, id: RunId) {
        let Some(live) = self.runs.get(&id) else { return };
        let Some((key, own)) = key_of(live.run.accepted()) else { return };
        let until = live.run.ended().unwrap_or(self.now).after(own.ttl);
        if let Some(entry) = self.keys.get_mut(&key).filter(|entry| entry.run == id) {
            entry.until = until;
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
        let told = if accepted.key.as_ref().is_some_and(|key| key.input == taken.input) {
            let ended = self.runs.get_mut(&id).map(|live| super::view::listen(live));
            Ok(Begun::Known(id, ended))
        } else {
            Err(Refusal::KeyTaken(id))
        };
        self.after_landing(id, Release::Reply(Box::new(move || answer(reply, told))));
    }
}

/// The idempotency key that a run was started with, and its id.
pub(super) fn key_of(accepted: &Accepted) -> Option<(EntityId, &IdempotencyKey)> {
    let key = accepted.key.as_deref()?;
    let namespace = accepted.details.namespace.as_deref().unwrap_or_default();
    Some((EntityId::of_key(namespace, &accepted.workflow, &key.text), key))
}

fn answer(reply: Option<oneshot::Sender<Result<Begun, Refusal>>>, what: Result<Begun, Refusal>) {
    if let Some(reply) = reply {
        drop(reply.send(what));
    }
}
