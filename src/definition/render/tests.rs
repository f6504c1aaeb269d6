use expect_test::{Expect, expect};

use super::*;
use crate::definition::parse;

const TEXT: &str = "schedual = \"0 2 * * *\"\n[steps.a]\nrun = 'true'\ntask = 'x'\n";

fn check(text: &str, format: Format, expected: Expect) {
    let problems = parse("order.toml", text).diagnostics;
    expected.assert_eq(&render("order.toml", text, &problems, format));
}

#[test]
fn a_person_sees_the_lines() {
    check(
        TEXT,
        Format::Human { color: false },
        expect![[r#"
            error[unknown-key]: unknown key `schedual` in workflow
             --> order.toml:1:1
              |
            1 | schedual = "0 2 * * *"
              | ^^^^^^^^ not a workflow key
              |
              = help: did you mean `on.schedule`?

            error[several-verbs]: step `a` has two verbs: `run` and `task`
             --> order.toml:4:1
              |
            3 | run = 'true'
              | --- the first
            4 | task = 'x'
              | ^^^^ the second
              |
              = help: make two steps of it

        "#]],
    );
}

#[test]
fn colours_are_a_choice() {
    check(
        "[steps.a]\nrun = 1\n",
        Format::Human { color: true },
        expect![[r#"
        [1m[91merror[wrong-type][0m[1m: step `a`: `run` must be a shell command, or a list of a program and its arguments, not the number 1[0m
         [1m[94m--> [0morder.toml:2:7
          [1m[94m|[0m
        [1m[94m2[0m [1m[94m|[0m run = 1
          [1m[94m|[0m       [1m[91m^[0m [1m[91mthis is the number 1[0m

    "#]],
    );
}

#[test]
fn a_program_sees_one_object_a_line() {
    check(
        TEXT,
        Format::Json,
        expect![[r#"
            {"v":1,"code":"unknown-key","severity":"error","message":"unknown key `schedual` in workflow","file":"order.toml","line":1,"column":1,"end_line":1,"end_column":9,"label":"not a workflow key","related":[],"help":"did you mean `on.schedule`?"}
            {"v":1,"code":"several-verbs","severity":"error","message":"step `a` has two verbs: `run` and `task`","file":"order.toml","line":4,"column":1,"end_line":4,"end_column":5,"label":"the second","related":[{"line":3,"column":1,"end_line":3,"end_column":4,"label":"the first"}],"help":"make two steps of it"}
        "#]],
    );
}

#[test]
fn a_pull_request_gets_notes() {
    check(
        TEXT,
        Format::Github,
        expect![[r#"
            ::error file=order.toml,line=1,endLine=1,col=1,endColumn=9,title=unknown-key::unknown key `schedual` in workflow%0Ahelp: did you mean `on.schedule`?
            ::error file=order.toml,line=4,endLine=4,col=1,endColumn=5,title=several-verbs::step `a` has two verbs: `run` and `task`%0Ahelp: make two steps of it
        "#]],
    );
    let problem = Diagnostic::error("syntax", "50% of\r\nlines: all, wrong", 0..1);
    expect![[r#"
        ::error file=a%2Cb%3Ac.toml,line=1,endLine=1,col=1,endColumn=2,title=syntax::50%25 of%0D%0Alines: all, wrong
    "#]].assert_eq(&render("a,b:c.toml", "x", &[problem], Format::Github));
}

#[test]
fn places_far_apart_are_drawn_apart() {
    let text = format!("[steps.a]\nrun = 'a'\n{}[steps.a]\nrun = 'b'\n", "#\n".repeat(5_000));
    check(
        &text,
        Format::Human { color: false },
        expect![[r#"
            error[duplicate-key]: step `a` is defined twice
                --> order.toml:5003:8
                 |
            5003 | [steps.a]
                 |        ^ again
                 |
                ::: order.toml:1:2
                 |
               1 | [steps.a]
                 |  ------- first here
                 |
                 = help: give one of them another name, or take it out

        "#]],
    );
}

#[test]
fn a_line_without_end_is_not_drawn() {
    let text = format!("steps = {{ {} }}", "a = 1, ".repeat(400));
    let problems = &parse("order.toml", &text).diagnostics[..1];
    expect![[r#"
        error[wrong-type]: step `a`: `steps.a` must be a table, not the number 1
        --> order.toml:1:15

    "#]]
    .assert_eq(&render("order.toml", &text, problems, Format::Human { color: false }));
}

#[test]
fn control_characters_of_the_file_do_not_reach_the_terminal() {
    let text = "[steps.a]\nrun = 'true'\n\"x\u{1b}[2J\" = 1\n\"\u{202e}abc\\u001b[2J\" = 1\n";
    check(
        text,
        Format::Human { color: false },
        expect![[r#"
        error[unknown-key]: unknown key `x␛[2J` in step `a`
         --> order.toml:3:1
          |
        3 | "x␛[2J" = 1
          | ^^^^^^^ not a step key

        error[syntax]: this is not TOML: invalid basic string, expected non-double-quote visible characters, `\`
         --> order.toml:3:3
          |
        3 | "x␛[2J" = 1
          |   ^ here

        error[unknown-key]: unknown key `�abc␛[2J` in step `a`
         --> order.toml:4:1
          |
        4 | "�abc\u001b[2J" = 1
          | ^^^^^^^^^^^^^^^ not a step key

    "#]],
    );
}

#[test]
fn any_span_can_be_drawn() {
    let problem = |span: std::ops::Range<usize>| Diagnostic::error("syntax", "x", span).label("y");
    let text = "é\r\nb\r\n";
    for start in 0..10 {
        for end in 0..10 {
            for format in [Format::Human { color: false }, Format::Json, Format::Github] {
                assert!(!render("a", text, &[problem(start..end)], format).is_empty());
            }
        }
    }
    assert!(!render("a", "", &[problem(0..0)], Format::Human { color: false }).is_empty());
}
