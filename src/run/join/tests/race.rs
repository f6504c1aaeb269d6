//! Joins by count: races, and counts that cannot be reached.

use expect_test::expect;

use crate::run::tests::check;

#[test]
fn the_first_success_wins_the_race_and_the_losers_are_cancelled() {
    check(
        r#"
        [steps.a]
        task = "t"
        [steps.long]
        task = "t"
        [steps.b]
        task = "t"
        depends_on = ["long"]
        [steps.c]
        task = "t"
        retry = { attempts = 2 }
        [steps.shared]
        task = "t"
        [steps.winner]
        task = "t"
        join = "any"
        depends_on = ["a", "b", "c", "shared"]
        with = 1
        [steps.other]
        task = "t"
        depends_on = ["shared"]
        "#,
        "
        start long
        fail c boom
        ok a
        late long 1
        ok winner
        ok shared
        ok other
        show
        ",
        expect![[r#"
              accepted
              began
              ready a
              ready long
              ready c
              ready shared
                dispatch a try 1 #1
                dispatch long try 1 #2
                dispatch c try 1 #3
                dispatch shared try 1 #4
            > start long
              started long
            > fail c boom
              attempt_failed c boom: no luck
              retry_scheduled c at 576ms
                arm retry c at 576ms
            > ok a
              succeeded a null
              cancelled b
              cancelled c
              cancelled long
              ready winner
                abort long #2
                dispatch winner try 1 #5
            > late long 1
              nothing
            > ok winner
              succeeded winner null
            > ok shared
              succeeded shared null
              ready other
                dispatch other try 1 #6
            > ok other
              succeeded other null
              ended succeeded {"winner":null,"other":null}
                end
            > show
              succeeded
                a succeeded
                long cancelled: it was not needed any more
                b cancelled: it was not needed any more
                c cancelled: it was not needed any more
                shared succeeded
                winner succeeded
                other succeeded
        "#]],
    );
}

#[test]
fn a_count_that_cannot_be_reached_blocks() {
    check(
        r#"
        [steps.a]
        task = "t"
        [steps.b]
        task = "t"
        [steps.c]
        task = "t"
        [steps.two]
        task = "t"
        join = 2
        depends_on = ["a", "b", "c"]
        with = 1
        "#,
        "
        fail a boom
        ok b
        fail c boom
        show
        ",
        expect![[r#"
              accepted
              began
              ready a
              ready b
              ready c
                dispatch a try 1 #1
                dispatch b try 1 #2
                dispatch c try 1 #3
            > fail a boom
              attempt_failed a boom: no luck
              failed a boom: no luck
                add letter a #1
            > ok b
              succeeded b null
            > fail c boom
              attempt_failed c boom: no luck
              failed c boom: no luck
              blocked two by a
              ended failed null boom: step `a` failed: no luck
                add letter c #3
                end
            > show
              failed
                a failed
                b succeeded
                c failed
                two blocked: step `a` failed
        "#]],
    );
}
