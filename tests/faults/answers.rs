//! What cannot be done is an error, and what is shown can be taken at its word.

use std::time::Duration;

use serde_json::{Value, json};
use windlass::{DeadLetterFilter, Engine, EngineBuilder, From, Payload, RunState, StepError};

use crate::support::{letters, within};

const ONE: &str = "[steps.a]\ntask = \"same\"\n";

fn builder() -> EngineBuilder {
    Engine::builder()
        .task("same", async |value: Payload| Ok::<_, StepError>(value))
        .task("fails", async |_: Payload| Err::<u32, _>(StepError::permanent("no")))
}

#[tokio::test]
#[ignore = "A30"]
async fn a_stopped_engine_says_so() {
    let text = "[steps.a]\ntask = \"fails\"\n";
    let engine = builder().workflow_text("w", text).unwrap().start().await.unwrap();
    engine.run("w", 1).await.unwrap().wait().await.unwrap();
    let mut before = engine.events();
    engine.shutdown(Duration::ZERO).await.unwrap();
    let mut after = engine.events();
    within(async { while before.next().await.is_some() {} }).await;
    assert!(within(after.next()).await.is_none(), "a stream of a stopped engine does not end");
    let listed = within(async { engine.dead_letters().list(&DeadLetterFilter::default()).await });
    assert!(listed.await.is_err(), "documented: an error where the engine has stopped");
}

#[tokio::test]
async fn a_retry_of_nothing_is_an_error() {
    let engine = builder().workflow_text("w", ONE).unwrap().start().await.unwrap();
    let run = engine.run("w", 1).await.unwrap();
    run.wait().await.unwrap();
    let again = engine.retry(run.id(), From::Failed).await;
    assert!(again.is_err(), "nothing has failed, nothing is tried again, and the answer is Ok");
    assert!(engine.retry(run.id(), From::Start).await.is_ok());
}

#[tokio::test]
#[ignore = "A30"]
async fn what_is_given_twice_or_out_of_range_is_an_error() {
    let twice = builder()
        .workflow_text("w", ONE)
        .unwrap()
        .workflow_text("w", "[steps.b]\ntask = \"same\"\n");
    let started = match twice {
        Ok(builder) => builder.start().await.is_ok(),
        Err(_) => false,
    };
    assert!(!started, "two workflows of one name: the last one wins in silence");
    let task = builder().task("same", async |_: Payload| Ok::<_, StepError>(1));
    assert!(task.start().await.is_err(), "two tasks of one name");
    assert!(builder().state(1_u8).state(2_u8).start().await.is_err(), "two states of one type");
    for workers in [0, usize::MAX] {
        let queue = builder().queue("default", |queue| queue.workers(workers));
        assert!(queue.start().await.is_err(), "{workers} workers");
    }
    assert!(builder().queue("default", |queue| queue.max_depth(0)).start().await.is_err());
    assert!(builder().queue("default", |queue| queue.priority(101)).start().await.is_err());
    assert!(builder().shards(0).start().await.is_err());
    let engine = builder().workflow_text("w", ONE).unwrap().start().await.unwrap();
    assert!(engine.run("w", 1).idempotency_key("").await.is_err(), "an empty key");
    assert!(engine.run("w", 1).priority(101).await.is_err());
}

#[tokio::test]
#[ignore = "A30"]
async fn all_problems_of_a_builder_are_told() {
    let two = builder().queue("a b", |queue| queue).queue("c d", |queue| queue).start().await;
    let text = two.map(drop).unwrap_err().to_string();
    assert!(text.contains("a b") && text.contains("c d"), "only one is told: {text}");
}

#[tokio::test]
async fn dead_letters_of_bodies_name_their_fan_out() {
    let body = |id: &str| {
        format!("[steps.{id}]\nfor_each = \"[1, 2]\"\n[steps.{id}.steps.check]\ntask = \"fails\"\n")
    };
    let text = body("a") + &body("b");
    let engine = builder().workflow_text("w", &text).unwrap().start().await.unwrap();
    let run = engine.run("w", 1).await.unwrap();
    assert_eq!(within(run.wait()).await.unwrap().state, RunState::Failed);
    let letters = letters(&engine, run.id()).await;
    let mut shown: Vec<Value> =
        letters.iter().map(|letter| serde_json::to_value(letter).unwrap()).collect();
    for letter in &mut shown {
        let fields = letter.as_object_mut().unwrap();
        // What differs in any case is not what tells them apart for a person.
        fields.retain(|name, _| {
            !matches!(name.as_str(), "id" | "at" | "attempts" | "unit" | "cause")
        });
    }
    let texts: std::collections::BTreeSet<String> = shown.iter().map(Value::to_string).collect();
    assert_eq!(texts.len(), 4, "letters of `a` and `b` look the same: {texts:?}");
    let causes: std::collections::BTreeSet<String> =
        letters.iter().map(|letter| letter.cause.to_string()).collect();
    assert_eq!(causes.len(), 2, "`a.check` and `b.check` are one cause: {causes:?}");
}

/// Integers that a double cannot hold, anywhere in a value.
fn large(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Number(number) => {
            if number.as_u64().is_some_and(|number| number > 1 << 53) {
                found.push(format!("{path} = {number}"));
            }
        }
        Value::Array(values) => values.iter().for_each(|value| large(value, path, found)),
        Value::Object(fields) => {
            for (name, value) in fields {
                large(value, &format!("{path}.{name}"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

#[tokio::test]
#[ignore = "A23"]
async fn ids_are_text_and_times_have_one_spelling_in_json() {
    let text = "[steps.a]\ntask = \"fails\"\n";
    let engine = builder().workflow_text("w", text).unwrap().start().await.unwrap();
    let run = engine.run("w", json!(1)).await.unwrap();
    within(run.wait()).await.unwrap();
    let letter = letters(&engine, run.id()).await.remove(0);
    let history = engine.history(run.id()).await.unwrap();
    let summary = engine.summary(run.id()).await.unwrap();
    let mut found = Vec::new();
    let shown = json!({ "letter": letter, "history": history, "summary": summary });
    large(&shown, "", &mut found);
    assert!(found.is_empty(), "beyond 2^53, and not as text: {found:?}");
    assert_eq!(shown["letter"]["id"], json!(letter.id.to_string()));
    assert_eq!(shown["summary"]["accepted"], json!(summary.accepted.to_string()));
    assert_eq!(shown["letter"]["at"], json!(letter.at.to_string()));
    assert_eq!(shown["letter"]["failure"]["class"], json!("permanent"));
    assert_eq!(shown["history"]["steps"][0]["error"]["class"], json!("permanent"));
}
