//! A run that breaks the rules' code takes no other run along.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::Notify;
use windlass::engine::Victim;
use windlass::{
    Engine, EngineBuilder, Error, From, Payload, RunFilter, RunId, RunState, State, StepError,
    StepState,
};

use crate::support::{Place, runs, within};

/// Conditions that panic somewhere below in one version of a library or another, with an input that
/// makes them do so.
const HARD: &[(&str, &str)] = &[
    ("input.x is divisibleby(input.n)", r#"{"x":7,"n":0}"#),
    ("input.x is divisibleby(input.n)", r#"{"x":-9223372036854775808,"n":-1}"#),
    ("(input.x % input.n) > 0", r#"{"x":7,"n":0}"#),
    ("(input.x % input.n) > 0", r#"{"x":-9223372036854775808,"n":-1}"#),
    ("(input.x // input.n) > 0", r#"{"x":-9223372036854775808,"n":-1}"#),
    ("(input.x // input.n) > 0", r#"{"x":7,"n":0}"#),
    ("(input.x / input.n) > 0", r#"{"x":7,"n":0}"#),
    ("(-input.x) > 0", r#"{"x":-9223372036854775808}"#),
    ("(input.x | abs) > 0", r#"{"x":-9223372036854775808}"#),
    ("(input.x + input.x) > 0", r#"{"x":9223372036854775807}"#),
    ("(input.x * input.x) > 0", r#"{"x":9223372036854775807}"#),
    ("(input.x ** input.n) > 0", r#"{"x":10,"n":-400}"#),
    ("(input.x ** input.n) > 0", r#"{"x":10,"n":9223372036854775807}"#),
    ("(input.x | round(input.n)) > 0", r#"{"x":1.5,"n":-400}"#),
    ("(input.x | round(input.n)) > 0", r#"{"x":1.5,"n":4000}"#),
    ("([1, 2, 3] | batch(input.n) | list | length) > 0", r#"{"n":0}"#),
    ("([1, 2, 3] | slice(input.n) | list | length) > 0", r#"{"n":0}"#),
    ("([1, 2, 3] | slice(input.n) | list | length) > 0", r#"{"n":-1}"#),
    ("([1, 2, 3][input.n:] | length) > 0", r#"{"n":-9223372036854775808}"#),
    ("([1, 2, 3][::input.n] | length) > 0", r#"{"n":0}"#),
    ("('abc'[input.n:] | length) > 0", r#"{"n":9223372036854775807}"#),
    ("(input.s[1:] | length) > 0", "{\"s\":\"\u{e9}\u{1f600}\"}"),
    ("(input.s | truncate(input.n) | length) > 0", "{\"s\":\"\u{e9}\u{1f600}xyz\",\"n\":1}"),
    ("(input.s | indent(input.n) | length) > 0", r#"{"s":"a\nb","n":9223372036854775807}"#),
    ("(input.s | center(input.n) | length) > 0", r#"{"s":"a","n":9223372036854775807}"#),
    ("(range(input.n) | length) > 0", r#"{"n":9223372036854775807}"#),
    ("(range(0, 10, input.n) | length) > 0", r#"{"n":0}"#),
    ("(input.d | date_add(input.s) | length) > 0", r#"{"d":"9999-12-31","s":"9999999999d"}"#),
    ("(input.d | format_date(input.s) | length) > 0", r#"{"d":"2026-01-31","s":"%"}"#),
    ("(input.l | sort | length) > 0", r#"{"l":[1,"a",null,[1],{"a":1}]}"#),
    ("(input.l | unique | list | length) > 0", r#"{"l":[1,"a",null,[1],{"a":1}]}"#),
    ("(input.l | sum) > 0", r#"{"l":[9223372036854775807,9223372036854775807]}"#),
];

/// The places where a run's rules evaluate an expression.
const PLACES: [&str; 4] = [
    "[steps.a]\ntask = \"same\"\nwhen = '''EXPRESSION'''\n",
    "[steps.a]\ntask = \"same\"\nfor_each = '''[EXPRESSION]'''\n",
    "[steps.a]\ntask = \"same\"\nwith = '''${{ EXPRESSION }}'''\n",
    "[steps.a]\ntask = \"same\"\n[output]\no = '''${{ EXPRESSION }}'''\n",
];

fn builder() -> EngineBuilder {
    Engine::builder()
        .task("same", async |value: Payload| Ok::<_, StepError>(value))
        .workflow_text("well", "[steps.a]\ntask = \"same\"\n")
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_evaluation_that_panics_is_invalid() {
    let mut broken = Vec::new();
    for (expression, input) in HARD {
        for place in PLACES {
            let text = place.replace("EXPRESSION", expression);
            let Ok(builder) = builder().workflow_text("w", &text) else { continue };
            let engine = builder.start().await.unwrap();
            let run = engine.run("w", Payload::from_json(*input).unwrap()).await;
            let ended = match &run {
                Ok(run) => within(run.wait()).await.map(|outcome| outcome.failure),
                Err(_) => Ok(None),
            };
            let well = engine.run("well", 1).await;
            let told = match (ended, well) {
                (Err(error), _) | (_, Err(error)) => error.to_string(),
                (Ok(Some(failure)), _) if failure.class.to_string() != "invalid" => {
                    format!("{}: {}", failure.class, failure.message)
                }
                (Ok(_), Ok(_)) => continue,
            };
            broken.push(format!("{expression} with {input} in {place:?}: {told}"));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// An engine on a data folder with a run that waits at a gate and one that breaks the rules.
fn gated(place: &Place, gate: &Arc<Notify>, breaks: &str) -> EngineBuilder {
    let passes = async |State(gate): State<Arc<Notify>>, value: Payload| {
        gate.notified().await;
        Ok::<_, StepError>(value)
    };
    builder()
        .state(Arc::clone(gate))
        .task("gate", passes)
        .workflow_text("gated", "[steps.a]\ntask = \"gate\"\n")
        .unwrap()
        .workflow_text("w", breaks)
        .unwrap()
        .data_dir(place.data())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_breaks_the_rules_leaves_the_others_alone() {
    let when = "[steps.a]\nsleep = \"1ms\"\n[steps.b]\ntask = \"same\"\ndepends_on = [\"a\"]\n\
                when = \"input.x is divisibleby(input.n)\"\n";
    let each = "[steps.a]\nsleep = \"1ms\"\n[steps.b]\ntask = \"same\"\ndepends_on = [\"a\"]\n\
                for_each = \"[input.v, input.v]\"\n";
    let rows = [(when, r#"{"x":7,"n":0}"#), (each, r#"{"v":1e999}"#), (each, r#"{"v":"\ud800"}"#)];
    for (breaks, input) in rows {
        let (place, gate) = (Place::new(), Arc::new(Notify::new()));
        let engine = gated(&place, &gate, breaks).start().await.unwrap();
        let innocent = engine.run("gated", 1).await.unwrap();
        let bad = match Payload::from_json(input) {
            Ok(input) => engine.run("w", input).await.ok(),
            Err(_) => None,
        };
        if let Some(bad) = &bad {
            within(bad.wait()).await.unwrap_or_else(|error| panic!("{input}: {error}"));
        }
        let well = within(engine.run("well", 1).await.unwrap().wait()).await.unwrap();
        assert_eq!(well.state, RunState::Succeeded);
        engine.shutdown(Duration::ZERO).await.unwrap();

        let again = gated(&place, &gate, breaks).start().await.unwrap();
        gate.notify_one();
        let innocent = again.attach(innocent.id()).await.unwrap();
        assert_eq!(within(innocent.wait()).await.unwrap().state, RunState::Succeeded);
        again.shutdown(Duration::ZERO).await.unwrap();
    }
}

/// What an engine shows of a run that it cannot go on with.
async fn is_set_aside(engine: &Engine, run: RunId) {
    let summary = engine.summary(run).await.unwrap();
    assert_eq!(summary.state.as_str(), "damaged");
    let why = summary.failure.unwrap_or_default();
    assert!(why.contains("a test asked for it"), "it does not say why: {why:?}");
    let listed = runs(engine).await;
    assert!(listed.iter().any(|listed| listed.id == run), "it is in no list");
    let filter = RunFilter { state: Some(summary.state), ..RunFilter::default() };
    let damaged: Vec<_> = engine.runs(&filter).await.unwrap().iter().map(|run| run.id).collect();
    assert_eq!(damaged, [run]);
    assert!(engine.cancel(run, "enough").await.is_err());
    assert!(engine.retry(run, From::Failed).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_whose_rules_panic_is_set_aside_and_says_so() {
    let place = Place::new();
    let gate = Arc::new(Notify::new());
    let text = "[steps.a]\nsleep = \"1h\"\n";
    let engine = gated(&place, &gate, text).start().await.unwrap();
    let innocent = engine.run("gated", 1).await.unwrap();
    let bad = engine.run("w", 1).await.unwrap();
    assert!(engine.kill(Victim::Run(bad.id())).await);
    let ended = within(bad.wait()).await.unwrap();
    assert_eq!(ended.state.as_str(), "damaged");
    is_set_aside(&engine, bad.id()).await;
    let well = within(engine.run("well", 1).await.unwrap().wait()).await.unwrap();
    assert_eq!(well.state, RunState::Succeeded);
    engine.shutdown(Duration::ZERO).await.unwrap();

    let again = gated(&place, &gate, text).start().await.unwrap();
    is_set_aside(&again, bad.id()).await;
    gate.notify_one();
    let innocent = again.attach(innocent.id()).await.unwrap();
    assert_eq!(within(innocent.wait()).await.unwrap().state, RunState::Succeeded);
    again.shutdown(Duration::ZERO).await.unwrap();
}

/// A list of this many items in front of a body of this many steps.
fn bodies(items: usize, steps: usize) -> String {
    use std::fmt::Write as _;
    let mut text = String::from(
        "[steps.list]\ntask = \"list\"\nwith = ITEMS\n[steps.each]\n\
         for_each = \"steps.list.output\"\nmax_parallel = 1\n",
    )
    .replace("ITEMS", &items.to_string());
    for step in 0..steps {
        write!(text, "[steps.each.steps.s{step}]\ntask = \"hang\"\n").unwrap();
    }
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_with_too_many_units_is_refused_by_name() {
    for (items, steps) in [(100_000, 11), (50_000, 21)] {
        let entered = Arc::new(Notify::new());
        let hang = async |State(entered): State<Arc<Notify>>| {
            entered.notify_one();
            std::future::pending::<Result<u32, StepError>>().await
        };
        let list = async |count: usize| Ok::<_, StepError>(vec![0; count]);
        let builder = Engine::builder().state(Arc::clone(&entered)).task("hang", hang);
        let builder = builder.task("list", list).workflow_text("w", &bodies(items, steps)).unwrap();
        let engine = builder.start().await.unwrap();
        let run = engine.run("w", json!(null)).await.unwrap();
        let ended = tokio::select! {
            ended = within(run.wait()) => ended.unwrap(),
            () = entered.notified() => panic!("{items} items of {steps} steps have begun"),
        };
        let message = ended.failure.unwrap().message;
        assert!(message.contains("1,000,000") || message.contains("1000000"), "{message}");
        let each = &engine.history(run.id()).await.unwrap().steps[1];
        assert_eq!(each.state, StepState::Failed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_that_are_too_large_together_are_refused_by_name() {
    let text = "[steps.list]\ntask = \"list\"\n[steps.each]\nfor_each = \"steps.list.output\"\n\
                task = \"large\"\n[steps.sum]\ntask = \"sum\"\nwith = \"${{ steps.each.output }}\"\n";
    for (bytes, fits) in [(900_000, true), (1_000_000, false)] {
        let engine = Engine::builder()
            .task("list", async || Ok::<_, StepError>(vec![0; 17]))
            .task("large", move || async move { Ok::<_, StepError>("x".repeat(bytes)) })
            .task("sum", async |all: Vec<String>| Ok::<_, StepError>(all.len()))
            .workflow_text("w", text)
            .unwrap()
            .start()
            .await
            .unwrap();
        let run = engine.run("w", json!(null)).await.unwrap();
        let ended = within(run.wait()).await.unwrap();
        assert_eq!(ended.state == RunState::Succeeded, fits, "17 results of {bytes} bytes");
        if !fits {
            let failure = ended.failure.unwrap();
            assert_eq!(failure.class.to_string(), "invalid");
            let message = failure.message;
            assert!(message.contains("16 MiB") || message.contains("16777216"), "{message}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_over_one_mebibyte_is_refused_by_name_wherever_it_comes_from() {
    let large = "x".repeat(1 << 20);
    let engine = builder()
        .task("large", async || Ok::<_, StepError>("x".repeat(1 << 20)))
        .workflow_text("handler", "[steps.a]\ntask = \"large\"\n")
        .unwrap()
        .workflow_text(
            "command",
            "[steps.a]\nrun = \"head -c 1100000 /dev/zero | tr '\\\\0' x\"\n\
                                   [steps.b]\ntask = \"same\"\nwith = \"${{ steps.a.output }}\"\n",
        )
        .unwrap()
        .start()
        .await
        .unwrap();
    for workflow in ["handler", "command"] {
        let run = engine.run(workflow, json!(null)).await.unwrap();
        let failure = within(run.wait()).await.unwrap().failure.unwrap();
        assert_eq!(failure.class.to_string(), "invalid", "{workflow}: {}", failure.message);
        let message = &failure.message;
        assert!(message.contains("1 MiB") || message.contains("1048576"), "{workflow}: {message}");
    }
    let refused = engine.run("well", large).await.map(|run| run.id());
    assert!(matches!(refused, Err(Error::Json { .. })), "{refused:?}");
}
