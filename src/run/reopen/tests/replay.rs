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
                dispatch b try 1 #2
                dispatch d try 1 #3
            > fail b boom
              attempt_failed b boom: no luck
              failed b boom: no luck
              blocked c by b
                add letter b #2
            > replay c
              nothing
            > replay b {"x":1}
              replayed b: b c
              ready b
                remove letter b #2
                dispatch b try 1 #4
            > ok b 2
              succeeded b 2
              ready c
                dispatch c try 1 #5
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
                dispatch each[1] try 1 #2
                dispatch each[2] try 1 #3
            > ok each[0] 0
              succeeded each[0] 0
            > fail each[1] boom
              attempt_failed each[1] boom: no luck
              failed each[1] boom: no luck
                add letter each[1] #2
            > fail each[2] boom
              attempt_failed each[2] boom: no luck
              failed each[2] boom: no luck
              failed each boom: 2 of 3 items failed; item 1: no luck
              blocked after by each
              ended failed null boom: step `each` failed: 2 of 3 items failed; item 1: no luck
                add letter each[2] #3
                end
            > retry failed
              reopened each each[1] each[2] after
                remove letter each[1] #2
                remove letter each[2] #3
                dispatch each[1] try 1 #4
                dispatch each[2] try 1 #5
            > ok each[2] 2
              succeeded each[2] 2
            > ok each[1] 1
              succeeded each[1] 1
              gathered each [0,1,2]
              ready after
                dispatch after try 1 #6
            > ok after
              succeeded after null
              ended succeeded null
                end
            > attempts
              each[0] try 1 #1 0ms..10ms Succeeded
              each[1] try 1 #2 10ms..20ms Failed boom
              each[1] try 1 #4 40ms..50ms Succeeded
              each[2] try 1 #3 20ms..30ms Failed boom
              each[2] try 1 #5 30ms..40ms Succeeded
              after try 1 #6 50ms..60ms Succeeded
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
                dispatch each[1] try 1 #2
                dispatch each[2] try 1 #3
            > ok each[0] 0
              succeeded each[0] 0
            > fail each[1] boom
              attempt_failed each[1] boom: no luck
              failed each[1] boom: no luck
                add letter each[1] #2
            > fail each[2] boom
              attempt_failed each[2] boom: no luck
              failed each[2] boom: no luck
              failed each boom: 2 of 3 items failed; item 1: no luck
              blocked after by each
              ended failed null boom: step `each` failed: 2 of 3 items failed; item 1: no luck
                add letter each[2] #3
                end
            > replay each[1]
              replayed each[1]: each each[1] after
                remove letter each[1] #2
                dispatch each[1] try 1 #4
            > ok each[1] 1
              succeeded each[1] 1
              failed each boom: 1 of 3 items failed; item 2: no luck
              blocked after by each
              ended failed null boom: step `each` failed: 1 of 3 items failed; item 2: no luck
                end
            > replay each[2]
              replayed each[2]: each each[2] after
                remove letter each[2] #3
                dispatch each[2] try 1 #5
            > ok each[2] 2
              succeeded each[2] 2
              gathered each [0,1,2]
              ready after
                dispatch after try 1 #6
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
                dispatch each[1] try 1 #2
                dispatch each[2] try 1 #3
            > ok each[0] 0
              succeeded each[0] 0
            > ok each[1] 1
              succeeded each[1] 1
            > ok each[2] 2
              succeeded each[2] 2
              gathered each [0,1,2]
              ready after
                dispatch after try 1 #4
            > ok after
              succeeded after null
              ended succeeded null
                end
            > retry each
              reopened each after
              fanned_out each [10, 11, 12]
                dispatch each[0] try 1 #5
                dispatch each[1] try 1 #6
                dispatch each[2] try 1 #7
            > ok each[0] 10
              succeeded each[0] 10
            > ok each[1] 11
              succeeded each[1] 11
            > ok each[2] 12
              succeeded each[2] 12
              gathered each [10,11,12]
              ready after
                dispatch after try 1 #8
            > ok after
              succeeded after null
              ended succeeded null
                end
            > attempts
              each[0] try 1 #1 0ms..10ms Succeeded
              each[0] try 1 #5 40ms..50ms Succeeded
              each[1] try 1 #2 10ms..20ms Succeeded
              each[1] try 1 #6 50ms..60ms Succeeded
              each[2] try 1 #3 20ms..30ms Succeeded
              each[2] try 1 #7 60ms..70ms Succeeded
              after try 1 #4 30ms..40ms Succeeded
              after try 1 #8 70ms..80ms Succeeded
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
                dispatch each[0] try 1 #2
            > ok each[0] 0
              succeeded each[0] 0
              gathered each [0]
              ended succeeded [0]
                end
            > retry list
              reopened list each
              ready list
                dispatch list try 1 #3
            > ok list []
              succeeded list []
              fanned_out each []
              gathered each []
              ended succeeded []
                end
            > retry list
              reopened list each
              ready list
                dispatch list try 1 #4
            > ok list ["x"]
              succeeded list ["x"]
              fanned_out each ["x"]
                dispatch each[0] try 1 #5
        "#]],
    );
}
