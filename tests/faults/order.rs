//! Who goes first: one rule of priority for slots and queues.

use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio::sync::Notify;
use windlass::{Engine, RunState, StepContext, StepError};

use crate::support::within;

/// A step's id and the priority that it writes, if any.
type Step = (&'static str, Option<i8>);

/// In which order steps begin that become ready together, one at a time.
async fn order(steps: &[Step], workflow: Option<i8>, start: Option<i8>, slot: bool) -> Vec<String> {
    use std::fmt::Write as _;
    let mut text = String::new();
    if let Some(priority) = workflow {
        writeln!(text, "priority = {priority}").unwrap();
    }
    if slot {
        writeln!(text, "max_parallel = 1").unwrap();
    }
    text.push_str("[steps.root]\ntask = \"gate\"\n");
    for (id, priority) in steps {
        write!(text, "[steps.{id}]\ntask = \"note\"\ndepends_on = [\"root\"]\n").unwrap();
        if let Some(priority) = priority {
            writeln!(text, "priority = {priority}").unwrap();
        }
    }
    let began: Arc<Mutex<Vec<String>>> = Arc::default();
    let noted = Arc::clone(&began);
    let note = move |step: StepContext| {
        noted.lock().unwrap().push(step.step().to_owned());
        // Each gives its slot back later, so that the next one is chosen from all that wait.
        async {
            tokio::task::yield_now().await;
            Ok::<_, StepError>(1)
        }
    };
    let gate = Arc::new(Notify::new());
    let opens = Arc::clone(&gate);
    let passes = move || {
        let gate = Arc::clone(&opens);
        async move {
            gate.notified().await;
            Ok::<_, StepError>(1)
        }
    };
    let builder = Engine::builder().task("note", note).task("gate", passes);
    let workers = if slot { 16 } else { 1 };
    let builder = builder.queue("default", |queue| queue.workers(workers));
    let engine = builder.workflow_text("w", &text).unwrap().start().await.unwrap();
    let run = engine.run("w", json!(null));
    let run = match start {
        Some(priority) => run.priority(priority).await.unwrap(),
        None => run.await.unwrap(),
    };
    gate.notify_one();
    assert_eq!(within(run.wait()).await.unwrap().state, RunState::Succeeded);
    began.lock().unwrap().clone()
}

/// The steps, the workflow's and the start's priority, and who goes first, second, third.
type Row = (&'static [Step], Option<i8>, Option<i8>, [&'static str; 3]);

/// What a step writes is its priority, a written 0 too; where it writes none, that of the workflow
/// counts; among equals the file's order.
const ROWS: &[Row] = &[
    (&[("a", None), ("b", Some(10)), ("c", Some(50))], None, None, ["c", "b", "a"]),
    (&[("a", Some(-10)), ("b", None), ("c", Some(1))], None, None, ["c", "b", "a"]),
    (&[("a", Some(0)), ("b", None), ("c", Some(5))], Some(10), None, ["b", "c", "a"]),
    (&[("a", None), ("b", Some(0)), ("c", Some(20))], Some(10), None, ["c", "a", "b"]),
    (&[("a", None), ("b", None), ("c", None)], None, Some(50), ["a", "b", "c"]),
    (&[("a", None), ("b", None), ("c", None)], Some(-5), None, ["a", "b", "c"]),
];

#[tokio::test]
async fn higher_priority_takes_the_first_slot_of_a_run() {
    for (steps, workflow, start, expected) in ROWS {
        let began = order(steps, *workflow, *start, true).await;
        assert_eq!(began, expected, "{steps:?}, workflow {workflow:?}, start {start:?}");
    }
}

#[tokio::test]
async fn higher_priority_leaves_a_queue_first() {
    for (steps, workflow, start, expected) in ROWS {
        let began = order(steps, *workflow, *start, false).await;
        assert_eq!(began, expected, "{steps:?}, workflow {workflow:?}, start {start:?}");
    }
}

#[tokio::test]
async fn slots_and_queues_have_one_rule() {
    let priorities = [None, Some(-20), Some(0), Some(10), Some(60)];
    for start in [None, Some(-50), Some(0), Some(50)] {
        for workflow in [None, Some(20)] {
            for turn in 0..priorities.len() {
                let at = |place: usize| priorities[(turn + place) % priorities.len()];
                let steps: [Step; 4] = [("a", at(0)), ("b", at(1)), ("c", at(2)), ("d", at(3))];
                let slot = order(&steps, workflow, start, true).await;
                let queue = order(&steps, workflow, start, false).await;
                assert_eq!(slot, queue, "{steps:?}, workflow {workflow:?}, start {start:?}");
            }
        }
    }
}
