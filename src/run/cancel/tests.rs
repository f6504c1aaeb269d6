#![expect(clippy::too_many_lines, reason = "a story is a table")]

use expect_test::expect;

use crate::run::tests::check;

const MIXED: &str = r#"
    timeout = "1h"
    [steps.done]
    task = "t"
    [steps.running]
    task = "t"
    [steps.queued]
    task = "t"
    [steps.retrying]
    task = "t"
    retry = { attempts = 2, jitter = "none" }
    [steps.asleep]
    sleep = "1m"
    [steps.each]
    task = "t"
    for_each = "[0, 1, 2]"
    max_parallel = 2
    [steps.after]
    task = "t"
    depends_on = ["done", "running"]
    with = 1
    "#;

#[test]
fn a_cancelled_run_stops_everything_and_starts_nothing_more() {
    check(
        MIXED,
        "
        ok done 1
        start running
        fail retrying boom
        start each[0]
        cancel
        show
        ok running 1
        next
        next
        attempts
        ",
        expect![[r#"
              accepted
              began
              ready done
              ready running
              ready queued
              ready retrying
              slept asleep until 60000ms
              fanned_out each [0, 1, 2]
                arm timeout at 3600000ms
                dispatch done try 1 #1
                dispatch running try 1 #2
                dispatch queued try 1 #3
                dispatch retrying try 1 #4
                arm sleep asleep at 60000ms
                dispatch each[0] try 1 #6
                dispatch each[1] try 1 #7
            > ok done 1
              succeeded done 1
            > start running
              started running
            > fail retrying boom
              attempt_failed retrying boom: no luck
              retry_scheduled retrying at 1020ms
                arm retry retrying at 1020ms
            > start each[0]
              started each[0]
            > cancel
              cancel_requested: by hand
              cancelled running
              cancelled queued
              cancelled retrying
              cancelled asleep
              cancelled each
              cancelled after
              ended cancelled null
                abort running #2
                abort queued #3
                abort each[0] #6
                abort each[1] #7
                end
            > show
              cancelled
                done succeeded
                running cancelled: the run was cancelled: by hand
                queued cancelled: the run was cancelled: by hand
                retrying cancelled: the run was cancelled: by hand
                asleep cancelled: the run was cancelled: by hand
                each cancelled: the run was cancelled: by hand
                after cancelled: the run was cancelled: by hand
            > ok running 1
              nothing
            > next
              nothing
            > next
              nothing
            > attempts
              done try 1 #1 0ms..10ms Succeeded
              running try 1 #2 10ms..20ms Cancelled
              retrying try 1 #4 10ms..20ms Failed boom
              asleep try 1 #5 0ms..20ms Cancelled
              each[0] try 1 #6 20ms..20ms Cancelled
        "#]],
    );
}

#[test]
fn a_run_whose_time_is_up_has_failed() {
    check(
        r#"
        timeout = "1h"
        [steps.a]
        task = "t"
        "#,
        "
        next
        show
        ",
        expect![[r#"
              accepted
              began
              ready a
                arm timeout at 3600000ms
                dispatch a try 1 #1
            > next
              cancel_requested: the run's time was up
              cancelled a
              ended failed null timeout: the run did not end within 1h
                abort a #1
                end
            > show
              failed
                a cancelled: the run's time was up
        "#]],
    );
}

#[test]
fn a_run_can_be_cancelled_before_it_begins() {
    check(
        r#"
        [steps.a]
        task = "t"
        "#,
        "
        accept 1h {}
        cancel
        show
        next
        retry failed
        ",
        expect![[r#"
              accepted
                arm begin at 3600000ms
            > cancel
              cancel_requested: by hand
              ended cancelled null
                end
            > show
              cancelled
                a cancelled: the run was cancelled: by hand
            > next
              nothing
            > retry failed
              reopened 
              began
              ready a
                dispatch a try 1 #1
        "#]],
    );
}

const BRANCHES: &str = r#"
    [steps.a]
    task = "t"
    [steps.b]
    task = "t"
    [steps.c]
    task = "t"
    [steps.d]
    task = "t"
    retry = { attempts = 2 }
    [steps.e]
    task = "t"
    for_each = "[0, 1, 2, 3]"
    max_parallel = 2
    [steps.after_a]
    task = "t"
    depends_on = ["a"]
    [steps.after_b]
    task = "t"
    depends_on = ["b"]
    "#;

#[test]
fn fail_fast_stop_starts_nothing_new_and_lets_end_what_runs() {
    check(
        &format!("fail_fast = \"stop\"\n{BRANCHES}"),
        "
        start b
        start e[0]
        fail d boom
        fail a boom
        ok b
        ok e[0]
        show
        ",
        expect![[r#"
              accepted
              began
              ready a
              ready b
              ready c
              ready d
              fanned_out e [0, 1, 2, 3]
                dispatch a try 1 #1
                dispatch b try 1 #2
                dispatch c try 1 #3
                dispatch d try 1 #4
                dispatch e[0] try 1 #5
                dispatch e[1] try 1 #6
            > start b
              started b
            > start e[0]
              started e[0]
            > fail d boom
              attempt_failed d boom: no luck
              retry_scheduled d at 576ms
                arm retry d at 576ms
            > fail a boom
              attempt_failed a boom: no luck
              failed a boom: no luck
              blocked after_a by a
              cancelled c
              cancelled d
              cancelled after_b
              cancelled e[1]
                add letter a #1
                abort c #3
                abort e[1] #6
            > ok b
              succeeded b null
            > ok e[0]
              succeeded e[0] null
              cancelled e
              ended failed null boom: step `a` failed: no luck
                end
            > show
              failed
                a failed
                b succeeded
                c cancelled: another step failed (`fail_fast`)
                d cancelled: another step failed (`fail_fast`)
                e cancelled: another step failed (`fail_fast`)
                after_a blocked: step `a` failed
                after_b cancelled: another step failed (`fail_fast`)
        "#]],
    );
}

#[test]
fn fail_fast_cancel_stops_what_runs() {
    check(
        &format!("fail_fast = \"cancel\"\n{BRANCHES}"),
        "
        start b
        start e[0]
        fail a boom
        show
        ",
        expect![[r#"
              accepted
              began
              ready a
              ready b
              ready c
              ready d
              fanned_out e [0, 1, 2, 3]
                dispatch a try 1 #1
                dispatch b try 1 #2
                dispatch c try 1 #3
                dispatch d try 1 #4
                dispatch e[0] try 1 #5
                dispatch e[1] try 1 #6
            > start b
              started b
            > start e[0]
              started e[0]
            > fail a boom
              attempt_failed a boom: no luck
              failed a boom: no luck
              blocked after_a by a
              cancelled b
              cancelled c
              cancelled d
              cancelled e
              cancelled after_b
              ended failed null boom: step `a` failed: no luck
                add letter a #1
                abort b #2
                abort c #3
                abort d #4
                abort e[0] #5
                abort e[1] #6
                end
            > show
              failed
                a failed
                b cancelled: another step failed (`fail_fast`)
                c cancelled: another step failed (`fail_fast`)
                d cancelled: another step failed (`fail_fast`)
                e cancelled: another step failed (`fail_fast`)
                after_a blocked: step `a` failed
                after_b cancelled: another step failed (`fail_fast`)
        "#]],
    );
}

#[test]
fn an_attempt_that_fails_after_the_stop_is_not_tried_again() {
    check(
        &format!("fail_fast = \"stop\"\n{BRANCHES}"),
        "
        start d
        fail a boom
        fail d boom
        ",
        expect![[r#"
              accepted
              began
              ready a
              ready b
              ready c
              ready d
              fanned_out e [0, 1, 2, 3]
                dispatch a try 1 #1
                dispatch b try 1 #2
                dispatch c try 1 #3
                dispatch d try 1 #4
                dispatch e[0] try 1 #5
                dispatch e[1] try 1 #6
            > start d
              started d
            > fail a boom
              attempt_failed a boom: no luck
              failed a boom: no luck
              blocked after_a by a
              cancelled b
              cancelled c
              cancelled after_b
              cancelled e[0]
              cancelled e[1]
              cancelled e
                add letter a #1
                abort b #2
                abort c #3
                abort e[0] #5
                abort e[1] #6
            > fail d boom
              attempt_failed d boom: no luck
              failed d boom: no luck
              ended failed null boom: step `a` failed: no luck
                add letter d #4
                end
        "#]],
    );
}
