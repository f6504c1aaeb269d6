//! The stream of what happens.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::mpsc;

pub use crate::actors::hub::{EVENTS_BEHIND_MAX, EngineEvent, EventKind};

/// What happens in an engine, from the moment this was asked for. Ends when the engine stops.
///
/// Who is more than [`EVENTS_BEHIND_MAX`] events behind misses some, and is told how many.
#[derive(Debug)]
pub struct Events {
    from: mpsc::Receiver<EngineEvent>,
}

impl Events {
    pub(super) fn new(from: mpsc::Receiver<EngineEvent>) -> Self {
        Self { from }
    }

    /// The next event; `None` when the engine has stopped.
    pub async fn next(&mut self) -> Option<EngineEvent> {
        self.from.recv().await
    }
}

impl futures_core::Stream for Events {
    type Item = EngineEvent;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<EngineEvent>> {
        self.from.poll_recv(context)
    }
}
