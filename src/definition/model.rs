//! A workflow file as plain data: what was written, with its places. No graph, no meaning.

use std::time::Duration;

use crate::payload::Json;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{RetentionKeys, Span};
use crate::id::Name;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Its place.
    pub span: Span,
}

/// One workflow file.
#[derive(Debug, Clone)]
pub struct Definition {
    /// The workflow's name: `name`, or the file's without `.toml`.
    pub name: Spanned<Name>,
    /// `description`
    pub description: Option<String>,
    /// `labels`
    pub labels: IndexMap<String, String>,
    /// `timeout`: the whole run.
    pub timeout: Option<Spanned<Duration>>,
    /// `durability`; default: the engine's.
    pub durability: Option<Durability>,
    /// `fail_fast`
    pub fail_fast: FailFast,
    /// `max_parallel`: attempts of one run at once.
    pub max_parallel: Option<u32>,
    /// `priority`, -100..=100, higher first.
    pub priority: i8,
    /// `pipeline`: step ids, each depending on the one before it.
    pub pipeline: Vec<Spanned<String>>,
    /// `[input]`
    pub input: IndexMap<String, InputField>,
    /// `[output]`, a table of templates.
    pub output: IndexMap<String, Spanned<Json>>,
    /// `[retention]`
    pub retention: RetentionKeys,
    /// `[secrets]`
    pub secrets: IndexMap<String, Spanned<SecretSource>>,
    /// `[steps]` in the file's order; `[defaults]` and named policies already merged in.
    pub steps: IndexMap<Name, StepDefinition>,
}

/// When the engine answers and how much a crash may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// Every answer and effect waits for the commit.
    #[default]
    Strict,
    /// Answers do not wait; a crash may take the last 10 ms.
    Relaxed,
    /// No journal.
    Memory,
}

/// What a final failure of one step does to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FailFast {
    /// Independent steps go on.
    #[default]
    Off,
    /// Nothing new starts; what runs may end.
    Stop,
    /// Nothing new starts; what runs is cancelled.
    Cancel,
}

/// One key of `[input]`.
#[derive(Debug, Clone)]
pub struct InputField {
    /// `type`
    pub kind: InputKind,
    /// `default`, a template.
    pub default: Option<Spanned<Json>>,
    /// `optional`: may be left out without a default.
    pub optional: bool,
    /// `enum`: the values allowed; empty: any.
    pub allowed: Vec<Json>,
    /// `min`: of the number.
    pub min: Option<f64>,
    /// `max`: of the number.
    pub max: Option<f64>,
    /// `pattern`: a regular expression that a string must match somewhere.
    pub pattern: Option<Spanned<String>>,
    /// `format`: `email`, `uri`, `date`, `date-time`, `uuid`.
    pub format: Option<Spanned<String>>,
    /// `min_items`
    pub min_items: Option<u32>,
    /// `max_items`
    pub max_items: Option<u32>,
    /// `items`: what each element of an array is.
    pub items: Option<Box<Self>>,
    /// The key's place.
    pub span: Span,
}

/// The type of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum InputKind {
    /// Any text.
    String,
    /// Any number.
    Number,
    /// A number without a fraction.
    Integer,
    /// `true` or `false`
    Boolean,
    /// A list.
    Array,
    /// A table.
    Object,
    /// `2026-01-31`
    Date,
    /// RFC 3339
    Datetime,
    /// Whatever JSON has.
    Any,
}

/// Where a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// An environment variable.
    Env(String),
    /// A file, without its last line end.
    File(String),
}

/// One table of `[steps]`.
#[derive(Debug, Clone)]
pub struct StepDefinition {
    /// The place of the step's header or key.
    pub span: Span,
    /// What the step does.
    pub verb: VerbDefinition,
    /// `depends_on`
    pub depends_on: Vec<Spanned<String>>,
    /// `when`, a bare expression.
    pub when: Option<Spanned<String>>,
    /// `join`
    pub join: Option<Spanned<JoinDefinition>>,
    /// `for_each`, a bare expression, or a literal list written as JSON text.
    pub for_each: Option<Spanned<String>>,
    /// `max_parallel`: items at once.
    pub max_parallel: Option<u32>,
    /// `max_items`
    pub max_items: Option<u32>,
    /// `tolerate`
    pub tolerate: Option<Spanned<Tolerate>>,
    /// `with`, a template.
    pub with: Option<Spanned<Json>>,
    /// `env`: templates by variable.
    pub env: IndexMap<String, Spanned<Json>>,
    /// `stdin`, a template.
    pub stdin: Option<Spanned<Json>>,
    /// `output`
    pub output: OutputKind,
    /// `retry`: rules in order; the first that fits the error is used. Empty: one attempt.
    pub retry: Vec<RetryRule>,
    /// `timeout`: one attempt.
    pub timeout: Option<Spanned<Duration>>,
    /// `start_within`: the wait in the queue.
    pub start_within: Option<Spanned<Duration>>,
    /// `allow_failure`
    pub allow_failure: bool,
    /// `on_crash`
    pub on_crash: OnCrash,
    /// `queue`
    pub queue: Option<Spanned<Name>>,
    /// `priority`, -100..=100; default: the workflow's.
    pub priority: Option<i8>,
    /// `idempotency_key`, a template.
    pub idempotency_key: Option<Spanned<Json>>,
}

/// The verb of a step.
#[derive(Debug, Clone)]
pub enum VerbDefinition {
    /// `task`: a registered handler.
    Task(Spanned<String>),
    /// `run = "…"`: a shell command.
    Shell(Spanned<String>),
    /// `run = […]`: a program and its arguments.
    Argv(Vec<Spanned<String>>),
    /// `http`
    Http(Box<HttpDefinition>),
    /// `sleep`: a duration, or a template that gives one.
    Sleep(Spanned<String>),
    /// `steps`: an inline body, in the file's order.
    Steps(IndexMap<Name, StepDefinition>),
}

/// The keys of `http`.
#[derive(Debug, Clone)]
pub struct HttpDefinition {
    /// `method`; default `GET`, with a body `POST`.
    pub method: Option<Spanned<String>>,
    /// `url`, a template.
    pub url: Spanned<String>,
    /// `headers`: templates by name.
    pub headers: IndexMap<String, Spanned<Json>>,
    /// `query`: templates by name.
    pub query: IndexMap<String, Spanned<Json>>,
    /// `json`, a template: the body as JSON.
    pub json: Option<Spanned<Json>>,
    /// `body`, a template: the body as text.
    pub body: Option<Spanned<Json>>,
    /// `expect`: the statuses that are success, as inclusive ranges; default `200..=299`.
    pub expect: Vec<(u16, u16)>,
    /// `save`, a template: the file that gets the body, in the work folder.
    pub save: Option<Spanned<Json>>,
    /// `max_size`, bytes of the answer; default 1 MiB, with `save` 1 GiB.
    pub max_size: Option<u64>,
}

/// `join`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum JoinDefinition {
    /// Each dependency was satisfied.
    #[default]
    All,
    /// The first success; the losers are cancelled.
    Any,
    /// The first N successes.
    Count(u32),
    /// All ended, whatever the result.
    Settled,
}

/// How many items of a fan-out may fail.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tolerate {
    /// So many.
    Count(u32),
    /// So many of a hundred, 0.0..=100.0.
    Percent(f64),
}

/// How the output of a verb is read.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum OutputKind {
    /// As the verb has it: a task's value; of a command `{ "exit", "stdout" }` text; of `http` the body.
    #[default]
    Default,
    /// Standard output, or the body, as JSON.
    Json,
    /// As text, without the last line end.
    Text,
    /// As a list of lines.
    Lines,
    /// Dropped: `null`.
    None,
    /// The file (a template) that the step wrote: `{ "file", "size" }`.
    File(Spanned<Json>),
}

/// What happens to a step that was running when the process died.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnCrash {
    /// It runs again.
    #[default]
    Rerun,
    /// A person decides.
    Park,
}

/// One retry rule, complete: defaults and named policies are merged in.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryRule {
    /// `on`: the classes it is for; empty: every class that is not final.
    pub on: Vec<ErrorClass>,
    /// `not_on`: the classes it is not for.
    pub not_on: Vec<ErrorClass>,
    /// `attempts`: all tries, the first included; ≥ 1.
    pub attempts: u32,
    /// `backoff`
    pub backoff: Backoff,
    /// `delay` before the second try; default 1 s.
    pub delay: Delay,
    /// `factor` of the exponential backoff, ≥ 1; default 2.
    pub factor: f64,
    /// `max_delay`: caps the delay, 1 h (or `delay`, where that is longer) if it is not written. One
    /// that is written gives up where an error asks for more.
    pub max_delay: Option<Duration>,
    /// `jitter`; default `equal`, with a fixed backoff `none`.
    pub jitter: Jitter,
    /// `within`: bounds all tries together, from the first start.
    pub within: Option<Duration>,
    /// Where it stands.
    pub span: Span,
}

impl RetryRule {
    /// The longest delay that the rule itself gives.
    pub fn longest_delay(&self) -> Duration {
        self.max_delay.unwrap_or_else(|| match self.delay {
            Delay::Of(delay) => delay.max(Self::MAX_DELAY_DEFAULT),
            Delay::RetryAfter => Self::MAX_DELAY_DEFAULT,
        })
    }

    const MAX_DELAY_DEFAULT: Duration = Duration::from_secs(3_600);
}

/// How delays grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Backoff {
    /// `delay * factor^(n-1)`
    #[default]
    Exponential,
    /// `delay * n`
    Linear,
    /// `delay`
    Fixed,
}

/// The first delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delay {
    /// A span of time.
    Of(Duration),
    /// What the error says; one second where it says nothing.
    RetryAfter,
}

/// How a delay is spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jitter {
    /// `0..=delay`
    Full,
    /// `delay/2..=delay`
    Equal,
    /// `delay`
    None,
}

/// The class of an error: what retry rules look at.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ErrorClass {
    /// The attempt ran out of time, or waited too long in the queue.
    Timeout,
    /// No connection, or it broke.
    Connection,
    /// HTTP 429.
    RateLimited,
    /// HTTP 5xx.
    ServerError,
    /// Any other HTTP 4xx, or a status that was not expected. Final unless named.
    ClientError,
    /// The handler panicked.
    Panic,
    /// The command ended with this code; a signal counts as 128 + its number.
    Exit(i32),
    /// An input, expression or output that does not fit. Final unless named.
    Invalid,
    /// The handler said so. Final unless named.
    Permanent,
    /// The process died three times in this step. Always final.
    Poison,
    /// A name that a handler gave.
    Named(Box<str>),
}

impl ErrorClass {
    /// Reads `timeout`, `exit:3`, `out_of_stock`.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = |t: &str| {
            !t.is_empty() && t.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
        };
        Some(match text {
            "timeout" => Self::Timeout,
            "connection" => Self::Connection,
            "rate_limited" => Self::RateLimited,
            "server_error" => Self::ServerError,
            "client_error" => Self::ClientError,
            "panic" => Self::Panic,
            "invalid" => Self::Invalid,
            "permanent" => Self::Permanent,
            "poison" => Self::Poison,
            other => match other.strip_prefix("exit:") {
                Some(code) => Self::Exit(code.parse().ok()?),
                None if fits(other) => Self::Named(other.into()),
                None => return None,
            },
        })
    }

    /// Whether it is final unless a rule names it.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::ClientError | Self::Invalid | Self::Permanent | Self::Poison)
    }
}

impl std::fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Timeout => f.write_str("timeout"),
            Self::Connection => f.write_str("connection"),
            Self::RateLimited => f.write_str("rate_limited"),
            Self::ServerError => f.write_str("server_error"),
            Self::ClientError => f.write_str("client_error"),
            Self::Panic => f.write_str("panic"),
            Self::Exit(code) => write!(f, "exit:{code}"),
            Self::Invalid => f.write_str("invalid"),
            Self::Permanent => f.write_str("permanent"),
            Self::Poison => f.write_str("poison"),
            Self::Named(name) => f.write_str(name),
        }
    }
}
