//! All steps of a definition in one list: the top-level ones in the file's order, then each body.

use std::collections::HashMap;
use std::ops::Range;

use crate::definition::{Definition, Span, StepDefinition, VerbDefinition};
use crate::id::Name;

/// The place of a step in the list.
pub(super) type StepIndex = usize;

/// A step where it stands.
pub(super) struct Step<'d> {
    pub id: &'d Name,
    pub definition: &'d StepDefinition,
    /// The fan-out whose body it belongs to.
    pub parent: Option<StepIndex>,
}

/// All steps.
pub(super) struct Steps<'d> {
    pub all: Vec<Step<'d>>,
    /// How many are top-level.
    pub top: usize,
    /// The bodies by their fan-outs, in the file's order.
    pub bodies: Vec<(StepIndex, Range<StepIndex>)>,
    names: HashMap<(Option<StepIndex>, &'d str), StepIndex>,
}

impl<'d> Steps<'d> {
    pub(super) fn of(definition: &'d Definition) -> Self {
        let mut all: Vec<Step<'d>> = Vec::with_capacity(definition.steps.len());
        all.extend(definition.steps.iter().map(|(id, definition)| Step {
            id,
            definition,
            parent: None,
        }));
        let top = all.len();
        let mut bodies = Vec::new();
        for parent in 0..top {
            let VerbDefinition::Steps(body) = &all[parent].definition.verb else { continue };
            let first = all.len();
            all.extend(body.iter().map(|(id, definition)| Step {
                id,
                definition,
                parent: Some(parent),
            }));
            bodies.push((parent, first..all.len()));
        }
        let names = all.iter().enumerate();
        let names = names.map(|(index, step)| ((step.parent, step.id.as_str()), index)).collect();
        Self { all, top, bodies, names }
    }

    /// The step with this id at the top, or in a body.
    pub(super) fn find(&self, parent: Option<StepIndex>, id: &str) -> Option<StepIndex> {
        self.names.get(&(parent, id)).copied()
    }

    /// What an expression in `from` means by this id: a sibling, else a top-level step.
    pub(super) fn visible(&self, from: Option<StepIndex>, id: &str) -> Option<StepIndex> {
        let parent = from.and_then(|from| self.all[from].parent);
        self.find(parent, id).or_else(|| self.find(None, id))
    }

    /// The fan-out in whose body a step of this id stands.
    pub(super) fn body_with(&self, id: &str) -> Option<StepIndex> {
        self.bodies.iter().map(|(parent, _)| *parent).find(|p| self.find(Some(*p), id).is_some())
    }

    /// The ids beside each other at the top, or in a body.
    pub(super) fn ids(&self, parent: Option<StepIndex>) -> impl Iterator<Item = &'d str> {
        let body = self.bodies.iter().find(|(owner, _)| Some(*owner) == parent);
        let range = body.map_or(0..self.top, |(_, range)| range.clone());
        self.all[range].iter().map(|step| step.id.as_str())
    }

    /// The step for a message: `fetch`, or `files.fetch` in a body.
    pub(super) fn path(&self, index: StepIndex) -> String {
        let step = &self.all[index];
        match step.parent {
            Some(parent) => format!("{}.{}", self.all[parent].id, step.id),
            None => step.id.to_string(),
        }
    }

    pub(super) fn span(&self, index: StepIndex) -> Span {
        self.all[index].definition.span.clone()
    }

    /// Whether `item` is known in it.
    pub(super) fn has_item(&self, index: StepIndex) -> bool {
        let step = &self.all[index];
        step.parent.is_some() || step.definition.for_each.is_some()
    }
}
