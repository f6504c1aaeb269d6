#![expect(clippy::too_many_lines, reason = "a story is a table")]

mod body;

use expect_test::expect;

use crate::run::tests::check;

const LIST: &str = r#"
    [steps.list]
    task = "t"
    [steps.each]
    task = "t"
    for_each = "steps.list.output"
    max_parallel = 2
    [steps.after]
    task = "t"
    with.all = "${{ steps.each.output }}"
    "#;

#[test]
fn results_stand_in_the_order_of_the_list() {
    check(
        LIST,
        r#"
        ok list ["x","y","z"]
        ok each[1] 1
        ok each[2] 2
        ok each[0] 0
        ok after
        attempts
        "#,
        expect![[r#"
              accepted
              began
              ready list
                dispatch list try 1 #1
            > ok list ["x","y","z"]
              succeeded list ["x","y","z"]
              fanned_out each ["x", "y", "z"]
                dispatch each[0] try 1 #2
                dispatch each[1] try 1 #3
            > ok each[1] 1
              succeeded each[1] 1
                dispatch each[2] try 1 #4
            > ok each[2] 2
              succeeded each[2] 2
            > ok each[0] 0
              succeeded each[0] 0
              gathered each [0,1,2]
              ready after
                dispatch after try 1 #5
            > ok after
              succeeded after null
              ended succeeded null
                end
            > attempts
              list try 1 #1 0ms..10ms Succeeded
              each[0] try 1 #2 30ms..40ms Succeeded
              each[1] try 1 #3 10ms..20ms Succeeded
              each[2] try 1 #4 20ms..30ms Succeeded
              after try 1 #5 40ms..50ms Succeeded
        "#]],
    );
}

#[test]
fn an_empty_list_succeeds_with_an_empty_array() {
    check(
        LIST,
        "ok list []\n ok after",
        expect![[r#"
              accepted
              began
              ready list
                dispatch list try 1 #1
            > ok list []
              succeeded list []
              fanned_out each []
              gathered each []
              ready after
                dispatch after try 1 #2
            > ok after
              succeeded after null
              ended succeeded null
                end
        "#]],
    );
}

#[test]
fn what_is_no_list_or_too_long_fails() {
    check(
        LIST,
        "ok list 7",
        expect![[r#"
              accepted
              began
              ready list
                dispatch list try 1 #1
            > ok list 7
              succeeded list 7
              failed each invalid: `for_each`: expected a list, found a number, in `steps.list.output`
              blocked after by each
              ended failed null invalid: step `each` failed: `for_each`: expected a list, found a number, in `steps.list.output`
                add letter each #2
                end
        "#]],
    );
    check(
        r#"
        [steps.list]
        task = "t"
        [steps.each]
        task = "t"
        for_each = "steps.list.output"
        max_items = 2
        "#,
        "ok list [1,2,3]",
        expect![[r#"
              accepted
              began
              ready list
                dispatch list try 1 #1
            > ok list [1,2,3]
              succeeded list [1,2,3]
              failed each invalid: the list has 3 items, `max_items` is 2
              ended failed null invalid: step `each` failed: the list has 3 items, `max_items` is 2
                add letter each #2
                end
        "#]],
    );
}

#[test]
fn without_tolerate_all_items_run_and_then_the_step_fails() {
    check(
        LIST,
        "
        ok list [0,1,2]
        fail each[0] boom
        ok each[1]
        fail each[2] bang
        show
        ",
        expect![[r#"
              accepted
              began
              ready list
                dispatch list try 1 #1
            > ok list [0,1,2]
              succeeded list [0,1,2]
              fanned_out each [0, 1, 2]
                dispatch each[0] try 1 #2
                dispatch each[1] try 1 #3
            > fail each[0] boom
              attempt_failed each[0] boom: no luck
              failed each[0] boom: no luck
                add letter each[0] #2
                dispatch each[2] try 1 #4
            > ok each[1]
              succeeded each[1] null
            > fail each[2] bang
              attempt_failed each[2] bang: no luck
              failed each[2] bang: no luck
              failed each boom: 2 of 3 items failed; item 0: no luck
              blocked after by each
              ended failed null boom: step `each` failed: 2 of 3 items failed; item 0: no luck
                add letter each[2] #4
                end
            > show
              failed
                list succeeded
                each failed
                after blocked: step `each` failed
        "#]],
    );
}

#[test]
fn more_failures_than_tolerated_stop_the_rest() {
    let toml = |tolerate: &str| {
        format!(
            r#"
            [steps.each]
            task = "t"
            for_each = "input.list"
            max_parallel = 3
            tolerate = {tolerate}
            retry = {{ attempts = 2 }}
            [steps.after]
            task = "t"
            with.failed = "${{{{ steps.each.failed }}}}"
            "#
        )
    };
    let lines = r#"
        accept 0s {"list":[0,1,2,3,4]}
        fail each[0] permanent
        start each[1]
        fail each[2] boom
        fail each[3] permanent
        ok each[1] 1
        show
        "#;
    check(
        &toml("1"),
        lines,
        expect![[r#"
              accepted
              began
              fanned_out each [0, 1, 2, 3, 4]
                dispatch each[0] try 1 #1
                dispatch each[1] try 1 #2
                dispatch each[2] try 1 #3
            > fail each[0] permanent
              attempt_failed each[0] permanent: no luck
              failed each[0] permanent: no luck
                add letter each[0] #1
                dispatch each[3] try 1 #4
            > start each[1]
              started each[1]
            > fail each[2] boom
              attempt_failed each[2] boom: no luck
              retry_scheduled each[2] at 723ms
                arm retry each[2] at 723ms
            > fail each[3] permanent
              attempt_failed each[3] permanent: no luck
              failed each[3] permanent: no luck
              cancelled each[2]
                add letter each[3] #4
            > ok each[1] 1
              succeeded each[1] 1
              failed each permanent: 2 of 5 items failed; item 0: no luck
              blocked after by each
              ended failed null permanent: step `each` failed: 2 of 5 items failed; item 0: no luck
                end
            > show
              failed
                each failed
                after blocked: step `each` failed
        "#]],
    );
    check(
        &toml("\"20%\""),
        lines,
        expect![[r#"
              accepted
              began
              fanned_out each [0, 1, 2, 3, 4]
                dispatch each[0] try 1 #1
                dispatch each[1] try 1 #2
                dispatch each[2] try 1 #3
            > fail each[0] permanent
              attempt_failed each[0] permanent: no luck
              failed each[0] permanent: no luck
                add letter each[0] #1
                dispatch each[3] try 1 #4
            > start each[1]
              started each[1]
            > fail each[2] boom
              attempt_failed each[2] boom: no luck
              retry_scheduled each[2] at 723ms
                arm retry each[2] at 723ms
            > fail each[3] permanent
              attempt_failed each[3] permanent: no luck
              failed each[3] permanent: no luck
              cancelled each[2]
                add letter each[3] #4
            > ok each[1] 1
              succeeded each[1] 1
              failed each permanent: 2 of 5 items failed; item 0: no luck
              blocked after by each
              ended failed null permanent: step `each` failed: 2 of 5 items failed; item 0: no luck
                end
            > show
              failed
                each failed
                after blocked: step `each` failed
        "#]],
    );
}

#[test]
fn tolerated_failures_leave_null_and_a_list() {
    check(
        r#"
        [steps.each]
        task = "t"
        for_each = "[1, 2]"
        tolerate = 1
        [steps.after]
        run = ["echo", "${{ steps.each.failed }}"]
        "#,
        r#"
        fail each[0] boom
        ok each[1] "b"
        ok after
        "#,
        expect![[r#"
              accepted
              began
              fanned_out each [1, 2]
                dispatch each[0] try 1 #1
                dispatch each[1] try 1 #2
            > fail each[0] boom
              attempt_failed each[0] boom: no luck
              failed each[0] boom: no luck
                add letter each[0] #1
            > ok each[1] "b"
              succeeded each[1] "b"
              gathered each [null,"b"]
              ready after
                dispatch after try 1 #3
            > ok after
              succeeded after null
              ended succeeded null
                end
        "#]],
    );
}
