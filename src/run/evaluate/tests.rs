use expect_test::expect;

use crate::run::tests::check;

/// `b` takes more than a little effort to start; the run too, to end.
const LONG: &str = r#"
    max_parallel = 1
    [output]
    length = "${{ (('x' * 200000) | length) + steps.a.output.n }}"
    [steps.a]
    task = "t"
    [steps.b]
    task = "t"
    depends_on = ["a"]
    when = "(('x' * 200000) | length) > steps.a.output.n"
    [steps.c]
    task = "t"
    depends_on = ["a"]
    "#;

#[test]
fn who_needs_a_long_evaluation_waits_for_it_and_the_others_go_on() {
    check(
        LONG,
        r#"
        ok a {"n":1}
        show
        ok c
        evaluated b
        ok b
        evaluated
        "#,
        expect![[r#"
              accepted
              began
              ready a
                dispatch a try 1 #1
            > ok a {"n":1}
              succeeded a {"n":1}
              evaluation_requested b
              ready c
                evaluate b #2
                dispatch c try 1 #3
            > show
              running
                a succeeded
                b pending: its expressions are being evaluated
                c ready
            > ok c
              succeeded c null
            > evaluated b
              ready b
                dispatch b try 1 #4
            > ok b
              succeeded b null
              evaluation_requested [output]
                evaluate [output] #5
            > evaluated
              ended succeeded {"length":200001}
                end
        "#]],
    );
}

#[test]
fn an_evaluation_is_owed_after_a_restart() {
    check(
        LONG,
        r#"
        ok a {"n":1}
        die
        evaluated b
        ok c
        ok b
        die
        evaluated
        "#,
        expect![[r#"
              accepted
              began
              ready a
                dispatch a try 1 #1
            > ok a {"n":1}
              succeeded a {"n":1}
              evaluation_requested b
              ready c
                evaluate b #2
                dispatch c try 1 #3
            > die
                evaluate b #2
                dispatch c try 1 #3, durable
            > evaluated b
              ready b
            > ok c
              succeeded c null
                dispatch b try 1 #4
            > ok b
              succeeded b null
              evaluation_requested [output]
                evaluate [output] #5
            > die
                evaluate [output] #5
            > evaluated
              ended succeeded {"length":200001}
                end
        "#]],
    );
}

#[test]
fn an_evaluation_that_nobody_waits_for_is_ignored() {
    check(
        LONG,
        r#"
        ok a {"n":1}
        evaluated b 1
        evaluated b 99
        evaluated b
        evaluated b 3
        cancel
        evaluated b 3
        "#,
        expect![[r#"
              accepted
              began
              ready a
                dispatch a try 1 #1
            > ok a {"n":1}
              succeeded a {"n":1}
              evaluation_requested b
              ready c
                evaluate b #2
                dispatch c try 1 #3
            > evaluated b 1
              nothing
            > evaluated b 99
              nothing
            > evaluated b
              ready b
            > evaluated b 3
              nothing
            > cancel
              cancel_requested: by hand
              cancelled b
              cancelled c
              ended cancelled null
                abort c #3
                end
            > evaluated b 3
              nothing
        "#]],
    );
}

#[test]
fn an_evaluation_of_an_earlier_round_is_ignored() {
    check(
        LONG,
        r#"
        ok a {"n":300000}
        cancel
        evaluated b 2
        retry start
        ok a {"n":300000}
        evaluated b 2
        evaluated b
        ok c
        cancel
        evaluated
        "#,
        expect![[r#"
              accepted
              began
              ready a
                dispatch a try 1 #1
            > ok a {"n":300000}
              succeeded a {"n":300000}
              evaluation_requested b
              ready c
                evaluate b #2
                dispatch c try 1 #3
            > cancel
              cancel_requested: by hand
              cancelled b
              cancelled c
              ended cancelled null
                abort c #3
                end
            > evaluated b 2
              nothing
            > retry start
              reopened a b c
              ready a
                dispatch a try 1 #4
            > ok a {"n":300000}
              succeeded a {"n":300000}
              evaluation_requested b
              ready c
                evaluate b #5
                dispatch c try 1 #6
            > evaluated b 2
              nothing
            > evaluated b
              skipped b: when
            > ok c
              succeeded c null
              evaluation_requested [output]
                evaluate [output] #7
            > cancel
              cancel_requested: by hand
              ended cancelled null
                end
            > evaluated
              nothing
        "#]],
    );
}

#[test]
fn what_fails_after_long_fails_as_what_fails_at_once() {
    check(
        r#"
        [steps.a]
        task = "t"
        [steps.b]
        task = "t"
        when = "(('x' * 200000) | length) > steps.a.output.none"
        [steps.c]
        task = "t"
        when = "false"
        [steps.d]
        task = "t"
        when = "(('x' * 200000) | length) > steps.c.output"
        [steps.f]
        task = "t"
        when = "(('x' * 200000) | length) is divisibleby(steps.a.output.zero)"
        [steps.e]
        for_each = "[1, 2] if (('x' * 200000) | length) > run.attempt else []"
        task = "t"
        "#,
        r#"
        evaluated d
        ok a {"n":1,"zero":0}
        evaluated b
        evaluated e
        evaluated f
        "#,
        expect![[r#"
              accepted
              began
              ready a
              skipped c: when
              evaluation_requested e
              evaluation_requested d
                dispatch a try 1 #1
                evaluate e #2
                evaluate d #3
            > evaluated d
              skipped d: needs c
            > ok a {"n":1,"zero":0}
              succeeded a {"n":1,"zero":0}
              evaluation_requested b
              evaluation_requested f
                evaluate b #4
                evaluate f #5
            > evaluated b
              failed b invalid: `when`: `steps.a.output.none` is undefined, in `(('x' * 200000) | length) > steps.a.output.none`
                add letter b #4
            > evaluated e
              fanned_out e [1, 2]
                dispatch e[0] try 1 #6
                dispatch e[1] try 1 #7
            > evaluated f
              failed f invalid: `when`: nothing is divisible by 0, in `(('x' * 200000) | length) is divisibleby(steps.a.output.zero)`
                add letter f #5
        "#]],
    );
}

#[test]
fn a_list_that_is_read_again_is_evaluated_again() {
    check(
        r#"
        [steps.a]
        for_each = [1]
        task = "t"
        tolerate = "100%"
        [steps.b]
        for_each = "steps.a.output if (('x' * 200000) | length) > run.attempt else []"
        task = "t"
        "#,
        r#"
        fail a[0] boom
        replay a[0]
        evaluated b 2
        ok a[0] 7
        evaluated b 2
        evaluated b
        "#,
        expect![[r#"
              accepted
              began
              fanned_out a [1]
                dispatch a[0] try 1 #1
            > fail a[0] boom
              attempt_failed a[0] boom: no luck
              failed a[0] boom: no luck
              gathered a [null]
              evaluation_requested b
                add letter a[0] #1
                evaluate b #2
            > replay a[0]
              replayed a[0]: a a[0] b
                remove letter a[0] #1
                dispatch a[0] try 1 #3
            > evaluated b 2
              nothing
            > ok a[0] 7
              succeeded a[0] 7
              gathered a [7]
              evaluation_requested b
                evaluate b #4
            > evaluated b 2
              nothing
            > evaluated b
              fanned_out b [7]
                dispatch b[0] try 1 #5
        "#]],
    );
}

#[test]
fn what_is_being_evaluated_is_asked_again_when_what_it_reads_is_opened_again() {
    check(
        r#"
        [steps.a]
        task = "t"
        [steps.b]
        task = "t"
        join = "settled"
        depends_on = ["park"]
        when = "(('x' * 200000) | length) > steps.a.output"
        [steps.park]
        task = "t"
        "#,
        r#"
        fail a boom
        ok park
        replay a
        evaluated b 3
        ok a 1
        evaluated b
        "#,
        expect![[r#"
              accepted
              began
              ready a
              ready park
                dispatch a try 1 #1
                dispatch park try 1 #2
            > fail a boom
              attempt_failed a boom: no luck
              failed a boom: no luck
                add letter a #1
            > ok park
              succeeded park null
              evaluation_requested b
                evaluate b #3
            > replay a
              replayed a: a b
              ready a
                remove letter a #1
                dispatch a try 1 #4
            > evaluated b 3
              nothing
            > ok a 1
              succeeded a 1
              evaluation_requested b
                evaluate b #5
            > evaluated b
              ready b
                dispatch b try 1 #6
        "#]],
    );
}
