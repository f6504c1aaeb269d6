//! `--trace`: what a run did, as JSON lines for programs. One line for each attempt, then the steps
//! that never ran, the dead letters, and the workflow's state. Times are seconds since the run was
//! accepted.

use std::path::Path;

use serde_json::{Map, Value, json};
use windlass::run::{AttemptHistory, AttemptState, RunHistory, StepHistory};
use windlass::{DeadLetter, Timestamp};

use crate::exit::Problem;

/// The lines of one run; `named`: each with the run's id.
pub(crate) fn lines(history: &RunHistory, letters: &[DeadLetter], named: bool) -> String {
    let mut trace = Trace { origin: history.accepted, run: None, out: String::new() };
    trace.run = named.then(|| history.id.to_string());
    for step in &history.steps {
        trace.step(step, "");
    }
    for letter in letters {
        let mut line = object(json!({ "dlq": letter.step.as_str() }));
        if let Some(item) = letter.item {
            line.insert("item".into(), json!(item));
        }
        trace.line(line);
    }
    trace.line(object(json!({ "workflow": history.state.as_str() })));
    trace.out
}

/// Writes them to a file.
pub(crate) fn write(path: &Path, lines: &str) -> Result<(), Problem> {
    std::fs::write(path, lines).map_err(|e| {
        Problem::failed(format!("the trace {} cannot be written: {e}", path.display()))
    })
}

struct Trace {
    origin: Timestamp,
    run: Option<String>,
    out: String,
}

impl Trace {
    fn step(&mut self, step: &StepHistory, prefix: &str) {
        let name = format!("{prefix}{}", step.id);
        for attempt in &step.attempts {
            self.attempt(&name, attempt);
        }
        if step.attempts.is_empty() {
            self.line(object(json!({ "step": name, "state": step.state.as_str() })));
        }
        for inner in &step.steps {
            self.step(inner, &format!("{name}."));
        }
    }

    fn attempt(&mut self, name: &str, attempt: &AttemptHistory) {
        let mut line = object(json!({
            "step": name,
            "attempt": attempt.attempt,
            "start": self.seconds(attempt.started),
            "finish": attempt.ended.map(|at| self.seconds(at)),
            "state": state(attempt.state),
        }));
        if let Some(item) = attempt.item {
            line.insert("item".into(), json!(item));
        }
        if let Some(error) = &attempt.error {
            line.insert("class".into(), json!(error.class));
            line.insert("message".into(), json!(error.message));
        }
        self.line(line);
    }

    fn line(&mut self, mut line: Map<String, Value>) {
        if let Some(run) = &self.run {
            line.insert("run".into(), json!(run));
        }
        self.out.push_str(&Value::Object(line).to_string());
        self.out.push('\n');
    }

    /// Seconds since the acceptance, to the microsecond.
    fn seconds(&self, at: Timestamp) -> f64 {
        let span = at.since(self.origin);
        let text = format!("{}.{:06}", span.as_secs(), span.subsec_micros());
        text.parse().unwrap_or(span.as_secs_f64())
    }
}

fn state(state: AttemptState) -> &'static str {
    match state {
        AttemptState::Running => "running",
        AttemptState::Succeeded => "succeeded",
        AttemptState::Failed => "failed",
        AttemptState::TimedOut => "timed_out",
        AttemptState::Cancelled => "cancelled",
        AttemptState::Interrupted | AttemptState::Crashed => "interrupted",
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    }
}
