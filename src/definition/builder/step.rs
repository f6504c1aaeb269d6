//! A step built in Rust.

use std::time::Duration;

use serde::Serialize;

use super::http::Http;
use super::retry::Retry;
use super::write::{Entries, json, key, list, string, table};
use crate::definition::{JoinDefinition, OnCrash, Tolerate, format_duration};

/// A step of a [`Workflow`](super::Workflow): one verb, and what goes with it.
///
/// Strings may hold `${{ … }}` wherever a file's may.
#[derive(Debug, Clone)]
pub struct Step {
    id: String,
    entries: Entries,
    env: Entries,
    body: Vec<Self>,
}

impl Step {
    /// A step that calls a registered handler.
    pub fn task(id: &str, handler: &str) -> Self {
        Self::new(id, "task", string(handler))
    }

    /// A step that runs a shell command; each `${{ … }}` in it becomes one quoted word.
    pub fn shell(id: &str, command: &str) -> Self {
        Self::new(id, "run", string(command))
    }

    /// A step that runs a program with arguments, without a shell.
    pub fn program<'a>(id: &str, words: impl IntoIterator<Item = &'a str>) -> Self {
        Self::new(id, "run", list(words.into_iter().map(string)))
    }

    /// A step that sends a request.
    pub fn http(id: &str, request: Http) -> Self {
        Self::new(id, "http", request.into_toml())
    }

    /// A step that waits.
    pub fn sleep(id: &str, time: Duration) -> Self {
        Self::new(id, "sleep", string(&format_duration(time)))
    }

    /// A step whose steps run once for each item of what the expression `list` gives.
    pub fn body(id: &str, list: &str, steps: impl IntoIterator<Item = Self>) -> Self {
        let mut step = Self::new(id, "for_each", string(list));
        step.body = steps.into_iter().collect();
        step
    }

    /// Steps that are one step to the others: its result is a table of theirs by id.
    pub fn group(id: &str, steps: impl IntoIterator<Item = Self>) -> Self {
        let (id, body) = (id.to_owned(), steps.into_iter().collect());
        Self { id, entries: Entries::default(), env: Entries::default(), body }
    }

    fn new(id: &str, verb: &str, value: String) -> Self {
        let mut entries = Entries::default();
        entries.set(verb, value);
        Self { id: id.to_owned(), entries, env: Entries::default(), body: Vec::new() }
    }

    /// `depends_on`
    #[must_use]
    pub fn after<'a>(self, steps: impl IntoIterator<Item = &'a str>) -> Self {
        self.set("depends_on", list(steps.into_iter().map(string)))
    }

    /// `when`: a bare expression.
    #[must_use]
    pub fn when(self, condition: &str) -> Self {
        self.set("when", string(condition))
    }

    /// `join`
    #[must_use]
    pub fn join(self, join: JoinDefinition) -> Self {
        let value = match join {
            JoinDefinition::All => string("all"),
            JoinDefinition::Any => string("any"),
            JoinDefinition::Settled => string("settled"),
            JoinDefinition::Count(count) => count.to_string(),
        };
        self.set("join", value)
    }

    /// `for_each`: a bare expression that gives the list.
    #[must_use]
    pub fn for_each(self, list: &str) -> Self {
        self.set("for_each", string(list))
    }

    /// `for_each` over items that are known already.
    ///
    /// # Panics
    /// Where an item cannot be written as JSON.
    #[must_use]
    pub fn for_each_of(self, items: impl IntoIterator<Item = impl Serialize>) -> Self {
        self.set("for_each", list(items.into_iter().map(|item| json(&item))))
    }

    /// `max_parallel`: items at once, 1..=100,000.
    #[must_use]
    pub fn max_parallel(self, items: u32) -> Self {
        self.set("max_parallel", items.to_string())
    }

    /// `max_items`: more fail the step before any starts, 1..=100,000.
    #[must_use]
    pub fn max_items(self, items: u32) -> Self {
        self.set("max_items", items.to_string())
    }

    /// `tolerate`: how many items may fail.
    #[must_use]
    pub fn tolerate(self, tolerate: Tolerate) -> Self {
        let value = match tolerate {
            Tolerate::Count(count) => count.to_string(),
            Tolerate::Percent(share) => string(&format!("{share}%")),
        };
        self.set("tolerate", value)
    }

    /// `with`: the input.
    ///
    /// # Panics
    /// Where `input` cannot be written as JSON.
    #[must_use]
    pub fn with(self, input: &(impl Serialize + ?Sized)) -> Self {
        self.set("with", json(input))
    }

    /// One of `env`, for a command.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.set(name, string(value));
        let env = self.env.clone().into_inline();
        self.set("env", env)
    }

    /// `stdin`, for a command.
    #[must_use]
    pub fn stdin(self, text: &str) -> Self {
        self.set("stdin", string(text))
    }

    /// `output`: `json`, `text`, `lines` or `none`.
    #[must_use]
    pub fn output(self, kind: &str) -> Self {
        self.set("output", string(kind))
    }

    /// `output.file`: the file that a command writes.
    #[must_use]
    pub fn output_file(self, file: &str) -> Self {
        let mut entries = Entries::default();
        entries.set("file", string(file));
        self.set("output", entries.into_inline())
    }

    /// `retry`
    #[must_use]
    pub fn retry(self, retry: Retry) -> Self {
        self.set("retry", retry.into_toml())
    }

    /// `timeout`: of one attempt.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        self.set("timeout", string(&format_duration(timeout)))
    }

    /// `start_within`: the longest wait in the queue.
    #[must_use]
    pub fn start_within(self, time: Duration) -> Self {
        self.set("start_within", string(&format_duration(time)))
    }

    /// `allow_failure`: the run goes on as if the step had done it.
    #[must_use]
    pub fn allow_failure(self) -> Self {
        self.set("allow_failure", "true".to_owned())
    }

    /// `on_crash`
    #[must_use]
    pub fn on_crash(self, on_crash: OnCrash) -> Self {
        let word = match on_crash {
            OnCrash::Rerun => "rerun",
            OnCrash::Park => "park",
        };
        self.set("on_crash", string(word))
    }

    /// `queue`
    #[must_use]
    pub fn queue(self, queue: &str) -> Self {
        self.set("queue", string(queue))
    }

    /// `priority`, -100..=100, higher first.
    #[must_use]
    pub fn priority(self, priority: i8) -> Self {
        self.set("priority", priority.to_string())
    }

    /// `idempotency_key`: what the handler gets; without it, run, step and item.
    #[must_use]
    pub fn idempotency_key(self, key: &str) -> Self {
        self.set("idempotency_key", string(key))
    }

    fn set(mut self, key: &str, value: String) -> Self {
        self.entries.set(key, value);
        self
    }

    /// Writes the step's table, and those of its body.
    pub(super) fn write(&self, parent: &str, text: &mut String) {
        let path = format!("{parent}.{}", key(&self.id));
        text.push_str(&table(&path, &self.entries));
        let parent = format!("{path}.steps");
        self.body.iter().for_each(|step| step.write(&parent, text));
    }
}
