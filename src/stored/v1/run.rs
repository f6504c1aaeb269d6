//! A snapshot of a run: a list of sections. One that is empty is left out.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::accepted::AcceptedRecord;
use super::common::{FailureRecord, Micros, RawBytes, RunStateRecord, UnitRecord, boxed, time};
use super::scope::{BlockRecord, DroppedRecord};
use super::unit::{RareRecord, UnitStateRecord};
use crate::id::{DefinitionHash, RunId};
use crate::payload::Payload;
use crate::run::scope::{ScopeArena, ScopeBlock};
use crate::run::unit::{RareState, UnitState};
use crate::run::{Armed, Ending, Run, Stop, Unit};
use crate::stored::StoredError;
use crate::stored::tagged::{Entries, Values, encode, write_list, write_section};

/// The sections: tag and version. No tag is ever used for another one.
mod section {
    pub(super) const ACCEPTED: (u16, u8) = (1, 1);
    pub(super) const HEAD: (u16, u8) = (2, 1);
    pub(super) const UNITS: (u16, u8) = (3, 1);
    pub(super) const SCOPES: (u16, u8) = (4, 1);
    pub(super) const WAITS: (u16, u8) = (5, 1);
    pub(super) const OUTPUTS: (u16, u8) = (6, 1);
    pub(super) const HISTORY: (u16, u8) = (7, 1);
    pub(super) const WORK: (u16, u8) = (8, 1);
    pub(super) const ENDING: (u16, u8) = (9, 1);
    pub(super) const EVALUATION: (u16, u8) = (10, 1);
}

/// What every run has.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct HeadRecord {
    id: [u8; 16],
    /// The version that it is on: an upgrade may have changed it.
    definition: [u8; 16],
    state: RunStateRecord,
    stop: StopRecord,
    attempt: u32,
    began: Micros,
    ended: Micros,
    /// How many units are top-level.
    top: u32,
    dispatches: u32,
    timers: u32,
    alarm: Option<ArmedRecord>,
}

/// What has been stopped; new ones are added at the end.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum StopRecord {
    Nothing,
    Starts,
    Attempts,
    Run,
}

/// A timer that is armed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct ArmedRecord {
    number: u32,
    due: Micros,
    span: Option<Duration>,
}

/// What is known at the end of a run, or of one that is being cancelled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct EndingRecord<'a> {
    /// Who cancelled it and why; or that its time was up.
    cancel: Option<(&'a str, bool)>,
    #[serde(borrow)]
    output: RawBytes<'a>,
    failure: Option<FailureRecord<'a>>,
}

/// Appends the sections of a run. The counts that follow from its units are not stored.
pub(in crate::stored) fn encode_run(out: &mut Vec<u8>, run: &Run) {
    write_section(out, section::ACCEPTED, |out| {
        encode(out, &AcceptedRecord::from(run.accepted.as_ref()));
    });
    write_section(out, section::HEAD, |out| encode(out, &HeadRecord::from(run)));
    encode_state(out, run);
    if !run.work.is_empty() || !run.held.is_empty() {
        write_section(out, section::WORK, |out| {
            write_list(out, run.work.iter().copied().map(UnitRecord::from));
            let held = run.held.iter().filter(|(_, units)| !units.is_empty());
            let held: Vec<_> = held.collect();
            encode(out, &held.len());
            for (priority, units) in held {
                encode(out, priority);
                write_list(out, units.iter().copied().map(UnitRecord::from));
            }
        });
    }
    if let Some(ending) = run.ending.as_deref() {
        write_section(out, section::ENDING, |out| encode(out, &EndingRecord::from(ending)));
        if let Some(number) = ending.evaluation {
            write_section(out, section::EVALUATION, |out| encode(out, &number));
        }
    }
}

/// Appends what the units and scopes of a run have come to.
fn encode_state(out: &mut Vec<u8>, run: &Run) {
    if !run.units.is_empty() {
        write_section(out, section::UNITS, |out| {
            write_list(out, run.units.iter().map(UnitStateRecord::from));
        });
    }
    let ScopeArena { blocks, given, dropped } = &*run.arena;
    if *given > 0 {
        write_section(out, section::SCOPES, |out| {
            encode(out, given);
            write_list(out, blocks.iter().map(BlockRecord::from));
            let dropped = dropped.iter();
            write_list(out, dropped.map(|(owner, kept)| DroppedRecord::of((*owner).into(), kept)));
        });
    }
    if !run.waits.is_empty() {
        write_section(out, section::WAITS, |out| {
            let waits = run.waits.iter();
            write_list(
                out,
                waits.map(|(unit, armed)| (UnitRecord::from(*unit), ArmedRecord::from(*armed))),
            );
        });
    }
    if !run.outputs.is_empty() {
        write_section(out, section::OUTPUTS, |out| {
            write_list(out, run.outputs.iter().map(RawBytes::from));
        });
    }
    encode_history(out, &run.units);
}

/// Appends what few units have, each with the place of its unit.
fn encode_history(out: &mut Vec<u8>, units: &[UnitState]) {
    let rare: Vec<(usize, &RareState)> = units
        .iter()
        .enumerate()
        .filter_map(|(place, unit)| Some((place, unit.rare.as_deref()?)))
        .collect();
    if !rare.is_empty() {
        write_section(out, section::HISTORY, |out| {
            write_list(out, rare.iter().map(|(place, rare)| (*place, RareRecord::from(*rare))));
        });
    }
}

/// Reads the sections of a run.
pub(in crate::stored) fn decode_run(bytes: &[u8]) -> Result<Run, StoredError> {
    let mut parts = Parts::default();
    for section in Entries::of(bytes) {
        let (tag, body) = section?;
        parts.read(tag, body)?;
    }
    parts.into_run()
}

/// The sections that have been read.
#[derive(Default)]
struct Parts {
    accepted: Option<Arc<crate::run::Accepted>>,
    head: Option<HeadRecord>,
    units: Vec<UnitState>,
    arena: ScopeArena,
    waits: BTreeMap<Unit, Armed>,
    outputs: Vec<Payload>,
    history: Vec<(usize, Box<RareState>)>,
    work: VecDeque<Unit>,
    held: BTreeMap<i8, VecDeque<Unit>>,
    ending: Option<Box<Ending>>,
}

impl Parts {
    fn read(&mut self, tag: u16, body: &[u8]) -> Result<(), StoredError> {
        let values = |what, (_, version)| Values::of(what, version, body);
        if tag == section::ACCEPTED.0 {
            let mut values = values("how a run began", section::ACCEPTED)?;
            self.accepted = Some(Arc::new(values.next::<AcceptedRecord<'_>>()?.try_into()?));
            values.end()
        } else if tag == section::HEAD.0 {
            let mut values = values("the head of a run", section::HEAD)?;
            self.head = Some(values.next()?);
            values.end()
        } else if tag == section::UNITS.0 {
            let mut values = values("the units of a run", section::UNITS)?;
            self.units = values.list(|unit: UnitStateRecord| Ok(unit.into()))?;
            values.end()
        } else if tag == section::SCOPES.0 {
            self.scopes(values("the scopes of a run", section::SCOPES)?)
        } else if tag == section::WAITS.0 {
            let mut values = values("the waits of a run", section::WAITS)?;
            let waits = values.list(|(unit, armed): (UnitRecord, ArmedRecord)| {
                Ok((Unit::from(unit), Armed::from(armed)))
            })?;
            self.waits = waits.into_iter().collect();
            values.end()
        } else if tag == section::OUTPUTS.0 {
            let mut values = values("the outputs of a run", section::OUTPUTS)?;
            self.outputs = values.list(|output: RawBytes<'_>| Ok(output.into()))?;
            values.end()
        } else {
            self.read_more(tag, body)
        }
    }

    /// Sections that few runs have.
    fn read_more(&mut self, tag: u16, body: &[u8]) -> Result<(), StoredError> {
        let values = |what, (_, version)| Values::of(what, version, body);
        if tag == section::HISTORY.0 {
            let mut values = values("the history of a run", section::HISTORY)?;
            self.history = values.list(|(place, rare): (usize, RareRecord<'_>)| {
                Ok((place, Box::new(RareState::try_from(rare)?)))
            })?;
            values.end()
        } else if tag == section::WORK.0 {
            self.work(values("the work of a run", section::WORK)?)
        } else if tag == section::ENDING.0 {
            let mut values = values("the ending of a run", section::ENDING)?;
            self.ending = Some(Box::new(values.next::<EndingRecord<'_>>()?.try_into()?));
            values.end()
        } else if tag == section::EVALUATION.0 {
            let mut values = values("the awaited output of a run", section::EVALUATION)?;
            self.ending.get_or_insert_default().evaluation = Some(values.next()?);
            values.end()
        } else {
            Err(StoredError::UnknownTag { what: "a section", tag })
        }
    }

    fn scopes(&mut self, mut values: Values<'_>) -> Result<(), StoredError> {
        let given = values.next()?;
        let blocks = values.list(|block: BlockRecord<'_>| Ok(ScopeBlock::from(block)))?;
        let dropped = values.list(|dropped: DroppedRecord<'_>| {
            dropped.read().map(|(owner, kept)| (Unit::from(owner), kept))
        })?;
        self.arena = ScopeArena { blocks, given, dropped: dropped.into_iter().collect() };
        values.end()
    }

    fn work(&mut self, mut values: Values<'_>) -> Result<(), StoredError> {
        let unit = |unit: UnitRecord| Ok(Unit::from(unit));
        self.work = values.list(unit)?.into();
        let priorities: usize = values.next()?;
        for _ in 0..priorities {
            let priority = values.next()?;
            self.held.insert(priority, values.list(unit)?.into());
        }
        values.end()
    }

    fn into_run(mut self) -> Result<Run, StoredError> {
        let head = self.head.ok_or(StoredError::Missing("the head of a run"))?;
        let accepted = self.accepted.ok_or(StoredError::Missing("how a run began"))?;
        for (place, rare) in self.history {
            let unit = self.units.get_mut(place);
            unit.ok_or(StoredError::Missing("a unit that has a history"))?.rare = Some(rare);
        }
        let mut run = Run {
            id: RunId::from_bytes(head.id),
            priority: accepted.priority,
            accepted,
            definition: DefinitionHash(head.definition),
            state: head.state.into(),
            stop: head.stop.into(),
            attempt: head.attempt,
            began: time(head.began),
            ended: time(head.ended),
            units: self.units,
            top: head.top,
            arena: self.arena.into(),
            outputs: self.outputs,
            work: self.work,
            held: self.held.into(),
            waits: self.waits.into(),
            alarm: head.alarm.map(|alarm| Box::new(alarm.into())),
            dispatches: head.dispatches,
            timers: head.timers,
            open: 0,
            busy: 0,
            slots: 0,
            parked: 0,
            bytes: 0,
            ending: self.ending,
        };
        run.count_units();
        Ok(run)
    }
}

impl From<&Run> for HeadRecord {
    fn from(run: &Run) -> Self {
        Self {
            id: run.id.to_bytes(),
            definition: run.definition.0,
            state: run.state.into(),
            stop: match run.stop {
                Stop::Nothing => StopRecord::Nothing,
                Stop::Starts => StopRecord::Starts,
                Stop::Attempts => StopRecord::Attempts,
                Stop::Run => StopRecord::Run,
            },
            attempt: run.attempt,
            began: run.began.as_micros(),
            ended: run.ended.as_micros(),
            top: run.top,
            dispatches: run.dispatches,
            timers: run.timers,
            alarm: run.alarm.as_deref().map(|alarm| ArmedRecord::from(*alarm)),
        }
    }
}

impl From<StopRecord> for Stop {
    fn from(stored: StopRecord) -> Self {
        match stored {
            StopRecord::Nothing => Self::Nothing,
            StopRecord::Starts => Self::Starts,
            StopRecord::Attempts => Self::Attempts,
            StopRecord::Run => Self::Run,
        }
    }
}

impl From<Armed> for ArmedRecord {
    fn from(Armed { number, due, span }: Armed) -> Self {
        Self { number, due: due.as_micros(), span }
    }
}

impl From<ArmedRecord> for Armed {
    fn from(ArmedRecord { number, due, span }: ArmedRecord) -> Self {
        Self { number, due: time(due), span }
    }
}

impl<'a> From<&'a Ending> for EndingRecord<'a> {
    fn from(Ending { cancel, output, failure, evaluation: _ }: &'a Ending) -> Self {
        Self {
            cancel: cancel.as_ref().map(|(reason, timed_out)| (&**reason, *timed_out)),
            output: output.into(),
            failure: failure.as_deref().map(FailureRecord::from),
        }
    }
}

impl TryFrom<EndingRecord<'_>> for Ending {
    type Error = StoredError;

    fn try_from(stored: EndingRecord<'_>) -> Result<Self, StoredError> {
        Ok(Self {
            cancel: stored.cancel.map(|(reason, timed_out)| (reason.into(), timed_out)),
            output: stored.output.into(),
            failure: stored.failure.map(boxed).transpose()?,
            evaluation: None,
        })
    }
}
