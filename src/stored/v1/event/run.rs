//! Events of a run as a whole.

use serde::{Deserialize, Serialize};

use super::Form;
use crate::clock::Timestamp;
use crate::plan::NodeId;
use crate::run::{Event, RetryFrom, Unit};
use crate::stored::StoredError;
use crate::stored::v1::common::{
    FailureRecord, Micros, RawBytes, RunStateRecord, UnitRecord, boxed, time,
};

#[derive(Serialize, Deserialize)]
pub(super) struct Began {
    at: Micros,
}

#[derive(Serialize, Deserialize)]
pub(super) struct CancelRequested<'a> {
    at: Micros,
    reason: &'a str,
    timed_out: bool,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Reopened {
    at: Micros,
    units: Vec<UnitRecord>,
    from: RetryFromRecord,
}

/// Where a retry begins; new ones are added at the end.
#[derive(Serialize, Deserialize)]
enum RetryFromRecord {
    Failed,
    Step(u32),
    Start,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Replayed<'a> {
    unit: UnitRecord,
    at: Micros,
    #[serde(borrow)]
    input: Option<RawBytes<'a>>,
    units: Vec<UnitRecord>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Ended<'a> {
    at: Micros,
    state: RunStateRecord,
    #[serde(borrow)]
    output: RawBytes<'a>,
    failure: Option<FailureRecord<'a>>,
}

impl Began {
    pub(super) fn of(at: Timestamp) -> Self {
        Self { at: at.as_micros() }
    }
}

impl Form for Began {
    const TAG: u16 = 2;

    fn event(self) -> Result<Event, StoredError> {
        Ok(Event::Began { at: time(self.at) })
    }
}

impl<'a> CancelRequested<'a> {
    pub(super) fn of(at: Timestamp, reason: &'a str, timed_out: bool) -> Self {
        Self { at: at.as_micros(), reason, timed_out }
    }
}

impl Form for CancelRequested<'_> {
    const TAG: u16 = 19;

    fn event(self) -> Result<Event, StoredError> {
        let (at, reason) = (time(self.at), self.reason.into());
        Ok(Event::CancelRequested { at, reason, timed_out: self.timed_out })
    }
}

impl Reopened {
    pub(super) fn of(at: Timestamp, units: &[Unit], from: RetryFrom) -> Self {
        let from = match from {
            RetryFrom::Failed => RetryFromRecord::Failed,
            RetryFrom::Step(node) => RetryFromRecord::Step(node.0),
            RetryFrom::Start => RetryFromRecord::Start,
        };
        Self { at: at.as_micros(), units: records(units), from }
    }
}

impl Form for Reopened {
    const TAG: u16 = 20;

    fn event(self) -> Result<Event, StoredError> {
        let from = match self.from {
            RetryFromRecord::Failed => RetryFrom::Failed,
            RetryFromRecord::Step(node) => RetryFrom::Step(NodeId(node)),
            RetryFromRecord::Start => RetryFrom::Start,
        };
        Ok(Event::Reopened { at: time(self.at), units: units(self.units), from })
    }
}

impl<'a> Replayed<'a> {
    pub(super) fn of(event: &'a Event) -> Option<Self> {
        let Event::Replayed { unit, at, input, units } = event else { return None };
        let (unit, at) = ((*unit).into(), at.as_micros());
        Some(Self { unit, at, input: input.as_ref().map(RawBytes::from), units: records(units) })
    }
}

impl Form for Replayed<'_> {
    const TAG: u16 = 21;

    fn event(self) -> Result<Event, StoredError> {
        let (unit, at) = (self.unit.into(), time(self.at));
        let input = self.input.map(Into::into);
        Ok(Event::Replayed { unit, at, input, units: units(self.units) })
    }
}

impl<'a> Ended<'a> {
    pub(super) fn of(event: &'a Event) -> Option<Self> {
        let Event::Ended { at, state, output, failure } = event else { return None };
        Some(Self {
            at: at.as_micros(),
            state: (*state).into(),
            output: output.into(),
            failure: failure.as_deref().map(FailureRecord::from),
        })
    }
}

impl Form for Ended<'_> {
    const TAG: u16 = 22;

    fn event(self) -> Result<Event, StoredError> {
        Ok(Event::Ended {
            at: time(self.at),
            state: self.state.into(),
            output: self.output.into(),
            failure: self.failure.map(boxed).transpose()?,
        })
    }
}

fn records(units: &[Unit]) -> Vec<UnitRecord> {
    units.iter().copied().map(UnitRecord::from).collect()
}

fn units(records: Vec<UnitRecord>) -> Vec<Unit> {
    records.into_iter().map(Unit::from).collect()
}
