#![expect(clippy::too_many_lines, reason = "a story is a table")]

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
                dispatch each[0] try 1 #1
                dispatch each[1] try 1 #1
            > ok each[1] 1
              succeeded each[1] 1
                dispatch each[2] try 1 #1
            > ok each[2] 2
              succeeded each[2] 2
            > ok each[0] 0
              succeeded each[0] 0
              gathered each [0,1,2]
              ready after
                dispatch after try 1 #1
            > ok after
              succeeded after null
              ended succeeded null
                end
            > attempts
              list try 1 #1 0ms..10ms Succeeded
              each[0] try 1 #1 30ms..40ms Succeeded
              each[1] try 1 #1 10ms..20ms Succeeded
              each[2] try 1 #1 20ms..30ms Succeeded
              after try 1 #1 40ms..50ms Succeeded
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
            dispatch after try 1 #1
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
            bury each
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
                bury each
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
                dispatch each[0] try 1 #1
                dispatch each[1] try 1 #1
            > fail each[0] boom
              attempt_failed each[0] boom: no luck
              failed each[0] boom: no luck
                bury each[0]
                dispatch each[2] try 1 #1
            > ok each[1]
              succeeded each[1] null
            > fail each[2] bang
              attempt_failed each[2] bang: no luck
              failed each[2] bang: no luck
              failed each boom: 2 of 3 items failed; item 0: no luck
              blocked after by each
              ended failed null boom: step `each` failed: 2 of 3 items failed; item 0: no luck
                bury each[2]
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
            dispatch each[1] try 1 #1
            dispatch each[2] try 1 #1
        > fail each[0] permanent
          attempt_failed each[0] permanent: no luck
          failed each[0] permanent: no luck
            bury each[0]
            dispatch each[3] try 1 #1
        > start each[1]
          started each[1]
        > fail each[2] boom
          attempt_failed each[2] boom: no luck
          retry_scheduled each[2] at 293ms
            arm retry each[2] at 293ms
        > fail each[3] permanent
          attempt_failed each[3] permanent: no luck
          failed each[3] permanent: no luck
          cancelled each[2]
            bury each[3]
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
            dispatch each[1] try 1 #1
            dispatch each[2] try 1 #1
        > fail each[0] permanent
          attempt_failed each[0] permanent: no luck
          failed each[0] permanent: no luck
            bury each[0]
            dispatch each[3] try 1 #1
        > start each[1]
          started each[1]
        > fail each[2] boom
          attempt_failed each[2] boom: no luck
          retry_scheduled each[2] at 293ms
            arm retry each[2] at 293ms
        > fail each[3] permanent
          attempt_failed each[3] permanent: no luck
          failed each[3] permanent: no luck
          cancelled each[2]
            bury each[3]
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
                dispatch each[1] try 1 #1
            > fail each[0] boom
              attempt_failed each[0] boom: no luck
              failed each[0] boom: no luck
                bury each[0]
            > ok each[1] "b"
              succeeded each[1] "b"
              gathered each [null,"b"]
              ready after
                dispatch after try 1 #1
            > ok after
              succeeded after null
              ended succeeded null
                end
        "#]],
    );
}

#[test]
fn a_body_runs_once_for_each_item() {
    check(
        r#"
        [steps.files]
        for_each = "input.list"
        max_parallel = 1
        [steps.files.steps.fetch]
        task = "t"
        [steps.files.steps.clean]
        task = "t"
        when = "item > 0"
        depends_on = ["fetch"]
        [steps.files.steps.count]
        task = "t"
        depends_on = ["clean"]
        with.x = "${{ steps.fetch.output }}"
        "#,
        r#"
        accept 0s {"list":[0,1]}
        ok files.fetch[0] "f0"
        ok files.count[0] 10
        ok files.fetch[1] "f1"
        ok files.clean[1] "c1"
        ok files.count[1] 11
        show
        "#,
        expect![[r#"
              accepted
              began
              fanned_out files [0, 1]
              ready files.fetch[0]
                dispatch files.fetch[0] try 1 #1
            > ok files.fetch[0] "f0"
              succeeded files.fetch[0] "f0"
              skipped files.clean[0]: when
              ready files.count[0]
                dispatch files.count[0] try 1 #1
            > ok files.count[0] 10
              succeeded files.count[0] 10
              ready files.fetch[1]
                dispatch files.fetch[1] try 1 #1
            > ok files.fetch[1] "f1"
              succeeded files.fetch[1] "f1"
              ready files.clean[1]
                dispatch files.clean[1] try 1 #1
            > ok files.clean[1] "c1"
              succeeded files.clean[1] "c1"
              ready files.count[1]
                dispatch files.count[1] try 1 #1
            > ok files.count[1] 11
              succeeded files.count[1] 11
              gathered files [{"fetch":"f0","count":10},{"fetch":"f1","clean":"c1","count":11}]
              ended succeeded [{"fetch":"f0","count":10},{"fetch":"f1","clean":"c1","count":11}]
                end
            > show
              succeeded
                files succeeded
                  fetch succeeded
                  clean succeeded
                  count succeeded
        "#]],
    );
}

#[test]
fn an_item_fails_with_any_step_of_its_body() {
    check(
        r#"
        [steps.files]
        for_each = "[0, 1]"
        tolerate = "50%"
        [steps.files.steps.fetch]
        task = "t"
        [steps.files.steps.nice]
        task = "t"
        depends_on = ["fetch"]
        allow_failure = true
        with = 1
        [steps.files.steps.count]
        task = "t"
        depends_on = ["fetch"]
        "#,
        "
        fail files.fetch[0] boom
        ok files.fetch[1] 1
        fail files.nice[1] boom
        ok files.count[1] 2
        show
        ",
        expect![[r#"
              accepted
              began
              fanned_out files [0, 1]
              ready files.fetch[0]
              ready files.fetch[1]
                dispatch files.fetch[0] try 1 #1
                dispatch files.fetch[1] try 1 #1
            > fail files.fetch[0] boom
              attempt_failed files.fetch[0] boom: no luck
              failed files.fetch[0] boom: no luck
              blocked files.nice[0] by files.fetch
              blocked files.count[0] by files.fetch
                bury files.fetch[0]
            > ok files.fetch[1] 1
              succeeded files.fetch[1] 1
              ready files.nice[1]
              ready files.count[1]
                dispatch files.nice[1] try 1 #1
                dispatch files.count[1] try 1 #1
            > fail files.nice[1] boom
              attempt_failed files.nice[1] boom: no luck
              failed files.nice[1] boom: no luck
            > ok files.count[1] 2
              succeeded files.count[1] 2
              gathered files [null,{"fetch":1,"count":2}]
              ended succeeded [null,{"fetch":1,"count":2}]
                end
            > show
              succeeded
                files succeeded
                  fetch failed
                  nice failed (allowed)
                  count blocked: step `fetch` failed
        "#]],
    );
}

#[test]
fn items_can_sleep() {
    check(
        r#"
        [steps.naps]
        for_each = "['1s', '2s']"
        sleep = "${{ item }}"
        "#,
        "
        next
        next
        ",
        expect![[r#"
              accepted
              began
              fanned_out naps ["1s", "2s"]
              slept naps[0] until 1000ms
              slept naps[1] until 2000ms
                arm sleep naps[0] at 1000ms
                arm sleep naps[1] at 2000ms
            > next
              succeeded naps[0] null
            > next
              succeeded naps[1] null
              gathered naps [null,null]
              ended succeeded [null,null]
                end
        "#]],
    );
}
