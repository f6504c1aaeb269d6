use super::*;

#[test]
fn keys_of_a_later_version_are_refused_by_name() {
    check_step(
        "run = 'x'\nchunk = 1\nheartbeat = '1s'\nreconcile = 'x'\nundo = {}\nrepeat = {}\n\
         rate_limit = 'x'\nlock = 'x'\ncache = {}\ntitle = 'x'\ndescription = 'x'\n\
         cwd = 'x'\nshell = 'bash'\ngrace = '1s'\nstuck_after = '1s'\ncrashes = 1\ndetach = true\non_exhausted = 'park'",
        expect![[r#"
            not-supported-yet at "chunk": step `a`: `chunk` is not supported yet -> take it out for now
            not-supported-yet at "heartbeat": step `a`: `heartbeat` is not supported yet -> take it out for now
            not-supported-yet at "reconcile": step `a`: `reconcile` is not supported yet -> take it out for now
            not-supported-yet at "undo": step `a`: `undo` is not supported yet -> take it out for now
            not-supported-yet at "repeat": step `a`: `repeat` is not supported yet -> take it out for now
            not-supported-yet at "rate_limit": step `a`: `rate_limit` is not supported yet -> take it out for now
            not-supported-yet at "lock": step `a`: `lock` is not supported yet -> take it out for now
            not-supported-yet at "cache": step `a`: `cache` is not supported yet -> take it out for now
            not-supported-yet at "title": step `a`: `title` is not supported yet -> take it out for now
            not-supported-yet at "description": step `a`: `description` is not supported yet -> take it out for now
            not-supported-yet at "cwd": step `a`: `cwd` is not supported yet -> take it out for now
            not-supported-yet at "shell": step `a`: `shell` is not supported yet -> take it out for now
            not-supported-yet at "grace": step `a`: `grace` is not supported yet -> take it out for now
            not-supported-yet at "stuck_after": step `a`: `stuck_after` is not supported yet -> take it out for now
            not-supported-yet at "crashes": step `a`: `crashes` is not supported yet -> take it out for now
            not-supported-yet at "detach": step `a`: `detach` is not supported yet -> take it out for now
            not-supported-yet at "'park'": step `a`: `on_exhausted = "park"` is not supported yet -> take it out for now
        "#]],
    );
}

#[test]
fn words_of_other_systems_are_understood() {
    check_step(
        "command = 'x'\nneeds = ['b']\nretries = 3\ndependson = ['b']\nfoo = 1",
        expect![[r#"
            missing-verb at "a": step `a` has no verb -> say what it does: `task`, `run`, `http`, `sleep` or `steps`
            unknown-key at "command": unknown key `command` in step `a` -> did you mean `run`?
            unknown-key at "needs": unknown key `needs` in step `a` -> did you mean `depends_on`?
            unknown-key at "retries": unknown key `retries` in step `a` -> did you mean `retry.attempts`?
            unknown-key at "dependson": unknown key `dependson` in step `a` -> did you mean `depends_on`?
            unknown-key at "foo": unknown key `foo` in step `a`
        "#]],
    );
}

#[test]
fn values_have_their_types() {
    check_step(
        "run = 'x'\ntimeout = 5\nstart_within = 1.5\nallow_failure = 'yes'\nqueue = 'a b'\npriority = '1'\n\
         env = 'x'\nstdin = []\noutput = 'yaml'\non_crash = 'ignore'\non_exhausted = 'stop'",
        expect![[r#"
            wrong-type at "5": step `a`: `timeout` must be a duration such as "30s", not the number 5 -> add a unit: "5s"
            wrong-type at "1.5": step `a`: `start_within` must be a duration such as "30s", not the number 1.5 -> add a unit: "1.5s"
            wrong-type at "'yes'": step `a`: `allow_failure` must be `true` or `false`, not the string "yes"
            bad-name at "'a b'": step `a`: `queue`: `a b` is not a name -> a name has 1 to 128 of the characters A-Z, a-z, 0-9, `_` and `-`
            wrong-type at "'1'": step `a`: `priority` must be a whole number, not the string "1"
            wrong-type at "'x'": step `a`: `env` must be a table, not the string "x"
            wrong-type at "[]": step `a`: `stdin` must be a string, not a list
            unknown-value at "'yaml'": step `a`: unknown output `yaml` -> allowed: `json`, `text`, `lines` or `none`
            unknown-value at "'ignore'": step `a`: unknown on_crash `ignore` -> allowed: `rerun` or `park`
            unknown-value at "'stop'": step `a`: unknown on_exhausted `stop` -> allowed: `fail`
        "#]],
    );
    check_step(
        "run = 'x'\noutput = 5\npriority = 1000\nqueue = ''\nidempotency_key = {}",
        expect![[r#"
            wrong-type at "5": step `a`: `output` must be `json`, `text`, `lines`, `none` or { file = "…" }, not the number 5
            out-of-range at "1000": step `a`: `priority` must be at most 100
            bad-name at "''": step `a`: `queue`: `` is not a name -> a name has 1 to 128 of the characters A-Z, a-z, 0-9, `_` and `-`
            wrong-type at "{}": step `a`: `idempotency_key` must be a string, not a table
        "#]],
    );
    check_step(
        "run = 'x'\noutput = { fil = 'x' }\nenv = { 'A=B' = 'x', C = [] }",
        expect![[r#"
        missing-key at "output": step `a`: `output.file` is missing -> write output.file = "report.pdf"
        unknown-key at "fil": unknown key `output.fil` in step `a` -> did you mean `file`?
        bad-name at "'A=B'": step `a`: `A=B` cannot name a variable -> a variable's name is not empty and has no `=` in it
        wrong-type at "[]": step `a`: `env.C` must be a string, not a list
    "#]],
    );
    check_step(
        "run = 'x'\ntimeout = -5\nstart_within = '-5s'",
        expect![[r#"
        wrong-type at "-5": step `a`: `timeout` must be a duration such as "30s", not the number -5 -> add a unit: "5s"
        bad-duration at "'-5s'": step `a`: `start_within`: `-5s` is not a duration -> write one such as `30s` or `1h 30m`
    "#]],
    );
    check_step(
        "run = 'x'\npriority = 99999999999999999999999",
        expect![[r#"
            out-of-range at "99999999999999999999999": step `a`: `priority` must be at most 100
        "#]],
    );
    check_step(
        "task = 'x'\nwith = { a = [nan], b = 99999999999999999999999 }",
        expect![[r#"
        bad-number at "{ a = [nan], b = 99999999999999999999999 }": step `a`: `with` holds nan, which is not a JSON number -> write it as a string, or use a number of 64 bits
    "#]],
    );
    check_step(
        "task = 'x'\nwith = { a = -inf }",
        expect![[r#"
        bad-number at "{ a = -inf }": step `a`: `with` holds -inf, which is not a JSON number -> write it as a string, or use a number of 64 bits
    "#]],
    );
}
