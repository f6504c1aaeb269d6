//! Nothing grows by the square: four times the size takes about four times as long, not sixteen.
//!
//! A process of its own, in which one test works at a time: what is measured is its use of the
//! processors.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{Mutex, Notify, Semaphore};
use windlass::{
    Engine, EngineBuilder, From, Payload, RunFilter, RunHandle, RunState, State, StepError,
};

/// Linear is 4, a square is 16; between them is what noise and a logarithm need.
const RATIO_MAX: f64 = 9.0;

/// The best of at most so many counts: a busy machine makes work slower, never faster.
const ROUNDS: usize = 10;

/// Work of one size, and how long the part of it took that must not grow by the square.
trait Work: AsyncFn(usize) -> Duration {}
impl<F: AsyncFn(usize) -> Duration> Work for F {}

/// Held by the test that works.
static TURN: Mutex<()> = Mutex::const_new(());

async fn grows(what: &str, small: usize, work: impl Work) {
    let _turn = TURN.lock().await;
    let mut best = [f64::MAX; 2];
    let mut ratio = f64::MAX;
    for round in 0..ROUNDS {
        for (best, size) in best.iter_mut().zip([small, 4 * small]) {
            *best = best.min(work(size).await.as_secs_f64());
        }
        ratio = best[1] / best[0];
        if round >= 1 && ratio <= RATIO_MAX {
            return;
        }
    }
    let [first, second] = best;
    let told = format!("{what}: {first:.4} s for {small}, {second:.4} s for {}", 4 * small);
    panic!("{told}: {ratio:.1} times as long for 4 times as much");
}

/// What this process has had of the processors: what else the machine does is not counted.
struct Stopwatch(Duration);

impl Stopwatch {
    fn start() -> Self {
        Self(busy())
    }

    fn elapsed(&self) -> Duration {
        busy().saturating_sub(self.0)
    }
}

fn busy() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.cast_unsigned(), u32::try_from(time.tv_nsec).unwrap())
}

fn builder() -> EngineBuilder {
    Engine::builder()
        .task("same", async |value: Payload| Ok::<_, StepError>(value))
        .task("fails", async |_: Payload| Err::<u32, _>(StepError::permanent("no")))
        .task("list", async |count: usize| Ok::<_, StepError>((0..count).collect::<Vec<_>>()))
        .queue("default", |queue| queue.workers(64))
}

/// From the start of one run to its end.
async fn run(text: &str, input: Value) -> Duration {
    let engine = builder().workflow_text("w", text).unwrap().start().await.unwrap();
    let input = Payload::of(&input).unwrap();
    let begin = Stopwatch::start();
    let run = engine.run("w", input).await.unwrap();
    run.wait().await.unwrap();
    begin.elapsed()
}

fn ids(count: usize) -> String {
    (0..count).map(|place| format!("\"s{place}\",")).collect()
}

#[tokio::test]
async fn a_set_difference_is_fast_or_refused() {
    for condition in [
        "(input.a | reject('in', input.b) | list | length) > 0",
        "(input.a | select('in', input.b) | list | length) >= 0",
        "(input.o | selectattr('x', 'in', input.b) | list | length) >= 0",
    ] {
        let text = format!("[steps.a]\ntask = \"same\"\nwhen = \"{condition}\"\n");
        let work = async |size: usize| {
            let objects: Vec<_> = (0..size).map(|x| json!({ "x": x })).collect();
            let (a, b): (Vec<_>, Vec<_>) = ((0..size).collect(), (size..2 * size).collect());
            run(&text, json!({ "a": a, "b": b, "o": objects })).await
        };
        grows(condition, 3_000, work).await;
    }
}

#[tokio::test]
async fn items_that_read_a_list_of_failed_ones_are_fast() {
    for read in ["steps.a.status", "steps.a.failed | length", "steps.a.failed[0].index"] {
        let work = async |size: usize| {
            let text = format!(
                "[steps.list]\ntask = \"list\"\nwith = {size}\n[steps.a]\ntask = \"fails\"\n\
                 for_each = \"steps.list.output\"\ntolerate = \"100%\"\n[steps.b]\ntask = \"same\"\n\
                 for_each = \"steps.list.output\"\nwith = \"${{{{ {read} }}}}\"\n"
            );
            run(&text, json!(null)).await
        };
        grows(read, 100, work).await;
    }
}

#[tokio::test]
async fn items_that_read_their_place_of_a_list_are_fast() {
    for read in
        ["steps.list.output[index]", "steps.list.output[item]", "steps.list.output | length"]
    {
        let work = async |size: usize| {
            let text = format!(
                "[steps.list]\ntask = \"list\"\nwith = {size}\n[steps.b]\ntask = \"same\"\n\
                 for_each = \"steps.list.output\"\nwith = \"${{{{ {read} }}}}\"\n"
            );
            run(&text, json!(null)).await
        };
        grows(read, 100, work).await;
    }
}

/// Rivals behind a root that is under way; `win` is free and wins.
fn race(size: usize, survivor: &str) -> String {
    let mut text = "[steps.root]\ntask = \"gate\"\n[steps.win]\ntask = \"same\"\n".to_owned();
    for place in 0..size {
        write!(text, "[steps.s{place}]\ntask = \"same\"\ndepends_on = [\"root\"]\n").unwrap();
    }
    let ids = ids(size);
    write!(text, "[steps.join]\ntask = \"open\"\njoin = \"any\"\ndepends_on = [\"win\",{ids}]\n")
        .unwrap();
    text + survivor
}

#[tokio::test]
async fn a_race_with_many_losers_is_fast() {
    for survivor in ["", "[steps.other]\ntask = \"same\"\ndepends_on = [\"root\"]\n"] {
        let work = async |size: usize| {
            let gate = Arc::new(Notify::new());
            let passes = async |State(gate): State<Arc<Notify>>| {
                gate.notified().await;
                Ok::<_, StepError>(1)
            };
            let opens = async |State(gate): State<Arc<Notify>>| {
                gate.notify_one();
                Ok::<_, StepError>(1)
            };
            let builder = builder().state(gate).task("gate", passes).task("open", opens);
            let builder = builder.workflow_text("w", &race(size, survivor)).unwrap();
            let engine = builder.start().await.unwrap();
            let begin = Stopwatch::start();
            engine.run("w", 1).await.unwrap().wait().await.unwrap();
            begin.elapsed()
        };
        grows(&format!("a race, {survivor:?}"), 500, work).await;
    }
}

#[tokio::test]
async fn a_join_with_many_losses_is_fast() {
    let work = async |size: usize| {
        let mut text = String::new();
        for place in 0..size {
            write!(text, "[steps.s{place}]\ntask = \"fails\"\n").unwrap();
        }
        let ids = ids(size);
        write!(text, "[steps.join]\ntask = \"same\"\njoin = \"any\"\ndepends_on = [{ids}]\n")
            .unwrap();
        run(&text, json!(null)).await
    };
    grows("a join whose dependencies fail", 300, work).await;
}

#[tokio::test]
async fn steps_that_wait_for_a_slot_are_fast() {
    let work = async |size: usize| {
        let mut text = "max_parallel = 1\n[steps.root]\ntask = \"same\"\n".to_owned();
        for place in 0..size {
            let priority = if place % 2 == 0 { 0 } else { 1 + place % 50 };
            let head = format!("[steps.s{place}]\ntask = \"same\"\npriority = {priority}");
            write!(text, "{head}\ndepends_on = [\"root\"]\n").unwrap();
        }
        run(&text, json!(null)).await
    };
    grows("steps that wait for a slot", 300, work).await;
}

/// So many runs of which half are live, and the others have ended or are live too: of those that have
/// ended only some hundreds are known without a data folder.
async fn populated(size: usize) -> Engine {
    let live = "[steps.a]\nsleep = \"1h\"\n";
    let builder = builder().workflow_text("ended", "[steps.a]\ntask = \"same\"\n").unwrap();
    let engine = builder.workflow_text("live", live).unwrap().start().await.unwrap();
    let mut ended: Vec<RunHandle> = Vec::new();
    for number in 0..size / 2 {
        match number {
            0..400 => ended.push(engine.run("ended", number).await.unwrap()),
            _ => drop(engine.run("live", number).await.unwrap()),
        }
        engine.run("live", number).await.unwrap();
    }
    for run in ended {
        run.wait().await.unwrap();
    }
    engine
}

#[tokio::test]
async fn a_list_of_runs_is_fast() {
    let work = async |size: usize| {
        let engine = populated(size).await;
        let all = RunFilter { limit: 1_000_000, ..RunFilter::default() };
        let begin = Stopwatch::start();
        assert_eq!(engine.runs(&all).await.unwrap().len(), size);
        begin.elapsed()
    };
    grows("a list of all runs", 600, work).await;
}

#[tokio::test]
async fn many_that_wait_for_one_run_are_fast() {
    let work = async |size: usize| {
        let engine = populated(2).await;
        let run = engine.run("live", 1).await.unwrap();
        let begin = Stopwatch::start();
        let mut handles = Vec::new();
        for _ in 0..size {
            handles.push(engine.attach(run.id()).await.unwrap());
        }
        begin.elapsed()
    };
    grows("handles of one run", 1_000, work).await;
}

/// All its attempts end while the run is on its way to the archive, and each says so.
#[tokio::test]
async fn a_wide_run_is_cancelled_fast() {
    let work = async |size: usize| {
        let running = Arc::new(Semaphore::new(0));
        let hangs = async |State(running): State<Arc<Semaphore>>| {
            running.add_permits(1);
            std::future::pending::<Result<u32, StepError>>().await
        };
        let text: String = (0..size).map(|s| format!("[steps.s{s}]\ntask = \"hangs\"\n")).collect();
        let place = TempDir::new().unwrap();
        let builder = Engine::builder().state(Arc::clone(&running)).task("hangs", hangs);
        let builder = builder.queue("default", |queue| queue.workers(10_000));
        let builder = builder.data_dir(place.path()).workflow_text("w", &text).unwrap();
        let engine = builder.start().await.unwrap();
        let run = engine.run("w", 1).await.unwrap();
        let all = running.acquire_many(u32::try_from(size).unwrap()).await.unwrap();
        let begin = Stopwatch::start();
        run.cancel("by hand").await.unwrap();
        assert_eq!(run.wait().await.unwrap().state, RunState::Cancelled);
        engine.shutdown(Duration::from_secs(5)).await.unwrap();
        drop(all);
        begin.elapsed()
    };
    grows("cancelling", 500, work).await;
}

#[tokio::test]
async fn many_inputs_are_fast() {
    let work = async |size: usize| {
        let mut text = "[steps.a]\ntask = \"same\"\nwith = 1\n[input]\n".to_owned();
        let mut given = serde_json::Map::new();
        for place in 0..size {
            writeln!(text, "k{place} = {{ type = \"integer\", default = 1 }}").unwrap();
            given.insert(format!("k{place}"), json!(place));
        }
        let engine = builder().workflow_text("w", &text).unwrap().start().await.unwrap();
        let begin = Stopwatch::start();
        engine.run("w", given).await.unwrap();
        begin.elapsed()
    };
    grows("inputs", 1_000, work).await;
}

#[tokio::test]
async fn a_wide_body_is_reopened_fast() {
    let work = async |width: usize| {
        let mut text = "[steps.each]\nfor_each = \"[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]\"\n".to_owned();
        for place in 0..width {
            write!(text, "[steps.each.steps.s{place}]\ntask = \"fails\"\n").unwrap();
            if place > 0 {
                writeln!(text, "depends_on = [\"s{}\"]", place - 1).unwrap();
            }
        }
        let engine = builder().workflow_text("w", &text).unwrap().start().await.unwrap();
        let run = engine.run("w", 1).await.unwrap();
        assert_eq!(run.wait().await.unwrap().state, RunState::Failed);
        let begin = Stopwatch::start();
        let again = engine.retry(run.id(), From::Failed).await.unwrap();
        again.wait().await.unwrap();
        begin.elapsed()
    };
    grows("a retry of ten items with a body", 150, work).await;
}

#[tokio::test]
async fn many_expressions_of_one_step_are_fast() {
    let work = async |size: usize| {
        let mut text =
            "[steps.a]\ntask = \"same\"\n[steps.b]\ntask = \"same\"\n[steps.b.with]\n".to_owned();
        for place in 0..size {
            let read = format!("steps.a.output['k\\\\u0031{place}']");
            writeln!(text, "k{place} = \"${{{{ {read} }}}}\"").unwrap();
        }
        let begin = Stopwatch::start();
        assert!(builder().workflow_text("w", &text).is_ok());
        begin.elapsed()
    };
    grows("expressions of one table", 300, work).await;
}
