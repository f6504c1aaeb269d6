//! The first form of everything that is stored.
//!
//! Every struct here is a storage struct: its fields, their order and their types are bytes of other
//! people's data. From the first release on none of them changes; a new form is a new struct with a
//! new tag or version.

mod accepted;
mod common;
pub(super) mod definition;
pub(super) mod event;
pub(super) mod letter;
pub(super) mod run;
mod scope;
pub(super) mod summary;
mod unit;
