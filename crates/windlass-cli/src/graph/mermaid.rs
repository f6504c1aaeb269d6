//! The graph for Mermaid: <https://mermaid.js.org/syntax/flowchart.html>.

use super::model::Graph;
use crate::plain::add;

/// A flowchart.
pub(crate) fn mermaid(graph: &Graph) -> String {
    let mut out = format!("---\ntitle: {}\n---\nflowchart TD\n", graph.name);
    for at in 0..graph.top {
        let inner: Vec<usize> = graph.body(at).collect();
        if inner.is_empty() {
            add(&mut out, format_args!("    {}\n", node(graph, at)));
            continue;
        }
        let head = &graph.nodes[at];
        add(
            &mut out,
            format_args!("    subgraph n{at} [\"{} · {}\"]\n", head.id, quoted(&head.words())),
        );
        for inner in inner {
            add(&mut out, format_args!("        {}\n", node(graph, inner)));
        }
        out.push_str("    end\n");
    }
    for edge in &graph.edges {
        let arrow = if edge.data { "-->" } else { "-.->" };
        add(&mut out, format_args!("    n{} {arrow} n{}\n", edge.from, edge.to));
    }
    out
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
