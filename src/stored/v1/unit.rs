//! The state of a unit, as a snapshot holds it.

use serde::{Deserialize, Serialize};

use super::common::{FailureRecord, Micros, RawBytes, boxed, time};
use crate::clock::Timestamp;
use crate::payload::Payload;
use crate::plan::NodeId;
use crate::run::unit::{
    Activity, AttemptEnd, PastAttempt, PastEnd, Phase, Race, RareState, Slot, UnitEnd, UnitState,
    Wait,
};
use crate::stored::StoredError;

/// What every unit has.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(in crate::stored) struct UnitStateRecord {
    phase: PhaseRecord,
    dispatch: u32,
    /// 0: none.
    slot: u32,
    started: Micros,
    /// Microseconds from `started` on.
    ends_after: i64,
}

/// Where a unit stands; new ones are added at the end.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum PhaseRecord {
    Pending(u32),
    WaitsForSlot,
    WaitsForRetry,
    Sleeps,
    Parked,
    Queued,
    Running,
    Scopes,
    AttemptFailed,
    AttemptCrashed,
    AttemptInterrupted,
    Succeeded,
    Failed,
    Skipped,
    SkippedFor(u32),
    Blocked(u32),
    Cancelled,
    WaitsForEvaluation,
}

/// State that few units have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::stored) struct RareRecord<'a> {
    tries: u32,
    deaths: u32,
    died_for_certain: bool,
    race: Option<RaceRecord>,
    first: Option<Micros>,
    #[serde(borrow)]
    edited: Option<RawBytes<'a>>,
    failure: Option<FailureRecord<'a>>,
    past: Vec<PastRecord<'a>>,
    dropped: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct RaceRecord {
    wanted: u32,
    spare: u32,
    lost: bool,
}

/// An attempt that has ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct PastRecord<'a> {
    attempt: u32,
    dispatch: u32,
    started: Micros,
    /// Microseconds from `started` on.
    took: i64,
    #[serde(borrow)]
    end: PastEndRecord<'a>,
}

/// How an attempt ended; new ones are added at the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum PastEndRecord<'a> {
    Succeeded,
    #[serde(borrow)]
    Failed(FailureRecord<'a>),
    Interrupted,
    Crashed,
    Cancelled,
}

impl From<&UnitState> for UnitStateRecord {
    fn from(state: &UnitState) -> Self {
        let UnitState { rare: _, started, ended, phase, dispatch, slot } = state;
        let started = started.as_micros();
        Self {
            phase: (*phase).into(),
            dispatch: *dispatch,
            slot: slot.map_or(0, Slot::number),
            started,
            ends_after: ended.as_micros().wrapping_sub(started),
        }
    }
}

impl From<UnitStateRecord> for UnitState {
    fn from(stored: UnitStateRecord) -> Self {
        Self {
            rare: None,
            started: time(stored.started),
            ended: time(stored.started.wrapping_add(stored.ends_after)),
            phase: stored.phase.into(),
            dispatch: stored.dispatch,
            slot: Slot::of_number(stored.slot),
        }
    }
}

impl From<Phase> for PhaseRecord {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Pending(waits_for) => Self::Pending(waits_for),
            Phase::Waiting(Wait::Slot) => Self::WaitsForSlot,
            Phase::Waiting(Wait::Retry) => Self::WaitsForRetry,
            Phase::Waiting(Wait::Sleep) => Self::Sleeps,
            Phase::Waiting(Wait::Person) => Self::Parked,
            Phase::Waiting(Wait::Evaluation) => Self::WaitsForEvaluation,
            Phase::Active(Activity::Queued) => Self::Queued,
            Phase::Active(Activity::Running) => Self::Running,
            Phase::Active(Activity::Scopes) => Self::Scopes,
            Phase::Judged(AttemptEnd::Failed) => Self::AttemptFailed,
            Phase::Judged(AttemptEnd::Crashed) => Self::AttemptCrashed,
            Phase::Judged(AttemptEnd::Interrupted) => Self::AttemptInterrupted,
            Phase::Ended(UnitEnd::Succeeded) => Self::Succeeded,
            Phase::Ended(UnitEnd::Failed) => Self::Failed,
            Phase::Ended(UnitEnd::Skipped) => Self::Skipped,
            Phase::Ended(UnitEnd::SkippedFor(node)) => Self::SkippedFor(node.0),
            Phase::Ended(UnitEnd::Blocked(node)) => Self::Blocked(node.0),
            Phase::Ended(UnitEnd::Cancelled) => Self::Cancelled,
        }
    }
}

impl From<PhaseRecord> for Phase {
    fn from(stored: PhaseRecord) -> Self {
        match stored {
            PhaseRecord::Pending(waits_for) => Self::Pending(waits_for),
            PhaseRecord::WaitsForSlot => Self::Waiting(Wait::Slot),
            PhaseRecord::WaitsForRetry => Self::Waiting(Wait::Retry),
            PhaseRecord::Sleeps => Self::Waiting(Wait::Sleep),
            PhaseRecord::Parked => Self::Waiting(Wait::Person),
            PhaseRecord::Queued => Self::Active(Activity::Queued),
            PhaseRecord::Running => Self::Active(Activity::Running),
            PhaseRecord::Scopes => Self::Active(Activity::Scopes),
            PhaseRecord::AttemptFailed => Self::Judged(AttemptEnd::Failed),
            PhaseRecord::AttemptCrashed => Self::Judged(AttemptEnd::Crashed),
            PhaseRecord::AttemptInterrupted => Self::Judged(AttemptEnd::Interrupted),
            PhaseRecord::Succeeded => Self::Ended(UnitEnd::Succeeded),
            PhaseRecord::Failed => Self::Ended(UnitEnd::Failed),
            PhaseRecord::Skipped => Self::Ended(UnitEnd::Skipped),
            PhaseRecord::SkippedFor(node) => Self::Ended(UnitEnd::SkippedFor(NodeId(node))),
            PhaseRecord::Blocked(node) => Self::Ended(UnitEnd::Blocked(NodeId(node))),
            PhaseRecord::Cancelled => Self::Ended(UnitEnd::Cancelled),
            PhaseRecord::WaitsForEvaluation => Self::Waiting(Wait::Evaluation),
        }
    }
}

impl<'a> From<&'a RareState> for RareRecord<'a> {
    fn from(rare: &'a RareState) -> Self {
        let RareState { tries, deaths, died_for_certain, race, first, .. } = rare;
        let RareState { edited, failure, past, dropped, .. } = rare;
        Self {
            tries: *tries,
            deaths: *deaths,
            died_for_certain: *died_for_certain,
            race: race.map(RaceRecord::from),
            first: first.map(Timestamp::as_micros),
            edited: edited.as_ref().map(RawBytes::from),
            failure: failure.as_deref().map(FailureRecord::from),
            past: past.iter().map(PastRecord::from).collect(),
            dropped: *dropped,
        }
    }
}

impl TryFrom<RareRecord<'_>> for RareState {
    type Error = StoredError;

    fn try_from(stored: RareRecord<'_>) -> Result<Self, StoredError> {
        let past: Result<_, _> = stored.past.into_iter().map(PastAttempt::try_from).collect();
        Ok(Self {
            tries: stored.tries,
            deaths: stored.deaths,
            died_for_certain: stored.died_for_certain,
            race: stored.race.map(Race::from),
            first: stored.first.map(time),
            edited: stored.edited.map(Payload::from),
            failure: stored.failure.map(boxed).transpose()?,
            past: past?,
            dropped: stored.dropped,
        })
    }
}

impl From<Race> for RaceRecord {
    fn from(Race { wanted, spare, lost }: Race) -> Self {
        Self { wanted, spare, lost }
    }
}

impl From<RaceRecord> for Race {
    fn from(RaceRecord { wanted, spare, lost }: RaceRecord) -> Self {
        Self { wanted, spare, lost }
    }
}

impl<'a> From<&'a PastAttempt> for PastRecord<'a> {
    fn from(past: &'a PastAttempt) -> Self {
        let PastAttempt { attempt, dispatch, started, ended, end } = past;
        let started = started.as_micros();
        Self {
            attempt: *attempt,
            dispatch: *dispatch,
            started,
            took: ended.as_micros().wrapping_sub(started),
            end: match end {
                PastEnd::Succeeded => PastEndRecord::Succeeded,
                PastEnd::Failed(failure) => PastEndRecord::Failed(failure.as_ref().into()),
                PastEnd::Interrupted => PastEndRecord::Interrupted,
                PastEnd::Crashed => PastEndRecord::Crashed,
                PastEnd::Cancelled => PastEndRecord::Cancelled,
            },
        }
    }
}

impl TryFrom<PastRecord<'_>> for PastAttempt {
    type Error = StoredError;

    fn try_from(stored: PastRecord<'_>) -> Result<Self, StoredError> {
        Ok(Self {
            attempt: stored.attempt,
            dispatch: stored.dispatch,
            started: time(stored.started),
            ended: time(stored.started.wrapping_add(stored.took)),
            end: match stored.end {
                PastEndRecord::Succeeded => PastEnd::Succeeded,
                PastEndRecord::Failed(failure) => PastEnd::Failed(boxed(failure)?),
                PastEndRecord::Interrupted => PastEnd::Interrupted,
                PastEndRecord::Crashed => PastEnd::Crashed,
                PastEndRecord::Cancelled => PastEnd::Cancelled,
            },
        })
    }
}
