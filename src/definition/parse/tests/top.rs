use expect_test::expect_file;

use super::*;

#[test]
fn ten_mistakes_are_ten_problems_in_their_order() {
    let text = include_str!("ten-mistakes.toml");
    let problems = parse("flow.toml", text).diagnostics;
    assert_eq!(problems.len(), 10);
    let drawn = render("flow.toml", text, &problems, Format::Human { color: false });
    expect_file!["./ten-mistakes.txt"].assert_eq(&drawn);
}

#[test]
fn every_key_of_a_later_version_is_refused_by_name() {
    check_lines(
        "undo_on = ['cancel']\n[on.schedule]\ncron = '* * * * *'\n[dedupe]\nkey = 'x'\n[concurrency]\nlimit = 1\n\
         [on_success.a]\n[on_failure.a]\n[on_cancel.a]\n[finally.a]\n[alert]\n[[test]]\nname = 'a'\n[defaults]\nshell = 'bash'\n",
        expect![[r#"
            not-supported-yet at "undo_on": `undo_on` is not supported yet -> take it out for now
            not-supported-yet at "on": `on` is not supported yet -> take it out for now
            not-supported-yet at "dedupe": `dedupe` is not supported yet -> take it out for now
            not-supported-yet at "concurrency": `concurrency` is not supported yet -> take it out for now
            not-supported-yet at "on_success": `on_success` is not supported yet -> take it out for now
            not-supported-yet at "on_failure": `on_failure` is not supported yet -> take it out for now
            not-supported-yet at "on_cancel": `on_cancel` is not supported yet -> take it out for now
            not-supported-yet at "finally": `finally` is not supported yet -> take it out for now
            not-supported-yet at "alert": `alert` is not supported yet -> take it out for now
            not-supported-yet at "test": `test` is not supported yet -> take it out for now
            not-supported-yet at "shell": `[defaults]`: `shell` is not supported yet -> take it out for now
        "#]],
    );
}

#[test]
fn what_is_kept_is_a_time_or_forever() {
    check_lines(
        "[retention]\nkeep = '30 days'\nkeep_min = 2_000_000\nkeep_failed = 30\nkeep_letters = 'Forever'\nkeep_last = 5\n\
         [steps.a]\nrun = 'x'\n",
        expect![[r#"
            bad-duration at "'30 days'": `retention.keep`: `days` is not a unit of time -> write a duration such as "30d", or "forever"
            out-of-range at "2_000_000": `retention.keep_min` must be at most 1000000
            wrong-type at "30": `retention.keep_failed` must be a duration such as "30d", or "forever", not the number 30
            bad-duration at "'Forever'": `retention.keep_letters`: `Forever` is not a duration -> write a duration such as "30d", or "forever"
            unknown-key at "keep_last": unknown key `retention.keep_last` in workflow -> did you mean `keep_min`?
        "#]],
    );
    check_lines(
        "retention = '30d'\n[steps.a]\nrun = 'x'\n",
        expect![[r#"
        wrong-type at "'30d'": `retention` must be a table, not the string "30d"
    "#]],
    );
}

#[test]
fn unknown_keys_are_refused_with_what_was_meant() {
    check_lines(
        "schedual = 1\nfrobnicate = 2\n[step.a]\n[retry.x]\nattempt = 2\n",
        expect![[r#"
            unknown-key at "schedual": unknown key `schedual` in workflow -> did you mean `on.schedule`?
            unknown-key at "frobnicate": unknown key `frobnicate` in workflow
            unknown-key at "step": unknown key `step` in workflow -> did you mean `steps`?
            single-attempt at "x": retry policy `x`: `retry` without `attempts` retries nothing -> set `attempts`: it counts all tries, the first included
            unknown-key at "attempt": unknown key `attempt` in retry policy `x` -> did you mean `attempts`?
        "#]],
    );
    check_lines(
        "[defaults]\nretries = 3\n[defaults.env]\nA = 1",
        expect![[r#"
            unknown-key at "retries": unknown key `retries` in `[defaults]` -> did you mean `retry.attempts`?
        "#]],
    );
}

#[test]
fn a_workflow_has_a_name() {
    check_lines(
        "name = ''",
        expect![[r#"
        bad-name at "''": `name`: `` is not a name -> a name has 1 to 128 of the characters A-Z, a-z, 0-9, `_` and `-`
    "#]],
    );
    check_lines(
        "name = 'a b'",
        expect![[r#"
        bad-name at "'a b'": `name`: `a b` is not a name -> a name has 1 to 128 of the characters A-Z, a-z, 0-9, `_` and `-`
    "#]],
    );
    check_lines(
        "name = 7",
        expect![[r#"
        wrong-type at "7": `name` must be a string, not the number 7 -> write "7"
    "#]],
    );
    check_lines(
        &format!("name = '{}'", "a".repeat(129)),
        expect![[r#"
        bad-name at "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'": `name`: `aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…` is not a name -> a name has 1 to 128 of the characters A-Z, a-z, 0-9, `_` and `-`
    "#]],
    );
    let parsed = parse("<builder>", "");
    let told = "the file's name stands for the workflow's: `<builder>` is not a name";
    assert_eq!(parsed.diagnostics[0].message, told);
    let parsed = parse("flows/v1.2/daily.report.toml", "");
    assert_eq!(parsed.definition.unwrap().name.value.as_str(), "daily.report");
}

#[test]
fn top_level_values_have_their_types() {
    check_lines(
        "description = 1\nlabels = { team = 7 }\nfail_fast = true\nmax_parallel = 0\npriority = 101\n\
         timeout = '0s'\noutput = 'x'\nsecrets = []\ninput = 1\nretry = 2\ndefaults = 3\nsteps = 4\n",
        expect![[r#"
            wrong-type at "1": `description` must be a string, not the number 1 -> write "1"
            wrong-type at "7": `labels.team` must be a string, not the number 7 -> write "7"
            wrong-type at "true": `fail_fast` must be `off`, `stop` or `cancel`, not the boolean true
            out-of-range at "0": `max_parallel` must be at least 1
            out-of-range at "101": `priority` must be at most 100
            out-of-range at "'0s'": `timeout` must be longer than nothing -> leave it out to set no limit
            wrong-type at "'x'": `output` must be a table, not the string "x"
            wrong-type at "[]": `secrets` must be a table, not a list
            wrong-type at "1": `input` must be a table, not the number 1
            wrong-type at "2": `retry` must be a table, not the number 2
            wrong-type at "3": `defaults` must be a table, not the number 3
            wrong-type at "4": `steps` must be a table of steps by id, not the number 4
        "#]],
    );
    check_lines(
        "[[steps]]\nid = 'a'\n",
        expect![[r#"
        wrong-type at "[[steps]]": `steps` must be a table of steps by id, not a list -> write a table [steps.<id>] for each step
    "#]],
    );
}

#[test]
fn a_pipeline_names_each_step_once() {
    check_lines(
        "pipeline = ['a', 'b', 'a']",
        expect![[r#"
        named-twice at "'a'": `pipeline` names `a` twice -> a step has one place in the pipeline
    "#]],
    );
    check_lines(
        "pipeline = []",
        expect![[r#"
        empty at "[]": `pipeline` is empty -> name the steps in their order, or take it out
    "#]],
    );
    check_lines(
        "pipeline = 'a'",
        expect![[r#"
        wrong-type at "'a'": `pipeline` must be a list of strings, not the string "a" -> write ["a"]
    "#]],
    );
    check_lines(
        "pipeline = ['a', 1, '']",
        expect![[r#"
        wrong-type at "1": `pipeline[1]` must be a string, not the number 1 -> write "1"
        empty at "''": `pipeline[2]` is empty
    "#]],
    );
}

#[test]
fn inputs_are_checked_themselves() {
    check_lines(
        r#"
[input]
"a b" = "string"
"a.b" = "string"
a = "strin"
b = 7
c = { default = 1 }
d = { type = "string", min = 1, items = "string", pattern = "x" }
e = { type = "number", min = nan, max = inf }
f = { type = "array", min_items = 5, max_items = 2, items = { type = "sting" } }
g = { type = "integer", default = "x" }
h = { type = "string", enum = ["a", "b"], default = "c" }
i = { type = "string", enum = [] }
j = { type = "string", enum = [1] }
k = { type = "string", format = "mail" }
l = { type = "string", optional = "yes", defualt = "x" }
m = { type = "array", min_items = -1 }
n = { type = "date", default = 2026-01-31 }
o = { type = "date", default = "${{ run.scheduled_day }}" }
"#,
        expect![[r#"
            bad-name at "\"a b\"": input: `a b` is not a name -> a name has 1 to 128 of the characters A-Z, a-z, 0-9, `_` and `-`
            bad-name at "\"a.b\"": input: `a.b` is not a name -> a name has 1 to 128 of the characters A-Z, a-z, 0-9, `_` and `-`
            unknown-value at "\"strin\"": input `a`: unknown type `strin` -> did you mean `string`? allowed: `string`, `number`, `integer`, `boolean`, `array`, `object`, `date`, `datetime` or `any`
            wrong-type at "7": input `b`: `type` must be the name of a type or a table, not the number 7 -> write "string", or { type = "string", default = … }
            missing-key at "c": input `c`: `type` is missing -> say what it is, such as type = "string"
            does-not-fit at "min": input `d`: `min` is for numbers only -> take it out
            does-not-fit at "items": input `d`: `items` is for arrays only -> take it out
            bad-number at "nan": input `e`: `min` must be a finite number
            bad-number at "inf": input `e`: `max` must be a finite number
            contradiction at "2": input `f`: `max_items` is less than `min_items`: no value fits
            unknown-value at "\"sting\"": input `f`: `items`: unknown type `sting` -> did you mean `string`? allowed: `string`, `number`, `integer`, `boolean`, `array`, `object`, `date`, `datetime` or `any`
            wrong-type at "\"x\"": input `g`: `default` must be of the type `integer`, not the string "x"
            contradiction at "\"c\"": input `h`: `default` is not one of `enum`
            empty at "[]": input `i`: `enum` is an empty list -> name the values that are allowed
            wrong-type at "1": input `j`: `enum[0]` must be of the type `string`, not the number 1
            unknown-value at "\"mail\"": input `k`: unknown format `mail` -> did you mean `email`? allowed: `email`, `uri`, `date`, `date-time` or `uuid`
            wrong-type at "\"yes\"": input `l`: `optional` must be `true` or `false`, not the string "yes"
            unknown-key at "defualt": unknown key `defualt` in input `l` -> did you mean `default`?
            out-of-range at "-1": input `m`: `min_items` must be at least 0
        "#]],
    );
}

#[test]
fn secrets_come_from_outside() {
    check_lines(
        "[secrets]\na = 'hunter2'\nb = { env = 'A', file = 'b' }\nc = {}\nd = 1\ne = { env = '' }\n",
        expect![[r#"
            secret-in-file at "'hunter2'": secret `a` stands in the file itself -> keep it outside: { env = "VARIABLE" } or { file = "/path" }
            contradiction at "file": secret `b`: `env` and `file` exclude each other
            missing-key at "c": secret `c`: `env` is missing -> add env = "VARIABLE" or file = "/path"
            wrong-type at "1": `secrets.d` must be { env = "…" } or { file = "…" }, not the number 1
            empty at "''": secret `e`: `env` is empty
        "#]],
    );
}

#[test]
fn what_stands_twice_is_named() {
    check(
        "[steps.a]\nrun = 'a'\ntimeout = '1s'\ntimeout = '2s'\n\n[steps.b]\nrun = 'b'\n\n\
         [steps.a]\nrun = 'c'\n\n[input]\nx = 'string'\nx = 'number'\n\n[input]\n",
        expect![[r#"
            error[duplicate-key]: step `a`: key `timeout` is written twice
             --> flow.toml:4:1
              |
            3 | timeout = '1s'
              | ------- first here
            4 | timeout = '2s'
              | ^^^^^^^ again
              |
              = help: take one of them out

            error[duplicate-key]: step `a` is defined twice
             --> flow.toml:9:8
              |
            1 | [steps.a]
              |  ------- first here
            ...
            9 | [steps.a]
              |        ^ again
              |
              = help: give one of them another name, or take it out

            error[duplicate-key]: key `x` is written twice in [input]
              --> flow.toml:14:1
               |
            13 | x = 'string'
               | - first here
            14 | x = 'number'
               | ^ again
               |
               = help: take one of them out

            error[duplicate-key]: table [input] is defined twice
              --> flow.toml:16:2
               |
            12 | [input]
               |  ----- first here
            ...
            16 | [input]
               |  ^^^^^ again
               |
               = help: give one of them another name, or take it out

        "#]],
    );
}

#[test]
fn what_stands_twice_is_named_in_inline_and_dotted_tables_too() {
    check_lines(
        "name = 'a'\nname = 'b'\n[steps]\na = { run = 'x', run = 'y' }\n",
        expect![[r#"
        duplicate-key at "name": key `name` is written twice -> take one of them out
        duplicate-key at "run": key `run` is written twice in [steps] -> take one of them out
    "#]],
    );
    check_lines(
        "[steps.a.steps.b]\n[steps.a.steps.b]\n",
        expect![[r#"
            duplicate-key at "b": step `a.b` is defined twice -> give one of them another name, or take it out
            missing-verb at "b": step `a.b` has no verb -> say what it does: `task`, `run`, `http`, `sleep` or `steps`
        "#]],
    );
    check_lines(
        "steps.a.run = 'x'\nsteps.a = { run = 'x' }\n",
        expect![[r#"
        duplicate-key at "a": key `a` is written twice -> take one of them out
    "#]],
    );
}

#[test]
fn broken_toml_is_told_without_what_follows_from_it() {
    check(
        "name = \"order\n[steps.a\nrun = 'x'\n[steps.b]\nrunn = 'y'\nretry = = 3\n[steps.c]\ntimeout 5s\n",
        expect![[r#"
            error[syntax]: this is not TOML: invalid basic string, expected `"`
             --> flow.toml:1:14
              |
            1 | name = "order
              |              ^ here

            error[syntax]: this is not TOML: unclosed table, expected `]`
             --> flow.toml:2:9
              |
            2 | [steps.a
              |         ^ here

            error[unknown-key]: unknown key `runn` in step `b`
             --> flow.toml:5:1
              |
            5 | runn = 'y'
              | ^^^^ not a step key
              |
              = help: did you mean `run`?

            error[syntax]: this is not TOML: extra `=`, expected nothing
             --> flow.toml:6:9
              |
            6 | retry = = 3
              |         ^ here

            error[syntax]: this is not TOML: unexpected key or value, expected newline, `#`
             --> flow.toml:6:11
              |
            6 | retry = = 3
              |           ^ here

            error[syntax]: this is not TOML: key with no value, expected `=`
             --> flow.toml:8:9
              |
            8 | timeout 5s
              |         ^ here

        "#]],
    );
    assert!(parse("a.toml", "a = ").definition.is_none());
    check_lines("\u{feff}[steps.a]\nrun = 'x'\n", expect![""]);
    check_lines(
        "a = 1__0\nb = 2026-13-45\nc = \"\\q\"",
        expect![[r#"
        unknown-key at "a": unknown key `a` in workflow
        syntax at "_": this is not TOML: `_` may only go between digits, expected nothing
        unknown-key at "b": unknown key `b` in workflow
        syntax at "2026-13-45": this is not TOML: invalid date, expected month between 01 and 12
        unknown-key at "c": unknown key `c` in workflow
        syntax at "": this is not TOML: missing escaped value, expected `b`, `e`, `f`, `n`, `r`, `\`, `"`, `x`, `u`, `U`
    "#]],
    );
}
