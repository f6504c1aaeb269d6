//! The graph as boxes and lines of characters; as a list of waves where it is too wide for that.

use crate::plain;
use crate::plain::add;
use crate::source::count;
use crate::style::{BOLD, DIM, paint};

use super::canvas::{Canvas, DOWN, UP};
use super::channel::{self, Columns};
use super::layout::{Layout, Wish, layout};
use super::model::{Drawn, Graph};

/// The longest line in a box, in characters.
const WORDS_MAX: usize = 34;

/// More boxes than this are not drawn but listed.
const BOXES_MAX: usize = 200;

/// The picture of a graph, at most `width` columns wide.
pub(crate) fn text(graph: &Graph, width: usize) -> String {
    let picture = if graph.top > BOXES_MAX {
        None
    } else {
        draw(graph, true, width).or_else(|| draw(graph, false, width))
    };
    format!("{}\n\n{}{}", title(graph), picture.unwrap_or_else(|| list(graph)), bodies(graph))
}

fn title(graph: &Graph) -> String {
    let waves = graph.waves();
    let widest = waves.iter().map(Vec::len).max().unwrap_or(0);
    format!(
        "{} · {} in {}, at most {widest} at once",
        paint(BOLD, &graph.name),
        count(graph.nodes.len(), "step"),
        count(waves.len(), "wave"),
    )
}

/// What stands in the box of a node.
fn words(graph: &Graph, node: usize, full: bool) -> Vec<String> {
    let node = &graph.nodes[node];
    let mut lines = vec![plain::cut(&node.id, WORDS_MAX)];
    if full {
        lines.push(plain::cut(&node.words(), WORDS_MAX));
    }
    lines
}

fn draw(graph: &Graph, full: bool, width: usize) -> Option<String> {
    let texts: Vec<Vec<String>> = (0..graph.top).map(|n| words(graph, n, full)).collect();
    // Every box has an odd width, so that its middle is a column.
    let chars = |n: usize| texts[n].iter().map(|t| t.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..graph.top).map(|n| (chars(n) + 4) | 1).collect();
    let nodes: Vec<(f64, usize)> =
        (0..graph.top).map(|n| (float(widths[n]), graph.nodes[n].wave)).collect();
    let edges: Vec<(usize, usize)> = graph.top_edges().map(|e| (e.from, e.to)).collect();
    let layout = layout(&Wish { nodes: &nodes, edges: &edges, waypoint: 1.0, gap: 3.0 });
    let middles = columns(&layout);
    let right = |at: usize| middles[at] + usize_of(layout.cells[at].width) / 2 + 1;
    let total = (0..layout.cells.len()).map(right).max().unwrap_or(0);
    if total > width {
        return None;
    }
    let mut canvas = Canvas::new(total);
    let height = if full { 4 } else { 3 };
    let mut heads = Vec::new();
    for (rank, cells) in layout.ranks.iter().enumerate() {
        let top = canvas.height();
        canvas.grow(height);
        for at in cells {
            match layout.cells[*at].node {
                Some(node) => {
                    draw_box(&mut canvas, (middles[*at], top), &texts[node], widths[node]);
                }
                None => canvas.vertical(middles[*at], (top, top + height - 1), *at + 1),
            }
        }
        heads.extend(draw_lines(&mut canvas, &layout, &middles, rank));
    }
    for head in heads {
        canvas.write(head, "▼", false);
    }
    Some(canvas.render())
}

fn draw_box(canvas: &mut Canvas, (middle, top): (usize, usize), lines: &[String], width: usize) {
    let left = middle - width / 2;
    let bar = "─".repeat(width - 2);
    canvas.write((left, top), &format!("╭{bar}╮"), false);
    for (row, text) in lines.iter().enumerate() {
        let inner = width - 4;
        canvas.write((left, top + 1 + row), "│ ", false);
        canvas.write((left + 2, top + 1 + row), &format!("{text:<inner$}"), row == 0);
        canvas.write((left + width - 2, top + 1 + row), " │", false);
    }
    canvas.write((left, top + 1 + lines.len()), &format!("╰{bar}╯"), false);
}

/// The lines from one rank to the next; the answer is where they end in arrow heads.
fn draw_lines(
    canvas: &mut Canvas,
    layout: &Layout,
    middles: &[usize],
    rank: usize,
) -> Vec<(usize, usize)> {
    let hops: Vec<(usize, usize)> =
        layout.hops.iter().copied().filter(|(from, _)| layout.cells[*from].rank == rank).collect();
    if hops.is_empty() {
        return Vec::new();
    }
    let place = |at: usize| {
        let cell = &layout.cells[at];
        let reach =
            if cell.node.is_some() { (usize_of(cell.width) / 2).saturating_sub(2) } else { 0 };
        Columns { left: middles[at] - reach, middle: middles[at], right: middles[at] + reach }
    };
    let (nets, rows) = channel::lead(&hops, &place);
    let top = canvas.height();
    canvas.grow(rows);
    let bottom = top + rows - 1;
    for (number, net) in nets.iter().enumerate() {
        let id = number + 1;
        let track = top + net.track.unwrap_or(0);
        if net.track.is_some() {
            let all = || net.exits.iter().chain(&net.entries).copied();
            let (left, right) = (all().min().unwrap_or(0), all().max().unwrap_or(0));
            canvas.horizontal(track, (left, right), id);
        }
        for x in &net.exits {
            canvas.vertical(*x, (top, track), id);
            canvas.line((*x, top), UP, id);
        }
        for x in &net.entries {
            canvas.vertical(*x, (track, bottom), id);
            canvas.line((*x, bottom), DOWN, id);
        }
    }
    for (from, _) in hops.iter().filter(|(from, _)| layout.cells[*from].node.is_some()) {
        canvas.write((middles[*from], top - 1), "┬", false);
    }
    let below: Vec<Columns> = hops
        .iter()
        .filter(|(_, to)| layout.cells[*to].node.is_some())
        .map(|(_, to)| place(*to))
        .collect();
    nets.iter()
        .flat_map(|net| &net.entries)
        .filter(|x| below.iter().any(|cell| (cell.left..=cell.right).contains(x)))
        .map(|x| (*x, bottom + 1))
        .collect()
}

/// The middle column of each cell: the layout's, rounded, and moved right where boxes would touch.
fn columns(layout: &Layout) -> Vec<usize> {
    let mut middles: Vec<usize> = layout.cells.iter().map(|c| usize_of(c.x)).collect();
    for rank in &layout.ranks {
        let mut free = 0;
        for at in rank {
            let half = usize_of(layout.cells[*at].width) / 2;
            middles[*at] = middles[*at].max(free + half);
            free = middles[*at] + half + 3;
        }
    }
    middles
}

fn list(graph: &Graph) -> String {
    let mut needs: Vec<Vec<&str>> = vec![Vec::new(); graph.top];
    for edge in graph.top_edges() {
        needs[edge.to].push(&graph.nodes[edge.from].id);
    }
    let mut out = String::new();
    for (wave, nodes) in graph.waves().iter().enumerate() {
        out.push_str(&paint(BOLD, format!("wave {} ({})\n", wave + 1, count(nodes.len(), "step"))));
        for at in nodes {
            out.push_str(&row(&graph.nodes[*at], &needs[*at]));
        }
    }
    out
}

/// The inline bodies, each below the picture.
fn bodies(graph: &Graph) -> String {
    let mut needs: Vec<Vec<&str>> = vec![Vec::new(); graph.nodes.len()];
    for edge in graph.edges.iter().filter(|e| e.to >= graph.top) {
        needs[edge.to].push(&graph.nodes[edge.from].id);
    }
    let mut out = String::new();
    for owner in graph.nodes.iter().filter(|node| !node.body.is_empty()) {
        let title = format!("{}:", owner.body_title());
        add(&mut out, format_args!("\n{} {}\n", paint(BOLD, &owner.path), paint(DIM, title)));
        for at in owner.body.clone() {
            out.push_str(&row(&graph.nodes[at], &needs[at]));
        }
    }
    out
}

/// A node as a line of a list.
fn row(node: &Drawn, needs: &[&str]) -> String {
    let after = match needs {
        [] => String::new(),
        _ if needs.len() > NEEDS_SHOWN => {
            format!(" ← {} and {} more", needs[..NEEDS_SHOWN].join(", "), needs.len() - NEEDS_SHOWN)
        }
        _ => format!(" ← {}", needs.join(", ")),
    };
    format!("  {} {}\n", node.id, paint(DIM, format!("{}{after}", node.words())))
}

/// A list names at most so many dependencies of a step.
const NEEDS_SHOWN: usize = 8;

fn float(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// Rounded to the next whole number.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float becomes a column only by `as`, and saturates; columns are small and not negative"
)]
fn usize_of(number: f64) -> usize {
    number.round() as usize
}
