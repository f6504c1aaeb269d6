//! Events of a unit before, between and after its attempts.

use serde::{Deserialize, Serialize};

use super::Form;
use crate::clock::Timestamp;
use crate::payload::Payload;
use crate::plan::NodeId;
use crate::run::{EvaluationOf, Event, SkipReason, Unit};
use crate::stored::StoredError;
use crate::stored::v1::common::{Micros, RawBytes, UnitRecord, time};

/// What says no more than that it happened to a unit, and when. The tag says what.
#[derive(Serialize, Deserialize)]
pub(super) struct Happened<const TAG: u16> {
    unit: UnitRecord,
    at: Micros,
}

pub(super) type Ready = Happened<3>;
pub(super) type GroupOpened = Happened<7>;
pub(super) type Parked = Happened<16>;
pub(super) type Gathered = Happened<17>;
pub(super) type Cancelled = Happened<18>;

#[derive(Serialize, Deserialize)]
pub(super) struct Skipped {
    unit: UnitRecord,
    at: Micros,
    /// The step whose output it needs; `None`: its `when` is false.
    needs: Option<u32>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Blocked {
    unit: UnitRecord,
    at: Micros,
    by: u32,
}

#[derive(Serialize, Deserialize)]
pub(super) struct FannedOut<'a> {
    unit: UnitRecord,
    at: Micros,
    #[serde(borrow)]
    items: Vec<RawBytes<'a>>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct EvaluationRequested {
    /// The unit whose start hangs on it; `None`: it is the run's `[output]`.
    unit: Option<UnitRecord>,
    at: Micros,
}

impl EvaluationRequested {
    pub(super) fn of(of: EvaluationOf, at: Timestamp) -> Self {
        let unit = match of {
            EvaluationOf::Start(unit) => Some(unit.into()),
            EvaluationOf::Output => None,
        };
        Self { unit, at: at.as_micros() }
    }
}

impl Form for EvaluationRequested {
    const TAG: u16 = 23;

    fn event(self) -> Result<Event, StoredError> {
        let unit = self.unit.map(Unit::from);
        let of = unit.map_or(EvaluationOf::Output, EvaluationOf::Start);
        Ok(Event::EvaluationRequested { of, at: time(self.at) })
    }
}

impl<const TAG: u16> Happened<TAG> {
    pub(super) fn of(unit: Unit, at: Timestamp) -> Self {
        Self { unit: unit.into(), at: at.as_micros() }
    }

    fn read(self) -> (Unit, Timestamp) {
        (self.unit.into(), time(self.at))
    }
}

impl Form for Ready {
    const TAG: u16 = 3;

    fn event(self) -> Result<Event, StoredError> {
        let (unit, at) = self.read();
        Ok(Event::Ready { unit, at })
    }
}

impl Form for GroupOpened {
    const TAG: u16 = 7;

    fn event(self) -> Result<Event, StoredError> {
        let (unit, at) = self.read();
        Ok(Event::GroupOpened { unit, at })
    }
}

impl Form for Parked {
    const TAG: u16 = 16;

    fn event(self) -> Result<Event, StoredError> {
        let (unit, at) = self.read();
        Ok(Event::Parked { unit, at })
    }
}

impl Form for Gathered {
    const TAG: u16 = 17;

    fn event(self) -> Result<Event, StoredError> {
        let (unit, at) = self.read();
        Ok(Event::Gathered { unit, at })
    }
}

impl Form for Cancelled {
    const TAG: u16 = 18;

    fn event(self) -> Result<Event, StoredError> {
        let (unit, at) = self.read();
        Ok(Event::Cancelled { unit, at })
    }
}

impl Skipped {
    pub(super) fn of(unit: Unit, at: Timestamp, reason: SkipReason) -> Self {
        let needs = match reason {
            SkipReason::When => None,
            SkipReason::Needs(node) => Some(node.0),
        };
        Self { unit: unit.into(), at: at.as_micros(), needs }
    }
}

impl Form for Skipped {
    const TAG: u16 = 4;

    fn event(self) -> Result<Event, StoredError> {
        let reason = self.needs.map_or(SkipReason::When, |node| SkipReason::Needs(NodeId(node)));
        Ok(Event::Skipped { unit: self.unit.into(), at: time(self.at), reason })
    }
}

impl Blocked {
    pub(super) fn of(unit: Unit, at: Timestamp, by: NodeId) -> Self {
        Self { unit: unit.into(), at: at.as_micros(), by: by.0 }
    }
}

impl Form for Blocked {
    const TAG: u16 = 5;

    fn event(self) -> Result<Event, StoredError> {
        Ok(Event::Blocked { unit: self.unit.into(), at: time(self.at), by: NodeId(self.by) })
    }
}

impl<'a> FannedOut<'a> {
    pub(super) fn of(unit: Unit, at: Timestamp, items: &'a [Payload]) -> Self {
        let items = items.iter().map(RawBytes::from).collect();
        Self { unit: unit.into(), at: at.as_micros(), items }
    }
}

impl Form for FannedOut<'_> {
    const TAG: u16 = 6;

    fn event(self) -> Result<Event, StoredError> {
        let items = self.items.into_iter().map(Payload::from).collect();
        Ok(Event::FannedOut { unit: self.unit.into(), at: time(self.at), items })
    }
}
