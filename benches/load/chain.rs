//! Many small runs: throughput and latency of a chain, throughput of a fan-out.

use std::path::Path;
use std::time::{Duration, Instant};

use windlass::{Engine, EngineBuilder, Payload, StepError};

use crate::prototype::{self, CHAIN_STEPS, Load};
use crate::report::rate;
use crate::{Effort, Figure, Report, Row, Unit, median};

/// Items of the fan-out.
const ITEMS: u32 = 100;

/// Slots of the one queue: enough for all that is under way.
const SLOTS: usize = 2_048;

/// Chain of ten, 2,000 runs in flight: the engine and the bare shape in turns.
pub(crate) fn in_memory(effort: Effort, report: &mut Report) {
    let load = Load { runs: 100_000 / effort.share, in_flight: 2_000, payload: 100 };
    let target = "≥ 1 M steps/s, ≥ 0.3 of the bare shape";
    turns(("chain of 10, in memory", target), (load, false), effort, report);
}

/// As `in_memory`, with a journal.
pub(crate) fn durable(effort: Effort, report: &mut Report) {
    let load = Load { runs: 50_000 / effort.share, in_flight: 2_000, payload: 100 };
    let target = "≥ 300 k steps/s, ≥ 0.3 of the bare shape";
    turns(("chain of 10, durable (strict)", target), (load, true), effort, report);
}

fn turns(
    (what, target): (&'static str, &str),
    (load, durable): (Load, bool),
    effort: Effort,
    report: &mut Report,
) {
    let steps = f64::from(load.runs) * f64::from(CHAIN_STEPS);
    let mut engine = Vec::new();
    let mut bare = Vec::new();
    for _ in 0..effort.rounds {
        let folder = tempfile::tempdir().unwrap();
        let (ours, theirs) = (folder.path().join("engine"), folder.path().join("bare"));
        std::fs::create_dir(&theirs).unwrap();
        let theirs = prototype::measure(load, durable.then_some(theirs.as_path()));
        bare.push(steps / theirs.as_secs_f64());
        let ours = flood("chain", load, durable.then_some(ours.as_path()));
        engine.push(steps / ours.as_secs_f64());
    }
    let (engine, bare) = (median(engine), median(bare));
    report.add(Row {
        what: what.to_owned(),
        target: target.to_owned(),
        reached: Figure { value: engine, unit: Unit::StepsPerSecond },
        beside: format!("bare shape {} steps/s: {:.2} of it", rate(bare), engine / bare),
    });
}

/// One step, a hundred items, one step.
pub(crate) fn fan_out(effort: Effort, report: &mut Report) {
    let load = Load { runs: 10_000 / effort.share, in_flight: 200, payload: 100 };
    let steps = f64::from(load.runs) * f64::from(ITEMS + 2);
    for (what, durable) in
        [("fan-out 1→100→1, in memory", false), ("fan-out 1→100→1, durable", true)]
    {
        let mut figures = Vec::new();
        for _ in 0..effort.rounds {
            let folder = tempfile::tempdir().unwrap();
            let took = flood("fan", load, durable.then_some(folder.path()));
            figures.push(steps / took.as_secs_f64());
        }
        report.add(Row {
            what: what.to_owned(),
            target: "the chain's rate within 2×".to_owned(),
            reached: Figure { value: median(figures), unit: Unit::StepsPerSecond },
            beside: "–".to_owned(),
        });
    }
}

/// One run at a time.
pub(crate) fn latency(effort: Effort, report: &mut Report) {
    let runs = 2_000 / effort.share;
    let mut memory = Vec::new();
    let mut durable = Vec::new();
    let mut commits = Vec::new();
    for _ in 0..effort.rounds {
        let folder = tempfile::tempdir().unwrap();
        let (ours, bare) = (folder.path().join("engine"), folder.path().join("bare"));
        std::fs::create_dir(&bare).unwrap();
        memory.push(one_by_one(runs, None));
        commits.push(prototype::lone_commits(&bare, CHAIN_STEPS + 1, runs / 10).as_secs_f64());
        durable.push(one_by_one(runs / 10, Some(&ours)));
    }
    let (memory, durable, commits) = (median(memory), median(durable), median(commits));
    report.add(Row {
        what: "one chain of 10 alone, in memory, p50".to_owned(),
        target: "≤ 150 µs".to_owned(),
        reached: Figure { value: memory, unit: Unit::Seconds },
        beside: "–".to_owned(),
    });
    report.add(Row {
        what: "one chain of 10 alone, durable, p50".to_owned(),
        target: "≤ 1.3 × 11 lone commits".to_owned(),
        reached: Figure { value: durable, unit: Unit::Seconds },
        beside: format!("11 commits {:.2} ms: {:.2} ×", commits * 1e3, durable / commits),
    });
}

/// The p50 of runs that follow one another, in seconds.
fn one_by_one(runs: u32, folder: Option<&Path>) -> f64 {
    runtime().block_on(async {
        let engine = builder(folder).start().await.unwrap();
        let input = payload(100);
        let mut figures = Vec::new();
        for _ in 0..runs.max(1) {
            let begin = Instant::now();
            engine.run("chain", &input).await.unwrap().wait().await.unwrap();
            figures.push(begin.elapsed().as_secs_f64());
        }
        engine.shutdown(Duration::from_secs(5)).await.unwrap();
        median(figures)
    })
}

/// Keeps so many runs in flight until all have ended.
pub(crate) fn flood(workflow: &'static str, load: Load, folder: Option<&Path>) -> Duration {
    flood_on(builder(folder), workflow, load)
}

/// As `flood`, of fan-outs of this width.
pub(crate) fn flood_fan(width: u32, load: Load, folder: Option<&Path>) -> Duration {
    let list = move || async move { Ok::<_, StepError>((0..width).collect::<Vec<u32>>()) };
    let wide =
        FAN.replace("name = \"fan\"", "name = \"wide\"").replace("\"list\"", "\"wide-list\"");
    let builder = builder(folder).task("wide-list", list).workflow_text("wide", &wide).unwrap();
    flood_on(builder, "wide", load)
}

fn flood_on(builder: EngineBuilder, workflow: &'static str, load: Load) -> Duration {
    runtime().block_on(async {
        let engine = builder.start().await.unwrap();
        let input = payload(load.payload);
        let begin = Instant::now();
        let clients = (0..load.in_flight).map(|client| {
            let (engine, input) = (engine.clone(), input.clone());
            let runs = load.runs / load.in_flight + u32::from(client < load.runs % load.in_flight);
            tokio::spawn(async move {
                for _ in 0..runs {
                    engine.run(workflow, &input).await.unwrap().wait().await.unwrap();
                }
            })
        });
        for client in clients.collect::<Vec<_>>() {
            client.await.unwrap();
        }
        let took = begin.elapsed();
        engine.shutdown(Duration::from_secs(60)).await.unwrap();
        took
    })
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// A JSON string of so many bytes.
pub(crate) fn payload(bytes: usize) -> Payload {
    Payload::of(&"x".repeat(bytes.saturating_sub(2))).unwrap()
}

/// An engine that knows the workflows of this program.
pub(crate) fn builder(folder: Option<&Path>) -> EngineBuilder {
    let place = match folder {
        Some(folder) => Engine::builder().data_dir(folder),
        None => Engine::builder().in_memory(),
    };
    place
        .queue("default", |queue| queue.workers(SLOTS).max_depth(2_000_000))
        .task("noop", async |input: Payload| Ok::<_, StepError>(input))
        .task("list", async || Ok::<_, StepError>((0..ITEMS).collect::<Vec<u32>>()))
        .task("count", async |items: Vec<u32>| Ok::<_, StepError>(items.len()))
        .workflow_text("chain", &chain_of(CHAIN_STEPS))
        .and_then(|builder| builder.workflow_text("one", &chain_of(1)))
        .and_then(|builder| builder.workflow_text("fan", FAN))
        .and_then(|builder| builder.workflow_text("held", HELD))
        .unwrap()
}

fn chain_of(steps: u32) -> String {
    let ids: Vec<String> = (0..steps).map(|step| format!("\"s{step}\"")).collect();
    let tables = (0..steps).map(|step| format!("\n[steps.s{step}]\ntask = \"noop\"\n"));
    format!("pipeline = [{}]\n{}", ids.join(", "), tables.collect::<String>())
}

const FAN: &str = r#"
name = "fan"

[steps.list]
task = "list"

[steps.items]
for_each = "steps.list.output"
task     = "noop"

[steps.count]
task = "count"
with = "${{ steps.items.output }}"
"#;

/// A run that stays live: one step done, one asleep.
const HELD: &str = r#"
name = "held"

[steps.begin]
task = "noop"

[steps.hold]
sleep      = "12h"
depends_on = ["begin"]
"#;
