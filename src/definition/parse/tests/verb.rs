use super::*;

#[test]
fn a_step_has_exactly_one_verb() {
    check(
        "[steps.a]\n[steps.b]\nrun = 'x'\ntask = 'y'\nsleep = '1s'\n",
        expect![[r#"
        error[missing-verb]: step `a` has no verb
         --> flow.toml:1:8
          |
        1 | [steps.a]
          |        ^ does nothing
          |
          = help: say what it does: `task`, `run`, `http`, `sleep` or `steps`

        error[several-verbs]: step `b` has two verbs: `run` and `task`
         --> flow.toml:4:1
          |
        3 | run = 'x'
          | --- the first
        4 | task = 'y'
          | ^^^^ the second
          |
          = help: make two steps of it

        error[several-verbs]: step `b` has two verbs: `run` and `sleep`
         --> flow.toml:5:1
          |
        3 | run = 'x'
          | --- the first
        4 | task = 'y'
        5 | sleep = '1s'
          | ^^^^^ the second
          |
          = help: make two steps of it

    "#]],
    );
    check_lines(
        "[steps]\na = 'x'\n",
        expect![[r#"
        wrong-type at "'x'": step `a`: `steps.a` must be a table, not the string "x"
    "#]],
    );
    check_lines(
        "steps = { a = {}, b = [] }\n",
        expect![[r#"
        missing-verb at "a": step `a` has no verb -> say what it does: `task`, `run`, `http`, `sleep` or `steps`
        wrong-type at "[]": step `b`: `steps.b` must be a table, not a list
    "#]],
    );
}

#[test]
fn verbs_of_a_later_version_are_refused_by_name() {
    check_lines(
        "[steps.a]\nworkflow = 'x'\n[steps.b]\npublish = 'x'\n[steps.c]\napprove = 'x'\n[steps.d]\n\
         wait_for = {}\n[steps.e]\nfail = 'x'\n",
        expect![[r#"
            not-supported-yet at "workflow": step `a`: `workflow` is not supported yet -> take it out for now
            not-supported-yet at "publish": step `b`: `publish` is not supported yet -> take it out for now
            not-supported-yet at "approve": step `c`: `approve` is not supported yet -> take it out for now
            not-supported-yet at "wait_for": step `d`: `wait_for` is not supported yet -> take it out for now
            not-supported-yet at "fail": step `e`: `fail` is not supported yet -> take it out for now
        "#]],
    );
}

#[test]
fn tasks_have_constant_names() {
    check_step(
        "task = ''",
        expect![[r#"
        empty at "''": step `a`: `task` is empty
    "#]],
    );
    check_step(
        "task = 5",
        expect![[r#"
        wrong-type at "5": step `a`: `task` must be a string, not the number 5 -> write "5"
    "#]],
    );
    check_step(
        "task = '${{ input.task }}'",
        expect![[r#"
        not-constant at "'${{ input.task }}'": step `a`: `task` must be a constant name -> use one step for each task, and `when` to choose
    "#]],
    );
}

#[test]
fn commands_are_texts_or_lists_of_texts() {
    check_step(
        "run = ''",
        expect![[r#"
        empty at "''": step `a`: `run` is empty
    "#]],
    );
    check_step(
        "run = []",
        expect![[r#"
        empty at "[]": step `a`: `run` is an empty list -> name a program and its arguments
    "#]],
    );
    check_step(
        "run = ['', 'x']",
        expect![[r#"
        empty at "''": step `a`: `run[0]` is empty
    "#]],
    );
    check_step(
        "run = ['x', 5, true]",
        expect![[r#"
        wrong-type at "5": step `a`: `run[1]` must be a string, not the number 5 -> write "5"
    "#]],
    );
    check_step(
        "run = { command = 'x' }",
        expect![[r#"
        wrong-type at "{ command = 'x' }": step `a`: `run` must be a shell command, or a list of a program and its arguments, not a table
    "#]],
    );
    check_step(
        "run = \"a\\u0000b\"",
        expect![[r#"
        bad-text at "\"a\\u0000b\"": step `a`: `run` contains a NUL character -> take it out
    "#]],
    );
    check_step("run = ['x', '', '-']", expect![""]);
}

#[test]
fn sleeps_are_durations() {
    check_step(
        "sleep = 5",
        expect![[r#"
        wrong-type at "5": step `a`: `sleep` must be a duration such as "30s", not the number 5 -> add a unit: "5s"
    "#]],
    );
    check_step(
        "sleep = '5'",
        expect![[r#"
        bad-duration at "'5'": step `a`: `sleep`: `5` has no unit -> write `5s` or `5ms`
    "#]],
    );
    check_step(
        "sleep = 'soon'",
        expect![[r#"
        bad-duration at "'soon'": step `a`: `sleep`: `soon` is not a duration -> write one such as `30s` or `1h 30m`
    "#]],
    );
    check_step("sleep = '${{ input.pause }}'", expect![""]);
}

#[test]
fn requests_have_addresses_and_one_body() {
    check_step(
        "http = 'https://example.com'",
        expect![[r#"
        wrong-type at "'https://example.com'": step `a`: `http` must be a table, not the string "https://example.com" -> write http.url = "https://example.com"
    "#]],
    );
    check_step(
        "http = {}",
        expect![[r#"
        missing-key at "http": step `a`: `http.url` is missing -> add url = "https://…"
    "#]],
    );
    check_step(
        "http = { url = 'example.com', method = 'post' }",
        expect![[r#"
            bad-url at "'example.com'": step `a`: `http.url` must begin with `http://` or `https://` -> write "https://example.com"
            unknown-value at "'post'": step `a`: unknown method `post` -> did you mean `POST`? allowed: `GET`, `HEAD`, `POST`, `PUT`, `PATCH`, `DELETE` or `OPTIONS`
        "#]],
    );
    check_step(
        "http = { url = 'ftp://example.com', method = 'FETCH' }",
        expect![[r#"
            bad-url at "'ftp://example.com'": step `a`: `http.url` must begin with `http://` or `https://`
            unknown-value at "'FETCH'": step `a`: unknown method `FETCH` -> did you mean `PATCH`? allowed: `GET`, `HEAD`, `POST`, `PUT`, `PATCH`, `DELETE` or `OPTIONS`
        "#]],
    );
    check_step(
        "http.url = '${{ input.url }}'\nhttp.json = {}\nhttp.body = ''",
        expect![[r#"
        contradiction at "body": step `a`: `http.json` and `http.body` exclude each other -> keep one of them
    "#]],
    );
}

#[test]
fn the_parts_of_a_request_are_checked() {
    check_step(
        "http = { url = 'http://x', expect = [], headers = { 'a b' = 'x', c = [] }, query = { a = {} } }",
        expect![[r#"
            empty at "[]": step `a`: `http.expect` is an empty list
            bad-name at "'a b'": step `a`: `a b` cannot name one of the headers
            wrong-type at "[]": step `a`: `http.headers.c` must be a string, not a list
            wrong-type at "{}": step `a`: `http.query.a` must be a string, not a table
        "#]],
    );
    check_step(
        "http = { url = 'http://x', expect = [200, '2xx', '200-204', 99, '6xx', 'ok', 2.5] }",
        expect![[r#"
            out-of-range at "99": step `a`: `http.expect[3]` must be at least 100
            out-of-range at "'6xx'": step `a`: `http.expect[4]`: `6xx` is not a status -> write 200, "2xx" or "200-204"
            out-of-range at "'ok'": step `a`: `http.expect[5]`: `ok` is not a status -> write 200, "2xx" or "200-204"
            wrong-type at "2.5": step `a`: `http.expect[6]` must be a status such as 200, or "2xx", not the number 2.5
        "#]],
    );
    check_step(
        "http = { url = 'http://x', max_size = 5, save = '', bod = 1 }",
        expect![[r#"
        wrong-type at "5": step `a`: `http.max_size` must be a size such as "512KB", not the number 5 -> add a unit: "5B"
        empty at "''": step `a`: `http.save` is empty
        unknown-key at "bod": unknown key `http.bod` in step `a` -> did you mean `body`?
    "#]],
    );
    check_step(
        "http = { url = 'http://x', max_size = '0B' }",
        expect![[r#"
        out-of-range at "'0B'": step `a`: `http.max_size` must be at least 1B
    "#]],
    );
}

#[test]
fn keys_go_with_their_verbs() {
    check_step(
        "run = 'x'\nwith = 1",
        expect![[r#"
        no-effect at "with": step `a`: `with` has no effect on `run` -> write `${{ }}` where the value belongs: in the command, in `env`, in `stdin`, in `http.json`
    "#]],
    );
    check_step(
        "http.url = 'http://x'\nenv.A = 'x'\nstdin = 'x'\noutput.file = 'x'",
        expect![[r#"
        does-not-fit at "env": step `a`: `env` does not go with `http` -> write http.headers or http.query
        does-not-fit at "stdin": step `a`: `stdin` does not go with `http` -> write http.body = "…"
        does-not-fit at "output": step `a`: `output.file` is for commands only -> write http.save = "…"
    "#]],
    );
    check_step(
        "task = 'x'\nenv.A = 'x'\nstdin = 'x'\noutput = 'json'",
        expect![[r#"
        does-not-fit at "env": step `a`: `env` does not go with `task` -> hand it over by `with`
        does-not-fit at "stdin": step `a`: `stdin` does not go with `task` -> hand it over by `with`
        does-not-fit at "output": step `a`: `output` does not go with `task` -> take it out
    "#]],
    );
    check_step(
        "sleep = '1s'\nwith = 1\nretry = { attempts = 2 }\nqueue = 'a'\non_crash = 'park'",
        expect![[r#"
            does-not-fit at "with": step `a`: `with` does not go with `sleep` -> take it out
            does-not-fit at "retry": step `a`: `retry` does not go with `sleep` -> take it out
            does-not-fit at "queue": step `a`: `queue` does not go with `sleep` -> take it out
            does-not-fit at "on_crash": step `a`: `on_crash` does not go with `sleep` -> take it out
        "#]],
    );
}
