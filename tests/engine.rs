//! The public door, end to end: start, wait, keys, cancel, retry, dead letters, restarts, limits.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "engine/blocking.rs"]
mod blocking;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Notify;
use windlass::{
    DeadLetterFilter, Engine, EngineBuilder, Error, From, Payload, Resume, RunFilter, RunState,
    State, StepContext, StepError, WhenFull,
};

const CHAIN: &str = r#"
    pipeline = ["one", "two", "three"]
    [steps.one]
    task = "add"
    [steps.two]
    task = "add"
    [steps.three]
    task = "add"
"#;

async fn add(number: u64) -> Result<u64, StepError> {
    Ok(number + 1)
}

fn adder() -> EngineBuilder {
    Engine::builder().task("add", add).workflow_text("chain", CHAIN).unwrap()
}

#[tokio::test]
async fn a_chain_hands_each_output_on() {
    let engine = adder().start().await.unwrap();
    let run = engine.run("chain", 4).await.unwrap();
    assert_eq!(run.output::<u64>().await.unwrap(), 7);
    assert_eq!(run.status().await.unwrap(), RunState::Succeeded);
    let history = engine.history(run.id()).await.unwrap();
    let ran: Vec<_> = history.steps.iter().map(|step| step.attempts.len()).collect();
    assert_eq!(ran, [1, 1, 1]);
}

#[tokio::test]
async fn a_durable_run_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let engine = adder().data_dir(folder.path()).start().await.unwrap();
    let run = engine.run("chain", 1).idempotency_key("k").await.unwrap();
    assert_eq!(run.output::<u64>().await.unwrap(), 4);
    let id = run.id();
    engine.shutdown(Duration::from_secs(1)).await.unwrap();

    let engine = adder().data_dir(folder.path()).start().await.unwrap();
    assert_eq!(engine.attach(id).await.unwrap().output::<u64>().await.unwrap(), 4);
    assert_eq!(engine.runs(&RunFilter::default()).await.unwrap().len(), 1);
    let again = engine.run("chain", 1).idempotency_key("k").await.unwrap();
    assert_eq!(again.id(), id, "the key outlives the process and the run's memory");
    let other = engine.run("chain", 2).idempotency_key("k").await.unwrap_err();
    assert!(matches!(other, Error::KeyTaken { run, .. } if run == id), "{other}");
    engine.shutdown(Duration::from_secs(1)).await.unwrap();
}

/// A step that waits until it is let go, and counts its calls.
#[derive(Clone, Default)]
struct Gate {
    calls: Arc<AtomicU32>,
    entered: Arc<Notify>,
    open: Arc<Notify>,
}

async fn pass(State(gate): State<Gate>, input: Payload) -> Result<Payload, StepError> {
    gate.calls.fetch_add(1, Ordering::SeqCst);
    gate.entered.notify_one();
    gate.open.notified().await;
    Ok(input)
}

const GATED: &str = r#"
    pipeline = ["before", "gate", "after"]
    [steps.before]
    task = "add"
    [steps.gate]
    task = "gate"
    [steps.after]
    task = "add"
"#;

fn gated(gate: &Gate) -> EngineBuilder {
    let builder = Engine::builder().state(gate.clone()).task("add", add).task("gate", pass);
    builder.workflow_text("gated", GATED).unwrap()
}

#[tokio::test]
async fn a_run_that_a_shutdown_cut_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let gate = Gate::default();
    let engine = gated(&gate).data_dir(folder.path()).start().await.unwrap();
    let id = engine.run("gated", 1).await.unwrap().id();
    gate.entered.notified().await;
    engine.shutdown(Duration::ZERO).await.unwrap();

    let resting = gated(&gate).data_dir(folder.path()).resume(Resume::Nothing);
    let engine = resting.start().await.unwrap();
    let state = engine.attach(id).await.unwrap().status().await.unwrap();
    assert_eq!(state, RunState::Running, "it stays as it is until somebody resumes it");
    engine.shutdown(Duration::ZERO).await.unwrap();

    let engine = gated(&gate).data_dir(folder.path()).start().await.unwrap();
    gate.entered.notified().await;
    gate.open.notify_one();
    assert_eq!(engine.attach(id).await.unwrap().output::<u64>().await.unwrap(), 3);
    assert_eq!(gate.calls.load(Ordering::SeqCst), 2, "once cut, once to its end");
    let history = engine.history(id).await.unwrap();
    assert_eq!(history.steps[0].attempts.len(), 1, "a finished step is not run again");
}

#[tokio::test]
async fn a_cancelled_run_starts_nothing_more() {
    let gate = Gate::default();
    let engine = gated(&gate).start().await.unwrap();
    let run = engine.run("gated", 1).await.unwrap();
    gate.entered.notified().await;
    run.cancel("not wanted").await.unwrap();
    let outcome = run.wait().await.unwrap();
    assert_eq!(outcome.state, RunState::Cancelled);
    gate.open.notify_one();
    let refused = run.cancel("again").await.unwrap_err();
    assert!(refused.to_string().contains("cancelled"), "{refused}");
}

/// Fails with `broken` until it is mended.
async fn fragile(State(mended): State<Arc<AtomicU32>>, input: Value) -> Result<Value, StepError> {
    if mended.load(Ordering::SeqCst) == 0 && input["force"] != true {
        return Err(StepError::new("broken", "part 17 is missing"));
    }
    Ok(input)
}

fn workshop(mended: &Arc<AtomicU32>) -> EngineBuilder {
    let text = r#"
        [steps.make]
        task = "fragile"
        queue = "slow"
        retry = { attempts = 2, delay = "1ms" }
        [steps.sell]
        task = "fragile"
        depends_on = ["make"]
    "#;
    let builder = Engine::builder().state(Arc::clone(mended)).task("fragile", fragile);
    builder.workflow_text("shop", text).unwrap()
}

#[tokio::test]
async fn a_dead_letter_is_listed_grouped_replayed_and_survives_a_restart() {
    let (folder, mended) = (tempfile::tempdir().unwrap(), Arc::new(AtomicU32::new(0)));
    let engine = workshop(&mended).data_dir(folder.path()).start().await.unwrap();
    let mut ids = Vec::new();
    for n in 0..3 {
        let run = engine.run("shop", json!({ "n": n })).await.unwrap();
        assert_eq!(run.wait().await.unwrap().state, RunState::Failed);
        ids.push(run.id());
    }
    engine.shutdown(Duration::from_secs(1)).await.unwrap();

    let engine = workshop(&mended).data_dir(folder.path()).start().await.unwrap();
    let letters = engine.dead_letters();
    let all = letters.list(&DeadLetterFilter::default()).await.unwrap();
    let seen: Vec<_> = all.iter().map(|l| (l.run, l.attempts.len(), l.queue.as_str())).collect();
    assert_eq!(seen, ids.iter().map(|id| (*id, 2, "slow")).collect::<Vec<_>>());
    assert_eq!(all[0].input.as_str(), r#"{"n":0}"#);
    let groups = letters.groups(&DeadLetterFilter::default()).await.unwrap();
    assert_eq!(groups.iter().map(|g| g.count).collect::<Vec<_>>(), [3]);

    letters.drop(all[2].id, "not worth it").await.unwrap();
    letters.replay_with(all[1].id, json!({ "force": true })).await.unwrap();
    mended.store(1, Ordering::SeqCst);
    letters.replay(all[0].id).await.unwrap();
    for (id, output) in [(ids[0], json!({ "n": 0 })), (ids[1], json!({ "force": true }))] {
        let run = engine.attach(id).await.unwrap();
        assert_eq!(run.output::<Value>().await.unwrap(), output);
    }
    assert!(letters.list(&DeadLetterFilter::default()).await.unwrap().is_empty());
}

#[tokio::test]
async fn of_two_who_replay_a_dead_letter_at_once_one_is_refused() {
    let mended = Arc::new(AtomicU32::new(0));
    let engine = workshop(&mended).start().await.unwrap();
    let run = engine.run("shop", json!({})).await.unwrap();
    assert_eq!(run.wait().await.unwrap().state, RunState::Failed);
    mended.store(1, Ordering::SeqCst);
    let letters = engine.dead_letters();
    let id = letters.list(&DeadLetterFilter::default()).await.unwrap()[0].id;
    let both = tokio::join!(letters.replay(id), letters.replay(id));
    let (Ok(_), Err(refused)) = &both else { panic!("{both:?}") };
    assert!(refused.to_string().contains("is settled: run"), "{refused}");
    let again = engine.history(run.id()).await.unwrap();
    assert_ne!(again.state, RunState::Failed);
}

#[tokio::test]
async fn a_failed_run_is_retried_from_what_failed() {
    let mended = Arc::new(AtomicU32::new(0));
    let engine = workshop(&mended).start().await.unwrap();
    let run = engine.run("shop", json!({})).await.unwrap();
    assert_eq!(run.wait().await.unwrap().state, RunState::Failed);
    mended.store(1, Ordering::SeqCst);
    let run = engine.retry(run.id(), From::Failed).await.unwrap();
    assert_eq!(run.wait().await.unwrap().state, RunState::Succeeded);
    let none = engine.dead_letters().list(&DeadLetterFilter::default()).await.unwrap();
    assert!(none.is_empty(), "the retry settles the dead letter");
    let run = engine.retry(run.id(), From::Step("sell".into())).await.unwrap();
    assert_eq!(run.wait().await.unwrap().state, RunState::Succeeded);
    let history = engine.history(run.id()).await.unwrap();
    let attempts: Vec<_> = history.steps.iter().map(|step| step.attempts.len()).collect();
    assert_eq!(attempts, [3, 2]);
}

#[tokio::test]
async fn a_run_of_which_only_the_output_has_failed_asks_for_it_again() {
    let text = "[steps.a]\ntask = \"add\"\nwith = 1\n[output]\nhalf = \"${{ input / 0 }}\"";
    let engine = adder().workflow_text("halves", text).unwrap().start().await.unwrap();
    let run = engine.run("halves", 1).await.unwrap();
    assert_eq!(run.wait().await.unwrap().state, RunState::Failed);
    let run = engine.retry(run.id(), From::Failed).await.unwrap();
    assert_eq!(run.wait().await.unwrap().state, RunState::Failed);
    let history = engine.history(run.id()).await.unwrap();
    assert_eq!((history.attempt, history.steps[0].attempts.len()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn paused_time_makes_waits_instant() {
    let text = r#"
        [steps.wait]
        sleep = "3d"
        [steps.try]
        task = "flaky"
        depends_on = ["wait"]
        with = 1
        retry = { attempts = 4, delay = "1h", backoff = "fixed", jitter = "none" }
    "#;
    let calls = Arc::new(AtomicU32::new(0));
    let flaky = async |State(calls): State<Arc<AtomicU32>>, ctx: StepContext, _one: u32| {
        calls.fetch_add(1, Ordering::SeqCst);
        if ctx.attempt() < 4 {
            return Err(StepError::new("busy", "not now"));
        }
        Ok(ctx.attempt())
    };
    let builder = Engine::builder().state(Arc::clone(&calls)).task("flaky", flaky);
    let engine = builder.workflow_text("slow", text).unwrap().start().await.unwrap();
    let before = tokio::time::Instant::now();
    let run = engine.start_later("slow", json!(null), Duration::from_secs(86_400)).await.unwrap();
    assert_eq!(run.status().await.unwrap(), RunState::Pending);
    assert_eq!(run.wait().await.unwrap().state, RunState::Succeeded);
    let hours = before.elapsed().as_secs() / 3_600;
    assert_eq!((hours, calls.load(Ordering::SeqCst)), (24 + 72 + 3, 4));
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_never_returns_ends_by_its_timeout() {
    let text = r#"
        [steps.hang]
        task = "hang"
        timeout = "5s"
    "#;
    let hang = async |_: Payload| std::future::pending::<Result<Payload, StepError>>().await;
    let builder = Engine::builder().task("hang", hang);
    let engine = builder.workflow_text("hang", text).unwrap().start().await.unwrap();
    let outcome = engine.run("hang", json!(null)).await.unwrap().wait().await.unwrap();
    assert_eq!(outcome.failure.unwrap().class.to_string(), "timeout");
}

#[tokio::test]
async fn a_panic_fails_the_attempt_with_its_message() {
    let text = "[steps.boom]\ntask = \"boom\"";
    let boom = async |number: u32| -> Result<u32, StepError> { panic!("no number like {number}") };
    let builder = Engine::builder().task("boom", boom);
    let engine = builder.workflow_text("boom", text).unwrap().start().await.unwrap();
    let outcome = engine.run("boom", 7).await.unwrap().wait().await.unwrap();
    let failure = outcome.failure.unwrap();
    assert_eq!(failure.class.to_string(), "panic");
    assert!(failure.message.contains("no number like 7"), "{}", failure.message);
}

#[tokio::test]
async fn a_full_queue_refuses_or_waits() {
    for when_full in [WhenFull::Reject, WhenFull::Wait] {
        let gate = Gate::default();
        let builder = Engine::builder().state(gate.clone()).task("gate", pass);
        let builder = builder.workflow_text("g", "[steps.g]\ntask = \"gate\"").unwrap();
        let builder = builder.queue("default", |q| q.workers(1).max_depth(1).when_full(when_full));
        let engine = builder.start().await.unwrap();
        let running = engine.run("g", 1).await.unwrap();
        gate.entered.notified().await;
        let waiting = engine.run("g", 2).await.unwrap();
        let third = engine.run("g", 3);
        if when_full == WhenFull::Reject {
            let refused = third.await.unwrap_err();
            assert!(matches!(refused, Error::QueueFull { .. }), "{refused}");
            let known = engine.runs(&RunFilter::default()).await.unwrap();
            assert_eq!(known.len(), 2, "refused work leaves no trace");
            continue;
        }
        let mut third = std::pin::pin!(IntoFuture::into_future(third));
        let early = futures_now(third.as_mut()).await;
        assert!(early.is_none(), "there is no room yet");
        gate.open.notify_one();
        let third = third.await.unwrap();
        gate.open.notify_one();
        gate.open.notify_one();
        for run in [running, waiting, third] {
            gate.open.notify_one();
            assert_eq!(run.wait().await.unwrap().state, RunState::Succeeded);
        }
    }
}

/// Polls a future once.
async fn futures_now<F: Future>(mut future: std::pin::Pin<&mut F>) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match future.as_mut().poll(context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

#[tokio::test]
async fn eager_runs_in_the_callers_task() {
    let eager = adder().eager().unwrap();
    let outcome = eager.run("chain", 10).await.unwrap();
    assert_eq!((outcome.state, outcome.output.as_str()), (RunState::Succeeded, "13"));
}

#[tokio::test]
async fn two_engines_in_one_process_do_not_meet() {
    let (a, b) = (adder().start().await.unwrap(), adder().start().await.unwrap());
    let (x, y) = (a.run("chain", 1).await.unwrap(), b.run("chain", 2).await.unwrap());
    let unknown = b.attach(x.id()).await.unwrap_err();
    assert!(matches!(unknown, Error::UnknownRun(_)), "{unknown}");
    assert_eq!((x.output::<u64>().await.unwrap(), y.output::<u64>().await.unwrap()), (4, 5));
}

#[tokio::test]
async fn bad_input_is_refused_before_acceptance() {
    let text = "[input]\nname = \"string\"\ncount = { type = \"integer\", min = 1 }\n[steps.a]\ntask = \"add\"\nwith = 1";
    let builder = Engine::builder().task("add", add).workflow_text("strict", text).unwrap();
    let engine = builder.start().await.unwrap();
    let refused = engine.run("strict", json!({ "count": 0, "nam": "x" })).await.unwrap_err();
    let Error::Input { problems, .. } = &refused else { panic!("{refused}") };
    assert_eq!(problems.len(), 3, "{refused}");
    let unknown = engine.run("strickt", json!({})).await.unwrap_err();
    assert!(unknown.to_string().contains("did you mean `strict`"), "{unknown}");
    assert!(engine.runs(&RunFilter::default()).await.unwrap().is_empty());
}
