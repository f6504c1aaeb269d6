//! For tests that pause tokio's time: it moves on whenever the runtime has nothing to do, so it is held
//! while the journal's thread works for the engine, as tokio holds it for its own threads.

use std::sync::mpsc::{Sender, channel};

use crate::clock::Clock;

/// Paused time stands still while this is there. Without paused time it is nothing.
pub(crate) struct Hold(
    #[expect(dead_code, reason = "its drop is what the thread waits for")] Option<Sender<()>>,
);

impl Hold {
    pub(crate) fn new(clock: &Clock) -> Self {
        if !clock.is_paused() {
            return Self(None);
        }
        let (held, over) = channel();
        tokio::task::spawn_blocking(move || over.recv());
        Self(Some(held))
    }
}
