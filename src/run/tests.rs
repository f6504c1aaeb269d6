//! Stories: a workflow, what comes in line by line, and all that comes of it.
//!
//! Beside each line the harness checks that the state can be built again from the events, and that
//! a snapshot holds all of it.

mod growth;
mod story;

use expect_test::{Expect, expect};

pub(super) use story::{Story, accepted, id, plan, stored_and_read};

/// Tells the story of a workflow, and compares what came of each line.
pub(super) fn check(toml: &str, lines: &str, expected: Expect) {
    expected.assert_eq(&Story::told(toml, lines));
}

#[test]
fn a_chain_runs_one_after_the_other() {
    check(
        r#"
        pipeline = ["a", "b"]
        [steps.a]
        task = "t"
        [steps.b]
        task = "t"
        "#,
        r#"
        ok a 1
        ok b 2
        show
        "#,
        expect![[r#"
              accepted
              began
              ready a
                dispatch a try 1 #1
            > ok a 1
              succeeded a 1
              ready b
                dispatch b try 1 #2
            > ok b 2
              succeeded b 2
              ended succeeded 2
                end
            > show
              succeeded
                a succeeded
                b succeeded
        "#]],
    );
}
