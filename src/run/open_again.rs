//! Units are pending again: what becomes of their state, their scopes, and what waits for them.

use std::collections::BTreeSet;

use super::scope::{ScopeBlock, ScopePhase};
use super::table::{index, opens_scopes};
use super::unit::Phase;
use super::{ApplyContext, Effect, RetryFrom, Run, RunState, ScopeId, Stop, Unit};
use crate::payload::Payload;
use crate::plan::Plan;

impl Run {
    /// A retry by an operator.
    pub(crate) fn reopen(
        &mut self,
        units: &[Unit],
        from: RetryFrom,
        context: &mut ApplyContext<'_>,
    ) {
        self.attempt = self.attempt.saturating_add(1);
        self.open_again(units, from != RetryFrom::Failed, context);
    }

    /// A dead letter was replayed.
    pub(crate) fn replay(
        &mut self,
        unit: Unit,
        input: Option<&Payload>,
        units: &[Unit],
        context: &mut ApplyContext<'_>,
    ) {
        self.open_again(units, false, context);
        if let (Some(input), Some(state)) = (input, self.unit_mut(unit)) {
            state.rare().edited = Some(input.clone());
        }
    }

    fn open_again(&mut self, units: &[Unit], forget_inputs: bool, context: &mut ApplyContext<'_>) {
        self.stop = Stop::Nothing;
        if self.units.is_empty() {
            self.state = RunState::Pending;
            self.ending = None;
            return;
        }
        if self.state.is_end() {
            self.state = RunState::Running;
            self.ending = None;
            self.start_clock(context.at, context);
        } else if let Some(ending) = &mut self.ending {
            ending.evaluation = None;
        }
        let mut dropped = BTreeSet::new();
        for (place, &unit) in units.iter().enumerate() {
            let next = units.get(place + 1).and_then(|next| self.block_around(*next));
            let keeps_scopes = next.is_some_and(|block| block.owner == unit);
            if let Some(block) = self.open_unit(unit, forget_inputs, keeps_scopes, context) {
                dropped.insert(block);
            }
        }
        self.recount_scopes(context.plan, units);
        self.drop_blocks(context.plan, dropped, context.effects);
        self.count_waiting(context.plan, units);
        for unit in units {
            let goes_on = self.phase(*unit) == Phase::SCOPES && self.is_scope_active(*unit);
            if goes_on && let Some(place) = self.block_of_owner(*unit) {
                self.start_scopes(place, context);
            }
        }
    }

    /// One unit is pending again; one that keeps its scopes is under way again. The first scope of
    /// those that go with it, if any do.
    fn open_unit(
        &mut self,
        unit: Unit,
        forget_input: bool,
        keeps_scopes: bool,
        context: &mut ApplyContext<'_>,
    ) -> Option<ScopeId> {
        let phase = self.phase(unit);
        let state = self.unit(unit)?;
        if self.has_letter(context.plan, unit, state) {
            let dispatch = state.dispatch;
            context.effects.push(Effect::RemoveDeadLetter { unit, dispatch });
        } else if matches!(phase, Phase::Active(_) | Phase::Waiting(_)) && !keeps_scopes {
            self.cut_short(unit, context);
        }
        self.open_scope(unit, phase);
        let block = self.block_of_owner(unit);
        if let (Some(place), true) = (block, keeps_scopes) {
            self.arena.blocks[place].stopped = false;
            self.turn(unit, Phase::SCOPES);
            return None;
        }
        let opens_scopes = !self.is_own_verb(unit) && opens_scopes(context.plan, unit.node);
        self.reset_unit(unit, forget_input, opens_scopes);
        block.map(|place| self.arena.blocks[place].first)
    }

    /// A unit within a scope is pending again, and the scope with it.
    fn open_scope(&mut self, unit: Unit, was: Phase) {
        if unit.is_top() {
            return;
        }
        let Some(place) = self.arena.block_of(unit.scope) else { return };
        let block = &mut self.arena.blocks[place];
        let scope = block.place_of(unit.scope);
        let state = &mut block.scopes[index(scope)];
        block.failed_items.forget();
        state.open += u32::from(was.is_end());
        state.cancelled = false;
        match state.phase {
            ScopePhase::Failed => block.failed -= 1,
            ScopePhase::Cancelled => block.cancelled -= 1,
            ScopePhase::Succeeded => {}
            ScopePhase::Waiting | ScopePhase::Active => return,
        }
        state.phase = ScopePhase::Waiting;
        block.again.push_back(scope);
    }

    /// Says again of the scopes of these units whether a unit of theirs has failed.
    fn recount_scopes(&mut self, plan: &Plan, units: &[Unit]) {
        let scopes: BTreeSet<ScopeId> = units.iter().map(|unit| unit.scope).collect();
        for scope in scopes {
            let Some(place) = self.arena.block_of(scope) else { continue };
            let block = &self.arena.blocks[place];
            let scope = block.place_of(scope);
            let states = block.nodes().zip(&self.units[block.places(scope)]);
            let own_verb = block.runs_own_verb();
            let failed = states.into_iter().any(|(id, state)| {
                state.phase == Phase::FAILED && (own_verb || !plan.node(id).allow_failure)
            });
            self.arena.blocks[place].scopes[index(scope)].failed = failed;
        }
    }

    /// Counts again what these and those behind them wait for; what can be decided goes to the
    /// worklist, unless its scope starts later.
    fn count_waiting(&mut self, plan: &Plan, units: &[Unit]) {
        let mut touched: BTreeSet<Unit> = BTreeSet::new();
        for &unit in units {
            touched.insert(unit);
            if self.is_own_verb(unit) {
                continue;
            }
            let behind = plan.node(unit.node).dependents.iter();
            touched.extend(behind.map(|&node| Unit { node, ..unit }));
        }
        for &unit in &touched {
            if !matches!(self.phase(unit), Phase::Pending(_)) {
                continue;
            }
            if !self.is_own_verb(unit) {
                self.count_again(plan, unit);
            }
            if self.is_scope_active(unit) && self.is_decidable(plan, unit) {
                self.work.push_back(unit);
            }
        }
    }

    /// Whether the scope of a unit is under way; the run itself always is.
    fn is_scope_active(&self, unit: Unit) -> bool {
        let active = |block: &ScopeBlock| {
            let state = &block.scopes[index(block.place_of(unit.scope))];
            state.phase == ScopePhase::Active
        };
        unit.is_top() || self.block_around(unit).is_some_and(active)
    }
}
