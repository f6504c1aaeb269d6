//! The lines between two ranks of boxes: which column each one enters by, which row it runs in.
//!
//! Cells with the same dependents are one *net*: each of them leads to each of those, so that the
//! lines may run together and still say the truth. Different nets only ever cross.

use std::collections::{BTreeMap, BTreeSet};

/// Cells that lead to the same cells.
#[derive(Debug)]
pub(super) struct Net {
    /// Columns in which it comes from above.
    pub(super) exits: Vec<usize>,
    /// Columns in which it goes on below.
    pub(super) entries: Vec<usize>,
    /// The row of its horizontal line; `None`: one straight line.
    pub(super) track: Option<usize>,
}

/// A cell with its columns: left end, middle, right end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Columns {
    /// The first column that a line may use.
    pub(super) left: usize,
    /// The one that is best.
    pub(super) middle: usize,
    /// The last.
    pub(super) right: usize,
}

/// All lines between two ranks, and how many rows they take.
pub(super) fn lead(
    hops: &[(usize, usize)],
    columns: &dyn Fn(usize) -> Columns,
) -> (Vec<Net>, usize) {
    let mut targets: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for &(from, to) in hops {
        targets.entry(from).or_default().push(to);
    }
    let mut groups: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
    for (from, mut to) in targets {
        to.sort_unstable();
        groups.entry(to).or_default().push(from);
    }
    let mut nets: Vec<Net> = groups
        .values()
        .map(|sources| Net {
            exits: sources.iter().map(|cell| columns(*cell).middle).collect(),
            entries: Vec::new(),
            track: None,
        })
        .collect();
    let groups: Vec<Vec<usize>> = groups.into_keys().collect();
    choose_entries(&mut nets, &groups, columns);
    let rows = choose_tracks(&mut nets);
    (nets, rows)
}

/// Each net that enters a cell gets a column of its own there, from left to right as the nets come.
fn choose_entries(nets: &mut [Net], groups: &[Vec<usize>], columns: &dyn Fn(usize) -> Columns) {
    let mut entering: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (net, targets) in groups.iter().enumerate() {
        for target in targets {
            entering.entry(*target).or_default().push(net);
        }
    }
    for (cell, mut list) in entering {
        list.sort_by_key(|net| (middle(&nets[*net].exits), *net));
        let place = columns(cell);
        let room = place.right - place.left;
        let step = if list.len() > 1 { (room / (list.len() - 1)).min(2) } else { 0 };
        let mut x = place.middle.saturating_sub(step * (list.len() - 1) / 2).max(place.left);
        for net in list {
            let foreign: BTreeSet<usize> = nets
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != net)
                .flat_map(|(_, other)| other.exits.iter().copied())
                .collect();
            let free = (x..=place.right).find(|x| !foreign.contains(x)).unwrap_or(x);
            nets[net].entries.push(free);
            x = (free + step).min(place.right);
        }
    }
}

fn middle(columns: &[usize]) -> usize {
    columns.iter().sum::<usize>() / columns.len().max(1)
}

/// Gives each net that turns a row of its own wherever it would touch another. A net that comes
/// down in the column where another one goes on must turn above it.
fn choose_tracks(nets: &mut [Net]) -> usize {
    let span = |net: &Net| {
        let all = || net.exits.iter().chain(&net.entries).copied();
        (all().min().unwrap_or(0), all().max().unwrap_or(0))
    };
    let spans: Vec<(usize, usize)> = nets.iter().map(span).collect();
    let turns: Vec<usize> = (0..nets.len()).filter(|n| spans[*n].0 != spans[*n].1).collect();
    let above = |a: usize, b: usize| {
        a != b && nets[a].exits.iter().any(|column| nets[b].entries.contains(column))
    };
    let mut placed: Vec<(usize, usize)> = Vec::new();
    let mut waiting = turns.clone();
    while !waiting.is_empty() {
        // In a circle of nets that each should be above the other, the first one goes ahead.
        let next = waiting
            .iter()
            .position(|n| !waiting.iter().any(|other| turns.contains(other) && above(*other, *n)))
            .unwrap_or(0);
        let here = waiting.remove(next);
        let least = placed.iter().filter(|(p, _)| above(*p, here)).map(|(_, t)| t + 1).max();
        let clash = |track: usize| {
            placed.iter().any(|(p, t)| {
                *t == track && spans[*p].0 <= spans[here].1 && spans[here].0 <= spans[*p].1
            })
        };
        let first = least.unwrap_or(0);
        let track = (first..=first + placed.len()).find(|t| !clash(*t)).unwrap_or(first);
        placed.push((here, track));
    }
    let rows = placed.iter().map(|(_, track)| track + 1).max().unwrap_or(1);
    for (net, track) in placed {
        nets[net].track = Some(track);
    }
    rows
}
