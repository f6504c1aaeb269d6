//! What units read: the names of expressions, and what flows into an attempt.

use serde::Serialize;

use super::scope::{ScopeBlock, ScopeKind};
use super::table::{index, opens_scopes};
use super::unit::Phase;
use super::{AttemptSource, Failure, Run, ToRender, Unit};
use crate::expression::{Effort, Names, RunNames, StepValue};
use crate::payload::Payload;
use crate::plan::{InputFrom, NodeId, Plan, Verb};

impl Run {
    /// The names that the expressions of a unit may read.
    pub fn names(&self, plan: &Plan, unit: Unit) -> Names {
        let mut names = self.names_of(plan, &plan.node(unit.node).reads, unit);
        names.item = self.item(unit);
        names
    }

    /// What flows into an attempt of a unit.
    pub fn attempt_input(&self, plan: &Plan, unit: Unit) -> AttemptSource {
        let node = plan.node(unit.node);
        let edited = self
            .unit(unit)
            .and_then(|state| state.rare.as_ref())
            .and_then(|rare| rare.edited.clone());
        let ready = edited.or_else(|| match &node.verb {
            Verb::Task(_) => self.flow(plan, unit, &node.input),
            Verb::Run(_) | Verb::Http(_) | Verb::Sleep(_) | Verb::Body => None,
        });
        let is_plain = matches!(node.verb, Verb::Task(_)) && node.idempotency_key.is_none();
        match ready {
            Some(input) if is_plain => AttemptSource::Payload(input),
            input => {
                let names = self.names(plan, unit);
                AttemptSource::Rendered(Box::new(ToRender { names, input }))
            }
        }
    }

    /// What flows into a unit without being rendered.
    fn flow(&self, plan: &Plan, unit: Unit, from: &InputFrom) -> Option<Payload> {
        Some(match from {
            InputFrom::Run => self.accepted.input.clone(),
            InputFrom::Item => self.item(unit).map(|(_, item)| item).unwrap_or_default(),
            InputFrom::Node(id) => {
                self.output_of(plan, self.visible(unit, *id)).unwrap_or_default()
            }
            InputFrom::Nodes(ids) => self.table(plan, unit, ids.iter().copied()),
            InputFrom::With(_) => return None,
        })
    }

    /// `index` and `item`: those of the innermost fan-out around a unit.
    fn item(&self, unit: Unit) -> Option<(u32, Payload)> {
        let mut scope = unit.scope;
        loop {
            let block = self.block_around(Unit { scope, ..unit })?;
            let place = block.place_of(scope);
            if block.kind == ScopeKind::Item {
                return Some((place, block.scopes[index(place)].value.clone()));
            }
            scope = block.owner.scope;
        }
    }

    /// The names, with these steps as a unit sees them.
    pub(crate) fn names_of(&self, plan: &Plan, reads: &[NodeId], unit: Unit) -> Names {
        let value = |&id: &NodeId| {
            let read = self.visible(unit, id);
            (plan.node(id).id.clone(), self.value(plan, read))
        };
        Names {
            input: self.accepted.input.clone(),
            steps: reads.iter().map(value).collect(),
            item: None,
            run: RunNames {
                id: Some(self.id),
                attempt: self.attempt,
                scheduled_at: self.accepted.scheduled_at,
                started_by: self.accepted.origin.as_str().into(),
            },
            secrets: Vec::new(),
            effort: Effort::Full,
        }
    }

    /// `steps.<id>`
    fn value(&self, plan: &Plan, unit: Unit) -> StepValue {
        let Some(state) = self.unit(unit) else { return StepValue::default() };
        let failed = state.phase == Phase::FAILED;
        let has_scopes = opens_scopes(plan, unit.node);
        StepValue {
            status: state.phase.state().as_str(),
            output: self.output_of(plan, unit),
            failed: has_scopes.then(|| self.failed_items(plan, unit)).flatten(),
            error: failed.then(|| state.failure().map(error_value)).flatten(),
        }
    }

    /// `steps.<id>.failed`: the failed items, in order.
    fn failed_items(&self, plan: &Plan, unit: Unit) -> Option<Payload> {
        let block = &self.arena.blocks[self.block_of_owner(unit)?];
        if !self.phase(unit).is_end() {
            return Some(self.list_failed(plan, block));
        }
        Some(block.failed_items.get_or(|| self.list_failed(plan, block)))
    }

    fn list_failed(&self, plan: &Plan, block: &ScopeBlock) -> Payload {
        let failed = (0..block.count()).filter_map(|place| {
            let (_, failure) = self.scope_failure(plan, block, place)?;
            let (item, error) = (&block.scopes[index(place)].value, error_value(failure));
            Some(FailedItem { index: place, item, error })
        });
        Payload::of_result(&failed.collect::<Vec<_>>()).unwrap_or_default()
    }

    /// `{ "<id>": <output>, … }` of the steps that have one, as a unit sees them.
    pub(crate) fn table(
        &self,
        plan: &Plan,
        unit: Unit,
        ids: impl Iterator<Item = NodeId>,
    ) -> Payload {
        let mut text = vec![b'{'];
        for id in ids {
            let Some(output) = self.output_of(plan, self.visible(unit, id)) else { continue };
            if text.len() > 1 {
                text.push(b',');
            }
            // An id has no character that JSON escapes.
            text.push(b'"');
            text.extend_from_slice(plan.node(id).id.as_str().as_bytes());
            text.extend_from_slice(b"\":");
            text.extend_from_slice(output.as_bytes());
        }
        text.push(b'}');
        Payload::from_trusted(text)
    }
}

/// An entry of `steps.<id>.failed`.
#[derive(Serialize)]
struct FailedItem<'i> {
    index: u32,
    item: &'i Payload,
    error: Payload,
}

/// `steps.<id>.error`
#[derive(Serialize)]
struct ErrorValue<'f> {
    class: String,
    message: &'f str,
}

fn error_value(failure: &Failure) -> Payload {
    let value = ErrorValue { class: failure.class.to_string(), message: &failure.message };
    Payload::of_result(&value).unwrap_or_default()
}
