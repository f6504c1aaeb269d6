//! Fan-outs and groups: scopes start within `max_parallel`, end in any order, and are gathered in
//! theirs.

use super::limit::bytes;
use super::scope::{NewScopes, ScopeBlock, ScopeKind, ScopePhase};
use super::table::index;
use super::unit::{Phase, UnitEnd};
use super::{ApplyContext, Event, Failure, Run, Stop, Unit};
use crate::clock::Timestamp;
use crate::definition::{ErrorClass, Tolerate};
use crate::payload::Payload;
use crate::plan::{NodeId, Plan, Verb};

impl ScopeBlock {
    /// Whether more scopes have failed than may.
    fn is_exceeded(&self, tolerate: Option<Tolerate>) -> bool {
        match tolerate {
            None => self.failed > 0,
            Some(Tolerate::Count(items)) => self.failed > items,
            Some(Tolerate::Percent(percent)) => {
                f64::from(self.failed) * 100.0 > percent * f64::from(self.count())
            }
        }
    }
}

/// How many scopes of a block may fail.
fn tolerate(plan: &Plan, block: &ScopeBlock) -> Option<Tolerate> {
    plan.node(block.owner.node).fan.as_ref().and_then(|fan| fan.tolerate)
}

impl Run {
    /// The list is known: the first items start.
    pub(crate) fn fan_out(
        &mut self,
        unit: Unit,
        items: &[Payload],
        context: &mut ApplyContext<'_>,
    ) {
        let nodes =
            context.plan.node(unit.node).body.clone().unwrap_or(unit.node.0..unit.node.0 + 1);
        let new = NewScopes { owner: unit, kind: ScopeKind::Item, nodes, values: items };
        self.enter(&new, context);
    }

    /// The steps of a group may run.
    pub(crate) fn open_group(&mut self, unit: Unit, context: &mut ApplyContext<'_>) {
        let nodes = context.plan.node(unit.node).body.clone().unwrap_or_default();
        let values = &[Payload::NULL];
        let new = NewScopes { owner: unit, kind: ScopeKind::Group, nodes, values };
        self.enter(&new, context);
    }

    fn enter(&mut self, new: &NewScopes<'_>, context: &mut ApplyContext<'_>) {
        if self.turn(new.owner, Phase::SCOPES).is_none() {
            return;
        }
        let place = self.open_scopes(context.plan, new);
        let slot = super::unit::Slot::of_scopes(self.arena.blocks[place].first);
        if let Some(state) = self.unit_mut(new.owner) {
            state.slot = slot;
            state.started = context.at;
        }
        self.start_scopes(place, context);
    }

    /// Starts scopes, as far as they may.
    pub(crate) fn start_scopes(&mut self, place: usize, context: &mut ApplyContext<'_>) {
        let owner = self.arena.blocks[place].owner;
        let fan = context.plan.node(owner.node).fan.as_ref();
        let max = fan.and_then(|fan| fan.max_parallel).unwrap_or(u32::MAX);
        while self.stop == Stop::Nothing {
            let block = &mut self.arena.blocks[place];
            if block.stopped || block.active >= max {
                break;
            }
            let scope = match block.again.pop_front() {
                Some(scope) => scope,
                None if block.next < block.count() => {
                    block.next += 1;
                    block.next - 1
                }
                None => break,
            };
            let state = &mut block.scopes[index(scope)];
            if state.phase != ScopePhase::Waiting {
                continue;
            }
            state.phase = ScopePhase::Active;
            block.active += 1;
            self.start_scope(place, scope, context);
        }
        if self.arena.blocks[place].is_over(self.stop) {
            self.work.push_back(owner);
        }
    }

    fn start_scope(&mut self, place: usize, scope: u32, context: &mut ApplyContext<'_>) {
        let block = &self.arena.blocks[place];
        let (units, own_verb) = (block.units_of(scope), block.runs_own_verb());
        for unit in units {
            if !own_verb {
                // One that was opened again with its scopes goes on with its own scope.
                if self.phase(unit) == Phase::SCOPES
                    && let Some(inner) = self.block_of_owner(unit)
                {
                    self.start_scopes(inner, context);
                } else if self.is_decidable(context.plan, unit) {
                    self.work.push_back(unit);
                }
            } else if self.is_asked_first(context.plan, unit) {
                self.work.push_back(unit);
            } else {
                self.admit(unit, context);
            }
        }
    }

    /// Whether an item of a fan-out's own verb is decided about before it runs.
    fn is_asked_first(&self, plan: &Plan, unit: Unit) -> bool {
        matches!(plan.node(unit.node).verb, Verb::Sleep(_)) || self.lacks_output(plan, unit)
    }

    /// A unit within a scope has ended; the scope with it, if it was the last one.
    pub(crate) fn scope_unit_ended(
        &mut self,
        unit: Unit,
        end: UnitEnd,
        context: &mut ApplyContext<'_>,
    ) {
        let plan = context.plan;
        let Some(place) = self.arena.block_of(unit.scope) else { return };
        let run_stopped = self.stop != Stop::Nothing;
        let block = &mut self.arena.blocks[place];
        let own_verb = block.runs_own_verb();
        let stopped = run_stopped || block.is_stopped();
        let scope = block.place_of(unit.scope);
        let Some(state) = block.scopes.get_mut(index(scope)) else { return };
        state.failed |= end == UnitEnd::Failed && (own_verb || !plan.node(unit.node).allow_failure);
        state.cancelled |= end == UnitEnd::Cancelled && stopped;
        state.open = state.open.saturating_sub(1);
        if state.open > 0 || state.phase != ScopePhase::Active {
            return;
        }
        state.phase = match (state.failed, state.cancelled) {
            (true, _) => ScopePhase::Failed,
            (false, true) => ScopePhase::Cancelled,
            (false, false) => ScopePhase::Succeeded,
        };
        block.failed += u32::from(state.failed);
        block.cancelled += u32::from(state.cancelled && !state.failed);
        block.active -= 1;
        let tolerate = tolerate(plan, block);
        if !block.stopped && tolerate.is_some() && block.is_exceeded(tolerate) {
            block.stopped = true;
            self.stop_scopes(place);
        }
        self.start_scopes(place, context);
    }

    /// Queues the units of a block that may be stopped.
    pub(crate) fn stop_scopes(&mut self, place: usize) {
        let block = &self.arena.blocks[place];
        let units = block.units().zip(&self.units[block.all_places()]);
        let busy = units.filter(|(_, state)| state.phase.is_busy()).map(|(unit, _)| unit);
        self.work.extend(busy);
    }

    /// All scopes of a unit have ended: what it comes to.
    pub(crate) fn judge_scopes(
        &self,
        plan: &Plan,
        unit: Unit,
        at: Timestamp,
        out: &mut Vec<Event>,
    ) {
        let Some(place) = self.block_of_owner(unit) else { return };
        let block = &self.arena.blocks[place];
        if block.is_exceeded(tolerate(plan, block)) {
            let failure = Box::new(self.scopes_failure(plan, block));
            out.push(Event::Failed { unit, at, failure });
        } else if block.cancelled > 0 || block.has_unstarted() {
            out.push(Event::Cancelled { unit, at });
        } else if let Some(failure) = self.is_too_much(plan, unit, block.bytes) {
            out.push(Event::Failed { unit, at, failure: Box::new(failure) });
        } else {
            out.push(Event::Gathered { unit, at });
        }
    }

    /// `2 of 5 items failed; item 1: out of stock`, with the class of the first one.
    fn scopes_failure(&self, plan: &Plan, block: &ScopeBlock) -> Failure {
        let all = block.count();
        let is_failed = |scope: &u32| block.scopes[index(*scope)].phase == ScopePhase::Failed;
        let first = (0..all).find(is_failed).unwrap_or_default();
        let cause = self.scope_failure(plan, block, first);
        let class = cause.map_or(ErrorClass::Permanent, |(_, failure)| failure.class.clone());
        let message = cause.map_or("", |(_, failure)| failure.message.as_ref());
        let message = match (block.kind, cause) {
            (ScopeKind::Group, Some((id, _))) => {
                format!("step `{}` failed: {message}", plan.node(id).id)
            }
            (ScopeKind::Group, None) => "a step of it failed".to_owned(),
            (ScopeKind::Item | ScopeKind::Iteration, _) => {
                format!("{} of {all} items failed; item {first}: {message}", block.failed)
            }
        };
        Failure::new(class, message)
    }

    /// Why a scope failed: its first unit that did.
    pub(crate) fn scope_failure(
        &self,
        plan: &Plan,
        block: &ScopeBlock,
        scope: u32,
    ) -> Option<(NodeId, &Failure)> {
        block.nodes().zip(&self.units[block.places(scope)]).find_map(|(id, state)| {
            let counts = id == block.owner.node || !plan.node(id).allow_failure;
            let failed = state.phase == Phase::FAILED && counts;
            failed.then(|| state.failure()).flatten().map(|failure| (id, failure))
        })
    }

    /// The results become the output of the unit whose scopes they are.
    pub(crate) fn gather(&mut self, unit: Unit, context: &mut ApplyContext<'_>) {
        let Some(place) = self.block_of_owner(unit) else { return };
        let output = self.results(context.plan, &self.arena.blocks[place]);
        let new = bytes(&output);
        let old = bytes(&std::mem::replace(&mut self.arena.blocks[place].output, output));
        self.count_bytes(unit, old, new);
        self.end_unit(unit, UnitEnd::Succeeded, context);
    }

    /// A unit ends before all its scopes have: what is left of them is cancelled.
    pub(crate) fn close_scopes(&mut self, place: usize, context: &mut ApplyContext<'_>) {
        for unit in self.arena.blocks[place].units() {
            if !self.phase(unit).is_end() {
                self.cut_short(unit, context);
                self.turn(unit, Phase::CANCELLED);
            }
        }
        let block = &mut self.arena.blocks[place];
        for scope in &mut block.scopes {
            if matches!(scope.phase, ScopePhase::Waiting | ScopePhase::Active) {
                scope.phase = ScopePhase::Cancelled;
                scope.open = 0;
                block.cancelled += 1;
            }
        }
        block.again.clear();
        block.next = block.count();
        block.active = 0;
    }

    /// The array of the results of items, `null` in the place of one that failed; the table that a
    /// group gives.
    fn results(&self, plan: &Plan, block: &ScopeBlock) -> Payload {
        if block.kind == ScopeKind::Group {
            let mut text = Vec::new();
            self.write_result(plan, block, 0, &mut text);
            return Payload::from_trusted(text);
        }
        let mut text = Vec::with_capacity(2 + 16 * block.scopes.len());
        text.push(b'[');
        for (scope, state) in (0..).zip(&block.scopes) {
            if text.len() > 1 {
                text.push(b',');
            }
            if state.phase == ScopePhase::Succeeded {
                self.write_result(plan, block, scope, &mut text);
            } else {
                text.extend_from_slice(b"null");
            }
        }
        text.push(b']');
        Payload::from_trusted(text)
    }

    /// The result of one scope: what its verb gave, or a table of what its steps gave.
    fn write_result(&self, plan: &Plan, block: &ScopeBlock, scope: u32, text: &mut Vec<u8>) {
        if block.runs_own_verb() {
            let state = &self.units[block.places(scope)][0];
            let output = state.slot.and_then(|slot| self.outputs.get(slot.output()));
            let output = output.filter(|_| state.phase == Phase::SUCCEEDED);
            text.extend_from_slice(output.map_or(b"null", |output| output.as_bytes()));
            return;
        }
        text.push(b'{');
        let mut comma = false;
        for unit in block.units_of(scope) {
            let Some(output) = self.output_of(plan, unit) else { continue };
            if comma {
                text.push(b',');
            }
            comma = true;
            text.push(b'"');
            text.extend_from_slice(plan.node(unit.node).id.as_str().as_bytes());
            text.extend_from_slice(b"\":");
            text.extend_from_slice(output.as_bytes());
        }
        text.push(b'}');
    }
}

#[cfg(test)]
mod tests;
