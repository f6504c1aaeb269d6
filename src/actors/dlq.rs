//! The dead letter actor of one queue: lists, shows, and forgets what is settled.
//!
//! Owns the queue's dead letters in memory, from the first question on; the journal holds them, and
//! a start does not read them. Letters are written and deleted by the shard that owns their run, in
//! the commit that holds the cause. Its death costs those of runs that are not durable.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::drain::{Drain, Draining};
use super::inbox::Inbox;
use super::shared::Shared;
use crate::dead_letter::{DeadLetter, DeadLetterFilter, DeadLetterId};
use crate::id::RunId;
use crate::journal::{JournalError, LetterId};
use crate::stored;

/// What a question is answered; an error where the journal cannot be read.
pub(crate) type Answer<T> = oneshot::Sender<Result<T, JournalError>>;

/// What a dead letter actor is asked.
#[derive(Debug)]
pub(crate) enum Request {
    /// A letter has become durable.
    Add(Box<DeadLetter>),
    /// It was replayed or dropped.
    Remove(DeadLetterId),
    /// The letters that fit, oldest first.
    List(DeadLetterFilter, Answer<Vec<DeadLetter>>),
    /// One letter.
    Show(DeadLetterId, Answer<Option<Box<DeadLetter>>>),
    /// How many there are.
    Count(Answer<usize>),
}

/// The way to one queue's dead letters.
#[derive(Debug, Clone)]
pub(crate) struct DeadLetterBox(pub(crate) Arc<Inbox<Request>>);

type Letters = BTreeMap<DeadLetterId, Box<DeadLetter>>;

pub(crate) struct State {
    shared: Arc<Shared>,
    queue: usize,
    /// Those that this process has told of, and all, once they are read.
    letters: Letters,
    is_read: bool,
}

impl State {
    /// The letters of a queue, beside their actor's inbox.
    pub(crate) fn of(shared: &Arc<Shared>, queue: usize) -> Draining<Self> {
        let letters = Letters::new();
        let state = Self { shared: Arc::clone(shared), queue, letters, is_read: false };
        Draining::new(state, Arc::clone(&shared.letters[queue].0))
    }

    /// All letters: read out of the journal when somebody asks for the first time. What is added and
    /// removed until then is durable before it is told here, so the journal has it.
    fn all(&mut self) -> Result<&Letters, JournalError> {
        if !self.is_read {
            read((&self.shared, self.queue), None, &mut self.letters)?;
            self.is_read = true;
        }
        Ok(&self.letters)
    }

    fn list(&mut self, filter: &DeadLetterFilter) -> Result<Vec<DeadLetter>, JournalError> {
        let mut of_run = Letters::new();
        let letters = match filter.run {
            // Who asks for one run's waits for no others.
            Some(run) if !self.is_read => {
                let told = self.letters.iter().filter(|(_, letter)| letter.run == run);
                of_run.extend(told.map(|(id, letter)| (*id, letter.clone())));
                read((&self.shared, self.queue), Some(run), &mut of_run)?;
                &of_run
            }
            Some(_) | None => self.all()?,
        };
        let fitting = letters.values().filter(|letter| filter.fits(letter));
        let mut letters: Vec<_> = fitting.map(|letter| DeadLetter::clone(letter)).collect();
        letters.sort_by_key(|letter| (letter.at, letter.id));
        Ok(letters)
    }

    fn show(&mut self, id: DeadLetterId) -> Result<Option<Box<DeadLetter>>, JournalError> {
        Ok(self.all()?.get(&id).cloned())
    }
}

impl Drain for State {
    type Request = Request;

    fn drain(&mut self, requests: &mut Vec<Request>) {
        for request in requests.drain(..) {
            match request {
                Request::Add(letter) => drop(self.letters.insert(letter.id, letter)),
                Request::Remove(id) => drop(self.letters.remove(&id)),
                Request::List(filter, reply) => drop(reply.send(self.list(&filter))),
                Request::Show(id, reply) => drop(reply.send(self.show(id))),
                Request::Count(reply) => drop(reply.send(self.all().map(Letters::len))),
            }
        }
    }
}

/// Letters read at a time.
const PAGE: usize = 1_000;

/// Adds the queue's letters, or those of one run; those of a queue that is no more belong to the
/// first one.
fn read(
    (shared, queue): (&Shared, usize),
    only: Option<RunId>,
    letters: &mut Letters,
) -> Result<(), JournalError> {
    // Letters of one run stand together.
    let mut after = only.map(|run| LetterId { run, dispatch: 0 });
    loop {
        let page = shared.journal.letters(after, PAGE)?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = Some(*last);
        for (id, entry) in page {
            if only.is_some_and(|run| run != id.run) {
                return Ok(());
            }
            let letter: DeadLetter = match stored::decode_letter(&entry) {
                Ok(letter) => letter,
                Err(error) => {
                    let id = DeadLetterId::of(id.run, id.dispatch);
                    tracing::error!(%id, %error, "a dead letter cannot be read");
                    continue;
                }
            };
            let owner = shared.queues.iter().position(|q| q.name == letter.queue).unwrap_or(0);
            if owner == queue {
                letters.insert(letter.id, Box::new(letter));
            }
        }
    }
}
