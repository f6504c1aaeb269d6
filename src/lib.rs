//! Windlass: an actor-based, in-memory workflow engine with a write-ahead journal.

mod actors;
pub mod clock;
pub mod dead_letter;
pub mod definition;
pub mod engine;
pub mod error;
pub mod expression;
#[cfg(test)]
mod growth;
mod guard;
pub mod id;
pub mod journal;
#[cfg(test)]
mod luck;
pub mod payload;
pub mod plan;
pub mod run;
pub mod seldom;
pub mod stored;
mod sync;
pub mod task;

pub use clock::Timestamp;
pub use dead_letter::{DeadLetter, DeadLetterFilter, DeadLetterGroup, DeadLetterId};
pub use definition::{Durability, ErrorClass, Step, WhenFull, Workflow};
pub use engine::{
    DeadLetters, Eager, Engine, EngineBuilder, EngineEvent, EventKind, Events, From, Outcome,
    QueueBuilder, QueueStats, Resume, RunHandle, Start, Stats,
};
pub use error::Error;
pub use guard::is_guarded;
pub use id::{Name, RunId};
pub use journal::RunFilter;
pub use payload::Payload;
pub use run::{Failure, Origin, RunHistory, RunState, RunSummary, StepState};
pub use task::{State, StepContext, StepError};

/// The program in the README is run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
