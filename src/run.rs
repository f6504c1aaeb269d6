//! The state machine of one run. Pure: reads no clock, does nothing, holds no plan.
//!
//! `decide` says what has happened, given what came in; `apply` makes it so and says what must now
//! be done; `owed` says again, after a recovery, what is still to be done. State is a function of
//! the events alone.

mod model;

pub use model::*;
