//! How quick the disk has been of late: what is answered before it is durable must be soon.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crate::clock::Clock;

/// What the disk is taken for before anything was written, in bytes for each millisecond.
const FIRST_SPEED: u64 = 50_000;

/// Commits of so many bytes and more say how quick the disk is; shorter ones what a commit costs.
const LARGE_BYTES: usize = 256 << 10;

/// Bytes on their way, and what commits have taken.
#[derive(Debug)]
pub(super) struct Pace {
    waiting: AtomicUsize,
    /// Bytes for each millisecond of a large commit.
    speed: AtomicU64,
    /// Microseconds of a small commit.
    cost: AtomicU64,
    /// The last commit has failed: nothing is answered early before one has succeeded.
    failed: AtomicBool,
}

impl Default for Pace {
    fn default() -> Self {
        let (speed, cost) = (AtomicU64::new(FIRST_SPEED), AtomicU64::new(0));
        let (waiting, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
        Self { waiting, speed, cost, failed }
    }
}

impl Pace {
    pub(super) fn handed_over(&self, bytes: usize) {
        self.waiting.fetch_add(bytes, Ordering::AcqRel);
    }

    /// How many more bytes are durable within this time: the commit under way ends before, and one
    /// with all that waits follows.
    pub(super) fn room(&self, within: Duration) -> usize {
        if self.failed.load(Ordering::Acquire) {
            return 0;
        }
        let micros = u64::try_from(within.as_micros()).unwrap_or(u64::MAX);
        let left = micros.saturating_sub(2 * self.cost.load(Ordering::Acquire));
        let bytes = left.saturating_mul(self.speed.load(Ordering::Acquire)) / 1_000;
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        bytes.saturating_sub(self.waiting.load(Ordering::Acquire))
    }

    /// Runs a commit of so many bytes.
    pub(super) fn measured<T, E>(
        &self,
        bytes: usize,
        commit: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let clock = Clock::system();
        let began = clock.now();
        let result = commit();
        if bytes > 0 || result.is_err() {
            self.failed.store(result.is_err(), Ordering::Release);
        }
        if bytes > 0 {
            let took = clock.now().since(began).as_micros();
            self.learn(bytes, u64::try_from(took).unwrap_or(u64::MAX).max(1));
        }
        self.waiting.fetch_sub(bytes, Ordering::AcqRel);
        result
    }

    /// Slower counts at once, quicker by and by.
    fn learn(&self, bytes: usize, micros: u64) {
        if bytes < LARGE_BYTES {
            let old = self.cost.load(Ordering::Acquire);
            self.cost.store(micros.max((old * 7 + micros) / 8), Ordering::Release);
            return;
        }
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let found = bytes.saturating_mul(1_000) / micros;
        let old = self.speed.load(Ordering::Acquire);
        self.speed.store(found.min((old * 7 + found) / 8).max(1), Ordering::Release);
    }
}
