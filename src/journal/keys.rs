//! Entries of idempotency keys as bytes.

use super::checksum::checksum;
use super::frame::le_u32;
use super::model::KeyEntry;
use crate::clock::Timestamp;
use crate::id::{EntityId, RunId};

const KEY_VERSION: u8 = 1;

/// Bytes of an entry: version, CRC over the key and what follows, run, input, at, until.
const KEY_BYTES: usize = 5 + 16 + 16 + 8 + 8;

/// An entry with its version and checksum.
pub(crate) fn encode_key(key: EntityId, entry: &KeyEntry) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(KEY_BYTES);
    bytes.extend_from_slice(&[KEY_VERSION, 0, 0, 0, 0]);
    bytes.extend_from_slice(&entry.run.to_bytes());
    bytes.extend_from_slice(&entry.input);
    bytes.extend_from_slice(&entry.at.as_micros().to_le_bytes());
    bytes.extend_from_slice(&entry.until.as_micros().to_le_bytes());
    let sum = checksum(&[&bytes[..1], &key.to_bytes(), &bytes[5..]]);
    bytes[1..5].copy_from_slice(&sum.to_le_bytes());
    bytes
}

/// The entry of a key; `None`: it is not what was written under this key.
pub(crate) fn decode_key(key: EntityId, bytes: &[u8]) -> Option<KeyEntry> {
    let whole = bytes.len() == KEY_BYTES && bytes[0] == KEY_VERSION;
    let sum = whole.then(|| checksum(&[&bytes[..1], &key.to_bytes(), &bytes[5..]]))?;
    let time = |at: usize| {
        let micros = bytes[at..at + 8].try_into().expect("invariant: eight bytes");
        Timestamp::from_micros(i64::from_le_bytes(micros))
    };
    (le_u32(&bytes[1..]) == sum).then(|| KeyEntry {
        run: RunId::from_bytes(bytes[5..21].try_into().expect("invariant: 16 bytes")),
        input: bytes[21..37].try_into().expect("invariant: 16 bytes"),
        at: time(37),
        until: time(45),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_written_and_a_changed_bit_is_found() {
        let key = EntityId::from_bytes([7; 16]);
        let entry = KeyEntry {
            run: RunId::from_bytes([1; 16]),
            input: [2; 16],
            at: Timestamp::from_micros(3),
            until: Timestamp::from_micros(4),
        };
        let bytes = encode_key(key, &entry);
        assert_eq!(decode_key(key, &bytes), Some(entry));
        assert_eq!(decode_key(EntityId::from_bytes([8; 16]), &bytes), None);
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode_key(key, &bytes), None, "bit {bit}");
        }
    }
}
