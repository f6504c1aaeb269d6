//! Events of attempts.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Form;
use crate::clock::Timestamp;
use crate::payload::Payload;
use crate::run::{Attempt, Event, Failure, StartedBy, Unit};
use crate::stored::StoredError;
use crate::stored::v1::common::{
    AttemptRecord, FailureRecord, Micros, RawBytes, UnitRecord, boxed, name, time,
};

#[derive(Serialize, Deserialize)]
pub(super) struct Started<'a> {
    unit: UnitRecord,
    dispatch: u32,
    at: Micros,
    /// The worker in another process; `None`: this one.
    #[serde(borrow)]
    worker: Option<&'a str>,
    lease: Option<Duration>,
}

/// A wait of a unit: since when, and until when. The tag says for what.
#[derive(Serialize, Deserialize)]
pub(super) struct Waits<const TAG: u16> {
    unit: UnitRecord,
    at: Micros,
    /// Microseconds from `at` on.
    span: i64,
}

pub(super) type Slept = Waits<9>;
pub(super) type RetryScheduled = Waits<12>;

#[derive(Serialize, Deserialize)]
pub(super) struct Succeeded<'a> {
    attempt: AttemptRecord,
    #[serde(borrow)]
    output: RawBytes<'a>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct AttemptFailed<'a> {
    attempt: AttemptRecord,
    #[serde(borrow)]
    failure: FailureRecord<'a>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Failed<'a> {
    unit: UnitRecord,
    at: Micros,
    #[serde(borrow)]
    failure: FailureRecord<'a>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Crashed {
    unit: UnitRecord,
    dispatch: u32,
    at: Micros,
    certain: bool,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Interrupted {
    unit: UnitRecord,
    dispatch: u32,
    at: Micros,
}

impl<'a> Started<'a> {
    pub(super) fn of(event: &'a Event) -> Option<Self> {
        let Event::Started { unit, dispatch, at, by, lease } = event else { return None };
        let worker = match by {
            StartedBy::Local => None,
            StartedBy::Worker(name) => Some(name.as_str()),
        };
        let (unit, dispatch) = ((*unit).into(), *dispatch);
        Some(Self { unit, dispatch, at: at.as_micros(), worker, lease: *lease })
    }
}

impl Form for Started<'_> {
    const TAG: u16 = 8;

    fn event(self) -> Result<Event, StoredError> {
        let by = self.worker.map(name).transpose()?.map_or(StartedBy::Local, StartedBy::Worker);
        let (unit, dispatch, at) = (self.unit.into(), self.dispatch, time(self.at));
        Ok(Event::Started { unit, dispatch, at, by, lease: self.lease })
    }
}

impl<const TAG: u16> Waits<TAG> {
    pub(super) fn of(unit: Unit, at: Timestamp, until: Timestamp) -> Self {
        let (at, until) = (at.as_micros(), until.as_micros());
        Self { unit: unit.into(), at, span: until.wrapping_sub(at) }
    }

    fn read(self) -> (Unit, Timestamp, Timestamp) {
        (self.unit.into(), time(self.at), time(self.at.wrapping_add(self.span)))
    }
}

impl Form for Slept {
    const TAG: u16 = 9;

    fn event(self) -> Result<Event, StoredError> {
        let (unit, at, until) = self.read();
        Ok(Event::Slept { unit, at, until })
    }
}

impl Form for RetryScheduled {
    const TAG: u16 = 12;

    fn event(self) -> Result<Event, StoredError> {
        let (unit, at, due) = self.read();
        Ok(Event::RetryScheduled { unit, at, due })
    }
}

impl<'a> Succeeded<'a> {
    pub(super) fn of(attempt: Attempt, output: &'a Payload) -> Self {
        Self { attempt: attempt.into(), output: output.into() }
    }
}

impl Form for Succeeded<'_> {
    const TAG: u16 = 10;

    fn event(self) -> Result<Event, StoredError> {
        Ok(Event::Succeeded { attempt: self.attempt.into(), output: self.output.into() })
    }
}

impl<'a> AttemptFailed<'a> {
    pub(super) fn of(attempt: Attempt, failure: &'a Failure) -> Self {
        Self { attempt: attempt.into(), failure: failure.into() }
    }
}

impl Form for AttemptFailed<'_> {
    const TAG: u16 = 11;

    fn event(self) -> Result<Event, StoredError> {
        Ok(Event::AttemptFailed { attempt: self.attempt.into(), failure: boxed(self.failure)? })
    }
}

impl<'a> Failed<'a> {
    pub(super) fn of(unit: Unit, at: Timestamp, failure: &'a Failure) -> Self {
        Self { unit: unit.into(), at: at.as_micros(), failure: failure.into() }
    }
}

impl Form for Failed<'_> {
    const TAG: u16 = 13;

    fn event(self) -> Result<Event, StoredError> {
        let (unit, at) = (self.unit.into(), time(self.at));
        Ok(Event::Failed { unit, at, failure: boxed(self.failure)? })
    }
}

impl Crashed {
    pub(super) fn of(event: &Event) -> Option<Self> {
        let Event::Crashed { unit, dispatch, at, certain } = event else { return None };
        let (unit, dispatch) = ((*unit).into(), *dispatch);
        Some(Self { unit, dispatch, at: at.as_micros(), certain: *certain })
    }
}

impl Form for Crashed {
    const TAG: u16 = 14;

    fn event(self) -> Result<Event, StoredError> {
        let (unit, at) = (self.unit.into(), time(self.at));
        Ok(Event::Crashed { unit, dispatch: self.dispatch, at, certain: self.certain })
    }
}

impl Interrupted {
    pub(super) fn of(unit: Unit, dispatch: u32, at: Timestamp) -> Self {
        Self { unit: unit.into(), dispatch, at: at.as_micros() }
    }
}

impl Form for Interrupted {
    const TAG: u16 = 15;

    fn event(self) -> Result<Event, StoredError> {
        let (unit, at) = (self.unit.into(), time(self.at));
        Ok(Event::Interrupted { unit, dispatch: self.dispatch, at })
    }
}
