//! Bodies that run once for each item.

use expect_test::expect;

use crate::run::tests::check;

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
