//! What of a plan is drawn.

use std::ops::Range;

use windlass::plan::{Join, Need, Node, NodeId, Plan, Verb};

/// A graph to draw. Top-level nodes come first.
#[derive(Debug)]
pub(crate) struct Graph {
    /// The workflow's name.
    pub(crate) name: String,
    /// Top-level nodes in the file's order, then those of inline bodies.
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
    /// The id below those of the steps in whose bodies it stands: `files.fetch`.
    pub(crate) path: String,
    /// `task mail.send`, `run`, `http POST` …
    pub(crate) verb: String,
    /// `when`, `5 tries`, `each, 8 at once` …
    pub(crate) notes: Vec<String>,
    /// The step whose body this belongs to.
    pub(crate) parent: Option<usize>,
    /// The nodes of its body.
    pub(crate) body: Range<usize>,
    /// Whether its verb or body runs for each item of a list.
    pub(crate) is_fan_out: bool,
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
        let waves = waves(plan);
        for (id, at) in (0..).map(NodeId).zip(0..plan.nodes.len()) {
            let node = plan.node(id);
            let body = node.body.clone();
            let edge = |need: &Need| Edge { from: need.node.index(), to: at, data: need.data };
            graph.edges.extend(node.needs.iter().map(edge));
            graph.nodes.push(Drawn {
                id: node.id.as_str().to_owned(),
                path: plan.path(id),
                verb: verb(node),
                notes: notes(plan, node),
                parent: node.parent.map(NodeId::index),
                body: body
                    .map_or(0..0, |body| NodeId(body.start).index()..NodeId(body.end).index()),
                is_fan_out: node.fan.is_some(),
                wave: waves[at],
            });
        }
        graph
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
    /// What its body is, for a heading: `for each item`.
    pub(crate) fn body_title(&self) -> &'static str {
        if self.is_fan_out { "for each item" } else { "steps" }
    }

    /// Verb and notes on one line.
    pub(crate) fn words(&self) -> String {
        let mut words = vec![self.verb.as_str()];
        words.extend(self.notes.iter().map(String::as_str));
        words.join(" · ")
    }
}

/// By node: how many steps of its level lie on the longest way to it.
fn waves(plan: &Plan) -> Vec<usize> {
    let mut waves = vec![0; plan.nodes.len()];
    for id in &plan.order {
        let above = plan.node(*id).needs.iter().map(|need| waves[need.node.index()] + 1);
        waves[id.index()] = above.max().unwrap_or(0);
    }
    waves
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
