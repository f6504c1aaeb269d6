//! Dead letters that are replayed, and fan-outs that run again in part or anew.

use expect_test::expect;

use super::DIAMOND;
use crate::run::tests::check;

#[test]
fn the_replay_of_a_dead_letter_goes_on_in_a_live_run() {
    check(
        DIAMOND,
        r#"
        ok a 1
        fail b boom
        replay c
        replay b {"x":1}
        ok b 2
        ok d
        ok c
        replay b
        "#,
        expect![[r#"
              accepted
              began
              ready a
                dispatch a try 1 #1
            > ok a 1
              succeeded a 1
              ready b
              ready d
                dispatch b try 1 #1
                dispatch d try 1 #1
            > fail b boom
              attempt_failed b boom: no luck
              failed b boom: no luck
              blocked c by b
                bury b
            > replay c
              nothing
            > replay b {"x":1}
              replayed b: b c
              ready b
                exhume b
                dispatch b try 1 #2
            > ok b 2
              succeeded b 2
              ready c
                dispatch c try 1 #1
            > ok d
              succeeded d null
            > ok c
              succeeded c null
              ended succeeded {"c":null,"d":null}
                end
            > replay b
              nothing
        "#]],
    );
}

const FAN: &str = r#"
    [steps.each]
    task = "t"
    for_each = "[10, 11, 12]"
    [steps.after]
    task = "t"
    with.all = "${{ steps.each.output }}"
    "#;

#[test]
fn a_retry_of_a_fan_out_runs_the_failed_items_only() {
    check(
        FAN,
        "
        ok each[0] 0
        fail each[1] boom
        fail each[2] boom
        retry failed
        ok each[2] 2
        ok each[1] 1
        ok after
        attempts
        ",
        expect![[r#"
              accepted
              began
              fanned_out each [10, 11, 12]
                dispatch each[0] try 1 #1
                dispatch each[1] try 1 #1
                dispatch each[2] try 1 #1
            > ok each[0] 0
              succeeded each[0] 0
            > fail each[1] boom
              attempt_failed each[1] boom: no luck
              failed each[1] boom: no luck
                bury each[1]
            > fail each[2] boom
              attempt_failed each[2] boom: no luck
              failed each[2] boom: no luck
              failed each boom: 2 of 3 items failed; item 1: no luck
              blocked after by each
              ended failed null boom: step `each` failed: 2 of 3 items failed; item 1: no luck
                bury each[2]
                end
            > retry failed
              reopened each each[1] each[2] after
                exhume each[1]
                exhume each[2]
                dispatch each[1] try 1 #2
                dispatch each[2] try 1 #2
            > ok each[2] 2
              succeeded each[2] 2
            > ok each[1] 1
              succeeded each[1] 1
              gathered each [0,1,2]
              ready after
                dispatch after try 1 #1
            > ok after
              succeeded after null
              ended succeeded null
                end
            > attempts
              each[0] try 1 #1 0ms..10ms Succeeded
              each[1] try 1 #1 10ms..20ms Failed boom
              each[1] try 1 #2 40ms..50ms Succeeded
              each[2] try 1 #1 20ms..30ms Failed boom
              each[2] try 1 #2 30ms..40ms Succeeded
              after try 1 #1 50ms..60ms Succeeded
        "#]],
    );
}

#[test]
fn one_item_is_replayed_and_the_others_stay_failed() {
    check(
        FAN,
        "
        ok each[0] 0
        fail each[1] boom
        fail each[2] boom
        replay each[1]
        ok each[1] 1
        replay each[2]
        ok each[2] 2
        ok after
        ",
        expect![[r#"
              accepted
              began
              fanned_out each [10, 11, 12]
                dispatch each[0] try 1 #1
                dispatch each[1] try 1 #1
                dispatch each[2] try 1 #1
            > ok each[0] 0
              succeeded each[0] 0
            > fail each[1] boom
              attempt_failed each[1] boom: no luck
              failed each[1] boom: no luck
                bury each[1]
            > fail each[2] boom
              attempt_failed each[2] boom: no luck
              failed each[2] boom: no luck
              failed each boom: 2 of 3 items failed; item 1: no luck
              blocked after by each
              ended failed null boom: step `each` failed: 2 of 3 items failed; item 1: no luck
                bury each[2]
                end
            > replay each[1]
              replayed each[1]: each each[1] after
                exhume each[1]
                dispatch each[1] try 1 #2
            > ok each[1] 1
              succeeded each[1] 1
              failed each boom: 1 of 3 items failed; item 2: no luck
              blocked after by each
              ended failed null boom: step `each` failed: 1 of 3 items failed; item 2: no luck
                end
            > replay each[2]
              replayed each[2]: each each[2] after
                exhume each[2]
                dispatch each[2] try 1 #2
            > ok each[2] 2
              succeeded each[2] 2
              gathered each [0,1,2]
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
fn a_fan_out_that_is_asked_for_as_a_step_starts_anew() {
    check(
        FAN,
        "
        ok each[0] 0
        ok each[1] 1
        ok each[2] 2
        ok after
        retry each
        ok each[0] 10
        ok each[1] 11
        ok each[2] 12
        ok after
        attempts
        ",
        expect![[r#"
              accepted
              began
              fanned_out each [10, 11, 12]
                dispatch each[0] try 1 #1
                dispatch each[1] try 1 #1
                dispatch each[2] try 1 #1
            > ok each[0] 0
              succeeded each[0] 0
            > ok each[1] 1
              succeeded each[1] 1
            > ok each[2] 2
              succeeded each[2] 2
              gathered each [0,1,2]
              ready after
                dispatch after try 1 #1
            > ok after
              succeeded after null
              ended succeeded null
                end
            > retry each
              reopened each after
              fanned_out each [10, 11, 12]
                dispatch each[0] try 1 #2
                dispatch each[1] try 1 #2
                dispatch each[2] try 1 #2
            > ok each[0] 10
              succeeded each[0] 10
            > ok each[1] 11
              succeeded each[1] 11
            > ok each[2] 12
              succeeded each[2] 12
              gathered each [10,11,12]
              ready after
                dispatch after try 1 #2
            > ok after
              succeeded after null
              ended succeeded null
                end
            > attempts
              each[0] try 1 #1 0ms..10ms Succeeded
              each[0] try 1 #2 40ms..50ms Succeeded
              each[1] try 1 #1 10ms..20ms Succeeded
              each[1] try 1 #2 50ms..60ms Succeeded
              each[2] try 1 #1 20ms..30ms Succeeded
              each[2] try 1 #2 60ms..70ms Succeeded
              after try 1 #1 30ms..40ms Succeeded
              after try 1 #2 70ms..80ms Succeeded
        "#]],
    );
}

#[test]
fn dispatches_are_numbered_on_whatever_lists_come_between() {
    check(
        r#"
        [steps.list]
        task = "t"
        [steps.each]
        task = "t"
        for_each = "steps.list.output"
        "#,
        r#"
        ok list ["x"]
        ok each[0] 0
        retry list
        ok list []
        retry list
        ok list ["x"]
        "#,
        expect![[r#"
              accepted
              began
              ready list
                dispatch list try 1 #1
            > ok list ["x"]
              succeeded list ["x"]
              fanned_out each ["x"]
                dispatch each[0] try 1 #1
            > ok each[0] 0
              succeeded each[0] 0
              gathered each [0]
              ended succeeded [0]
                end
            > retry list
              reopened list each
              ready list
                dispatch list try 1 #2
            > ok list []
              succeeded list []
              fanned_out each []
              gathered each []
              ended succeeded []
                end
            > retry list
              reopened list each
              ready list
                dispatch list try 1 #3
            > ok list ["x"]
              succeeded list ["x"]
              fanned_out each ["x"]
                dispatch each[0] try 1 #2
        "#]],
    );
}

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
        fail files.fetch[0] boom
        show
        replay files.fetch[0]
        ok files.fetch[0]
        ok files.count[0] 0
        ok files.fetch[1]
        ok files.count[1] 1
        show
        ",
        expect![[r#"
              accepted
              began
              fanned_out files [0, 1]
              ready files.fetch[0]
                dispatch files.fetch[0] try 1 #1
            > fail files.fetch[0] boom
              attempt_failed files.fetch[0] boom: no luck
              failed files.fetch[0] boom: no luck
              blocked files.count[0] by files.fetch
              failed files boom: 1 of 2 items failed; item 0: no luck
              ended failed null boom: step `files` failed: 1 of 2 items failed; item 0: no luck
                bury files.fetch[0]
                end
            > show
              failed
                files failed
                  fetch failed
                  count cancelled: it was not needed any more
            > replay files.fetch[0]
              replayed files.fetch[0]: files files.fetch[0] files.count[0] files.fetch[1] files.count[1]
              ready files.fetch[0]
                exhume files.fetch[0]
                dispatch files.fetch[0] try 1 #2
            > ok files.fetch[0]
              succeeded files.fetch[0] null
              ready files.count[0]
                dispatch files.count[0] try 1 #1
            > ok files.count[0] 0
              succeeded files.count[0] 0
              ready files.fetch[1]
                dispatch files.fetch[1] try 1 #1
            > ok files.fetch[1]
              succeeded files.fetch[1] null
              ready files.count[1]
                dispatch files.count[1] try 1 #1
            > ok files.count[1] 1
              succeeded files.count[1] 1
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
