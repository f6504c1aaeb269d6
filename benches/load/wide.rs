//! A graph of 30,000 steps: checked at once, and run without quadratic cost.

use std::fmt::Write;
use std::time::{Duration, Instant};

use windlass::plan::{self, KnownTasks};

use crate::chain::{builder, runtime};
use crate::{Effort, Figure, Report, Row, Unit, median};

/// Steps of one layer; each waits for three of the layer before.
const WIDTH: u32 = 1_000;

/// Times the check and the run of a large graph, and of one a tenth of its size beside it.
pub(crate) fn graph(effort: Effort, report: &mut Report) {
    let (large, small) = (layers(30), layers(3));
    let mut checks = Vec::new();
    let mut runs = Vec::new();
    let mut small_runs = Vec::new();
    for _ in 0..effort.rounds {
        checks.push(check(&large).as_secs_f64());
        runs.push(run(&large).as_secs_f64());
        small_runs.push(run(&small).as_secs_f64());
    }
    let (check, run, small) = (median(checks), median(runs), median(small_runs));
    report.add(Row {
        what: "check of a graph of 30,000 steps and 87,000 edges".to_owned(),
        target: "< 1 s".to_owned(),
        reached: Figure { value: check, unit: Unit::Seconds },
        beside: format!("{:.1} MB of TOML", f64::from(u32::try_from(large.len()).unwrap()) / 1e6),
    });
    report.add(Row {
        what: "run of the same graph, in memory".to_owned(),
        target: "no quadratic cost".to_owned(),
        reached: Figure { value: run, unit: Unit::Seconds },
        beside: format!("3,000 steps {:.3} s: {:.1} × for 10 × the steps", small, run / small),
    });
}

fn check(text: &str) -> Duration {
    let begin = Instant::now();
    let loaded = plan::load("wide.toml", text, None, &KnownTasks::Any);
    assert!(loaded.is_ok(), "the graph is refused");
    begin.elapsed()
}

fn run(text: &str) -> Duration {
    runtime().block_on(async {
        let engine = builder(None).workflow_text("wide", text).unwrap().start().await.unwrap();
        let begin = Instant::now();
        engine.run("wide", "x").await.unwrap().wait().await.unwrap();
        let took = begin.elapsed();
        engine.shutdown(Duration::from_secs(5)).await.unwrap();
        took
    })
}

fn layers(depth: u32) -> String {
    let mut text = String::from("name = \"wide\"\n");
    for layer in 0..depth {
        for place in 0..WIDTH {
            write!(text, "\n[steps.s{layer}-{place}]\ntask = \"noop\"\nwith = {place}\n").unwrap();
            if layer > 0 {
                let near =
                    [0, 7, 131].map(|far| format!("\"s{}-{}\"", layer - 1, (place + far) % WIDTH));
                writeln!(text, "depends_on = [{}]", near.join(", ")).unwrap();
            }
        }
    }
    text
}
