//! From the interpreter's values to JSON, with a bound on the size and no place for undefined.

use minijinja::Value;
use minijinja::value::ValueKind;

use crate::payload::PAYLOAD_BYTES_MAX;

/// The deepest nesting of a result; what reads JSON allows no more.
const DEPTH_MAX: usize = 120;

/// Appends `value` to `out`, which may grow to [`PAYLOAD_BYTES_MAX`].
pub(super) fn write(value: &Value, out: &mut Vec<u8>) -> Result<(), String> {
    write_at(value, out, 0)
}

/// Appends JSON as it is.
pub(super) fn push(json: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    if out.len() + json.len() > PAYLOAD_BYTES_MAX {
        return Err(format!("the result is larger than {PAYLOAD_BYTES_MAX} bytes"));
    }
    out.extend_from_slice(json);
    Ok(())
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the interpreter may come to know more kinds")]
fn write_at(value: &Value, out: &mut Vec<u8>, depth: usize) -> Result<(), String> {
    if depth > DEPTH_MAX {
        return Err(format!("the result is nested more than {DEPTH_MAX} deep"));
    }
    match value.kind() {
        ValueKind::Undefined => Err("a part of the result is undefined".to_owned()),
        ValueKind::None => push(b"null", out),
        ValueKind::Bool => push(if value.is_true() { b"true" } else { b"false" }, out),
        ValueKind::Number => number(value, out),
        ValueKind::String => text(value.as_str().unwrap_or_default(), out),
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
    if text.len() > PAYLOAD_BYTES_MAX {
        return push(text.as_bytes(), out);
    }
    let json = serde_json::to_vec(text).map_err(|cause| cause.to_string())?;
    push(&json, out)
}

fn number(value: &Value, out: &mut Vec<u8>) -> Result<(), String> {
    let json = serde_json::to_vec(value).map_err(|cause| cause.to_string())?;
    if json == b"null" {
        return Err(format!("`{value}` is no number that JSON has"));
    }
    push(&json, out)
}

fn list(items: impl Iterator<Item = Value>, out: &mut Vec<u8>, depth: usize) -> Result<(), String> {
    push(b"[", out)?;
    for (at, item) in items.enumerate() {
        if at > 0 {
            push(b",", out)?;
        }
        write_at(&item, out, depth + 1)?;
    }
    push(b"]", out)
}

fn table(value: &Value, out: &mut Vec<u8>, depth: usize) -> Result<(), String> {
    push(b"{", out)?;
    for (at, key) in value.try_iter().map_err(|cause| cause.to_string())?.enumerate() {
        if at > 0 {
            push(b",", out)?;
        }
        match key.as_str() {
            Some(key) => text(key, out)?,
            None => text(&key.to_string(), out)?,
        }
        push(b":", out)?;
        let inner = value.get_item(&key).map_err(|cause| cause.to_string())?;
        write_at(&inner, out, depth + 1)?;
    }
    push(b"}", out)
}
