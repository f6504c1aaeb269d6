//! From JSON in normal form to the interpreter's values, and back, with a bound on size and depth and no
//! place for undefined.
//!
//! Numbers never go through a type of `serde_json`, whose form hangs on a feature of users' builds.

use std::collections::HashSet;

use minijinja::Value;
use minijinja::value::ValueKind;

use crate::payload::scan::{Parts, depth_exceeds, unquoted};
use crate::payload::{RESULT_BYTES_MAX, RESULT_DEPTH_MAX, write_float};

/// The value of JSON in normal form. Recurses as deep as payloads are nested.
pub(super) fn read(json: &[u8]) -> Value {
    if let Some(items) = Parts::of_list(json) {
        return items.map(|(_, item)| read(item)).collect::<Vec<_>>().into();
    }
    if let Some(rows) = Parts::of_table(json) {
        let key = |key| Value::from(unquoted(key).unwrap_or_default().as_ref());
        return Value::from_pairs(rows.map(|(name, value)| (key(name), read(value))));
    }
    match json.first() {
        Some(b'"') => Value::from(unquoted(json).unwrap_or_default().as_ref()),
        Some(b't') => Value::from(true),
        Some(b'f') => Value::from(false),
        Some(b'n') | None => Value::from(()),
        Some(_) => read_number(std::str::from_utf8(json).unwrap_or_default()),
    }
}

fn read_number(text: &str) -> Value {
    if let Ok(integer) = text.parse::<i64>() {
        return integer.into();
    }
    match text.parse::<u64>() {
        Ok(integer) => integer.into(),
        Err(_) => text.parse::<f64>().unwrap_or_default().into(),
    }
}

/// Appends JSON that stands `depth` deep as it is.
pub(super) fn push_value(json: &[u8], out: &mut Vec<u8>, depth: usize) -> Result<(), String> {
    if depth_exceeds(json, RESULT_DEPTH_MAX.saturating_sub(depth)) {
        return Err(too_deep());
    }
    push(json, out)
}

/// Appends bytes.
pub(super) fn push(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    if out.len() + bytes.len() > RESULT_BYTES_MAX {
        return Err(format!("the result is larger than {RESULT_BYTES_MAX} bytes"));
    }
    out.extend_from_slice(bytes);
    Ok(())
}

fn too_deep() -> String {
    format!("the result is nested more than {RESULT_DEPTH_MAX} deep")
}

/// Appends `value` as it stands inside of a text: a text as it is, everything else as JSON.
pub(super) fn write_text(value: &Value, out: &mut Vec<u8>) -> Result<(), String> {
    match value.as_str() {
        Some(text) => push(text.as_bytes(), out),
        None => write(value, out, 0),
    }
}

/// Appends `value` to `out`, which may grow to [`RESULT_BYTES_MAX`]; it stands `depth` deep.
#[expect(clippy::wildcard_enum_match_arm, reason = "the interpreter may come to know more kinds")]
pub(super) fn write(value: &Value, out: &mut Vec<u8>, depth: usize) -> Result<(), String> {
    match value.kind() {
        ValueKind::Undefined => Err("a part of the result is undefined".to_owned()),
        ValueKind::None => push(b"null", out),
        ValueKind::Bool => push(if value.is_true() { b"true" } else { b"false" }, out),
        ValueKind::Number => number(value, out),
        ValueKind::String => text(value.as_str().unwrap_or_default(), out),
        ValueKind::Seq | ValueKind::Iterable | ValueKind::Map if depth >= RESULT_DEPTH_MAX => {
            Err(too_deep())
        }
        ValueKind::Seq | ValueKind::Iterable => {
            let items = value.try_iter().map_err(|cause| cause.to_string())?;
            list(items, out, depth)
        }
        ValueKind::Map => table(value, out, depth),
        // Also what a later version of the interpreter may bring.
        other => Err(format!("a value of the kind `{other}` cannot be written as JSON")),
    }
}

fn text(text: &str, out: &mut Vec<u8>) -> Result<(), String> {
    if text.len() > RESULT_BYTES_MAX {
        return push(text.as_bytes(), out);
    }
    let json = serde_json::to_vec(text).map_err(|cause| cause.to_string())?;
    push(&json, out)
}

fn number(value: &Value, out: &mut Vec<u8>) -> Result<(), String> {
    let mut json = Vec::with_capacity(24);
    if value.is_integer() {
        let integer = i128::try_from(value.clone()).ok();
        let fits = |n: &i128| i64::try_from(*n).is_ok() || u64::try_from(*n).is_ok();
        match integer.filter(fits) {
            Some(integer) => json.extend_from_slice(integer.to_string().as_bytes()),
            None => return Err(format!("the integer {value} does not fit into 64 bits")),
        }
    } else {
        match f64::try_from(value.clone()).ok().filter(|float| float.is_finite()) {
            Some(float) => write_float(float, &mut json),
            None => return Err(format!("`{value}` is not a number that JSON has")),
        }
    }
    push(&json, out)
}

fn list(items: impl Iterator<Item = Value>, out: &mut Vec<u8>, depth: usize) -> Result<(), String> {
    push(b"[", out)?;
    for (at, item) in items.enumerate() {
        if at > 0 {
            push(b",", out)?;
        }
        write(&item, out, depth + 1)?;
    }
    push(b"]", out)
}

fn table(value: &Value, out: &mut Vec<u8>, depth: usize) -> Result<(), String> {
    push(b"{", out)?;
    let keys = || value.try_iter().map_err(|cause| cause.to_string());
    // Only keys that are not texts can become the same.
    let mut names = keys()?.any(|key| key.as_str().is_none()).then(HashSet::new);
    for (at, key) in keys()?.enumerate() {
        if at > 0 {
            push(b",", out)?;
        }
        let name = key_text(&key)?;
        text(&name, out)?;
        push(b":", out)?;
        let inner = value.get_item(&key).map_err(|cause| cause.to_string())?;
        write(&inner, out, depth + 1)?;
        if let Some(name) = names.as_mut().and_then(|names| names.replace(name)) {
            return Err(format!("the key `{name}` stands twice in one table"));
        }
    }
    push(b"}", out)
}

/// A key: a text as it is, everything else as JSON. `1` and `'1'` are one key.
fn key_text(key: &Value) -> Result<String, String> {
    let mut out = Vec::new();
    write_text(key, &mut out)?;
    String::from_utf8(out).map_err(|_| "a key is not UTF-8".to_owned())
}
