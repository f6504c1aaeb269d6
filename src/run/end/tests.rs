use expect_test::expect;

use crate::run::tests::check;

#[test]
fn the_output_is_rendered_and_may_fail_the_run() {
    let toml = r#"
        [output]
        sum = "${{ steps.a.output.x + 1 }}"
        [steps.a]
        task = "t"
        "#;
    check(
        toml,
        "ok a {\"x\":1}",
        expect![[r#"
          accepted
          began
          ready a
            dispatch a try 1 #1
        > ok a {"x":1}
          succeeded a {"x":1}
          ended succeeded {"sum":2}
            end
    "#]],
    );
    check(
        toml,
        "ok a {\"x\":\"one\"}",
        expect![[r#"
          accepted
          began
          ready a
            dispatch a try 1 #1
        > ok a {"x":"one"}
          succeeded a {"x":"one"}
          ended failed null invalid: `[output]`: tried to use + operator on unsupported types string and number, in `steps.a.output.x + 1`
            end
    "#]],
    );
}

#[test]
fn without_output_it_is_that_of_the_leaves() {
    check(
        r#"
        [steps.z]
        task = "t"
        [steps.a]
        task = "t"
        [steps.none]
        task = "t"
        when = "input.no"
        "#,
        r#"
        accept 0s {"no":false}
        ok a 1
        ok z 2
        "#,
        expect![[r#"
              accepted
              began
              ready z
              ready a
              skipped none: when
                dispatch z try 1 #1
                dispatch a try 1 #2
            > ok a 1
              succeeded a 1
            > ok z 2
              succeeded z 2
              ended succeeded {"z":2,"a":1}
                end
        "#]],
    );
}

#[test]
fn tolerated_failures_alone_are_no_success() {
    let toml = r#"
        [steps.a]
        task = "t"
        allow_failure = true
        [steps.b]
        task = "t"
        depends_on = ["a"]
        allow_failure = true
        with = 1
        "#;
    check(
        toml,
        "fail a exit:1\n fail b exit:1",
        expect![[r#"
              accepted
              began
              ready a
                dispatch a try 1 #1
            > fail a exit:1
              attempt_failed a exit:1: no luck
              failed a exit:1: no luck
              ready b
                dispatch b try 1 #2
            > fail b exit:1
              attempt_failed b exit:1: no luck
              failed b exit:1: no luck
              ended failed null exit:1: step `a` failed: no luck
                end
        "#]],
    );
    check(
        toml,
        "fail a exit:1\n ok b 1",
        expect![[r#"
              accepted
              began
              ready a
                dispatch a try 1 #1
            > fail a exit:1
              attempt_failed a exit:1: no luck
              failed a exit:1: no luck
              ready b
                dispatch b try 1 #2
            > ok b 1
              succeeded b 1
              ended succeeded 1
                end
        "#]],
    );
}
