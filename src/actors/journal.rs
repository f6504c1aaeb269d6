//! The journal actor: brings a failed journal back.
//!
//! Owns the way back from a failed commit. The log itself lives on the journal's own thread, and
//! shards hand their batches to it directly. Its death costs nothing: it asks again when it is back.

use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::inbox::Inbox;
use super::shard;
use super::shared::Shared;

/// The first wait before the store is opened again.
const RETRY_FIRST: Duration = Duration::from_millis(100);

/// The longest wait.
const RETRY_LAST: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy)]
pub(super) enum Msg {
    /// An append has failed.
    Failed,
    /// Try to open the store again.
    Reopen,
}

/// What the journal actor is told.
#[derive(Debug)]
pub(crate) struct Failed;

pub(super) struct State {
    shared: Arc<Shared>,
    inbox: Arc<Inbox<Failed>>,
    taken: Vec<Failed>,
    /// The wait before the next try, while the journal is not well.
    wait: Option<Duration>,
}

impl State {
    fn failed(&mut self, myself: &ActorRef<Msg>) {
        self.inbox.take(&mut self.taken);
        self.taken.clear();
        if self.inbox.go_on() {
            drop(myself.cast(Msg::Failed));
        }
        if self.shared.health.is_degraded() && self.wait.is_none() {
            tracing::error!("the journal cannot be written; nothing new is accepted until it can");
            self.try_later(myself, RETRY_FIRST);
        }
    }

    fn try_later(&mut self, myself: &ActorRef<Msg>, wait: Duration) {
        self.wait = Some(wait);
        myself.send_after(wait, || Msg::Reopen);
    }

    async fn reopen(&mut self, myself: &ActorRef<Msg>) {
        let journal = Arc::clone(&self.shared.journal);
        let opened = tokio::task::spawn_blocking(move || journal.recover()).await;
        match opened {
            Ok(Ok(())) => {
                self.wait = None;
                self.shared.health.heal();
                tracing::info!("the journal can be written again");
                let shards = self.shared.shards.iter();
                shards.for_each(|inbox| inbox.send(shard::Request::Reappend));
            }
            Ok(Err(error)) => {
                self.shared.health.degrade(error.to_string());
                self.try_later(myself, self.wait.map_or(RETRY_FIRST, |w| (w * 2).min(RETRY_LAST)));
            }
            Err(_stopped) => {}
        }
    }
}

pub(super) struct JournalActor;

impl Actor for JournalActor {
    type Msg = Msg;
    type State = State;
    type Arguments = Arc<Shared>;

    async fn pre_start(
        &self,
        myself: ActorRef<Msg>,
        shared: Arc<Shared>,
    ) -> Result<State, ActorProcessingErr> {
        let inbox = Arc::clone(&shared.journal_failures);
        if shared.health.is_degraded() {
            inbox.send(Failed);
        }
        inbox.attach(move || drop(myself.cast(Msg::Failed)));
        Ok(State { shared, inbox, taken: Vec::new(), wait: None })
    }

    async fn handle(
        &self,
        myself: ActorRef<Msg>,
        message: Msg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Msg::Failed => state.failed(&myself),
            Msg::Reopen => state.reopen(&myself).await,
        }
        Ok(())
    }
}
