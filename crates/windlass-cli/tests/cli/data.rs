//! The data folder: missing, locked, foreign, damaged; what `db` says of it.

use expect_test::{Expect, expect};

use crate::support::{Place, redact};

fn check(place: &Place, arguments: &str, expected: Expect) {
    expected.assert_eq(&place.call(arguments).shown());
}

#[test]
fn verbs_that_look_make_no_folder() {
    let place = Place::new();
    for verb in ["runs", "show 01", "logs 01", "dlq", "resume", "retry 01", "cancel 01", "db stats"]
    {
        let answer = place.call(verb).code(4);
        assert!(answer.err.contains("there is no data folder .windlass"), "{verb}: {}", answer.err);
    }
    assert!(!place.path().join(".windlass").exists());
}

#[test]
fn runs_are_named_by_the_beginning_of_their_id() {
    let place = Place::new();
    place.call("new hello").code(0);
    place.call("run hello").code(0);
    check(
        &place,
        "show ffffffff",
        expect![[r#"
        exit 4
        ── stderr
        error: there is no run ffffffff
        help: `windlass runs` lists all runs
    "#]],
    );
    check(
        &place,
        "show 01a20319-5e3f-7ab4-923b-a5de7190e940",
        expect![[r#"
        exit 4
        ── stderr
        error: there is no run ID
        help: `windlass runs` lists all runs
    "#]],
    );
    check(
        &place,
        "show xyz",
        expect![[r#"
        exit 2
        ── stderr
        error: `xyz` is not the id of a run
        help: `windlass runs` lists all runs
    "#]],
    );
    place.call("run hello").code(0);
    let several = place.call("show 0").code(2);
    assert!(several.err.contains("2 runs begin with 0"), "{}", several.err);
}

#[test]
fn a_file_is_no_data_folder() {
    let place = Place::new();
    place.call("new hello").code(0);
    place.file("data", "");
    let answer = place.call("run hello --data data").code(1);
    expect![[r#"
        error: the journal data cannot be written: it is not a folder; name another one with --data
    "#]]
    .assert_eq(&redact(&answer.err));
}

#[test]
fn a_folder_of_a_newer_version_is_left_alone() {
    let place = Place::new();
    place.call("new hello").code(0);
    place.call("run hello").code(0);
    let format = place.read(".windlass/FORMAT");
    let newer: String = format.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    place.file(".windlass/FORMAT", &newer);
    let answer = place.call("runs").code(1);
    expect![[r#"
        error: the data folder .windlass has format 9, and this windlass reads up to 3; use a newer windlass
    "#]].assert_eq(&redact(&answer.err));
}

#[test]
fn a_damaged_journal_is_reported() {
    let place = Place::new();
    place.call("new hello").code(0);
    place.call("run hello").code(0);
    place.file(".windlass/journal.redb", "this is no journal");
    let answer = place.call("runs").code(1);
    assert!(answer.err.contains("is damaged"), "{}", answer.err);
    assert!(answer.err.contains("restore a backup"), "{}", answer.err);
}

#[test]
fn db_counts_checks_and_copies() {
    let place = Place::new();
    place.call("new hello").code(0);
    place.call("run hello").code(0);
    let stats: serde_json::Value =
        serde_json::from_str(&place.call("db stats --json").code(0).out).unwrap();
    assert_eq!((&stats["v"], &stats["archived"]), (&1.into(), &1.into()), "{stats}");
    let checked = place.call("db check").code(0);
    assert!(checked.err.contains("nothing damaged"), "{}", checked.err);
    place.call("db backup copy").code(0);
    assert!(place.call("runs --data copy").code(0).out.contains("hello"));
    check(
        &place,
        "db backup copy",
        expect![[r#"
        exit 2
        ── stderr
        error: copy exists already
        help: name a folder that is not there yet
    "#]],
    );
}
