//! The graph as JSON, for programs.

use serde_json::{Value, json};

use super::model::Graph;

/// One object: `v`, `name`, `nodes`, `edges`.
pub(crate) fn json(graph: &Graph) -> String {
    let id = |at: usize| graph.nodes[at].id.as_str();
    let path = |at: usize| graph.nodes[at].path.as_str();
    let nodes: Vec<Value> = graph
        .nodes
        .iter()
        .map(|node| {
            json!({
                "id": node.id,
                "parent": node.parent.map(path),
                "verb": node.verb,
                "notes": node.notes,
                "wave": node.wave + 1,
            })
        })
        .collect();
    let edges: Vec<Value> = graph
        .edges
        .iter()
        .map(|edge| {
            json!({
                "from": id(edge.from),
                "to": id(edge.to),
                "parent": graph.nodes[edge.to].parent.map(path),
                "kind": if edge.data { "data" } else { "order" },
            })
        })
        .collect();
    let all = json!({ "v": 1, "name": graph.name, "nodes": nodes, "edges": edges });
    format!("{all:#}\n")
}
