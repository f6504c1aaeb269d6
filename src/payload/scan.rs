//! Looks into JSON in normal form without building values: no spaces, nothing wrong, no key twice.

use std::borrow::Cow;
use std::ops::Range;

/// How many bytes from the start stand for themselves in a text: no quote, backslash or control.
pub(crate) fn plain_len(bytes: &[u8]) -> usize {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let mut len = 0;
    for eight in bytes.chunks_exact(8) {
        let mut word = [0; 8];
        word.copy_from_slice(eight);
        let word = u64::from_le_bytes(word);
        // The high bit of a byte is set where it is zero, or less than 0x20; bytes of 0x80 and more
        // are masked out. A borrow can only claim too much, and then the bytes are looked at again.
        let zero = |x: u64| x.wrapping_sub(EACH) & !x & HIGH;
        let quote = zero(word ^ (EACH * 0x22));
        let backslash = zero(word ^ (EACH * 0x5c));
        let control = word.wrapping_sub(EACH * 0x20) & !word & HIGH;
        if (quote | backslash | control) != 0 {
            break;
        }
        len += 8;
    }
    let is_plain = |byte: &u8| *byte != b'"' && *byte != b'\\' && *byte >= 0x20;
    len + bytes[len..].iter().take_while(|byte| is_plain(byte)).count()
}

/// The place behind the text whose inside begins at `at`.
pub(crate) fn behind_text(json: &[u8], mut at: usize) -> usize {
    loop {
        at += plain_len(json.get(at..).unwrap_or_default());
        match json.get(at) {
            Some(b'\\') => at += 2,
            Some(_) | None => return at + 1,
        }
    }
}

/// The place behind the value that begins at `at`.
pub(crate) fn behind_value(json: &[u8], at: usize) -> usize {
    match json.get(at) {
        Some(b'"') => behind_text(json, at + 1),
        Some(b'[' | b'{') => behind_nested(json, at),
        Some(_) => {
            let rest = &json[at..];
            at + rest.iter().take_while(|byte| !b",]}".contains(byte)).count().max(1)
        }
        None => at,
    }
}

fn behind_nested(json: &[u8], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while let Some(byte) = json.get(at) {
        at += 1;
        match byte {
            b'"' => at = behind_text(json, at),
            b'[' | b'{' => depth += 1,
            b']' | b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    break;
                }
            }
            _ => {}
        }
    }
    at
}

/// Whether the value is nested deeper than `most`.
///
/// A level takes two bytes, so most values are known by their length.
pub(crate) fn depth_exceeds(json: &[u8], most: usize) -> bool {
    let is_nested = matches!(json.first(), Some(b'[' | b'{'));
    if !is_nested || json.len() < most.saturating_mul(2) {
        return is_nested && most == 0;
    }
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(byte) = json.get(at) {
        at += 1;
        match byte {
            b'[' | b'{' => {
                depth += 1;
                if depth > most {
                    return true;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' => at = behind_text(json, at),
            _ => {}
        }
    }
    false
}

/// The items of a list, or the values of a table with their keys as they are written.
#[derive(Debug, Clone)]
pub(crate) struct Parts<'j> {
    json: &'j [u8],
    at: usize,
    has_keys: bool,
}

impl<'j> Parts<'j> {
    /// Of a list.
    pub(crate) fn of_list(json: &'j [u8]) -> Option<Self> {
        (json.first() == Some(&b'[')).then_some(Self { json, at: 1, has_keys: false })
    }

    /// Of a table.
    pub(crate) fn of_table(json: &'j [u8]) -> Option<Self> {
        (json.first() == Some(&b'{')).then_some(Self { json, at: 1, has_keys: true })
    }

    /// Where its next part begins.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// From where [`at`](Self::at) once stood.
    pub(crate) fn from(self, at: usize) -> Self {
        Self { at, ..self }
    }

    /// The place of the next value.
    pub(crate) fn next_range(&mut self) -> Option<Range<usize>> {
        let (_, value) = self.next()?;
        Some(self.at - value.len()..self.at)
    }
}

/// A part: the key with its quotes, empty in a list; and the value.
impl<'j> Iterator for Parts<'j> {
    type Item = (&'j [u8], &'j [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let mut from = self.at;
        match self.json.get(from) {
            Some(b',') => from += 1,
            Some(b']' | b'}') | None => return None,
            Some(_) => {}
        }
        let mut key: &[u8] = &[];
        if self.has_keys {
            let end = behind_text(self.json, from + 1);
            key = self.json.get(from..end)?;
            from = end + 1;
        }
        self.at = behind_value(self.json, from);
        Some((key, self.json.get(from..self.at)?))
    }
}

/// What a text in quotes says; `None` where the JSON is no text.
pub(crate) fn unquoted(json: &[u8]) -> Option<Cow<'_, str>> {
    let inside = json.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if inside.contains(&b'\\') {
        return serde_json::from_slice(json).ok().map(Cow::Owned);
    }
    std::str::from_utf8(inside).ok().map(Cow::Borrowed)
}
