//! Idempotency keys belong to a workflow, compare inputs as values and outlive their run; and what
//! may be said at a start has limits with names.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::Notify;
use windlass::{Engine, EngineBuilder, Error, Payload, RunState, State, StepError};

use crate::support::{Place, within};

const HOUR: Duration = Duration::from_secs(3600);

fn builder() -> EngineBuilder {
    Engine::builder()
        .task("same", async |value: Payload| Ok::<_, StepError>(value))
        .workflow_text("bill", "[steps.a]\ntask = \"same\"\n")
        .unwrap()
        .workflow_text("ship", "[steps.a]\ntask = \"same\"\n")
        .unwrap()
}

#[tokio::test]
async fn a_key_belongs_to_a_workflow() {
    let place = Place::new();
    for durable in [false, true] {
        let builder = if durable { builder().data_dir(place.data()) } else { builder() };
        let engine = builder.start().await.unwrap();
        for key in ["o-1", "a/b", "bill\u{0}o-1", "\u{1f600}"] {
            let bill = engine.run("bill", 7).idempotency_key(key).await.unwrap();
            let ship = engine.run("ship", 7).idempotency_key(key).await.unwrap();
            assert_ne!(bill.id(), ship.id(), "{key:?}: `ship` was never started");
            assert_eq!(engine.summary(ship.id()).await.unwrap().workflow.as_str(), "ship");
            let other = engine.run("ship", 8).idempotency_key(key).await.map(|run| run.id());
            assert!(matches!(other, Err(Error::KeyTaken { run, .. }) if run == ship.id()));
            let again = engine.run("bill", 7).idempotency_key(key).await.unwrap();
            assert_eq!(again.id(), bill.id());
        }
        engine.shutdown(Duration::ZERO).await.unwrap();
    }
}

/// Pairs of texts that are one value, or two.
const SPELLINGS: &[(&str, &str, bool)] = &[
    (r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#, true),
    (r#"{"o":{"x":[{"p":1,"q":2}],"y":null}}"#, r#"{"o":{"y":null,"x":[{"q":2,"p":1}]}}"#, true),
    (r#"{ "a" : [ 1, 2 ] }"#, r#"{"a":[1,2]}"#, true),
    (r#"{"p":1.50}"#, r#"{"p":1.5}"#, true),
    (r#"{"p":1E2}"#, r#"{"p":100.0}"#, true),
    (r#"{"s":"\u0041\/\ud83d\ude00"}"#, "{\"s\":\"A/\u{1f600}\"}", true),
    (r#"{"a":[1,2]}"#, r#"{"a":[2,1]}"#, false),
    (r#"{"a":1}"#, r#"{"a":"1"}"#, false),
    (r#"{"a":9007199254740992}"#, r#"{"a":9007199254740993}"#, false),
    (r#"{"a":null}"#, r#"{}"#, false),
    (r#"{"ab":1}"#, r#"{"a":"b1"}"#, false),
    (r#"["a","b"]"#, r#"["a,b"]"#, false),
];

#[tokio::test]
async fn a_key_compares_inputs_as_values() {
    let place = Place::new();
    let engine = builder().data_dir(place.data()).start().await.unwrap();
    let mut wrong = Vec::new();
    let mut firsts = Vec::new();
    for (number, (first, second, same)) in SPELLINGS.iter().enumerate() {
        let input = |text: &&str| Payload::from_json((*text).to_owned()).unwrap();
        let key = number.to_string();
        let run = engine.run("bill", input(first)).idempotency_key(&key).await.unwrap();
        let again = engine.run("bill", input(second)).idempotency_key(&key).await;
        if again.as_ref().is_ok_and(|again| again.id() == run.id()) != *same {
            wrong.push(format!("{first} and {second}: {:?}", again.map(|run| run.id())));
        }
        run.wait().await.unwrap();
        firsts.push((key, run.id()));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    engine.shutdown(Duration::ZERO).await.unwrap();
    // The same from the disk.
    let engine = builder().data_dir(place.data()).start().await.unwrap();
    for ((key, id), (_, second, same)) in firsts.iter().zip(SPELLINGS) {
        let input = Payload::from_json((*second).to_owned()).unwrap();
        let again = engine.run("bill", input).idempotency_key(key).await;
        assert_eq!(again.is_ok_and(|again| again.id() == *id), *same, "{second}");
    }
    engine.shutdown(Duration::ZERO).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_key_lives_until_its_time_after_the_end_of_the_run() {
    let text = "[steps.a]\nsleep = \"30h\"\n";
    let engine = builder().workflow_text("long", text).unwrap().start().await.unwrap();
    let run = engine.run("long", 1).idempotency_key("k").await.unwrap();
    let short = engine.run("long", 1).idempotency_key("s").key_ttl(HOUR).await.unwrap();
    let ask = async |key: &str, ttl: Duration| {
        let start = engine.run("long", 1).idempotency_key(key).key_ttl(ttl);
        start.await.unwrap().id()
    };
    for hours in [2, 23] {
        tokio::time::sleep(HOUR * hours).await;
        assert_eq!(ask("k", 24 * HOUR).await, run.id(), "under way, after {hours} more hours");
        assert_eq!(ask("s", HOUR).await, short.id(), "under way, after {hours} more hours");
    }
    assert_eq!(run.wait().await.unwrap().state, RunState::Succeeded);
    tokio::time::sleep(HOUR / 2).await;
    assert_eq!(ask("s", HOUR).await, short.id(), "half an hour after the end");
    tokio::time::sleep(23 * HOUR).await;
    assert_eq!(ask("k", 24 * HOUR).await, run.id(), "23.5 hours after the end");
    assert_ne!(ask("s", HOUR).await, short.id(), "23.5 hours after the end");
    tokio::time::sleep(HOUR).await;
    assert_ne!(ask("k", 24 * HOUR).await, run.id(), "24.5 hours after the end");
}

#[tokio::test]
async fn a_key_of_a_run_that_goes_on_lives_across_restarts() {
    let place = Place::new();
    let start = async |gate: &Arc<Notify>| {
        let passes = async |State(gate): State<Arc<Notify>>, value: Payload| {
            gate.notified().await;
            Ok::<_, StepError>(value)
        };
        let builder = builder().state(Arc::clone(gate)).task("gate", passes);
        let builder = builder.workflow_text("gated", "[steps.a]\ntask = \"gate\"\n").unwrap();
        builder.data_dir(place.data()).start().await.unwrap()
    };
    let gate = Arc::new(Notify::new());
    let ttl = Duration::from_millis(1);
    let engine = start(&gate).await;
    let run = engine.run("gated", 1).idempotency_key("k").key_ttl(ttl).await.unwrap().id();
    for _ in 0..3 {
        // Each restart takes longer than the key's time.
        engine.shutdown(Duration::ZERO).await.unwrap();
        let engine = start(&gate).await;
        let again = engine.run("gated", 1).idempotency_key("k").key_ttl(ttl).await.unwrap();
        assert_eq!(again.id(), run, "the run has not ended");
        engine.shutdown(Duration::ZERO).await.unwrap();
    }
}

/// Text beyond any sensible limit.
fn large() -> String {
    "x".repeat(2_000_000)
}

#[tokio::test]
async fn what_is_said_at_a_start_has_limits_with_names() {
    let engine = builder().start().await.unwrap();
    let tagged = |count: usize| {
        let start = engine.run("bill", 1);
        (0..count).fold(start, |start, number| start.tag(&format!("t{number}"), "v"))
    };
    let text = large();
    let rows = [
        ("key", engine.run("bill", 1).idempotency_key(text.as_str()).await),
        ("key", engine.run("bill", 1).idempotency_key("\u{1f600}".repeat(100_000)).await),
        ("tag", tagged(100_000).await),
        ("tag", engine.run("bill", 1).tag(&text, "v").await),
        ("tag", engine.run("bill", 1).tag("t", &text).await),
    ];
    for (what, refused) in rows {
        let Err(refused) = refused else { panic!("a {what} of that size is accepted") };
        let message = refused.to_string();
        assert!(message.contains(what), "the message names no {what}: {message}");
        assert!(message.bytes().any(|byte| byte.is_ascii_digit()), "no number: {message}");
        assert!(message.len() < 1_000, "the message repeats what is too long");
    }
    let fits =
        tagged(10).idempotency_key("k".repeat(100)).origin(windlass::Origin::Api).await.unwrap();
    assert_eq!(within(fits.wait()).await.unwrap().state, RunState::Succeeded);
}

#[tokio::test]
async fn names_that_are_asked_for_are_not_repeated_at_length() {
    let engine = builder().start().await.unwrap();
    let refused = engine.run(&large(), 1).await.map(|run| run.id()).unwrap_err();
    assert!(refused.to_string().len() < 1_000, "{} bytes", refused.to_string().len());
    for wrong in [large(), String::new()] {
        let named = builder().queue(&wrong, |queue| queue).start().await.map(drop);
        let message = named.unwrap_err().to_string();
        assert!(message.len() < 1_000, "{} bytes", message.len());
        let text = format!("name = \"{wrong}\"\n[steps.a]\ntask = \"same\"\n");
        assert!(builder().workflow_text("w", &text).is_err());
    }
}

#[tokio::test]
async fn the_reason_of_a_cancel_has_a_limit_with_a_name() {
    let text = "[steps.a]\nsleep = \"1h\"\n";
    let engine = builder().workflow_text("long", text).unwrap().start().await.unwrap();
    let run = engine.run("long", json!(1)).await.unwrap();
    let refused = run.cancel(&large()).await.map_err(|error| error.to_string());
    let message = refused.expect_err("a reason of 2 MB is accepted");
    assert!(message.contains("reason") && message.len() < 1_000, "{message}");
    run.cancel("enough").await.unwrap();
}
