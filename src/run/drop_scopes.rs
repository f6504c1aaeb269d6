//! Scopes that go when their list is made anew, and what is kept of them.

use std::collections::BTreeSet;

use super::limit::bytes;
use super::scope::{DroppedScopes, ScopeBlock};
use super::table::opens_scopes;
use super::{Effect, Run, ScopeId, Unit};
use crate::payload::Payload;
use crate::plan::Plan;

impl Run {
    /// Drops the blocks with these numbers and all blocks within them. The units' history and the
    /// places of their outputs are kept for the scopes of the next list.
    pub(crate) fn drop_blocks(
        &mut self,
        plan: &Plan,
        blocks: BTreeSet<ScopeId>,
        effects: &mut Vec<Effect>,
    ) {
        if blocks.is_empty() {
            return;
        }
        let mut gone = BTreeSet::new();
        // A block stands behind the one that its owner stands in.
        for (place, block) in self.arena.blocks.iter().enumerate() {
            let around = self.arena.block_of(block.owner.scope).filter(|_| !block.owner.is_top());
            if blocks.contains(&block.first) || around.is_some_and(|at| gone.contains(&at)) {
                gone.insert(place);
            }
        }
        for &place in &gone {
            self.empty_block(plan, place, effects);
        }
        let units = std::mem::take(&mut self.units);
        let mut places = self.arena.blocks.iter().map(ScopeBlock::all_places).enumerate();
        let mut kept = Vec::with_capacity(units.len());
        let mut at = places.next();
        for (place, state) in units.into_iter().enumerate() {
            while at.as_ref().is_some_and(|(_, range)| range.end <= place) {
                at = places.next();
            }
            let is_gone = at
                .as_ref()
                .is_some_and(|(block, range)| range.contains(&place) && gone.contains(block));
            if !is_gone {
                kept.push(state);
            }
        }
        self.units = kept;
        let mut place = self.top;
        let mut at = 0;
        self.arena.blocks.retain_mut(|block| {
            at += 1;
            if gone.contains(&(at - 1)) {
                return false;
            }
            block.place = place;
            place += block.count() * block.width;
            true
        });
    }

    /// Takes what is to be kept out of a block.
    fn empty_block(&mut self, plan: &Plan, place: usize, effects: &mut Vec<Effect>) {
        let block = &self.arena.blocks[place];
        let (owner, first, count) = (block.owner, block.first, block.count());
        let (own_verb, places) = (block.runs_own_verb(), block.all_places());
        let units: Vec<Unit> = block.units().collect();
        for &unit in &units {
            if let Some(state) = self.unit(unit)
                && self.has_letter(plan, unit, state)
            {
                let dispatch = state.dispatch;
                effects.push(Effect::RemoveDeadLetter { unit, dispatch });
            }
            let opens_scopes = !own_verb && opens_scopes(plan, unit.node);
            self.reset_unit(unit, true, opens_scopes);
        }
        let block = &self.arena.blocks[place];
        let mut freed = block.scopes.iter().map(|scope| bytes(&scope.value)).sum::<u64>();
        freed += bytes(&block.output);
        let mut kept = Vec::with_capacity(units.len());
        for (unit, state) in units.iter().zip(&mut self.units[places]) {
            let slot = state.slot.filter(|_| own_verb || !opens_scopes(plan, unit.node));
            if let Some(output) = slot.and_then(|slot| self.outputs.get_mut(slot.output())) {
                freed += bytes(&std::mem::replace(output, Payload::NULL));
            }
            kept.push((state.rare.take(), slot));
        }
        self.bytes = self.bytes.saturating_sub(freed);
        if let Some(state) = self.unit_mut(owner) {
            state.slot = None;
        }
        self.arena.dropped.insert(owner, DroppedScopes { first, count, units: kept });
    }
}
