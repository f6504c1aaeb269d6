//! The write-ahead log and what stands beside it: archive, dead letters, definitions, keys.
//!
//! [`Journal`] is the one door; `journal/codec` is the home of `bincode`, `journal/redb` of `redb`.

mod model;

pub use model::*;
