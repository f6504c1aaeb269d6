//! What is evaluated apart from the run, and what comes of it.

use super::Unit;
use crate::expression::EvalError;
use crate::payload::Payload;

/// What an evaluation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EvaluationOf {
    /// Whether a unit starts, and with what: its `when`, its `for_each`, its `sleep`, the outputs that
    /// its verb needs.
    Start(Unit),
    /// The run's `[output]`.
    Output,
}

/// What an evaluation has come to.
#[derive(Debug, Clone, PartialEq)]
pub enum Evaluated {
    /// What a unit's expressions say of its start.
    Start(Unit, StartCheck),
    /// The value of `[output]`, or why it has none.
    Output(Result<Payload, EvalError>),
}

/// What a unit's expressions say of its start.
#[derive(Debug, Clone, PartialEq)]
pub enum StartCheck {
    /// Nothing keeps it from starting.
    Passed,
    /// Its `when` is false.
    Unwanted,
    /// An expression has no value.
    Refused {
        /// The key under which the expression stands.
        key: &'static str,
        /// Why.
        error: EvalError,
    },
    /// The items of a fan-out.
    List(Vec<Payload>),
    /// Its verb needs the output of this step, which has none.
    Lacks(Box<str>),
    /// How long it sleeps, as it is written: `5s`.
    Sleeps(String),
}

impl StartCheck {
    /// Whether it takes more than a little effort, and no more was made.
    pub fn is_too_long(&self) -> bool {
        matches!(self, Self::Refused { error, .. } if error.is_too_long())
    }
}

impl Evaluated {
    /// What it was for.
    pub fn of(&self) -> EvaluationOf {
        match self {
            Self::Start(unit, _) => EvaluationOf::Start(*unit),
            Self::Output(_) => EvaluationOf::Output,
        }
    }
}
