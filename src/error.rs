//! The errors of the public door; each gathers those of a layer.

use std::time::Duration;

use crate::definition::{Diagnostic, Format};
use crate::id::RunId;
use crate::journal::JournalError;
use crate::plan::InputProblem;

/// Why the engine did not do it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A workflow file is wrong; nothing of it was accepted.
    #[error("{0}")]
    Workflow(InvalidWorkflow),
    /// The input of a run does not fit the workflow's `[input]`.
    #[error("the input does not fit workflow `{workflow}`: {}", list(.problems))]
    Input {
        /// The workflow.
        workflow: String,
        /// Every problem.
        problems: Vec<InputProblem>,
    },
    /// A value cannot be written or read as JSON.
    #[error("{what} cannot be read as JSON: {why}")]
    Json {
        /// Which value.
        what: &'static str,
        /// What serde says.
        why: String,
    },
    /// Something that was said is beyond a limit; nothing was accepted.
    #[error("{what}: {found}; the limit is {limit} ({name})")]
    Limit {
        /// What is beyond it.
        what: String,
        /// How much of it there is.
        found: String,
        /// How much there may be.
        limit: String,
        /// The limit's name.
        name: &'static str,
    },
    /// There is no such workflow.
    #[error("there is no workflow `{name}`{}", hint(.near.as_ref()))]
    UnknownWorkflow {
        /// The name asked for.
        name: String,
        /// One that is near.
        near: Option<String>,
    },
    /// There is no such run.
    #[error("there is no run {0}")]
    UnknownRun(RunId),
    /// There is no such dead letter.
    #[error("there is no dead letter {0}")]
    UnknownDeadLetter(String),
    /// The idempotency key belongs to a run with another input.
    #[error("the idempotency key `{key}` belongs to run {run}, which has another input")]
    KeyTaken {
        /// The key.
        key: String,
        /// The run that has it.
        run: RunId,
    },
    /// A queue is full; nothing was accepted.
    #[error("queue `{queue}` is full ({depth} waiting, max_depth {limit}); try again later")]
    QueueFull {
        /// The queue.
        queue: String,
        /// How many jobs wait.
        depth: usize,
        /// Its `max_depth`.
        limit: usize,
    },
    /// The engine takes nothing at the moment, or has stopped.
    #[error("the engine takes no work: {0}")]
    Unavailable(String),
    /// The request does not fit the state of the run.
    #[error("{0}")]
    Refused(String),
    /// The run ended without an output.
    #[error("run {run} {state}{}", because(.failure.as_ref()))]
    Ended {
        /// The run.
        run: RunId,
        /// `failed` or `cancelled`.
        state: &'static str,
        /// Why.
        failure: Option<String>,
    },
    /// Something did not end in time.
    #[error("{what} did not end within {}", crate::definition::format_duration(*.within))]
    Late {
        /// What.
        what: &'static str,
        /// The time it had.
        within: Duration,
    },
    /// The journal cannot do it.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A file or folder cannot be read.
    #[error("{path}: {why}")]
    File {
        /// Which.
        path: String,
        /// What the system says.
        why: String,
    },
    /// The runtime refused.
    #[error("the engine cannot start: {0}")]
    Start(String),
}

/// A workflow file with its problems.
#[derive(Debug, Clone)]
pub struct InvalidWorkflow {
    /// The file.
    pub path: String,
    /// Its text.
    pub text: String,
    /// Every problem, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

impl std::fmt::Display for InvalidWorkflow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let format = Format::Human { color: false };
        f.write_str(&crate::definition::render(&self.path, &self.text, &self.diagnostics, format))
    }
}

fn list(problems: &[InputProblem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn hint(near: Option<&String>) -> String {
    near.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

fn because(failure: Option<&String>) -> String {
    failure.map(|why| format!(": {why}")).unwrap_or_default()
}
