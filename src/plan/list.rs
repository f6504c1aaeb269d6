//! A definition as it is stored: its text, and one list of all that can be instantiated, with the
//! resolved edges.
//!
//! The planner makes the list when a file is loaded. A run reads its edges from the list that was
//! stored when it began, whatever a later planner would make of the text.

use std::sync::Arc;

use super::steps::Steps;
use super::{Need, NodeId, Plan};
use crate::id::{DefinitionHash, Name};

/// The edition of the rules by which a text is compiled; a change of what a text means is a new one.
pub const EDITION: u16 = 1;

/// A version of a workflow as it is stored: name, text, and the list that the planner made of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDefinition {
    /// The workflow's name.
    pub name: Name,
    /// The TOML text.
    pub text: Arc<str>,
    /// The edition of the rules by which the text is compiled.
    pub edition: u16,
    /// Everything that can be instantiated, in the order of the nodes.
    pub list: Box<[ListEntry]>,
}

/// Something that can be instantiated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListEntry {
    /// The place in the list of the step whose body this belongs to; it comes before this entry.
    pub owner: Option<u32>,
    /// The path below the owner: `steps/build`. A path from the top would repeat those of all owners.
    pub path: Box<str>,
    /// Its dependencies.
    pub edges: Box<[ListEdge]>,
}

/// A resolved edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListEdge {
    /// The place of the dependency in the list; it has the same owner.
    pub target: u32,
    /// Whether its end or its output is needed.
    pub kind: EdgeKind,
    /// Whether a join counts it, or it is only waited for.
    pub counted: bool,
}

/// What an edge needs of the dependency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EdgeKind {
    /// Its end.
    Order,
    /// Its output.
    Data,
}

/// Why a stored definition cannot be planned: its runs cannot go on with this version of the program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoredError {
    /// It was compiled by rules that this program does not have.
    #[error("it was stored with edition {0} of the rules, and this windlass knows {EDITION}")]
    Edition(u16),
    /// The text cannot be read.
    #[error("its text cannot be read: {0}")]
    Text(String),
    /// A part of the text cannot be compiled.
    #[error("{0} cannot be compiled")]
    Uncompiled(String),
    /// The list has more or fewer entries than the text.
    #[error("its list has {list} entries, and its text {text}")]
    Length {
        /// Entries of the list.
        list: usize,
        /// Steps of the text.
        text: usize,
    },
    /// The list has other things than the text.
    #[error("its list does not fit its text at `{0}`")]
    List(String),
    /// The list has an edge that cannot be.
    #[error("its list has an edge of `{0}` that leads nowhere")]
    Edge(String),
    /// The edges of the list form a circle.
    #[error("the edges of its list form a circle")]
    Circle,
}

impl StoredDefinition {
    /// The version that it is.
    pub fn hash(&self) -> DefinitionHash {
        DefinitionHash::of(&self.name, &self.text)
    }

    /// The path of an entry from the top: `steps/files/steps/fetch`.
    pub fn path(&self, place: usize) -> String {
        let mut parts = Vec::new();
        let mut next = Some(place);
        while let Some(place) = next
            && let Some(entry) = self.list.get(place)
        {
            parts.push(entry.path.as_ref());
            // An owner comes first: a damaged list could go round in a circle.
            let owner = entry.owner.and_then(|owner| usize::try_from(owner).ok());
            next = owner.filter(|owner| *owner < place);
        }
        parts.reverse();
        parts.join("/")
    }

    /// The edges of each step, where the list has the steps of the text in their order.
    pub(super) fn edges(&self, steps: &Steps<'_>) -> Result<Vec<Box<[Need]>>, StoredError> {
        if self.list.len() != steps.all.len() {
            let (list, text) = (self.list.len(), steps.all.len());
            return Err(StoredError::Length { list, text });
        }
        (0..self.list.len()).map(|place| self.edges_of(place, steps)).collect()
    }

    fn edges_of(&self, place: usize, steps: &Steps<'_>) -> Result<Box<[Need]>, StoredError> {
        let (entry, step) = (&self.list[place], &steps.all[place]);
        let owner = step.parent.and_then(|parent| u32::try_from(parent).ok());
        if entry.owner != owner || entry.path.strip_prefix("steps/") != Some(step.id.as_str()) {
            return Err(StoredError::List(self.path(place)));
        }
        let level = steps.level(step.parent);
        let need = |edge: &ListEdge| {
            let node = NodeId(edge.target);
            let data = edge.kind == EdgeKind::Data;
            level.contains(&node.index()).then_some(Need { node, data, counted: edge.counted })
        };
        let needs: Option<Box<[Need]>> = entry.edges.iter().map(need).collect();
        needs.ok_or_else(|| StoredError::Edge(self.path(place)))
    }
}

impl Plan {
    /// The definition, to be stored with the runs.
    pub fn definition(&self) -> StoredDefinition {
        let entry = |node: &super::Node| ListEntry {
            owner: node.parent.map(|parent| parent.0),
            path: format!("steps/{}", node.id).into(),
            edges: node.needs.iter().copied().map(edge).collect(),
        };
        StoredDefinition {
            name: self.name.clone(),
            text: Arc::clone(&self.text),
            edition: self.edition,
            list: self.nodes.iter().map(entry).collect(),
        }
    }
}

fn edge(need: Need) -> ListEdge {
    let kind = if need.data { EdgeKind::Data } else { EdgeKind::Order };
    ListEdge { target: need.node.0, kind, counted: need.counted }
}
