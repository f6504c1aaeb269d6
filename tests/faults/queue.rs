//! A queue hands out every ready job, and nothing after a cancel.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use serde_json::json;
use tokio::sync::Notify;
use windlass::engine::Victim;
use windlass::{Engine, EngineBuilder, Error, Payload, RunState, State, StepError, WhenFull};

use crate::support::{Place, until, within};

const SECOND: Duration = Duration::from_secs(1);

/// A step that waits until it is let go, and counts its calls.
#[derive(Clone, Default)]
struct Gate {
    calls: Arc<AtomicU32>,
    entered: Arc<Notify>,
    open: Arc<Notify>,
}

async fn pass(State(gate): State<Gate>, input: Payload) -> Result<Payload, StepError> {
    gate.calls.fetch_add(1, SeqCst);
    gate.entered.notify_one();
    gate.open.notified().await;
    Ok(input)
}

fn gated(gate: &Gate) -> EngineBuilder {
    Engine::builder()
        .state(gate.clone())
        .task("gate", pass)
        .task("same", async |value: Payload| Ok::<_, StepError>(value))
        .workflow_text("g", "[steps.g]\ntask = \"gate\"\n")
        .unwrap()
        .workflow_text("q", "[steps.q]\ntask = \"same\"\n")
        .unwrap()
}

#[tokio::test]
async fn a_cancel_that_meets_the_end_of_an_attempt_starves_nobody() {
    let gate = Gate::default();
    let builder = gated(&gate).queue("default", |queue| queue.workers(1));
    let engine = builder.start().await.unwrap();
    let first = engine.run("g", 1).await.unwrap();
    gate.entered.notified().await;
    let others = [engine.run("g", 2).await.unwrap(), engine.run("g", 3).await.unwrap()];
    gate.open.notify_one();
    drop(first.cancel("while it ends").await);
    for other in others {
        within(gate.entered.notified()).await;
        gate.open.notify_one();
        within(other.wait()).await.unwrap();
    }
}

/// Fan-outs whose odd items fail at once, over one worker.
fn failing() -> EngineBuilder {
    let text = "[steps.list]\ntask = \"list\"\n[steps.each]\nfor_each = \"steps.list.output\"\n\
                tolerate = \"100%\"\ntask = \"odd\"\n";
    let odd = async |number: u32| {
        if number % 2 == 1 {
            return Err(StepError::permanent("odd"));
        }
        tokio::task::yield_now().await;
        Ok(number)
    };
    Engine::builder()
        .task("list", async |count: u32| Ok::<_, StepError>((0..count).collect::<Vec<_>>()))
        .task("odd", odd)
        .workflow_text("f", text)
        .unwrap()
        .queue("default", |queue| queue.workers(1))
}

#[tokio::test(start_paused = true)]
async fn failures_within_one_microsecond_starve_nobody_under_paused_time() {
    let engine = failing().start().await.unwrap();
    let run = engine.run("f", 200).await.unwrap();
    let ended = tokio::time::timeout(3600 * SECOND, run.wait()).await;
    assert!(ended.is_ok(), "{:?}", engine.stats().await.unwrap().queues[0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_within_one_microsecond_starve_nobody() {
    let engine = failing().start().await.unwrap();
    for _ in 0..5 {
        let run = engine.run("f", 1_000).await.unwrap();
        let ended = tokio::time::timeout(10 * SECOND, run.wait()).await;
        assert!(ended.is_ok(), "{:?}", engine.stats().await.unwrap().queues[0]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_that_was_claimed_starts_after_a_cancel_was_answered() {
    let cancelled = Arc::new(AtomicBool::new(false));
    let late = Arc::new(AtomicU32::new(0));
    let entered = Arc::new(Notify::new());
    let slow = {
        let (cancelled, late, entered) = (cancelled.clone(), late.clone(), entered.clone());
        move |_: u32| {
            if cancelled.load(SeqCst) {
                late.fetch_add(1, SeqCst);
            }
            entered.notify_one();
            // A little work before the first await, while the others of the claim wait.
            let until = tokio::time::Instant::now() + Duration::from_millis(20);
            while tokio::time::Instant::now() < until {
                std::hint::spin_loop();
            }
            async { Ok::<_, StepError>(0) }
        }
    };
    let list = async || Ok::<_, StepError>((0..32).collect::<Vec<u32>>());
    let text = "[steps.list]\ntask = \"list\"\n[steps.each]\nfor_each = \"steps.list.output\"\n\
                task = \"slow\"\n";
    let builder = Engine::builder().task("slow", slow).task("list", list);
    let builder = builder.workflow_text("f", text).unwrap();
    let engine = builder.queue("default", |queue| queue.workers(64)).start().await.unwrap();
    let run = engine.run("f", json!({})).await.unwrap();
    entered.notified().await;
    run.cancel("enough").await.unwrap();
    cancelled.store(true, SeqCst);
    assert_eq!(within(run.wait()).await.unwrap().state, RunState::Cancelled);
    engine.shutdown(10 * SECOND).await.unwrap();
    assert_eq!(late.load(SeqCst), 0, "handlers that began after the cancel was answered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_step_that_parks_on_a_crash_starts_after_a_cancel_was_answered() {
    let place = Place::new();
    let cancelled = Arc::new(AtomicBool::new(false));
    let late = Arc::new(AtomicU32::new(0));
    let step = {
        let (cancelled, late) = (cancelled.clone(), late.clone());
        move |_: Payload| {
            if cancelled.load(SeqCst) {
                late.fetch_add(1, SeqCst);
            }
            async { Ok::<_, StepError>(0) }
        }
    };
    let text = "[steps.a]\ntask = \"step\"\non_crash = \"park\"\n";
    let builder = Engine::builder().task("step", step).workflow_text("w", text).unwrap();
    let builder = builder.workflow_text("after", text).unwrap();
    let engine = builder.data_dir(place.data()).start().await.unwrap();
    for round in 0..150_u32 {
        cancelled.store(false, SeqCst);
        let run = engine.run("w", 1).await.unwrap();
        for _ in 0..(round % 40) * 20 {
            std::hint::spin_loop();
        }
        if run.cancel("enough").await.is_ok() {
            cancelled.store(true, SeqCst);
        }
        run.wait().await.unwrap();
        // Whatever was on its way by then is here before the next commit is.
        engine.start_later("after", 1, 3600 * SECOND).await.unwrap();
    }
    // The system may hold a thread between the last look at the signal and that of the handler.
    let late = late.load(SeqCst);
    assert!(late <= 2, "{late} of 150 handlers began after the cancel was answered");
}

#[tokio::test]
async fn a_start_that_waits_for_room_ends_at_a_shutdown() {
    let gate = Gate::default();
    let full =
        |queue: windlass::QueueBuilder| queue.workers(1).max_depth(1).when_full(WhenFull::Wait);
    let engine = gated(&gate).queue("default", full).start().await.unwrap();
    let _running = engine.run("g", 1).await.unwrap();
    gate.entered.notified().await;
    let _waiting = engine.run("g", 2).await.unwrap();
    let clone = engine.clone();
    let third = tokio::spawn(async move { clone.run("g", 3).await.map(|run| run.id()) });
    tokio::task::yield_now().await;
    engine.shutdown(Duration::ZERO).await.unwrap();
    let ended = within(third).await.unwrap();
    assert!(matches!(ended, Err(Error::Unavailable(_))), "{ended:?}");
}

#[tokio::test]
async fn room_that_a_delayed_start_gives_back_wakes_who_waits() {
    let place = Place::new();
    let full =
        |queue: windlass::QueueBuilder| queue.workers(1).max_depth(1).when_full(WhenFull::Wait);
    let builder = gated(&Gate::default()).queue("default", full).data_dir(place.data());
    let engine = builder.start().await.unwrap();
    let later = IntoFuture::into_future(engine.run("q", 1).after(3600 * SECOND));
    let now = IntoFuture::into_future(engine.run("q", 2));
    let (later, now) = tokio::join!(later, within(now));
    later.unwrap();
    within(now.unwrap().wait()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_spinning_worker_does_not_keep_the_only_wake_up() {
    for _ in 0..5 {
        let gate = Gate::default();
        let (over, spinning) = (Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
        let spin = {
            let (over, spinning) = (over.clone(), spinning.clone());
            move |_: Payload| {
                let (over, spinning) = (over.clone(), spinning.clone());
                async move {
                    spinning.notify_one();
                    while !over.load(SeqCst) {
                        std::hint::spin_loop();
                    }
                    Ok::<_, StepError>(0)
                }
            }
        };
        let builder = gated(&gate).task("spin", spin);
        let builder = builder.workflow_text("s", "[steps.s]\ntask = \"spin\"\n").unwrap();
        let engine = builder.queue("default", |queue| queue.workers(8)).start().await.unwrap();
        let mut pending = Vec::new();
        for number in 0..6 {
            pending.push(engine.run("g", number).await.unwrap());
        }
        until(async || (gate.calls.load(SeqCst) == 6).then_some(())).await;
        let busy = engine.run("s", 1).await.unwrap();
        spinning.notified().await;
        for _ in 0..6 {
            gate.open.notify_one();
        }
        until(async || {
            gate.open.notify_one();
            (engine.stats().await.unwrap().queues[0].running <= 1).then_some(())
        })
        .await;
        let quick = engine.run("q", 1).await.unwrap();
        let ended = tokio::time::timeout(2 * SECOND, quick.wait()).await;
        over.store(true, SeqCst);
        ended.expect("a quick run waits for a spinning handler beside idle workers").unwrap();
        busy.wait().await.unwrap();
        engine.shutdown(SECOND).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_hears_it_when_actors_die_too_often() {
    let engine = gated(&Gate::default()).start().await.unwrap();
    let run = engine.run("g", 1).await.unwrap();
    for victim in [Victim::Queue("default".into()), Victim::Dlq("default".into()), Victim::Timers] {
        for _ in 0..200 {
            if engine.run("q", 1).await.is_err() {
                break;
            }
            engine.kill(victim.clone()).await;
        }
    }
    let refused = engine.run("q", 1).await.map(|run| run.id());
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    assert!(within(run.wait()).await.is_err());
    assert!(within(run.status()).await.is_err());
    assert!(within(run.cancel("too late")).await.is_err());
    assert!(within(engine.stats()).await.is_err());
}
