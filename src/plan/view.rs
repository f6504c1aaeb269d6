//! Questions to a plan: what pictures, dry runs and lists are made from.

use std::ops::Range;

use super::{Node, NodeId, Plan, Verb};
use crate::definition::SecretSource;
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

    /// The node with this id at the top, or `owner.step` in a body, and so on down.
    pub fn find(&self, path: &str) -> Option<NodeId> {
        let mut ids = path.split('.');
        let top = self.find_in(0..self.top, ids.next()?)?;
        ids.try_fold(top, |owner, id| self.find_in(self.node(owner).body.clone()?, id))
    }

    fn find_in(&self, level: Range<u32>, id: &str) -> Option<NodeId> {
        let nodes = self.by_id.get(NodeId(level.start).index()..NodeId(level.end).index())?;
        let place = nodes.binary_search_by(|node| self.node(*node).id.as_str().cmp(id)).ok()?;
        Some(nodes[place])
    }

    /// How the node is named to people: `fetch`, or `files.fetch` in a body.
    pub fn path(&self, id: NodeId) -> String {
        let ids: Vec<&str> =
            self.line(id).into_iter().map(|node| self.node(node).id.as_str()).collect();
        ids.join(".")
    }

    /// How the node is named in these items of the fan-outs around it: `files[3].fetch`. The last one is
    /// an item of its own, where it runs its verb for each.
    pub fn path_of_items(&self, id: NodeId, items: &[u32]) -> String {
        let mut items = items.iter();
        let mut path = String::new();
        for node in self.line(id).into_iter().map(|id| self.node(id)) {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(node.id.as_str());
            if node.fan.is_some()
                && let Some(item) = items.next()
            {
                path.extend(["[", item.to_string().as_str(), "]"]);
            }
        }
        path
    }

    /// The steps in whose bodies a node stands, from the top down, and the node itself.
    pub fn line(&self, id: NodeId) -> Vec<NodeId> {
        let mut line = vec![id];
        let mut at = id;
        while let Some(parent) = self.node(at).parent {
            line.push(parent);
            at = parent;
        }
        line.reverse();
        line
    }

    /// Whether an attempt of a node asks for the folder of the run: for a command, a file that it saves,
    /// or a secret in a file.
    pub fn needs_folder(&self, node: NodeId) -> bool {
        let is_file = |(_, source): &(String, SecretSource)| match source {
            SecretSource::File(_) => true,
            SecretSource::Env(_) => false,
        };
        match &self.node(node).verb {
            Verb::Run(_) | Verb::Http(_) => true,
            Verb::Task(_) => self.secrets.iter().any(is_file),
            Verb::Sleep(_) | Verb::Body => false,
        }
    }

    /// The top-level nodes in the file's order.
    pub fn top(&self) -> impl DoubleEndedIterator<Item = NodeId> + ExactSizeIterator + use<> {
        (0..self.top).map(NodeId)
    }

    /// The nodes of the inline body of a step, in the file's order; none, where it has no body.
    pub fn body(&self, owner: NodeId) -> impl DoubleEndedIterator<Item = NodeId> + use<> {
        self.node(owner).body.clone().unwrap_or_default().map(NodeId)
    }

    /// The nodes of a level in topological order: the range is `0..top` or that of a body.
    pub fn sorted(&self, level: Range<u32>) -> &[NodeId] {
        let places = NodeId(level.start).index()..NodeId(level.end).index();
        self.order.get(places).unwrap_or_default()
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
        for node in self.top() {
            waves[depths[node.index()]].push(node);
        }
        waves
    }

    /// One of the longest chains of top-level nodes, from a root to a leaf.
    pub fn longest_chain(&self) -> Vec<NodeId> {
        let depths = self.depths();
        let depth = |node: &NodeId| depths[node.index()];
        let mut chain = Vec::new();
        // Of equals the first one in the file's order.
        let mut next = self.top().rev().max_by_key(depth);
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
        for node in self.sorted(0..self.top) {
            let above = self.node(*node).needs.iter().map(|need| depths[need.node.index()] + 1);
            depths[node.index()] = above.max().unwrap_or(0);
        }
        depths
    }
}
