//! Puts the plan together from checked parts.

use std::collections::HashMap;
use std::sync::Arc;

use super::compile::{Draft, OutputDraft};
use super::steps::{StepIndex, Steps, node_of};
use super::{FanOut, ITEMS_MAX, InputFrom, InputSchema, Join, Need, Node, NodeId, Plan, Verb};
use crate::definition::{Definition, JoinDefinition, QUEUE_DEFAULT, StepDefinition};
use crate::id::{DefinitionHash, Name};

/// The checked parts that a plan is put together from.
pub(super) struct Parts<'p, 'd> {
    pub definition: &'d Definition,
    pub steps: &'p Steps<'d>,
    /// The edges of each step.
    pub edges: Vec<Box<[Need]>>,
    /// All steps, each level in topological order.
    pub order: Vec<StepIndex>,
    pub input: InputSchema,
    /// The edition of the rules behind it.
    pub edition: u16,
}

impl Parts<'_, '_> {
    pub(super) fn assemble(
        mut self,
        drafts: Vec<Draft>,
        output: OutputDraft,
        text: Arc<str>,
    ) -> Plan {
        let mut queues = Queues::default();
        let drafts = drafts.into_iter().enumerate();
        let mut nodes: Vec<Node> =
            drafts.map(|(step, draft)| self.node(step, draft, &mut queues)).collect();
        link(&mut nodes);
        let definition = self.definition;
        let labels = definition.labels.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
        let secrets = definition.secrets.iter().map(|(name, s)| (name.clone(), s.value.clone()));
        Plan {
            name: definition.name.value.clone(),
            hash: DefinitionHash::of(&definition.name.value, &text),
            edition: self.edition,
            text,
            folder: None,
            description: definition.description.clone(),
            labels,
            nodes: nodes.into(),
            order: self.order.iter().copied().map(node_of).collect(),
            by_id: self.by_id(),
            top: u32::try_from(self.steps.top).unwrap_or(u32::MAX),
            input: self.input,
            output: output.template,
            output_reads: distinct(output.reads.iter().copied().map(node_of)),
            secrets: secrets.collect(),
            queues: queues.names.into(),
            timeout: definition.timeout.as_ref().map(|timeout| timeout.value),
            durability: definition.durability,
            fail_fast: definition.fail_fast,
            max_parallel: definition.max_parallel,
            retention: definition.retention,
            priority: definition.priority,
        }
    }

    /// The nodes of each level, sorted by id.
    fn by_id(&self) -> Box<[NodeId]> {
        let mut steps: Vec<StepIndex> = (0..self.steps.all.len()).collect();
        for level in self.steps.levels() {
            steps[level].sort_unstable_by_key(|step| self.steps.all[*step].id);
        }
        steps.into_iter().map(node_of).collect()
    }

    fn node(&mut self, index: StepIndex, draft: Draft, queues: &mut Queues) -> Node {
        let step = &self.steps.all[index];
        let definition = step.definition;
        let needs = std::mem::take(&mut self.edges[index]);
        let all = needs.iter().map(|need| need.node).filter(|_| draft.all_steps.is_some());
        let reads = distinct(draft.reads.iter().copied().map(node_of).chain(all));
        let (is_fan_out, is_in_item) = (self.steps.is_fan_out(index), self.steps.is_in_item(index));
        Node {
            id: step.id.clone(),
            parent: step.parent.map(node_of),
            verb: draft.verb.unwrap_or(Verb::Body),
            body: step.body.as_ref().map(|body| node_of(body.start).0..node_of(body.end).0),
            when: draft.when,
            join: join(definition),
            fan: draft.list.map(|list| FanOut {
                list,
                max_parallel: definition.max_parallel,
                max_items: definition.max_items.unwrap_or(ITEMS_MAX),
                tolerate: definition.tolerate.as_ref().map(|tolerate| tolerate.value),
            }),
            input: match draft.with {
                Some(with) => InputFrom::With(with),
                None if is_fan_out => InputFrom::Item,
                None => input(&needs, is_in_item),
            },
            only_read: distinct(needs.iter().filter(|need| !need.counted).map(|need| need.node)),
            needs,
            dependents: Box::default(),
            reads,
            retry: definition.retry.clone().into(),
            timeout: definition.timeout.as_ref().map(|timeout| timeout.value),
            start_within: definition.start_within.as_ref().map(|within| within.value),
            allow_failure: definition.allow_failure,
            on_crash: definition.on_crash,
            queue: queues.number(definition.queue.as_ref().map(|queue| &queue.value)),
            priority: definition.priority,
            idempotency_key: draft.idempotency_key,
        }
    }
}

fn join(definition: &StepDefinition) -> Join {
    match definition.join.as_ref().map(|join| join.value).unwrap_or_default() {
        JoinDefinition::All => Join::All,
        JoinDefinition::Any => Join::Count(1),
        JoinDefinition::Count(count) => Join::Count(count),
        JoinDefinition::Settled => Join::Settled,
    }
}

/// The input of a step without `with`.
fn input(needs: &[Need], is_in_item: bool) -> InputFrom {
    match needs {
        [] if is_in_item => InputFrom::Item,
        [] => InputFrom::Run,
        [need] => InputFrom::Node(need.node),
        several => InputFrom::Nodes(several.iter().map(|need| need.node).collect()),
    }
}

/// Fills in the dependents of each node.
fn link(nodes: &mut [Node]) {
    let mut dependents: Vec<Vec<NodeId>> = vec![Vec::new(); nodes.len()];
    for (place, node) in nodes.iter().enumerate() {
        let id = node_of(place);
        for need in &node.needs {
            dependents[need.node.index()].push(id);
        }
    }
    for (node, dependents) in nodes.iter_mut().zip(dependents) {
        node.dependents = dependents.into();
    }
}

fn distinct(nodes: impl Iterator<Item = NodeId>) -> Box<[NodeId]> {
    let mut nodes: Vec<NodeId> = nodes.collect();
    nodes.sort_unstable();
    nodes.dedup();
    nodes.into()
}

/// The queues in use; the default one is the first.
struct Queues {
    names: Vec<Name>,
    numbers: HashMap<Name, u16>,
}

impl Default for Queues {
    fn default() -> Self {
        let name = Name::new(QUEUE_DEFAULT).expect("invariant: the default queue has a name");
        Self { names: vec![name.clone()], numbers: HashMap::from([(name, 0)]) }
    }
}

impl Queues {
    fn number(&mut self, queue: Option<&Name>) -> u16 {
        let Some(name) = queue else { return 0 };
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        // The checker has refused a file with more.
        let number = u16::try_from(self.names.len()).unwrap_or(0);
        self.names.push(name.clone());
        self.numbers.insert(name.clone(), number);
        number
    }
}
