mod form;

use super::*;
use expect_test::expect;
use proptest::prelude::*;
use serde_json::json;

#[test]
fn bytes_that_are_no_utf_8_are_refused() {
    let error = Payload::from_json(&b"[\"a\n\xff\"]"[..]).unwrap_err();
    expect!["not JSON: the text is not UTF-8 (line 2, column 1, byte 4)"]
        .assert_eq(&error.to_string());
    assert_eq!(error.byte(), Some(4));
}

#[test]
fn what_is_normal_is_not_copied() {
    for text in [r#"{"a":[1,-2.5,"x\n\u0001"],"b":null}"#, r#""é""#, "  [1,2] \n"] {
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        let payload = Payload::from_json(bytes.clone()).unwrap();
        let range = bytes.as_ptr_range();
        assert!(range.contains(&payload.as_bytes().as_ptr()), "{text}");
    }
}

fn nested(depth: usize) -> String {
    format!("{}1{}", "[".repeat(depth), "]".repeat(depth))
}

#[test]
fn depth_and_size_have_limits() {
    assert!(Payload::from_json(nested(PAYLOAD_DEPTH_MAX)).is_ok());
    let error = Payload::from_json(nested(PAYLOAD_DEPTH_MAX + 1)).unwrap_err();
    expect![
        "nested more than 100 deep: hand the inner part over as text (line 1, column 101, byte 100)"
    ]
    .assert_eq(&error.to_string());
    assert!(Payload::from_json(nested(100_000)).is_err());
    let text = |bytes: usize| "x".repeat(bytes - 2);
    assert!(Payload::of(&text(PAYLOAD_BYTES_MAX)).is_ok());
    let error = Payload::of(&text(PAYLOAD_BYTES_MAX + 1)).unwrap_err();
    expect!["1048577 bytes; at most 1048576 are taken: put larger values into a file"]
        .assert_eq(&error.to_string());
    // White space does not count.
    let spaced = format!("[{}1]", " ".repeat(PAYLOAD_BYTES_MAX));
    assert_eq!(Payload::from_json(spaced).unwrap().as_str(), "[1]");
}

#[test]
fn of_a_value_the_same_is_taken_as_of_a_text() {
    assert_eq!(Payload::of(&-0.0_f64).unwrap().as_str(), "0.0");
    assert_eq!(Payload::of(&1e2_f64).unwrap().as_str(), "100.0");
    assert_eq!(Payload::of(&u64::MAX).unwrap().as_str(), "18446744073709551615");
    let error = Payload::of(&i128::MAX).unwrap_err().to_string();
    expect!["the integer 170141183460469231731687303715884105727 does not fit into 64 bits: put it in quotes"]
        .assert_eq(&error);
    let map = std::collections::HashMap::from([((1, 2), 3)]);
    expect!["it cannot be written as JSON: key must be a string"]
        .assert_eq(&Payload::of(&map).unwrap_err().to_string());
}

#[test]
fn a_float_that_json_does_not_have_is_refused_wherever_it_stands() {
    #[derive(Serialize)]
    enum Price {
        Low(f64),
        Range(f64, f32),
        Named { high: Option<f64> },
    }
    #[derive(Serialize)]
    struct Offer {
        note: Option<String>,
        prices: Vec<Price>,
    }
    fn told(value: &impl Serialize) -> String {
        Payload::of(value).unwrap_err().to_string()
    }
    let offer = |price| Offer { note: None, prices: vec![Price::Low(1.5), price] };
    let rates = std::collections::BTreeMap::from([("eur", f64::NEG_INFINITY)]);
    let all = [
        told(&f64::NAN),
        told(&f32::INFINITY),
        told(&[[0.0, 1.0], [2.0, f64::NAN]]),
        told(&rates),
        told(&Some((1, f64::NAN))),
        told(&offer(Price::Low(f64::NAN))),
        told(&offer(Price::Range(1.0, f32::NAN))),
        told(&offer(Price::Named { high: Some(f64::INFINITY) })),
    ];
    expect![[r#"
        `NaN` is not a number that JSON has: write `null` or a text instead
        `inf` is not a number that JSON has: write `null` or a text instead
        `[1][1]`: `NaN` is not a number that JSON has: write `null` or a text instead
        `eur`: `-inf` is not a number that JSON has: write `null` or a text instead
        `[1]`: `NaN` is not a number that JSON has: write `null` or a text instead
        `prices[1].Low`: `NaN` is not a number that JSON has: write `null` or a text instead
        `prices[1][1]`: `NaN` is not a number that JSON has: write `null` or a text instead
        `prices[1].high`: `inf` is not a number that JSON has: write `null` or a text instead"#]]
    .assert_eq(&all.join("\n"));
    // `null` itself is a value, and so is the word.
    let offer = offer(Price::Named { high: None });
    let json = r#"{"note":null,"prices":[{"Low":1.5},{"Named":{"high":null}}]}"#;
    assert_eq!(Payload::of(&offer).unwrap().as_str(), json);
    assert_eq!(Payload::of(&("null", 0.5, ())).unwrap().as_str(), r#"["null",0.5,null]"#);
}

#[test]
fn many_keys_are_compared_in_linear_time() {
    let object = |keys: usize| {
        let rows: Vec<String> = (0..keys).map(|key| format!("\"k{key}\":1")).collect();
        format!("{{{}}}", rows.join(","))
    };
    let many = object(60_000);
    assert!(Payload::from_json(many.clone()).is_ok());
    let twice = many.replace("\"k59999\"", "\"k7\"");
    assert!(Payload::from_json(twice).unwrap_err().to_string().starts_with("the key `k7` stands"));
}

#[test]
fn equal_values_have_equal_hashes() {
    let hash = |text: &str| Payload::from_json(text.to_owned()).unwrap().canonical_hash();
    for (a, b) in [
        (r#"{"a":1,"b":[{"c":2,"d":3}]}"#, r#"{ "b": [{"d": 3, "c": 2}], "a": 1 }"#),
        ("1", "1.0"),
        ("1e2", "100"),
        ("-0.0", "0"),
        ("1e18", "1000000000000000000"),
        (r#""A""#, r#""\u0041""#),
        ("9223372036854775808", "9.223372036854775808e18"),
    ] {
        assert_eq!(hash(a), hash(b), "{a} and {b}");
    }
    for (a, b) in [
        ("1", "\"1\""),
        ("[1,2]", "[2,1]"),
        ("[[1],2]", "[[1,2]]"),
        ("{}", "[]"),
        ("null", "false"),
        ("9007199254740993", "9007199254740992.0"),
        (r#"{"a":1}"#, r#"{"a":{"a":1}}"#),
        (r#"{"a\"":1}"#, r#"{"a":1}"#),
        ("1e300", "1e301"),
        ("0.1", "0.2"),
    ] {
        assert_ne!(hash(a), hash(b), "{a} and {b}");
    }
}

#[test]
fn what_is_built_of_payloads_is_a_payload() {
    let payload = |text: &str| Payload::from_json(text.to_owned()).unwrap();
    let mut builder = Builder::with_capacity(64);
    builder.list();
    builder.value(&payload("[1,[2]]")).unwrap();
    builder.table();
    builder.key("a\"b");
    builder.value(&Payload::NULL).unwrap();
    builder.key("c");
    builder.list();
    builder.end();
    builder.end();
    builder.value(&payload("\"x\"")).unwrap();
    let built = builder.finish();
    assert_eq!(built.as_str(), r#"[[1,[2]],{"a\"b":null,"c":[]},"x"]"#);
    assert_eq!(Payload::from_json(built.to_string()).unwrap(), built);
}

#[test]
fn what_is_built_has_limits() {
    let mut builder = Builder::default();
    (0..RESULT_DEPTH_MAX - PAYLOAD_DEPTH_MAX).for_each(|_| builder.list());
    let deep = Payload::from_json(nested(PAYLOAD_DEPTH_MAX)).unwrap();
    builder.value(&deep).unwrap();
    builder.list();
    assert!(builder.value(&deep).is_err());
    let mut builder = Builder::default();
    builder.list();
    let mebibyte = Payload::of(&"x".repeat(PAYLOAD_BYTES_MAX - 2)).unwrap();
    (0..15).for_each(|_| builder.value(&mebibyte).unwrap());
    let told = builder.value(&mebibyte).unwrap_err().to_string();
    expect!["16777233 bytes; at most 16777216 are taken: put larger values into a file"]
        .assert_eq(&told);
}

/// Values with what is hard in them.
fn values() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|b| json!(b)),
        any::<i64>().prop_map(|n| json!(n)),
        any::<u64>().prop_map(|n| json!(n)),
        any::<f64>().prop_map(|n| json!(n)),
        "(\\PC|[\u{0}-\u{1f}\"\\\\]){0,12}".prop_map(|text| json!(text)),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(|items| json!(items)),
            prop::collection::btree_map("[a-c\"\u{e9}]{0,3}", inner, 0..6)
                .prop_map(|rows| json!(rows)),
        ]
    })
}

/// What a text of JSON may be torn into.
const PARTS: [&str; 30] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\"a\"",
    "\"\\ud800\"",
    "\"\\ud83d\\ude00\"",
    "\\",
    "\\u",
    " ",
    "\n",
    "1",
    "-",
    "0",
    ".5",
    "e999",
    "1e-400",
    "18446744073709551616",
    "null",
    "tru",
    "é",
    "\u{0}",
    "\u{feff}",
    "\"\\/\"",
    "-0.0",
    "1.50",
    "{\"k\":",
];

proptest! {
    #[test]
    fn any_value_is_taken_and_is_the_same_afterwards(value in values()) {
        let pretty = serde_json::to_string_pretty(&value).unwrap();
        let payload = Payload::from_json(pretty).unwrap();
        let again = Payload::from_json(payload.to_string()).unwrap();
        prop_assert_eq!(&payload, &again);
        prop_assert_eq!(payload.canonical_hash(), Payload::of(&value).unwrap().canonical_hash());
        let read: serde_json::Value = payload.parse().unwrap();
        prop_assert_eq!(Payload::of(&read).unwrap().canonical_hash(), payload.canonical_hash());
    }

    /// What is taken can be read by every reader; what serde_json takes is refused for a reason of ours.
    #[test]
    fn any_soup_is_taken_or_refused(parts in prop::collection::vec(prop::sample::select(&PARTS[..]), 0..12)) {
        let text = parts.concat();
        let read = serde_json::from_str::<serde_json::Value>(text.trim_start_matches('\u{feff}'));
        match Payload::from_json(text.clone()) {
            Ok(payload) => {
                prop_assert!(door::is_normal(payload.as_bytes()));
                let value = read.unwrap();
                let same = Payload::of(&value).unwrap();
                prop_assert_eq!(payload.canonical_hash(), same.canonical_hash());
            }
            Err(error) => {
                prop_assert!(error.byte().is_some_and(|byte| byte <= text.len()));
                let is_syntax = error.to_string().starts_with("not JSON");
                prop_assert!(!is_syntax || read.is_err(), "{} {}", text, error);
            }
        }
    }
}
