//! Windlass: an actor-based, in-memory workflow engine with a write-ahead journal.

pub mod clock;
pub mod definition;
pub mod expression;
pub mod id;
pub mod journal;
pub mod payload;
pub mod plan;
pub mod run;
pub mod task;
