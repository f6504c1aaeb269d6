//! The scopes of a run, as a snapshot holds them.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::common::{RawBytes, UnitRecord};
use super::unit::RareRecord;
use crate::payload::Payload;
use crate::plan::NodeId;
use crate::run::ScopeId;
use crate::run::scope::{Derived, DroppedScopes, ScopeBlock, ScopeKind, ScopePhase, ScopeState};
use crate::run::unit::{RareState, Slot};
use crate::stored::StoredError;

/// The scopes that one unit has opened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::stored) struct BlockRecord<'a> {
    first: u32,
    owner: UnitRecord,
    kind: KindRecord,
    place: u32,
    node: u32,
    width: u32,
    #[serde(borrow)]
    scopes: Vec<ScopeRecord<'a>>,
    again: Vec<u32>,
    next: u32,
    active: u32,
    failed: u32,
    cancelled: u32,
    stopped: bool,
    output: RawBytes<'a>,
}

/// What the scopes of a block are; new ones are added at the end.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum KindRecord {
    Item,
    Iteration,
    Group,
}

/// One scope.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct ScopeRecord<'a> {
    #[serde(borrow)]
    value: RawBytes<'a>,
    open: u32,
    phase: ScopePhaseRecord,
    failed: bool,
    cancelled: bool,
}

/// Where a scope stands; new ones are added at the end.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum ScopePhaseRecord {
    Waiting,
    Active,
    Succeeded,
    Failed,
    Cancelled,
}

/// What is kept of scopes that were dropped with their list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::stored) struct DroppedRecord<'a> {
    owner: UnitRecord,
    first: u32,
    count: u32,
    #[serde(borrow)]
    units: Vec<(Option<RareRecord<'a>>, u32)>,
}

impl<'a> From<&'a ScopeBlock> for BlockRecord<'a> {
    fn from(block: &'a ScopeBlock) -> Self {
        let ScopeBlock { first, owner, kind, place, node, width, scopes, .. } = block;
        let ScopeBlock { again, next, active, failed, cancelled, stopped, output, .. } = block;
        Self {
            first: first.0,
            owner: (*owner).into(),
            kind: match kind {
                ScopeKind::Item => KindRecord::Item,
                ScopeKind::Iteration => KindRecord::Iteration,
                ScopeKind::Group => KindRecord::Group,
            },
            place: *place,
            node: node.0,
            width: *width,
            scopes: scopes.iter().map(ScopeRecord::from).collect(),
            again: again.iter().copied().collect(),
            next: *next,
            active: *active,
            failed: *failed,
            cancelled: *cancelled,
            stopped: *stopped,
            output: output.into(),
        }
    }
}

impl From<BlockRecord<'_>> for ScopeBlock {
    fn from(stored: BlockRecord<'_>) -> Self {
        Self {
            first: ScopeId(stored.first),
            owner: stored.owner.into(),
            kind: match stored.kind {
                KindRecord::Item => ScopeKind::Item,
                KindRecord::Iteration => ScopeKind::Iteration,
                KindRecord::Group => ScopeKind::Group,
            },
            place: stored.place,
            node: NodeId(stored.node),
            width: stored.width,
            scopes: stored.scopes.into_iter().map(ScopeState::from).collect(),
            again: VecDeque::from(stored.again),
            next: stored.next,
            active: stored.active,
            failed: stored.failed,
            cancelled: stored.cancelled,
            stopped: stored.stopped,
            // Counted when the whole run is there.
            bytes: 0,
            output: stored.output.into(),
            failed_items: Derived::default(),
            frame_bytes: Derived::default(),
        }
    }
}

impl<'a> From<&'a ScopeState> for ScopeRecord<'a> {
    fn from(state: &'a ScopeState) -> Self {
        let ScopeState { value, open, phase, failed, cancelled } = state;
        Self {
            value: value.into(),
            open: *open,
            phase: match phase {
                ScopePhase::Waiting => ScopePhaseRecord::Waiting,
                ScopePhase::Active => ScopePhaseRecord::Active,
                ScopePhase::Succeeded => ScopePhaseRecord::Succeeded,
                ScopePhase::Failed => ScopePhaseRecord::Failed,
                ScopePhase::Cancelled => ScopePhaseRecord::Cancelled,
            },
            failed: *failed,
            cancelled: *cancelled,
        }
    }
}

impl From<ScopeRecord<'_>> for ScopeState {
    fn from(stored: ScopeRecord<'_>) -> Self {
        Self {
            value: Payload::from(stored.value),
            open: stored.open,
            phase: match stored.phase {
                ScopePhaseRecord::Waiting => ScopePhase::Waiting,
                ScopePhaseRecord::Active => ScopePhase::Active,
                ScopePhaseRecord::Succeeded => ScopePhase::Succeeded,
                ScopePhaseRecord::Failed => ScopePhase::Failed,
                ScopePhaseRecord::Cancelled => ScopePhase::Cancelled,
            },
            failed: stored.failed,
            cancelled: stored.cancelled,
        }
    }
}

impl<'a> DroppedRecord<'a> {
    pub(in crate::stored) fn of(owner: UnitRecord, dropped: &'a DroppedScopes) -> Self {
        let DroppedScopes { first, count, units } = dropped;
        let units = units.iter().map(|(rare, slot)| {
            (rare.as_deref().map(RareRecord::from), slot.map_or(0, Slot::number))
        });
        Self { owner, first: first.0, count: *count, units: units.collect() }
    }

    pub(in crate::stored) fn read(self) -> Result<(UnitRecord, DroppedScopes), StoredError> {
        let unit = |(rare, slot): (Option<RareRecord<'_>>, u32)| {
            let rare = rare.map(RareState::try_from).transpose()?.map(Box::new);
            Ok((rare, Slot::of_number(slot)))
        };
        let units: Result<_, StoredError> = self.units.into_iter().map(unit).collect();
        let (first, count) = (ScopeId(self.first), self.count);
        Ok((self.owner, DroppedScopes { first, count, units: units? }))
    }
}
