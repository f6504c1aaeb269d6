use std::time::Duration;

use expect_test::expect;

use super::*;
use crate::run::tests::check;

const FIXED: &str = r#"
    [steps.a]
    task = "t"
    retry = { attempts = 3, delay = "1s", backoff = "fixed", jitter = "none" }
    "#;

#[test]
fn a_step_that_fails_twice_succeeds_the_third_time() {
    check(
        FIXED,
        "
        fail a boom
        next
        fail a timeout
        next
        ok a 1
        attempts
        ",
        expect![[r#"
              accepted
              began
              ready a
                dispatch a try 1 #1
            > fail a boom
              attempt_failed a boom: no luck
              retry_scheduled a at 1010ms
                arm retry a at 1010ms
            > next
              ready a
                dispatch a try 2 #2
            > fail a timeout
              attempt_failed a timeout: no luck
              retry_scheduled a at 2020ms
                arm retry a at 2020ms
            > next
              ready a
                dispatch a try 3 #3
            > ok a 1
              succeeded a 1
              ended succeeded 1
                end
            > attempts
              a try 1 #1 0ms..10ms Failed boom
              a try 2 #2 1010ms..1020ms TimedOut timeout
              a try 3 #3 2020ms..2030ms Succeeded
        "#]],
    );
}

#[test]
fn after_the_last_try_there_is_a_dead_letter() {
    check(
        FIXED,
        "
        fail a boom
        next
        fail a boom
        next
        fail a boom
        attempts
        ",
        expect![[r#"
              accepted
              began
              ready a
                dispatch a try 1 #1
            > fail a boom
              attempt_failed a boom: no luck
              retry_scheduled a at 1010ms
                arm retry a at 1010ms
            > next
              ready a
                dispatch a try 2 #2
            > fail a boom
              attempt_failed a boom: no luck
              retry_scheduled a at 2020ms
                arm retry a at 2020ms
            > next
              ready a
                dispatch a try 3 #3
            > fail a boom
              attempt_failed a boom: no luck
              failed a boom: no luck
              ended failed null boom: step `a` failed: no luck
                add letter a #3
                end
            > attempts
              a try 1 #1 0ms..10ms Failed boom
              a try 2 #2 1010ms..1020ms Failed boom
              a try 3 #3 2020ms..2030ms Failed boom
        "#]],
    );
}

#[test]
fn final_classes_are_tried_again_only_if_they_are_named() {
    check(
        FIXED,
        "fail a permanent",
        expect![[r#"
              accepted
              began
              ready a
                dispatch a try 1 #1
            > fail a permanent
              attempt_failed a permanent: no luck
              failed a permanent: no luck
              ended failed null permanent: step `a` failed: no luck
                add letter a #1
                end
        "#]],
    );
    check(
        r#"
        [steps.a]
        task = "t"
        retry = { on = ["permanent"], attempts = 2, delay = "1s", jitter = "none" }
        [steps.b]
        task = "t"
        retry = { on = ["permanent"], attempts = 2, delay = "1s", jitter = "none" }
        "#,
        "
        fail a permanent
        fail b boom
        ",
        expect![[r#"
              accepted
              began
              ready a
              ready b
                dispatch a try 1 #1
                dispatch b try 1 #2
            > fail a permanent
              attempt_failed a permanent: no luck
              retry_scheduled a at 1010ms
                arm retry a at 1010ms
            > fail b boom
              attempt_failed b boom: no luck
              failed b boom: no luck
                add letter b #2
        "#]],
    );
}

#[test]
fn the_first_rule_that_fits_is_used() {
    check(
        r#"
        [steps.a]
        task = "t"
        retry = [
            { on = ["rate_limited"], attempts = 20, delay = "retry_after", max_delay = "10m" },
            { not_on = ["zero"], attempts = 3, delay = "2s", jitter = "none", backoff = "linear" },
        ]
        [steps.b]
        task = "t"
        retry = { not_on = ["zero"], attempts = 3, delay = "2s", jitter = "none" }
        "#,
        "
        fail a rate_limited 90s
        next
        fail a boom
        next
        fail a boom
        fail b zero
        ",
        expect![[r#"
              accepted
              began
              ready a
              ready b
                dispatch a try 1 #1
                dispatch b try 1 #2
            > fail a rate_limited 90s
              attempt_failed a rate_limited: no luck
              retry_scheduled a at 90010ms
                arm retry a at 90010ms
            > next
              ready a
                dispatch a try 2 #3
            > fail a boom
              attempt_failed a boom: no luck
              retry_scheduled a at 94020ms
                arm retry a at 94020ms
            > next
              ready a
                dispatch a try 3 #4
            > fail a boom
              attempt_failed a boom: no luck
              failed a boom: no luck
                add letter a #4
            > fail b zero
              attempt_failed b zero: no luck
              failed b zero: no luck
              ended failed null boom: step `a` failed: no luck
                add letter b #2
                end
        "#]],
    );
}

#[test]
fn within_bounds_all_tries_from_the_first_start() {
    check(
        r#"
        [steps.a]
        task = "t"
        retry = { attempts = 9, delay = "4s", backoff = "fixed", jitter = "none", within = "9s" }
        "#,
        "
        fail a boom
        next
        fail a boom
        next
        fail a boom
        ",
        expect![[r#"
              accepted
              began
              ready a
                dispatch a try 1 #1
            > fail a boom
              attempt_failed a boom: no luck
              retry_scheduled a at 4010ms
                arm retry a at 4010ms
            > next
              ready a
                dispatch a try 2 #2
            > fail a boom
              attempt_failed a boom: no luck
              retry_scheduled a at 8020ms
                arm retry a at 8020ms
            > next
              ready a
                dispatch a try 3 #3
            > fail a boom
              attempt_failed a boom: no luck
              failed a boom: no luck
              ended failed null boom: step `a` failed: no luck
                add letter a #3
                end
        "#]],
    );
}

#[test]
fn a_timer_or_outcome_that_does_not_fit_changes_nothing() {
    check(
        FIXED,
        "
        fail a boom
        late a 1
        next
        late a 1
        ok a 1
        late a 2
        cancel
        ",
        expect![[r#"
              accepted
              began
              ready a
                dispatch a try 1 #1
            > fail a boom
              attempt_failed a boom: no luck
              retry_scheduled a at 1010ms
                arm retry a at 1010ms
            > late a 1
              nothing
            > next
              ready a
                dispatch a try 2 #2
            > late a 1
              nothing
            > ok a 1
              succeeded a 1
              ended succeeded 1
                end
            > late a 2
              nothing
            > cancel
              nothing
        "#]],
    );
}

fn rule(backoff: Backoff, jitter: Jitter) -> RetryRule {
    RetryRule {
        on: Vec::new(),
        not_on: Vec::new(),
        attempts: 9,
        backoff,
        delay: Delay::Of(Duration::from_secs(1)),
        factor: 3.0,
        max_delay: Some(Duration::from_secs(20)),
        jitter,
        within: None,
        span: 0..0,
    }
}

#[test]
fn delays_grow_then_are_capped_then_spread() {
    let failure = Failure::new(ErrorClass::Timeout, "");
    let delays = |backoff, jitter, luck| -> Vec<u128> {
        let rule = rule(backoff, jitter);
        (1..=5).map(|tries| delay(&rule, tries, &failure, luck).unwrap().as_millis()).collect()
    };
    assert_eq!(delays(Backoff::Fixed, Jitter::None, 0.5), [1_000; 5]);
    assert_eq!(delays(Backoff::Linear, Jitter::None, 0.5), [1_000, 2_000, 3_000, 4_000, 5_000]);
    let exponential = [1_000, 3_000, 9_000, 20_000, 20_000];
    assert_eq!(delays(Backoff::Exponential, Jitter::None, 0.5), exponential);
    assert_eq!(delays(Backoff::Exponential, Jitter::Full, 0.5), exponential.map(|ms| ms / 2));
    assert_eq!(delays(Backoff::Exponential, Jitter::Equal, 0.0), exponential.map(|ms| ms / 2));
    assert_eq!(delays(Backoff::Exponential, Jitter::Full, 0.0), [0; 5]);
    let endless = delay(&rule(Backoff::Exponential, Jitter::None), u32::MAX, &failure, 0.5);
    assert_eq!(endless, Some(Duration::from_secs(20)));
}

#[test]
fn luck_is_the_same_for_the_same_try_and_spread_over_all() {
    let run = crate::run::tests::id(1);
    let unit = Unit::top(crate::plan::NodeId(3));
    assert!((luck(run, unit, 1) - luck(run, unit, 1)).abs() < f64::EPSILON);
    let all: Vec<f64> = (1..=1_000).map(|tries| luck(run, unit, tries)).collect();
    assert!(all.iter().all(|luck| (0.0..1.0).contains(luck)));
    let mean = all.iter().sum::<f64>() / 1_000.0;
    assert!((0.45..0.55).contains(&mean), "{mean}");
}

#[test]
fn no_delay_is_shorter_than_asked_or_no_number() {
    let spans = [0, 1, 1_000, 3_600_000, u64::MAX / 2_000_000].map(Duration::from_millis);
    let asks = [None, Some(Duration::ZERO), Some(Duration::from_secs(18_000)), Some(Duration::MAX)];
    for base in spans {
        for (backoff, jitter) in [
            (Backoff::Fixed, Jitter::None),
            (Backoff::Linear, Jitter::Full),
            (Backoff::Exponential, Jitter::Equal),
        ] {
            for (factor, max_delay) in [(1.0, None), (1_000.0, None), (1_000.0, Some(base))] {
                let delay_of = Delay::Of(base);
                let rule =
                    RetryRule { delay: delay_of, factor, max_delay, ..rule(backoff, jitter) };
                for (asked, tries) in
                    asks.into_iter().flat_map(|a| [1, 9, 104, u32::MAX].map(|t| (a, t)))
                {
                    let mut failure = Failure::new(ErrorClass::RateLimited, "");
                    failure.retry_after = asked;
                    let wait = delay(&rule, tries, &failure, 0.999);
                    let Some(wait) = wait else {
                        assert!(max_delay.is_some() && asked > max_delay, "{rule:?} {asked:?}");
                        continue;
                    };
                    assert!(wait >= asked.unwrap_or_default(), "{rule:?} {asked:?}");
                    assert!(!base.is_zero() || wait == asked.unwrap_or_default(), "{rule:?}");
                    assert!(wait <= rule.longest_delay().max(asked.unwrap_or_default()));
                }
            }
        }
    }
}
