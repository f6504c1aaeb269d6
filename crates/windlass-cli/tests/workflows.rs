//! The workflows and fixtures of the repository, run by the real command and killed by a real signal.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../../../tests/support/corpus.rs"]
#[expect(dead_code, reason = "the library's own tests use the rest")]
mod corpus;
#[path = "../../../tests/support/trace.rs"]
mod trace;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use corpus::{Fixture, Work};
use serde_json::Value;
use trace::{Trace, Try, check};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

fn windlass(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_windlass"));
    command.env("WINDLASS_DATA", data.join("data")).stdin(Stdio::null());
    command
}

/// Runs a workflow until its progress says `moment`, kills the process, and goes on with the run.
fn kill_and_resume(folder: &Path, workflow: &str, inputs: &[String], moment: &str) -> Value {
    let mut command = windlass(folder);
    command.args(["run", "-v", "-o", "lines"]).arg(root().join("workflows").join(workflow));
    for input in inputs {
        command.arg("-i").arg(input);
    }
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().contains(moment)), "`{moment}` is never said");
    child.kill().unwrap();
    child.wait().unwrap();

    let resumed = windlass(folder).arg("resume").output().unwrap();
    let said = String::from_utf8_lossy(&resumed.stderr);
    assert!(resumed.status.success(), "{said}");
    let runs = windlass(folder).args(["runs", "--json"]).output().unwrap();
    let run: Value = serde_json::from_slice(&runs.stdout).unwrap();
    let id = run["id"].as_str().unwrap();
    let shown = windlass(folder).args(["show", "--json", id]).output().unwrap();
    serde_json::from_slice(&shown.stdout).unwrap()
}

/// Each step or item succeeded once, and was not touched after that.
fn no_finished_step_ran_again(run: &Value) {
    assert_eq!(run["state"], "succeeded", "{run:#}");
    for step in run["steps"].as_array().unwrap() {
        let attempts = step["attempts"].as_array().unwrap();
        let mut done = std::collections::BTreeSet::new();
        for attempt in attempts {
            let item = attempt["item"].to_string();
            assert!(!done.contains(&item), "an attempt after the success: {step:#}");
            if attempt["state"] == "succeeded" {
                done.insert(item);
            }
        }
        assert!(!done.is_empty(), "{step:#}");
    }
}

#[test]
fn an_order_goes_on_after_a_kill_and_is_charged_once() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let inputs = [format!("out={}", out.display()), "order_id=5".to_owned()];
    let run = kill_and_resume(folder.path(), "order.toml", &inputs, "RETRY charge attempt 1");
    no_finished_step_ran_again(&run);
    let ledger = std::fs::read_to_string(out.join("5/ledger.csv")).unwrap();
    assert_eq!(ledger.lines().count(), 1, "{ledger}");
    assert!(out.join("5/summary.json").exists());
}

#[test]
fn a_word_count_goes_on_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let texts = folder.path().join("texts");
    std::fs::create_dir(&texts).unwrap();
    for number in 0..40 {
        std::fs::write(texts.join(format!("{number}.txt")), "rope rope pawl\n").unwrap();
    }
    let inputs = [format!("folder={}", texts.display())];
    let run = kill_and_resume(folder.path(), "word-count.toml", &inputs, "START count");
    no_finished_step_ran_again(&run);
    assert_eq!(run["output"]["top"], serde_json::json!(["80 rope", "40 pawl"]));
}

#[test]
fn traces_of_fixtures_are_what_their_shapes_allow() {
    let names = [
        "argo-ex-dag-nested",
        "argo-ex-parallelism-limit",
        "argo-ex-dag-disable-failFast",
        "argo-data-retry-workflow-with-continueon",
        "conductor-nested_fork_join",
        "asl-app-decompose-for-parallelism-main",
    ];
    let fixtures = Fixture::all().into_iter().filter(|f| names.contains(&f.name.as_str()));
    let mut count = 0;
    for fixture in fixtures {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("w.toml"), fixture.to_toml(Work::Command)).unwrap();
        let mut command = windlass(folder.path());
        command.args(["run", "w.toml", "-q", "--trace", "t.jsonl"]).current_dir(folder.path());
        command.output().unwrap();
        let text = std::fs::read_to_string(folder.path().join("t.jsonl")).unwrap();
        let problems = check(&fixture, &read(&text), 8);
        assert!(problems.is_empty(), "{}:\n{}", fixture.name, problems.join("\n"));
        count += 1;
    }
    assert_eq!(count, names.len());
}

/// A trace as `--trace` writes it: one object a line, times in seconds.
fn read(text: &str) -> Trace {
    let mut trace = Trace::default();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        if let Some(state) = line["workflow"].as_str() {
            state.clone_into(&mut trace.run);
        }
        let (Some(step), Some(state)) = (line["step"].as_str(), line["state"].as_str()) else {
            continue;
        };
        // A step that never ran has a state and no times.
        if let (Some(start), Some(finish)) = (micros(&line["start"]), micros(&line["finish"])) {
            let ended = Try { started: start, ended: finish, succeeded: state == "succeeded" };
            trace.attempts.entry(step.to_owned()).or_default().push(ended);
        }
        trace.states.insert(step.to_owned(), state.to_owned());
    }
    trace
}

/// Microseconds, from seconds with six digits.
fn micros(seconds: &Value) -> Option<i64> {
    let text = format!("{:.6}", seconds.as_f64()?);
    text.replace('.', "").parse().ok()
}
