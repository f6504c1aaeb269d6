//! Puts the plan together from checked parts.

use std::collections::HashMap;
use std::ops::Range;

use super::compile::{Draft, OutputDraft};
use super::names::Need as Edge;
use super::steps::{StepIndex, Steps};
use super::{
    FanOut, ITEMS_MAX, InputFrom, InputSchema, Join, Need, Node, NodeId, Plan, Source, Verb,
};
use crate::definition::{Definition, JoinDefinition, QUEUE_DEFAULT, StepDefinition};
use crate::id::{DefinitionHash, Name};

/// What a plan is made from.
pub(super) struct Parts<'p, 'd> {
    pub definition: &'d Definition,
    pub steps: &'p Steps<'d>,
    pub needs: Vec<Vec<Edge>>,
    /// All steps in the order of their nodes.
    pub order: Vec<StepIndex>,
    pub input: InputSchema,
}

impl Parts<'_, '_> {
    pub(super) fn assemble(self, drafts: Vec<Draft>, output: OutputDraft, source: Source) -> Plan {
        let ids = self.ids();
        let bodies: HashMap<StepIndex, Range<StepIndex>> =
            self.steps.bodies.iter().cloned().collect();
        let mut queues = Queues::default();
        let mut drafts: Vec<Option<Draft>> = drafts.into_iter().map(Some).collect();
        let mut nodes: Vec<Node> = Vec::with_capacity(self.order.len());
        for step in &self.order {
            let draft = drafts[*step].take().unwrap_or_default();
            let mut node = self.node(*step, draft, &ids, &mut queues);
            if let Some(fan) = &mut node.fan {
                fan.body = bodies.get(step).and_then(body);
            }
            nodes.push(node);
        }
        link(&mut nodes);
        let definition = self.definition;
        let labels = definition.labels.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
        let secrets = definition.secrets.iter().map(|(name, s)| (name.clone(), s.value.clone()));
        Plan {
            name: definition.name.value.clone(),
            hash: DefinitionHash::of(&source.text),
            source,
            description: definition.description.clone(),
            labels,
            nodes: nodes.into(),
            by_id: self.by_id(&ids),
            top: u32::try_from(self.steps.top).unwrap_or(u32::MAX),
            file_order: ids[..self.steps.top].into(),
            input: self.input,
            output: output.template,
            output_reads: distinct(output.reads.iter().map(|step| ids[*step])),
            secrets: secrets.collect(),
            queues: queues.names.into(),
            timeout: definition.timeout.as_ref().map(|timeout| timeout.value),
            durability: definition.durability,
            fail_fast: definition.fail_fast,
            max_parallel: definition.max_parallel,
            priority: definition.priority,
        }
    }

    /// The node of each step.
    fn ids(&self) -> Vec<NodeId> {
        let mut ids = vec![NodeId::default(); self.order.len()];
        for (place, step) in self.order.iter().enumerate() {
            ids[*step] = NodeId(u32::try_from(place).unwrap_or(u32::MAX));
        }
        ids
    }

    /// The nodes of each level, sorted by id.
    fn by_id(&self, ids: &[NodeId]) -> Box<[NodeId]> {
        let mut steps: Vec<StepIndex> = (0..self.steps.all.len()).collect();
        let bodies = self.steps.bodies.iter().map(|(_, body)| body.clone());
        for level in std::iter::once(0..self.steps.top).chain(bodies) {
            steps[level].sort_unstable_by_key(|step| self.steps.all[*step].id);
        }
        steps.into_iter().map(|step| ids[step]).collect()
    }

    fn node(&self, index: StepIndex, draft: Draft, ids: &[NodeId], queues: &mut Queues) -> Node {
        let step = &self.steps.all[index];
        let definition = step.definition;
        let needs: Box<[Need]> = self.needs[index]
            .iter()
            .map(|edge| Need { node: ids[edge.on], data: edge.data })
            .collect();
        let all = needs.iter().map(|need| need.node).filter(|_| draft.all_steps.is_some());
        let reads = distinct(draft.reads.iter().map(|step| ids[*step]).chain(all));
        let has_item = self.steps.has_item(index);
        Node {
            id: step.id.clone(),
            parent: step.parent.map(|parent| ids[parent]),
            verb: draft.verb.unwrap_or(Verb::Body),
            when: draft.when,
            join: join(definition),
            fan: draft.list.map(|list| FanOut {
                list,
                max_parallel: definition.max_parallel,
                max_items: definition.max_items.unwrap_or(ITEMS_MAX),
                tolerate: definition.tolerate.as_ref().map(|tolerate| tolerate.value),
                body: None,
            }),
            input: match draft.with {
                Some(with) => InputFrom::With(with),
                None => input(&needs, step.parent.is_none() && has_item, has_item),
            },
            needs,
            dependents: Box::default(),
            reads,
            retry: definition.retry.clone().into(),
            timeout: definition.timeout.as_ref().map(|timeout| timeout.value),
            start_within: definition.start_within.as_ref().map(|within| within.value),
            allow_failure: definition.allow_failure,
            on_crash: definition.on_crash,
            queue: queues.number(definition.queue.as_ref().map(|queue| &queue.value)),
            priority: definition.priority.unwrap_or(self.definition.priority),
            idempotency_key: draft.idempotency_key,
        }
    }
}

/// The nodes of a body. It stands in the list of all steps where it stands among the nodes.
fn body(steps: &Range<StepIndex>) -> Option<Range<u32>> {
    Some(u32::try_from(steps.start).ok()?..u32::try_from(steps.end).ok()?)
}

fn join(definition: &StepDefinition) -> Join {
    match definition.join.as_ref().map(|join| join.value).unwrap_or_default() {
        JoinDefinition::All => Join::All,
        JoinDefinition::Any => Join::Count(1),
        JoinDefinition::Count(count) => Join::Count(count),
        JoinDefinition::Settled => Join::Settled,
    }
}

/// What flows in without `with`.
fn input(needs: &[Need], is_fan_out: bool, has_item: bool) -> InputFrom {
    match needs {
        _ if is_fan_out => InputFrom::Item,
        [] if has_item => InputFrom::Item,
        [] => InputFrom::Run,
        [need] => InputFrom::Node(need.node),
        several => InputFrom::Nodes(several.iter().map(|need| need.node).collect()),
    }
}

/// Fills in who waits for whom.
fn link(nodes: &mut [Node]) {
    let mut dependents: Vec<Vec<NodeId>> = vec![Vec::new(); nodes.len()];
    for (place, node) in nodes.iter().enumerate() {
        let id = NodeId(u32::try_from(place).unwrap_or(u32::MAX));
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
