//! How everything of a run is stored: storage structs, their tags, and their bytes. The only home of
//! `bincode`.
//!
//! No struct of the engine is ever encoded itself. What is written is borrowed from the engine's
//! structs into storage structs, what is read is turned from them into the engine's, and each form
//! has a tag or a version that is never used for anything else. An unknown tag or version is an
//! error, never a guess. Nothing here protects against damage: the frames of the journal do.
//! `docs/journal-format.md` draws the bytes.

mod tagged;
mod v1;

#[cfg(test)]
mod tests;

pub use self::tagged::StoredError;

use bytes::Bytes;

use self::tagged::Entries;
use crate::dead_letter::DeadLetter;
use crate::plan::StoredDefinition;
use crate::run::{Damaged, Event, Run, RunSummary};

/// The events of one decision round.
pub fn encode_events(events: &[Event]) -> Bytes {
    bytes(|to| write_events(events, to))
}

/// The same, behind what is in `to`.
pub fn write_events(events: &[Event], to: &mut Vec<u8>) {
    for event in events {
        v1::event::encode(to, event);
    }
}

/// Reads what [`encode_events`] wrote.
///
/// # Errors
/// Where the bytes are not that, or a later version wrote them.
pub fn decode_events(body: &[u8]) -> Result<Vec<Event>, StoredError> {
    let event = |entry: Result<(u16, &[u8]), StoredError>| {
        let (tag, body) = entry?;
        v1::event::decode(tag, body)
    };
    Entries::of(body).map(event).collect()
}

/// The whole state of a run.
pub fn encode_run(run: &Run) -> Bytes {
    bytes(|to| write_run(run, to))
}

/// The same, behind what is in `to`.
pub fn write_run(run: &Run, to: &mut Vec<u8>) {
    v1::run::encode_run(to, run);
}

/// Reads what [`encode_run`] wrote.
///
/// # Errors
/// Where the bytes are not that, or a later version wrote them.
pub fn decode_run(body: &[u8]) -> Result<Run, StoredError> {
    v1::run::decode_run(body)
}

/// A version of a workflow.
pub fn encode_definition(definition: &StoredDefinition) -> Bytes {
    bytes(|to| v1::definition::encode_definition(to, definition))
}

/// Reads what [`encode_definition`] wrote.
///
/// # Errors
/// Where the bytes are not that, or a later version wrote them.
pub fn decode_definition(body: &[u8]) -> Result<StoredDefinition, StoredError> {
    v1::definition::decode_definition(body)
}

/// A dead letter.
pub(crate) fn encode_letter(letter: &DeadLetter) -> Bytes {
    bytes(|to| v1::letter::encode_letter(to, letter))
}

/// Reads what [`encode_letter`] wrote.
pub(crate) fn decode_letter(body: &[u8]) -> Result<DeadLetter, StoredError> {
    v1::letter::decode_letter(body)
}

/// A run in one line, behind what is in `to`.
pub(crate) fn write_summary(summary: &RunSummary, to: &mut Vec<u8>) {
    v1::summary::encode_summary(to, summary);
}

/// Reads what [`write_summary`] wrote.
pub(crate) fn decode_summary(body: &[u8]) -> Result<RunSummary, StoredError> {
    v1::summary::decode_summary(body)
}

/// Why a run was set aside.
pub(crate) fn encode_damaged(damaged: &Damaged) -> Bytes {
    bytes(|to| v1::summary::encode_damaged(to, damaged))
}

/// Reads what [`encode_damaged`] wrote.
pub(crate) fn decode_damaged(body: &[u8]) -> Result<Damaged, StoredError> {
    v1::summary::decode_damaged(body)
}

/// What the journal keeps without knowing what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// The events of one round.
    Events,
    /// The whole state of a run.
    Run,
    /// A dead letter.
    Letter,
}

/// Reads it as a start or a question would.
///
/// # Errors
/// Where it cannot be read, in words.
pub(crate) fn check(content: Content, body: &[u8]) -> Result<(), String> {
    let read = match content {
        Content::Events => decode_events(body).map(drop),
        Content::Run => decode_run(body).map(drop),
        Content::Letter => decode_letter(body).map(drop),
    };
    read.map_err(|error| error.to_string())
}

fn bytes(write: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let mut bytes = Vec::with_capacity(256);
    write(&mut bytes);
    bytes.into()
}
