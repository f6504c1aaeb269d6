//! Where nodes stand: ranks from top to bottom, places from left to right. The home of `rust_sugiyama`.
//!
//! An edge that spans several ranks is led through waypoints, one in each rank between; all long
//! edges of one node share their waypoints, so that they are drawn as one line that branches off.

use std::collections::HashMap;

use rust_sugiyama::configure::{Config, CrossingMinimization, RankingType};

/// A place in the picture: a node or a waypoint.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    /// The node; `None`: a waypoint.
    pub(super) node: Option<usize>,
    /// From 0 at the top.
    pub(super) rank: usize,
    /// The middle.
    pub(super) x: f64,
    /// The width.
    pub(super) width: f64,
}

/// A graph with places.
#[derive(Debug)]
pub(super) struct Layout {
    /// Nodes first, at their own number; then waypoints.
    pub(super) cells: Vec<Cell>,
    /// Connections between cells of neighbouring ranks, each once.
    pub(super) hops: Vec<(usize, usize)>,
    /// For each edge the cells that it passes.
    pub(super) routes: Vec<Vec<usize>>,
    /// The cells of each rank, from left to right.
    pub(super) ranks: Vec<Vec<usize>>,
}

/// What is to be laid out.
#[derive(Debug)]
pub(super) struct Wish<'a> {
    /// Width and rank of each node.
    pub(super) nodes: &'a [(f64, usize)],
    /// Edges, each from a lower to a higher rank.
    pub(super) edges: &'a [(usize, usize)],
    /// The width of a waypoint.
    pub(super) waypoint: f64,
    /// The least room between two cells of a rank.
    pub(super) gap: f64,
}

/// Above this, places are found by a simple sweep: the fine method takes too long.
const FINE_CELLS_MAX: usize = 400;

/// Places all nodes and leads all edges.
pub(super) fn layout(wish: &Wish<'_>) -> Layout {
    let mut layout = route(wish);
    if layout.cells.len() <= FINE_CELLS_MAX {
        place_finely(&mut layout, wish);
    } else {
        place_simply(&mut layout, wish);
    }
    for rank in &mut layout.ranks {
        rank.sort_by(|a, b| layout.cells[*a].x.total_cmp(&layout.cells[*b].x).then(a.cmp(b)));
    }
    layout
}

/// Cells, hops and routes, without places.
fn route(wish: &Wish<'_>) -> Layout {
    let mut cells: Vec<Cell> = wish
        .nodes
        .iter()
        .enumerate()
        .map(|(node, (width, rank))| Cell { node: Some(node), rank: *rank, x: 0.0, width: *width })
        .collect();
    let mut waypoints: HashMap<(usize, usize), usize> = HashMap::new();
    let mut hops = Vec::new();
    let mut routes = Vec::with_capacity(wish.edges.len());
    for &(from, to) in wish.edges {
        let mut route = vec![from];
        let mut at = from;
        for rank in cells[from].rank + 1..cells[to].rank {
            let next = *waypoints.entry((from, rank)).or_insert_with(|| {
                cells.push(Cell { node: None, rank, x: 0.0, width: wish.waypoint });
                hops.push((at, cells.len() - 1));
                cells.len() - 1
            });
            route.push(next);
            at = next;
        }
        hops.push((at, to));
        route.push(to);
        routes.push(route);
    }
    hops.sort_unstable();
    hops.dedup();
    let depth = cells.iter().map(|c| c.rank + 1).max().unwrap_or(0);
    let mut ranks = vec![Vec::new(); depth];
    for (at, cell) in cells.iter().enumerate() {
        ranks[cell.rank].push(at);
    }
    Layout { cells, hops, routes, ranks }
}

/// By Sugiyama's method: few crossings, straight long lines.
fn place_finely(layout: &mut Layout, wish: &Wish<'_>) {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let vertices: Vec<(u32, (f64, f64))> =
        layout.cells.iter().enumerate().map(|(at, c)| (number(at), (c.width, 1.0))).collect();
    let edges: Vec<(u32, u32)> =
        layout.hops.iter().map(|(from, to)| (number(*from), number(*to))).collect();
    let config = Config {
        minimum_length: 1,
        vertex_spacing: wish.gap,
        dummy_vertices: true,
        dummy_size: 1.0,
        ranking_type: RankingType::Up,
        c_minimization: CrossingMinimization::Barycenter,
        transpose: true,
    };
    let mut parts = rust_sugiyama::from_vertices_and_edges(&vertices, &edges, &config);
    parts.sort_by_key(|(cells, _, _)| cells.iter().map(|(at, _)| *at).min());
    let mut left = 0.0;
    for (part, _, _) in parts {
        let edge = |at: usize, x: f64, side: f64| x + side * layout.cells[at].width / 2.0;
        let start = part.iter().map(|(at, (x, _))| edge(*at, *x, -1.0)).fold(f64::MAX, f64::min);
        let end = part.iter().map(|(at, (x, _))| edge(*at, *x, 1.0)).fold(f64::MIN, f64::max);
        let places: Vec<(usize, f64)> = part.into_iter().map(|(at, (x, _))| (at, x)).collect();
        let mirrored = runs_backwards(layout, &places);
        for (at, x) in places {
            layout.cells[at].x = left + if mirrored { end - x } else { x - start };
        }
        left += end - start + wish.gap;
    }
}

/// Whether most neighbours stand in an order that is not the file's: then the mirror image reads better.
fn runs_backwards(layout: &Layout, places: &[(usize, f64)]) -> bool {
    let mut order: Vec<(usize, f64, usize)> =
        places.iter().map(|(at, x)| (layout.cells[*at].rank, *x, *at)).collect();
    order.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut balance = 0_i64;
    for pair in order.windows(2) {
        let nodes = layout.cells[pair[0].2].node.zip(layout.cells[pair[1].2].node);
        if let Some((left, right)) = nodes.filter(|_| pair[0].0 == pair[1].0) {
            balance += if left < right { 1 } else { -1 };
        }
    }
    balance < 0
}

/// Each rank in the order of the middles of what stands above, packed, centred.
fn place_simply(layout: &mut Layout, wish: &Wish<'_>) {
    let mut above: Vec<Vec<usize>> = vec![Vec::new(); layout.cells.len()];
    for &(from, to) in &layout.hops {
        above[to].push(from);
    }
    for rank in &layout.ranks {
        let mut order: Vec<(f64, usize)> = rank
            .iter()
            .map(|at| {
                let sum: f64 = above[*at].iter().map(|up| layout.cells[*up].x).sum();
                let count = f64::from(u32::try_from(above[*at].len()).unwrap_or(u32::MAX));
                (if count > 0.0 { sum / count } else { 0.0 }, *at)
            })
            .collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let width: f64 = order.iter().map(|(_, at)| layout.cells[*at].width + wish.gap).sum();
        let mut x = -(width - wish.gap) / 2.0;
        for (_, at) in order {
            let cell = &mut layout.cells[at];
            cell.x = x + cell.width / 2.0;
            x += cell.width + wish.gap;
        }
    }
    let left = layout.cells.iter().map(|c| c.x - c.width / 2.0).fold(f64::MAX, f64::min);
    for cell in &mut layout.cells {
        cell.x -= left;
    }
}
