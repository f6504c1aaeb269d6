//! Questions to a plan: what pictures, dry runs and lists are made from.

use std::ops::Range;

use super::{Node, NodeId, Plan};
use crate::id::Name;

/// An edge, as a picture needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// The dependency.
    pub from: NodeId,
    /// Who waits for it.
    pub to: NodeId,
    /// Whether the output is needed.
    pub data: bool,
}

impl Plan {
    /// The node.
    ///
    /// # Panics
    /// For an id of another plan.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// The node with this id at the top, or `fan_out.step` in a body.
    pub fn find(&self, path: &str) -> Option<NodeId> {
        let (id, step) = match path.split_once('.') {
            Some((fan_out, step)) => (fan_out, Some(step)),
            None => (path, None),
        };
        let node = self.find_in(0..self.top, id)?;
        match step {
            Some(step) => self.find_in(self.node(node).fan.as_ref()?.body.clone()?, step),
            None => Some(node),
        }
    }

    fn find_in(&self, level: Range<u32>, id: &str) -> Option<NodeId> {
        let nodes = self.by_id.get(NodeId(level.start).index()..NodeId(level.end).index())?;
        let place = nodes.binary_search_by(|node| self.node(*node).id.as_str().cmp(id)).ok()?;
        Some(nodes[place])
    }

    /// How the node is named to people: `fetch`, or `files.fetch` in a body.
    pub fn path(&self, id: NodeId) -> String {
        let node = self.node(id);
        match node.parent {
            Some(parent) => format!("{}.{}", self.node(parent).id, node.id),
            None => node.id.to_string(),
        }
    }

    /// The top-level nodes in topological order.
    pub fn top(&self) -> impl DoubleEndedIterator<Item = NodeId> + use<> {
        (0..self.top).map(NodeId)
    }

    /// The nodes of the inline body of a fan-out, in topological order; none, where it has no body.
    pub fn body(&self, fan_out: NodeId) -> impl DoubleEndedIterator<Item = NodeId> + use<> {
        let fan = self.node(fan_out).fan.as_ref();
        fan.and_then(|fan| fan.body.clone()).unwrap_or_default().map(NodeId)
    }

    /// The top-level nodes that wait for nothing.
    pub fn roots(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.top().filter(|node| self.node(*node).needs.is_empty())
    }

    /// The top-level nodes for which nothing waits.
    pub fn leaves(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.top().filter(|node| self.node(*node).dependents.is_empty())
    }

    /// The edges between top-level nodes, and those inside of bodies.
    pub fn edges(&self) -> impl Iterator<Item = Edge> + '_ {
        self.nodes.iter().enumerate().flat_map(|(place, node)| {
            let to = NodeId(u32::try_from(place).unwrap_or(u32::MAX));
            node.needs.iter().map(move |need| Edge { from: need.node, to, data: need.data })
        })
    }

    /// The top-level nodes by how many steps stand before them on the longest way: those of one wave
    /// can run at the same time. Within a wave the order is the file's.
    pub fn waves(&self) -> Vec<Vec<NodeId>> {
        let depths = self.depths();
        let deepest = depths.iter().max().map_or(0, |deepest| deepest + 1);
        let mut waves = vec![Vec::new(); deepest];
        for node in &self.file_order {
            waves[depths[node.index()]].push(*node);
        }
        waves
    }

    /// One of the longest chains of top-level nodes, from a root to a leaf.
    pub fn longest_chain(&self) -> Vec<NodeId> {
        let depths = self.depths();
        let depth = |node: &NodeId| depths[node.index()];
        let mut chain = Vec::new();
        // Of equals the first one in the file's order.
        let mut next = self.file_order.iter().rev().copied().max_by_key(depth);
        while let Some(node) = next {
            chain.push(node);
            let above = self.node(node).needs.iter().map(|need| need.node);
            next = above.filter(|above| depth(above) + 1 == depth(&node)).min();
        }
        chain.reverse();
        chain
    }

    /// The queue of a node.
    pub fn queue(&self, node: NodeId) -> &Name {
        &self.queues[usize::from(self.node(node).queue)]
    }

    /// By top-level node: how many stand before it on the longest way.
    fn depths(&self) -> Vec<usize> {
        let mut depths = vec![0; usize::try_from(self.top).unwrap_or(0)];
        for node in self.top() {
            let above = self.node(node).needs.iter().map(|need| depths[need.node.index()] + 1);
            depths[node.index()] = above.max().unwrap_or(0);
        }
        depths
    }
}
