//! The one form of numbers, texts and values, and what is refused.

use std::fmt::Write as _;

use expect_test::{Expect, expect};

use crate::payload::Payload;

/// One line for each text: what it becomes, or why it is refused.
fn check(texts: &[&str], expected: Expect) {
    let mut lines = String::new();
    for text in texts {
        let told = match Payload::from_json(text.as_bytes().to_vec()) {
            Ok(payload) => payload.to_string(),
            Err(error) => format!("refused: {error}"),
        };
        writeln!(lines, "{}  →  {told}", text.escape_debug()).unwrap();
    }
    expected.assert_eq(&lines);
}

const NUMBERS: [&str; 35] = [
    "1",
    "-7",
    "0",
    "-0",
    "-0.0",
    "1.0",
    "1.10",
    "1.50",
    "1e2",
    "1E5",
    "1e-7",
    "1e16",
    "1e300",
    "5e-324",
    "1e-400",
    "0e999",
    "9007199254740993",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775809",
    "12345678901234567890123",
    "1e999",
    "-1E400",
    "0.1000000000000000055511151231257827",
    "01",
    "-",
    "1.",
    ".5",
    "1e",
    "+1",
    "0x1f",
    "NaN",
    "-Infinity",
];

#[test]
fn numbers_have_one_form() {
    check(
        &NUMBERS,
        expect![[r#"
            1  →  1
            -7  →  -7
            0  →  0
            -0  →  0
            -0.0  →  0.0
            1.0  →  1.0
            1.10  →  1.1
            1.50  →  1.5
            1e2  →  100.0
            1E5  →  100000.0
            1e-7  →  1e-7
            1e16  →  1e+16
            1e300  →  1e+300
            5e-324  →  5e-324
            1e-400  →  0.0
            0e999  →  0.0
            9007199254740993  →  9007199254740993
            9223372036854775807  →  9223372036854775807
            -9223372036854775808  →  -9223372036854775808
            18446744073709551615  →  18446744073709551615
            18446744073709551616  →  refused: the integer 18446744073709551616 does not fit into 64 bits: put it in quotes (line 1, column 1, byte 0)
            -9223372036854775809  →  refused: the integer -9223372036854775809 does not fit into 64 bits: put it in quotes (line 1, column 1, byte 0)
            12345678901234567890123  →  refused: the integer 12345678901234567890123 does not fit into 64 bits: put it in quotes (line 1, column 1, byte 0)
            1e999  →  refused: the number 1e999 is larger than a 64-bit float: put it in quotes (line 1, column 1, byte 0)
            -1E400  →  refused: the number -1E400 is larger than a 64-bit float: put it in quotes (line 1, column 1, byte 0)
            0.1000000000000000055511151231257827  →  0.1
            01  →  refused: not JSON: `01` is not a number (line 1, column 1, byte 0)
            -  →  refused: not JSON: `-` is not a number (line 1, column 1, byte 0)
            1.  →  refused: not JSON: `1.` is not a number (line 1, column 1, byte 0)
            .5  →  refused: not JSON: expected a value, found `.` (line 1, column 1, byte 0)
            1e  →  refused: not JSON: `1e` is not a number (line 1, column 1, byte 0)
            +1  →  refused: not JSON: expected a value, found `+` (line 1, column 1, byte 0)
            0x1f  →  refused: not JSON: something follows the value (line 1, column 2, byte 1)
            NaN  →  refused: not JSON: expected a value, found `N` (line 1, column 1, byte 0)
            -Infinity  →  refused: not JSON: `-` is not a number (line 1, column 1, byte 0)
        "#]],
    );
}

#[test]
fn texts_have_one_form() {
    check(
        &[
            r#""plain""#,
            r#""\u0041\/\u00e9""#,
            r#""\u000a\u001F\u0008""#,
            r#""\ud83d\ude00""#,
            r#""\u0000""#,
            "\"\u{7f}\u{2028}\"",
            r#""\ud800""#,
            r#""\udc00\ud800""#,
            r#"{"\ud800": 1}"#,
            r#""\ud800x""#,
            r#""\x""#,
            r#""\u12""#,
            "\"a\nb\"",
            "\"open",
            "\"\\",
        ],
        expect![[r#"
            \"plain\"  →  "plain"
            \"\\u0041\\/\\u00e9\"  →  "A/é"
            \"\\u000a\\u001F\\u0008\"  →  "\n\u001f\b"
            \"\\ud83d\\ude00\"  →  "😀"
            \"\\u0000\"  →  "\u0000"
            \"\u{7f}\u{2028}\"  →  " "
            \"\\ud800\"  →  refused: `\ud800` is half of a surrogate pair: write both halves, or the character (line 1, column 2, byte 1)
            \"\\udc00\\ud800\"  →  refused: `\udc00` is half of a surrogate pair: write both halves, or the character (line 1, column 2, byte 1)
            {\"\\ud800\": 1}  →  refused: `\ud800` is half of a surrogate pair: write both halves, or the character (line 1, column 3, byte 2)
            \"\\ud800x\"  →  refused: `\ud800` is half of a surrogate pair: write both halves, or the character (line 1, column 2, byte 1)
            \"\\x\"  →  refused: not JSON: an escape that JSON does not have (line 1, column 2, byte 1)
            \"\\u12\"  →  refused: not JSON: `\u` takes four hex digits (line 1, column 2, byte 1)
            \"a\nb\"  →  refused: not JSON: a control character in a text is written as an escape (line 1, column 3, byte 2)
            \"open  →  refused: not JSON: the text ends inside of quotes (line 1, column 6, byte 5)
            \"\\  →  refused: not JSON: an escape that JSON does not have (line 1, column 2, byte 1)
        "#]],
    );
}

#[test]
fn values_have_one_form() {
    check(
        &[
            " { \"b\" : [ 1 , 2 ] ,\n\t\"a\" : { } } ",
            "\u{feff}[1]",
            "[]",
            "null",
            "true",
            "",
            "  ",
            "nul",
            "[1,]",
            "[1 2]",
            "{\"a\" 1}",
            "{a: 1}",
            "{\"a\": 1,}",
            "[1",
            "1 2",
            "{\"a\": 1, \"b\": 2, \"a\": 3}",
            "{\"a\": 1, \"\\u0061\": 3}",
            "{\"a\": {\"a\": [{\"a\": 1}]}, \"b\": 1}",
            "[1]\u{feff}",
            "{\n  \"x\": 1,\n  \"ä\": 1e999 }",
        ],
        expect![[r#"
             { \"b\" : [ 1 , 2 ] ,\n\t\"a\" : { } }   →  {"b":[1,2],"a":{}}
            \u{feff}[1]  →  [1]
            []  →  []
            null  →  null
            true  →  true
              →  refused: not JSON: the text ends where a value is missing (line 1, column 1, byte 0)
                →  refused: not JSON: the text ends where a value is missing (line 1, column 3, byte 2)
            nul  →  refused: not JSON: expected a value, found `n` (line 1, column 1, byte 0)
            [1,]  →  refused: not JSON: expected a value, found `]` (line 1, column 4, byte 3)
            [1 2]  →  refused: not JSON: expected `,` or `]` (line 1, column 4, byte 3)
            {\"a\" 1}  →  refused: not JSON: expected `:` behind the key (line 1, column 6, byte 5)
            {a: 1}  →  refused: not JSON: expected a key in double quotes (line 1, column 2, byte 1)
            {\"a\": 1,}  →  refused: not JSON: expected a key in double quotes (line 1, column 9, byte 8)
            [1  →  refused: not JSON: the text ends too early (line 1, column 3, byte 2)
            1 2  →  refused: not JSON: something follows the value (line 1, column 3, byte 2)
            {\"a\": 1, \"b\": 2, \"a\": 3}  →  refused: the key `a` stands twice in one object: leave one out (line 1, column 18, byte 17)
            {\"a\": 1, \"\\u0061\": 3}  →  refused: the key `a` stands twice in one object: leave one out (line 1, column 10, byte 9)
            {\"a\": {\"a\": [{\"a\": 1}]}, \"b\": 1}  →  {"a":{"a":[{"a":1}]},"b":1}
            [1]\u{feff}  →  refused: not JSON: something follows the value (line 1, column 4, byte 3)
            {\n  \"x\": 1,\n  \"ä\": 1e999 }  →  refused: the number 1e999 is larger than a 64-bit float: put it in quotes (line 3, column 8, byte 20)
        "#]],
    );
}
