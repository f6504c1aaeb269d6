//! Attempts for the tests of this layer.

use std::sync::Arc;

use serde_json::Value;

use super::{Apart, Attempt, AttemptFuture, CancelSignal, Executor, Registry, TaskLimits};
use crate::clock::Timestamp;
use crate::definition::{FailFast, OnCrash, RetentionKeys, SecretSource};
use crate::expression::Names;
use crate::id::{DefinitionHash, Name, RunId};
use crate::payload::Payload;
use crate::plan::{
    CommandPlan, EDITION, Expression, FanOut, InputFrom, InputSchema, Join, Node, NodeId, Output,
    Plan, Program, Template, Verb,
};
use crate::run::{AttemptSource, Failure, ItemPath, ToRender, Unit};

/// One step `work`, and what is around it.
pub(super) struct Fixture {
    pub(super) folder: tempfile::TempDir,
    pub(super) verb: Verb,
    pub(super) input: InputFrom,
    pub(super) source: AttemptSource,
    pub(super) secrets: Vec<(String, SecretSource)>,
    pub(super) key: Option<Template>,
    pub(super) item: Option<u32>,
    pub(super) attempt: u32,
    pub(super) cancel: CancelSignal,
    pub(super) registry: Registry,
    pub(super) limits: TaskLimits,
}

impl Fixture {
    pub(super) fn of(verb: Verb) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            verb,
            input: InputFrom::Run,
            source: AttemptSource::Payload(Payload::NULL),
            secrets: Vec::new(),
            key: None,
            item: None,
            attempt: 1,
            cancel: CancelSignal::new(),
            registry: Registry::new(),
            limits: TaskLimits::default(),
        }
    }

    /// A step that calls a handler.
    pub(super) fn task<Args: 'static>(handler: impl super::Handler<Args>) -> Self {
        let mut fixture = Self::of(Verb::Task("work".into()));
        fixture.registry.add("work", handler);
        fixture
    }

    /// A step that runs a shell command.
    pub(super) fn shell(text: &str) -> Self {
        Self::command(Program::Shell(Template::shell(text).unwrap()))
    }

    /// A step that runs a program.
    pub(super) fn argv(words: &[&str]) -> Self {
        Self::command(Program::Argv(words.iter().map(|word| text(word)).collect()))
    }

    fn command(program: Program) -> Self {
        let plan = CommandPlan { program, env: Vec::new(), stdin: None, output: Output::Default };
        Self::of(Verb::Run(Box::new(plan)))
    }

    pub(super) fn change(mut self, change: impl FnOnce(&mut CommandPlan)) -> Self {
        if let Verb::Run(command) = &mut self.verb {
            change(command);
        }
        self
    }

    pub(super) fn output(self, output: Output) -> Self {
        self.change(|command| command.output = output)
    }

    pub(super) fn stdin(self, template: &str) -> Self {
        self.change(|command| command.stdin = Some(text(template)))
    }

    pub(super) fn env(self, name: &str, template: &str) -> Self {
        self.change(|command| command.env.push((name.to_owned(), text(template))))
    }

    /// With a run's input that templates read.
    pub(super) fn input(mut self, input: Value) -> Self {
        let names = Names { input: Payload::of(&input).unwrap(), ..Names::default() };
        self.source = AttemptSource::Rendered(Box::new(ToRender { names, input: None }));
        self
    }

    pub(super) fn ready(mut self, input: Value) -> Self {
        self.source = AttemptSource::Payload(Payload::of(&input).unwrap());
        self
    }

    /// The run's own folder.
    pub(super) fn run_folder(&self) -> std::path::PathBuf {
        self.folder.path().join("runs").join(run().to_string())
    }

    /// The step's log.
    pub(super) fn log(&self) -> String {
        let name = self.item.map_or_else(|| "work".to_owned(), |item| format!("work.{item}"));
        super::read_log(&self.run_folder(), &name).unwrap()
    }

    /// Starts the attempt; the fixture stays, for its folder.
    pub(super) fn start(&mut self) -> AttemptFuture {
        let registry = std::mem::take(&mut self.registry);
        let executor = Executor::with_limits(registry, self.limits);
        let attempt = self.made();
        executor.start(attempt)
    }

    pub(super) async fn run(&mut self) -> Result<Value, Failure> {
        self.start().await.map(|payload| payload.parse().unwrap())
    }

    pub(super) fn made(&mut self) -> Attempt {
        let verb = std::mem::replace(&mut self.verb, Verb::Body);
        let input = std::mem::replace(&mut self.input, InputFrom::Run);
        let mut node = node(verb, input, self.key.take());
        node.fan = self.item.map(|_| fan());
        let at = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
        let plan = plan(node, std::mem::take(&mut self.secrets).into());
        Attempt {
            run: run(),
            plan: Apart::new(Arc::new(plan)),
            unit: Unit::top(NodeId(0)),
            items: self.item.map_or(ItemPath::Outside, ItemPath::Single),
            attempt: self.attempt,
            fencing: 7,
            input: std::mem::replace(&mut self.source, AttemptSource::Payload(Payload::NULL)),
            home: Some(self.folder.path().into()),
            runs_folder: Some(self.folder.path().join("runs").into()),
            cancel: self.cancel.clone(),
            at,
        }
    }
}

pub(super) fn text(template: &str) -> Template {
    Template::text(template).unwrap()
}

fn node(verb: Verb, input: InputFrom, idempotency_key: Option<Template>) -> Node {
    Node {
        id: Name::new("work").unwrap(),
        parent: None,
        verb,
        body: None,
        when: None,
        needs: Box::default(),
        only_read: Box::default(),
        dependents: Box::default(),
        join: Join::All,
        fan: None,
        input,
        reads: Box::default(),
        retry: Box::default(),
        timeout: None,
        start_within: None,
        allow_failure: false,
        on_crash: OnCrash::Rerun,
        queue: 0,
        priority: None,
        idempotency_key,
    }
}

fn fan() -> FanOut {
    let list = Expression::compile("[]").unwrap();
    FanOut { list, max_parallel: None, max_items: 1, tolerate: None }
}

fn run() -> RunId {
    RunId::from_bytes([7; 16])
}

fn plan(node: Node, secrets: Box<[(String, SecretSource)]>) -> Plan {
    let name = Name::new("fixture").unwrap();
    Plan {
        name: name.clone(),
        hash: DefinitionHash::of(&name, ""),
        edition: EDITION,
        text: "".into(),
        folder: None,
        description: None,
        labels: Vec::new(),
        nodes: Box::new([node]),
        top: 1,
        order: Box::new([NodeId(0)]),
        by_id: Box::new([NodeId(0)]),
        input: InputSchema::default(),
        output: None,
        output_reads: Box::default(),
        secrets,
        queues: Box::new([Name::new("default").unwrap()]),
        timeout: None,
        durability: None,
        fail_fast: FailFast::Off,
        max_parallel: None,
        retention: RetentionKeys::default(),
        priority: 0,
    }
}
