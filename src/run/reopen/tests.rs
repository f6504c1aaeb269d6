#![expect(clippy::too_many_lines, reason = "a story is a table")]

mod bodies;
mod replay;

use expect_test::expect;

use crate::run::tests::check;

const DIAMOND: &str = r#"
    [steps.a]
    task = "t"
    [steps.b]
    task = "t"
    depends_on = ["a"]
    [steps.c]
    task = "t"
    depends_on = ["b"]
    [steps.d]
    task = "t"
    depends_on = ["a"]
    "#;

#[test]
fn a_retry_of_what_failed_keeps_what_succeeded() {
    check(
        DIAMOND,
        "
        retry failed
        ok a 1
        fail b boom
        ok d
        retry failed
        ok b 2
        ok c 3
        attempts
        ",
        expect![[r#"
              accepted
              began
              ready a
                dispatch a try 1 #1
            > retry failed
              nothing
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
            > ok d
              succeeded d null
              ended failed null boom: step `b` failed: no luck
                end
            > retry failed
              reopened b c
              ready b
                remove letter b #2
                dispatch b try 1 #4
            > ok b 2
              succeeded b 2
              ready c
                dispatch c try 1 #5
            > ok c 3
              succeeded c 3
              ended succeeded {"c":3,"d":null}
                end
            > attempts
              a try 1 #1 0ms..10ms Succeeded
              b try 1 #2 10ms..20ms Failed boom
              b try 1 #4 30ms..40ms Succeeded
              c try 1 #5 40ms..50ms Succeeded
              d try 1 #3 20ms..30ms Succeeded
        "#]],
    );
}

#[test]
fn a_retry_from_a_step_runs_it_and_all_that_depend_on_it() {
    check(
        DIAMOND,
        "
        ok a 1
        ok b 1
        ok c 1
        ok d 1
        retry b
        late b 1
        ok b 2
        ok c 2
        retry start
        ok a 3
        ok d 3
        ok b 3
        ok c 3
        attempts
        ",
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
            > ok b 1
              succeeded b 1
              ready c
                dispatch c try 1 #4
            > ok c 1
              succeeded c 1
            > ok d 1
              succeeded d 1
              ended succeeded {"c":1,"d":1}
                end
            > retry b
              reopened b c
              ready b
                dispatch b try 1 #5
            > late b 1
              nothing
            > ok b 2
              succeeded b 2
              ready c
                dispatch c try 1 #6
            > ok c 2
              succeeded c 2
              ended succeeded {"c":2,"d":1}
                end
            > retry start
              reopened a b c d
              ready a
                dispatch a try 1 #7
            > ok a 3
              succeeded a 3
              ready b
              ready d
                dispatch b try 1 #8
                dispatch d try 1 #9
            > ok d 3
              succeeded d 3
            > ok b 3
              succeeded b 3
              ready c
                dispatch c try 1 #10
            > ok c 3
              succeeded c 3
              ended succeeded {"c":3,"d":3}
                end
            > attempts
              a try 1 #1 0ms..10ms Succeeded
              a try 1 #7 70ms..80ms Succeeded
              b try 1 #2 10ms..20ms Succeeded
              b try 1 #5 50ms..60ms Succeeded
              b try 1 #8 90ms..100ms Succeeded
              c try 1 #4 20ms..30ms Succeeded
              c try 1 #6 60ms..70ms Succeeded
              c try 1 #10 100ms..110ms Succeeded
              d try 1 #3 30ms..40ms Succeeded
              d try 1 #9 80ms..90ms Succeeded
        "#]],
    );
}

#[test]
fn a_cancelled_run_goes_on_where_it_was() {
    check(
        DIAMOND,
        "
        ok a 1
        start b
        cancel
        retry failed
        ok b
        ok c
        ok d
        attempts
        ",
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
            > start b
              started b
            > cancel
              cancel_requested: by hand
              cancelled b
              cancelled c
              cancelled d
              ended cancelled null
                abort b #2
                abort d #3
                end
            > retry failed
              reopened b c d
              ready b
              ready d
                dispatch b try 1 #4
                dispatch d try 1 #5
            > ok b
              succeeded b null
              ready c
                dispatch c try 1 #6
            > ok c
              succeeded c null
            > ok d
              succeeded d null
              ended succeeded {"c":null,"d":null}
                end
            > attempts
              a try 1 #1 0ms..10ms Succeeded
              b try 1 #2 10ms..10ms Cancelled
              b try 1 #4 10ms..20ms Succeeded
              c try 1 #6 20ms..30ms Succeeded
              d try 1 #5 30ms..40ms Succeeded
        "#]],
    );
}

#[test]
fn skips_that_came_of_a_failure_are_thought_over_again() {
    check(
        r#"
        [steps.a]
        task = "t"
        [steps.good]
        task = "t"
        join = "settled"
        when = "steps.a.status == 'succeeded'"
        [steps.bad]
        task = "t"
        join = "settled"
        when = "steps.a.status == 'failed'"
        "#,
        "
        fail a boom
        ok bad
        retry failed
        ok a
        ok good
        show
        ",
        expect![[r#"
              accepted
              began
              ready a
                dispatch a try 1 #1
            > fail a boom
              attempt_failed a boom: no luck
              failed a boom: no luck
              skipped good: when
              ready bad
                add letter a #1
                dispatch bad try 1 #2
            > ok bad
              succeeded bad null
              ended failed null boom: step `a` failed: no luck
                end
            > retry failed
              reopened a good
              ready a
                remove letter a #1
                dispatch a try 1 #3
            > ok a
              succeeded a null
              ready good
                dispatch good try 1 #4
            > ok good
              succeeded good null
              ended succeeded {"good":null,"bad":null}
                end
            > show
              succeeded
                a succeeded
                good succeeded
                bad succeeded
        "#]],
    );
}

#[test]
fn who_lost_a_race_stays_out_of_a_retry() {
    check(
        r#"
        [steps.a]
        task = "t"
        [steps.b]
        task = "t"
        [steps.first]
        task = "t"
        join = "any"
        depends_on = ["a", "b"]
        with = 1
        "#,
        "
        ok a
        fail first boom
        retry failed
        ok first
        show
        ",
        expect![[r#"
              accepted
              began
              ready a
              ready b
                dispatch a try 1 #1
                dispatch b try 1 #2
            > ok a
              succeeded a null
              cancelled b
              ready first
                abort b #2
                dispatch first try 1 #3
            > fail first boom
              attempt_failed first boom: no luck
              failed first boom: no luck
              ended failed null boom: step `first` failed: no luck
                add letter first #3
                end
            > retry failed
              reopened first
              ready first
                remove letter first #3
                dispatch first try 1 #4
            > ok first
              succeeded first null
              ended succeeded null
                end
            > show
              succeeded
                a succeeded
                b cancelled: it was not needed any more
                first succeeded
        "#]],
    );
}
