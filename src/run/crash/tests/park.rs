//! Steps that wait for a person after a death.

use expect_test::expect;

use crate::run::tests::check;

const PARK: &str = r#"
    [steps.charge]
    task = "t"
    on_crash = "park"
    [steps.other]
    task = "t"
    [steps.ship]
    task = "t"
    depends_on = ["charge"]
    "#;

#[test]
fn a_parked_step_waits_for_a_person_who_replays_it() {
    check(
        PARK,
        r#"
        start charge
        die
        show
        ok other
        show
        replay charge {"edited":true}
        ok charge 1
        ok ship
        attempts
        "#,
        expect![[r#"
              accepted
              began
              ready charge
              ready other
                dispatch charge try 1 #1, durable
                dispatch other try 1 #2
            > start charge
              started charge
            > die
              crashed charge
              parked charge
                add letter charge #1
                dispatch other try 1 #2, durable
            > show
              running
                charge parked: the process died while it ran: a person must decide
                other ready
                ship pending
            > ok other
              succeeded other null
            > show
              parked
                charge parked: the process died while it ran: a person must decide
                other succeeded
                ship pending
            > replay charge {"edited":true}
              replayed charge: charge
              ready charge
                remove letter charge #1
                dispatch charge try 1 #3, durable
            > ok charge 1
              succeeded charge 1
              ready ship
                dispatch ship try 1 #4
            > ok ship
              succeeded ship null
              ended succeeded {"other":null,"ship":null}
                end
            > attempts
              charge try 1 #1 0ms..0ms Crashed
              charge try 1 #3 10ms..20ms Succeeded
              other try 1 #2 0ms..10ms Succeeded
              ship try 1 #4 20ms..30ms Succeeded
        "#]],
    );
}

#[test]
fn a_parked_step_can_be_given_up_or_cancelled() {
    check(
        PARK,
        "
        start charge
        die
        give-up charge
        ok other
        ",
        expect![[r#"
              accepted
              began
              ready charge
              ready other
                dispatch charge try 1 #1, durable
                dispatch other try 1 #2
            > start charge
              started charge
            > die
              crashed charge
              parked charge
                add letter charge #1
                dispatch other try 1 #2, durable
            > give-up charge
              failed charge permanent: no use
              blocked ship by charge
                remove letter charge #1
            > ok other
              succeeded other null
              ended failed null permanent: step `charge` failed: no use
                end
        "#]],
    );
    check(
        PARK,
        "
        start charge
        die
        ok other
        cancel
        ",
        expect![[r#"
              accepted
              began
              ready charge
              ready other
                dispatch charge try 1 #1, durable
                dispatch other try 1 #2
            > start charge
              started charge
            > die
              crashed charge
              parked charge
                add letter charge #1
                dispatch other try 1 #2, durable
            > ok other
              succeeded other null
            > cancel
              cancel_requested: by hand
              cancelled charge
              cancelled ship
              ended cancelled null
                remove letter charge #1
                end
        "#]],
    );
}
