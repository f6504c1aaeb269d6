//! A bounded-by-its-senders inbox beside an actor's mailbox: what piles up is handled as one batch.
//!
//! Owns what has been sent and not been taken. It outlives the actor: one that is restarted
//! attaches itself and goes on with what waits. The mailbox itself only ever holds the wake-up.

use std::fmt;
use std::sync::Arc;

use crate::sync::{Mutex, lock};

/// Wakes the actor behind an inbox: casts its drain message.
type Wake = Arc<dyn Fn() + Send + Sync>;

/// Many senders, one actor.
pub(crate) struct Inbox<T> {
    state: Mutex<Waiting<T>>,
}

struct Waiting<T> {
    items: Vec<T>,
    /// Whether a wake-up is under way or the actor is at work.
    awake: bool,
    wake: Option<Wake>,
    /// Whether nobody will ever take anything again: what is sent is dropped, and with it whatever
    /// answer somebody waits for.
    closed: bool,
}

impl<T> Inbox<T> {
    /// An inbox without an actor: keeps what is sent until one attaches.
    pub(crate) fn new() -> Arc<Self> {
        let (items, wake) = (Vec::new(), None);
        Arc::new(Self { state: Mutex::new(Waiting { items, awake: false, wake, closed: false }) })
    }

    /// Names the actor to wake; wakes it at once if something waits.
    pub(crate) fn attach(&self, wake: impl Fn() + Send + Sync + 'static) {
        let wake: Wake = Arc::new(wake);
        let mut state = lock(&self.state);
        state.wake = Some(Arc::clone(&wake));
        state.awake = !state.items.is_empty();
        if state.awake {
            drop(state);
            wake();
        }
    }

    /// Sends one item.
    pub(crate) fn send(&self, item: T) {
        self.put(|items| items.push(item));
    }

    /// Sends items, and takes them out of `from`.
    pub(crate) fn send_all(&self, from: &mut Vec<T>) {
        if !from.is_empty() {
            self.put(|items| items.append(from));
        }
    }

    fn put(&self, add: impl FnOnce(&mut Vec<T>)) {
        let mut state = lock(&self.state);
        add(&mut state.items);
        if state.closed {
            return drop(std::mem::take(&mut state.items));
        }
        if state.awake {
            return;
        }
        let Some(wake) = state.wake.clone() else { return };
        state.awake = true;
        drop(state);
        wake();
    }

    /// Takes all that waits; `into` must be empty, and its memory is used for what comes next.
    pub(crate) fn take(&self, into: &mut Vec<T>) {
        std::mem::swap(&mut lock(&self.state).items, into);
    }

    /// Nobody takes anything any more.
    pub(crate) fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        let dropped = std::mem::take(&mut state.items);
        drop(state);
        drop(dropped);
    }

    /// The actor is done with what it took: `true` if more has come and it must go on, `false` if
    /// it may rest until it is woken.
    pub(crate) fn go_on(&self) -> bool {
        let mut state = lock(&self.state);
        state.awake = !state.items.is_empty();
        state.awake
    }
}

impl<T> fmt::Debug for Inbox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Inbox({} waiting)", lock(&self.state).items.len())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn one_wake_up_serves_all_that_is_sent_before_the_actor_rests() {
        let inbox = Inbox::new();
        let wakes = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&wakes);
        inbox.attach(move || {
            counter.fetch_add(1, Ordering::SeqCst);
        });
        inbox.send(1);
        inbox.send_all(&mut vec![2, 3]);
        let mut taken = Vec::new();
        inbox.take(&mut taken);
        assert_eq!((taken.as_slice(), wakes.load(Ordering::SeqCst)), ([1, 2, 3].as_slice(), 1));
        inbox.send(4);
        assert!(inbox.go_on(), "what came meanwhile is not forgotten");
        taken.clear();
        inbox.take(&mut taken);
        assert!(!inbox.go_on());
        inbox.send(5);
        assert_eq!(wakes.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn what_was_sent_to_a_dead_actor_waits_for_the_next_one() {
        let inbox = Inbox::new();
        inbox.attach(|| ());
        inbox.send("kept");
        let wakes = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&wakes);
        inbox.attach(move || {
            counter.fetch_add(1, Ordering::SeqCst);
        });
        assert_eq!(wakes.load(Ordering::SeqCst), 1);
    }
}
