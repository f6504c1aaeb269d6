//! The three vocabularies of a run (inputs, events, effects), and what they speak of.

mod effect;
mod event;
mod input;
mod state;

pub use effect::*;
pub use event::*;
pub use input::*;
pub use state::*;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::definition::ErrorClass;
use crate::plan::NodeId;

/// What is executed: a node, or one item of a fan-out node, or a body node for one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Unit {
    /// The node.
    pub node: NodeId,
    /// The item's index in the list; `Unit::NO_ITEM` outside of a fan-out.
    #[serde(with = "stored_item")]
    pub item: u32,
}

/// An item as it is stored: one more, so that the frequent `NO_ITEM` is a 0 and takes one byte.
mod stored_item {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for this signature")]
    pub(super) fn serialize<S: Serializer>(item: &u32, to: S) -> Result<S::Ok, S::Error> {
        item.wrapping_add(1).serialize(to)
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<u32, D::Error> {
        u32::deserialize(from).map(|stored| stored.wrapping_sub(1))
    }
}

impl Unit {
    /// The `item` of a unit that belongs to no fan-out.
    pub const NO_ITEM: u32 = u32::MAX;

    /// The unit of a plain node.
    pub const fn of(node: NodeId) -> Self {
        Self { node, item: Self::NO_ITEM }
    }

    /// The unit of one item.
    pub const fn item(node: NodeId, item: u32) -> Self {
        Self { node, item }
    }

    /// Whether it belongs to an item of a fan-out.
    pub const fn has_item(self) -> bool {
        self.item != Self::NO_ITEM
    }
}

/// Why an attempt did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
