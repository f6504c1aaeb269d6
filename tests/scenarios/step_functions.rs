//! Behaviours of Step Functions: retries and catches, maps that break or run out of time.

use expect_test::expect;

use super::*;

#[tokio::test]
async fn sfn_map_break() {
    let (_, history) = check(
        "sfn-map-break",
        expect![[r#"
        run failed
        item0 succeeded ×1
        item1 succeeded ×1
        item2 succeeded ×1
        item3 succeeded ×1
        item4 failed ×1
        item5 cancelled ×0
        item6 cancelled ×0
        final blocked ×0
    "#]],
    )
    .await;
    assert_eq!(most_at_once(&history), 1);
}

#[tokio::test]
async fn sfn_map_timeout() {
    let (_, history) = check(
        "sfn-map-timeout",
        expect![[r#"
        run failed
        item0 timed out ×1
        item1 cancelled ×1
        item2 cancelled ×1
        item3 cancelled ×1
    "#]],
    )
    .await;
    assert!(took(&history) >= 80);
}

#[tokio::test]
async fn sfn_max_attempts_zero() {
    check(
        "sfn-max-attempts-zero",
        expect![[r#"
        run failed
        task failed ×1
    "#]],
    )
    .await;
}

#[tokio::test]
async fn sfn_parallel_catch() {
    check(
        "sfn-parallel-catch",
        expect![[r#"
        run succeeded
        branch failed (allowed) ×1
        final skipped ×0
        final_caught succeeded ×1
    "#]],
    )
    .await;
}

#[tokio::test]
async fn sfn_retry_then_catch() {
    let (_, history) = check(
        "sfn-retry-then-catch",
        expect![[r#"
        run succeeded
        task failed (allowed) ×4
        handle succeeded ×1
    "#]],
    )
    .await;
    assert!(times(&history, "task").1 <= times(&history, "handle").0);
}
