//! The journal actor: brings a failed journal back.
//!
//! Owns the way back from a failed commit. The log itself lives on the journal's own thread, and
//! shards hand their batches to it directly. Its death costs nothing: it asks again when it is back.

use std::sync::Arc;
use std::time::Duration;

use super::drain::{Drain, Draining};
use super::inbox::Inbox;
use super::shard;
use super::shared::Shared;
use crate::journal::JournalError;

/// The first wait before the store is opened again.
const RETRY_FIRST: Duration = Duration::from_millis(100);

/// The longest wait.
const RETRY_LAST: Duration = Duration::from_secs(2);

/// What the journal actor is told.
#[derive(Debug)]
pub(crate) enum Request {
    /// An append has failed.
    Failed,
    /// It is time to open the store again.
    Reopen,
    /// What came of opening it.
    Reopened(Result<(), JournalError>),
}

pub(crate) struct State {
    shared: Arc<Shared>,
    inbox: Arc<Inbox<Request>>,
    /// The wait before the next try, while the journal is not well.
    wait: Option<Duration>,
}

impl State {
    /// The state of a new journal actor, beside its inbox.
    pub(crate) fn of(shared: &Arc<Shared>) -> Draining<Self> {
        let inbox = Arc::clone(&shared.journal_failures);
        if shared.health.is_degraded() {
            inbox.send(Request::Failed);
        }
        let state = Self { shared: Arc::clone(shared), inbox: Arc::clone(&inbox), wait: None };
        Draining::new(state, inbox)
    }

    fn failed(&mut self) {
        if self.shared.health.is_degraded() && self.wait.is_none() {
            tracing::error!("the journal cannot be written; nothing new is accepted until it can");
            self.try_later(RETRY_FIRST);
        }
    }

    fn try_later(&mut self, wait: Duration) {
        self.wait = Some(wait);
        let inbox = Arc::clone(&self.inbox);
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            inbox.send(Request::Reopen);
        });
    }

    /// Opens the store on a thread that may block.
    fn reopen(&self) {
        let (journal, inbox) = (Arc::clone(&self.shared.journal), Arc::clone(&self.inbox));
        tokio::task::spawn_blocking(move || inbox.send(Request::Reopened(journal.recover())));
    }

    pub(crate) fn reopened(&mut self, opened: Result<(), JournalError>) {
        match opened {
            Ok(()) => {
                self.wait = None;
                self.shared.health.heal();
                tracing::info!("the journal can be written again");
                let shards = self.shared.shards.iter();
                shards.for_each(|inbox| inbox.send(shard::Request::Reappend));
            }
            Err(error) => {
                self.shared.health.degrade(error.to_string());
                self.try_later(self.wait.map_or(RETRY_FIRST, |wait| (wait * 2).min(RETRY_LAST)));
            }
        }
    }
}

impl Drain for State {
    type Request = Request;

    fn drain(&mut self, requests: &mut Vec<Request>) {
        for request in requests.drain(..) {
            match request {
                Request::Failed => self.failed(),
                Request::Reopen => self.reopen(),
                Request::Reopened(opened) => self.reopened(opened),
            }
        }
    }
}
