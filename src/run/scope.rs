//! Scopes: where the steps of items, iterations and groups are instantiated.
//!
//! The scopes that a unit opens are one block: dense numbers, and their units side by side. So a
//! list of 100,000 items takes two allocations, and a unit is found by its scope's block.

use std::collections::{BTreeMap, VecDeque};
use std::sync::OnceLock;

use super::limit::bytes;
use super::table::{count, index};
use super::unit::{RareState, Slot, UnitState};
use super::{Run, ScopeId, Stop, Unit};
use crate::payload::Payload;
use crate::plan::{NodeId, Plan};
use crate::seldom::Empty;

/// The scopes that one unit has opened.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ScopeBlock {
    /// The number of the first scope; the others follow it.
    pub(crate) first: ScopeId,
    /// Who opened them.
    pub(crate) owner: Unit,
    pub(crate) kind: ScopeKind,
    /// The place in `Run::units` of the first unit of the first scope.
    pub(crate) place: u32,
    /// The first node that is instantiated in each: of the body, or the owner's own.
    pub(crate) node: NodeId,
    /// How many nodes are.
    pub(crate) width: u32,
    /// The scopes, in order.
    pub(crate) scopes: Vec<ScopeState>,
    /// Reopened scopes, to start before `next`.
    pub(crate) again: VecDeque<u32>,
    /// The first that has never started.
    pub(crate) next: u32,
    /// How many are under way.
    pub(crate) active: u32,
    /// How many failed.
    pub(crate) failed: u32,
    /// How many were cancelled under way.
    pub(crate) cancelled: u32,
    /// More failed than `tolerate` says: no new one starts.
    pub(crate) stopped: bool,
    /// The bytes of what its units gave.
    pub(crate) bytes: u64,
    /// What the owner gives, once gathered.
    pub(crate) output: Payload,
    /// `steps.<owner>.failed`, once somebody has asked after the end.
    pub(crate) failed_items: Derived<Payload>,
    /// What the array or table takes beside the results of units, at most, in bytes; once that may
    /// matter.
    pub(crate) frame_bytes: Derived<u64>,
}

/// A value that follows from the state and is kept because many ask for it.
#[derive(Debug, Clone)]
pub(crate) struct Derived<T>(OnceLock<T>);

impl<T> Default for Derived<T> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

impl<T: Clone> Derived<T> {
    pub(crate) fn get_or(&self, make: impl FnOnce() -> T) -> T {
        self.0.get_or_init(make).clone()
    }

    pub(crate) fn forget(&mut self) {
        self.0.take();
    }
}

/// Whether somebody has asked is no part of the state.
impl<T> PartialEq for Derived<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// What the scopes of a block are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScopeKind {
    /// One for each item of a list.
    Item,
    /// One for each iteration of a `repeat`.
    Iteration,
    /// A single one, around the steps of a group.
    Group,
}

/// One scope.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ScopeState {
    /// The item; `null` where there is none.
    pub(crate) value: Payload,
    /// Its units that have not ended.
    pub(crate) open: u32,
    /// Where it stands.
    pub(crate) phase: ScopePhase,
    /// A unit of it failed for good.
    pub(crate) failed: bool,
    /// A unit of it was stopped.
    pub(crate) cancelled: bool,
}

/// Where a scope stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScopePhase {
    /// Has not started.
    Waiting,
    /// Under way.
    Active,
    /// Done.
    Succeeded,
    /// Failed.
    Failed,
    /// Stopped, or never started.
    Cancelled,
}

/// What is kept of scopes that were dropped with their list, for those of the next list.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DroppedScopes {
    pub(crate) first: ScopeId,
    /// How many scopes there were.
    pub(crate) count: u32,
    /// History and output's place of each unit, in the order of the units.
    pub(crate) units: Vec<(Option<Box<RareState>>, Option<Slot>)>,
}

/// All blocks of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ScopeArena {
    /// By their numbers.
    pub(crate) blocks: Vec<ScopeBlock>,
    /// How many numbers have been given.
    pub(crate) given: u32,
    /// By the unit that had opened them.
    pub(crate) dropped: BTreeMap<Unit, DroppedScopes>,
}

impl Empty for ScopeArena {
    const EMPTY: &'static Self = &Self { blocks: Vec::new(), given: 0, dropped: BTreeMap::new() };
}

impl ScopeArena {
    /// The place of the block that holds a scope.
    pub(crate) fn block_of(&self, scope: ScopeId) -> Option<usize> {
        let after = self.blocks.partition_point(|block| block.first <= scope);
        let place = after.checked_sub(1)?;
        let block = &self.blocks[place];
        (index(scope.0 - block.first.0) < block.scopes.len()).then_some(place)
    }
}

impl ScopeBlock {
    /// Whether its scopes instantiate a node.
    pub(crate) fn holds(&self, node: NodeId) -> bool {
        node.0.checked_sub(self.node.0).is_some_and(|inner| inner < self.width)
    }

    /// Whether they run the owner's own verb, and not a body.
    pub(crate) fn runs_own_verb(&self) -> bool {
        self.owner.node == self.node
    }

    /// How many scopes it has.
    pub(crate) fn count(&self) -> u32 {
        count(self.scopes.len())
    }

    /// A scope by its place in the block.
    pub(crate) fn scope(&self, place: u32) -> ScopeId {
        ScopeId(self.first.0 + place)
    }

    /// The place of a scope in the block.
    pub(crate) fn place_of(&self, scope: ScopeId) -> u32 {
        scope.0.saturating_sub(self.first.0)
    }

    /// Where the units of a scope stand in `Run::units`.
    pub(crate) fn places(&self, place: u32) -> std::ops::Range<usize> {
        let start = index(self.place) + index(place) * index(self.width);
        start..start + index(self.width)
    }

    /// Where all its units stand in `Run::units`.
    pub(crate) fn all_places(&self) -> std::ops::Range<usize> {
        let start = index(self.place);
        start..start + self.scopes.len() * index(self.width)
    }

    /// The nodes of a scope.
    pub(crate) fn nodes(&self) -> impl DoubleEndedIterator<Item = NodeId> + use<> {
        (self.node.0..self.node.0 + self.width).map(NodeId)
    }

    /// The units of a scope, by its place.
    pub(crate) fn units_of(&self, place: u32) -> impl DoubleEndedIterator<Item = Unit> + use<> {
        let scope = self.scope(place);
        self.nodes().map(move |node| Unit { scope, node })
    }

    /// All units, in order.
    pub(crate) fn units(&self) -> impl Iterator<Item = Unit> + use<> {
        let (first, node, width) = (self.first.0, self.node.0, self.width.max(1));
        (0..self.count() * self.width).map(move |place| Unit {
            scope: ScopeId(first + place / width),
            node: NodeId(node + place % width),
        })
    }

    /// Whether no unit of this one's kind may start: the verb of an item, when too many have
    /// failed. The body of an item that has started goes on to its end.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped && self.runs_own_verb()
    }

    /// Whether nothing is under way and nothing will be.
    pub(crate) fn is_over(&self, stop: Stop) -> bool {
        self.active == 0 && (!self.has_unstarted() || self.stopped || stop != Stop::Nothing)
    }

    /// Whether there are scopes that have not started.
    pub(crate) fn has_unstarted(&self) -> bool {
        !self.again.is_empty() || self.next < self.count()
    }
}

/// What a unit is about to open.
pub(crate) struct NewScopes<'a> {
    pub(crate) owner: Unit,
    pub(crate) kind: ScopeKind,
    /// The nodes of each scope.
    pub(crate) nodes: std::ops::Range<u32>,
    /// The item of each.
    pub(crate) values: &'a [Payload],
}

impl Run {
    /// The block of the scope that a unit stands in; none for the run itself.
    pub(crate) fn block_around(&self, unit: Unit) -> Option<&ScopeBlock> {
        if unit.is_top() {
            return None;
        }
        let place = self.arena.block_of(unit.scope)?;
        self.arena.blocks.get(place)
    }

    /// The place of the block that a unit has opened.
    pub(crate) fn block_of_owner(&self, unit: Unit) -> Option<usize> {
        let first = self.unit(unit)?.slot?.scopes();
        let place = self.arena.blocks.binary_search_by_key(&first, |block| block.first).ok()?;
        (self.arena.blocks[place].owner == unit).then_some(place)
    }

    /// Whether a unit runs the verb of a fan-out for one item.
    pub(crate) fn is_own_verb(&self, unit: Unit) -> bool {
        self.block_around(unit).is_some_and(|block| block.owner.node == unit.node)
    }

    /// The unit of a node that a unit sees: of its own scope, or of one around it.
    pub(crate) fn visible(&self, unit: Unit, node: NodeId) -> Unit {
        let mut scope = unit.scope;
        while let Some(block) = self.block_around(Unit { scope, node }) {
            if block.holds(node) && !block.runs_own_verb() {
                return Unit { scope, node };
            }
            scope = block.owner.scope;
        }
        Unit::top(node)
    }

    /// Opens a block of scopes. Units keep the history of those that stood in their place before.
    pub(crate) fn open_scopes(&mut self, plan: &Plan, new: &NewScopes<'_>) -> usize {
        let NewScopes { owner, kind, ref nodes, values } = *new;
        let width = nodes.end - nodes.start;
        let waits = |node: u32| {
            let own_verb = node == owner.node.0;
            if own_verb { 0 } else { super::join::waiting(plan.node(NodeId(node))) }
        };
        let waits: Vec<u32> = nodes.clone().map(waits).collect();
        let scope = |value: &Payload| ScopeState {
            value: value.clone(),
            open: width,
            phase: ScopePhase::Waiting,
            failed: false,
            cancelled: false,
        };
        let first = ScopeId(self.arena.given + 1);
        let block = ScopeBlock {
            first,
            owner,
            kind,
            place: count(self.units.len()),
            node: NodeId(nodes.start),
            width,
            scopes: values.iter().map(scope).collect(),
            again: VecDeque::new(),
            next: 0,
            active: 0,
            failed: 0,
            cancelled: 0,
            stopped: false,
            bytes: 0,
            output: Payload::NULL,
            failed_items: Derived::default(),
            frame_bytes: Derived::default(),
        };
        // An empty list takes a number too, so that no two blocks have the same.
        self.arena.given = first.0 + block.count().max(1) - 1;
        self.units.reserve_exact(values.len() * waits.len());
        for _ in values {
            self.units.extend(waits.iter().copied().map(UnitState::new));
        }
        self.bytes += values.iter().map(bytes).sum::<u64>();
        self.inherit(&block);
        self.arena.blocks.push(block);
        self.arena.blocks.len() - 1
    }

    /// Units of new scopes take over what is kept of those of the last list.
    fn inherit(&mut self, block: &ScopeBlock) {
        let Some(old) = self.arena.dropped.remove(&block.owner) else { return };
        for (state, (rare, slot)) in self.units[index(block.place)..].iter_mut().zip(old.units) {
            (state.rare, state.slot) = (rare, slot);
        }
        let scope = |number: u32| Unit { scope: ScopeId(number), node: NodeId(0) };
        let inner = scope(old.first.0)..scope(old.first.0 + old.count);
        let owners: Vec<Unit> = self.arena.dropped.range(inner).map(|(owner, _)| *owner).collect();
        for owner in owners {
            let place = owner.scope.0 - old.first.0;
            if let Some(kept) = self.arena.dropped.remove(&owner)
                && place < block.count()
            {
                self.arena.dropped.insert(Unit { scope: block.scope(place), ..owner }, kept);
            }
        }
    }
}
