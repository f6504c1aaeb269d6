//! Hashing of run ids: their last bytes are random, so they are their own hash.

use std::hash::{BuildHasherDefault, Hasher};

/// The hasher of maps keyed by run id.
pub(crate) type ByLastBytes = BuildHasherDefault<LastBytes>;

/// Keeps the last eight bytes written; meant for UUIDs, whose tail is random.
#[derive(Debug, Default)]
pub(crate) struct LastBytes(u64);

impl Hasher for LastBytes {
    fn finish(&self) -> u64 {
        // The lowest six bits name the shard and are alike for many: fold the upper ones in.
        self.0 ^ (self.0 >> 29)
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(tail) = bytes.last_chunk::<8>() {
            self.0 ^= u64::from_be_bytes(*tail);
        }
    }

    fn write_usize(&mut self, _length: usize) {}
}
