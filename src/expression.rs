//! `${{ … }}`: compiled when the file loads, evaluated when a step needs it. The home of `minijinja`.
//!
//! - [`Expression::compile`] takes a bare expression (`when`, `for_each`).
//! - [`Template::compile`] takes a TOML value as JSON whose strings may hold `${{ … }}`.
//! - Both tell which names they read ([`Reads`]), and evaluate against [`Names`].
//!
//! Nothing here waits, reads the clock, or makes more than [`RESULT_BYTES_MAX`]; a hostile expression
//! is an error. Undefined is an error too, unless `is defined` or `default(…)` asks.
//!
//! [`RESULT_BYTES_MAX`]: crate::payload::RESULT_BYTES_MAX

mod cache;
mod functions;
mod json;
mod lex;
mod parse;
mod path;
mod program;
mod reads;
mod shell;
mod slots;
mod steps;
mod template;

#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;

use crate::clock::Timestamp;
use crate::id::RunId;
use crate::payload::Payload;

#[expect(unused_imports, reason = "the plan suggests names with it")]
pub(crate) use crate::definition::nearest;
pub use program::Expression;
pub use reads::{InputRead, Reads, SecretRead, StepField, StepRead};
pub use steps::StepValues;
pub use template::Template;

/// What an expression may read: made for one unit, from what its plan node says it reads.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// `input`: the run's.
    pub input: Payload,
    /// `steps`, only those that are read.
    pub steps: StepValues,
    /// `index` and `item`, inside a fan-out.
    pub item: Option<(u32, Payload)>,
    /// `run`
    pub run: RunNames,
    /// `secrets`: filled in by the attempt only, never by the run.
    pub secrets: Vec<(Box<str>, Box<str>)>,
    /// How much an evaluation may do.
    pub effort: Effort,
}

/// How much one evaluation may do before it is given up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Effort {
    /// As much as an expression may at all.
    #[default]
    Full,
    /// What takes about a millisecond or less. An evaluation that would take longer is given up, and
    /// says so ([`EvalError::is_too_long`]).
    Little,
}

/// The values that an evaluation of [`Effort::Little`] may read, in bytes of JSON.
const LITTLE_VALUES_MAX: usize = 16 << 10;

/// What it may handle, counted as for the whole effort. A unit takes some 25 ns.
const LITTLE_WORK_MAX: usize = 32 << 10;

/// The list that it may take apart, in bytes of JSON.
const LITTLE_LIST_MAX: usize = 64 << 10;

/// The bytes that it may look through for a part of a payload, or copy into its result.
const LITTLE_BYTES_MAX: usize = 512 << 10;

/// `steps.<id>`
#[derive(Debug, Clone, Default)]
pub struct StepValue {
    /// `status`: a step state such as `succeeded`.
    pub status: &'static str,
    /// `output`; `None`: it is missing, and who uses it gets an error that says so
    /// ([`EvalError::missing`]).
    pub output: Option<Payload>,
    /// `failed`: the failed items of a fan-out, `[{ index, item, error }]`.
    pub failed: Option<Payload>,
    /// `error`: `{ class, message }` of a step that failed.
    pub error: Option<Payload>,
}

/// `run`
#[derive(Debug, Clone, Default)]
pub struct RunNames {
    /// `run.id`
    pub id: Option<RunId>,
    /// `run.attempt`: 1, and one more for each `retry` by an operator.
    pub attempt: u32,
    /// `run.scheduled_at`: the time the run stands for (its start, if nothing else set one);
    /// `run.scheduled_day` is its day in UTC.
    pub scheduled_at: Timestamp,
    /// `run.started_by`: `cli`, `api`, `schedule` …
    pub started_by: Box<str>,
}

/// Why an expression was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompileError {
    /// What is wrong: a lowercase fragment.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The text that `offset` counts in: the expression, without `${{` and `}}`.
    pub source: Box<str>,
    /// Where in `source`, in bytes.
    pub offset: Range<usize>,
}

impl CompileError {
    fn new(source: &str, message: impl Into<String>, offset: Range<usize>) -> Self {
        Self { message: message.into(), help: None, source: source.into(), offset }
    }

    fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CompileError {}

/// Why an expression has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvalError {
    message: Box<str>,
    missing: Option<Box<str>>,
    is_too_long: bool,
}

impl EvalError {
    fn new(message: impl Into<Box<str>>) -> Self {
        Self { message: message.into(), missing: None, is_too_long: false }
    }

    /// The evaluation panicked, and said this.
    pub(crate) fn panicked(told: &str) -> Self {
        Self::new(format!("the evaluation panicked: {told}"))
    }

    fn too_long() -> Self {
        Self { is_too_long: true, ..Self::new("the evaluation takes more than a little effort") }
    }

    /// Whether it takes more than [`Effort::Little`]: with [`Effort::Full`] it may have a value.
    pub fn is_too_long(&self) -> bool {
        self.is_too_long
    }

    /// The step whose output the evaluation needed, where it has none.
    pub fn missing(&self) -> Option<&str> {
        self.missing.as_deref()
    }

    fn needs(mut self, step: Option<&str>) -> Self {
        self.missing = step.map(Into::into);
        self
    }

    /// With the expression in which it happened.
    fn within(self, source: &str) -> Self {
        let source = source.trim();
        if self.message.contains(source) {
            return self;
        }
        let shown: String = source.chars().take(120).collect();
        let dots = if shown.len() < source.len() { "…" } else { "" };
        let message = format!("{}, in `{shown}{dots}`", self.message).into();
        Self { message, ..self }
    }
}

impl fmt::Display for EvalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for EvalError {}
