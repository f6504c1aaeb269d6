//! The graph for Mermaid: <https://mermaid.js.org/syntax/flowchart.html>.

use super::model::Graph;
use crate::plain::add;

/// A flowchart.
pub(crate) fn mermaid(graph: &Graph) -> String {
    let mut out = format!("---\ntitle: {}\n---\nflowchart TD\n", graph.name);
    for at in 0..graph.top {
        step(&mut out, graph, at, 1);
    }
    for edge in &graph.edges {
        let arrow = if edge.data { "-->" } else { "-.->" };
        add(&mut out, format_args!("    n{} {arrow} n{}\n", edge.from, edge.to));
    }
    out
}

/// A step; with a body it is a box around that.
fn step(out: &mut String, graph: &Graph, at: usize, depth: usize) {
    let indent = "    ".repeat(depth);
    let head = &graph.nodes[at];
    if head.body.is_empty() {
        return add(out, format_args!("{indent}{}\n", node(graph, at)));
    }
    let title = format!("{} · {}", head.id, quoted(&head.words()));
    add(out, format_args!("{indent}subgraph n{at} [\"{title}\"]\n"));
    for inner in head.body.clone() {
        step(out, graph, inner, depth + 1);
    }
    add(out, format_args!("{indent}end\n"));
}

fn node(graph: &Graph, at: usize) -> String {
    let node = &graph.nodes[at];
    format!("n{at}[\"<b>{}</b><br/>{}\"]", node.id, quoted(&node.words()))
}

fn quoted(text: &str) -> String {
    crate::plain::line(text)
        .replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
