//! The write-ahead log and what stands beside it: archive, dead letters, definitions, keys.
//!
//! [`Journal`] is the one door; `journal/codec` is the home of `bincode`, `journal/redb` of `redb`,
//! `journal/checksum` of `crc`. The form of what is stored is drawn in `docs/journal-format.md`.

mod batch;
mod checksum;
mod entry;
mod frame;
mod keys;
mod memory;
mod model;
mod port;
mod redb;

pub use self::batch::Batch;
pub use self::entry::Entry;
pub use self::memory::MemoryJournal;
pub use self::model::*;
pub use self::port::{Done, Drain, Journal, Keep, Options, Replayed, Urgency, Visit};
#[cfg(test)]
pub(crate) use self::redb::crash;
pub use self::redb::{LAZY_MAX, RedbJournal, Report, check};
