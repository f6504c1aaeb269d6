//! A request built in Rust.

use serde::Serialize;

use super::write::{Entries, json, list, string};

/// The request of a step.
#[derive(Debug, Clone)]
pub struct Http {
    entries: Entries,
    headers: Entries,
    query: Entries,
}

impl Http {
    /// A request with `GET`, `HEAD`, `POST`, `PUT`, `PATCH`, `DELETE` or `OPTIONS`.
    pub fn new(method: &str, url: &str) -> Self {
        let mut entries = Entries::default();
        entries.set("method", string(method));
        entries.set("url", string(url));
        Self { entries, headers: Entries::default(), query: Entries::default() }
    }

    /// A request that reads.
    pub fn get(url: &str) -> Self {
        Self::new("GET", url)
    }

    /// A request that sends.
    pub fn post(url: &str) -> Self {
        Self::new("POST", url)
    }

    /// One of `headers`.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.set(name, string(value));
        self
    }

    /// One of `query`.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query.set(name, string(value));
        self
    }

    /// `json`: the body as JSON.
    ///
    /// # Panics
    /// Where `body` cannot be written as JSON.
    #[must_use]
    pub fn json(mut self, body: &(impl Serialize + ?Sized)) -> Self {
        self.entries.set("json", json(body));
        self
    }

    /// `body`: the body as text.
    #[must_use]
    pub fn body(mut self, body: &str) -> Self {
        self.entries.set("body", string(body));
        self
    }

    /// `expect`: statuses that are a success, as inclusive ranges; without it, 200 to 299.
    #[must_use]
    pub fn expect(mut self, statuses: impl IntoIterator<Item = (u16, u16)>) -> Self {
        let ranges = statuses.into_iter().map(|(low, high)| string(&format!("{low}-{high}")));
        self.entries.set("expect", list(ranges));
        self
    }

    /// `save`: the file in the work folder that gets the answer.
    #[must_use]
    pub fn save(mut self, file: &str) -> Self {
        self.entries.set("save", string(file));
        self
    }

    /// `max_size` of the answer, in bytes.
    #[must_use]
    pub fn max_size(mut self, bytes: u64) -> Self {
        self.entries.set("max_size", string(&format!("{bytes}B")));
        self
    }

    pub(super) fn into_toml(mut self) -> String {
        for (key, entries) in [("headers", self.headers), ("query", self.query)] {
            if !entries.is_empty() {
                self.entries.set(key, entries.into_inline());
            }
        }
        self.entries.into_inline()
    }
}
