//! Starts attempts: what a verb stands for is decided here.

use std::sync::Arc;
use std::time::Duration;

use super::error::{failure, invalid};
use super::handler::Rendered;
use super::log::{LogTarget, MemoryLogs, STEP_LOG_BYTES_MAX, StepLog};
use super::place::Scratch;
use super::render::Rendering;
use super::{Attempt, AttemptFuture, Registry, command, http, log_name};
use crate::definition::ErrorClass;
use crate::expression::Names;
use crate::id::RunId;
use crate::payload::Payload;
use crate::plan::{InputFrom, Verb};
use crate::run::{AttemptSource, Failure, ToRender};

/// Turns attempts into futures. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Executor(Arc<Shared>);

/// What all attempts share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) registry: Registry,
    pub(crate) limits: TaskLimits,
    pub(crate) logs: Arc<MemoryLogs>,
    pub(crate) scratch: Arc<Scratch>,
    #[cfg(feature = "http")]
    pub(super) client: Arc<http::Client>,
}

/// The limits of commands, requests and logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskLimits {
    /// From TERM to KILL, when a command is to stop; default 5 s.
    pub kill_after: Duration,
    /// How long the output of a command is read on after its end, while a child of it holds it
    /// open; default 2 s.
    pub output_grace: Duration,
    /// The longest log of one attempt, in bytes; default [`STEP_LOG_BYTES_MAX`].
    pub log_bytes: u64,
    /// How long a server may be silent where the step has no `timeout`; default 5 min.
    pub http_silence: Duration,
}

impl Default for TaskLimits {
    fn default() -> Self {
        Self {
            kill_after: Duration::from_secs(5),
            output_grace: Duration::from_secs(2),
            log_bytes: STEP_LOG_BYTES_MAX,
            http_silence: Duration::from_secs(300),
        }
    }
}

impl Executor {
    /// An executor of these handlers.
    pub fn new(registry: Registry) -> Self {
        Self::with_limits(registry, TaskLimits::default())
    }

    /// An executor with limits of its own.
    pub fn with_limits(registry: Registry, limits: TaskLimits) -> Self {
        Self(Arc::new(Shared {
            registry,
            limits,
            logs: Arc::default(),
            scratch: Arc::default(),
            #[cfg(feature = "http")]
            client: Arc::default(),
        }))
    }

    /// The same executor for one worker: what its attempts count on is counted [`Apart`](super::Apart).
    #[must_use]
    pub fn apart(&self) -> Self {
        Self(Arc::new(Shared {
            registry: self.0.registry.apart(),
            limits: self.0.limits,
            logs: Arc::clone(&self.0.logs),
            scratch: Arc::clone(&self.0.scratch),
            #[cfg(feature = "http")]
            client: Arc::clone(&self.0.client),
        }))
    }

    /// The handlers.
    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// The future that does the attempt's work. Nothing happens before its first poll.
    pub fn start(&self, attempt: Attempt) -> AttemptFuture {
        let shared = &self.0;
        match &attempt.step().verb {
            Verb::Task(name) => match shared.registry.handler(name) {
                Some(handler) => handler.start(Arc::clone(shared), attempt),
                None => failed(no_handler(name)),
            },
            Verb::Run(_) => command::start(Arc::clone(shared), attempt),
            Verb::Http(_) => http::start(Arc::clone(shared), attempt),
            Verb::Sleep(_) | Verb::Body => {
                failed(invalid("a step that sleeps or has a body is not executed"))
            }
        }
    }

    /// What a step has printed in an engine without a data folder; empty where that is nothing.
    pub fn memory_log(&self, run: RunId, name: &str) -> String {
        self.0.logs.read(run, name)
    }

    /// The names of a run's logs in an engine without a data folder, in order.
    pub fn memory_logs(&self, run: RunId) -> Vec<String> {
        self.0.logs.list(run)
    }
}

impl Shared {
    /// The log of an attempt. Nothing is made before the first byte.
    pub(crate) fn step_log(&self, attempt: &Attempt) -> StepLog {
        let name = log_name(&attempt.plan, attempt.unit.node, &attempt.items);
        let target = match attempt.folder() {
            Some(folder) => LogTarget::File { folder: folder.into(), name },
            None => LogTarget::Memory { logs: Arc::clone(&self.logs), run: attempt.run, name },
        };
        StepLog::new(target, attempt.attempt, self.limits.log_bytes)
    }
}

/// A handler's input and `idempotency_key`, rendered.
pub(super) fn render_call(attempt: &mut Attempt) -> Result<(Payload, Rendered), Failure> {
    let source = std::mem::replace(&mut attempt.input, AttemptSource::Payload(Payload::NULL));
    let ToRender { names, input: ready } = match source {
        AttemptSource::Payload(input) => return Ok((input, Rendered::default())),
        AttemptSource::Rendered(from) => *from,
    };
    let rendering = Rendering::prepare(attempt, names)?;
    let input = match ready {
        Some(input) => input,
        None => rendered_input(attempt, &rendering)?,
    };
    let key = idempotency_key(attempt, &rendering)?;
    Ok((input, Rendered { key, masks: rendering.into_masks() }))
}

fn rendered_input(attempt: &Attempt, rendering: &Rendering) -> Result<Payload, Failure> {
    let missing = || invalid("the step's input was not handed over");
    match &attempt.step().input {
        InputFrom::With(template) => rendering.value(template),
        InputFrom::Run => Ok(rendering.run_input()),
        InputFrom::Item => rendering.item().ok_or_else(missing),
        InputFrom::Node(_) | InputFrom::Nodes(_) => Err(missing()),
    }
}

/// What the step's `idempotency_key` gives.
pub(super) fn idempotency_key(
    attempt: &Attempt,
    rendering: &Rendering,
) -> Result<Option<Box<str>>, Failure> {
    let Some(template) = &attempt.step().idempotency_key else { return Ok(None) };
    let key = rendering.text(template)?;
    if key.len() > STEP_KEY_BYTES_MAX {
        return Err(invalid(format_args!(
            "`idempotency_key` has {} bytes; the limit is {STEP_KEY_BYTES_MAX} bytes \
             (STEP_KEY_BYTES_MAX)",
            key.len()
        )));
    }
    Ok(Some(key.into()))
}

/// The longest idempotency key that a step makes, in bytes.
const STEP_KEY_BYTES_MAX: usize = 1_024;

fn no_handler(name: &str) -> Failure {
    let text = format_args!("no handler is registered for task `{name}`");
    failure(ErrorClass::Permanent, text)
}

fn failed(failure: Failure) -> AttemptFuture {
    Box::pin(std::future::ready(Err(failure)))
}

/// Takes the names out of the attempt, for a verb that has no input but its templates. An input that
/// was edited stands in the place of what the step would have been given.
pub(super) fn names_of(attempt: &mut Attempt) -> Names {
    let source = std::mem::replace(&mut attempt.input, AttemptSource::Payload(Payload::NULL));
    let ToRender { mut names, input } = match source {
        AttemptSource::Payload(_) => return Names::default(),
        AttemptSource::Rendered(from) => *from,
    };
    let Some(input) = input else { return names };
    match &attempt.step().input {
        InputFrom::Run => names.input = input,
        InputFrom::Item => {
            if let Some((_, item)) = &mut names.item {
                *item = input;
            }
        }
        InputFrom::Node(node) => {
            let id = &attempt.plan.nodes[node.index()].id;
            if let Some(step) = names.steps.get_mut(id.as_str()) {
                step.output = Some(input);
            }
        }
        InputFrom::Nodes(_) | InputFrom::With(_) => {}
    }
    names
}
