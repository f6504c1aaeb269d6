//! Tells an attempt that it is to stop.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::Notify;

use super::error::failure;
use crate::definition::ErrorClass;
use crate::run::Failure;

/// Set once, heard by all who hold a clone. [`CancelSignal::default`] is never set and costs nothing.
#[derive(Clone, Default)]
pub struct CancelSignal(Option<Arc<Shared>>);

/// Why an attempt is to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// Somebody cancelled the run, or nobody needs the result any more.
    Cancelled,
    /// The step's `timeout` has passed.
    TimedOut,
    /// The engine shuts down.
    Shutdown,
}

#[derive(Default)]
struct Shared {
    /// 0 while nothing is set; else the number of the reason, [`HEARD`], [`CUT`].
    state: AtomicU8,
    notify: Notify,
}

/// The bits of the state that are the number of the reason.
const REASON: u8 = 3;

/// Somebody can hear it.
const HEARD: u8 = 4;

/// The time to end is over.
const CUT: u8 = 8;

impl CancelSignal {
    /// A signal that can be set.
    pub fn new() -> Self {
        Self(Some(Arc::default()))
    }

    /// Sets the signal. The first reason stays.
    pub fn set(&self, reason: StopReason) {
        let Some(shared) = &self.0 else { return };
        let set = |state: u8| (state & REASON == 0).then(|| state | reason.state());
        if shared.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, set).is_ok() {
            shared.notify.notify_waiters();
        }
    }

    /// Sets the signal, and no time is left to heed it.
    pub(crate) fn cut(&self, reason: StopReason) {
        self.set(reason);
        if let Some(shared) = &self.0 {
            shared.state.fetch_or(CUT, Ordering::AcqRel);
            shared.notify.notify_waiters();
        }
    }

    /// Notes that the attempt can hear the signal.
    pub(crate) fn hear(&self) {
        if let Some(shared) = &self.0 {
            shared.state.fetch_or(HEARD, Ordering::Relaxed);
        }
    }

    /// Whether the attempt can hear the signal.
    pub(crate) fn is_heard(&self) -> bool {
        self.state() & HEARD != 0
    }

    /// The reason, once the signal is set.
    pub fn reason(&self) -> Option<StopReason> {
        StopReason::of_state(self.state() & REASON)
    }

    fn state(&self) -> u8 {
        self.0.as_ref().map_or(0, |shared| shared.state.load(Ordering::Acquire))
    }

    /// Whether the signal is set.
    pub fn is_set(&self) -> bool {
        self.reason().is_some()
    }

    /// Waits until the signal is set; for ever, if that can never be.
    pub async fn wait(&self) -> StopReason {
        self.wait_for(Self::reason).await
    }

    /// Waits until no time is left to heed the signal.
    pub(crate) async fn wait_for_cut(&self) {
        self.wait_for(|signal| (signal.state() & CUT != 0).then_some(())).await;
    }

    async fn wait_for<T>(&self, found: impl Fn(&Self) -> Option<T>) -> T {
        let Some(shared) = &self.0 else { return std::future::pending().await };
        loop {
            let mut notified = std::pin::pin!(shared.notify.notified());
            // Registered before the look at the state: a signal between the two is not lost.
            notified.as_mut().enable();
            if let Some(found) = found(self) {
                return found;
            }
            notified.await;
        }
    }

    /// Whether it can serve another attempt: it can be set, is not, nobody has heard of it, and nobody
    /// else holds it.
    ///
    /// A worker that asks this keeps one signal for all the handlers that are ready at once.
    pub fn is_fresh(&mut self) -> bool {
        self.0.as_mut().and_then(Arc::get_mut).is_some_and(|shared| *shared.state.get_mut() == 0)
    }
}

impl StopReason {
    /// What an attempt ends with that was stopped for this reason.
    pub fn failure(self) -> Failure {
        match self {
            Self::Cancelled => failure(ErrorClass::Named("cancelled".into()), "was cancelled"),
            Self::TimedOut => failure(ErrorClass::Timeout, "the time was up"),
            Self::Shutdown => {
                failure(ErrorClass::Named("interrupted".into()), "the engine shut down")
            }
        }
    }

    fn state(self) -> u8 {
        match self {
            Self::Cancelled => 1,
            Self::TimedOut => 2,
            Self::Shutdown => 3,
        }
    }

    fn of_state(state: u8) -> Option<Self> {
        [Self::Cancelled, Self::TimedOut, Self::Shutdown].into_iter().find(|r| r.state() == state)
    }
}

impl fmt::Debug for CancelSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CancelSignal").field(&self.reason()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_signal_reaches_who_waits_and_who_comes_later() {
        let signal = CancelSignal::new();
        let waiter = tokio::spawn({
            let signal = signal.clone();
            async move { signal.wait().await }
        });
        tokio::task::yield_now().await;
        signal.set(StopReason::TimedOut);
        signal.set(StopReason::Cancelled);
        assert_eq!(waiter.await.unwrap(), StopReason::TimedOut);
        assert_eq!(signal.wait().await, StopReason::TimedOut);
    }

    #[test]
    fn a_signal_is_fresh_until_it_is_shared_or_set() {
        let mut signal = CancelSignal::new();
        assert!(signal.is_fresh());
        let other = signal.clone();
        assert!(!signal.is_fresh());
        drop(other);
        signal.set(StopReason::Shutdown);
        assert!(!signal.is_fresh());
        assert!(!CancelSignal::default().is_fresh());
    }
}
