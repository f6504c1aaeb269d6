//! What a checked workflow is.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::definition::{
    Durability, FailFast, OnCrash, RetentionKeys, RetryRule, SecretSource, Tolerate,
};
use crate::id::{DefinitionHash, Name};

/// A node: `0..plan.nodes.len()`, its place in the definition's list. The list has the top-level steps
/// in the file's order, then, in the order of their owners in the list, the steps of each body in the
/// file's order: the direct children of a step are contiguous, at any depth.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct NodeId(pub u32);

impl NodeId {
    /// The place in `plan.nodes`.
    pub fn index(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// A checked workflow.
#[derive(Debug)]
pub struct Plan {
    /// The workflow's name.
    pub name: Name,
    /// Its version.
    pub hash: DefinitionHash,
    /// The edition of the rules by which its text is compiled.
    pub edition: u16,
    /// The text it was made from.
    pub text: Arc<str>,
    /// The folder of the file that it was loaded from: runs that are started get it. It is not part of the
    /// version, and is not stored with it.
    pub folder: Option<Arc<Path>>,
    /// `description`
    pub description: Option<String>,
    /// `labels`
    pub labels: Vec<(String, String)>,
    /// The graph.
    pub nodes: Box<[Node]>,
    /// How many of `nodes` are top-level.
    pub top: u32,
    /// All nodes, those of each level in topological order; the levels stand in the list's order, so
    /// that the top-level nodes are the first `top`, and a body has the places of its nodes.
    pub order: Box<[NodeId]>,
    /// All nodes, those of each level sorted by id; a level has the places of its nodes.
    pub by_id: Box<[NodeId]>,
    /// The schema of the input.
    pub input: super::InputSchema,
    /// `[output]`
    pub output: Option<super::Template>,
    /// Top-level nodes that `[output]` reads.
    pub output_reads: Box<[NodeId]>,
    /// `[secrets]`
    pub secrets: Box<[(String, SecretSource)]>,
    /// The queues in use; a node names one by its place here. At least `default`.
    pub queues: Box<[Name]>,
    /// The run's time limit.
    pub timeout: Option<Duration>,
    /// `durability`; default: the engine's.
    pub durability: Option<Durability>,
    /// `fail_fast`
    pub fail_fast: FailFast,
    /// Attempts of one run at once.
    pub max_parallel: Option<u32>,
    /// `[retention]`
    pub retention: RetentionKeys,
    /// `priority`, -100..=100: of the steps that wrote none.
    pub priority: i8,
}

/// A step.
#[derive(Debug)]
pub struct Node {
    /// The step's id.
    pub id: Name,
    /// The step whose body this belongs to.
    pub parent: Option<NodeId>,
    /// Its verb.
    pub verb: Verb,
    /// The nodes of its inline body.
    pub body: Option<Range<u32>>,
    /// The own condition.
    pub when: Option<super::Expression>,
    /// Its dependencies: `depends_on` and references together, each once, all of its own level. What
    /// its body reads of its level is an edge of it.
    pub needs: Box<[Need]>,
    /// Those of `needs` that no join counts, sorted.
    pub only_read: Box<[NodeId]>,
    /// The nodes that wait for it.
    pub dependents: Box<[NodeId]>,
    /// When its dependencies are enough.
    pub join: Join,
    /// `for_each`
    pub fan: Option<FanOut>,
    /// The source of its input.
    pub input: InputFrom,
    /// Nodes whose values its expressions and templates read: of its own level or of an enclosing one.
    pub reads: Box<[NodeId]>,
    /// Retry rules in order; empty: one attempt.
    pub retry: Box<[RetryRule]>,
    /// One attempt's time.
    pub timeout: Option<Duration>,
    /// The time it may wait in the queue.
    pub start_within: Option<Duration>,
    /// Its failure does not stop the run.
    pub allow_failure: bool,
    /// After the process died in it.
    pub on_crash: OnCrash,
    /// The place in `plan.queues`.
    pub queue: u16,
    /// `priority`, -100..=100, where the step wrote one.
    pub priority: Option<i8>,
    /// The handler's idempotency key; default: run, step and item.
    pub idempotency_key: Option<super::Template>,
}

/// An edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// The dependency.
    pub node: NodeId,
    /// Whether its output is read without asking (`is defined`, `default`): then its skip is ours.
    pub data: bool,
    /// Whether a join counts it: it stands in `depends_on` or `pipeline`, or nothing does. What is not
    /// counted is only waited for.
    pub counted: bool,
}

/// When a step's dependencies are enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Join {
    /// Each succeeded, was skipped, or failed with `allow_failure`.
    All,
    /// The first N successes; what is left of the dependencies is cancelled. `any` is `Count(1)`.
    Count(u32),
    /// All ended, whatever the result.
    Settled,
}

/// `for_each`
#[derive(Debug)]
pub struct FanOut {
    /// Gives the list.
    pub list: super::Expression,
    /// Items at once.
    pub max_parallel: Option<u32>,
    /// More items fail the step before any starts; at most 100,000.
    pub max_items: u32,
    /// How many items may fail. `None`: every item runs, and the step fails if any failed; given:
    /// once more have failed, no new item starts.
    pub tolerate: Option<Tolerate>,
}

/// The source of a verb's input.
#[derive(Debug)]
pub enum InputFrom {
    /// The run's input (a root step without `with`).
    Run,
    /// The item (a root of a fan-out or of its body, without `with`).
    Item,
    /// The output of the one dependency.
    Node(NodeId),
    /// A table of the outputs by id.
    Nodes(Box<[NodeId]>),
    /// `with`
    With(super::Template),
}

/// The verb of a step.
#[derive(Debug)]
pub enum Verb {
    /// Calls a registered handler.
    Task(Arc<str>),
    /// Runs a command.
    Run(Box<CommandPlan>),
    /// Sends a request.
    Http(Box<HttpPlan>),
    /// Waits; the template gives a duration such as `5s`.
    Sleep(super::Template),
    /// Runs the inline body: once, or for each item.
    Body,
}

/// A command.
#[derive(Debug)]
pub struct CommandPlan {
    /// The program.
    pub program: Program,
    /// Additions to the environment, each rendered as text.
    pub env: Vec<(String, super::Template)>,
    /// Standard input, rendered as text; `None`: empty.
    pub stdin: Option<super::Template>,
    /// How standard output is read.
    pub output: Output,
}

/// The command line.
#[derive(Debug)]
pub enum Program {
    /// By `sh -c`; each expression becomes one quoted word.
    Shell(super::Template),
    /// A program and its arguments, each rendered as text.
    Argv(Vec<super::Template>),
}

/// How an output is read; `definition::OutputKind` with its template compiled.
#[derive(Debug)]
pub enum Output {
    /// As the verb has it.
    Default,
    /// JSON.
    Json,
    /// Text without the last line end.
    Text,
    /// A list of lines.
    Lines,
    /// `null`
    None,
    /// `{ "file", "size" }`
    File(super::Template),
}

/// A request.
#[derive(Debug)]
pub struct HttpPlan {
    /// `GET`, `POST` …
    pub method: Box<str>,
    /// The address.
    pub url: super::Template,
    /// Headers, rendered as text.
    pub headers: Vec<(String, super::Template)>,
    /// Query parameters, rendered as text.
    pub query: Vec<(String, super::Template)>,
    /// The body.
    pub body: HttpBody,
    /// Statuses that are success, inclusive.
    pub expect: Vec<(u16, u16)>,
    /// The file in the work folder that gets the answer.
    pub save: Option<super::Template>,
    /// The largest answer, bytes.
    pub max_size: u64,
    /// How the answer is read.
    pub output: Output,
}

/// The body of a request.
#[derive(Debug)]
pub enum HttpBody {
    /// None.
    Empty,
    /// As JSON.
    Json(super::Template),
    /// As text.
    Text(super::Template),
}
