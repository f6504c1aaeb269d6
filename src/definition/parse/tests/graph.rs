use super::*;

#[test]
fn ids_are_names_without_dots() {
    check_lines(
        "[steps.'a b']\nrun = 'x'\n[steps.'']\nrun = 'x'\n[steps.'a.b']\nrun = 'x'\n",
        expect![[r#"
            bad-name at "'a b'": step: `a b` is not a name -> a name has 1 to 128 of the characters A-Z, a-z, 0-9, `_` and `-`
            bad-name at "''": step: `` is not a name -> a name has 1 to 128 of the characters A-Z, a-z, 0-9, `_` and `-`
            bad-name at "'a.b'": step: `a.b` is not a name -> a name has 1 to 128 of the characters A-Z, a-z, 0-9, `_` and `-`
        "#]],
    );
    check_lines(
        "[steps.'é']\nrun = 'x'\n",
        expect![[r#"
        bad-name at "'é'": step: `é` is not a name -> a name has 1 to 128 of the characters A-Z, a-z, 0-9, `_` and `-`
    "#]],
    );
    let long = "a".repeat(129);
    let problems = parse("a.toml", &format!("[steps.{long}]\nrun = 'x'\n")).diagnostics;
    assert_eq!(problems[0].label, "129 characters");
}

#[test]
fn dependencies_are_a_list_of_steps() {
    check_step(
        "run = 'x'\ndepends_on = 'b'",
        expect![[r#"
        wrong-type at "'b'": step `a`: `depends_on` must be a list of strings, not the string "b" -> write ["b"]
    "#]],
    );
    check_step(
        "run = 'x'\ndepends_on = ['b', 1, '']",
        expect![[r#"
        wrong-type at "1": step `a`: `depends_on[1]` must be a string, not the number 1 -> write "1"
        empty at "''": step `a`: `depends_on[2]` is empty
    "#]],
    );
    check_step(
        "run = 'x'\ndepends_on = ['b', 'b']",
        expect![[r#"
        named-twice at "'b'": step `a`: `depends_on` names `b` twice -> take one out
    "#]],
    );
}

#[test]
fn conditions_are_bare_expressions() {
    check_step(
        "run = 'x'\nwhen = true",
        expect![[r#"
        wrong-type at "true": step `a`: `when` must be an expression, not the boolean true -> write "true"
    "#]],
    );
    check_step(
        "run = 'x'\nwhen = ''",
        expect![[r#"
        empty at "''": step `a`: `when` is empty
    "#]],
    );
    check_step(
        "run = 'x'\nwhen = '${{ input.a }}'",
        expect![[r#"
        bare-expression at "'${{ input.a }}'": step `a`: `when` is a bare expression: it takes no `${{ }}` -> write "input.a"
    "#]],
    );
    check_step(
        "run = 'x'\nwhen = '${{ input.a }} == ${{ input.b }}'",
        expect![[r#"
        bare-expression at "'${{ input.a }} == ${{ input.b }}'": step `a`: `when` is a bare expression: it takes no `${{ }}` -> take the `${{` and `}}` out
    "#]],
    );
}

#[test]
fn joins_are_words_or_numbers() {
    check_step(
        "run = 'x'\njoin = 'some'",
        expect![[r#"
        unknown-value at "'some'": step `a`: unknown join `some` -> allowed: `all`, `any` or `settled`
    "#]],
    );
    check_step(
        "run = 'x'\njoin = 0",
        expect![[r#"
            out-of-range at "0": step `a`: `join` must be at least 1
        "#]],
    );
    check_step(
        "run = 'x'\njoin = ['a']",
        expect![[r#"
        wrong-type at "['a']": step `a`: `join` must be `all`, `any` or `settled`, or a number, not a list
    "#]],
    );
}

#[test]
fn a_fan_out_takes_a_list_or_an_expression() {
    check_step(
        "run = 'x'\nfor_each = 3",
        expect![[r#"
        wrong-type at "3": step `a`: `for_each` must be an expression or a list, not the number 3
    "#]],
    );
    check_step(
        "run = 'x'\nfor_each = '${{ input.list }}'",
        expect![[r#"
        bare-expression at "'${{ input.list }}'": step `a`: `for_each` is a bare expression: it takes no `${{ }}` -> write "input.list"
    "#]],
    );
    check_step(
        "run = 'x'\nfor_each = ['${{ input.a }}']",
        expect![[r#"
        bare-expression at "['${{ input.a }}']": step `a`: `for_each`: a literal list takes no `${{ }}` -> write the list as an expression: for_each = "[input.a, input.b]"
    "#]],
    );
    check_step(
        "run = 'x'\nmax_items = 0\nmax_parallel = -1\ntolerate = '5%'",
        expect![[r#"
            does-not-fit at "max_items": step `a`: `max_items` needs `for_each` -> add `for_each`, or take it out
            out-of-range at "0": step `a`: `max_items` must be at least 1
            does-not-fit at "max_parallel": step `a`: `max_parallel` needs `for_each` -> add `for_each`, or take it out
            out-of-range at "-1": step `a`: `max_parallel` must be at least 1
            does-not-fit at "tolerate": step `a`: `tolerate` needs `for_each` -> add `for_each`, or take it out
        "#]],
    );
    check_step(
        "run = 'x'\nfor_each = 'x'\nmax_items = 100_001\ntolerate = '101%'",
        expect![[r#"
            out-of-range at "100_001": step `a`: `max_items` must be at most 100000
            out-of-range at "'101%'": step `a`: `tolerate` cannot be `101%` -> write a number of items, or "0%" to "100%"
        "#]],
    );
    check_step(
        "run = 'x'\nfor_each = 'x'\ntolerate = 'five'",
        expect![[r#"
        out-of-range at "'five'": step `a`: `tolerate` cannot be `five` -> write a number of items, or "0%" to "100%"
    "#]],
    );
    check_step(
        "run = 'x'\nfor_each = 'x'\ntolerate = -1",
        expect![[r#"
            out-of-range at "-1": step `a`: `tolerate` must be at least 0
        "#]],
    );
    check_step(
        "run = 'x'\nfor_each = 'x'\ntolerate = 0.5",
        expect![[r#"
        wrong-type at "0.5": step `a`: `tolerate` must be a number of items, or a share such as "5%", not the number 0.5
    "#]],
    );
}

#[test]
fn a_body_is_a_table_of_steps() {
    check_lines("[steps.a.steps.b]\nrun = 'x'\n", expect![""]);
    check_step(
        "for_each = 'x'\nsteps = {}",
        expect![[r#"
            empty at "{}": step `a`: `steps` is empty -> add the steps that it consists of
        "#]],
    );
    check_step(
        "for_each = 'x'\nsteps = []",
        expect![[r#"
        wrong-type at "[]": step `a`: `steps` must be a table of steps, not a list
    "#]],
    );
    check_step(
        "for_each = 'x'\nretry = { attempts = 2 }\nqueue = 'q'\nwith = 1\nsteps.b.run = 'x'",
        expect![[r#"
            does-not-fit at "retry": step `a`: `retry` does not go with `steps` -> set it on the steps of the body
            does-not-fit at "queue": step `a`: `queue` does not go with `steps` -> set it on the steps of the body
            does-not-fit at "with": step `a`: `with` does not go with `steps` -> set it on the steps of the body
        "#]],
    );
    check_lines(
        "[steps.a]\nfor_each = 'x'\n[steps.a.steps.b]\nrun = 'x'\ntimeout = 5\nretry.jitter = 'x'\n",
        expect![[r#"
            wrong-type at "5": step `a.b`: `timeout` must be a duration such as "30s", not the number 5 -> add a unit: "5s"
            single-attempt at "retry": step `a.b`: `retry` without `attempts` retries nothing -> set `attempts`: it counts all tries, the first included
            unknown-value at "'x'": step `a.b`: unknown jitter `x` -> allowed: `full`, `equal` or `none`
        "#]],
    );
}
