//! All steps of a definition in one list, in the order of the plan's nodes: the top-level steps in the
//! file's order, then, in the order of their owners in the list, the steps of each body.

use std::collections::HashMap;
use std::ops::Range;

use super::NodeId;
use crate::definition::{Definition, Span, StepDefinition, VerbDefinition};
use crate::id::Name;

/// The place of a step in the list.
pub(super) type StepIndex = usize;

/// The node of a step: they stand in the same order. There are at most 100,000.
pub(super) fn node_of(step: StepIndex) -> NodeId {
    NodeId(u32::try_from(step).unwrap_or(u32::MAX))
}

/// A step where it stands.
pub(super) struct Step<'d> {
    pub id: &'d Name,
    pub definition: &'d StepDefinition,
    /// The step whose body it belongs to.
    pub parent: Option<StepIndex>,
    /// The steps of its own body.
    pub body: Option<Range<StepIndex>>,
}

impl<'d> Step<'d> {
    fn new((id, definition): (&'d Name, &'d StepDefinition), parent: Option<StepIndex>) -> Self {
        Self { id, definition, parent, body: None }
    }
}

/// All steps.
pub(super) struct Steps<'d> {
    pub all: Vec<Step<'d>>,
    /// How many are top-level.
    pub top: usize,
    names: HashMap<(Option<StepIndex>, &'d str), StepIndex>,
}

impl<'d> Steps<'d> {
    pub(super) fn of(definition: &'d Definition) -> Self {
        let mut all: Vec<Step<'d>> =
            definition.steps.iter().map(|step| Step::new(step, None)).collect();
        let top = all.len();
        let mut owner = 0;
        while let Some(step) = all.get(owner) {
            if let VerbDefinition::Steps(body) = &step.definition.verb {
                let first = all.len();
                all.extend(body.iter().map(|step| Step::new(step, Some(owner))));
                all[owner].body = Some(first..all.len());
            }
            owner += 1;
        }
        let names = all.iter().enumerate();
        let names = names.map(|(index, step)| ((step.parent, step.id.as_str()), index)).collect();
        Self { all, top, names }
    }

    /// The levels in the list's order: the top-level steps, then each body. They cover the list.
    pub(super) fn levels(&self) -> impl Iterator<Item = Range<StepIndex>> {
        let bodies = self.all.iter().filter_map(|step| step.body.clone());
        std::iter::once(0..self.top).chain(bodies)
    }

    /// The steps at the top, or of the body of a step.
    pub(super) fn level(&self, parent: Option<StepIndex>) -> Range<StepIndex> {
        match parent {
            Some(parent) => self.all[parent].body.clone().unwrap_or_default(),
            None => 0..self.top,
        }
    }

    /// The step with this id at the top, or in a body.
    pub(super) fn find(&self, parent: Option<StepIndex>, id: &str) -> Option<StepIndex> {
        self.names.get(&(parent, id)).copied()
    }

    /// What an expression in `from` means by this id: a step of its own level, else of the nearest
    /// enclosing one that has it.
    pub(super) fn visible(&self, from: Option<StepIndex>, id: &str) -> Option<StepIndex> {
        let Some(from) = from else { return self.find(None, id) };
        self.line(from).find_map(|step| self.find(self.all[step].parent, id))
    }

    /// A step, its owner, the owner of that, on to the top.
    pub(super) fn line(&self, step: StepIndex) -> impl Iterator<Item = StepIndex> {
        std::iter::successors(Some(step), |step| self.all[*step].parent)
    }

    /// The step itself or the owner around it that stands on the level of `other`.
    pub(super) fn beside(&self, step: StepIndex, other: StepIndex) -> Option<StepIndex> {
        self.line(step).find(|step| self.all[*step].parent == self.all[other].parent)
    }

    /// The step in whose body a step of this id stands.
    pub(super) fn body_with(&self, id: &str) -> Option<StepIndex> {
        let mut owners = (0..self.all.len()).filter(|step| self.all[*step].body.is_some());
        owners.find(|owner| self.find(Some(*owner), id).is_some())
    }

    /// The ids beside each other at the top, or in a body.
    pub(super) fn ids(&self, parent: Option<StepIndex>) -> impl Iterator<Item = &'d str> {
        self.all[self.level(parent)].iter().map(|step| step.id.as_str())
    }

    /// The ids that an expression in `from` can read.
    pub(super) fn visible_ids(&self, from: Option<StepIndex>) -> impl Iterator<Item = &'d str> {
        let owners = from.into_iter().flat_map(|from| self.line(from));
        let owners: Vec<_> = owners.filter_map(|step| self.all[step].parent).map(Some).collect();
        owners.into_iter().chain([None]).flat_map(|owner| self.ids(owner))
    }

    /// The step for a message: `fetch`, or `files.fetch` in a body.
    pub(super) fn path(&self, index: StepIndex) -> String {
        let mut ids: Vec<&str> = self.line(index).map(|step| self.all[step].id.as_str()).collect();
        ids.reverse();
        ids.join(".")
    }

    pub(super) fn span(&self, index: StepIndex) -> Span {
        self.all[index].definition.span.clone()
    }

    /// Whether it is a fan-out.
    pub(super) fn is_fan_out(&self, index: StepIndex) -> bool {
        self.all[index].definition.for_each.is_some()
    }

    /// Whether it stands in the body of a fan-out, at any depth: then `item` is known before its own
    /// list is.
    pub(super) fn is_in_item(&self, index: StepIndex) -> bool {
        self.line(index).skip(1).any(|owner| self.is_fan_out(owner))
    }
}
