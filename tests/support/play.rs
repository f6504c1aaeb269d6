//! Runs one workflow file on an engine of its own and tells what happened.

use std::path::Path;

use windlass::run::{AttemptState, RunHistory, StepHistory};
use windlass::{Engine, Payload};

/// Runs the text with this input, its commands in this folder, and waits for the end.
pub(crate) async fn play(text: &str, folder: &Path, input: &Payload) -> (Engine, RunHistory) {
    let path = folder.join("workflow.toml");
    std::fs::write(&path, text).unwrap();
    let engine = Engine::builder().in_memory().workflow_file(&path).unwrap().start().await.unwrap();
    let name = engine.workflows().remove(0).name.clone();
    let run = engine.run(name.as_str(), input).await.unwrap();
    run.wait().await.unwrap();
    let history = engine.history(run.id()).await.unwrap();
    (engine, history)
}

/// One line of a run and of each step: its state and how often it was tried.
pub(crate) fn outline(history: &RunHistory) -> String {
    let steps = history.steps.iter().map(line).collect::<String>();
    format!("run {}\n{steps}", history.state.as_str())
}

fn line(step: &StepHistory) -> String {
    let counted = |state| !matches!(state, AttemptState::Interrupted | AttemptState::Crashed);
    let tries = step.attempts.iter().filter(|attempt| counted(attempt.state)).count();
    let allowed = if step.allowed { " (allowed)" } else { "" };
    let timed_out = step.attempts.last().is_some_and(|a| a.state == AttemptState::TimedOut);
    let state = if timed_out { "timed out" } else { step.state.as_str() };
    format!("{} {state}{allowed} ×{tries}\n", step.id)
}
