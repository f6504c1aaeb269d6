//! The topological order of the steps, or the circles in the way.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::fmt::Write as _;

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use super::Need;
use super::check::Check;
use super::edge::SpannedEdge;
use super::steps::{StepIndex, Steps};
use crate::definition::Diagnostic;

/// The most steps of a circle that a message names, and the most places that it shows.
const SHOWN_MAX: usize = 30;

/// The steps of each level in topological order, the file's order among equals; the levels stand in
/// the order of the list of all steps. `None` where there is a circle. Takes edges within levels only.
pub(super) fn sort(steps: &Steps<'_>, edges: &[Box<[Need]>]) -> Option<Vec<StepIndex>> {
    let edges = edges.iter().map(|edges| edges.iter().map(|edge| edge.node.index()));
    let order = sorted(&graph(edges), steps);
    (order.len() == steps.all.len()).then_some(order)
}

/// Reports each circle.
pub(super) fn report_circles(steps: &Steps<'_>, needs: &[Vec<SpannedEdge>], check: &mut Check<'_>) {
    let graph = graph(needs.iter().map(|needs| needs.iter().map(|need| need.on)));
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
}

/// The graph of what each step waits for. An edge leads from a step to who waits for it.
fn graph(needs: impl Iterator<Item = impl Iterator<Item = StepIndex>>) -> DiGraph<(), ()> {
    let mut graph = DiGraph::new();
    let mut edges = Vec::new();
    for (step, needs) in needs.enumerate() {
        graph.add_node(());
        edges.extend(needs.map(|on| (NodeIndex::new(on), NodeIndex::new(step))));
    }
    graph.extend_with_edges(edges);
    graph
}

/// Kahn's algorithm, level by level. The first of the ready steps in the list of all comes first.
fn sorted(graph: &DiGraph<(), ()>, steps: &Steps<'_>) -> Vec<StepIndex> {
    let mut open: Vec<usize> = vec![0; steps.all.len()];
    for edge in graph.raw_edges() {
        open[edge.target().index()] += 1;
    }
    let mut order = Vec::with_capacity(steps.all.len());
    for level in steps.levels() {
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

fn waits_for(needs: &[Vec<SpannedEdge>], step: StepIndex, on: StepIndex) -> bool {
    needs[step].iter().any(|need| need.on == on)
}

/// One circle, in the order in which its steps would have to run.
fn report(steps: &Steps<'_>, needs: &[Vec<SpannedEdge>], circle: &[StepIndex]) -> Diagnostic {
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
fn walk(needs: &[Vec<SpannedEdge>], circle: &[StepIndex]) -> Vec<StepIndex> {
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
