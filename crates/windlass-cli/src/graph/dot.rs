//! The graph for Graphviz: <https://graphviz.org/doc/info/lang.html>.

use super::model::Graph;
use crate::plain::add;

/// A `digraph`.
pub(crate) fn dot(graph: &Graph) -> String {
    let mut out = format!(
        "digraph {} {{\n    rankdir=TB;\n    compound=true;\n    node [shape=box, style=rounded, fontname=\"Helvetica\", fontsize=11];\n    edge [arrowsize=0.7];\n",
        quoted(&graph.name)
    );
    for at in 0..graph.top {
        step(&mut out, graph, at, 1);
    }
    for edge in &graph.edges {
        let style = if edge.data { "" } else { " [style=dashed]" };
        add(&mut out, format_args!("    n{} -> n{}{style};\n", edge.from, edge.to));
    }
    out.push_str("}\n");
    out
}

/// A step and, in a box of its own, its body.
fn step(out: &mut String, graph: &Graph, at: usize, depth: usize) {
    let indent = "    ".repeat(depth);
    add(out, format_args!("{indent}{}\n", node(graph, at)));
    let owner = &graph.nodes[at];
    let Some(first) = owner.body.clone().next() else { return };
    let title = quoted(&format!("{}: {}", owner.id, owner.body_title()));
    add(out, format_args!("{indent}subgraph cluster_{at} {{\n"));
    add(out, format_args!("{indent}    label={title};\n{indent}    style=dashed;\n"));
    for inner in owner.body.clone() {
        step(out, graph, inner, depth + 1);
    }
    add(out, format_args!("{indent}}}\n"));
    let to = format!("[lhead=cluster_{at}, style=dotted, dir=none]");
    add(out, format_args!("{indent}n{at} -> n{first} {to};\n"));
}

fn node(graph: &Graph, at: usize) -> String {
    let node = &graph.nodes[at];
    format!("n{at} [label={}];", quoted(&format!("{}\n{}", node.id, node.words())))
}

fn quoted(text: &str) -> String {
    let text = crate::plain::block(text);
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
