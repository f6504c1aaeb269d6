//! Values that are made of payloads: lists, tables, and both inside of each other.

use super::scan::depth_exceeds;
use super::{Payload, PayloadError, RESULT_BYTES_MAX, RESULT_DEPTH_MAX};

/// Writes a value whose parts are payloads; minds its size and its depth as it goes.
#[derive(Debug, Default)]
pub struct Builder {
    text: Vec<u8>,
    /// The ends of what is open.
    open: Vec<u8>,
}

impl Builder {
    /// With room for so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { text: Vec::with_capacity(bytes), open: Vec::new() }
    }

    /// Begins a list, as the value that comes next.
    pub fn list(&mut self) {
        self.begin(b'[', b']');
    }

    /// Begins a table, as the value that comes next.
    pub fn table(&mut self) {
        self.begin(b'{', b'}');
    }

    fn begin(&mut self, open: u8, close: u8) {
        self.comma();
        self.text.push(open);
        self.open.push(close);
    }

    /// Ends the innermost list or table.
    pub fn end(&mut self) {
        self.text.extend(self.open.pop());
    }

    /// The key of the value that comes next. Each stands once in a table.
    pub fn key(&mut self, key: &str) {
        self.comma();
        // Texts can always be written.
        serde_json::to_writer(&mut self.text, key).unwrap_or_default();
        self.text.push(b':');
    }

    /// A value.
    ///
    /// # Errors
    /// Where the whole becomes larger than [`RESULT_BYTES_MAX`] or deeper than [`RESULT_DEPTH_MAX`].
    pub fn value(&mut self, value: &Payload) -> Result<(), PayloadError> {
        self.json(value.as_bytes())
    }

    /// A part of a payload, as [`value`](Self::value).
    pub(crate) fn json(&mut self, bytes: &[u8]) -> Result<(), PayloadError> {
        self.comma();
        if depth_exceeds(bytes, RESULT_DEPTH_MAX.saturating_sub(self.open.len())) {
            return Err(PayloadError::too_deep(RESULT_DEPTH_MAX));
        }
        let ends = self.text.len().saturating_add(bytes.len()).saturating_add(self.open.len());
        if ends > RESULT_BYTES_MAX {
            return Err(PayloadError::too_large(ends, RESULT_BYTES_MAX));
        }
        self.text.extend_from_slice(bytes);
        Ok(())
    }

    /// The whole.
    pub fn finish(mut self) -> Payload {
        while !self.open.is_empty() {
            self.end();
        }
        Payload::from_trusted(self.text)
    }

    fn comma(&mut self) {
        if !matches!(self.text.last(), None | Some(b'[' | b'{' | b':')) {
            self.text.push(b',');
        }
    }
}
