//! The shell: the actors that run what the layers above decide. The home of `ractor`.
//!
//! All have one shape. What waits for an actor lies in an [`inbox`] beside its mailbox, so that it
//! is handled in batches and outlives the actor.

pub(crate) mod desk;
pub(crate) mod dlq;
mod hash;
pub(crate) mod hub;
pub(crate) mod inbox;
pub(crate) mod journal;
pub(crate) mod queue;
pub(crate) mod shard;
pub(crate) mod shared;
pub(crate) mod supervisor;
pub(crate) mod timers;
pub(crate) mod watchdog;
pub(crate) mod worker;
