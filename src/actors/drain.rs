//! The actor behind an inbox: takes everything that waits as one batch, until nothing does.
//!
//! Owns the loop and nothing else. An actor of this kind is its state and [`Drain::drain`]; a test
//! drives the same state by hand. What an actor's death means stands with its state.

use std::marker::PhantomData;
use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::inbox::Inbox;

/// The state of an actor that has an inbox.
pub(crate) trait Drain: Send + Sized + 'static {
    /// What it is asked.
    type Request: Send + 'static;

    /// Handles a batch; what it leaves in `requests` is dropped.
    fn drain(&mut self, requests: &mut Vec<Self::Request>);
}

/// A state and the inbox that it drains.
#[derive(Debug)]
pub(crate) struct Draining<D: Drain> {
    pub(crate) state: D,
    inbox: Arc<Inbox<D::Request>>,
    /// Memory for one batch.
    requests: Vec<D::Request>,
}

impl<D: Drain> Draining<D> {
    pub(crate) fn new(state: D, inbox: Arc<Inbox<D::Request>>) -> Self {
        Self { state, inbox, requests: Vec::new() }
    }

    /// Names what to do when the inbox has something for it.
    pub(crate) fn attach(&self, wake: impl Fn() + Send + Sync + 'static) {
        self.inbox.attach(wake);
    }

    /// Handles everything that waits: `true` if more has come meanwhile and another call is due.
    pub(crate) fn drain(&mut self) -> bool {
        self.inbox.take(&mut self.requests);
        self.state.drain(&mut self.requests);
        self.requests.clear();
        self.inbox.go_on()
    }
}

/// Drains an inbox whenever something is sent there.
pub(super) struct DrainActor<D>(PhantomData<fn() -> D>);

impl<D> DrainActor<D> {
    pub(super) fn new() -> Self {
        Self(PhantomData)
    }
}

/// Something waits in the inbox.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wake;

impl<D: Drain> Actor for DrainActor<D> {
    type Msg = Wake;
    type State = Draining<D>;
    type Arguments = Draining<D>;

    async fn pre_start(
        &self,
        myself: ActorRef<Wake>,
        draining: Draining<D>,
    ) -> Result<Draining<D>, ActorProcessingErr> {
        draining.attach(move || drop(myself.cast(Wake)));
        Ok(draining)
    }

    async fn handle(
        &self,
        myself: ActorRef<Wake>,
        _: Wake,
        draining: &mut Draining<D>,
    ) -> Result<(), ActorProcessingErr> {
        if draining.drain() {
            drop(myself.cast(Wake));
        }
        Ok(())
    }
}
