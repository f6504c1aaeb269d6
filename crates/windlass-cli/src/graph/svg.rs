//! The graph as a picture of its own: one SVG file that follows the reader's light or dark theme.

use super::layout::{Cell, Layout, Wish, layout};
use super::model::Graph;
use crate::plain::add;

const CHAR: f64 = 7.4;
const BOX_HEIGHT: f64 = 46.0;
const LINE_HEIGHT: f64 = 15.0;
const RANK_GAP: f64 = 46.0;
const GAP: f64 = 28.0;
const MARGIN: f64 = 24.0;
const TITLE: f64 = 34.0;
const WORDS_MAX: usize = 44;

/// Plain colours and one query: every viewer knows these, many know no variables.
const STYLE: &str = "
  .bg { fill: #ffffff }
  text { font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: #5c6675 }
  .title { font-size: 15px; font-weight: 600; fill: #1c2430 }
  .id { font-size: 13px; font-weight: 600; fill: #1c2430 }
  .step rect { fill: #f5f7fa; stroke: #c6ced8; stroke-width: 1.2 }
  .step.each rect { stroke: #0b6bcb }
  .edge { fill: none; stroke: #8b96a5; stroke-width: 1.4 }
  .edge.order { stroke-dasharray: 5 4 }
  .head { fill: #8b96a5 }
  @media (prefers-color-scheme: dark) {
    .bg { fill: #14181f }
    text { fill: #98a3b3 }
    .title, .id { fill: #e6eaf0 }
    .step rect { fill: #1d232c; stroke: #38424f }
    .step.each rect { stroke: #6db3ff }
    .edge { stroke: #6a7686 }
    .head { fill: #6a7686 }
  }
";

/// A standalone SVG document.
pub(crate) fn svg(graph: &Graph) -> String {
    let nodes: Vec<(f64, usize)> =
        (0..graph.top).map(|at| (width(graph, at), graph.nodes[at].wave)).collect();
    let pairs: Vec<(usize, usize)> = graph.top_edges().map(|e| (e.from, e.to)).collect();
    let layout = layout(&Wish { nodes: &nodes, edges: &pairs, waypoint: 6.0, gap: GAP });
    let tops = rank_tops(graph, &layout);
    let title = format!("{} · {}", graph.name, crate::source::count(graph.nodes.len(), "step"));
    let right = layout.cells.iter().map(|c| c.x + c.width / 2.0).fold(0.0, f64::max);
    let wide = right.max(chars(&title) * 9.0) + 2.0 * MARGIN;
    let high = tops.last().copied().unwrap_or(TITLE) - RANK_GAP + 2.0 * MARGIN;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {wide:.0} {high:.0}\" width=\"{wide:.0}\" height=\"{high:.0}\" role=\"img\" aria-label=\"{}\">\n<title>{}</title>\n<style>{STYLE}</style>\n<rect class=\"bg\" width=\"100%\" height=\"100%\"/>\n<defs><marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path class=\"head\" d=\"M0 0.8 8 4 0 7.2z\"/></marker></defs>\n<text class=\"title\" x=\"{MARGIN}\" y=\"{MARGIN}\" dominant-baseline=\"hanging\">{}</text>\n<g transform=\"translate({MARGIN} {MARGIN})\">\n",
        escape(&title),
        escape(&title),
        escape(&title),
    );
    for (edge, route) in graph.top_edges().zip(&layout.routes) {
        let kind = if edge.data { "data" } else { "order" };
        let path = path(&layout, &tops, route, graph);
        add(
            &mut out,
            format_args!("<path class=\"edge {kind}\" d=\"{path}\" marker-end=\"url(#head)\"/>\n"),
        );
    }
    for (at, cell) in layout.cells.iter().take(graph.top).enumerate() {
        out.push_str(&step(graph, at, cell, tops[cell.rank]));
    }
    out.push_str("</g>\n</svg>\n");
    out
}

fn chars(text: &str) -> f64 {
    f64::from(u32::try_from(text.chars().count()).unwrap_or(u32::MAX))
}

/// The lines below a step's id.
fn lines(graph: &Graph, at: usize) -> Vec<String> {
    let mut lines = vec![crate::plain::cut(&graph.nodes[at].words(), WORDS_MAX)];
    body_lines(graph, at, 0, &mut lines);
    lines
}

/// The steps of a body, those of the bodies within it further in.
fn body_lines(graph: &Graph, at: usize, depth: usize, lines: &mut Vec<String>) {
    for inner in graph.nodes[at].body.clone() {
        let (node, indent) = (&graph.nodes[inner], "\u{a0}\u{a0}".repeat(depth));
        let line = format!("{indent}▸ {}  {}", node.id, node.verb);
        lines.push(crate::plain::cut(&line, WORDS_MAX));
        body_lines(graph, inner, depth + 1, lines);
    }
}

fn width(graph: &Graph, at: usize) -> f64 {
    let below = lines(graph, at).iter().map(|l| chars(l) * CHAR).fold(0.0, f64::max);
    (chars(&graph.nodes[at].id) * (CHAR + 0.8)).max(below) + 26.0
}

fn height(graph: &Graph, at: usize) -> f64 {
    let extra = u32::try_from(lines(graph, at).len().saturating_sub(1)).unwrap_or(0);
    f64::from(extra).mul_add(LINE_HEIGHT, BOX_HEIGHT)
}

/// The top of each rank, and at the end that of the rank that would follow.
fn rank_tops(graph: &Graph, layout: &Layout) -> Vec<f64> {
    let mut tops = vec![TITLE];
    for rank in &layout.ranks {
        let tallest = rank
            .iter()
            .filter_map(|at| layout.cells[*at].node)
            .map(|node| height(graph, node))
            .fold(0.0, f64::max);
        tops.push(tops.last().copied().unwrap_or(TITLE) + tallest + RANK_GAP);
    }
    tops
}

/// A smooth line through the waypoints, vertical at each.
fn path(layout: &Layout, tops: &[f64], route: &[usize], graph: &Graph) -> String {
    let mut out = String::new();
    for pair in route.windows(2) {
        let (from, to) = (&layout.cells[pair[0]], &layout.cells[pair[1]]);
        let start = match from.node {
            Some(node) => tops[from.rank] + height(graph, node),
            None => tops[from.rank + 1] - RANK_GAP,
        };
        let end = tops[to.rank];
        if out.is_empty() {
            add(&mut out, format_args!("M{:.1} {start:.1}", from.x));
        } else {
            add(&mut out, format_args!(" V{start:.1}"));
        }
        let half = f64::midpoint(start, end);
        add(
            &mut out,
            format_args!(
                " C{:.1} {half:.1} {:.1} {half:.1} {:.1} {:.1}",
                from.x,
                to.x,
                to.x,
                if to.node.is_some() { end - 1.0 } else { end },
            ),
        );
    }
    out
}

fn step(graph: &Graph, at: usize, cell: &Cell, top: f64) -> String {
    let node = &graph.nodes[at];
    let each = if node.is_fan_out { " each" } else { "" };
    let left = cell.x - cell.width / 2.0;
    let mut out = format!(
        "<g class=\"step{each}\" id=\"step-{}\"><title>{}</title><rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"7\"/><text class=\"id\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
        node.id,
        escape(&format!("{}: {}", node.id, node.words())),
        cell.width,
        height(graph, at),
        left + 13.0,
        top + 20.0,
        escape(&node.id),
    );
    let mut y = top + 36.0;
    for line in lines(graph, at) {
        add(
            &mut out,
            format_args!("<text x=\"{:.1}\" y=\"{y:.1}\">{}</text>", left + 13.0, escape(&line)),
        );
        y += LINE_HEIGHT;
    }
    out.push_str("</g>\n");
    out
}

fn escape(text: &str) -> String {
    crate::plain::line(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
