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
        let inner: Vec<usize> = graph.body(at).collect();
        add(&mut out, format_args!("    {}\n", node(graph, at)));
        if inner.is_empty() {
            continue;
        }
        let title = quoted(&format!("{}: for each item", graph.nodes[at].id));
        add(
            &mut out,
            format_args!(
                "    subgraph cluster_{at} {{\n        label={title};\n        style=dashed;\n"
            ),
        );
        for inner in &inner {
            add(&mut out, format_args!("        {}\n", node(graph, *inner)));
        }
        out.push_str("    }\n");
        let first = inner[0];
        add(
            &mut out,
            format_args!("    n{at} -> n{first} [lhead=cluster_{at}, style=dotted, dir=none];\n"),
        );
    }
    for edge in &graph.edges {
        let style = if edge.data { "" } else { " [style=dashed]" };
        add(&mut out, format_args!("    n{} -> n{}{style};\n", edge.from, edge.to));
    }
    out.push_str("}\n");
    out
}

fn node(graph: &Graph, at: usize) -> String {
    let node = &graph.nodes[at];
    format!("n{at} [label={}];", quoted(&format!("{}\n{}", node.id, node.words())))
}

fn quoted(text: &str) -> String {
    let text = crate::plain::block(text);
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
