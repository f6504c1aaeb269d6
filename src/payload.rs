//! JSON as bytes: what flows into and out of steps. Cheap to clone, parsed only where something reads it.
//!
//! A [`Payload`] has been through one door (`door`): it is JSON in one normal form, which every part
//! of the engine can read back. After that no conversion fails, and all paths print it alike.
//!
//! - Objects and lists stand without spaces, texts with as few escapes as JSON allows.
//! - Integers within 64 bits (`i64`, `u64`) are exact; larger ones are refused.
//! - Other numbers are 64-bit floats in their shortest form (`1.10` becomes `1.1`, `1e2` becomes
//!   `100.0`); one that is too large is refused. Zero has no sign.
//! - A key stands once in an object; half of a surrogate pair is refused, in keys too.
//! - Depth and size are limited. The order of keys is kept.

mod builder;
mod canonical;
mod door;
mod finite;
mod json;
mod number;
pub(crate) mod scan;

#[cfg(test)]
mod tests;

use std::fmt;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use builder::Builder;
use door::Limits;
pub use json::{Json, Number};
pub(crate) use number::write_float;

/// The largest input of a run, and the largest result of an attempt, in bytes.
pub const PAYLOAD_BYTES_MAX: usize = 1 << 20;

/// The deepest nesting of an input and of a result of an attempt.
pub const PAYLOAD_DEPTH_MAX: usize = 100;

/// The largest value that is made of payloads, in bytes: what a fan-out gathers, a rendered `with`.
pub const RESULT_BYTES_MAX: usize = 16 << 20;

/// The deepest nesting of a value that is made of payloads. Readers of JSON stop at 127.
pub const RESULT_DEPTH_MAX: usize = 120;

/// One JSON value as UTF-8 text, in its normal form.
#[derive(Clone, Eq)]
pub struct Payload(Bytes);

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        let (own, others) = (self.as_bytes(), other.as_bytes());
        std::ptr::eq(own, others) || own == others
    }
}

impl Payload {
    /// `null`
    pub const NULL: Self = Self(Bytes::from_static(b"null"));

    /// The JSON of `value`.
    ///
    /// # Errors
    /// Where `value` cannot be written as JSON (a map with keys that are not texts, a float that is NaN
    /// or infinite), or the JSON is not what a payload may be. A `serde_json::Value` has lost such a
    /// float already: it holds `null`.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, PayloadError> {
        Self::written(value, door::OUTSIDE)
    }

    /// As [`of`](Self::of), of what the engine makes itself: up to [`RESULT_BYTES_MAX`].
    pub(crate) fn of_result<T: Serialize + ?Sized>(value: &T) -> Result<Self, PayloadError> {
        Self::written(value, door::RESULT)
    }

    fn written<T: Serialize + ?Sized>(value: &T, limits: Limits) -> Result<Self, PayloadError> {
        let text = serde_json::to_string(value).map_err(PayloadError::unwritten)?;
        if text.contains("null") {
            finite::check(value).map_err(|found| PayloadError::new(found.to_string()))?;
        }
        let admitted = door::admit(text.into(), limits).map(Self);
        admitted.map_err(|error| PayloadError { place: None, ..error })
    }

    /// Takes bytes from outside: the door.
    ///
    /// # Errors
    /// Where they are not one JSON value, or one that a payload may not be; with the place.
    pub fn from_json(bytes: impl Into<Bytes>) -> Result<Self, PayloadError> {
        door::admit(bytes.into(), door::OUTSIDE).map(Self)
    }

    /// Takes bytes that are the text of a payload, or made of such: what the journal kept, a part of
    /// another payload.
    pub(crate) fn from_trusted(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        debug_assert!(
            door::is_normal(&bytes),
            "not a payload: {}",
            String::from_utf8_lossy(&bytes)
        );
        Self(bytes)
    }

    /// Takes the bytes of a payload from a record: its checksum has been checked.
    pub(crate) fn of_record(bytes: &[u8]) -> Self {
        if bytes == Self::NULL.as_bytes() {
            Self::NULL
        } else {
            Self(Bytes::copy_from_slice(bytes))
        }
    }

    /// Reads the payload as a `T`.
    ///
    /// # Errors
    /// Where it does not fit.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.0)
    }

    /// The value as a tree.
    pub(crate) fn to_json(&self) -> Json {
        Json::read(&self.0)
    }

    /// The text of the value.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text of the value.
    #[expect(clippy::missing_panics_doc, reason = "the door takes nothing but UTF-8")]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("invariant: a payload is UTF-8")
    }

    /// The items of a list, which share its bytes; `None` where it is no list.
    pub(crate) fn items(&self) -> Option<Vec<Self>> {
        let mut parts = scan::Parts::of_list(&self.0)?;
        let mut items = Vec::new();
        while let Some(range) = parts.next_range() {
            items.push(Self(self.0.slice(range)));
        }
        Some(items)
    }

    /// Whether nobody else holds these bytes.
    pub(crate) fn is_unique(&self) -> bool {
        self.0.is_unique()
    }

    /// Whether this is `null`.
    pub fn is_null(&self) -> bool {
        self.0.as_ref() == b"null"
    }

    /// 128 bits that are equal for equal JSON values: the order of keys does not count, nor whether a
    /// whole number is written as an integer (`1` and `1.0` are one value).
    pub fn canonical_hash(&self) -> [u8; 16] {
        crate::id::content_hash(&canonical::text(&self.0))
    }
}

/// Why bytes or a value are no payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadError {
    message: Box<str>,
    /// It is JSON, and only not what a payload may be.
    is_json: bool,
    place: Option<Place>,
}

/// A place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    byte: usize,
    line: usize,
    column: usize,
}

impl PayloadError {
    fn new(message: impl Into<Box<str>>) -> Self {
        Self { message: message.into(), is_json: true, place: None }
    }

    fn syntax(message: impl Into<Box<str>>) -> Self {
        Self { is_json: false, ..Self::new(message) }
    }

    /// With the place of `byte` in `text`.
    fn at(self, text: &[u8], byte: usize) -> Self {
        let before = text.get(..byte).unwrap_or(text);
        let line_start = before.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let line = before.split(|byte| *byte == b'\n').count();
        let column = String::from_utf8_lossy(&before[line_start..]).chars().count() + 1;
        Self { place: Some(Place { byte, line, column }), ..self }
    }

    fn unwritten(cause: serde_json::Error) -> Self {
        Self::new(format!("it cannot be written as JSON: {cause}"))
    }

    fn too_large(bytes: usize, most: usize) -> Self {
        Self::new(format!("{bytes} bytes; at most {most} are taken: put larger values into a file"))
    }

    fn too_deep(most: usize) -> Self {
        Self::new(format!("nested more than {most} deep: hand the inner part over as text"))
    }

    /// Whether the text is JSON, and only not what a payload may be.
    pub fn is_json(&self) -> bool {
        self.is_json
    }

    /// Where in the bytes that were given; `None` where a value and no text was.
    pub fn byte(&self) -> Option<usize> {
        self.place.map(|place| place.byte)
    }
}

impl fmt::Display for PayloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_json {
            f.write_str("not JSON: ")?;
        }
        f.write_str(&self.message)?;
        match self.place {
            Some(Place { byte, line, column }) => {
                write!(f, " (line {line}, column {column}, byte {byte})")
            }
            None => Ok(()),
        }
    }
}

impl std::error::Error for PayloadError {}

impl Default for Payload {
    fn default() -> Self {
        Self::NULL
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// In JSON the value itself, in records its bytes.
impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if !to.is_human_readable() {
            return to.serialize_bytes(&self.0);
        }
        let raw: &serde_json::value::RawValue =
            serde_json::from_slice(&self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(to)
    }
}

/// From JSON through the door; from records, which only the engine writes, as it was.
impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        if from.is_human_readable() {
            let raw = Box::<serde_json::value::RawValue>::deserialize(from)?;
            let text = String::from(Box::<str>::from(raw));
            return door::admit(text.into(), door::RESULT)
                .map(Self)
                .map_err(serde::de::Error::custom);
        }
        from.deserialize_byte_buf(BytesVisitor)
    }
}

struct BytesVisitor;

impl serde::de::Visitor<'_> for BytesVisitor {
    type Value = Payload;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes of a payload")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Payload, E> {
        Ok(Payload(Bytes::copy_from_slice(bytes)))
    }

    fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Payload, E> {
        Ok(Payload(bytes.into()))
    }
}
