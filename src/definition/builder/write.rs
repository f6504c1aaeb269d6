//! TOML written by hand: keys, basic strings, lists and inline tables. All values are text already.

use std::fmt::Write as _;

use crate::payload::Json;
use serde::Serialize;

use super::value_of;

/// Keys with their values as TOML, in the order in which they were first set.
#[derive(Debug, Clone, Default)]
pub(super) struct Entries(Vec<(String, String)>);

impl Entries {
    /// Sets a key to a value that is TOML; a key has one value.
    pub(super) fn set(&mut self, key: &str, value: String) {
        match self.0.iter_mut().find(|(known, _)| known == key) {
            Some((_, old)) => *old = value,
            None => self.0.push((key.to_owned(), value)),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `a = 1` on a line each.
    pub(super) fn to_lines(&self) -> String {
        self.0.iter().map(|(name, value)| format!("{} = {value}\n", key(name))).collect()
    }

    /// `{ a = 1, b = 2 }`
    pub(super) fn into_inline(self) -> String {
        inline(self.0.iter().map(|(name, value)| (name.as_str(), value.clone())))
    }
}

/// `[path]` with its keys, after an empty line.
pub(super) fn table(path: &str, entries: &Entries) -> String {
    format!("\n[{path}]\n{}", entries.to_lines())
}

/// A key, quoted where it has to be.
pub(super) fn key(name: &str) -> String {
    let bare = !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if bare { name.to_owned() } else { string(name) }
}

/// A basic string ([TOML]).
///
/// [TOML]: https://toml.io/en/v1.0.0#string
pub(super) fn string(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for char in text.chars() {
        match char {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            '\0'..='\u{1f}' | '\u{7f}' => {
                write!(quoted, "\\u{:04X}", u32::from(char))
                    .expect("invariant: a string takes every text");
            }
            _ => quoted.push(char),
        }
    }
    quoted.push('"');
    quoted
}

/// `[1, 2]`
pub(super) fn list(values: impl IntoIterator<Item = String>) -> String {
    let values: Vec<String> = values.into_iter().collect();
    format!("[{}]", values.join(", "))
}

/// Any value that is JSON.
pub(super) fn json(value: &(impl Serialize + ?Sized)) -> String {
    toml(&value_of(value))
}

/// TOML has no `null`: an expression that gives none stands for it.
fn toml(value: &Json) -> String {
    match value {
        Json::Null => string("${{ none }}"),
        Json::Bool(value) => value.to_string(),
        Json::Number(number) => number.to_string(),
        Json::String(text) => string(text),
        Json::Array(values) => list(values.iter().map(toml)),
        Json::Object(object) => {
            inline(object.iter().map(|(name, value)| (name.as_str(), toml(value))))
        }
    }
}

fn inline<'a>(entries: impl Iterator<Item = (&'a str, String)>) -> String {
    let entries: Vec<String> =
        entries.map(|(name, value)| format!("{} = {value}", key(name))).collect();
    if entries.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", entries.join(", ")) }
}
