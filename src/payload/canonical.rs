//! The canonical text of a payload: keys sorted, whole numbers as integers. Equal for equal values.

use super::scan::Parts;

/// The canonical text of `normal`, the bytes of a payload.
pub(super) fn text(normal: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(normal.len());
    write(normal, &mut out);
    out
}

/// Writes one value. Recurses as deep as payloads are nested.
fn write(json: &[u8], out: &mut Vec<u8>) {
    if let Some(items) = Parts::of_list(json) {
        between(*b"[]", items, out, |(_, item), out| write(item, out));
    } else if let Some(rows) = Parts::of_table(json) {
        let mut rows: Vec<_> = rows.collect();
        rows.sort_unstable();
        between(*b"{}", rows.into_iter(), out, |(key, value), out| {
            out.extend_from_slice(key);
            out.push(b':');
            write(value, out);
        });
    } else if matches!(json.first(), Some(b'-' | b'0'..=b'9')) {
        number(json, out);
    } else {
        out.extend_from_slice(json);
    }
}

fn between<T>(
    brackets: [u8; 2],
    parts: impl Iterator<Item = T>,
    out: &mut Vec<u8>,
    part: impl Fn(T, &mut Vec<u8>),
) {
    out.push(brackets[0]);
    for (place, value) in parts.enumerate() {
        if place > 0 {
            out.push(b',');
        }
        part(value, out);
    }
    out.push(brackets[1]);
}

/// A whole number as an integer, if 64 bits hold it: `100.0` is `100`. Other floats in a form that
/// hangs on no library's taste, since hashes are kept.
fn number(text: &[u8], out: &mut Vec<u8>) {
    let value = std::str::from_utf8(text).ok().filter(|text| text.contains(['.', 'e']));
    match value.and_then(|text| text.parse::<f64>().ok()) {
        Some(value) => {
            let text = whole(value).unwrap_or_else(|| format!("{value:e}"));
            out.extend_from_slice(text.as_bytes());
        }
        None => out.extend_from_slice(text),
    }
}

fn whole(value: f64) -> Option<String> {
    const TWO_POW_64: f64 = 18_446_744_073_709_551_616.0;
    const TWO_POW_63: f64 = 9_223_372_036_854_775_808.0;
    let fits = value.fract() == 0.0 && (-TWO_POW_63..TWO_POW_64).contains(&value);
    fits.then(|| format!("{value:.0}"))
}
