//! Dead letters from the terminal.

use expect_test::{Expect, expect};
use serde_json::Value;

use crate::support::{Place, redact_table};

const FAN: &str = r#"
name = "fan"

[input]
ok = { type = "string", default = "no" }

[steps.each]
for_each = "['a1', 'b2', 'c3']"
run      = "echo 'bad item' >&2; test ${{ item }} = x || exit 3"

[steps.other]
run = "test -e fixed || test ${{ input.ok }} = yes"
"#;

fn failed() -> Place {
    let place = Place::new();
    place.file("fan.toml", FAN);
    place.call("run fan.toml").code(1);
    place
}

fn letters(place: &Place) -> Vec<Value> {
    let out = place.call("dlq ls --flat --json").code(0).out;
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn check(place: &Place, arguments: &str, expected: Expect) {
    expected.assert_eq(&redact_table(&place.call(arguments).shown()));
}

#[test]
fn letters_are_grouped_by_cause() {
    let place = failed();
    check(
        &place,
        "dlq",
        expect![[r#"
            exit 0
            ── stdout
            CAUSE WORKFLOW STEP COUNT CLASS MESSAGE OLDEST NEWEST
            ID fan each 3 exit:3 bad item AGE ago AGE ago
            ID fan other 1 exit:1 exit code 1 AGE ago AGE ago

            windlass dlq show CAUSE · replay CAUSE · drop CAUSE
        "#]],
    );
    assert_eq!(letters(&place).len(), 4);
    let filtered = place.call("dlq ls step:other --flat --json").code(0);
    assert_eq!(filtered.out.lines().count(), 1);
    check(
        &place,
        "dlq ls step",
        expect![[r#"
        exit 2
        ── stderr
        error: `step` is not a filter of dead letters
        help: write workflow:order, step:ship, class:timeout, queue:default or run:ID
    "#]],
    );
}

/// Two bodies have a step `check` each; one of them stands in a body within a body.
const NESTED: &str = r#"
name = "nested"

[steps.files]
for_each = "['a', 'b']"

[steps.files.steps.lines]
for_each = "[1, 2]"

[steps.files.steps.lines.steps.check]
run = "exit 3"

[steps.tables]
[steps.tables.steps.check]
run = "exit 3"
"#;

#[test]
fn a_step_in_a_body_is_named_by_its_path() {
    let place = Place::new();
    place.file("nested.toml", NESTED);
    place.call("run nested.toml").code(1);
    let expected = expect![[r#"
        exit 0
        ── stdout
        CAUSE WORKFLOW STEP COUNT CLASS MESSAGE OLDEST NEWEST
        ID nested files.lines.check 4 exit:3 exit code 3 AGE ago AGE ago
        ID nested tables.check 1 exit:3 exit code 3 AGE ago AGE ago

        windlass dlq show CAUSE · replay CAUSE · drop CAUSE
    "#]];
    check(&place, "dlq", expected);
    let paths =
        letters(&place).into_iter().map(|letter| letter["path"].as_str().unwrap().to_owned());
    let mut paths: Vec<_> = paths.collect();
    paths.sort();
    let bodies = ["[0].lines[0]", "[0].lines[1]", "[1].lines[0]", "[1].lines[1]"];
    let mut expected: Vec<_> = bodies.map(|body| format!("files{body}.check")).into();
    expected.push("tables.check".to_owned());
    assert_eq!(paths, expected);
    // What is shown is what a filter takes; a bare id fits every body.
    for (step, count) in [("files.lines.check", 4), ("tables.check", 1), ("check", 5), ("lines", 0)]
    {
        let out = place.call(&format!("dlq ls step:{step} --flat --json")).code(0).out;
        assert_eq!(out.lines().count(), count, "step:{step}");
    }
}

#[test]
fn a_letter_has_its_input_and_all_its_attempts() {
    let place = failed();
    let letter = letters(&place).into_iter().find(|l| l["item"] == 1).unwrap();
    assert_eq!(letter["class"], "exit:3");
    let shown = place.call(&format!("dlq show {}", letter["id"].as_str().unwrap())).code(0);
    assert!(shown.out.contains("each[1] of fan") && shown.out.contains("b2"), "{}", shown.out);
    check(
        &place,
        "dlq show ffff",
        expect![[r#"
        exit 4
        ── stderr
        error: there is no dead letter ffff
        help: `windlass dlq` lists all dead letters
    "#]],
    );
}

#[test]
fn a_replayed_letter_takes_its_run_on() {
    let place = failed();
    place.file("fixed", "");
    let out = place.call("dlq replay step:other").code(1);
    assert!(out.err.contains("OK [") && out.err.contains("other"), "{}", out.err);
    assert_eq!(letters(&place).len(), 3);
}

#[test]
fn several_letters_need_a_yes() {
    let place = failed();
    check(
        &place,
        "dlq drop workflow:fan",
        expect![[r#"
        exit 2
        ── stderr
        error: this would drop 4 dead letters
        help: add -y to do so without being asked
    "#]],
    );
    assert_eq!(letters(&place).len(), 4);
    check(
        &place,
        "dlq drop workflow:fan -y",
        expect![[r#"
        exit 0
        ── stderr
        Dropped 4 dead letters
    "#]],
    );
    assert_eq!(letters(&place).len(), 0);
    check(
        &place,
        "dlq",
        expect![[r#"
        exit 0
        ── stderr
        no dead letters
    "#]],
    );
    check(
        &place,
        "dlq drop workflow:fan",
        expect![[r#"
        exit 4
        ── stderr
        error: no dead letter fits
        help: `windlass dlq` lists all dead letters
    "#]],
    );
}

#[test]
fn a_letter_can_be_replayed_with_another_input() {
    let place = failed();
    let letter = letters(&place).into_iter().find(|l| l["step"] == "other").unwrap();
    let id = letter["id"].as_str().unwrap();
    check(
        &place,
        &format!("dlq replay {id} --set nonsense"),
        expect![[r#"
            exit 2
            ── stderr
            error: --set is not JSON: expected a value, found `n` (line 1, column 1, byte 0)
            help: write --set '{"key": 1}'
        "#]],
    );
    let replayed = place.call(&format!("dlq replay {id} --set {{\"ok\":\"yes\"}}")).code(1);
    assert!(replayed.err.contains("OK [") && replayed.err.contains("other"), "{}", replayed.err);
    assert_eq!(letters(&place).len(), 3);
}
