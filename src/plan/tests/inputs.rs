use super::*;
use crate::clock::Timestamp;
use crate::expression::RunNames;
use crate::payload::Payload;

const TYPES: &str = r#"
[input]
order_id = { type = "string", pattern = "^o-[0-9]+$" }
email = { type = "string", format = "email" }
items = { type = "array", min_items = 1, max_items = 3, items = { type = "number", min = 0.5 } }
count = { type = "integer", max = 10, default = 3 }
express = { type = "boolean", default = false }
level = { type = "string", enum = ["low", "high"], optional = true }
day = { type = "date", default = "${{ run.scheduled_day }}" }
at = { type = "datetime", optional = true }
site = { type = "string", format = "uri", optional = true }
id = { type = "string", format = "uuid", optional = true }
extra = { type = "object", optional = true }
[steps.a]
run = "x"
"#;

fn input(text: &str, input: &str, expected: Expect) {
    let plan = loaded(text).unwrap().plan;
    let run = RunNames {
        scheduled_at: Timestamp::parse("2026-02-03T04:05:06Z").unwrap(),
        ..RunNames::default()
    };
    let told = match Payload::from_json(input.to_owned()) {
        Err(error) => error.to_string(),
        Ok(payload) => match plan.input.check(&payload, &run) {
            Ok(checked) => checked.to_string(),
            Err(problems) => {
                problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
            }
        },
    };
    expected.assert_eq(&told);
}

#[test]
fn an_input_that_fits_gets_its_defaults() {
    input(
        TYPES,
        r#"{ "email": "a@b.co", "order_id": "o-1", "items": [1, 2.5], "level": "low" }"#,
        expect![[
            r#"{"order_id":"o-1","email":"a@b.co","items":[1,2.5],"count":3,"express":false,"level":"low","day":"2026-02-03"}"#
        ]],
    );
}

#[test]
fn all_that_is_wrong_is_told() {
    input(
        TYPES,
        r#"{ "email": "a@b@", "order_id": "p-1", "items": [1, "x", 0.1, {}], "count": 11.5,
            "level": "mid", "day": "2026-02-30", "at": "2026-01-01", "site": "no uri", "id": "1-2",
            "expres": true, "extra": [], "zzzz": 1 }"#,
        expect![[r#"
            order_id: expected text like `^o-[0-9]+$`, found "p-1"
            email: expected an e-mail address, found "a@b@"
            items: expected at most 3 items, found 4
            items[1]: expected a number, found "x"
            items[2]: expected at least 0.5, found 0.1
            items[3]: expected a number, found an object
            count: expected an integer, found 11.5
            level: expected one of "low", "high", found "mid"
            day: expected a date such as "2026-01-31", found "2026-02-30"
            at: expected a time such as "2026-01-31T12:00:00Z", found "2026-01-01"
            site: expected a URI such as "https://example.com", found "no uri"
            id: expected a UUID, found "1-2"
            extra: expected an object, found an array of 0
            expres: there is no such input; did you mean `express`?
            zzzz: there is no such input"#]],
    );
    input(
        TYPES,
        "{}",
        expect![[r#"
        order_id: missing
        email: missing
        items: missing"#]],
    );
    input(
        TYPES,
        "null",
        expect![[r#"
        order_id: missing
        email: missing
        items: missing"#]],
    );
    input(TYPES, "[1]", expect!["expected a table of inputs, found an array of 1"]);
    input(
        TYPES,
        "{\"a\": ",
        expect!["not JSON: the text ends where a value is missing (line 1, column 6, byte 5)"],
    );
    input(
        TYPES,
        &format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)),
        expect![
            "nested more than 100 deep: hand the inner part over as text (line 1, column 101, byte 100)"
        ],
    );
}

#[test]
fn without_types_anything_goes() {
    let text = "[steps.a]\nrun = 'x ${{ input.whatever }}'\n";
    input(text, "[1, 2]", expect!["[1,2]"]);
    input(text, "null", expect!["null"]);
}

#[test]
fn types_are_checked_too() {
    check(
        r#"
[input]
a = { type = "string", pattern = "(" }
b = { type = "number", min = 3, default = 2 }
c = { type = "string", format = "email", default = "nobody" }
d = { type = "date", default = "tomorrow" }
e = { type = "array", items = { type = "integer" }, default = [1, "x"] }
f = { type = "string", default = "${{ 1 + }}" }
[steps.a]
run = "x ${{ input.zz }}"
"#,
        expect![[r#"
            Error bad-pattern 3:`"("` input `a`: `pattern` is not a regular expression: found open group without closing ')'
            Error bad-default 4:`2` input `b`: its default: expected at least 3, found 2
            Error bad-default 5:`"nobody"` input `c`: its default: expected an e-mail address, found "nobody"
            Error bad-default 6:`"tomorrow"` input `d`: its default: expected a date such as "2026-01-31", found "tomorrow"
            Error bad-default 7:`[1, "x"]` input `e`: its default[1]: expected an integer, found "x"
            Error bad-expression 8:`` input `f`: the expression ends where a value is missing
            Error unknown-input 10:`input.zz` step `a` reads `input.zz`, which `[input]` does not have
        "#]],
    );
}
