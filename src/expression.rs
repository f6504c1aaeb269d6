//! `${{ … }}`: compiled when the file loads, evaluated when a step needs it. The home of `minijinja`.
//!
//! Contract (the bodies come with the module):
//! - [`Expression::compile`] takes a bare expression (`when`, `for_each`).
//! - [`Template::compile`] takes a TOML value as JSON whose strings may hold `${{ … }}`.
//! - both tell which names they read ([`Reads`]), and evaluate against [`Names`].

use crate::clock::Timestamp;
use crate::id::{Name, RunId};
use crate::payload::Payload;

/// What an expression may read: made for one unit, from what its plan node says it reads.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// `input`: the run's.
    pub input: Payload,
    /// `steps`, only those that are read.
    pub steps: Vec<(Name, StepValue)>,
    /// `index` and `item`, inside a fan-out.
    pub item: Option<(u32, Payload)>,
    /// `run`
    pub run: RunNames,
    /// `secrets`: filled in by the attempt only, never by the run.
    pub secrets: Vec<(Box<str>, Box<str>)>,
}

/// `steps.<id>`
#[derive(Debug, Clone, Default)]
pub struct StepValue {
    /// `status`: a step state such as `succeeded`.
    pub status: &'static str,
    /// `output`; undefined where there is none.
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

/// placeholder
#[derive(Debug)]
pub struct Expression;
/// placeholder
#[derive(Debug)]
pub struct Template;
