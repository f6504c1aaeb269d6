//! Hard values on their way through the command: refused, or the same wherever they are shown.

use serde_json::value::RawValue;

use crate::bounded;
use crate::support::Place;

const ECHO: &str = r#"
name = "echo"

[steps.said]
run = ["printf", "%s", "${{ input.v | tojson }}"]

[steps.text]
run = ["printf", "%s", "${{ input.v }}"]

[output]
v = "${{ input.v }}"
"#;

/// Values, and what they become; `None`: they are refused.
const VALUES: &[(&str, Option<&str>)] = &[
    ("1e999", None),
    ("[[-1e400]]", None),
    (r#""\ud800""#, None),
    (r#"{"\udfff":1}"#, None),
    ("12345678901234567890123", None),
    ("1.50", Some("1.5")),
    ("1E2", Some("100.0")),
    ("18446744073709551615", Some("18446744073709551615")),
    ("9007199254740993", Some("9007199254740993")),
    ("0.1", Some("0.1")),
];

/// The text of a value in an object, as it was written.
fn field(object: &str, path: &[&str]) -> String {
    let mut text = object.to_owned();
    for name in path {
        let fields: std::collections::BTreeMap<String, Box<RawValue>> =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        fields[*name].get().clone_into(&mut text);
    }
    text
}

#[test]
fn values_are_refused_or_shown_alike_everywhere() {
    let mut wrong = Vec::new();
    for (value, becomes) in VALUES {
        let place = Place::new();
        place.file("echo.toml", ECHO);
        place.file("input.json", &format!("{{\"v\":{value}}}"));
        let ran = bounded(&place, &["run", "echo.toml", "--input", "input.json", "-o", "json"]);
        let Some(becomes) = becomes else {
            if ran.code != 2 || ran.err.len() < 20 {
                wrong.push(format!("{value} is not refused: {} {}", ran.code, ran.err));
            }
            continue;
        };
        assert_eq!(ran.code, 0, "{value}: {}", ran.err);
        let run = crate::support::only_run(&place);
        let shown = bounded(&place, &["show", &run, "--json"]).code(0).out;
        for path in [["input", "v"], ["output", "v"]] {
            let text = field(&shown, &path);
            if text != *becomes {
                wrong.push(format!("{value} is {text} in {path:?} of show --json"));
            }
        }
        for step in ["said", "text"] {
            let log = bounded(&place, &["logs", &run, step]).code(0).out;
            if !log.contains(becomes) || (*value != *becomes && log.contains(value)) {
                wrong.push(format!("{value} is {log:?} in the log of {step}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_input_without_a_type_is_text_unless_it_is_said_to_be_json() {
    let place = Place::new();
    place.file(
        "echo.toml",
        "name = \"echo\"\n[steps.a]\nrun = \"true\"\n[output]\nv = \"${{ input.v }}\"\n",
    );
    for (given, becomes) in [
        ("v=007", r#""007""#),
        ("v=1.50", r#""1.50""#),
        ("v=true", r#""true""#),
        ("v=null", r#""null""#),
        ("v=[1]", r#""[1]""#),
        ("v:=1.50", "1.5"),
        ("v:=true", "true"),
        ("v:={\"a\":[1]}", r#"{"a":[1]}"#),
        ("v:=\"x=y\"", r#""x=y""#),
    ] {
        bounded(&place, &["run", "echo.toml", "-i", given]).code(0);
        let run = bounded(&place, &["runs", "--json"]).code(0).out;
        let run = field(run.lines().next().unwrap(), &["id"]);
        let shown = bounded(&place, &["show", run.trim_matches('"'), "--json"]).code(0).out;
        assert_eq!(field(&shown, &["output", "v"]), becomes, "{given}");
    }
    for refused in ["v:=1e999", "v:=\"\\ud800\"", "v:=nope", "v:=12345678901234567890123"] {
        let answer = bounded(&place, &["run", "echo.toml", "-i", refused]);
        assert_eq!(answer.code, 2, "{refused}: {}", answer.err);
    }
}

#[test]
fn a_constant_that_cannot_be_evaluated_is_a_problem_of_the_file() {
    for expression in [
        "7 is divisibleby(0)",
        "(7 % 0) > 0",
        "(7 // 0) > 0",
        "([1] | batch(0) | list | length) > 0",
    ] {
        let place = Place::new();
        place.file("w.toml", &format!("[steps.a]\nrun = \"true\"\nwhen = \"{expression}\"\n"));
        let answer = bounded(&place, &["check", "w.toml"]);
        assert_eq!(answer.code, 3, "{expression}: {}{}", answer.out, answer.err);
        assert!(answer.err.contains("w.toml") || answer.out.contains("w.toml"), "{expression}");
    }
}

#[test]
fn a_constant_that_takes_long_does_not_hold_a_check_up() {
    let place = Place::new();
    let long = "range(12000) | reject('in', range(12000, 24000)) | list | length > 0";
    place.file("slow.toml", &format!("[steps.a]\nrun = \"true\"\nwhen = \"{long}\"\n"));
    let mut command = std::process::Command::new("timeout");
    command.args(["5", env!("CARGO_BIN_EXE_windlass"), "check", "slow.toml"]);
    let answer = command.current_dir(place.path()).output().unwrap();
    assert!(matches!(answer.status.code(), Some(0 | 3)), "it takes more than 5 s");
}

#[test]
fn a_key_that_is_too_long_is_refused_by_name() {
    let place = Place::new();
    place.file("w.toml", "[steps.a]\nrun = \"true\"\n");
    let key = "k".repeat(100_000);
    let answer = bounded(&place, &["start", "w.toml", "--key", &key]);
    assert_ne!(answer.code, 0);
    assert!(answer.err.contains("key") && answer.err.len() < 1_000, "{}", answer.err);
}
