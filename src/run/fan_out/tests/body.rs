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
        ok files[0].fetch "f0"
        ok files[0].count 10
        ok files[1].fetch "f1"
        ok files[1].clean "c1"
        ok files[1].count 11
        show
        "#,
        expect![[r#"
              accepted
              began
              fanned_out files [0, 1]
              ready files[0].fetch
                dispatch files[0].fetch try 1 #1
            > ok files[0].fetch "f0"
              succeeded files[0].fetch "f0"
              skipped files[0].clean: when
              ready files[0].count
                dispatch files[0].count try 1 #2
            > ok files[0].count 10
              succeeded files[0].count 10
              ready files[1].fetch
                dispatch files[1].fetch try 1 #3
            > ok files[1].fetch "f1"
              succeeded files[1].fetch "f1"
              ready files[1].clean
                dispatch files[1].clean try 1 #4
            > ok files[1].clean "c1"
              succeeded files[1].clean "c1"
              ready files[1].count
                dispatch files[1].count try 1 #5
            > ok files[1].count 11
              succeeded files[1].count 11
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
        fail files[0].fetch boom
        ok files[1].fetch 1
        fail files[1].nice boom
        ok files[1].count 2
        show
        ",
        expect![[r#"
              accepted
              began
              fanned_out files [0, 1]
              ready files[0].fetch
              ready files[1].fetch
                dispatch files[0].fetch try 1 #1
                dispatch files[1].fetch try 1 #2
            > fail files[0].fetch boom
              attempt_failed files[0].fetch boom: no luck
              failed files[0].fetch boom: no luck
              blocked files[0].nice by files.fetch
              blocked files[0].count by files.fetch
                add letter files[0].fetch #1
            > ok files[1].fetch 1
              succeeded files[1].fetch 1
              ready files[1].nice
              ready files[1].count
                dispatch files[1].nice try 1 #3
                dispatch files[1].count try 1 #4
            > fail files[1].nice boom
              attempt_failed files[1].nice boom: no luck
              failed files[1].nice boom: no luck
            > ok files[1].count 2
              succeeded files[1].count 2
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
