//! Every example runs, and prints what it promises.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::PathBuf;
use std::process::Command;

use expect_test::{Expect, expect};

/// Runs an example; `cargo test` has built it beside this test.
fn check(name: &str, expected: Expect) {
    let built = std::env::current_exe().unwrap();
    let built: PathBuf = built.ancestors().nth(2).unwrap().join("examples").join(name);
    let mut command = if built.exists() {
        Command::new(built)
    } else {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["run", "--quiet", "--offline", "--example", name]);
        cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
        cargo
    };
    let output = command.output().unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    expected.assert_eq(&String::from_utf8(output.stdout).unwrap());
}

#[test]
fn embed() {
    check(
        "embed",
        expect![[r#"
            charging with key …/charge
            mail: Order 7: 750 cents
            order 7 for 750 cents
        "#]],
    );
}

#[test]
fn retry_by_class() {
    check(
        "retry_by_class",
        expect![[r#"
            try 1
            try 2
            try 3
            try 4
            fetched: the page
        "#]],
    );
}

#[test]
fn fan_out() {
    check(
        "fan_out",
        expect![[r#"
            album: harbour-small.jpg, crane-small.jpg, rope-small.jpg, mill-small.jpg
        "#]],
    );
}

#[test]
fn resume_after_crash() {
    check(
        "resume_after_crash",
        expect![[r#"
            first life
              download
              convert
            it ended in the middle
            second life
              convert
              publish
            the run has succeeded
        "#]],
    );
}

#[test]
fn dead_letters() {
    check(
        "dead_letters",
        expect![[r#"
            the run has failed
            1 dead letter of step label: closed
            label 7 is on its way
            0 dead letters left
        "#]],
    );
}

#[test]
fn idempotency() {
    check(
        "idempotency",
        expect![[r#"
            welcome mail sent
            the same run: true
            refused: the key is that of the first run: true
        "#]],
    );
}

#[test]
fn paused_time_test() {
    check(
        "paused_time_test",
        expect![[r#"
            the run took 84 hours of the paused clock
        "#]],
    );
}

#[test]
fn dag_in_rust() {
    check(
        "dag_in_rust",
        expect![[r#"
            name = "report"

            [steps.north]
            task = "sales"
            with = { region = "north" }

            [steps.south]
            task = "sales"
            with = { region = "south" }

            [steps.west]
            task = "sales"
            with = { region = "west" }

            [steps.total]
            task = "total"
            depends_on = ["north", "south", "west"]

            total: 1400
        "#]],
    );
}

#[test]
fn every_example_is_run_here() {
    let named = include_str!("examples.rs");
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples");
    for entry in folder.read_dir().unwrap() {
        let name = entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned();
        assert!(named.contains(&format!("fn {name}()")), "{name} is not run");
    }
}
