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
        error: --set is not JSON: expected ident at line 1 column 2
        help: write --set '{"key": 1}'
    "#]],
    );
    let replayed = place.call(&format!("dlq replay {id} --set {{\"ok\":\"yes\"}}")).code(1);
    assert!(replayed.err.contains("OK [") && replayed.err.contains("other"), "{}", replayed.err);
    assert_eq!(letters(&place).len(), 3);
}
