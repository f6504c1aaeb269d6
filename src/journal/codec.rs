//! Bodies as bytes. The only home of `bincode`; what it has written once can be read for ever.
//!
//! A body is a version byte and then the value, in bincode 2's standard configuration (little
//! endian, integers of variable length). Nothing here protects against damage: the frames do.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::model::{KeyEntry, RunSummary};
use crate::plan::Source;
use crate::run::Event;

/// The version that is written.
pub const BODY_VERSION: u8 = 1;

/// What a value may grow to in memory, per byte of its body: a damaged length cannot ask for more.
const GROWTH_MAX: usize = 8;

const KIB_64: usize = 1 << 16;
const MIB_1: usize = 1 << 20;
const MIB_16: usize = 1 << 24;
const MIB_256: usize = 1 << 28;
const GIB_2: usize = 1 << 31;

/// Why a body could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// There is no byte at all.
    #[error("an empty body")]
    Empty,
    /// A later version of Windlass wrote it.
    #[error("a body of version {0}, and this windlass reads up to {BODY_VERSION}")]
    Version(u8),
    /// The bytes are no such value.
    #[error("a body that cannot be read: {0}")]
    Malformed(String),
    /// The value ends before the bytes do.
    #[error("a body with {0} bytes too many")]
    Trailing(usize),
}

/// The events of one decision round.
pub fn encode_events(events: &[Event]) -> Bytes {
    encode(events)
}

/// Reads what [`encode_events`] wrote.
///
/// # Errors
/// Where the bytes are not that.
pub fn decode_events(body: &[u8]) -> Result<Vec<Event>, CodecError> {
    decode(body)
}

/// The whole state of a run.
pub fn encode_run<T: Serialize>(run: &T) -> Bytes {
    encode(run)
}

/// Reads what [`encode_run`] wrote.
///
/// # Errors
/// Where the bytes are not that.
pub fn decode_run<T: DeserializeOwned>(body: &[u8]) -> Result<T, CodecError> {
    decode(body)
}

/// A version of a workflow.
pub fn encode_source(source: &Source) -> Bytes {
    encode(source)
}

/// Reads what [`encode_source`] wrote.
///
/// # Errors
/// Where the bytes are not that.
pub fn decode_source(body: &[u8]) -> Result<Source, CodecError> {
    decode(body)
}

/// A dead letter.
pub fn encode_dead_letter<T: Serialize>(entry: &T) -> Bytes {
    encode(entry)
}

/// Reads what [`encode_dead_letter`] wrote.
///
/// # Errors
/// Where the bytes are not that.
pub fn decode_dead_letter<T: DeserializeOwned>(body: &[u8]) -> Result<T, CodecError> {
    decode(body)
}

pub(crate) fn encode_key(entry: &KeyEntry) -> Bytes {
    encode(entry)
}

pub(crate) fn decode_key(body: &[u8]) -> Result<KeyEntry, CodecError> {
    decode(body)
}

pub(crate) fn encode_summary(summary: &RunSummary) -> Bytes {
    encode(summary)
}

pub(crate) fn decode_summary(body: &[u8]) -> Result<RunSummary, CodecError> {
    decode(body)
}

fn encode<T: Serialize + ?Sized>(value: &T) -> Bytes {
    let mut body = Vec::with_capacity(256);
    body.push(BODY_VERSION);
    bincode::serde::encode_into_std_write(value, &mut body, bincode::config::standard())
        .expect("invariant: what is stored has no type that bincode refuses");
    body.into()
}

fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, CodecError> {
    let (&version, value) = body.split_first().ok_or(CodecError::Empty)?;
    if version != BODY_VERSION {
        return Err(CodecError::Version(version));
    }
    match value.len().saturating_mul(GROWTH_MAX) {
        room if room <= KIB_64 => decode_within::<T, KIB_64>(value),
        room if room <= MIB_1 => decode_within::<T, MIB_1>(value),
        room if room <= MIB_16 => decode_within::<T, MIB_16>(value),
        room if room <= MIB_256 => decode_within::<T, MIB_256>(value),
        _ => decode_within::<T, GIB_2>(value),
    }
}

fn decode_within<T: DeserializeOwned, const LIMIT: usize>(value: &[u8]) -> Result<T, CodecError> {
    let config = bincode::config::standard().with_limit::<LIMIT>();
    let (decoded, read) = bincode::serde::decode_from_slice(value, config)
        .map_err(|error| CodecError::Malformed(error.to_string()))?;
    match value.len() - read {
        0 => Ok(decoded),
        rest => Err(CodecError::Trailing(rest)),
    }
}

#[cfg(test)]
mod tests;
