//! How a run began.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::definition::Durability;
use crate::id::{DefinitionHash, Name, RunId};
use crate::payload::Payload;
use crate::plan::{NodeId, Plan};
use crate::seldom::{Empty, Seldom};

/// How a run began. The first event of every run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The workflow's name.
    pub workflow: Name,
    /// The version that the run starts with.
    pub definition: DefinitionHash,
    /// The folder of the workflow file, where commands run; `None`: where the process runs.
    pub folder: Option<Arc<Path>>,
    /// The checked input, defaults filled in.
    pub input: Payload,
    /// When it was accepted.
    pub at: Timestamp,
    /// When it is to begin; not before `at`.
    pub begin: Timestamp,
    /// The time it stands for.
    pub scheduled_at: Timestamp,
    /// What started it.
    pub origin: Origin,
    /// The run at the top of its line of parents; of a run without a parent itself.
    pub root: RunId,
    /// How many parents stand above it.
    pub depth: u8,
    /// Its idempotency key.
    pub key: Option<Box<IdempotencyKey>>,
    /// Overrides the workflow's priority: -100..=100.
    pub priority: Option<i8>,
    /// When what is said of it is durable.
    pub durability: Durability,
    /// What else the start said.
    pub details: Seldom<StartDetails>,
}

/// What few starts say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StartDetails {
    /// Keeps the names of one user of an engine apart from another's; `None`: the default one.
    pub namespace: Option<Box<str>>,
    /// What `[concurrency] key` evaluates to.
    pub concurrency: Option<Box<str>>,
    /// `label=value` pairs of the start.
    pub tags: Vec<(Box<str>, Box<str>)>,
    /// Who started it, as the door knows them.
    pub principal: Option<Box<str>>,
    /// The `traceparent` that the start came with (W3C Trace Context).
    pub traceparent: Option<Box<str>>,
}

impl Empty for StartDetails {
    const EMPTY: &'static Self = &Self {
        namespace: None,
        concurrency: None,
        tags: Vec::new(),
        principal: None,
        traceparent: None,
    };
}

impl Accepted {
    /// A start of a workflow by a program that embeds the engine: at once, and with nothing else
    /// said.
    pub fn new(
        workflow: &Name,
        definition: DefinitionHash,
        run: RunId,
        (input, at): (Payload, Timestamp),
    ) -> Self {
        Self {
            workflow: workflow.clone(),
            definition,
            folder: None,
            input,
            at,
            begin: at,
            scheduled_at: at,
            origin: Origin::Library,
            root: run,
            depth: 0,
            key: None,
            priority: None,
            durability: Durability::default(),
            details: Seldom::default(),
        }
    }
}

impl Accepted {
    /// The run's folder, for an attempt of this node; `None` too where it asks for none.
    pub fn folder_for(&self, plan: &Plan, node: NodeId) -> Option<Arc<Path>> {
        self.folder.as_ref().filter(|_| plan.needs_folder(node)).cloned()
    }
}

/// One key, one run of a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// The key.
    pub text: Box<str>,
    /// How long it is kept after the end of the run.
    pub ttl: Duration,
    /// The input as a value, whatever the order of its keys: 128 bits of it with sorted keys.
    pub input: [u8; 16],
}

impl IdempotencyKey {
    /// The key of a start with this input.
    pub fn new(text: &str, ttl: Duration, input: &Payload) -> Self {
        Self { text: text.into(), ttl, input: input.canonical_hash() }
    }
}

/// What started a run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Origin {
    /// A program that embeds the engine.
    #[default]
    Library,
    /// The command.
    Cli,
    /// The HTTP API.
    Api,
    /// A schedule.
    Schedule {
        /// The schedule.
        id: Box<str>,
        /// The time that its tick stands for.
        tick: Timestamp,
    },
    /// An event.
    Event {
        /// The event.
        id: Box<str>,
        /// The subscription that it met.
        subscription: Box<str>,
    },
    /// A webhook.
    Webhook {
        /// The path that was called.
        path: Box<str>,
        /// The delivery, as the caller names it.
        delivery: Box<str>,
    },
    /// A step of another run.
    Parent {
        /// The other run.
        run: RunId,
        /// The path of the step: `files[3].build`.
        path: Box<str>,
        /// Which try of the step, from 1.
        attempt: u32,
    },
    /// Another run whose results it starts from (`--from-run`).
    Rerun {
        /// The other run.
        of: RunId,
    },
}

impl Origin {
    /// `cli`: what expressions call it (`run.started_by`).
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Library => "library",
            Self::Cli => "cli",
            Self::Api => "api",
            Self::Schedule { .. } => "schedule",
            Self::Event { .. } => "event",
            Self::Webhook { .. } => "webhook",
            Self::Parent { .. } => "parent",
            Self::Rerun { .. } => "rerun",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
