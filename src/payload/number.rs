//! Numbers: which ones a payload may hold, and the one way in which each is written.

use std::io::Write as _;

/// What a number in JSON becomes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Normal {
    /// It stays as it is.
    Same,
    /// It is written like this.
    As(Vec<u8>),
    /// An integer beyond 64 bits.
    TooLong,
    /// A float that is larger than any.
    TooLarge,
}

/// A number with this many digits fits into 64 bits.
const SHORT_DIGITS: usize = 18;

/// The normal form of `text`, which has the form of a JSON number.
pub(super) fn normal(text: &str) -> Normal {
    let is_integer = text.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit());
    if is_integer { integer(text) } else { float(text) }
}

fn integer(text: &str) -> Normal {
    if text == "-0" {
        return Normal::As(b"0".to_vec());
    }
    let fits =
        text.len() <= SHORT_DIGITS || text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok();
    if fits { Normal::Same } else { Normal::TooLong }
}

fn float(text: &str) -> Normal {
    let Ok(value) = text.parse::<f64>() else { return Normal::TooLarge };
    if !value.is_finite() {
        return Normal::TooLarge;
    }
    let mut shortest = Vec::with_capacity(24);
    write_float(value, &mut shortest);
    if shortest == text.as_bytes() { Normal::Same } else { Normal::As(shortest) }
}

/// Appends a finite float in its shortest form. Zero has no sign.
pub(crate) fn write_float(value: f64, out: &mut Vec<u8>) {
    let value = if value == 0.0 { 0.0 } else { value };
    if serde_json::to_writer(&mut *out, &value).is_err() {
        // Nothing but a full memory ends a write into one.
        write!(out, "{value}").unwrap_or_default();
    }
}
