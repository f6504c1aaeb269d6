//! An input built in Rust.

use serde::Serialize;

use super::write::{Entries, json, list, string};
use crate::definition::InputKind;

/// What one input of a workflow must be.
#[derive(Debug, Clone)]
pub struct Input(Entries);

impl Input {
    /// An input of a type.
    pub fn of(kind: InputKind) -> Self {
        let word = match kind {
            InputKind::String => "string",
            InputKind::Number => "number",
            InputKind::Integer => "integer",
            InputKind::Boolean => "boolean",
            InputKind::Array => "array",
            InputKind::Object => "object",
            InputKind::Date => "date",
            InputKind::Datetime => "datetime",
            InputKind::Any => "any",
        };
        let mut entries = Entries::default();
        entries.set("type", string(word));
        Self(entries)
    }

    /// Any text.
    pub fn string() -> Self {
        Self::of(InputKind::String)
    }

    /// Any number.
    pub fn number() -> Self {
        Self::of(InputKind::Number)
    }

    /// A number without a fraction.
    pub fn integer() -> Self {
        Self::of(InputKind::Integer)
    }

    /// `true` or `false`
    pub fn boolean() -> Self {
        Self::of(InputKind::Boolean)
    }

    /// A list.
    pub fn array() -> Self {
        Self::of(InputKind::Array)
    }

    /// A table.
    pub fn object() -> Self {
        Self::of(InputKind::Object)
    }

    /// `default`: what it is where nothing is given.
    ///
    /// # Panics
    /// Where `value` cannot be written as JSON.
    #[must_use]
    pub fn default(self, value: &(impl Serialize + ?Sized)) -> Self {
        self.set("default", json(value))
    }

    /// `optional`: it may be left out.
    #[must_use]
    pub fn optional(self) -> Self {
        self.set("optional", "true".to_owned())
    }

    /// `enum`: the values that are allowed.
    ///
    /// # Panics
    /// Where a value cannot be written as JSON.
    #[must_use]
    pub fn one_of(self, values: impl IntoIterator<Item = impl Serialize>) -> Self {
        self.set("enum", list(values.into_iter().map(|value| json(&value))))
    }

    /// `min` of a number.
    #[must_use]
    pub fn min(self, min: f64) -> Self {
        self.set("min", format!("{min:?}"))
    }

    /// `max` of a number.
    #[must_use]
    pub fn max(self, max: f64) -> Self {
        self.set("max", format!("{max:?}"))
    }

    /// `pattern`: a regular expression that a string must match somewhere.
    #[must_use]
    pub fn pattern(self, pattern: &str) -> Self {
        self.set("pattern", string(pattern))
    }

    /// `format` of a string: `email`, `uri`, `date`, `date-time` or `uuid`.
    #[must_use]
    pub fn format(self, format: &str) -> Self {
        self.set("format", string(format))
    }

    /// `min_items` of an array.
    #[must_use]
    pub fn min_items(self, items: u32) -> Self {
        self.set("min_items", items.to_string())
    }

    /// `max_items` of an array.
    #[must_use]
    pub fn max_items(self, items: u32) -> Self {
        self.set("max_items", items.to_string())
    }

    /// `items`: what each element of an array is.
    #[must_use]
    pub fn items(self, item: Self) -> Self {
        let item = item.into_toml();
        self.set("items", item)
    }

    fn set(mut self, key: &str, value: String) -> Self {
        self.0.set(key, value);
        self
    }

    pub(super) fn into_toml(self) -> String {
        self.0.into_inline()
    }
}
