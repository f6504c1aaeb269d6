//! Workflows built in Rust: each becomes the TOML text that a person would write, so that a run of
//! it can be kept, shown and gone on with like any other.

mod http;
mod input;
mod retry;
mod step;
mod write;

use std::time::Duration;

use crate::payload::{Json, Payload};
use serde::Serialize;

use super::{Durability, FailFast, SecretSource, format_duration};
pub use http::Http;
pub use input::Input;
pub use retry::Retry;
pub use step::Step;
use write::{Entries, json, list, string, table};

/// A workflow built in Rust.
///
/// Nothing is checked here: that happens when the engine is started with it, as with a file.
///
/// ```
/// use windlass::definition::{Input, Retry, Step, Workflow, parse};
/// let workflow = Workflow::new("order")
///     .input("id", Input::string())
///     .step(Step::task("charge", "payments.charge").with(&"${{ input.id }}").retry(Retry::attempts(5)))
///     .step(Step::shell("print", "echo ${{ input.id }}").after(["charge"]));
/// assert!(parse("order.toml", &workflow.to_toml()).diagnostics.is_empty());
/// ```
#[derive(Debug, Clone)]
pub struct Workflow {
    top: Entries,
    labels: Entries,
    input: Entries,
    output: Entries,
    secrets: Entries,
    defaults: Entries,
    retry: Entries,
    steps: Vec<Step>,
}

impl Workflow {
    /// A workflow without steps.
    pub fn new(name: &str) -> Self {
        let mut workflow = Self {
            top: Entries::default(),
            labels: Entries::default(),
            input: Entries::default(),
            output: Entries::default(),
            secrets: Entries::default(),
            defaults: Entries::default(),
            retry: Entries::default(),
            steps: Vec::new(),
        };
        workflow.top.set("name", string(name));
        workflow
    }

    /// `description`
    #[must_use]
    pub fn description(self, description: &str) -> Self {
        self.top("description", string(description))
    }

    /// One of `labels`.
    #[must_use]
    pub fn label(mut self, key: &str, value: &str) -> Self {
        self.labels.set(key, string(value));
        self
    }

    /// `timeout`: of the whole run.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        self.top("timeout", string(&format_duration(timeout)))
    }

    /// `durability`; without it, the engine's.
    #[must_use]
    pub fn durability(self, durability: Durability) -> Self {
        let word = match durability {
            Durability::Strict => "strict",
            Durability::Relaxed => "relaxed",
            Durability::Memory => "memory",
        };
        self.top("durability", string(word))
    }

    /// `fail_fast`
    #[must_use]
    pub fn fail_fast(self, fail_fast: FailFast) -> Self {
        let word = match fail_fast {
            FailFast::Off => "off",
            FailFast::Stop => "stop",
            FailFast::Cancel => "cancel",
        };
        self.top("fail_fast", string(word))
    }

    /// `max_parallel`: attempts of one run at once, 1..=100,000.
    #[must_use]
    pub fn max_parallel(self, attempts: u32) -> Self {
        self.top("max_parallel", attempts.to_string())
    }

    /// `priority`, -100..=100, higher first.
    #[must_use]
    pub fn priority(self, priority: i8) -> Self {
        self.top("priority", priority.to_string())
    }

    /// `pipeline`: each step depends on the one before it.
    #[must_use]
    pub fn pipeline<'a>(self, steps: impl IntoIterator<Item = &'a str>) -> Self {
        self.top("pipeline", list(steps.into_iter().map(string)))
    }

    /// One of `[input]`.
    #[must_use]
    pub fn input(mut self, name: &str, input: Input) -> Self {
        self.input.set(name, input.into_toml());
        self
    }

    /// One of `[output]`: a template such as `"${{ steps.a.output }}"`, or a value made of some.
    ///
    /// # Panics
    /// Where `value` cannot be written as JSON.
    #[must_use]
    pub fn output(mut self, name: &str, value: &(impl Serialize + ?Sized)) -> Self {
        self.output.set(name, json(value));
        self
    }

    /// One of `[secrets]`.
    #[must_use]
    pub fn secret(mut self, name: &str, source: &SecretSource) -> Self {
        let mut entries = Entries::default();
        match source {
            SecretSource::Env(variable) => entries.set("env", string(variable)),
            SecretSource::File(path) => entries.set("file", string(path)),
        }
        self.secrets.set(name, entries.into_inline());
        self
    }

    /// `[defaults] retry`: of every step that says nothing else.
    #[must_use]
    pub fn default_retry(mut self, retry: Retry) -> Self {
        self.defaults.set("retry", retry.into_toml());
        self
    }

    /// `[defaults] timeout`: of one attempt.
    #[must_use]
    pub fn default_timeout(mut self, timeout: Duration) -> Self {
        self.defaults.set("timeout", string(&format_duration(timeout)));
        self
    }

    /// `[defaults] queue`
    #[must_use]
    pub fn default_queue(mut self, queue: &str) -> Self {
        self.defaults.set("queue", string(queue));
        self
    }

    /// `[defaults] env`: of every command.
    #[must_use]
    pub fn default_env<'a>(mut self, env: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut entries = Entries::default();
        env.into_iter().for_each(|(name, value)| entries.set(name, string(value)));
        self.defaults.set("env", entries.into_inline());
        self
    }

    /// `[retry.<name>]`: a policy that steps name by [`Retry::named`].
    #[must_use]
    pub fn retry(mut self, name: &str, policy: Retry) -> Self {
        self.retry.set(name, policy.into_toml());
        self
    }

    /// Adds a step; the order is kept.
    #[must_use]
    pub fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// The text of the workflow file.
    pub fn to_toml(&self) -> String {
        let mut text = self.top.to_lines();
        let tables = [
            ("labels", &self.labels),
            ("input", &self.input),
            ("output", &self.output),
            ("secrets", &self.secrets),
            ("defaults", &self.defaults),
            ("retry", &self.retry),
        ];
        for (name, entries) in tables {
            if !entries.is_empty() {
                text.push_str(&table(name, entries));
            }
        }
        self.steps.iter().for_each(|step| step.write("steps", &mut text));
        text
    }

    fn top(mut self, key: &str, value: String) -> Self {
        self.top.set(key, value);
        self
    }
}

/// The JSON of a value that the program itself makes.
fn value_of(value: &(impl Serialize + ?Sized)) -> Json {
    let payload = Payload::of_result(value).expect("a value of a workflow can be written as JSON");
    payload.to_json()
}

#[cfg(test)]
mod tests;
