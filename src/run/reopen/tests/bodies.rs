//! Replays within bodies and lists within lists.

use expect_test::expect;

use crate::run::tests::check;

#[test]
fn a_step_of_a_body_is_replayed_with_what_is_behind_it() {
    check(
        r#"
        [steps.files]
        for_each = "[0, 1]"
        tolerate = 0
        max_parallel = 1
        [steps.files.steps.fetch]
        task = "t"
        [steps.files.steps.count]
        task = "t"
        depends_on = ["fetch"]
        "#,
        "
        fail files[0].fetch boom
        show
        replay files[0].fetch
        ok files[0].fetch
        ok files[0].count 0
        ok files[1].fetch
        ok files[1].count 1
        show
        ",
        expect![[r#"
              accepted
              began
              fanned_out files [0, 1]
              ready files[0].fetch
                dispatch files[0].fetch try 1 #1
            > fail files[0].fetch boom
              attempt_failed files[0].fetch boom: no luck
              failed files[0].fetch boom: no luck
              blocked files[0].count by files.fetch
              failed files boom: 1 of 2 items failed; item 0: no luck
              ended failed null boom: step `files` failed: 1 of 2 items failed; item 0: no luck
                add letter files[0].fetch #1
                end
            > show
              failed
                files failed
                  fetch failed
                  count cancelled: it was not needed any more
            > replay files[0].fetch
              replayed files[0].fetch: files files[0].fetch files[0].count files[1].fetch files[1].count
              ready files[0].fetch
                remove letter files[0].fetch #1
                dispatch files[0].fetch try 1 #2
            > ok files[0].fetch
              succeeded files[0].fetch null
              ready files[0].count
                dispatch files[0].count try 1 #3
            > ok files[0].count 0
              succeeded files[0].count 0
              ready files[1].fetch
                dispatch files[1].fetch try 1 #4
            > ok files[1].fetch
              succeeded files[1].fetch null
              ready files[1].count
                dispatch files[1].count try 1 #5
            > ok files[1].count 1
              succeeded files[1].count 1
              gathered files [{"fetch":null,"count":0},{"fetch":null,"count":1}]
              ended succeeded [{"fetch":null,"count":0},{"fetch":null,"count":1}]
                end
            > show
              succeeded
                files succeeded
                  fetch succeeded
                  count succeeded
        "#]],
    );
}

#[test]
fn lists_within_lists_go_on_with_the_items_around_them() {
    check(
        "
        [steps.a]
        for_each = '[1, 2]'
        max_parallel = 1
        [steps.a.steps.b]
        for_each = '[3, 4]'
        task = 't'
        ",
        "
        fail a[0].b[0] boom
        ok a[0].b[1] 1
        fail a[1].b[1] boom
        ok a[1].b[0] 2
        retry failed
        ok a[0].b[0] 3
        ok a[1].b[1] 4
        show
        ",
        expect![[r#"
              accepted
              began
              fanned_out a [1, 2]
              fanned_out a[0].b [3, 4]
                dispatch a[0].b[0] try 1 #1
                dispatch a[0].b[1] try 1 #2
            > fail a[0].b[0] boom
              attempt_failed a[0].b[0] boom: no luck
              failed a[0].b[0] boom: no luck
                add letter a[0].b[0] #1
            > ok a[0].b[1] 1
              succeeded a[0].b[1] 1
              failed a[0].b boom: 1 of 2 items failed; item 0: no luck
              fanned_out a[1].b [3, 4]
                dispatch a[1].b[0] try 1 #3
                dispatch a[1].b[1] try 1 #4
            > fail a[1].b[1] boom
              attempt_failed a[1].b[1] boom: no luck
              failed a[1].b[1] boom: no luck
                add letter a[1].b[1] #4
            > ok a[1].b[0] 2
              succeeded a[1].b[0] 2
              failed a[1].b boom: 1 of 2 items failed; item 1: no luck
              failed a boom: 2 of 2 items failed; item 0: 1 of 2 items failed; item 0: no luck
              ended failed null boom: step `a` failed: 2 of 2 items failed; item 0: 1 of 2 items failed; item 0: no luck
                end
            > retry failed
              reopened a a[0].b a[0].b[0] a[1].b a[1].b[1]
                remove letter a[0].b[0] #1
                remove letter a[1].b[1] #4
                dispatch a[0].b[0] try 1 #5
            > ok a[0].b[0] 3
              succeeded a[0].b[0] 3
              gathered a[0].b [3,1]
                dispatch a[1].b[1] try 1 #6
            > ok a[1].b[1] 4
              succeeded a[1].b[1] 4
              gathered a[1].b [2,4]
              gathered a [{"b":[3,1]},{"b":[2,4]}]
              ended succeeded [{"b":[3,1]},{"b":[2,4]}]
                end
            > show
              succeeded
                a succeeded
                  b succeeded
        "#]],
    );
}
