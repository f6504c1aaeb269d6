//! Stopping is one thing: nothing of a stopped engine runs, and what ended in time is kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use serde_json::json;
use tokio::sync::Notify;
use windlass::engine::Victim;
use windlass::{Engine, EngineBuilder, Payload, RunState, StepContext, StepError};

use crate::support::{Place, until, within};

const SECOND: Duration = Duration::from_secs(1);
const NEVER: Duration = Duration::from_secs(3600);

/// Counts what is alive, and the most that ever was.
#[derive(Clone, Default)]
struct Alive {
    now: Arc<AtomicU32>,
    most: Arc<AtomicU32>,
    entered: Arc<Notify>,
}

struct Guard(Alive);

impl Alive {
    fn enter(&self) -> Guard {
        let now = self.now.fetch_add(1, SeqCst) + 1;
        self.most.fetch_max(now, SeqCst);
        self.entered.notify_one();
        Guard(self.clone())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, SeqCst);
    }
}

/// A handler that lives as long as it is let, and its workflow.
fn living(alive: &Alive, wait: Duration) -> EngineBuilder {
    let alive = alive.clone();
    let live = move |_: Payload| {
        let alive = alive.clone();
        async move {
            let _guard = alive.enter();
            tokio::time::sleep(wait).await;
            Ok::<_, StepError>(1)
        }
    };
    let builder = Engine::builder().task("live", live);
    builder.workflow_text("w", "[steps.a]\ntask = \"live\"\n").unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_engine_runs_nothing_more() {
    let alive = Alive::default();
    let engine = living(&alive, NEVER).start().await.unwrap();
    let run = engine.run("w", 1).await.unwrap();
    alive.entered.notified().await;
    drop((run, engine));
    until(async || (alive.now.load(SeqCst) == 0).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_is_not_under_way_twice_after_a_drop_and_a_start() {
    let (place, alive) = (Place::new(), Alive::default());
    let wait = Duration::from_millis(300);
    let engine = living(&alive, wait).data_dir(place.data()).start().await.unwrap();
    let run = engine.run("w", 1).await.unwrap().id();
    alive.entered.notified().await;
    drop(engine);
    let engine = living(&alive, wait).data_dir(place.data()).start().await.unwrap();
    within(engine.attach(run).await.unwrap().wait()).await.unwrap();
    assert_eq!(alive.most.load(SeqCst), 1, "attempts of the one step of one run, at once");
    engine.shutdown(SECOND).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_handler_is_alive_once_a_shutdown_has_returned() {
    let mut seen = Vec::new();
    for _ in 0..5 {
        let alive = Alive::default();
        let builder = living(&alive, NEVER).queue("default", |queue| queue.workers(1_000));
        let engine = builder.start().await.unwrap();
        for number in 0..300 {
            engine.run("w", number).await.unwrap();
        }
        let begin = tokio::time::Instant::now();
        engine.shutdown(Duration::ZERO).await.unwrap();
        let left = alive.now.load(SeqCst);
        if left > 0 || begin.elapsed() > SECOND {
            seen.push((left, begin.elapsed()));
        }
    }
    assert!(seen.is_empty(), "(alive, time) after a shutdown: {seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_reaches_a_handler_in_its_first_poll() {
    let (heard, entered) = (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
    let told = {
        let (heard, entered) = (heard.clone(), entered.clone());
        move |step: StepContext| {
            let (heard, entered) = (heard.clone(), entered.clone());
            async move {
                entered.notify_one();
                let begin = tokio::time::Instant::now();
                while !step.is_cancelled() && begin.elapsed() < 5 * SECOND {
                    std::hint::spin_loop();
                }
                heard.store(step.is_cancelled(), SeqCst);
                std::future::pending::<Result<u32, StepError>>().await
            }
        }
    };
    let builder = Engine::builder().task("told", told);
    let builder = builder.workflow_text("w", "[steps.a]\ntask = \"told\"\n").unwrap();
    let engine = builder.start().await.unwrap();
    engine.run("w", 1).await.unwrap();
    entered.notified().await;
    engine.shutdown(Duration::ZERO).await.unwrap();
    assert!(heard.load(SeqCst), "the handler was not told");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_gave_up_calls_no_handler() {
    let alive = Alive::default();
    let builder = living(&alive, Duration::from_millis(20));
    let engine = builder.queue("default", |queue| queue.workers(2)).start().await.unwrap();
    let mut last = None;
    for number in 0..1_000 {
        last = engine.run("w", number).await.ok();
    }
    for number in 0..500 {
        engine.kill(Victim::Worker("default".into(), number % 2)).await;
        if engine.run("w", 1).await.is_err() {
            break;
        }
        tokio::task::yield_now().await;
    }
    engine.run("w", 1).await.map(|run| run.id()).unwrap_err();
    until(async || (alive.now.load(SeqCst) == 0).then_some(())).await;
    // A handler that was called would be seen within a second.
    let called = tokio::time::timeout(SECOND, async {
        while alive.now.load(SeqCst) == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    assert!(called.await.is_err(), "a handler was called after the engine had given up");
    drop(last);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_death_of_a_shard_nothing_goes_on() {
    let alive = Alive::default();
    let engine = living(&alive, NEVER).start().await.unwrap();
    for number in 0..4 {
        engine.run("w", number).await.unwrap();
    }
    until(async || (alive.now.load(SeqCst) == 4).then_some(())).await;
    engine.kill(Victim::Shard(0)).await;
    until(async || (alive.now.load(SeqCst) == 0).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_success_within_the_grace_is_kept() {
    let place = Place::new();
    let (calls, entered) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
    let told = {
        let (calls, entered) = (calls.clone(), entered.clone());
        move |step: StepContext| {
            let entered = entered.clone();
            calls.fetch_add(1, SeqCst);
            async move {
                entered.notify_one();
                step.cancelled().await;
                Ok::<_, StepError>("saved")
            }
        }
    };
    let build = || {
        let builder = Engine::builder().task("told", told.clone());
        builder.workflow_text("w", "[steps.a]\ntask = \"told\"\n").unwrap().data_dir(place.data())
    };
    let engine = build().start().await.unwrap();
    let run = engine.run("w", json!(1)).await.unwrap().id();
    entered.notified().await;
    engine.shutdown(5 * SECOND).await.unwrap();
    let engine = build().hold().start().await.unwrap();
    assert_eq!(engine.summary(run).await.unwrap().state, RunState::Succeeded);
    assert_eq!(calls.load(SeqCst), 1);
    engine.shutdown(SECOND).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_works_without_an_await_is_waited_for() {
    let place = Place::new();
    let (over, entered) = (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
    let busy = {
        let (over, entered) = (over.clone(), entered.clone());
        move |_: Payload| {
            let (over, entered) = (over.clone(), entered.clone());
            async move {
                entered.notify_one();
                let begin = tokio::time::Instant::now();
                while begin.elapsed() < SECOND {
                    std::hint::spin_loop();
                }
                over.store(true, SeqCst);
                Ok::<_, StepError>(1)
            }
        }
    };
    let build = || {
        let builder = Engine::builder().task("busy", busy.clone()).data_dir(place.data());
        builder.workflow_text("w", "[steps.a]\ntask = \"busy\"\n").unwrap()
    };
    let engine = build().start().await.unwrap();
    let run = engine.run("w", json!(1)).await.unwrap().id();
    entered.notified().await;
    engine.shutdown(30 * SECOND).await.unwrap();
    assert!(over.load(SeqCst), "the shutdown has returned while a handler works");
    let engine = build().hold().start().await.unwrap();
    assert_eq!(engine.summary(run).await.unwrap().state, RunState::Succeeded);
    engine.shutdown(SECOND).await.unwrap();
}

/// A handler that asks whether it is to stop, and cleans up in two steps.
fn cleaning(cleaned: &Arc<AtomicBool>, entered: &Arc<Notify>, timeout: &str) -> EngineBuilder {
    let (cleaned, entered) = (cleaned.clone(), entered.clone());
    let cleans = move |step: StepContext| {
        let (cleaned, entered) = (cleaned.clone(), entered.clone());
        async move {
            entered.notify_one();
            while !step.is_cancelled() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            // Say, it releases a lock at a server.
            tokio::time::sleep(Duration::from_millis(20)).await;
            cleaned.store(true, SeqCst);
            Err::<u32, _>(StepError::new("stopped", "in order"))
        }
    };
    let text = format!("[steps.a]\ntask = \"cleans\"\n{timeout}");
    Engine::builder().task("cleans", cleans).workflow_text("w", &text).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_is_cancelled_has_time_to_clean_up() {
    let (cleaned, entered) = (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
    let engine = cleaning(&cleaned, &entered, "").start().await.unwrap();
    let run = engine.run("w", 1).await.unwrap();
    entered.notified().await;
    run.cancel("enough").await.unwrap();
    within(run.wait()).await.unwrap();
    engine.shutdown(SECOND).await.unwrap();
    assert!(cleaned.load(SeqCst), "it was dropped at an await after it had been told");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_whose_time_is_up_is_told_and_has_time_to_clean_up() {
    let (cleaned, entered) = (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
    let timeout = "timeout = \"100ms\"\n";
    let engine = cleaning(&cleaned, &entered, timeout).start().await.unwrap();
    let run = engine.run("w", 1).await.unwrap();
    let failure = within(run.wait()).await.unwrap().failure.unwrap();
    assert_eq!(failure.class.to_string(), "timeout");
    assert!(cleaned.load(SeqCst), "it was dropped, and never told");
}
