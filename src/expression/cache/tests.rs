use serde_json::json;

use super::*;

fn segments(path: &[&str]) -> Vec<Segment> {
    let segment = |part: &&str| match part.parse() {
        Ok(index) => Segment::Index(index),
        Err(_) => Segment::Key((*part).into()),
    };
    path.iter().map(segment).collect()
}

/// The second look has an index, and must say the same as the first, which has none.
#[test]
fn every_look_at_a_payload_finds_the_same() {
    let rows: serde_json::Map<_, _> =
        (0..900).map(|n| (format!("k{}", n * 7 % 900), json!({ "n": n, "list": [n] }))).collect();
    let value = json!({
        "rows": rows, "list": (0..2_000).collect::<Vec<_>>(), "\u{e9}\"": 1, "text": "x".repeat(3_000),
    });
    let payload = Payload::of(&value).unwrap();
    for path in [
        &["rows", "k0", "n"][..],
        &["rows", "k899", "list", "0"],
        &["rows", "k899", "list", "-1"],
        &["rows", "k899", "list", "1"],
        &["rows", "k900"],
        &["rows", "k"],
        &["rows", "3"],
        &["list", "0"],
        &["list", "1999"],
        &["list", "-2000"],
        &["list", "-2001"],
        &["list", "2000"],
        &["list", "n"],
        &["\u{e9}\""],
        &["text", "x"],
        &["text"],
        &[],
    ] {
        let path = segments(path);
        let plain = path::place(payload.as_bytes(), &path);
        for _ in 0..3 {
            assert_eq!(place(&payload, &path), plain, "{path:?}");
        }
    }
}

#[test]
fn values_that_are_kept_leave_with_their_payload_and_have_a_bound() {
    let text = format!("\"{}\"", "x".repeat(3 << 20));
    let payloads: Vec<Payload> = (0..5).map(|_| Payload::from_trusted(text.clone())).collect();
    for payload in payloads.iter().chain(&payloads) {
        for _ in 0..3 {
            assert_eq!(value(payload, 0..text.len()).as_str().map(str::len), Some(3 << 20));
        }
    }
    let kept = || {
        CACHE.with_borrow(|cache| {
            let values = cache.payloads.iter().map(|known| known.values_bytes).sum::<usize>();
            (cache.payloads.len(), values / text.len())
        })
    };
    assert_eq!(kept(), (5, 2));
    drop(payloads);
    let other = Payload::from_trusted(text.clone());
    value(&other, 0..text.len());
    assert_eq!(kept(), (0, 0));
}
