use std::cell::Cell;
use std::collections::HashMap;
use std::convert::Infallible;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::*;
use crate::definition::{ErrorClass, SecretSource};
use crate::expression::Names;
use crate::payload::{PAYLOAD_BYTES_MAX, Payload};
use crate::plan::{InputFrom, Template, Verb};
use crate::run::{AttemptSource, ToRender};
use crate::task::fixture::{Fixture, text};
use crate::task::{Executor, State, StepContext, StepError, StopReason};

#[derive(Clone)]
struct Prices(u32);

#[derive(Deserialize)]
struct Order {
    id: String,
    pieces: u32,
}

#[derive(Serialize)]
struct Receipt {
    id: String,
    cents: u32,
}

async fn charge(
    State(prices): State<Prices>,
    context: StepContext,
    order: Order,
) -> Result<Receipt, StepError> {
    assert_eq!(context.step(), "work");
    Ok(Receipt { id: order.id, cents: prices.0 * order.pieces })
}

async fn nothing() -> Result<(), Infallible> {
    Ok(())
}

async fn pass(input: Payload) -> Result<Payload, StepError> {
    Ok(input)
}

#[expect(clippy::too_many_arguments, reason = "as many as a handler may have")]
async fn many(
    State(byte): State<u8>,
    State(short): State<u16>,
    State(word): State<u32>,
    State(long): State<u64>,
    context: StepContext,
    State(name): State<&'static str>,
    input: Vec<u8>,
) -> Result<Vec<String>, std::io::Error> {
    let attempt = context.attempt();
    Ok(vec![format!("{byte} {short} {word} {long} {attempt} {name} {}", input.len())])
}

#[tokio::test]
async fn arguments_are_taken_by_type() {
    let mut step = Fixture::task(charge).ready(json!({ "id": "o1", "pieces": 3, "more": true }));
    step.registry.add_state(Prices(5));
    assert_eq!(step.run().await.unwrap(), json!({ "id": "o1", "cents": 15 }));

    let mut step = Fixture::task(many).ready(json!([1, 2]));
    step.registry.add_state(1_u8);
    step.registry.add_state(2_u16);
    step.registry.add_state(3_u32);
    step.registry.add_state(4_u64);
    step.registry.add_state("five");
    assert_eq!(step.run().await.unwrap(), json!(["1 2 3 4 1 five 2"]));
}

#[tokio::test]
async fn functions_and_closures_are_handlers() {
    let said = async |mut step: Fixture| step.run().await.unwrap();
    assert_eq!(said(Fixture::task(nothing).ready(json!("unread"))).await, Value::Null);
    assert_eq!(said(Fixture::task(pass).ready(json!({ "a": [1] }))).await, json!({ "a": [1] }));
    let double = async |n: i64| Ok::<_, StepError>(n * 2);
    assert_eq!(said(Fixture::task(double).ready(json!(21))).await, json!(42));
    let name = String::from("captured");
    let captured = move |State(greeting): State<&'static str>| {
        let name = name.clone();
        async move { Ok::<_, StepError>(format!("{greeting} {name}")) }
    };
    let mut step = Fixture::task(captured);
    step.registry.add_state("hello");
    assert_eq!(said(step).await, json!("hello captured"));
    let optional = async |n: Option<u8>| Ok::<_, StepError>(n.is_none());
    assert_eq!(said(Fixture::task(optional)).await, json!(true));
    let ready = |n: u8| {
        std::future::ready(n.checked_add(1).ok_or_else(|| StepError::permanent("too many")))
    };
    assert_eq!(said(Fixture::task(ready).ready(json!(1))).await, json!(2));
}

#[tokio::test]
async fn what_does_not_fit_is_invalid() {
    let said = async |mut step: Fixture| {
        let failure = step.run().await.unwrap_err();
        assert_eq!(failure.class, ErrorClass::Invalid);
        failure.message
    };
    let mut step = Fixture::task(charge).ready(json!({ "id": "o1" }));
    step.registry.add_state(Prices(5));
    let missing = "the input does not fit: missing field `pieces` at line 1 column 11";
    assert_eq!(&*said(step).await, missing);

    let large = async || Ok::<_, StepError>("x".repeat(PAYLOAD_BYTES_MAX));
    assert!(said(Fixture::task(large)).await.contains("1048578 bytes"));

    let keys = async || Ok::<_, StepError>(HashMap::from([((1, 2), 3)]));
    assert!(said(Fixture::task(keys)).await.contains("cannot be written as JSON"));

    let mut step = Fixture::task(pass).input(json!({}));
    step.input = InputFrom::With(text("${{ input.gone }}"));
    assert!(said(step).await.contains("gone"));
}

#[tokio::test]
async fn an_error_becomes_a_failure() {
    let busy = async || -> Result<(), StepError> {
        Err(StepError::retryable("busy", "not now").after(Duration::from_secs(3)))
    };
    let failure = Fixture::task(busy).run().await.unwrap_err();
    assert_eq!(failure.class, ErrorClass::Named("busy".into()));
    assert_eq!(failure.retry_after, Some(Duration::from_secs(3)));
    let question = async || -> Result<u8, StepError> { Ok("x".parse()?) };
    let failure = Fixture::task(question).run().await.unwrap_err();
    assert_eq!(failure.class, ErrorClass::Named("error".into()));
    assert_eq!(&*failure.message, "invalid digit found in string");
}

#[tokio::test]
async fn a_panic_comes_out_of_a_poll() {
    thread_local!(static STARTED: Cell<bool> = const { Cell::new(false) });
    // The panic is in the function itself, before there is a future.
    let panics = |n: u8| -> std::future::Ready<Result<u8, StepError>> {
        STARTED.set(true);
        panic!("at {n}")
    };
    let work = Fixture::task(panics).ready(json!(4)).start();
    assert!(!STARTED.get());
    let panic = tokio::spawn(work).await.unwrap_err().into_panic();
    assert_eq!(&*crate::task::panicked(panic).message, "at 4");
}

#[tokio::test]
async fn templates_are_rendered_for_the_handler() {
    let told = async |context: StepContext, input: Value| {
        Ok::<_, StepError>(json!([input, context.idempotency_key()]))
    };
    let mut step = Fixture::task(told).input(json!({ "order": { "id": 7 } }));
    let with = json!({ "order": "${{ input.order }}", "note": "no ${{ input.order.id }}" });
    step.input = InputFrom::With(Template::compile(&with).unwrap());
    step.key = Some(text("order-${{ input.order.id }}"));
    let input = json!({ "order": { "id": 7 }, "note": "no 7" });
    assert_eq!(step.run().await.unwrap(), json!([input, "order-7"]));

    let mut step = Fixture::task(told);
    step.key = Some(text("fixed-${{ input }}"));
    let names = Names { input: Payload::of("x").unwrap(), ..Names::default() };
    let input = Some(Payload::of(&[1]).unwrap());
    step.source = AttemptSource::Rendered(Box::new(ToRender { names, input }));
    assert_eq!(step.run().await.unwrap(), json!([[1], "fixed-x"]));
}

#[tokio::test]
async fn a_secret_reaches_the_handler_and_is_told_to_nobody() {
    let echo = async |context: StepContext, input: Value| -> Result<Value, StepError> {
        context.log(format!("got {input}"));
        assert_eq!(input["token"], "hunter2-hunter2");
        assert!(input["fail"] != "badly", "bad {}", input["token"]);
        if input["fail"] == true {
            return Err(StepError::permanent(format!("bad {}", input["token"])));
        }
        Ok(input)
    };
    for fail in [json!("badly"), json!(true), json!(false)] {
        let mut step = Fixture::task(echo).input(json!(null));
        let with = json!({ "token": "${{ secrets.token }}", "fail": fail });
        step.input = InputFrom::With(Template::compile(&with).unwrap());
        std::fs::write(step.folder.path().join("token"), "hunter2-hunter2\n").unwrap();
        step.secrets.push(("token".to_owned(), SecretSource::File("token".to_owned())));
        match step.run().await {
            Ok(output) => assert_eq!(output, json!({ "token": "***", "fail": false })),
            Err(failure) => assert_eq!(&*failure.message, "bad \"***\""),
        }
        assert!(!step.log().contains("hunter2"), "{}", step.log());
    }
}

#[tokio::test]
async fn a_context_tells_of_its_attempt() {
    let tell = async |context: StepContext| {
        context.log("one");
        context.progress(2, 3);
        let work = context.work_folder()?;
        let (run, key) = (context.run().to_string(), context.idempotency_key().to_owned());
        assert_eq!(key, format!("{run}/work/5"));
        assert!(!context.is_cancelled() && context.deadline().is_none());
        assert_eq!(context.cancelled().await, StopReason::TimedOut);
        assert!(context.is_cancelled());
        let numbers = (context.item(), context.attempt(), context.fencing());
        Ok::<_, StepError>((numbers, context.workflow().to_owned(), work.is_dir()))
    };
    let mut step = Fixture::task(tell);
    (step.item, step.attempt) = (Some(5), 3);
    let cancel = step.cancel.clone();
    let (output, ()) = tokio::join!(step.run(), async { cancel.set(StopReason::TimedOut) });
    assert_eq!(output.unwrap(), json!([[5, 3, 7], "fixture", true]));
    assert_eq!(step.log(), "── attempt 3 ──\none\nprogress 2/3\n");
}

#[tokio::test]
async fn an_attempt_that_is_to_stop_is_not_called() {
    let mut step = Fixture::task(async || -> Result<u32, StepError> { panic!("it was called") });
    step.cancel.set(StopReason::Cancelled);
    let failure = step.run().await.unwrap_err();
    assert_eq!(failure.class, ErrorClass::Named("cancelled".into()));
}

#[test]
fn a_missing_state_is_known_before_anything_runs() {
    let mut tasks = Registry::new();
    tasks.add("charge", charge);
    tasks.add("many", many);
    tasks.add("nothing", nothing);
    tasks.add_state(1_u8);
    tasks.add_state(1_u16);
    tasks.add_state("five");
    let missing: Vec<String> = tasks.check().unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(
        missing,
        [
            "task `charge` needs the state `windlass::task::registry::tests::Prices`: give it with `.state(…)`",
            "task `many` needs the state `u32`: give it with `.state(…)`",
            "task `many` needs the state `u64`: give it with `.state(…)`",
        ]
    );
    assert_eq!(tasks.names(), ["charge", "many", "nothing"]);
    assert!(tasks.has("many") && !tasks.has("few"));
}

#[tokio::test]
async fn what_is_not_registered_is_a_clear_failure() {
    let failure = Fixture::task(charge).ready(json!({ "id": "", "pieces": 1 })).run().await;
    let failure = failure.unwrap_err();
    assert_eq!(failure.class, ErrorClass::Permanent);
    assert!(failure.message.starts_with("no state `"), "{}", failure.message);
    let failure = Fixture::of(Verb::Task("gone".into())).run().await.unwrap_err();
    assert_eq!(&*failure.message, "no handler is registered for task `gone`");
    let attempt = Fixture::of(Verb::Body).made();
    assert!(Executor::new(Registry::new()).start(attempt).await.is_err());
}
