//! What a dead letter has to say of its unit.

use serde::Serialize;

use super::history::AttemptHistory;
use super::{AttemptSource, Failure, Run, Unit};
use crate::definition::ErrorClass;
use crate::expression::{EvalError, Names};
use crate::payload::Payload;
use crate::plan::{HttpBody, InputFrom, Plan, Program, Verb};

impl Run {
    /// The attempts of one unit, oldest first.
    pub(crate) fn attempts(&self, plan: &Plan, unit: Unit) -> Vec<AttemptHistory> {
        self.unit(unit).map(|state| self.attempts_of(plan, unit, state)).unwrap_or_default()
    }

    /// Whether the dead letter of this dispatch of a unit stands.
    pub(crate) fn has_letter_of(&self, plan: &Plan, unit: Unit, dispatch: u32) -> bool {
        self.unit(unit)
            .is_some_and(|state| state.dispatch == dispatch && self.has_letter(plan, unit, state))
    }

    /// Why a unit failed; of one that is parked, that the process died in it.
    pub(crate) fn failure_at(&self, unit: Unit) -> Failure {
        let failure = self.unit(unit).and_then(|state| state.failure().cloned());
        failure.unwrap_or_else(|| {
            Failure::new(ErrorClass::Poison, "the process died while the step ran")
        })
    }

    /// What a unit was given, as a person may see it: secrets are masked.
    pub(crate) fn shown_input(&self, plan: &Plan, unit: Unit) -> Payload {
        match self.attempt_input(plan, unit) {
            AttemptSource::Payload(input) => input,
            AttemptSource::Rendered(from) => from.input.unwrap_or_else(|| {
                shown(plan, unit, &from.names).unwrap_or_else(|error| text(&error.to_string()))
            }),
        }
    }
}

/// What the templates of a unit give.
fn shown(plan: &Plan, unit: Unit, names: &Names) -> Result<Payload, EvalError> {
    let node = plan.node(unit.node);
    Ok(match &node.verb {
        Verb::Task(_) | Verb::Body => match &node.input {
            InputFrom::With(template) => template.render(names)?,
            InputFrom::Run | InputFrom::Item | InputFrom::Node(_) | InputFrom::Nodes(_) => {
                Payload::NULL
            }
        },
        Verb::Run(command) => match &command.program {
            Program::Shell(line) => text(&line.render_shell(names)?),
            Program::Argv(words) => {
                let words: Result<Vec<_>, _> = words.iter().map(|w| w.render_text(names)).collect();
                Payload::of_result(&words?).unwrap_or_default()
            }
        },
        Verb::Http(request) => {
            let body = match &request.body {
                HttpBody::Empty => Payload::NULL,
                HttpBody::Json(body) => body.render(names)?,
                HttpBody::Text(body) => text(&body.render_text(names)?),
            };
            let url = request.url.render_text(names)?;
            let shown = ShownRequest { method: &request.method, url: &url, body };
            Payload::of_result(&shown).unwrap_or_default()
        }
        Verb::Sleep(time) => time.render(names)?,
    })
}

/// A request, as a dead letter shows it.
#[derive(Serialize)]
struct ShownRequest<'r> {
    method: &'r str,
    url: &'r str,
    body: Payload,
}

fn text(text: &str) -> Payload {
    Payload::of_result(text).unwrap_or_default()
}
