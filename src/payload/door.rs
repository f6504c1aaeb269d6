//! The door: bytes from outside become the normal form of one JSON value, or are refused with the place.
//!
//! One pass, in time and memory in proportion to the text, without recursion. Bytes that are already
//! normal are kept without a copy.

use std::borrow::Cow;
use std::collections::HashSet;

use bytes::Bytes;

use super::number::{self, Normal};
use super::scan::plain_len;
use super::{
    PAYLOAD_BYTES_MAX, PAYLOAD_DEPTH_MAX, PayloadError, RESULT_BYTES_MAX, RESULT_DEPTH_MAX,
};

/// How large and how deep a value may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    bytes: usize,
    depth: usize,
}

/// Inputs, and results of attempts.
pub(super) const OUTSIDE: Limits = Limits { bytes: PAYLOAD_BYTES_MAX, depth: PAYLOAD_DEPTH_MAX };

/// What is made of payloads.
pub(super) const RESULT: Limits = Limits { bytes: RESULT_BYTES_MAX, depth: RESULT_DEPTH_MAX };

/// The normal form of the one JSON value that `bytes` are.
pub(super) fn admit(bytes: Bytes, limits: Limits) -> Result<Bytes, PayloadError> {
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        PayloadError::syntax("the text is not UTF-8").at(&bytes, error.valid_up_to())
    })?;
    let marked = text.strip_prefix('\u{feff}').unwrap_or(text);
    let start = text.len() - marked.trim_start_matches(is_space_char).len();
    let end = text.trim_end_matches(is_space_char).len().max(start);
    let mut door = Door::new(&text[start..end], limits.depth);
    door.value().map_err(|(error, at)| error.at(&bytes, start.saturating_add(at)))?;
    let normal = match door.finish() {
        Some(normal) => normal.into(),
        None => bytes.slice(start..end),
    };
    if normal.len() > limits.bytes {
        return Err(PayloadError::too_large(normal.len(), limits.bytes));
    }
    Ok(normal)
}

/// Whether `bytes` are a payload's, however large.
pub(super) fn is_normal(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let mut door = Door::new(text, RESULT_DEPTH_MAX);
    door.value().is_ok() && door.finish().is_none()
}

/// What is wrong, and at which byte of the value's text.
type Refused = (PayloadError, usize);

type Step<T> = Result<T, Refused>;

/// An object or a list that is open.
struct Scope<'t> {
    is_object: bool,
    /// Where its keys begin in `Door::keys`.
    keys_from: usize,
    /// Its keys again, once there are many.
    known: Option<HashSet<Cow<'t, str>>>,
}

struct Door<'t> {
    text: &'t str,
    at: usize,
    /// The normal form of `text[..kept]`; empty as long as both are the same.
    normal: Vec<u8>,
    kept: usize,
    is_changed: bool,
    depth_max: usize,
    scopes: Vec<Scope<'t>>,
    keys: Vec<Cow<'t, str>>,
}

/// From so many keys on they are looked up in a set.
const FEW_KEYS: usize = 16;

impl<'t> Door<'t> {
    fn new(text: &'t str, depth_max: usize) -> Self {
        Self {
            text,
            at: 0,
            normal: Vec::new(),
            kept: 0,
            is_changed: false,
            depth_max,
            scopes: Vec::new(),
            keys: Vec::new(),
        }
    }

    /// The normal form; `None` where it is the text itself.
    fn finish(mut self) -> Option<Vec<u8>> {
        if self.is_changed {
            self.normal.extend_from_slice(&self.text.as_bytes()[self.kept..]);
            return Some(self.normal);
        }
        None
    }

    /// Writes `with` in the place of the text from `from` to where the door stands.
    fn replace(&mut self, from: usize, with: &[u8]) {
        self.normal.extend_from_slice(&self.text.as_bytes()[self.kept..from]);
        self.normal.extend_from_slice(with);
        self.kept = self.at;
        self.is_changed = true;
    }

    /// The whole text: one value and nothing else.
    fn value(&mut self) -> Step<()> {
        loop {
            self.space();
            let is_open = match self.peek() {
                Some(b'{') => self.open(true)?,
                Some(b'[') => self.open(false)?,
                Some(b'"') => self.quoted().map(|_| false)?,
                Some(b'-' | b'0'..=b'9') => self.number().map(|()| false)?,
                Some(_) => self.word().map(|()| false)?,
                None => return Err(self.refuse("the text ends where a value is missing")),
            };
            if !is_open && self.close_all()? {
                return Ok(());
            }
        }
    }

    /// Takes what follows a value; whether it was the last one.
    fn close_all(&mut self) -> Step<bool> {
        loop {
            self.space();
            let Some(scope) = self.scopes.last() else {
                return match self.peek() {
                    None => Ok(true),
                    Some(_) => Err(self.refuse("something follows the value")),
                };
            };
            let is_object = scope.is_object;
            match (self.peek(), is_object) {
                (Some(b','), _) => {
                    self.at += 1;
                    if is_object {
                        self.space();
                        self.key()?;
                    }
                    return Ok(false);
                }
                (Some(b'}'), true) | (Some(b']'), false) => self.close(),
                (Some(_), true) => return Err(self.refuse("expected `,` or `}`")),
                (Some(_), false) => return Err(self.refuse("expected `,` or `]`")),
                (None, _) => return Err(self.refuse("the text ends too early")),
            }
        }
    }

    /// Opens an object or a list; `false` where it is empty and closed again.
    fn open(&mut self, is_object: bool) -> Step<bool> {
        if self.scopes.len() >= self.depth_max {
            return Err((PayloadError::too_deep(self.depth_max), self.at));
        }
        self.at += 1;
        self.scopes.push(Scope { is_object, keys_from: self.keys.len(), known: None });
        self.space();
        let end = if is_object { b'}' } else { b']' };
        if self.peek() == Some(end) {
            self.close();
            return Ok(false);
        }
        if is_object {
            self.key()?;
        }
        Ok(true)
    }

    fn close(&mut self) {
        self.at += 1;
        if let Some(scope) = self.scopes.pop() {
            self.keys.truncate(scope.keys_from);
        }
    }

    /// A key and the colon behind it.
    fn key(&mut self) -> Step<()> {
        let from = self.at;
        if self.peek() != Some(b'"') {
            return Err(self.refuse("expected a key in double quotes"));
        }
        let has_escapes = self.quoted()?;
        let quoted = &self.text[from..self.at];
        let key = if has_escapes {
            // The text has just been checked.
            Cow::Owned(serde_json::from_str(quoted).unwrap_or_default())
        } else {
            Cow::Borrowed(&quoted[1..quoted.len() - 1])
        };
        self.add_key(key, from)?;
        self.space();
        if self.peek() != Some(b':') {
            return Err(self.refuse("expected `:` behind the key"));
        }
        self.at += 1;
        Ok(())
    }

    /// A key of the innermost object, which begins at `at`.
    fn add_key(&mut self, key: Cow<'t, str>, at: usize) -> Step<()> {
        let Some(scope) = self.scopes.last_mut() else { return Ok(()) };
        let keys = &self.keys[scope.keys_from..];
        let is_new = if keys.len() < FEW_KEYS {
            !keys.contains(&key)
        } else {
            let known = scope.known.get_or_insert_with(|| keys.iter().cloned().collect());
            known.insert(key.clone())
        };
        if is_new {
            self.keys.push(key);
            return Ok(());
        }
        let shown: String = key.chars().take(SHOWN_CHARS).collect();
        let told = format!("the key `{shown}` stands twice in one object: leave one out");
        Err((PayloadError::new(told), at))
    }

    /// A text in quotes; whether there are escapes in it.
    fn quoted(&mut self) -> Step<bool> {
        let bytes = self.text.as_bytes();
        let mut has_escapes = false;
        self.at += 1;
        loop {
            self.at += plain_len(&bytes[self.at..]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(has_escapes);
                }
                Some(b'\\') => {
                    has_escapes = true;
                    self.escape()?;
                }
                Some(_) => {
                    let told = "a control character in a text is written as an escape";
                    return Err(self.refuse(told));
                }
                None => return Err(self.refuse("the text ends inside of quotes")),
            }
        }
    }

    fn escape(&mut self) -> Step<()> {
        let from = self.at;
        let letter = self.text.as_bytes().get(self.at + 1).copied();
        match letter {
            Some(b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'/') => {
                self.at += 2;
                self.replace(from, b"/");
            }
            Some(b'u') => {
                let meant = self.unicode()?;
                let normal = escaped(meant);
                if normal.as_bytes() != &self.text.as_bytes()[from..self.at] {
                    self.replace(from, normal.as_bytes());
                }
            }
            Some(_) | None => return Err(self.refuse("an escape that JSON does not have")),
        }
        Ok(())
    }

    /// The character of a `\uXXXX`, or of two that are a pair.
    fn unicode(&mut self) -> Step<char> {
        let from = self.at;
        let first = self.code_unit()?;
        let second = match first {
            0xd800..=0xdbff if self.text[self.at..].starts_with("\\u") => Some(self.code_unit()?),
            _ => None,
        };
        let units = std::iter::once(first).chain(second);
        let meant = char::decode_utf16(units).next().and_then(Result::ok);
        meant.ok_or_else(|| {
            let told = format!(
                "`\\u{first:04x}` is half of a surrogate pair: write both halves, or the character"
            );
            (PayloadError::new(told), from)
        })
    }

    /// `\uXXXX`
    fn code_unit(&mut self) -> Step<u16> {
        let digits = self.text.as_bytes().get(self.at + 2..self.at + 6);
        let digits = digits.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let unit = digits.and_then(|digits| u16::from_str_radix(digits, 16).ok());
        let unit = unit.ok_or_else(|| self.refuse("`\\u` takes four hex digits"))?;
        self.at += 6;
        Ok(unit)
    }

    fn number(&mut self) -> Step<()> {
        let from = self.at;
        self.at += usize::from(self.peek() == Some(b'-'));
        let has_zero = self.peek() == Some(b'0');
        let digits = self.digits();
        let mut is_number = digits == 1 || (digits > 1 && !has_zero);
        if self.peek() == Some(b'.') {
            self.at += 1;
            is_number &= self.digits() > 0;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            is_number &= self.digits() > 0;
        }
        let text = &self.text[from..self.at];
        let shown = || text.chars().take(SHOWN_CHARS).collect::<String>();
        if !is_number {
            let told = format!("`{}` is not a number", shown());
            return Err((PayloadError::syntax(told), from));
        }
        let told = match number::normal(text) {
            Normal::Same => return Ok(()),
            Normal::As(normal) => {
                self.replace(from, &normal);
                return Ok(());
            }
            Normal::TooLong => format!("the integer {} does not fit into 64 bits", shown()),
            Normal::TooLarge => format!("the number {} is larger than a 64-bit float", shown()),
        };
        Err((PayloadError::new(format!("{told}: put it in quotes")), from))
    }

    fn digits(&mut self) -> usize {
        let rest = &self.text.as_bytes()[self.at..];
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        count
    }

    fn word(&mut self) -> Step<()> {
        let rest = &self.text[self.at..];
        if let Some(word) = ["null", "true", "false"].iter().find(|word| rest.starts_with(**word)) {
            self.at += word.len();
            return Ok(());
        }
        let found = rest.chars().next().unwrap_or_default().escape_debug();
        Err(self.refuse(format!("expected a value, found `{found}`")))
    }

    /// Leaves out the space that stands here.
    fn space(&mut self) {
        let from = self.at;
        let rest = &self.text.as_bytes()[from..];
        self.at += rest.iter().take_while(|byte| is_space(**byte)).count();
        if self.at > from {
            self.replace(from, b"");
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn refuse(&self, message: impl Into<Box<str>>) -> Refused {
        (PayloadError::syntax(message), self.at)
    }
}

/// So much of a key or number is shown.
const SHOWN_CHARS: usize = 40;

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

fn is_space_char(c: char) -> bool {
    matches!(c, ' ' | '\n' | '\r' | '\t')
}

/// A character as a text in normal form has it.
fn escaped(c: char) -> String {
    match c {
        '"' => "\\\"".to_owned(),
        '\\' => "\\\\".to_owned(),
        '\u{8}' => "\\b".to_owned(),
        '\u{c}' => "\\f".to_owned(),
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        c if c < '\u{20}' => format!("\\u{:04x}", u32::from(c)),
        c => c.to_string(),
    }
}
