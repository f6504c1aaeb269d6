//! Handlers that block their thread instead of waiting: they hold up nothing but themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use windlass::{DeadLetterFilter, Engine, EventKind, RunState, StepError};

use crate::adder;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_blocks_holds_up_no_item_that_was_polled_before_it() {
    let text = "timeout = \"30s\"\n[steps.each]\ntask = \"each\"\nfor_each = \"input\"";
    let first = Arc::new(AtomicU32::new(0));
    let over = Arc::clone(&first);
    let each = move |item: u32| {
        let first = Arc::clone(&first);
        async move {
            if item == 0 {
                tokio::task::yield_now().await;
                first.store(1, Ordering::Relaxed);
            }
            while item == 1 && first.load(Ordering::Relaxed) == 0 {
                std::hint::spin_loop();
            }
            Ok::<_, StepError>(item)
        }
    };
    let builder = Engine::builder().task("each", each).workflow_text("each", text).unwrap();
    let engine = builder.queue("default", |queue| queue.workers(64)).start().await.unwrap();
    // Of three items, one worker takes the first two.
    let ended = engine.run("each", [0, 1, 2]).await.unwrap().wait().await.unwrap();
    over.store(1, Ordering::Relaxed);
    assert_eq!(ended.state, RunState::Succeeded);
    engine.shutdown(Duration::from_secs(1)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_blocks_holds_up_no_result_before_it() {
    let text = "[steps.each]\ntask = \"each\"\nfor_each = \"input\"";
    let others = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&others);
    let each = move |item: u32| {
        let counted = Arc::clone(&counted);
        async move {
            while item == 0 && counted.load(Ordering::Relaxed) < 15 {
                std::hint::spin_loop();
            }
            Ok::<_, StepError>(item)
        }
    };
    let builder = Engine::builder().task("each", each).workflow_text("each", text).unwrap();
    let engine = builder.queue("default", |queue| queue.workers(64)).start().await.unwrap();
    let mut events = engine.events();
    // Wherever it stands among those that one worker takes.
    for place in 0..16 {
        let mut items: Vec<u32> = (1..16).collect();
        items.insert(place, 0);
        others.store(0, Ordering::Relaxed);
        let run = engine.run("each", items).await.unwrap();
        let watching = async {
            while others.load(Ordering::Relaxed) < 15 {
                let event = events.next().await.unwrap();
                let is_over = matches!(event.kind, EventKind::Succeeded { .. });
                if is_over && event.run == run.id() && event.item.is_some() {
                    others.fetch_add(1, Ordering::Relaxed);
                }
            }
        };
        let seen = tokio::time::timeout(Duration::from_secs(10), watching).await;
        let at = others.swap(15, Ordering::Relaxed);
        assert!(seen.is_ok(), "{at} of 15 were heard of while the one at {place} blocked");
        assert_eq!(run.wait().await.unwrap().state, RunState::Succeeded);
    }
    engine.shutdown(Duration::from_secs(1)).await.unwrap();
}

/// A worker has the first two items: the first goes on in a task, the second blocks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_job_is_left_to_a_worker_that_blocks() {
    let text = "[steps.each]\ntask = \"each\"\nfor_each = \"input\"";
    let (waits, blocks) = (Arc::new(Notify::new()), Arc::new(AtomicU32::new(0)));
    let (told, seen) = (Arc::clone(&waits), Arc::clone(&blocks));
    let each = move |item: u32| {
        let (told, seen) = (Arc::clone(&told), Arc::clone(&seen));
        async move {
            if item == 0 {
                told.notified().await;
            }
            while item == 1 && seen.fetch_max(1, Ordering::Relaxed) < 2 {
                std::hint::spin_loop();
            }
            Ok::<_, StepError>(item)
        }
    };
    let builder = adder().task("each", each).workflow_text("each", text).unwrap();
    let engine = builder.queue("default", |queue| queue.workers(64)).start().await.unwrap();
    for _ in 0..20 {
        blocks.store(0, Ordering::Relaxed);
        let run = engine.run("each", [0, 1, 2]).await.unwrap();
        while blocks.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        let other = engine.run("chain", 1).await.unwrap();
        let ended = tokio::time::timeout(Duration::from_secs(10), other.wait()).await;
        blocks.store(2, Ordering::Relaxed);
        waits.notify_one();
        assert!(ended.is_ok(), "a run waits for a handler of another that blocks");
        assert_eq!(run.wait().await.unwrap().state, RunState::Succeeded);
    }
    engine.shutdown(Duration::from_secs(1)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_spins_ends_by_its_timeout_and_holds_nobody_up() {
    let text = "timeout = \"30s\"\n[steps.spin]\ntask = \"spin\"\ntimeout = \"100ms\"";
    let over = Arc::new(AtomicU32::new(0));
    let ended = Arc::clone(&over);
    let spin = move |_: u32| {
        let ended = Arc::clone(&ended);
        async move {
            while ended.load(Ordering::Relaxed) == 0 {
                std::hint::spin_loop();
            }
            Ok::<_, StepError>(0)
        }
    };
    let builder = adder().task("spin", spin).workflow_text("spin", text).unwrap();
    let engine = builder.queue("default", |queue| queue.workers(2)).start().await.unwrap();
    let spinning = engine.run("spin", 1).await.unwrap();
    for number in 0..20 {
        let run = engine.run("chain", number).await.unwrap();
        assert_eq!(run.output::<u64>().await.unwrap(), number + 3);
    }
    let ended = spinning.wait().await.unwrap();
    assert_eq!(ended.state, RunState::Failed);
    let letters = engine.dead_letters().list(&DeadLetterFilter::default()).await.unwrap();
    assert_eq!(letters[0].failure.class.to_string(), "timeout");
    over.store(1, Ordering::Relaxed);
    engine.shutdown(Duration::from_secs(1)).await.unwrap();
}
