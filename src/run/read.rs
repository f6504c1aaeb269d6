//! What units read: the names of expressions, and what flows into an attempt.

use super::join::beside;
use super::table::{count, index};
use super::unit::Phase;
use super::{AttemptSource, Failure, Run, Unit};
use crate::expression::{Names, RunNames, StepValue};
use crate::payload::Payload;
use crate::plan::{InputFrom, NodeId, Plan, Verb};

impl Run {
    /// The names that the expressions of a unit may read.
    pub fn names(&self, plan: &Plan, unit: Unit) -> Names {
        let mut names = self.names_of(plan, &plan.node(unit.node).reads, Some(unit));
        names.item = self.item(plan, unit).map(|item| (unit.item, item));
        names
    }

    /// What flows into an attempt of a unit.
    pub fn attempt_input(&self, plan: &Plan, unit: Unit) -> AttemptSource {
        let node = plan.node(unit.node);
        let edited = self
            .unit(plan, unit)
            .and_then(|state| state.more.as_ref())
            .and_then(|more| more.edited.clone());
        let ready = edited.or_else(|| match &node.verb {
            Verb::Task(_) => self.flow(plan, unit, &node.input),
            Verb::Run(_) | Verb::Http(_) | Verb::Sleep(_) | Verb::Body => None,
        });
        let is_plain = matches!(node.verb, Verb::Task(_)) && node.idempotency_key.is_none();
        match ready {
            Some(input) if is_plain => AttemptSource::Payload(input),
            Some(input) => AttemptSource::Edited(Box::new(self.names(plan, unit)), input),
            None => AttemptSource::Names(Box::new(self.names(plan, unit))),
        }
    }

    /// What flows into a unit without being rendered.
    fn flow(&self, plan: &Plan, unit: Unit, from: &InputFrom) -> Option<Payload> {
        Some(match from {
            InputFrom::Run => self.accepted.input.clone(),
            InputFrom::Item => self.item(plan, unit).unwrap_or_default(),
            InputFrom::Node(id) => {
                self.output_of(plan, beside(plan, unit, *id)).unwrap_or_default()
            }
            InputFrom::Nodes(ids) => self.table(plan, ids.iter().copied(), unit.item),
            InputFrom::With(_) => return None,
        })
    }

    /// `item`: the value of a unit's item.
    fn item(&self, plan: &Plan, unit: Unit) -> Option<Payload> {
        if !unit.has_item() {
            return None;
        }
        let fan = &self.fans[self.fan_at(plan, unit.node)?];
        fan.items.get(index(unit.item)).map(|item| item.value.clone())
    }

    /// The names, with these steps.
    pub(super) fn names_of(&self, plan: &Plan, reads: &[NodeId], unit: Option<Unit>) -> Names {
        let item = unit.map_or(Unit::NO_ITEM, |unit| unit.item);
        let value = |&id: &NodeId| {
            let unit = beside(plan, Unit::item(id, item), id);
            (plan.node(id).id.clone(), self.value(plan, unit))
        };
        Names {
            input: self.accepted.input.clone(),
            steps: reads.iter().map(value).collect(),
            item: None,
            run: RunNames {
                id: Some(self.id),
                attempt: self.attempt,
                scheduled_at: self.accepted.scheduled_at,
                started_by: self.accepted.started_by.clone(),
            },
            secrets: Vec::new(),
        }
    }

    /// `steps.<id>`
    fn value(&self, plan: &Plan, unit: Unit) -> StepValue {
        let Some(state) = self.unit(plan, unit) else { return StepValue::default() };
        let failed = state.phase == Phase::Failed;
        let is_fan = !unit.has_item() && plan.node(unit.node).fan.is_some();
        StepValue {
            status: state.phase.state().as_str(),
            output: self.output_of(plan, unit),
            failed: is_fan.then(|| self.failed_items(plan, unit.node)).flatten(),
            error: failed.then(|| state.failure().map(error_value)).flatten(),
        }
    }

    /// `steps.<id>.failed`: the failed items, in order.
    fn failed_items(&self, plan: &Plan, id: NodeId) -> Option<Payload> {
        let place = self.fan_at(plan, id)?;
        let items = self.fans[place].items.iter().enumerate();
        let failed: Vec<Payload> = items
            .filter_map(|(at, item)| {
                let (_, failure) = self.item_failure(plan, place, count(at))?;
                let entry = serde_json::json!({
                    "index": at,
                    "item": item.value,
                    "error": error_value(failure),
                });
                Payload::of(&entry).ok()
            })
            .collect();
        Payload::of(&failed).ok()
    }

    /// `{ "<id>": <output>, … }` of the steps that have one.
    pub(super) fn table(
        &self,
        plan: &Plan,
        ids: impl Iterator<Item = NodeId>,
        item: u32,
    ) -> Payload {
        let mut text = vec![b'{'];
        for id in ids {
            let unit = beside(plan, Unit::item(id, item), id);
            let Some(output) = self.output_of(plan, unit) else { continue };
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

/// `{ "class", "message" }`
fn error_value(failure: &Failure) -> Payload {
    let value = serde_json::json!({
        "class": failure.class.to_string(),
        "message": failure.message,
    });
    Payload::of(&value).unwrap_or_default()
}
