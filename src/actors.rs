//! The shell: the actors that run what the layers above decide. The home of `ractor`.
//!
//! What waits for an actor lies in an [`inbox`] beside its mailbox, so that it is handled in batches
//! and outlives the actor. All but supervisors and workers are one actor, [`drain`], over different
//! states; a test owns such a state and drains it by hand.

pub(crate) mod desk;
pub(crate) mod dlq;
pub(crate) mod drain;
pub(crate) mod evaluator;
pub(crate) mod hash;
pub(crate) mod hold;
pub(crate) mod hub;
pub(crate) mod inbox;
pub(crate) mod journal;
pub(crate) mod queue;
pub(crate) mod retention;
pub(crate) mod shard;
pub(crate) mod shared;
pub(crate) mod supervisor;
pub(crate) mod timers;
pub(crate) mod watchdog;
pub(crate) mod worker;
