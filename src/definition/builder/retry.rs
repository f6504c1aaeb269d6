//! A retry policy built in Rust.

use std::time::Duration;

use super::write::{Entries, list, string};
use crate::definition::{Backoff, ErrorClass, Jitter, format_duration};

/// When and how often a step is tried again.
#[derive(Debug, Clone)]
pub struct Retry(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Named(String),
    One(Entries),
    Rules(Vec<Retry>),
}

impl Retry {
    /// The policy `[retry.<name>]` of the workflow.
    pub fn named(name: &str) -> Self {
        Self(Kind::Named(name.to_owned()))
    }

    /// So many tries in all, the first included: 1 to 10,000,000.
    pub fn attempts(attempts: u32) -> Self {
        let mut entries = Entries::default();
        entries.set("attempts", attempts.to_string());
        Self(Kind::One(entries))
    }

    /// Rules, of which the first that fits the error is used.
    pub fn rules(rules: impl IntoIterator<Item = Self>) -> Self {
        Self(Kind::Rules(rules.into_iter().collect()))
    }

    /// `on`: the classes of errors it is for.
    #[must_use]
    pub fn on(self, classes: impl IntoIterator<Item = ErrorClass>) -> Self {
        self.set("on", list(classes.into_iter().map(|class| string(&class.to_string()))))
    }

    /// `not_on`: the classes of errors it is not for.
    #[must_use]
    pub fn not_on(self, classes: impl IntoIterator<Item = ErrorClass>) -> Self {
        self.set("not_on", list(classes.into_iter().map(|class| string(&class.to_string()))))
    }

    /// `backoff`
    #[must_use]
    pub fn backoff(self, backoff: Backoff) -> Self {
        let word = match backoff {
            Backoff::Exponential => "exponential",
            Backoff::Linear => "linear",
            Backoff::Fixed => "fixed",
        };
        self.set("backoff", string(word))
    }

    /// `delay`: before the second try.
    #[must_use]
    pub fn delay(self, delay: Duration) -> Self {
        self.set("delay", string(&format_duration(delay)))
    }

    /// `delay = "retry_after"`: as long as the error says.
    #[must_use]
    pub fn retry_after(self) -> Self {
        self.set("delay", string("retry_after"))
    }

    /// `factor` of the exponential backoff, 1 to 1,000.
    #[must_use]
    pub fn factor(self, factor: f64) -> Self {
        self.set("factor", format!("{factor:?}"))
    }

    /// `max_delay`
    #[must_use]
    pub fn max_delay(self, delay: Duration) -> Self {
        self.set("max_delay", string(&format_duration(delay)))
    }

    /// `jitter`
    #[must_use]
    pub fn jitter(self, jitter: Jitter) -> Self {
        let word = match jitter {
            Jitter::Full => "full",
            Jitter::Equal => "equal",
            Jitter::None => "none",
        };
        self.set("jitter", string(word))
    }

    /// `within`: the time of all tries together.
    #[must_use]
    pub fn within(self, time: Duration) -> Self {
        self.set("within", string(&format_duration(time)))
    }

    /// Sets a key; a name has none, and of rules each gets it.
    fn set(self, key: &str, value: String) -> Self {
        Self(match self.0 {
            Kind::Named(name) => Kind::Named(name),
            Kind::One(mut entries) => {
                entries.set(key, value);
                Kind::One(entries)
            }
            Kind::Rules(rules) => {
                Kind::Rules(rules.into_iter().map(|rule| rule.set(key, value.clone())).collect())
            }
        })
    }

    pub(super) fn into_toml(self) -> String {
        match self.0 {
            Kind::Named(name) => string(&name),
            Kind::One(entries) => entries.into_inline(),
            Kind::Rules(rules) => list(rules.into_iter().map(Self::into_toml)),
        }
    }
}
