//! JSON as bytes: what flows into and out of steps. Cheap to clone, parsed only where something reads it.

use std::fmt;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The largest payload, in bytes.
pub const PAYLOAD_BYTES_MAX: usize = 1 << 20;

/// One JSON value as UTF-8 text.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload(Bytes);

impl Payload {
    /// `null`
    pub const NULL: Self = Self(Bytes::from_static(b"null"));

    /// The JSON of `value`.
    ///
    /// # Errors
    /// Where `value` cannot be written as JSON (a map with keys that are no strings, say).
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        serde_json::to_vec(value).map(|bytes| Self(bytes.into()))
    }

    /// Takes bytes that are known to be JSON; checks nothing.
    pub fn from_trusted(bytes: impl Into<Bytes>) -> Self {
        Self(bytes.into())
    }

    /// Takes bytes from outside.
    ///
    /// # Errors
    /// Where they are not one JSON value.
    pub fn from_json(bytes: impl Into<Bytes>) -> Result<Self, serde_json::Error> {
        let bytes = bytes.into();
        serde_json::from_slice::<&serde_json::value::RawValue>(&bytes)?;
        Ok(Self(bytes))
    }

    /// Reads the payload as a `T`.
    ///
    /// # Errors
    /// Where it does not fit.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.0)
    }

    /// The text of the value.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text of the value.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("null")
    }

    /// Whether this is `null`.
    pub fn is_null(&self) -> bool {
        self.0.as_ref() == b"null"
    }
}

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

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        if from.is_human_readable() {
            let raw = Box::<serde_json::value::RawValue>::deserialize(from)?;
            return Ok(Self(String::from(Box::<str>::from(raw)).into()));
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
