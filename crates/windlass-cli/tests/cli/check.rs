//! `windlass check`: every problem of every file in one pass.

use expect_test::{Expect, expect};

use crate::support::Place;

/// One file with ten different mistakes.
const TEN: &str = r#"name = "ten"
schedual = "0 2 * * *"
timeout = 30

[input]
amount = "decimal"

[steps.fetch]
run = "curl https://example.com"
task = "also.a.task"

[steps.clean]
run = "clean ${{ steps.fetsh.output }}"
depends_on = ["fetch", "nowhere"]

[steps.load]
run = "load ${{ input.amonut }}"
depends_on = ["clean", "notify"]
retry = { attempts = 0 }

[steps.notify]
run = "notify"
depends_on = ["load"]
when = "steps.load.output >"
"#;

fn check(place: &Place, arguments: &str, expected: Expect) {
    expected.assert_eq(&place.call(arguments).shown());
}

#[test]
fn ten_mistakes_are_ten_errors() {
    let place = Place::new();
    place.file("ten.toml", TEN);
    check(
        &place,
        "check ten.toml",
        expect![[r#"
        exit 3
        ── stdout
        error[unknown-key]: unknown key `schedual` in workflow
         --> ten.toml:2:1
          |
        2 | schedual = "0 2 * * *"
          | ^^^^^^^^ not a workflow key
          |
          = help: did you mean `on.schedule`?

        error[wrong-type]: `timeout` must be a duration such as "30s", not the number 30
         --> ten.toml:3:11
          |
        3 | timeout = 30
          |           ^^ this is the number 30
          |
          = help: add a unit: "30s"

        error[unknown-value]: input `amount`: unknown type `decimal`
         --> ten.toml:6:10
          |
        6 | amount = "decimal"
          |          ^^^^^^^^^ not a value of `type`
          |
          = help: allowed: `string`, `number`, `integer`, `boolean`, `array`, `object`, `date`, `datetime` or `any`

        error[several-verbs]: step `fetch` has two verbs: `run` and `task`
          --> ten.toml:10:1
           |
         9 | run = "curl https://example.com"
           | --- the first
        10 | task = "also.a.task"
           | ^^^^ the second
           |
           = help: make two steps of it

        error[unknown-step]: step `clean` reads `steps.fetsh`, but there is no step `fetsh`
          --> ten.toml:13:18
           |
        13 | run = "clean ${{ steps.fetsh.output }}"
           |                  ^^^^^^^^^^^^^^^^^^ not a step
           |
           = help: did you mean `fetch`?

        error[unknown-step]: step `clean` waits for `nowhere`, which does not exist
          --> ten.toml:14:24
           |
        14 | depends_on = ["fetch", "nowhere"]
           |                        ^^^^^^^^^ not a step

        error[unknown-input]: step `load` reads `input.amonut`, which `[input]` does not have
          --> ten.toml:17:17
           |
        17 | run = "load ${{ input.amonut }}"
           |                 ^^^^^^^^^^^^ not an input
           |
           = help: did you mean `amount`?

        error[cycle]: steps wait for each other in a circle: notify → load
          --> ten.toml:18:24
           |
        18 | depends_on = ["clean", "notify"]
           |                        ^^^^^^^^ `load` waits for `notify`
        ...
        23 | depends_on = ["load"]
           |               ------ `notify` waits for `load`
           |
           = help: remove one of these

        error[out-of-range]: step `load`: `retry.attempts` must be at least 1
          --> ten.toml:19:22
           |
        19 | retry = { attempts = 0 }
           |                      ^ no try at all
           |
           = help: `attempts` counts all tries, the first included

        error[bad-expression]: step `notify`: the expression ends where a value is missing
          --> ten.toml:24:28
           |
        24 | when = "steps.load.output >"
           |                            ^ here

        ── stderr
             Checked 1 file, 10 errors, 0 warnings
    "#]],
    );
}

#[test]
fn problems_as_json_are_one_object_a_line() {
    let place = Place::new();
    place.file("ten.toml", TEN);
    let answer = place.call("check --format json ten.toml").code(3);
    let codes: Vec<String> = answer
        .out
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["code"].to_string())
        .collect();
    assert_eq!(codes.len(), 10, "{codes:?}");
}

#[test]
fn problems_as_annotations_for_github() {
    let place = Place::new();
    place.file("bad.toml", "[steps.a]\nrun = \"true\"\nretires = 3\n");
    check(
        &place,
        "check --format github bad.toml",
        expect![[r#"
        exit 3
        ── stdout
        ::error file=bad.toml,line=3,endLine=3,col=1,endColumn=8,title=unknown-key::unknown key `retires` in step `a`%0Ahelp: did you mean `retry.attempts`?
    "#]],
    );
}

#[test]
fn a_folder_is_searched_and_foreign_files_are_left_out() {
    let place = Place::new();
    place.file("flows/a.toml", "[steps.a]\nrun = \"true\"\n");
    place.file("flows/deep/b.toml", "[steps.b]\nrun = \"true\"\n");
    place.file("flows/Cargo.toml", "[package]\n");
    place.file("flows/.hidden/c.toml", "nonsense");
    check(
        &place,
        "check -v flows",
        expect![[r#"
        exit 0
        ── stderr
                  OK flows/a.toml
                  OK flows/deep/b.toml
             Checked 2 files, no problems
    "#]],
    );
}

#[test]
fn the_settings_of_the_engine_are_checked_as_such() {
    let place = Place::new();
    place.file("engine.toml", "[queues.slow]\nworkers = 0\n");
    check(
        &place,
        "check engine.toml",
        expect![[r#"
        exit 3
        ── stdout
        error[out-of-range]: queue `slow`: `workers` must be at least 1
         --> engine.toml:2:11
          |
        2 | workers = 0
          |           ^ too small

        ── stderr
             Checked 1 file, 1 error, 0 warnings
    "#]],
    );
}

#[test]
fn a_bad_file_does_not_hide_the_others() {
    let place = Place::new();
    place.file("a.toml", "[steps.a\n");
    place.file("b.toml", "[steps.b]\nrun = \"true\"\n");
    check(
        &place,
        "check .",
        expect![[r#"
        exit 3
        ── stdout
        error[syntax]: this is not TOML: unclosed table, expected `]`
         --> a.toml:1:9
          |
        1 | [steps.a
          |         ^ here

        ── stderr
             Checked 2 files, 1 error, 0 warnings
    "#]],
    );
}

#[test]
fn what_is_not_there_is_said() {
    let place = Place::new();
    std::fs::create_dir(place.path().join("empty")).unwrap();
    check(
        &place,
        "check nothing.toml",
        expect![[r#"
        exit 4
        ── stderr
        error: there is no file nothing.toml
        help: `windlass new` writes one to start from
    "#]],
    );
    check(
        &place,
        "check empty",
        expect![[r#"
        exit 4
        ── stderr
        error: there is no *.toml in empty
        help: `windlass new` writes a workflow to start from
    "#]],
    );
    check(
        &place,
        "graph nothing",
        expect![[r#"
        exit 4
        ── stderr
        error: there is no workflow `nothing`: neither nothing.toml nor workflows/nothing.toml exists
        help: give the path of a workflow file, or write one with `windlass new`
    "#]],
    );
}

#[test]
fn text_that_is_no_utf_8_is_said() {
    let place = Place::new();
    std::fs::write(place.path().join("x.toml"), b"name = \"x\"\n# \xff\n").unwrap();
    check(
        &place,
        "check x.toml",
        expect![[r#"
        exit 3
        ── stderr
        error: x.toml is not UTF-8 text: byte 13, in line 2
        help: save the file as UTF-8
             Checked 0 files, 1 not read
    "#]],
    );
}

#[test]
fn tasks_can_be_named() {
    let place = Place::new();
    place.file("t.toml", "[steps.a]\ntask = \"mail.send\"\n[steps.b]\ntask = \"mail.sned\"\n");
    place.call("check t.toml").code(0);
    check(
        &place,
        "check --tasks mail.send t.toml",
        expect![[r#"
        exit 3
        ── stdout
        error[unknown-task]: step `b` calls the task `mail.sned`, which is not registered
         --> t.toml:4:8
          |
        4 | task = "mail.sned"
          |        ^^^^^^^^^^^ not registered
          |
          = help: did you mean `mail.send`?

        ── stderr
             Checked 1 file, 1 error, 0 warnings
    "#]],
    );
}

#[test]
fn colour_goes_only_where_it_is_wanted() {
    let place = Place::new();
    place.file("bad.toml", "[steps.a]\n");
    let plain = place.call("check bad.toml");
    assert!(!plain.out.contains('\u{1b}') && !plain.err.contains('\u{1b}'));
    let forced = place.command("check bad.toml").env("CLICOLOR_FORCE", "1").output().unwrap();
    assert!(forced.stdout.contains(&0x1b) && forced.stderr.contains(&0x1b));
    let refused = place
        .command("check bad.toml")
        .env("CLICOLOR_FORCE", "1")
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    assert!(!refused.stdout.contains(&0x1b) && !refused.stderr.contains(&0x1b));
}

#[test]
fn codes_are_explained() {
    let place = Place::new();
    check(
        &place,
        "explain unknown-key",
        expect![[r#"
            exit 0
            ── stdout
            unknown-key

            A key that the format does not have at this place. Unknown keys are refused, never ignored: a misspelt
            `timeout` that does nothing is found on the worst of days.

            Wrong:

                [steps.a]
                run = "true"
                timeot = "5s"

            Right:

                [steps.a]
                run = "true"
                timeout = "5s"
        "#]],
    );
    check(
        &place,
        "explain no-such-code",
        expect![[r#"
        exit 4
        ── stderr
        error: there is no code `no-such-code`
        help: `windlass explain` lists all codes
    "#]],
    );
    let list = place.call("explain").code(0).out;
    assert!(list.lines().count() > 10 && list.contains("unknown-key"), "{list}");
}
