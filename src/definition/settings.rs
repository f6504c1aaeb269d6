//! What belongs to the machine and not to a workflow: `engine.toml`.

use indexmap::IndexMap;

use super::RetentionKeys;
use crate::id::Name;

/// The queue of every step that names none.
pub const QUEUE_DEFAULT: &str = "default";

/// The slots of a queue that says nothing.
pub const WORKERS_DEFAULT: usize = 8;

/// The most slots of a queue.
pub const WORKERS_MAX: usize = 100_000;

/// `engine.toml`
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// `[queues.<name>]`
    pub queues: IndexMap<Name, QueueSettings>,
    /// `[retention]`: of the workflows that have none of their own.
    pub retention: RetentionKeys,
}

/// One queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSettings {
    /// `workers`: attempts at once, 1..=100,000; default 8.
    pub workers: usize,
    /// `max_depth`: ready jobs, beyond which a run is not accepted; default: no limit.
    pub max_depth: Option<usize>,
    /// `when_full`
    pub when_full: WhenFull,
    /// `priority`, -100..=100: added to that of its jobs.
    pub priority: i8,
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self { workers: WORKERS_DEFAULT, max_depth: None, when_full: WhenFull::Reject, priority: 0 }
    }
}

/// What a start does when the queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenFull {
    /// It is refused.
    #[default]
    Reject,
    /// It waits for room.
    Wait,
}
