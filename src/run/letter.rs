//! What a dead letter has to say of its unit.

use super::history::{AttemptHistory, attempts_of};
use super::{AttemptSource, Failure, Run, Unit};
use crate::definition::ErrorClass;
use crate::expression::{EvalError, Names};
use crate::payload::Payload;
use crate::plan::{HttpBody, InputFrom, Plan, Program, Verb};

impl Run {
    /// The attempts of one unit, oldest first.
    pub(crate) fn attempts(&self, plan: &Plan, unit: Unit) -> Vec<AttemptHistory> {
        let item = unit.has_item().then_some(unit.item);
        self.unit(plan, unit).map(|state| attempts_of(state, item)).unwrap_or_default()
    }

    /// Why a unit failed; of one that is parked, that the process died in it.
    pub(crate) fn failure_at(&self, plan: &Plan, unit: Unit) -> Failure {
        let failure = self.unit(plan, unit).and_then(|state| state.failure().cloned());
        failure.unwrap_or_else(|| {
            Failure::new(ErrorClass::Poison, "the process died while the step ran")
        })
    }

    /// What a unit was given, as a person may see it: secrets are masked.
    pub(crate) fn shown_input(&self, plan: &Plan, unit: Unit) -> Payload {
        match self.attempt_input(plan, unit) {
            AttemptSource::Payload(input) | AttemptSource::Edited(_, input) => input,
            AttemptSource::Names(names) => {
                shown(plan, unit, &names).unwrap_or_else(|error| text(&error.to_string()))
            }
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
                Payload::of(&words?).unwrap_or_default()
            }
        },
        Verb::Http(request) => {
            let body = match &request.body {
                HttpBody::Empty => Payload::NULL,
                HttpBody::Json(body) => body.render(names)?,
                HttpBody::Text(body) => text(&body.render_text(names)?),
            };
            let url = request.url.render_text(names)?;
            let shown = serde_json::json!({ "method": request.method, "url": url, "body": body });
            Payload::of(&shown).unwrap_or_default()
        }
        Verb::Sleep(time) => time.render(names)?,
    })
}

fn text(text: &str) -> Payload {
    Payload::of(text).unwrap_or_default()
}
