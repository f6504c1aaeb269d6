#![expect(clippy::too_many_lines, reason = "a story is a table")]

mod race;

use expect_test::expect;

use crate::run::tests::check;

#[test]
fn a_fan_in_starts_once_after_the_last() {
    check(
        r#"
        [steps.a]
        task = "t"
        [steps.b]
        task = "t"
        [steps.both]
        task = "t"
        depends_on = ["a", "b"]
        "#,
        "
        ok b 2
        ok a 1
        ok both
        ",
        expect![[r#"
              accepted
              began
              ready a
              ready b
                dispatch a try 1 #1
                dispatch b try 1 #2
            > ok b 2
              succeeded b 2
            > ok a 1
              succeeded a 1
              ready both
                dispatch both try 1 #3
            > ok both
              succeeded both null
              ended succeeded null
                end
        "#]],
    );
}

#[test]
fn a_failed_dependency_blocks_at_once_and_all_the_way_down() {
    check(
        r#"
        [steps.a]
        task = "t"
        [steps.slow]
        task = "t"
        [steps.both]
        task = "t"
        depends_on = ["a", "slow"]
        [steps.after]
        task = "t"
        depends_on = ["both"]
        "#,
        "
        fail a boom
        ok slow
        show
        ",
        expect![[r#"
              accepted
              began
              ready a
              ready slow
                dispatch a try 1 #1
                dispatch slow try 1 #2
            > fail a boom
              attempt_failed a boom: no luck
              failed a boom: no luck
              blocked both by a
              blocked after by both
                add letter a #1
            > ok slow
              succeeded slow null
              ended failed null boom: step `a` failed: no luck
                end
            > show
              failed
                a failed
                slow succeeded
                both blocked: step `a` failed
                after blocked: step `both` was blocked
        "#]],
    );
}

#[test]
fn who_only_waits_for_a_skipped_step_runs_and_who_reads_it_is_skipped() {
    check(
        r#"
        [steps.a]
        task = "t"
        when = "input.wanted"
        [steps.waits]
        task = "t"
        depends_on = ["a"]
        [steps.reads]
        task = "t"
        with.x = "${{ steps.a.output }}"
        [steps.reads_on]
        task = "t"
        with.x = "${{ steps.reads.output }}"
        [steps.asks]
        task = "t"
        with.x = "${{ steps.a.output | default(1) }}"
        "#,
        r#"
        accept 0s {"wanted":false}
        show
        ok waits
        ok asks
        "#,
        expect![[r#"
              accepted
              began
              skipped a: when
              ready waits
              skipped reads: needs a
              ready asks
              skipped reads_on: needs reads
                dispatch waits try 1 #1
                dispatch asks try 1 #2
            > show
              running
                a skipped: `when` is false
                waits ready
                reads skipped: needs the output of skipped step `a`
                reads_on skipped: needs the output of skipped step `reads`
                asks ready
            > ok waits
              succeeded waits null
            > ok asks
              succeeded asks null
              ended succeeded {"waits":null,"asks":null}
                end
        "#]],
    );
}

#[test]
fn an_allowed_failure_satisfies_an_order_and_not_a_need() {
    check(
        r#"
        [steps.first]
        task = "t"
        [steps.a]
        task = "t"
        depends_on = ["first"]
        allow_failure = true
        [steps.waits]
        task = "t"
        depends_on = ["a"]
        with = 1
        [steps.reads]
        task = "t"
        with.x = "${{ steps.a.output }}"
        "#,
        "
        ok first
        fail a boom
        ok waits
        show
        ",
        expect![[r#"
              accepted
              began
              ready first
                dispatch first try 1 #1
            > ok first
              succeeded first null
              ready a
                dispatch a try 1 #2
            > fail a boom
              attempt_failed a boom: no luck
              failed a boom: no luck
              ready waits
              skipped reads: needs a
                dispatch waits try 1 #3
            > ok waits
              succeeded waits null
              ended succeeded {"waits":null}
                end
            > show
              succeeded
                first succeeded
                a failed (allowed)
                waits succeeded
                reads skipped: needs the output of failed step `a`
        "#]],
    );
}

#[test]
fn settled_waits_for_all_whatever_their_result() {
    check(
        r#"
        [steps.a]
        task = "t"
        [steps.b]
        task = "t"
        depends_on = ["a"]
        [steps.c]
        task = "t"
        [steps.record]
        task = "t"
        join = "settled"
        depends_on = ["a", "b", "c"]
        with = "${{ steps }}"
        "#,
        "
        fail a boom
        ok c
        ok record
        show
        ",
        expect![[r#"
              accepted
              began
              ready a
              ready c
                dispatch a try 1 #1
                dispatch c try 1 #2
            > fail a boom
              attempt_failed a boom: no luck
              failed a boom: no luck
              blocked b by a
                add letter a #1
            > ok c
              succeeded c null
              ready record
                dispatch record try 1 #3
            > ok record
              succeeded record null
              ended failed null boom: step `a` failed: no luck
                end
            > show
              failed
                a failed
                b blocked: step `a` failed
                c succeeded
                record succeeded
        "#]],
    );
}

#[test]
fn a_handler_of_a_failure_runs_by_its_condition() {
    let toml = r#"
        [steps.a]
        task = "t"
        allow_failure = true
        [steps.rescue]
        task = "t"
        join = "settled"
        when = "steps.a.status == 'failed'"
        with.why = "${{ steps.a.error.class }}"
        [steps.celebrate]
        task = "t"
        depends_on = ["a"]
        when = "steps.a.status == 'succeeded'"
        with = 1
        "#;
    check(
        toml,
        "fail a boom\n ok rescue",
        expect![[r#"
              accepted
              began
              ready a
                dispatch a try 1 #1
            > fail a boom
              attempt_failed a boom: no luck
              failed a boom: no luck
              ready rescue
              skipped celebrate: when
                dispatch rescue try 1 #2
            > ok rescue
              succeeded rescue null
              ended succeeded {"rescue":null}
                end
        "#]],
    );
    check(
        toml,
        "ok a\n ok celebrate",
        expect![[r#"
              accepted
              began
              ready a
                dispatch a try 1 #1
            > ok a
              succeeded a null
              skipped rescue: when
              ready celebrate
                dispatch celebrate try 1 #2
            > ok celebrate
              succeeded celebrate null
              ended succeeded {"celebrate":null}
                end
        "#]],
    );
}
