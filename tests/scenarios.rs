//! Behaviours that the tests of other systems state, in our keys: `tests/scenarios/README.md`.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/play.rs"]
mod play;

use std::path::Path;

use expect_test::{Expect, expect};
use play::{outline, play};
use windlass::run::{RunHistory, StepHistory};
use windlass::{DeadLetterFilter, Engine, From, Payload};

/// Runs a scenario and holds its end against what the other system's test says.
async fn check(name: &str, expected: Expect) -> (Engine, RunHistory) {
    let folder = tempfile::tempdir().unwrap();
    check_in(folder.path(), name, expected).await
}

/// As `check`, with its commands in this folder.
async fn check_in(folder: &Path, name: &str, expected: Expect) -> (Engine, RunHistory) {
    let path = format!("tests/scenarios/{name}.toml");
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let (engine, history) = play(&text, folder, &Payload::NULL).await;
    expected.assert_eq(&outline(&history));
    (engine, history)
}

fn step<'h>(history: &'h RunHistory, id: &str) -> &'h StepHistory {
    history.steps.iter().find(|step| step.id.as_str() == id).unwrap()
}

/// When a step first started and last ended, in microseconds.
fn times(history: &RunHistory, id: &str) -> (i64, i64) {
    let attempts = &step(history, id).attempts;
    let (first, last) = (attempts.first().unwrap(), attempts.last().unwrap());
    (first.started.as_micros(), last.ended.unwrap().as_micros())
}

/// Milliseconds between the tries of a step.
fn gaps(history: &RunHistory, id: &str) -> Vec<i64> {
    let attempts = &step(history, id).attempts;
    let gap = |pair: &[windlass::run::AttemptHistory]| {
        (pair[1].started.as_micros() - pair[0].ended.unwrap().as_micros()) / 1_000
    };
    attempts.windows(2).map(gap).collect()
}

/// Milliseconds from the first start to the last end.
fn took(history: &RunHistory) -> i64 {
    let attempts = || history.steps.iter().flat_map(|step| &step.attempts);
    let first = attempts().map(|attempt| attempt.started.as_micros()).min().unwrap();
    let last = attempts().filter_map(|attempt| attempt.ended).max().unwrap();
    (last.as_micros() - first) / 1_000
}

/// The most attempts at one moment.
fn most_at_once(history: &RunHistory) -> i64 {
    let attempts = history.steps.iter().flat_map(|step| &step.attempts);
    let mut edges: Vec<(i64, i64)> = attempts
        .flat_map(|a| [(a.started.as_micros(), 1), (a.ended.unwrap().as_micros(), -1)])
        .collect();
    edges.sort_unstable();
    let mut now = 0;
    edges
        .iter()
        .map(|(_, by)| {
            now += by;
            now
        })
        .max()
        .unwrap()
}

async fn dead_letters(engine: &Engine) -> Vec<String> {
    let letters = engine.dead_letters().list(&DeadLetterFilter::default()).await.unwrap();
    letters.into_iter().map(|letter| letter.step.as_str().to_owned()).collect()
}

#[tokio::test]
async fn argo_enhanced_depends() {
    check(
        "argo-enhanced-depends",
        expect![[r#"
        run failed
        P succeeded ×1
        F failed ×1
        e1 succeeded ×1
        e2 succeeded ×1
        ne skipped ×0
        e3 succeeded ×1
    "#]],
    )
    .await;
}

#[tokio::test]
async fn argo_fail_fast_off() {
    check(
        "argo-fail-fast-off",
        expect![[r#"
        run failed
        A succeeded ×1
        B succeeded ×1
        C failed ×4
        D succeeded ×1
        E succeeded ×1
    "#]],
    )
    .await;
}

#[tokio::test]
async fn argo_nested_exhausted_retries() {
    check(
        "argo-nested-exhausted-retries",
        expect![[r#"
        run failed
        success1 succeeded ×1
        sub_fail failed ×2
        success2 blocked ×0
    "#]],
    )
    .await;
}

#[tokio::test]
async fn argo_step_timeouts() {
    let (_, history) = check(
        "argo-step-timeouts",
        expect![[r#"
        run failed
        A succeeded ×1
        B timed out ×1
        C succeeded ×1
    "#]],
    )
    .await;
    assert!(took(&history) >= 300);
}

#[tokio::test]
async fn argo_when_skip() {
    check(
        "argo-when-skip",
        expect![[r#"
        run succeeded
        A succeeded ×1
        B skipped ×0
    "#]],
    )
    .await;
}

#[tokio::test]
async fn bullmq_continue_parent() {
    let (_, history) = check(
        "bullmq-continue-parent",
        expect![[r#"
        run failed
        c0 succeeded ×1
        c1 succeeded ×1
        c2 failed ×1
        c3 succeeded ×1
        c4 succeeded ×1
        c2-failed succeeded ×1
        all-succeeded blocked ×0
        parent succeeded ×1
    "#]],
    )
    .await;
    assert!(times(&history, "parent").0 >= times(&history, "c2").1);
    assert!(times(&history, "parent").0 < times(&history, "c4").1);
}

#[tokio::test]
async fn bullmq_fail_parent_chain() {
    check(
        "bullmq-fail-parent-chain",
        expect![[r#"
        run failed
        grandchild0 failed ×1
        grandchild1 succeeded ×1
        child0 succeeded ×1
        child1 blocked ×0
        root blocked ×0
    "#]],
    )
    .await;
}

#[tokio::test]
async fn bullmq_ignore_dependency() {
    let (_, history) = check(
        "bullmq-ignore-dependency",
        expect![[r#"
        run succeeded
        c0 failed (allowed) ×1
        c1 failed (allowed) ×1
        c2 failed (allowed) ×1
        parent succeeded ×1
    "#]],
    )
    .await;
    for child in ["c0", "c1", "c2"] {
        assert!(times(&history, child).1 <= times(&history, "parent").0);
    }
}

#[tokio::test]
async fn bullmq_no_parent_without_children() {
    check(
        "bullmq-no-parent-without-children",
        expect![[r#"
        run failed
        child failed ×1
        parent blocked ×0
    "#]],
    )
    .await;
}

#[tokio::test]
async fn celery_chain_stops() {
    let (engine, _) = check(
        "celery-chain-stops",
        expect![[r#"
        run failed
        add1 succeeded ×1
        fail failed ×1
        add2 blocked ×0
    "#]],
    )
    .await;
    assert_eq!(dead_letters(&engine).await, ["fail"]);
}

#[tokio::test]
async fn celery_max_retries() {
    let (engine, history) = check(
        "celery-max-retries",
        expect![[r#"
        run failed
        t failed ×4
    "#]],
    )
    .await;
    let gaps = gaps(&history, "t");
    let due = [40, 80, 160];
    assert!(gaps.iter().zip(due).all(|(gap, due)| *gap >= due), "{gaps:?}");
    assert_eq!(dead_letters(&engine).await, ["t"]);
}

#[tokio::test]
async fn celery_nested_failure_does_not_hang() {
    check(
        "celery-nested-failure-does-not-hang",
        expect![[r#"
        run failed
        g1 succeeded ×1
        c1 failed ×1
        c2a blocked ×0
        c2b blocked ×0
        c3 blocked ×0
        join blocked ×0
    "#]],
    )
    .await;
}

#[tokio::test]
async fn celery_retry_filter() {
    check(
        "celery-retry-filter",
        expect![[r#"
        run failed
        excluded failed ×1
        included succeeded ×2
    "#]],
    )
    .await;
}

#[tokio::test]
async fn conductor_fork_failure() {
    check(
        "conductor-fork-failure",
        expect![[r#"
        run failed
        t1 succeeded ×1
        t2 failed ×1
        t3 cancelled ×1
        join blocked ×0
    "#]],
    )
    .await;
}

#[tokio::test]
async fn ctk_fork_compete() {
    check(
        "ctk-fork-compete",
        expect![[r#"
        run succeeded
        red succeeded ×1
        green cancelled ×1
        blue cancelled ×1
        after succeeded ×1
    "#]],
    )
    .await;
}

#[tokio::test]
async fn dagu_all_failed_tolerated() {
    check(
        "dagu-all-failed-tolerated",
        expect![[r#"
        run failed
        1 failed (allowed) ×1
        2 failed (allowed) ×1
    "#]],
    )
    .await;
}

#[tokio::test]
async fn dagu_continue_on_failure() {
    check(
        "dagu-continue-on-failure",
        expect![[r#"
        run succeeded
        1 succeeded ×1
        2 failed (allowed) ×1
        3 succeeded ×1
    "#]],
    )
    .await;
}

#[tokio::test]
async fn dagu_continue_on_skip() {
    check(
        "dagu-continue-on-skip",
        expect![[r#"
        run succeeded
        1 succeeded ×1
        2 skipped ×0
        3 succeeded ×1
    "#]],
    )
    .await;
}

#[tokio::test]
async fn dagu_foreach_partial_failure() {
    let (_, history) = check(
        "dagu-foreach-partial-failure",
        expect![[r#"
        run failed
        item0 succeeded ×1
        item1 failed ×1
        item2 succeeded ×1
        item3 failed ×1
        item4 succeeded ×1
        after blocked ×0
    "#]],
    )
    .await;
    assert!(most_at_once(&history) <= 2);
}

#[tokio::test]
async fn dagu_rerun_step_with_downstream() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, first) = check_in(
        folder.path(),
        "dagu-rerun-step-with-downstream",
        expect![[r#"
        run succeeded
        A succeeded ×1
        B succeeded ×1
        C succeeded ×1
        D succeeded ×1
    "#]],
    )
    .await;
    engine.retry(first.id, From::Step("B".into())).await.unwrap().wait().await.unwrap();
    let again = engine.history(first.id).await.unwrap();
    expect![[r#"
        run succeeded
        A succeeded ×1
        B succeeded ×2
        C succeeded ×2
        D succeeded ×1
    "#]]
    .assert_eq(&outline(&again));
}

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
    let folder = tempfile::tempdir().unwrap();
    let path = Path::new("tests/scenarios").join("sfn-map-timeout").with_extension("toml");
    let text = std::fs::read_to_string(path).unwrap();
    let (_, history) = play(&text, folder.path(), &Payload::NULL).await;
    // All items run out of time at once: which of them is told first is open.
    let outline = outline(&history);
    let mut ends: Vec<&str> =
        outline.lines().map(|line| line.trim_start_matches(|c| c != ' ').trim()).collect();
    ends.sort_unstable();
    let cancelled = "cancelled ×1";
    assert_eq!(ends, [cancelled, cancelled, cancelled, "failed", "timed out ×1"], "{outline}");
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

#[test]
fn every_scenario_is_run_here() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let named = include_str!("scenarios.rs");
    let files = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    for file in files.filter(|path| path.extension().is_some_and(|e| e == "toml")) {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        assert!(named.contains(&format!("\"{name}\"")), "{name} is not run");
    }
}
