//! Entries with a tag and a length, one behind the other: events, and the sections of a snapshot.
//!
//! ```text
//! tag     1 or 3 bytes   never used for another form
//! length  1, 3 or 5      bytes of the body
//! body                   the storage struct, in bincode's standard configuration
//! ```
//! Tag and length are bincode's integers of variable length: one byte below 251, else 251 and a
//! `u16`, or 252 and a `u32`, little endian.

use serde::{Deserialize, Serialize};

/// What a value may grow to in memory, per byte of its body: a damaged length cannot ask for more.
const GROWTH_MAX: usize = 8;

const KIB_64: usize = 1 << 16;
const MIB_1: usize = 1 << 20;
const MIB_16: usize = 1 << 24;
const MIB_256: usize = 1 << 28;
const GIB_2: usize = 1 << 31;

/// The first byte of an integer that takes two or four more.
const TWO_MORE: u8 = 251;
const FOUR_MORE: u8 = 252;

/// Why stored bytes could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoredError {
    /// The bytes end within an entry.
    #[error("the bytes end within an entry")]
    Short,
    /// A later version of Windlass wrote it.
    #[error("{what} with the tag {tag}, which this windlass does not know")]
    UnknownTag {
        /// What was expected: an event, a section.
        what: &'static str,
        /// The tag.
        tag: u16,
    },
    /// A later version of Windlass wrote it.
    #[error("{what} of version {version}, which this windlass does not know")]
    UnknownVersion {
        /// What was read.
        what: &'static str,
        /// The version.
        version: u8,
    },
    /// The bytes are no such value.
    #[error("{what} that cannot be read: {why}")]
    Malformed {
        /// What was read.
        what: &'static str,
        /// What is wrong.
        why: String,
    },
    /// Something that must be there is not.
    #[error("{0} is missing")]
    Missing(&'static str),
}

/// Appends an entry.
pub(super) fn write<T: Serialize + ?Sized>(out: &mut Vec<u8>, tag: u16, body: &T) {
    write_integer(out, u32::from(tag));
    let length_at = out.len();
    out.push(0);
    encode(out, body);
    set_length(out, length_at);
}

/// Appends the bytes of a value, without tag and length.
pub(super) fn encode<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    bincode::serde::encode_into_std_write(value, out, bincode::config::standard())
        .expect("invariant: what is stored has no type that bincode refuses");
}

/// Fills in the length of the body behind `at`. Most are short, and fit the one byte kept for it.
fn set_length(out: &mut Vec<u8>, at: usize) {
    let length = u32::try_from(out.len() - at - 1).expect("invariant: an entry is below 4 GiB");
    match u8::try_from(length) {
        Ok(short) if short < TWO_MORE => out[at] = short,
        Ok(_) | Err(_) => {
            let mut bytes = Vec::with_capacity(5);
            write_integer(&mut bytes, length);
            out.splice(at..=at, bytes);
        }
    }
}

fn write_integer(out: &mut Vec<u8>, number: u32) {
    match (u8::try_from(number), u16::try_from(number)) {
        (Ok(small), _) if small < TWO_MORE => out.push(small),
        (_, Ok(medium)) => {
            out.push(TWO_MORE);
            out.extend_from_slice(&medium.to_le_bytes());
        }
        (_, Err(_)) => {
            out.push(FOUR_MORE);
            out.extend_from_slice(&number.to_le_bytes());
        }
    }
}

/// Reads entries one by one.
#[derive(Debug, Clone)]
pub(super) struct Entries<'a> {
    rest: &'a [u8],
}

impl<'a> Entries<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn entry(&mut self) -> Result<(u16, &'a [u8]), StoredError> {
        let tag = u16::try_from(self.integer()?).map_err(|_| StoredError::Short)?;
        let length = usize::try_from(self.integer()?).map_err(|_| StoredError::Short)?;
        Ok((tag, self.take(length)?))
    }

    fn integer(&mut self) -> Result<u32, StoredError> {
        match self.take(1)?[0] {
            TWO_MORE => {
                let bytes = self.take(2)?;
                Ok(u32::from(u16::from_le_bytes([bytes[0], bytes[1]])))
            }
            FOUR_MORE => {
                let bytes = self.take(4)?;
                Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
            }
            small if small < TWO_MORE => Ok(u32::from(small)),
            _ => Err(StoredError::Short),
        }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], StoredError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(StoredError::Short)?;
        self.rest = rest;
        Ok(taken)
    }
}

/// Ends with the first entry that cannot be read.
impl<'a> Iterator for Entries<'a> {
    type Item = Result<(u16, &'a [u8]), StoredError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let entry = self.entry();
        if entry.is_err() {
            self.rest = &[];
        }
        Some(entry)
    }
}

/// Appends a section: an entry whose body is the section's version and then what `fill` appends.
pub(super) fn write_section(
    out: &mut Vec<u8>,
    (tag, version): (u16, u8),
    fill: impl FnOnce(&mut Vec<u8>),
) {
    write_integer(out, u32::from(tag));
    let length_at = out.len();
    out.extend_from_slice(&[0, version]);
    fill(out);
    set_length(out, length_at);
}

/// Appends how many there are, and each.
pub(super) fn write_list<T: Serialize>(
    out: &mut Vec<u8>,
    values: impl ExactSizeIterator<Item = T>,
) {
    encode(out, &values.len());
    values.for_each(|value| encode(out, &value));
}

/// Reads the values of a section one behind the other.
#[derive(Debug)]
pub(super) struct Values<'a> {
    what: &'static str,
    rest: &'a [u8],
}

impl<'a> Values<'a> {
    /// The values of a section of this version.
    pub(super) fn of(what: &'static str, version: u8, body: &'a [u8]) -> Result<Self, StoredError> {
        match body.split_first() {
            Some((found, rest)) if *found == version => Ok(Self { what, rest }),
            Some((found, _)) => Err(StoredError::UnknownVersion { what, version: *found }),
            None => Err(StoredError::Short),
        }
    }

    /// The next value.
    pub(super) fn next<T: Deserialize<'a>>(&mut self) -> Result<T, StoredError> {
        let (value, read) = decode_some(self.rest).map_err(|why| self.malformed(why))?;
        self.rest = &self.rest[read..];
        Ok(value)
    }

    /// A list: how many there are, and each.
    pub(super) fn list<T: Deserialize<'a>, U>(
        &mut self,
        each: impl Fn(T) -> Result<U, StoredError>,
    ) -> Result<Vec<U>, StoredError> {
        let count: usize = self.next()?;
        // A count that is not true asks for no more than there are bytes.
        let mut values = Vec::with_capacity(count.min(self.rest.len()));
        for _ in 0..count {
            values.push(each(self.next()?)?);
        }
        Ok(values)
    }

    /// There is nothing more.
    pub(super) fn end(self) -> Result<(), StoredError> {
        match self.rest.len() {
            0 => Ok(()),
            rest => Err(self.malformed(format!("{rest} bytes too many"))),
        }
    }

    fn malformed(&self, why: String) -> StoredError {
        StoredError::Malformed { what: self.what, why }
    }
}

/// Reads a value that takes all of `body`; it may borrow from it.
pub(super) fn decode<'a, T: Deserialize<'a>>(
    what: &'static str,
    body: &'a [u8],
) -> Result<T, StoredError> {
    let decoded = decode_some(body).and_then(|(value, read)| match body.len() - read {
        0 => Ok(value),
        rest => Err(format!("{rest} bytes too many")),
    });
    decoded.map_err(|why| StoredError::Malformed { what, why })
}

/// Reads a value at the start of `body`, and how many bytes it takes.
fn decode_some<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<(T, usize), String> {
    match body.len().saturating_mul(GROWTH_MAX) {
        room if room <= KIB_64 => decode_within::<T, KIB_64>(body),
        room if room <= MIB_1 => decode_within::<T, MIB_1>(body),
        room if room <= MIB_16 => decode_within::<T, MIB_16>(body),
        room if room <= MIB_256 => decode_within::<T, MIB_256>(body),
        _ => decode_within::<T, GIB_2>(body),
    }
}

fn decode_within<'a, T: Deserialize<'a>, const LIMIT: usize>(
    body: &'a [u8],
) -> Result<(T, usize), String> {
    let config = bincode::config::standard().with_limit::<LIMIT>();
    bincode::serde::borrow_decode_from_slice(body, config).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(tag: u16, length: usize) -> usize {
        let mut bytes = Vec::new();
        let body: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
        write(&mut bytes, tag, &body);
        write(&mut bytes, 1, "behind");
        let mut entries = Entries::of(&bytes);
        let (found, stored) = entries.next().unwrap().unwrap();
        assert_eq!((found, decode::<Vec<u8>>("bytes", stored)), (tag, Ok(body)));
        let (_, behind) = entries.next().unwrap().unwrap();
        assert_eq!(decode::<String>("text", behind).as_deref(), Ok("behind"));
        assert!(entries.next().is_none());
        bytes.len()
    }

    #[test]
    fn entries_of_every_size_stand_behind_each_other() {
        for tag in [0, 250, 251, 255, 256, u16::MAX] {
            for length in [0, 1, 248, 249, 250, 251, 252, 255, 256, 65_533, 65_534, 70_000] {
                round_trip(tag, length);
            }
        }
        assert_eq!(round_trip(7, 10), 2 + 1 + 10 + 2 + 7, "a short entry costs two bytes");
    }

    #[test]
    fn bytes_that_end_too_early_are_told() {
        let mut bytes = Vec::new();
        write(&mut bytes, 300, &vec![1_u8; 300]);
        for end in 1..bytes.len() {
            let found: Vec<_> = Entries::of(&bytes[..end]).collect();
            assert_eq!(found, [Err(StoredError::Short)], "cut at {end}");
        }
    }

    #[test]
    fn a_length_that_is_not_true_asks_for_no_memory() {
        let body = [253, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
        let read = decode::<Vec<u64>>("a list", &body);
        assert!(matches!(read, Err(StoredError::Malformed { what: "a list", .. })), "{read:?}");
        assert!(decode::<u8>("a byte", &[1, 2]).is_err());
    }
}
