#![expect(clippy::too_many_lines, reason = "a story is a table")]

mod park;

use expect_test::expect;

use crate::run::tests::check;

#[test]
fn what_ran_runs_again_and_what_was_queued_is_owed() {
    check(
        r#"
        timeout = "1h"
        [steps.a]
        task = "t"
        [steps.b]
        task = "t"
        [steps.c]
        task = "t"
        retry = { attempts = 2, delay = "1m", jitter = "none" }
        [steps.d]
        sleep = "5m"
        [steps.e]
        task = "t"
        start_within = "1m"
        "#,
        "
        start a
        fail c boom
        die
        ok a
        late a 1
        attempts
        ",
        expect![[r#"
              accepted
              began
              ready a
              ready b
              ready c
              slept d until 300000ms
              ready e
                arm timeout at 3600000ms
                dispatch a try 1 #1
                dispatch b try 1 #2
                dispatch c try 1 #3
                arm sleep d at 300000ms
                dispatch e try 1 #5
                arm start e at 60000ms
            > start a
              started a
            > fail c boom
              attempt_failed c boom: no luck
              retry_scheduled c at 60010ms
                arm retry c at 60010ms
            > die
              crashed a
              ready a
                arm timeout at 3600000ms
                dispatch a try 1 #6, durable
                dispatch b try 1 #2, durable
                dispatch e try 1 #5, durable
                arm retry c at 60010ms
                arm sleep d at 300000ms
                arm start e at 60010ms
            > ok a
              succeeded a null
            > late a 1
              nothing
            > attempts
              a try 1 #1 0ms..10ms Crashed
              a try 1 #6 10ms..20ms Succeeded
              c try 1 #3 0ms..10ms Failed boom
              d try 1 #4 0ms.. Running
        "#]],
    );
}

#[test]
fn the_third_death_is_poison_even_if_tries_are_left() {
    check(
        r#"
        [steps.a]
        task = "t"
        retry = { attempts = 9 }
        "#,
        "
        start a
        die
        start a
        die
        start a
        die
        attempts
        ",
        expect![[r#"
              accepted
              began
              ready a
                dispatch a try 1 #1
            > start a
              started a
            > die
              crashed a
              ready a
                dispatch a try 1 #2, durable
            > start a
              started a
            > die
              crashed a
              ready a
                dispatch a try 1 #3, durable
            > start a
              started a
            > die
              crashed a
              failed a poison: the process died 3 times while it ran
              ended failed null poison: step `a` failed: the process died 3 times while it ran
                add letter a #3
                end
            > attempts
              a try 1 #1 0ms..0ms Crashed
              a try 1 #2 0ms..0ms Crashed
              a try 1 #3 0ms..0ms Crashed
        "#]],
    );
}

#[test]
fn deaths_do_not_count_as_tries() {
    check(
        r#"
        [steps.a]
        task = "t"
        retry = { attempts = 2, jitter = "none" }
        "#,
        "
        start a
        die
        fail a boom
        next
        start a
        die
        fail a boom
        ",
        expect![[r#"
              accepted
              began
              ready a
                dispatch a try 1 #1
            > start a
              started a
            > die
              crashed a
              ready a
                dispatch a try 1 #2, durable
            > fail a boom
              attempt_failed a boom: no luck
              retry_scheduled a at 1010ms
                arm retry a at 1010ms
            > next
              ready a
                dispatch a try 2 #3, durable
            > start a
              started a
            > die
              crashed a
              ready a
                dispatch a try 2 #4, durable
            > fail a boom
              attempt_failed a boom: no luck
              failed a boom: no luck
              ended failed null boom: step `a` failed: no luck
                add letter a #4
                end
        "#]],
    );
}

#[test]
fn an_interrupted_attempt_does_not_count() {
    check(
        r#"
        [steps.a]
        task = "t"
        "#,
        "
        start a
        interrupt a
        interrupt a
        ok a
        attempts
        ",
        expect![[r#"
              accepted
              began
              ready a
                dispatch a try 1 #1
            > start a
              started a
            > interrupt a
              interrupted a
              ready a
                dispatch a try 1 #2
            > interrupt a
              interrupted a
              ready a
                dispatch a try 1 #3
            > ok a
              succeeded a null
              ended succeeded null
                end
            > attempts
              a try 1 #1 0ms..0ms Interrupted
              a try 1 #3 0ms..10ms Succeeded
        "#]],
    );
}

#[test]
fn who_waits_too_long_in_the_queue_has_timed_out() {
    check(
        r#"
        [steps.a]
        task = "t"
        start_within = "1m"
        retry = { on = ["timeout"], attempts = 2, delay = "1s", jitter = "none" }
        [steps.b]
        task = "t"
        start_within = "2m"
        "#,
        "
        start b
        next
        next
        start a
        next
        next
        ok a
        ok b
        attempts
        ",
        expect![[r#"
              accepted
              began
              ready a
              ready b
                dispatch a try 1 #1
                arm start a at 60000ms
                dispatch b try 1 #2
                arm start b at 120000ms
            > start b
              started b
            > next
              attempt_failed a timeout: did not start within 1m
              retry_scheduled a at 61000ms
                abort a #1
                arm retry a at 61000ms
            > next
              ready a
                dispatch a try 2 #3
                arm start a at 121000ms
            > start a
              started a
            > next
              nothing
            > next
              nothing
            > ok a
              succeeded a null
            > ok b
              succeeded b null
              ended succeeded {"a":null,"b":null}
                end
            > attempts
              a try 1 #1 60000ms..60000ms TimedOut timeout
              a try 2 #3 121000ms..121010ms Succeeded
              b try 1 #2 121010ms..121020ms Succeeded
        "#]],
    );
}

#[test]
fn a_run_that_ended_just_before_the_death_is_still_to_be_archived() {
    check(
        r#"
        [steps.a]
        task = "t"
        "#,
        "
        ok a
        die
        ",
        expect![[r#"
              accepted
              began
              ready a
                dispatch a try 1 #1
            > ok a
              succeeded a null
              ended succeeded null
                end
            > die
                end
        "#]],
    );
}
