//! The three vocabularies of a run (inputs, events, effects), and what they speak of.

mod accepted;
mod effect;
mod evaluation;
mod event;
mod input;
mod state;
mod timer;
mod unit;

pub use accepted::*;
pub use effect::*;
pub use evaluation::*;
pub use event::*;
pub use input::*;
pub use state::*;
pub(crate) use timer::Armed;
pub use timer::{Timer, TimerOwner};
pub use unit::{Attempt, ItemPath, ScopeId, Unit};
pub(crate) use unit::{FIRST_EPOCH, fencing};

use std::time::Duration;

use serde::Serialize;

use crate::definition::ErrorClass;

/// Why an attempt did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// What retry rules look at.
    pub class: ErrorClass,
    /// For people: a lowercase fragment, at most 4 KiB.
    pub message: Box<str>,
    /// How long to wait, if the error said so.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// The longest message, in bytes.
    pub const MESSAGE_BYTES_MAX: usize = 4096;

    /// A failure of this class; the message is cut to [`Failure::MESSAGE_BYTES_MAX`].
    pub fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        let mut message = message.into();
        let mut end = message.len().min(Self::MESSAGE_BYTES_MAX);
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        message.truncate(end);
        Self { class, message: message.into_boxed_str(), retry_after: None }
    }
}
