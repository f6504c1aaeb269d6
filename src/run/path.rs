//! What a unit is called outside: its path, with the items in which it stands.

use super::scope::ScopeKind;
use super::{ItemPath, Run, ScopeId, Unit};
use crate::plan::{NodeId, Plan};

impl Run {
    /// The items in which a unit stands.
    pub fn items(&self, unit: Unit) -> ItemPath {
        if unit.is_top() {
            return ItemPath::default();
        }
        let mut indices = Vec::new();
        let mut scope = unit.scope;
        while let Some(block) = self.block_around(Unit { scope, ..unit }) {
            if block.kind == ScopeKind::Item {
                indices.push(block.place_of(scope));
            }
            scope = block.owner.scope;
        }
        indices.reverse();
        ItemPath::of(&indices)
    }

    /// `files[3].fetch`: what a unit is called outside.
    pub fn path(&self, plan: &Plan, unit: Unit) -> String {
        let id = plan.node(unit.node).id.as_str();
        let Some(block) = self.block_around(unit) else { return id.to_owned() };
        let place = block.place_of(unit.scope);
        let is_item = block.kind == ScopeKind::Item;
        let mut path = self.path(plan, block.owner);
        if is_item {
            path.extend(["[", place.to_string().as_str(), "]"]);
        }
        if !block.runs_own_verb() {
            path.push('.');
            path.push_str(id);
        }
        path
    }

    /// The unit that a path such as `files[3].fetch` names.
    pub fn find_unit(&self, plan: &Plan, path: &str) -> Option<Unit> {
        let mut scope = ScopeId::RUN;
        let mut found: Option<Unit> = None;
        for part in path.split('.') {
            if let Some(owner) = found.filter(|owner| owner.scope == scope) {
                // A group: its steps stand in its only scope.
                let block = &self.arena.blocks[self.block_of_owner(owner)?];
                scope = block.first;
            }
            let (id, item) = match part.strip_suffix(']').and_then(|part| part.split_once('[')) {
                Some((id, item)) => (id, Some(item.parse::<u32>().ok()?)),
                None => (part, None),
            };
            let node = self.find_in_scope(plan, scope, id)?;
            let unit = Unit { scope, node };
            found = Some(unit);
            if let Some(item) = item {
                let block = &self.arena.blocks[self.block_of_owner(unit)?];
                (item < block.count()).then_some(())?;
                scope = block.scope(item);
                if block.runs_own_verb() {
                    found = Some(Unit { scope, node });
                }
            }
        }
        found
    }

    fn find_in_scope(&self, plan: &Plan, scope: ScopeId, id: &str) -> Option<NodeId> {
        let nodes = match self.block_around(Unit { scope, node: NodeId(0) }) {
            Some(block) => block.node.0..block.node.0 + block.width,
            None => 0..plan.top,
        };
        nodes.map(NodeId).find(|node| plan.node(*node).id.as_str() == id)
    }
}
