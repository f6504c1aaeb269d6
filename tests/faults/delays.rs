//! How long retries wait, and timers that belong to a life that is over. Time is paused.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::json;
use windlass::{
    Engine, EngineBuilder, From, Payload, RunState, StepContext, StepError, StepState, Timestamp,
};

use crate::support::Place;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// The pauses between the tries of a step that always fails, by this rule and this error.
async fn pauses(retry: &str, error: fn() -> StepError) -> Vec<Duration> {
    let fails = move || async move { Err::<u32, _>(error()) };
    let text = format!("[steps.a]\ntask = \"fails\"\nretry = {retry}\n");
    let builder = Engine::builder().task("fails", fails).workflow_text("w", &text);
    let engine = builder.unwrap().start().await.unwrap();
    let run = engine.run("w", json!(null)).await.unwrap();
    assert_eq!(run.wait().await.unwrap().state, RunState::Failed);
    let step = engine.history(run.id()).await.unwrap().steps.remove(0);
    assert_eq!(step.state, StepState::Failed);
    let tries: Vec<(Timestamp, Timestamp)> =
        step.attempts.iter().map(|attempt| (attempt.started, attempt.ended.unwrap())).collect();
    let pause = |pair: &[(Timestamp, Timestamp)]| pair[1].0.since(pair[0].1);
    let pauses: Vec<Duration> = tries.windows(2).map(pause).collect();
    engine.shutdown(Duration::ZERO).await.unwrap();
    pauses
}

fn busy() -> StepError {
    StepError::new("busy", "not now")
}

/// Whether a pause is that long; a timer may be late by a tick.
fn is(pause: Duration, expected: Duration) -> bool {
    (expected..=expected + Duration::from_millis(5)).contains(&pause)
}

#[tokio::test(start_paused = true)]
async fn a_delay_of_zero_stays_zero_however_often_it_is_multiplied() {
    for retry in [
        "{ attempts = 120, delay = \"0s\", factor = 1000 }",
        "{ attempts = 120, delay = \"0s\", factor = 1000, jitter = \"full\" }",
        "{ attempts = 120, delay = \"0s\", factor = 1 }",
        "{ attempts = 120, delay = \"0s\", backoff = \"linear\" }",
        "{ attempts = 120, delay = \"0s\", backoff = \"fixed\" }",
    ] {
        let before = tokio::time::Instant::now();
        let fails = async || Err::<u32, _>(busy());
        let text = format!("[steps.a]\ntask = \"fails\"\nretry = {retry}\n");
        let builder = Engine::builder().task("fails", fails).workflow_text("w", &text);
        let engine = builder.unwrap().start().await.unwrap();
        engine.run("w", json!(null)).await.unwrap().wait().await.unwrap();
        assert!(before.elapsed() < SECOND, "{retry}: {:?}", before.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn delays_grow_up_to_their_limit_and_stay_there() {
    for (retry, most) in [
        ("{ attempts = 60, delay = \"1ms\", factor = 1000, jitter = \"none\" }", HOUR),
        ("{ attempts = 60, delay = \"2h\", factor = 1000, jitter = \"none\" }", 2 * HOUR),
        ("{ attempts = 60, delay = \"1s\", max_delay = \"1m\", jitter = \"none\" }", 60 * SECOND),
        ("{ attempts = 60, delay = \"10m\", backoff = \"linear\", jitter = \"none\" }", HOUR),
    ] {
        let pauses = pauses(retry, busy).await;
        assert!(pauses.is_sorted_by(|a, b| *a <= *b + Duration::from_millis(5)), "{pauses:?}");
        assert!(is(*pauses.last().unwrap(), most), "{retry}: {:?}", pauses.last());
    }
}

#[tokio::test(start_paused = true)]
async fn fixed_delays_are_even() {
    let even = pauses("{ attempts = 20, delay = \"10s\", backoff = \"fixed\" }", busy).await;
    assert!(even.iter().all(|pause| is(*pause, 10 * SECOND)), "{even:?}");
}

#[tokio::test(start_paused = true)]
async fn other_delays_are_between_their_half_and_all_of_it() {
    let linear = "{ attempts = 30, delay = \"10s\", backoff = \"linear\", max_delay = \"10s\" }";
    let growing = "{ attempts = 30, delay = \"10s\", max_delay = \"10s\" }";
    for retry in [linear, growing] {
        let pauses = pauses(retry, busy).await;
        let fits = |pause: &Duration| *pause >= 5 * SECOND && *pause <= 10 * SECOND + SECOND / 100;
        assert!(pauses.iter().all(fits), "{pauses:?}");
        assert!(pauses.iter().any(|pause| *pause < 9 * SECOND), "no jitter: {pauses:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_error_says_about_the_next_try_is_not_cut() {
    fn limited() -> StepError {
        StepError::new("rate_limited", "later").after(5 * HOUR)
    }
    fn soon() -> StepError {
        StepError::new("rate_limited", "later").after(SECOND)
    }
    for retry in [
        "{ attempts = 3, delay = \"retry_after\" }",
        "{ attempts = 3, delay = \"1s\" }",
        "{ attempts = 3, delay = \"1s\", backoff = \"fixed\" }",
        "{ attempts = 3, delay = \"1s\", backoff = \"linear\", jitter = \"full\" }",
    ] {
        let pauses = pauses(retry, limited).await;
        assert_eq!(pauses.len(), 2, "{retry}");
        assert!(pauses.iter().all(|pause| is(*pause, 5 * HOUR)), "{retry}: {pauses:?}");
    }
    // The backoff where that is longer.
    let longer = "{ attempts = 2, delay = \"1m\", backoff = \"fixed\" }";
    assert!(is(pauses(longer, soon).await[0], 60 * SECOND));
    // A limit that was written gives up rather than come early.
    let written = "{ attempts = 3, delay = \"1s\", max_delay = \"1h\" }";
    assert_eq!(pauses(written, limited).await, []);
}

/// A workflow with a timeout whose first lives last so long and fail; the last one succeeds.
fn lives(first: Duration, calls: &Arc<AtomicU32>) -> EngineBuilder {
    let counter = Arc::clone(calls);
    let life = move |_: StepContext| {
        let call = counter.fetch_add(1, Ordering::SeqCst);
        async move {
            if call < 2 {
                tokio::time::sleep(first).await;
                return Err(StepError::permanent("not yet"));
            }
            tokio::time::sleep(HOUR / 2).await;
            Ok(call)
        }
    };
    let text = "timeout = \"1h\"\n[steps.a]\ntask = \"life\"\n";
    Engine::builder().task("life", life).workflow_text("w", text).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_timeout_of_a_former_life_ends_no_later_one() {
    // The end of a life, its retry and its timeout meet in all orders.
    for early in [0_u64, 1, 2, 1_000, 1_800_000, 3_599_999] {
        let calls = Arc::new(AtomicU32::new(0));
        let first = HOUR.saturating_sub(Duration::from_millis(early));
        let engine = lives(first, &calls).start().await.unwrap();
        let run = engine.run("w", json!(null)).await.unwrap();
        assert_eq!(run.wait().await.unwrap().state, RunState::Failed);
        let again = engine.retry(run.id(), From::Failed).await.unwrap();
        assert_eq!(again.wait().await.unwrap().state, RunState::Failed);
        let last = engine.retry(run.id(), From::Failed).await.unwrap();
        let ended = last.wait().await.unwrap();
        assert_eq!(ended.state, RunState::Succeeded, "{early} ms early: {:?}", ended.failure);
    }
}

#[tokio::test(start_paused = true)]
async fn an_eager_run_loses_no_timer() {
    for count in 1_u64..6 {
        let pair = |place: u64| {
            let wait = 1 + place % 3;
            format!(
                "[steps.a{place}]\nsleep = \"{wait}h\"\n\
                 [steps.b{place}]\nsleep = \"1h\"\ndepends_on = [\"a{place}\"]\n"
            )
        };
        let text: String = (0..count).map(pair).collect();
        let eager = Engine::builder().workflow_text("w", &text).unwrap().eager().unwrap();
        let before = tokio::time::Instant::now();
        let outcome = eager.run("w", json!(null)).await.unwrap();
        assert_eq!(outcome.state, RunState::Succeeded, "{count} pairs of sleeps");
        let hours = 1 + count.min(3);
        assert_eq!(before.elapsed().as_secs() / 3600, hours, "{count} pairs of sleeps");
    }
}

#[tokio::test(start_paused = true)]
async fn a_data_folder_works_under_paused_time() {
    let place = Place::new();
    for _ in 0..5 {
        let same = async |value: Payload| Ok::<_, StepError>(value);
        let text = "[steps.a]\nsleep = \"1h\"\n[steps.b]\ntask = \"same\"\ndepends_on = [\"a\"]\n";
        let builder = Engine::builder().task("same", same).workflow_text("w", text).unwrap();
        let engine = builder.data_dir(place.data()).start().await.unwrap();
        let run = engine.run("w", 1).await.unwrap();
        assert_eq!(run.wait().await.unwrap().state, RunState::Succeeded);
        engine.shutdown(SECOND).await.unwrap();
    }
}
