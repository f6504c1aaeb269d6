use expect_test::expect;

use crate::run::tests::check;

#[test]
fn what_cannot_be_evaluated_fails_as_invalid() {
    check(
        r#"
        [steps.a]
        task = "t"
        [steps.b]
        task = "t"
        when = "steps.a.output.x.y"
        [steps.c]
        sleep = "${{ steps.a.output.x }}"
        "#,
        r#"
        ok a {"x":"soon"}
        "#,
        expect![[r#"
              accepted
              began
              ready a
                dispatch a try 1 #1
            > ok a {"x":"soon"}
              succeeded a {"x":"soon"}
              failed b invalid: `when`: `steps.a.output.x.y` is undefined
              failed c invalid: `sleep`: `soon` is not a duration: write one such as `30s` or `1h 30m`
              ended failed null invalid: step `b` failed: `when`: `steps.a.output.x.y` is undefined
                add letter b #2
                add letter c #3
                end
        "#]],
    );
}

#[test]
fn a_sleep_ends_by_its_timer_and_takes_no_slot() {
    check(
        r#"
        max_parallel = 1
        [steps.a]
        sleep = "${{ input.time }}"
        [steps.b]
        task = "t"
        [steps.c]
        task = "t"
        depends_on = ["a"]
        with = 1
        "#,
        r#"
        accept 0s {"time":"2m"}
        next
        ok b
        ok c
        attempts
        "#,
        expect![[r#"
              accepted
              began
              slept a until 120000ms
              ready b
                arm sleep a at 120000ms
                dispatch b try 1 #2
            > next
              succeeded a null
              ready c
            > ok b
              succeeded b null
                dispatch c try 1 #3
            > ok c
              succeeded c null
              ended succeeded {"b":null,"c":null}
                end
            > attempts
              a try 1 #1 0ms..120000ms Succeeded
              b try 1 #2 120000ms..120010ms Succeeded
              c try 1 #3 120010ms..120020ms Succeeded
        "#]],
    );
}

#[test]
fn a_delayed_run_begins_at_its_time() {
    check(
        r#"
        timeout = "1m"
        [steps.a]
        task = "t"
        "#,
        "
        accept 1h {}
        die
        next
        ok a
        ",
        expect![[r#"
              accepted
                arm begin at 3600000ms
            > die
                arm begin at 3600000ms
            > next
              began
              ready a
                arm timeout at 3660000ms
                dispatch a try 1 #1
            > ok a
              succeeded a null
              ended succeeded null
                end
        "#]],
    );
}
