//! What a join counts, what a missing output needs, and what a replayed item reopens.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use tokio::sync::{Notify, Semaphore};
use windlass::{Engine, EngineBuilder, Payload, RunHistory, RunState, StepError, StepState};

use crate::support::{letters, within};

fn builder() -> EngineBuilder {
    Engine::builder()
        .task("same", async |value: Payload| Ok::<_, StepError>(value))
        .task("fails", async |_: Payload| Err::<u32, _>(StepError::permanent("no")))
}

/// Runs a workflow to its end.
async fn play(text: &str, input: Value) -> RunHistory {
    let engine = builder().workflow_text("w", text).unwrap().start().await.unwrap();
    let run = engine.run("w", input).await.unwrap();
    within(run.wait()).await.unwrap();
    engine.history(run.id()).await.unwrap()
}

/// `state output` of a step.
fn told(history: &RunHistory, id: &str) -> String {
    let step = history.steps.iter().find(|step| step.id.as_str() == id).unwrap();
    let output = step.output.as_ref().map(|output| format!(" {output}"));
    format!("{}{}", step.state.as_str(), output.unwrap_or_default())
}

/// A race of `a` and `b` that reads an ancestor besides, in each way of reading.
const READS: [&str; 5] = [
    "with.read = \"${{ steps.base.output }}\"",
    "with.read = \"${{ steps.base.status }}\"",
    "when = \"steps.base.output == 'cfg'\"",
    "for_each = \"[steps.base.output]\"",
    "idempotency_key = \"${{ steps.base.output }}-${{ run.id }}\"",
];

#[tokio::test]
async fn a_step_that_is_only_read_does_not_win_a_race() {
    for (join, wins) in [("\"any\"", 1), ("1", 1), ("2", 2)] {
        for read in READS {
            let gate = Arc::new(Semaphore::new(0));
            let passes = {
                let gate = Arc::clone(&gate);
                move |value: Payload| {
                    let gate = Arc::clone(&gate);
                    async move {
                        gate.acquire().await.unwrap().forget();
                        Ok::<_, StepError>(value)
                    }
                }
            };
            let step = |id: &str| {
                format!("[steps.{id}]\ntask = \"gate\"\nwith = \"{id}\"\ndepends_on = [\"base\"]\n")
            };
            let text = format!(
                "[steps.base]\ntask = \"same\"\nwith = \"cfg\"\n{}{}{}[steps.pick]\ntask = \"same\"\n\
                 depends_on = [\"a\", \"b\", \"c\"]\njoin = {join}\n{read}\n",
                step("a"),
                step("b"),
                step("c"),
            );
            let builder = builder().task("gate", passes).workflow_text("w", &text).unwrap();
            let engine = builder.start().await.unwrap();
            let run = engine.run("w", json!(null)).await.unwrap();
            gate.add_permits(wins);
            within(run.wait()).await.unwrap();
            let history = engine.history(run.id()).await.unwrap();
            let rivals = ["a", "b", "c"].map(|id| told(&history, id));
            let won = rivals.iter().filter(|rival| rival.starts_with("succeeded")).count();
            assert_eq!(won, wins, "join = {join}, {read}: {rivals:?}");
            let lost = rivals.iter().filter(|rival| *rival == "cancelled").count();
            assert_eq!(lost, 3 - wins, "join = {join}, {read}: {rivals:?}");
            assert!(told(&history, "pick").starts_with("succeeded"), "{}", told(&history, "pick"));
        }
    }
}

#[tokio::test]
async fn a_step_that_is_only_read_is_waited_for_and_not_cancelled() {
    let (gate, read) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
    let (opens, reads) = (Arc::clone(&gate), Arc::clone(&read));
    let slow = move |value: Payload| {
        let (gate, read) = (Arc::clone(&opens), Arc::clone(&reads));
        async move {
            gate.notified().await;
            read.store(true, Ordering::SeqCst);
            Ok::<_, StepError>(value)
        }
    };
    let text = "[steps.config]\ntask = \"slow\"\nwith = \"cfg\"\n[steps.a]\ntask = \"same\"\nwith = 1\n\
                [steps.b]\ntask = \"fails\"\nallow_failure = true\n[steps.pick]\ntask = \"same\"\n\
                depends_on = [\"a\", \"b\"]\njoin = \"any\"\nwith = \"${{ steps.config.output }}\"\n";
    let builder = builder().task("slow", slow).workflow_text("w", text).unwrap();
    let engine = builder.start().await.unwrap();
    let run = engine.run("w", json!(null)).await.unwrap();
    gate.notify_one();
    assert_eq!(within(run.wait()).await.unwrap().state, RunState::Succeeded);
    let history = engine.history(run.id()).await.unwrap();
    assert_eq!(told(&history, "pick"), "succeeded \"cfg\"");
    assert!(read.load(Ordering::SeqCst));
}

/// Two exclusive branches `quick` and `full`, joined by one expression.
const JOINED: [&str; 8] = [
    "${{ steps.quick.output if input.fast else steps.full.output }}",
    "${{ steps.full.output if not input.fast else steps.quick.output }}",
    "${{ steps.quick.output | default(steps.full.output) }}",
    "${{ (steps.quick.output | default(steps.full.output)) }}",
    "${{ steps.quick.output if steps.quick.output is defined else steps.full.output }}",
    "${{ (input.fast and steps.quick.output) or steps.full.output }}",
    "${{ [steps.quick.output if input.fast else steps.full.output][0] }}",
    "${{ {'x': steps.quick.output if input.fast else steps.full.output}.x }}",
];

#[tokio::test]
async fn only_what_an_evaluation_reaches_is_needed() {
    let mut wrong = Vec::new();
    for joined in JOINED {
        for fast in [true, false] {
            let text = format!(
                "[steps.quick]\ntask = \"same\"\nwith = \"quick\"\nwhen = \"input.fast\"\n\
                 [steps.full]\ntask = \"same\"\nwith = \"full\"\nwhen = \"not input.fast\"\n\
                 [steps.pick]\ntask = \"same\"\nwith = \"{joined}\"\n\
                 [steps.last]\ntask = \"same\"\n depends_on = [\"pick\"]\n"
            );
            let history = play(&text, json!({ "fast": fast })).await;
            let expected = format!("succeeded \"{}\"", if fast { "quick" } else { "full" });
            for id in ["pick", "last"] {
                if told(&history, id) != expected {
                    wrong.push(format!("{joined}, fast = {fast}: {id} {}", told(&history, id)));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn an_output_that_is_needed_and_missing_skips_or_blocks() {
    let rows = [
        ("when = \"false\"", "skipped", "skipped"),
        ("task = \"fails\"\nallow_failure = true", "failed", "skipped"),
        ("task = \"fails\"", "failed", "blocked"),
    ];
    for (how, source, reader) in rows {
        let verb = if how.contains("task") { "" } else { "task = \"same\"\n" };
        for join in ["", "join = \"settled\"\n"] {
            let text = format!(
                "[steps.x]\n{verb}{how}\n[steps.needs]\ntask = \"same\"\n{join}\
                 with = \"${{{{ steps.x.output if input.need else 'none' }}}}\"\n\
                 [steps.other]\ntask = \"same\"\nwith = 1\n"
            );
            let needed = play(&text, json!({ "need": true })).await;
            assert_eq!(told(&needed, "x"), source);
            assert_eq!(told(&needed, "needs"), reader, "{how} {join}");
            let step = needed.steps.iter().find(|step| step.id.as_str() == "needs").unwrap();
            let reason = step.reason.as_deref().unwrap_or_default();
            assert!(reason.contains("`x`"), "the reason does not name the step: {reason:?}");
        }
        // Where it is only read, and the evaluation does not reach it, the step runs.
        let text = format!(
            "[steps.x]\n{verb}{how}\n[steps.w]\ntask = \"same\"\nwith = 1\n[steps.needs]\n\
             task = \"same\"\ndepends_on = [\"w\"]\n\
             with = \"${{{{ steps.x.output if input.need else 'none' }}}}\"\n"
        );
        let free = play(&text, json!({ "need": false })).await;
        assert_eq!(told(&free, "needs"), "succeeded \"none\"", "{how}");
    }
}

#[tokio::test]
async fn an_item_that_needs_a_missing_output_is_skipped_alone() {
    let text = "[steps.x]\ntask = \"same\"\nwhen = \"false\"\n[steps.each]\ntask = \"same\"\n\
                for_each = \"[1, 2, 3]\"\nwith = \"${{ steps.x.output if item == 2 else item }}\"\n";
    let history = play(text, json!(null)).await;
    assert_eq!(told(&history, "each"), "succeeded [1,null,3]");
}

/// A fan-out whose second item fails until it is mended, and what reads its list.
async fn replayed(readers: &str, mended: &str) {
    let broken = Arc::new(AtomicBool::new(true));
    let breaks = Arc::clone(&broken);
    let work = move |item: u32| {
        let fails = item == 2 && breaks.load(Ordering::SeqCst);
        async move { if fails { Err(StepError::permanent("no")) } else { Ok(item * 10) } }
    };
    let text = format!(
        "[steps.each]\ntask = \"work\"\nfor_each = \"[1, 2, 3]\"\ntolerate = 1\n{readers}\
         [steps.apart]\ntask = \"count\"\nwith = 1\n"
    );
    let calls = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let counter = Arc::clone(&calls);
    let count = move |one: u32| {
        counter.fetch_add(1, Ordering::SeqCst);
        async move { Ok::<_, StepError>(one) }
    };
    let builder = builder().task("work", work).task("count", count);
    let engine = builder.workflow_text("w", &text).unwrap().start().await.unwrap();
    let run = engine.run("w", json!(null)).await.unwrap();
    assert_eq!(within(run.wait()).await.unwrap().state, RunState::Succeeded);
    broken.store(false, Ordering::SeqCst);
    let letter = letters(&engine, run.id()).await.remove(0).id;
    engine.dead_letters().replay(letter).await.unwrap();
    let again = engine.attach(run.id()).await.unwrap();
    assert_eq!(within(again.wait()).await.unwrap().state, RunState::Succeeded);
    let history = engine.history(run.id()).await.unwrap();
    assert_eq!(told(&history, "each"), "succeeded [10,20,30]");
    assert_eq!(told(&history, "last"), format!("succeeded {mended}"), "{readers}");
    assert_eq!(calls.load(Ordering::SeqCst), 1, "a step that does not read the list ran again");
    assert!(letters(&engine, run.id()).await.is_empty());
}

#[tokio::test]
async fn a_replayed_item_reopens_what_read_the_list() {
    let direct = "[steps.last]\ntask = \"same\"\nwith = \"${{ steps.each.output }}\"\n";
    replayed(direct, "[10,20,30]").await;
    let pipeline = "[steps.last]\ntask = \"same\"\ndepends_on = [\"each\"]\n";
    replayed(pipeline, "[10,20,30]").await;
    let failed = "[steps.last]\ntask = \"same\"\nwith = \"${{ steps.each.failed | length }}\"\n";
    replayed(failed, "0").await;
    let far = "[steps.mid]\ntask = \"same\"\nwith = \"${{ steps.each.output }}\"\n[steps.last]\n\
               task = \"same\"\nwith = \"${{ steps.mid.output[1] }}\"\n";
    replayed(far, "20").await;
    let when = "[steps.last]\ntask = \"same\"\nwhen = \"steps.each.output[1] is none or true\"\n\
                with = \"${{ steps.each.output[1] }}\"\n";
    replayed(when, "20").await;
    let fan = "[steps.last]\ntask = \"same\"\nfor_each = \"steps.each.output\"\n";
    replayed(fan, "[10,20,30]").await;
}

#[tokio::test]
async fn a_replayed_item_starts_no_item_beyond_those_that_were_decided() {
    let broken = Arc::new(AtomicBool::new(true));
    let breaks = Arc::clone(&broken);
    let work = move |item: u32| {
        let fails = item == 2 && breaks.load(Ordering::SeqCst);
        async move { if fails { Err(StepError::permanent("no")) } else { Ok(item) } }
    };
    let text = "[steps.each]\ntask = \"work\"\nfor_each = \"[1, 2, 3]\"\ntolerate = 1\n\
                [steps.last]\ntask = \"same\"\nwith = \"${{ steps.each.output }}\"\n";
    let builder = builder().task("work", work).workflow_text("w", text).unwrap();
    let engine = builder.start().await.unwrap();
    let run = engine.run("w", json!(null)).await.unwrap();
    within(run.wait()).await.unwrap();
    broken.store(false, Ordering::SeqCst);
    let letter = letters(&engine, run.id()).await.remove(0).id;
    engine.dead_letters().replay(letter).await.unwrap();
    within(engine.attach(run.id()).await.unwrap().wait()).await.unwrap();
    let history = engine.history(run.id()).await.unwrap();
    let items: Vec<_> = history.steps[0].attempts.iter().map(|attempt| attempt.item).collect();
    assert_eq!(items, [Some(0), Some(1), Some(1), Some(2)], "one attempt more, of the item");
    assert_eq!(history.steps[1].state, StepState::Succeeded);
}
