//! The order of the steps, or the circles that leave none.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::fmt::Write as _;

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use super::check::Check;
use super::names::Need;
use super::steps::{StepIndex, Steps};
use crate::definition::Diagnostic;

/// The most steps of a circle that a message names, and the most places that it shows.
const SHOWN_MAX: usize = 30;

/// The steps in topological order, the file's order among equals: the top-level ones, then each body.
/// `None` where there is a circle; it has been reported.
pub(super) fn order(
    steps: &Steps<'_>,
    needs: &[Vec<Need>],
    check: &mut Check<'_>,
) -> Option<Vec<StepIndex>> {
    let graph = graph(needs);
    let order = sorted(&graph, steps);
    if order.len() == steps.all.len() {
        return Some(order);
    }
    let mut circles: Vec<Vec<StepIndex>> = kosaraju_scc(&graph)
        .into_iter()
        .map(|circle| circle.into_iter().map(NodeIndex::index).collect())
        .filter(|circle: &Vec<StepIndex>| {
            circle.len() > 1 || waits_for(needs, circle[0], circle[0])
        })
        .collect();
    for circle in &mut circles {
        circle.sort_unstable();
        check.report(report(steps, needs, circle));
    }
    None
}

/// An edge leads from a step to who waits for it.
fn graph(needs: &[Vec<Need>]) -> DiGraph<(), ()> {
    let edges = needs.iter().map(Vec::len).sum();
    let mut graph = DiGraph::with_capacity(needs.len(), edges);
    for _ in needs {
        graph.add_node(());
    }
    for (step, list) in needs.iter().enumerate() {
        for need in list {
            graph.add_edge(NodeIndex::new(need.on), NodeIndex::new(step), ());
        }
    }
    graph
}

/// Kahn's algorithm. The first of the ready steps in the list of all comes first; a body's steps come
/// behind all top-level ones, since edges between the two are kept by the fan-out.
fn sorted(graph: &DiGraph<(), ()>, steps: &Steps<'_>) -> Vec<StepIndex> {
    let mut open: Vec<usize> = vec![0; steps.all.len()];
    for edge in graph.raw_edges() {
        open[edge.target().index()] += 1;
    }
    let mut order = Vec::with_capacity(steps.all.len());
    let levels =
        std::iter::once(0..steps.top).chain(steps.bodies.iter().map(|(_, body)| body.clone()));
    for level in levels {
        let roots = level.filter(|step| open[*step] == 0).map(Reverse);
        let mut ready: BinaryHeap<Reverse<StepIndex>> = roots.collect();
        while let Some(Reverse(step)) = ready.pop() {
            order.push(step);
            for next in graph.neighbors(NodeIndex::new(step)) {
                let next = next.index();
                open[next] -= 1;
                if open[next] == 0 {
                    ready.push(Reverse(next));
                }
            }
        }
    }
    order
}

fn waits_for(needs: &[Vec<Need>], step: StepIndex, on: StepIndex) -> bool {
    needs[step].iter().any(|need| need.on == on)
}

/// One circle, in the order in which its steps would have to run.
fn report(steps: &Steps<'_>, needs: &[Vec<Need>], circle: &[StepIndex]) -> Diagnostic {
    let name = |step: StepIndex| format!("`{}`", steps.path(step));
    if let [step] = circle {
        let told = format!("step {} waits for itself", name(*step));
        let span = needs[*step].iter().find(|need| need.on == *step).map(|need| need.span.clone());
        let problem = Diagnostic::error("cycle", told, span.unwrap_or_else(|| steps.span(*step)));
        return problem.label("waits for itself").help("take it out");
    }
    let walk = walk(needs, circle);
    let names: Vec<_> = walk.iter().rev().map(|step| steps.path(*step)).collect();
    let mut shown = names[..names.len().min(SHOWN_MAX)].join(" → ");
    if names.len() > SHOWN_MAX {
        write!(shown, " → … ({} steps)", names.len())
            .expect("invariant: a string takes every text");
    }
    let told = format!("steps wait for each other in a circle: {shown}");
    let members: HashSet<StepIndex> = circle.iter().copied().collect();
    let mut edges = walk.iter().flat_map(|step| {
        let inside = needs[*step].iter().filter(|need| members.contains(&need.on));
        inside
            .map(|need| (need.span.clone(), format!("{} waits for {}", name(*step), name(need.on))))
    });
    let (span, label) = edges.next().unwrap_or_else(|| (steps.span(circle[0]), String::new()));
    let mut problem = Diagnostic::error("cycle", told, span).label(label);
    for (span, label) in edges.take(SHOWN_MAX) {
        problem = problem.related(span, label);
    }
    problem.help("remove one of these")
}

/// From the first step of the circle on from each to one that it waits for; then what was left out.
fn walk(needs: &[Vec<Need>], circle: &[StepIndex]) -> Vec<StepIndex> {
    let mut left: HashSet<StepIndex> = circle.iter().copied().collect();
    let mut walk = Vec::with_capacity(circle.len());
    let mut next = circle.first().copied();
    while let Some(step) = next {
        left.remove(&step);
        walk.push(step);
        next = needs[step].iter().map(|need| need.on).find(|on| left.contains(on));
    }
    walk.extend(circle.iter().filter(|step| left.contains(step)));
    walk
}
