//! What many storage structs hold: units, attempts, failures, times, bytes.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::clock::Timestamp;
use crate::definition::ErrorClass;
use crate::id::Name;
use crate::payload::Payload;
use crate::plan::NodeId;
use crate::run::{Attempt, Failure, RunState, ScopeId, Unit};
use crate::stored::StoredError;

/// Microseconds since the Unix epoch.
pub(in crate::stored) type Micros = i64;

/// Bytes, written and read at once: the JSON of a payload, a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::stored) struct RawBytes<'a>(pub(in crate::stored) &'a [u8]);

impl Serialize for RawBytes<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for RawBytes<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        <&'de [u8]>::deserialize(from).map(RawBytes)
    }
}

impl<'a> From<&'a Payload> for RawBytes<'a> {
    fn from(payload: &'a Payload) -> Self {
        Self(payload.as_bytes())
    }
}

impl From<RawBytes<'_>> for Payload {
    fn from(bytes: RawBytes<'_>) -> Self {
        Self::of_record(bytes.0)
    }
}

/// One instance of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::stored) struct UnitRecord {
    scope: u32,
    /// The place in the definition's list.
    node: u32,
}

impl From<Unit> for UnitRecord {
    fn from(unit: Unit) -> Self {
        Self { scope: unit.scope.0, node: unit.node.0 }
    }
}

impl From<UnitRecord> for Unit {
    fn from(stored: UnitRecord) -> Self {
        Self { scope: ScopeId(stored.scope), node: NodeId(stored.node) }
    }
}

/// One try that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::stored) struct AttemptRecord {
    unit: UnitRecord,
    dispatch: u32,
    started: Micros,
    /// Microseconds from its start to its end: short, where the end itself takes nine bytes.
    took: i64,
}

impl From<Attempt> for AttemptRecord {
    fn from(attempt: Attempt) -> Self {
        let (started, ended) = (attempt.started.as_micros(), attempt.ended.as_micros());
        Self {
            unit: attempt.unit.into(),
            dispatch: attempt.dispatch,
            started,
            took: ended.wrapping_sub(started),
        }
    }
}

impl From<AttemptRecord> for Attempt {
    fn from(stored: AttemptRecord) -> Self {
        Self {
            unit: stored.unit.into(),
            dispatch: stored.dispatch,
            started: Timestamp::from_micros(stored.started),
            ended: Timestamp::from_micros(stored.started.wrapping_add(stored.took)),
        }
    }
}

/// Why an attempt did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::stored) struct FailureRecord<'a> {
    /// As people write it: `timeout`, `exit:3`, `out_of_stock`.
    #[serde(borrow)]
    class: Cow<'a, str>,
    message: &'a str,
    retry_after: Option<Duration>,
}

impl<'a> From<&'a Failure> for FailureRecord<'a> {
    fn from(failure: &'a Failure) -> Self {
        Self {
            class: Cow::Owned(failure.class.to_string()),
            message: &failure.message,
            retry_after: failure.retry_after,
        }
    }
}

impl TryFrom<FailureRecord<'_>> for Failure {
    type Error = StoredError;

    fn try_from(stored: FailureRecord<'_>) -> Result<Self, StoredError> {
        let class = ErrorClass::parse(&stored.class)
            .ok_or_else(|| malformed("an error class", &stored.class))?;
        let mut failure = Self::new(class, stored.message);
        failure.retry_after = stored.retry_after;
        Ok(failure)
    }
}

/// A failure in a box, as events and units have it.
pub(in crate::stored) fn boxed(stored: FailureRecord<'_>) -> Result<Box<Failure>, StoredError> {
    Failure::try_from(stored).map(Box::new)
}

/// The state of a run; new ones are added at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::stored) enum RunStateRecord {
    Pending,
    Running,
    Paused,
    Parked,
    Succeeded,
    Failed,
    Cancelled,
    Damaged,
}

impl From<RunState> for RunStateRecord {
    fn from(state: RunState) -> Self {
        match state {
            RunState::Pending => Self::Pending,
            RunState::Running => Self::Running,
            RunState::Paused => Self::Paused,
            RunState::Parked => Self::Parked,
            RunState::Succeeded => Self::Succeeded,
            RunState::Failed => Self::Failed,
            RunState::Cancelled => Self::Cancelled,
            RunState::Damaged => Self::Damaged,
        }
    }
}

impl From<RunStateRecord> for RunState {
    fn from(stored: RunStateRecord) -> Self {
        match stored {
            RunStateRecord::Pending => Self::Pending,
            RunStateRecord::Running => Self::Running,
            RunStateRecord::Paused => Self::Paused,
            RunStateRecord::Parked => Self::Parked,
            RunStateRecord::Succeeded => Self::Succeeded,
            RunStateRecord::Failed => Self::Failed,
            RunStateRecord::Cancelled => Self::Cancelled,
            RunStateRecord::Damaged => Self::Damaged,
        }
    }
}

/// Reads a moment.
pub(in crate::stored) fn time(micros: Micros) -> Timestamp {
    Timestamp::from_micros(micros)
}

/// Reads a name.
pub(in crate::stored) fn name(text: &str) -> Result<Name, StoredError> {
    Name::new(text).ok_or_else(|| malformed("a name", text))
}

/// What was read is no such thing.
pub(in crate::stored) fn malformed(what: &'static str, found: &str) -> StoredError {
    StoredError::Malformed { what, why: format!("`{found}`") }
}
