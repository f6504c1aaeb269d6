//! A JSON value as a tree whose tables keep the order that they were written in.
//!
//! The type of `serde_json` for this changes with features that other crates of a program turn on, and
//! with it what a workflow file would mean.

use std::fmt;

use indexmap::IndexMap;
use serde::ser::{SerializeMap as _, SerializeSeq as _};
use serde::{Serialize, Serializer};

use super::scan::{Parts, unquoted};
use super::write_float;

/// A JSON value.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Json {
    /// `null`
    #[default]
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text.
    String(String),
    /// A list.
    Array(Vec<Self>),
    /// A table, in its order.
    Object(IndexMap<String, Self>),
}

/// A number within 64 bits.
#[derive(Clone, Copy, PartialEq)]
pub enum Number {
    /// A whole number.
    Integer(i64),
    /// A whole number that is larger.
    Unsigned(u64),
    /// A finite number with a fraction or an exponent.
    Float(f64),
}

impl Json {
    /// The value of JSON in normal form. Recurses as deep as payloads are nested.
    pub(crate) fn read(normal: &[u8]) -> Self {
        if let Some(items) = Parts::of_list(normal) {
            return Self::Array(items.map(|(_, item)| Self::read(item)).collect());
        }
        if let Some(rows) = Parts::of_table(normal) {
            let row = |(key, value)| (unquoted(key).unwrap_or_default().into(), Self::read(value));
            return Self::Object(rows.map(row).collect());
        }
        match normal.first() {
            Some(b'"') => Self::String(unquoted(normal).unwrap_or_default().into()),
            Some(b't') => Self::Bool(true),
            Some(b'f') => Self::Bool(false),
            Some(b'n') | None => Self::Null,
            Some(_) => Self::Number(Number::read(std::str::from_utf8(normal).unwrap_or_default())),
        }
    }

    /// Whether it is a text.
    pub fn is_string(&self) -> bool {
        matches!(self, Self::String(_))
    }

    /// Whether it is a number.
    pub fn is_number(&self) -> bool {
        matches!(self, Self::Number(_))
    }

    /// Whether it is a number that is written as an integer.
    pub fn is_integer(&self) -> bool {
        matches!(self, Self::Number(Number::Integer(_) | Number::Unsigned(_)))
    }

    /// Whether it is a boolean.
    pub fn is_boolean(&self) -> bool {
        matches!(self, Self::Bool(_))
    }

    /// Whether it is a list.
    pub fn is_array(&self) -> bool {
        matches!(self, Self::Array(_))
    }

    /// Whether it is a table.
    pub fn is_object(&self) -> bool {
        matches!(self, Self::Object(_))
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Array(_) | Self::Object(_) => None,
        }
    }

    /// The number, if it is one, as the nearest float.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(number.as_f64()),
            Self::Null | Self::Bool(_) | Self::String(_) | Self::Array(_) | Self::Object(_) => None,
        }
    }
}

impl Number {
    /// The float as a number; `None` where JSON does not have it.
    pub fn from_f64(float: f64) -> Option<Self> {
        float.is_finite().then_some(Self::Float(float))
    }

    fn read(text: &str) -> Self {
        if let Ok(integer) = text.parse() {
            return Self::Integer(integer);
        }
        match text.parse() {
            Ok(integer) => Self::Unsigned(integer),
            Err(_) => Self::Float(text.parse().unwrap_or_default()),
        }
    }

    fn as_f64(self) -> f64 {
        match self {
            Self::Float(float) => float,
            // The text of a number is always one; parsing it rounds to the nearest.
            Self::Integer(_) | Self::Unsigned(_) => self.to_string().parse().unwrap_or_default(),
        }
    }
}

impl From<i64> for Number {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        i64::try_from(number).map_or(Self::Unsigned(number), Self::Integer)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(number) => number.fmt(f),
            Self::Unsigned(number) => number.fmt(f),
            Self::Float(number) => {
                let mut text = Vec::new();
                write_float(*number, &mut text);
                f.write_str(&String::from_utf8_lossy(&text))
            }
        }
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => to.serialize_unit(),
            Self::Bool(value) => to.serialize_bool(*value),
            Self::Number(Number::Integer(number)) => to.serialize_i64(*number),
            Self::Number(Number::Unsigned(number)) => to.serialize_u64(*number),
            Self::Number(Number::Float(number)) => to.serialize_f64(*number),
            Self::String(text) => to.serialize_str(text),
            Self::Array(items) => {
                let mut list = to.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| list.serialize_element(item))?;
                list.end()
            }
            Self::Object(rows) => {
                let mut table = to.serialize_map(Some(rows.len()))?;
                rows.iter().try_for_each(|(key, value)| table.serialize_entry(key, value))?;
                table.end()
            }
        }
    }
}

/// As JSON without spaces.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

#[cfg(test)]
impl PartialEq<serde_json::Value> for Json {
    fn eq(&self, other: &serde_json::Value) -> bool {
        super::Payload::of(other).is_ok_and(|other| other.to_json() == *self)
    }
}
