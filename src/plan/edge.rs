//! The edges of a definition that is being checked: each with its reason and its place in the file.

use super::check::Check;
use super::steps::{StepIndex, Steps, node_of};
use super::{EDGES_MAX, Need};
use crate::definition::{Diagnostic, Span};

/// A step that another one waits for.
#[derive(Debug, Clone)]
pub(super) struct SpannedEdge {
    pub on: StepIndex,
    /// Its output is read without asking.
    pub data: bool,
    pub source: EdgeSource,
    /// Where that is said.
    pub span: Span,
}

/// The reason for an edge; where there are several, the first of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum EdgeSource {
    /// `depends_on` or `pipeline`.
    Named,
    /// An expression of the step.
    Read,
    /// An expression of a step in its body.
    BodyRead,
}

/// Each edge once, and not more than may be.
pub(super) fn settle(
    steps: &Steps<'_>,
    mut needs: Vec<Vec<SpannedEdge>>,
    check: &mut Check<'_>,
) -> Vec<Vec<SpannedEdge>> {
    // By dependency: the step that was last seen to need it, and where in its list.
    let mut marks: Vec<(usize, usize)> = vec![(usize::MAX, 0); steps.all.len()];
    let mut edges = 0;
    for (step, list) in needs.iter_mut().enumerate() {
        let mut kept: Vec<SpannedEdge> = Vec::with_capacity(list.len());
        for need in list.drain(..) {
            let (last, place) = marks[need.on];
            if last == step {
                kept[place].data |= need.data;
                kept[place].source = kept[place].source.min(need.source);
            } else {
                marks[need.on] = (step, kept.len());
                kept.push(need);
            }
        }
        edges += kept.len();
        *list = kept;
    }
    if edges > EDGES_MAX {
        let told = format!("the workflow has {edges} edges; at most {EDGES_MAX} are allowed");
        check.report(Diagnostic::error("too-many-edges", told, 0..0).label("too many"));
    }
    needs
}

/// The edges that a join counts: to the steps that are named or, where none is, to those that the step
/// itself reads.
pub(super) fn counted(needs: &[SpannedEdge]) -> EdgeSource {
    let is_named = needs.iter().any(|need| need.source == EdgeSource::Named);
    if is_named { EdgeSource::Named } else { EdgeSource::Read }
}

/// The resolved edges.
pub(super) fn resolved(needs: &[Vec<SpannedEdge>]) -> Vec<Box<[Need]>> {
    let edges = |needs: &Vec<SpannedEdge>| {
        let counted = counted(needs);
        let edge = |need: &SpannedEdge| Need {
            node: node_of(need.on),
            data: need.data,
            counted: need.source == counted,
        };
        needs.iter().map(edge).collect()
    };
    needs.iter().map(edges).collect()
}
