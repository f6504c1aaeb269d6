//! The dead letter actor of one queue: lists, shows, and forgets what is settled.
//!
//! Owns the queue's dead letters in memory; the journal holds them, and after its death it reads
//! them again. Letters are written and deleted by the shard that owns their run, in the commit that
//! holds the cause.

use std::collections::BTreeMap;
use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;

use super::inbox::Inbox;
use super::shared::Shared;
use crate::dead_letter::{DeadLetter, DeadLetterFilter, DeadLetterId};
use crate::journal::codec;

/// What a dead letter actor is asked.
#[derive(Debug)]
pub(crate) enum Request {
    /// A letter has become durable.
    Add(Box<DeadLetter>),
    /// It was replayed or dropped.
    Remove(DeadLetterId),
    /// The letters that fit, oldest first.
    List(DeadLetterFilter, oneshot::Sender<Vec<DeadLetter>>),
    /// One letter.
    Show(DeadLetterId, oneshot::Sender<Option<Box<DeadLetter>>>),
}

/// The way to one queue's dead letters.
#[derive(Debug, Clone)]
pub(crate) struct DeadLetterBox(pub(crate) Arc<Inbox<Request>>);

impl DeadLetterBox {
    pub(crate) async fn list(&self, filter: DeadLetterFilter) -> Vec<DeadLetter> {
        let (reply, answer) = oneshot::channel();
        self.0.send(Request::List(filter, reply));
        answer.await.unwrap_or_default()
    }

    pub(crate) async fn show(&self, id: DeadLetterId) -> Option<Box<DeadLetter>> {
        let (reply, answer) = oneshot::channel();
        self.0.send(Request::Show(id, reply));
        answer.await.ok().flatten()
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Msg {
    /// Something waits in the inbox.
    Drain,
}

pub(super) struct State {
    inbox: Arc<Inbox<Request>>,
    taken: Vec<Request>,
    letters: BTreeMap<DeadLetterId, Box<DeadLetter>>,
}

impl State {
    fn drain(&mut self, myself: &ActorRef<Msg>) {
        let mut taken = std::mem::take(&mut self.taken);
        self.inbox.take(&mut taken);
        for request in taken.drain(..) {
            match request {
                Request::Add(letter) => drop(self.letters.insert(letter.id, letter)),
                Request::Remove(id) => drop(self.letters.remove(&id)),
                Request::List(filter, reply) => drop(reply.send(self.list(&filter))),
                Request::Show(id, reply) => drop(reply.send(self.letters.get(&id).cloned())),
            }
        }
        self.taken = taken;
        if self.inbox.go_on() {
            drop(myself.cast(Msg::Drain));
        }
    }

    fn list(&self, filter: &DeadLetterFilter) -> Vec<DeadLetter> {
        let fitting = self.letters.values().filter(|letter| filter.fits(letter));
        let mut letters: Vec<_> = fitting.map(|letter| DeadLetter::clone(letter)).collect();
        letters.sort_by_key(|letter| (letter.at, letter.id));
        letters
    }
}

pub(super) struct DlqActor;

impl Actor for DlqActor {
    type Msg = Msg;
    type State = State;
    type Arguments = (Arc<Shared>, usize);

    async fn pre_start(
        &self,
        myself: ActorRef<Msg>,
        (shared, queue): Self::Arguments,
    ) -> Result<State, ActorProcessingErr> {
        let inbox = Arc::clone(&shared.letters[queue].0);
        let letters = load(&shared, queue)?;
        inbox.attach(move || drop(myself.cast(Msg::Drain)));
        Ok(State { inbox, taken: Vec::new(), letters })
    }

    async fn handle(
        &self,
        myself: ActorRef<Msg>,
        message: Msg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Msg::Drain => state.drain(&myself),
        }
        Ok(())
    }
}

/// Reads the queue's letters; those of a queue that is no more belong to the first one.
fn load(
    shared: &Shared,
    queue: usize,
) -> Result<BTreeMap<DeadLetterId, Box<DeadLetter>>, ActorProcessingErr> {
    let mut letters = BTreeMap::new();
    for (id, entry) in shared.journal.dead_letters()? {
        let letter: DeadLetter = match codec::decode_dead_letter(&entry) {
            Ok(letter) => letter,
            Err(error) => {
                tracing::error!(id = %DeadLetterId(id), %error, "a dead letter cannot be read");
                continue;
            }
        };
        let owner = shared.queues.iter().position(|q| q.name == letter.queue).unwrap_or(0);
        if owner == queue {
            letters.insert(letter.id, Box::new(letter));
        }
    }
    Ok(letters)
}
