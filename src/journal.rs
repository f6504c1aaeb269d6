//! The write-ahead log and what stands beside it: archive, dead letters, definitions, keys.
//!
//! [`Journal`] is the one door; `journal/codec` is the home of `bincode`, `journal/redb` of `redb`,
//! `journal/checksum` of `crc`. The form of what is stored is drawn in `docs/journal-format.md`.

mod checksum;
pub mod codec;
mod entry;
mod frame;
mod memory;
mod model;
mod redb;

pub use self::memory::MemoryJournal;
pub use self::model::*;
pub use self::redb::{LAZY_MAX, RedbJournal, Report, check};
