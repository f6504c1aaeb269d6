//! What can be done to a run that is there: retry, resume, cancel.

use expect_test::{Expect, expect};

use crate::support::{Place, lines, only_run};

fn check(place: &Place, arguments: &str, expected: Expect) {
    expected.assert_eq(&place.call(arguments).shown());
}

#[test]
fn a_failed_run_goes_on_from_where_it_failed() {
    let place = Place::new();
    place.file(
        "flaky.toml",
        "[steps.a]\nrun = \"echo a >> marks\"\n[steps.b]\nrun = \"echo b >> marks; test -e fixed\"\n\
         depends_on = [\"a\"]\n[steps.c]\nrun = \"echo c >> marks\"\ndepends_on = [\"b\"]\n",
    );
    place.call("run flaky.toml").code(1);
    let id = only_run(&place);
    place.file("fixed", "");
    check(
        &place,
        &format!("retry {id} --from nothing"),
        expect![[r#"
        exit 4
        ── stderr
        error: workflow `flaky` has no step `nothing`
        help: its steps are a, b, c
    "#]],
    );
    check(
        &place,
        &format!("retry {id}"),
        expect![[r#"
        exit 0
        ── stdout
        ""
        ── stderr
        flaky · run ID · 3 steps
                  OK [   0.000s] b
                  OK [   0.000s] c
        ────────────────────────────────────────────────
                Done [   0.000s] 3 ok
    "#]],
    );
    assert_eq!(place.read("marks"), "a\nb\nb\nc\n");
    place.call(&format!("retry {id} --from b --trace t.jsonl")).code(0);
    assert_eq!(place.read("marks"), "a\nb\nb\nc\nb\nc\n");
    assert_eq!(lines(&place.read("t.jsonl")).len(), 1 + 3 + 2 + 1);
    place.call(&format!("retry {id} --all")).code(0);
    assert_eq!(place.read("marks"), "a\nb\nb\nc\nb\nc\na\nb\nc\n");
}

#[test]
fn an_accepted_run_waits_until_somebody_resumes_it() {
    let place = Place::new();
    place.file("mark.toml", "[steps.a]\nrun = \"echo a >> marks\"\n");
    let first = place.call("start mark.toml --key one").code(0);
    let again = place.call("start mark.toml --key one").code(0);
    assert_eq!(first.out, again.out);
    assert!(!place.path().join("marks").exists());
    check(
        &place,
        "resume",
        expect![[r#"
        exit 0
        ── stdout
        ""
        ── stderr
        mark · run ID · 1 step
                  OK [   0.000s] a
        ────────────────────────────────────────────────
                Done [   0.000s] 1 ok
    "#]],
    );
    assert_eq!(place.read("marks"), "a\n");
    check(
        &place,
        "resume",
        expect![[r#"
        exit 0
        ── stderr
        no run is unfinished
    "#]],
    );
    check(
        &place,
        &format!("resume {}", first.out.trim()),
        expect![[r#"
            exit 2
            ── stderr
            error: run ID has ended: it succeeded
            help: `windlass retry ID` runs it again
        "#]],
    );
}

#[test]
fn an_accepted_run_can_be_cancelled() {
    let place = Place::new();
    place.file("mark.toml", "[steps.a]\nrun = \"echo a >> marks\"\n");
    let id = place.call("start mark.toml --after 1h").code(0).out;
    check(
        &place,
        &format!("cancel {id} --reason mistake"),
        expect![[r#"
        exit 0
        ── stderr
           Cancelled mark · run ID
    "#]],
    );
    check(
        &place,
        &format!("show {id}"),
        expect![[r#"
            exit 0
            ── stdout
            mark · run ID · 1 step
                accepted DATE TIME by cli
                   ended DATE TIME
               cancelled mistake
                   input {}

               CANCELLED a · the run was cancelled: mistake
            ────────────────────────────────────────────────
               Cancelled [   0.000s] 0 ok, 1 cancelled
              → windlass retry ID
        "#]],
    );
    check(
        &place,
        &format!("cancel {id}"),
        expect![[r#"
            exit 2
            ── stderr
            error: run ID has ended: it was cancelled
        "#]],
    );
    assert!(!place.path().join("marks").exists());
}

#[test]
fn flags_that_make_no_sense_are_usage_errors() {
    let place = Place::new();
    place.call("new hello").code(0);
    check(
        &place,
        "start hello --at noon",
        expect![[r#"
        exit 2
        ── stderr
        error: --at noon is not a time
        help: write 2026-01-31T14:00:00Z
    "#]],
    );
    check(
        &place,
        "start hello --after 5",
        expect![[r#"
        exit 2
        ── stderr
        error: --after 5 is not a duration: `5` has no unit: write `5s` or `5ms`
        help: write 30s or 2h
    "#]],
    );
    check(
        &place,
        "start hello --after 5s --at 2030-01-01T00:00:00Z",
        expect![[r#"
        exit 2
        ── stderr
        error: the argument '--after <DURATION>' cannot be used with '--at <TIME>'

        Usage: windlass start --after <DURATION> <FILE|NAME>

        For more information, try '--help'.
    "#]],
    );
}
