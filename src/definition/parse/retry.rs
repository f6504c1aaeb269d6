//! Retry policies: by name, as one table, as a list of rules.

use std::rc::Rc;
use std::time::Duration;

use indexmap::IndexMap;
use toml::de::DeValue;

use super::field::{Field, bad_name, say};
use super::problems::{Problems, nearest};
use super::table::{Keys, Table};
use crate::definition::unit::{excerpt, format_duration};
use crate::definition::{Backoff, Delay, Diagnostic, ErrorClass, Jitter, RetryRule, Span, Spanned};
use crate::id::Name;

/// The most tries of one step.
pub(super) const ATTEMPTS_MAX: u32 = 10_000_000;

/// The largest growth of a delay from one try to the next.
const FACTOR_MAX: f64 = 1_000.0;

const DELAY_DEFAULT: Duration = Duration::from_secs(1);
const FACTOR_DEFAULT: f64 = 2.0;

const KEYS: Keys = Keys::of(&[
    "on",
    "not_on",
    "attempts",
    "backoff",
    "delay",
    "factor",
    "max_delay",
    "jitter",
    "within",
]);

const BACKOFFS: [(&str, Backoff); 3] =
    [("exponential", Backoff::Exponential), ("linear", Backoff::Linear), ("fixed", Backoff::Fixed)];

const JITTERS: [(&str, Jitter); 3] =
    [("full", Jitter::Full), ("equal", Jitter::Equal), ("none", Jitter::None)];

/// Classes that the engine itself gives.
const CLASSES: [&str; 8] = [
    "timeout",
    "connection",
    "rate_limited",
    "server_error",
    "client_error",
    "panic",
    "invalid",
    "permanent",
];

/// `[retry.<name>]`
pub(super) type Policies = IndexMap<String, Policy>;

/// The value of `retry`.
#[derive(Debug, Clone)]
pub(super) enum Retry {
    /// A policy by its name.
    Named(Policy),
    /// One table: what it leaves out comes from `[defaults]`.
    One(Policy),
    /// Rules, each complete by itself.
    Rules(Vec<Policy>),
}

/// One rule as it was written: what is left out is `None`.
#[derive(Debug, Clone, Default)]
pub(super) struct Policy {
    on: Option<Spanned<Vec<ErrorClass>>>,
    not_on: Option<Spanned<Vec<ErrorClass>>>,
    attempts: Option<u32>,
    backoff: Option<Backoff>,
    delay: Option<Spanned<Delay>>,
    factor: Option<Spanned<f64>>,
    max_delay: Option<Spanned<Duration>>,
    jitter: Option<Jitter>,
    within: Option<Duration>,
    /// It has `attempts`, right or wrong.
    counted: bool,
    span: Span,
}

/// Reads `[retry.<name>]`.
pub(super) fn read_policies(table: &Table<'_>) -> Policies {
    let mut policies = Policies::new();
    for (name, field) in table.fields() {
        if Name::new(name).is_none() {
            field.problems.report(bad_name("retry policy", name, &field.key_span));
        }
        let Some(policy) = Table::of(&field, "a table of retry keys") else { continue };
        let policy = policy.owned_by(&format!("retry policy `{}`", excerpt(name)));
        let owner = Rc::clone(&policy.owner);
        let policy = read_policy(&policy, field.key_span.clone());
        warn_of_single_attempt(&policy, &owner, field.problems);
        policies.insert(name.to_owned(), policy);
    }
    policies
}

/// Reads `retry`.
pub(super) fn read_retry(field: &Field<'_>, policies: &Policies) -> Option<Retry> {
    match field.value {
        DeValue::String(name) => {
            let policy = policies.get(name.as_ref());
            if policy.is_none() {
                field.problems.report(unknown_policy(field, name, policies));
            }
            policy.cloned().map(Retry::Named)
        }
        DeValue::Table(_) => {
            let table = Table::of(field, "a table of retry keys")?;
            Some(Retry::One(read_policy(&table, field.key_span.clone())))
        }
        DeValue::Array(list) if list.is_empty() => {
            let told = format!("`{}` is an empty list", field.name);
            field.problems.report(field.problem("empty", told).label("no rules"));
            None
        }
        DeValue::Array(list) => {
            let rules = field.elements(list).filter_map(|rule| {
                let table = Table::of(&rule, "a table of retry keys")?;
                Some(read_policy(&table, rule.span.clone()))
            });
            Some(Retry::Rules(rules.collect()))
        }
        DeValue::Integer(number) => {
            let fix = format!("write retry.attempts = {}", excerpt(number.as_str()));
            field.wrong_type("the name of a policy, a table or a list of tables", Some(fix));
            None
        }
        DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {
            field.wrong_type("the name of a policy, a table or a list of tables", None);
            None
        }
    }
}

fn unknown_policy(field: &Field<'_>, name: &str, policies: &Policies) -> Diagnostic {
    let told =
        format!("`{}` names the policy `{}`, which does not exist", field.name, excerpt(name));
    let suggests = field.problems.suggests();
    let near = suggests.then(|| nearest(name, policies.keys().map(String::as_str))).flatten();
    let help = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("add a table [retry.{}]", excerpt(name)),
    };
    field.problem("unknown-policy", told).label("no such policy").help(help)
}

/// The rules of a step: its own `retry`, and that of `[defaults]` for what it leaves out.
pub(super) fn resolve(own: Option<&Retry>, default: Option<&Retry>) -> Vec<RetryRule> {
    let nothing = Policy::default();
    match (own, default) {
        (Some(Retry::One(policy)), Some(Retry::One(base))) => vec![policy.over(base)],
        (Some(retry), _) | (None, Some(retry)) => match retry {
            Retry::Named(policy) | Retry::One(policy) => vec![policy.over(&nothing)],
            Retry::Rules(rules) => rules.iter().map(|rule| rule.over(&nothing)).collect(),
        },
        (None, None) => Vec::new(),
    }
}

impl Policy {
    /// Complete, with `base` for what it leaves out.
    fn over(&self, base: &Self) -> RetryRule {
        let delay = self.delay.as_ref().or(base.delay.as_ref()).map(|delay| delay.value);
        let delay = delay.unwrap_or(Delay::Of(DELAY_DEFAULT));
        let classes = |own: &Option<Spanned<Vec<ErrorClass>>>,
                       base: &Option<Spanned<Vec<ErrorClass>>>| {
            own.as_ref().or(base.as_ref()).map(|list| list.value.clone()).unwrap_or_default()
        };
        let max_delay = self.max_delay.as_ref().or(base.max_delay.as_ref());
        let factor = self.factor.as_ref().or(base.factor.as_ref());
        let backoff = self.backoff.or(base.backoff).unwrap_or_default();
        let jitter = self.jitter.or(base.jitter).unwrap_or(match backoff {
            Backoff::Exponential | Backoff::Linear => Jitter::Equal,
            Backoff::Fixed => Jitter::None,
        });
        RetryRule {
            on: classes(&self.on, &base.on),
            not_on: classes(&self.not_on, &base.not_on),
            attempts: self.attempts.or(base.attempts).unwrap_or(1),
            backoff,
            delay,
            factor: factor.map_or(FACTOR_DEFAULT, |factor| factor.value),
            max_delay: max_delay.map(|max_delay| max_delay.value),
            jitter,
            within: self.within.or(base.within),
            span: self.span.clone(),
        }
    }
}

fn read_policy(table: &Table<'_>, span: Span) -> Policy {
    table.check_keys(&KEYS, "retry");
    let policy = Policy {
        on: table.field("on").and_then(|field| classes(&field)),
        not_on: table.field("not_on").and_then(|field| classes(&field)),
        attempts: table.field("attempts").and_then(|field| attempts(&field)),
        backoff: table.field("backoff").and_then(|field| field.choice(&BACKOFFS)),
        delay: table.field("delay").and_then(|field| delay(&field)),
        factor: table.field("factor").and_then(|field| factor(&field)),
        max_delay: table.field("max_delay").and_then(|f| Some(f.at(f.duration()?))),
        jitter: table.field("jitter").and_then(|field| field.choice(&JITTERS)),
        within: table.field("within").and_then(|field| Some(field.time_limit()?.value)),
        counted: table.has("attempts"),
        span,
    };
    check_delays(table, &policy);
    check_factor(table, &policy);
    check_classes(table, &policy);
    policy
}

fn attempts(field: &Field<'_>) -> Option<u32> {
    if field.value.as_integer().is_some_and(|number| number.as_str() == "0") {
        let told = format!("`{}` must be at least 1", field.name);
        let problem = field.problem("out-of-range", told).label("no try at all");
        field.problems.report(problem.help("`attempts` counts all tries, the first included"));
        return None;
    }
    field.count(1..=ATTEMPTS_MAX)
}

fn factor(field: &Field<'_>) -> Option<Spanned<f64>> {
    let factor = field.number()?;
    if (1.0..=FACTOR_MAX).contains(&factor) {
        return Some(field.at(factor));
    }
    let told = format!("`{}` must be between 1 and {FACTOR_MAX}", field.name);
    let label = if factor < 1.0 { "delays would shrink" } else { "too large" };
    field.problems.report(field.problem("out-of-range", told).label(label));
    None
}

fn delay(field: &Field<'_>) -> Option<Spanned<Delay>> {
    let delay = match field.value {
        DeValue::String(text) if text.as_ref() == "retry_after" => Delay::RetryAfter,
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)
        | DeValue::Table(_) => Delay::Of(field.duration()?),
    };
    Some(field.at(delay))
}

fn classes(field: &Field<'_>) -> Option<Spanned<Vec<ErrorClass>>> {
    let texts = field.texts()?;
    if texts.is_empty() && matches!(field.value, DeValue::Array(list) if list.is_empty()) {
        let told = format!("`{}` is an empty list of error classes", field.name);
        let problem = field.problem("empty", told).label("no error fits this");
        let help = "name the classes, such as [\"timeout\", \"server_error\"], or take it out";
        field.problems.report(problem.help(help));
        return None;
    }
    let classes = texts.iter().filter_map(|text| class(field, text));
    Some(field.at(classes.collect()))
}

fn class(field: &Field<'_>, text: &Spanned<String>) -> Option<ErrorClass> {
    let class = ErrorClass::parse(&text.value).filter(|class| match class {
        ErrorClass::Exit(code) => (1..=255).contains(code),
        ErrorClass::Timeout
        | ErrorClass::Connection
        | ErrorClass::RateLimited
        | ErrorClass::ServerError
        | ErrorClass::ClientError
        | ErrorClass::Panic
        | ErrorClass::Invalid
        | ErrorClass::Permanent
        | ErrorClass::Poison
        | ErrorClass::Named(_) => true,
    });
    let told = excerpt(&text.value);
    match &class {
        None => {
            let told = field.say(format!("`{}`: `{told}` is not an error class", field.name));
            let problem = Diagnostic::error("bad-error-class", told, text.span.clone());
            field.problems.report(problem.label("not a class").help(
                "a class is one of the engine's, such as `timeout`, or `exit:1` to `exit:255`, \
                 or a name of letters, digits, `_`, `-` and `.`",
            ));
        }
        Some(ErrorClass::Named(name)) => {
            if let Some(near) = nearest(name, CLASSES) {
                let told = field.say(format!("`{}`: the engine has no class `{told}`", field.name));
                let problem = Diagnostic::warning("unknown-class", told, text.span.clone());
                let problem = problem.label("only a handler can give it");
                field.problems.report(problem.help(format!("did you mean `{near}`?")));
            }
        }
        Some(_) => {}
    }
    class
}

fn check_delays(table: &Table<'_>, policy: &Policy) {
    let (Some(delay), Some(max)) = (&policy.delay, &policy.max_delay) else { return };
    let Delay::Of(first) = delay.value else { return };
    if max.value >= first {
        return;
    }
    let (short, long) = (format_duration(max.value), format_duration(first));
    let told = format!("`max_delay` ({short}) is shorter than `delay` ({long})");
    let told = say(&table.owner, &told);
    let problem = Diagnostic::error("contradiction", told, max.span.clone());
    let problem = problem.label("the first delay is longer");
    table.problems.report(problem.related(delay.span.clone(), "the first delay"));
}

fn check_factor(table: &Table<'_>, policy: &Policy) {
    let (Some(factor), Some(backoff)) = (&policy.factor, policy.backoff) else { return };
    if backoff != Backoff::Exponential {
        let told = say(&table.owner, "`factor` is for the exponential backoff only");
        let problem = Diagnostic::warning("no-effect", told, factor.span.clone());
        table.problems.report(problem.label("has no effect").help("take it out"));
    }
}

fn check_classes(table: &Table<'_>, policy: &Policy) {
    let (Some(on), Some(not_on)) = (&policy.on, &policy.not_on) else { return };
    for class in on.value.iter().filter(|class| not_on.value.contains(class)) {
        let told = format!("`on` and `not_on` both name `{class}`");
        let told = say(&table.owner, &told);
        // Another rule of the list may be for it; `not_on` wins in this one.
        let problem = Diagnostic::warning("contradiction", told, not_on.span.clone());
        let problem = problem.label("not to be retried");
        table.problems.report(problem.related(on.span.clone(), "to be retried"));
    }
}

/// Warns where nothing says how often to try: then nothing is retried.
fn warn_of_single_attempt(policy: &Policy, owner: &str, problems: &Problems) {
    if !policy.counted {
        let told = say(owner, "`retry` without `attempts` retries nothing");
        let problem = Diagnostic::warning("single-attempt", told, policy.span.clone());
        let help = "set `attempts`: it counts all tries, the first included";
        problems.report(problem.label("one attempt").help(help));
    }
}

/// Warns of a step's `retry` that retries nothing.
pub(super) fn check_attempts(field: &Field<'_>, own: &Retry, default: Option<&Retry>) {
    match (own, default) {
        (Retry::One(_), Some(Retry::One(base))) if base.counted => {}
        (Retry::One(policy), _) => {
            warn_of_single_attempt(policy, &field.owner, field.problems);
        }
        (Retry::Rules(rules), _) => {
            for rule in rules {
                warn_of_single_attempt(rule, &field.owner, field.problems);
            }
        }
        // A named policy has been warned of where it stands.
        (Retry::Named(_), _) => {}
    }
}
