//! `windlass run` and what looks at runs: output, exit codes, views, traces.

use expect_test::{Expect, expect};
use serde_json::Value;

use crate::support::{Place, lines, only_run, redact_table};

/// Every way in which a step can end.
const MIXED: &str = r#"
name = "mixed"
max_parallel = 1

[steps.ship]
run   = "echo 'no such label' >&2; exit 3"
retry = { attempts = 2, delay = "300ms", jitter = "none" }

[steps.notify]
run        = "true"
depends_on = ["ship"]

[steps.mail]
run           = "exit 1"
allow_failure = true

[steps.maybe]
run  = "true"
when = "false"

[steps.report]
run        = "echo $WINDLASS_STEP"
depends_on = ["mail", "maybe"]
"#;

fn check(place: &Place, arguments: &str, expected: Expect) {
    expected.assert_eq(&place.call(arguments).shown());
}

fn check_table(place: &Place, arguments: &str, expected: Expect) {
    expected.assert_eq(&redact_table(&place.call(arguments).shown()));
}

#[test]
fn a_run_that_succeeds_prints_its_output() {
    let place = Place::new();
    place.call("new hello").code(0);
    check(
        &place,
        "run hello -i name=Ada",
        expect![[r#"
        exit 0
        ── stdout
        {"greeting":"Hello, Ada!","characters":11}
        ── stderr
        hello · run ID · 2 steps
                  OK [   0.000s] greet
                  OK [   0.000s] count
        ────────────────────────────────────────────────
                Done [   0.000s] 2 ok
    "#]],
    );
}

#[test]
fn quiet_leaves_only_the_output() {
    let place = Place::new();
    place.call("new hello").code(0);
    check(
        &place,
        "run hello.toml -q",
        expect![[r#"
        exit 0
        ── stdout
        {"greeting":"Hello, world!","characters":13}
    "#]],
    );
}

#[test]
fn a_run_that_fails_says_why_and_what_to_do_next() {
    let place = Place::new();
    place.file("mixed.toml", MIXED);
    check(
        &place,
        "run mixed.toml",
        expect![[r#"
            exit 1
            ── stderr
            mixed · run ID · 5 steps
                 SKIPPED maybe its `when` is false
                   RETRY ship attempt 1 · exit:3: no such label · waiting 300ms
                  FAILED [   0.000s] mail (allowed) · exit code 1
                      OK [   0.000s] report
                  FAILED [   0.000s] ship (2 attempts) · exit:3: no such label
                 BLOCKED notify needs ship
            ────────────────────────────────────────────────
                  Failed [   0.000s] 1 ok, 1 failed → dead letter, 1 failed (allowed), 1 skipped, 1 blocked
              ship: exit:3: no such label (2 attempts)
                │ no such label
                │ ── attempt 2 ──
                │ no such label
              mail: exit code 1 (1 attempt)
              why blocked: notify: step `ship` failed
              → windlass retry ID      → windlass logs ID ship
        "#]],
    );
    check_table(
        &place,
        "runs status:failed",
        expect![[r#"
            exit 0
            ── stdout
            RUN WORKFLOW STATE STARTED TOOK
            ID mixed failed AGE ago AGE step `ship` failed: no such label
        "#]],
    );
    check(
        &place,
        "runs status:succeeded",
        expect![[r#"
        exit 0
        ── stderr
        no run fits
    "#]],
    );
    let id = only_run(&place);
    check(
        &place,
        &format!("show {id}"),
        expect![[r#"
            exit 0
            ── stdout
            mixed · run ID · 5 steps
                accepted DATE TIME by cli
                   ended DATE TIME
                   input {}

                  FAILED [   0.000s] ship · 2 attempts · no such label
                 BLOCKED notify · step `ship` failed
                  FAILED [   0.000s] mail · allowed · exit code 1
                 SKIPPED maybe · `when` is false
                      OK [   0.000s] report
            ────────────────────────────────────────────────
                  Failed [   0.000s] 1 ok, 1 failed → dead letter, 1 failed (allowed), 1 skipped, 1 blocked
              ship: exit:3: no such label (2 attempts)
                │ no such label
                │ ── attempt 2 ──
                │ no such label
              mail: exit code 1 (1 attempt)
              why blocked: notify: step `ship` failed
              → windlass retry ID      → windlass logs ID ship
        "#]],
    );
    check(
        &place,
        &format!("logs {} ship", &id[..13]),
        expect![[r#"
        exit 0
        ── stdout
        no such label
        ── attempt 2 ──
        no such label
    "#]],
    );
}

#[test]
fn events_as_json_have_a_version_and_end_with_the_result() {
    let place = Place::new();
    place.file("mixed.toml", MIXED);
    let answer = place.call("run mixed.toml -o json").code(1);
    assert_eq!(answer.err, "");
    let events = lines(&answer.out);
    assert!(events.iter().all(|event| event["v"] == 1 && event["run"].is_string()));
    let mut types: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(types.pop(), Some("result"));
    assert_eq!(types.pop(), Some("run_ended"));
    // An attempt that has ended when it is first looked at never was under way: it is not told.
    types.retain(|kind| *kind != "step_started");
    types.sort_unstable();
    expect![
        "run_began step_blocked step_failed step_failed step_retries step_skipped step_succeeded"
    ]
    .assert_eq(&types.join(" "));
}

#[test]
fn a_trace_has_every_attempt_and_what_never_ran() {
    let place = Place::new();
    place.file("mixed.toml", MIXED);
    place.call("run mixed.toml --trace t.jsonl").code(1);
    let mut trace = lines(&place.read("t.jsonl"));
    for line in trace.iter_mut().filter(|line| line["start"].is_f64()) {
        assert!(line["start"].as_f64() <= line["finish"].as_f64(), "{line}");
        line["start"] = 0.into();
        line["finish"] = 0.into();
    }
    let shown: Vec<String> = trace.iter().map(Value::to_string).collect();
    expect![[r#"
        {"step":"ship","attempt":1,"start":0,"finish":0,"state":"failed","class":"exit:3","message":"no such label"}
        {"step":"ship","attempt":2,"start":0,"finish":0,"state":"failed","class":"exit:3","message":"no such label"}
        {"step":"notify","state":"blocked"}
        {"step":"mail","attempt":1,"start":0,"finish":0,"state":"failed","class":"exit:1","message":"exit code 1"}
        {"step":"maybe","state":"skipped"}
        {"step":"report","attempt":1,"start":0,"finish":0,"state":"succeeded"}
        {"dlq":"ship"}
        {"workflow":"failed"}"#]].assert_eq(&shown.join("\n"));
    let id = only_run(&place);
    place.call(&format!("show {id} --trace again.jsonl")).code(0);
    assert_eq!(place.read("again.jsonl"), place.read("t.jsonl"));
}

#[test]
fn the_input_is_checked_before_anything_is_accepted() {
    let place = Place::new();
    place.call("new order").code(0);
    check(
        &place,
        "run order -i total=none -i email=x",
        expect![[r#"
            exit 2
            ── stderr
            error: the input does not fit workflow `order`
              order_id: missing
              email: expected an e-mail address, found "x"
              total: expected a number, found "none"
            help: give it with -i key=value (-i key:=JSON for JSON), or as a file with --input
        "#]],
    );
    assert!(!place.path().join(".windlass/runs").exists());
    check(
        &place,
        "run order -i order_id",
        expect![[r#"
            exit 2
            ── stderr
            error: -i order_id is not KEY=VALUE
            help: write -i name=Ada, or -i count:=3 for JSON
        "#]],
    );
    place.file("in.json", "[1]");
    check(
        &place,
        "run order --input in.json -i a=1",
        expect![[r#"
        exit 2
        ── stderr
        error: the file of --input is not a JSON object, so that -i cannot add to it
    "#]],
    );
    check(
        &place,
        "run order --input no.json",
        expect![[r#"
        exit 4
        ── stderr
        error: the input no.json cannot be read: No such file or directory (os error 2)
    "#]],
    );
}

#[test]
fn a_dry_run_runs_nothing() {
    let place = Place::new();
    place.call("new order").code(0);
    check(
        &place,
        "run order --dry-run -i order_id=7 -i total=9.5",
        expect![[r#"
        exit 0
        ── stdout
        order would run 8 steps in 5 waves
           1  validate run
           2  reserve run · 4 tries
           2  review run · when
           3  charge run · 4 tries
           4  email run · may fail
           4  invoice run
           4  ship run
           5  record run · settled
        input {"order_id":"7","email":"ada@example.com","total":9.5}
    "#]],
    );
    check(
        &place,
        "run order --dry-run",
        expect![[r#"
            exit 2
            ── stderr
            error: the input does not fit workflow `order`
              order_id: missing
              total: missing
            help: give it with -i key=value (-i key:=JSON for JSON), or as a file with --input
        "#]],
    );
    assert!(!place.path().join(".windlass").exists());
}

#[test]
fn what_cannot_run_is_refused() {
    let place = Place::new();
    place.file("task.toml", "[steps.a]\ntask = \"mail.send\"\n");
    check(
        &place,
        "run task.toml",
        expect![[r#"
        exit 3
        ── stderr
        error[unknown-task]: step `a` calls the task `mail.send`, which is not registered
         --> task.toml:2:8
          |
        2 | task = "mail.send"
          |        ^^^^^^^^^^^ not registered
        error: task.toml has 1 error
    "#]],
    );
    check(
        &place,
        "run nothing",
        expect![[r#"
        exit 4
        ── stderr
        error: there is no workflow `nothing`: neither nothing.toml nor workflows/nothing.toml exists
        help: give the path of a workflow file, or write one with `windlass new`
    "#]],
    );
}

#[test]
fn a_run_out_of_time_has_its_own_exit_code() {
    let place = Place::new();
    place.file("late.toml", "timeout = \"50ms\"\n[steps.a]\nsleep = \"1h\"\n");
    check(
        &place,
        "run late.toml",
        expect![[r#"
        exit 6
        ── stderr
        warning[timeout-cannot-fit]: step `a`: `sleep` of 1h cannot fit: the whole run has 50ms
         --> late.toml:3:9
          |
        1 | timeout = "50ms"
          |           ------ the whole run
        2 | [steps.a]
        3 | sleep = "1h"
          |         ^^^^ longer than the run
          |
          = help: shorten it, or give the run more time
        late · run ID · 1 step
            STOPPING the run's time was up
           CANCELLED a
        ────────────────────────────────────────────────
              Failed [   0.000s] 0 ok, 1 cancelled
          timeout: the run did not end within 50ms
          → windlass retry ID
    "#]],
    );
}

#[test]
fn nothing_in_a_message_can_move_the_cursor() {
    let place = Place::new();
    place.file("evil.toml", "[steps.a]\nrun = \"printf '\\\\033[2Jgone\\\\r' >&2; exit 1\"\n");
    let answer = place.call("run evil.toml").code(1);
    assert!(!answer.err.contains('\u{1b}') && !answer.err.contains('\r'), "{:?}", answer.err);
    assert!(answer.err.contains("\\u{1b}[2Jgone"), "{}", answer.err);
}

#[test]
fn colour_can_be_forced_and_refused() {
    let place = Place::new();
    place.call("new hello").code(0);
    let forced = place.command("run hello").env("CLICOLOR_FORCE", "1").output().unwrap();
    assert!(forced.stderr.contains(&0x1b) && !forced.stdout.contains(&0x1b));
    let refused = place
        .command("run hello")
        .env("CLICOLOR_FORCE", "1")
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    assert!(!refused.stderr.contains(&0x1b));
}
