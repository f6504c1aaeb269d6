#![expect(clippy::too_many_lines, reason = "a story is a table")]

use expect_test::expect;

use crate::run::tests::check;

#[test]
fn a_run_has_no_more_attempts_at_once_than_it_may() {
    check(
        r#"
        max_parallel = 2
        [steps.a]
        task = "t"
        retry = { attempts = 2, jitter = "none" }
        [steps.b]
        task = "t"
        [steps.c]
        task = "t"
        [steps.each]
        task = "t"
        for_each = "[0, 1]"
        "#,
        "
        fail a boom
        next
        start b
        die
        ok b
        ok c
        ok each[0]
        ok each[1]
        ok a
        ",
        expect![[r#"
              accepted
              began
              ready a
              ready b
              ready c
              fanned_out each [0, 1]
                dispatch a try 1 #1
                dispatch b try 1 #2
            > fail a boom
              attempt_failed a boom: no luck
              retry_scheduled a at 1010ms
                arm retry a at 1010ms
                dispatch c try 1 #3
            > next
              ready a
            > start b
              started b
            > die
              crashed b
              ready b
                dispatch c try 1 #3, durable
                dispatch each[0] try 1 #4, durable
            > ok b
              nothing
            > ok c
              succeeded c null
                dispatch each[1] try 1 #5
            > ok each[0]
              succeeded each[0] null
                dispatch a try 2 #6
            > ok each[1]
              succeeded each[1] null
              gathered each [null,null]
                dispatch b try 1 #7, durable
            > ok a
              succeeded a null
        "#]],
    );
}

#[test]
fn what_a_verdict_stops_does_not_start_before_it() {
    check(
        r#"
        max_parallel = 1
        fail_fast = "stop"
        [steps.a]
        task = "t"
        [steps.b]
        task = "t"
        "#,
        "fail a boom",
        expect![[r#"
              accepted
              began
              ready a
              ready b
                dispatch a try 1 #1
            > fail a boom
              attempt_failed a boom: no luck
              failed a boom: no luck
              cancelled b
              ended failed null boom: step `a` failed: no luck
                add letter a #1
                end
        "#]],
    );
    check(
        r#"
        max_parallel = 1
        [steps.each]
        task = "t"
        for_each = "[0, 1, 2]"
        tolerate = 0
        "#,
        "
        ok each[0]
        fail each[1] boom
        ",
        expect![[r#"
              accepted
              began
              fanned_out each [0, 1, 2]
                dispatch each[0] try 1 #1
            > ok each[0]
              succeeded each[0] null
                dispatch each[1] try 1 #2
            > fail each[1] boom
              attempt_failed each[1] boom: no luck
              failed each[1] boom: no luck
              cancelled each[2]
              failed each boom: 1 of 3 items failed; item 1: no luck
              ended failed null boom: step `each` failed: 1 of 3 items failed; item 1: no luck
                add letter each[1] #2
                end
        "#]],
    );
}
