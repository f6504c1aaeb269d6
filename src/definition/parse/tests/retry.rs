use super::*;

#[test]
fn policies_exist() {
    check(
        "[retry.api]\nattempts = 2\n[steps.a]\nrun = 'x'\nretry = 'aip'\n[steps.b]\nrun = 'x'\nretry = 'slow'\n",
        expect![[r#"
            error[unknown-policy]: step `a`: `retry` names the policy `aip`, which does not exist
             --> flow.toml:5:9
              |
            5 | retry = 'aip'
              |         ^^^^^ no such policy
              |
              = help: did you mean `api`?

            error[unknown-policy]: step `b`: `retry` names the policy `slow`, which does not exist
             --> flow.toml:8:9
              |
            8 | retry = 'slow'
              |         ^^^^^^ no such policy
              |
              = help: add a table [retry.slow]

        "#]],
    );
    check_lines(
        "[retry.'a b']\nattempts = 2\n[retry]\nc = 5\n",
        expect![[r#"
        bad-name at "'a b'": retry policy: `a b` is not a name -> a name has 1 to 128 of the characters A-Z, a-z, 0-9, `_` and `-`
        wrong-type at "5": `retry.c` must be a table of retry keys, not the number 5
    "#]],
    );
}

#[test]
fn a_policy_is_a_name_a_table_or_rules() {
    check_step(
        "run = 'x'\nretry = 3",
        expect![[r#"
        wrong-type at "3": step `a`: `retry` must be the name of a policy, a table or a list of tables, not the number 3 -> write retry.attempts = 3
    "#]],
    );
    check_step(
        "run = 'x'\nretry = true",
        expect![[r#"
        wrong-type at "true": step `a`: `retry` must be the name of a policy, a table or a list of tables, not the boolean true
    "#]],
    );
    check_step(
        "run = 'x'\nretry = []",
        expect![[r#"
        empty at "[]": step `a`: `retry` is an empty list
    "#]],
    );
    check_step(
        "run = 'x'\nretry = ['api']",
        expect![[r#"
        wrong-type at "'api'": step `a`: `retry[0]` must be a table of retry keys, not the string "api"
    "#]],
    );
}

#[test]
fn attempts_are_counted_from_one() {
    check_step(
        "run = 'x'\nretry.attempts = 0",
        expect![[r#"
            out-of-range at "0": step `a`: `retry.attempts` must be at least 1 -> `attempts` counts all tries, the first included
        "#]],
    );
    check_step(
        "run = 'x'\nretry.attempts = -1",
        expect![[r#"
            out-of-range at "-1": step `a`: `retry.attempts` must be at least 1
        "#]],
    );
    check_step(
        "run = 'x'\nretry.attempts = 2.5",
        expect![[r#"
            wrong-type at "2.5": step `a`: `retry.attempts` must be a whole number, not the number 2.5
        "#]],
    );
    check_step(
        "run = 'x'\nretry.attempts = 99999999999",
        expect![[r#"
            out-of-range at "99999999999": step `a`: `retry.attempts` must be at most 10000000
        "#]],
    );
}

#[test]
fn backoff_grows() {
    check_step(
        "run = 'x'\nretry = { attempts = 2, factor = 0.5 }",
        expect![[r#"
        out-of-range at "0.5": step `a`: `retry.factor` must be between 1 and 1000
    "#]],
    );
    check_step(
        "run = 'x'\nretry = { attempts = 2, factor = nan }",
        expect![[r#"
        bad-number at "nan": step `a`: `retry.factor` must be a finite number
    "#]],
    );
    check_step(
        "run = 'x'\nretry = { attempts = 2, factor = 1e300 }",
        expect![[r#"
        out-of-range at "1e300": step `a`: `retry.factor` must be between 1 and 1000
    "#]],
    );
    check_step(
        "run = 'x'\nretry = { attempts = 2, jitter = 'SOMETIMES' }",
        expect![[r#"
            unknown-value at "'SOMETIMES'": step `a`: unknown jitter `SOMETIMES` -> allowed: `full`, `equal` or `none`
        "#]],
    );
    check_step(
        "run = 'x'\nretry = { attempts = 2, backoff = 'exponentail' }",
        expect![[r#"
            unknown-value at "'exponentail'": step `a`: unknown backoff `exponentail` -> did you mean `exponential`? allowed: `exponential`, `linear` or `fixed`
        "#]],
    );
}

#[test]
fn delays_are_durations_in_their_order() {
    check_step(
        "run = 'x'\nretry = { attempts = 2, delay = '1s', max_delay = '-1ms' }",
        expect![[r#"
            bad-duration at "'-1ms'": step `a`: `retry.max_delay`: `-1ms` is not a duration -> write one such as `30s` or `1h 30m`
        "#]],
    );
    check_step(
        "run = 'x'\nretry = { attempts = 2, delay = 1, max_delay = '10' }",
        expect![[r#"
        wrong-type at "1": step `a`: `retry.delay` must be a duration such as "30s", not the number 1 -> add a unit: "1s"
        bad-duration at "'10'": step `a`: `retry.max_delay`: `10` has no unit -> write `10s` or `10ms`
    "#]],
    );
    check_step(
        "run = 'x'\nretry = { attempts = 2, delay = '10s', max_delay = '1s' }",
        expect![[r#"
        contradiction at "'1s'": step `a`: `max_delay` (1s) is shorter than `delay` (10s)
    "#]],
    );
    check_step(
        "run = 'x'\nretry = { attempts = 2, within = '0s', atempts = 3 }",
        expect![[r#"
        out-of-range at "'0s'": step `a`: `retry.within` must be longer than nothing -> leave it out to set no limit
        unknown-key at "atempts": unknown key `retry.atempts` in step `a` -> did you mean `attempts`?
    "#]],
    );
    check_step(
        "run = 'x'\nretry = { attempts = 2, backoff = 'fixed', factor = 2 }",
        expect![[r#"
        no-effect at "2": step `a`: `factor` is for the exponential backoff only -> take it out
    "#]],
    );
    check_step(
        "run = 'x'\nretry = { delay = '1s' }",
        expect![[r#"
            single-attempt at "retry": step `a`: `retry` without `attempts` retries nothing -> set `attempts`: it counts all tries, the first included
        "#]],
    );
}

#[test]
fn error_classes_are_names() {
    check_step(
        "run = 'x'\nretry = { attempts = 2, on = [] }",
        expect![[r#"
        empty at "[]": step `a`: `retry.on` is an empty list of error classes -> name the classes, such as ["timeout", "server_error"], or take it out
    "#]],
    );
    check_step(
        "run = 'x'\nretry = { attempts = 2, on = 'timeout' }",
        expect![[r#"
        wrong-type at "'timeout'": step `a`: `retry.on` must be a list of strings, not the string "timeout" -> write ["timeout"]
    "#]],
    );
    check_step(
        "run = 'x'\nretry = { attempts = 2, on = ['time out', '', 5, 'exit:0', 'exit:x', 'exit:256'] }",
        expect![[r#"
            bad-error-class at "'time out'": step `a`: `retry.on`: `time out` is not an error class -> a class is one of the engine's, such as `timeout`, or `exit:1` to `exit:255`, or a name of letters, digits, `_`, `-` and `.`
            empty at "''": step `a`: `retry.on[1]` is empty
            wrong-type at "5": step `a`: `retry.on[2]` must be a string, not the number 5 -> write "5"
            bad-error-class at "'exit:0'": step `a`: `retry.on`: `exit:0` is not an error class -> a class is one of the engine's, such as `timeout`, or `exit:1` to `exit:255`, or a name of letters, digits, `_`, `-` and `.`
            bad-error-class at "'exit:x'": step `a`: `retry.on`: `exit:x` is not an error class -> a class is one of the engine's, such as `timeout`, or `exit:1` to `exit:255`, or a name of letters, digits, `_`, `-` and `.`
            bad-error-class at "'exit:256'": step `a`: `retry.on`: `exit:256` is not an error class -> a class is one of the engine's, such as `timeout`, or `exit:1` to `exit:255`, or a name of letters, digits, `_`, `-` and `.`
        "#]],
    );
    check_step(
        "run = 'x'\nretry = { attempts = 2, on = ['timout', 'out_of_stock', 'exit:75'] }",
        expect![[r#"
            unknown-class at "'timout'": step `a`: `retry.on`: the engine has no class `timout` -> did you mean `timeout`?
        "#]],
    );
    check_step(
        "run = 'x'\nretry = { attempts = 2, on = ['panic'], not_on = ['panic'] }",
        expect![[r#"
            contradiction at "['panic']": step `a`: `on` and `not_on` both name `panic`
        "#]],
    );
}
