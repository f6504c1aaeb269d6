//! What of a plan is drawn.

use windlass::plan::{Join, Node, NodeId, Plan, Verb};

/// A graph to draw. Top-level nodes come first.
#[derive(Debug)]
pub(crate) struct Graph {
    /// The workflow's name.
    pub(crate) name: String,
    /// Top-level nodes in topological order, then those of inline bodies.
    pub(crate) nodes: Vec<Drawn>,
    /// Edges between nodes of one level.
    pub(crate) edges: Vec<Edge>,
    /// How many nodes are top-level.
    pub(crate) top: usize,
}

/// A node to draw.
#[derive(Debug, Clone)]
pub(crate) struct Drawn {
    /// The step's id.
    pub(crate) id: String,
    /// `task mail.send`, `run`, `http POST` …
    pub(crate) verb: String,
    /// `when`, `5 tries`, `each, 8 at once` …
    pub(crate) notes: Vec<String>,
    /// The fan-out whose body this belongs to.
    pub(crate) parent: Option<usize>,
    /// How many steps lie on the longest way to it, from 0.
    pub(crate) wave: usize,
}

/// An edge to draw.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Edge {
    /// The dependency.
    pub(crate) from: usize,
    /// Who waits.
    pub(crate) to: usize,
    /// Whether the output is read.
    pub(crate) data: bool,
}

impl Graph {
    /// The graph of a plan.
    pub(crate) fn of(plan: &Plan) -> Self {
        let mut graph = Self {
            name: plan.name.as_str().to_owned(),
            nodes: Vec::with_capacity(plan.nodes.len()),
            edges: Vec::new(),
            top: usize::try_from(plan.top).unwrap_or(0),
        };
        for (at, node) in plan.nodes.iter().enumerate() {
            let mut wave = 0;
            for need in &node.needs {
                let from = need.node.index();
                if plan.nodes[from].parent == node.parent {
                    graph.edges.push(Edge { from, to: at, data: need.data });
                    // Nodes stand in topological order, so the dependency has its wave already.
                    wave = wave.max(graph.nodes.get(from).map_or(0, |n| n.wave + 1));
                }
            }
            graph.nodes.push(Drawn {
                id: node.id.as_str().to_owned(),
                verb: verb(node),
                notes: notes(plan, node),
                parent: node.parent.map(NodeId::index),
                wave,
            });
        }
        graph
    }

    /// The nodes of the inline body of `node`.
    pub(crate) fn body(&self, node: usize) -> impl Iterator<Item = usize> + '_ {
        (self.top..self.nodes.len()).filter(move |n| self.nodes[*n].parent == Some(node))
    }

    /// The top-level nodes by wave.
    pub(crate) fn waves(&self) -> Vec<Vec<usize>> {
        let mut waves = Vec::new();
        for at in 0..self.top {
            let wave = self.nodes[at].wave;
            if waves.len() <= wave {
                waves.resize_with(wave + 1, Vec::new);
            }
            waves[wave].push(at);
        }
        waves
    }

    /// The edges between top-level nodes.
    pub(crate) fn top_edges(&self) -> impl Iterator<Item = Edge> + '_ {
        self.edges.iter().copied().filter(|e| e.from < self.top && e.to < self.top)
    }
}

impl Drawn {
    /// Verb and notes on one line.
    pub(crate) fn words(&self) -> String {
        let mut words = vec![self.verb.as_str()];
        words.extend(self.notes.iter().map(String::as_str));
        words.join(" · ")
    }
}

fn verb(node: &Node) -> String {
    match &node.verb {
        Verb::Task(name) => format!("task {name}"),
        Verb::Run(_) => "run".to_owned(),
        Verb::Http(http) => format!("http {}", http.method),
        Verb::Sleep(_) => "sleep".to_owned(),
        Verb::Body => "steps".to_owned(),
    }
}

fn notes(plan: &Plan, node: &Node) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(fan) = &node.fan {
        notes.push(match fan.max_parallel {
            Some(slots) => format!("for each, {slots} at once"),
            None => "for each".to_owned(),
        });
    }
    if node.when.is_some() {
        notes.push("when".to_owned());
    }
    match node.join {
        Join::All => {}
        Join::Count(1) => notes.push("first of".to_owned()),
        Join::Count(number) => notes.push(format!("first {number} of")),
        Join::Settled => notes.push("settled".to_owned()),
    }
    let tries = node.retry.iter().map(|rule| rule.attempts).max().unwrap_or(1);
    if tries > 1 {
        notes.push(format!("{tries} tries"));
    }
    if node.allow_failure {
        notes.push("may fail".to_owned());
    }
    let queue = plan.queues.get(usize::from(node.queue)).map_or("default", |q| q.as_str());
    if queue != "default" {
        notes.push(format!("queue {queue}"));
    }
    notes
}
