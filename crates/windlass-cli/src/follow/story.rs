//! From a run's history to what is told of it: the report at the end, the lines of `show`.

use std::path::Path;
use std::time::Duration;

use windlass::clock::Timestamp;
use windlass::run::{
    AttemptHistory, AttemptState, ErrorHistory, RunHistory, RunState, StepHistory, StepState,
};
use windlass::task::read_log;

use super::happened::{Cause, Place};
use super::report::{Counts, FailedPlace, Report};

/// So many of the last lines of a failed step's output are shown.
const LOG_LINES: usize = 10;

/// So many failed places are looked at.
const FAILURES_MAX: usize = 100;

/// The report of a run; `folder` is the data folder, to look into the logs.
pub(crate) fn report(history: &RunHistory, folder: &Path, now: Timestamp) -> Report {
    let mut failures = Vec::new();
    for step in &history.steps {
        collect(step, None, &mut failures);
    }
    let logs = folder.join("runs").join(history.id.to_string());
    for failed in failures.iter_mut().take(FAILURES_SHOWN) {
        failed.log = tail(&logs, &failed.place);
    }
    Report {
        state: history.state,
        took: took(history, now),
        counts: counts(history),
        failure: history.error.as_ref().map(cause),
        failures,
        blocked: blocked(history),
        next: next(history, folder),
    }
}

/// Only these show their output.
const FAILURES_SHOWN: usize = 8;

/// From its acceptance, or from when somebody had it run again, to its end or until now.
pub(crate) fn took(history: &RunHistory, now: Timestamp) -> Duration {
    let again = history.began.filter(|_| history.attempt > 1);
    history.ended.unwrap_or(now).since(again.unwrap_or(history.accepted))
}

/// How many steps came to what.
pub(crate) fn counts(history: &RunHistory) -> Counts {
    let mut counts = Counts::default();
    for step in &history.steps {
        *match step.state {
            StepState::Succeeded => &mut counts.ok,
            StepState::Failed if step.allowed => &mut counts.allowed,
            StepState::Failed => &mut counts.failed,
            StepState::Skipped => &mut counts.skipped,
            StepState::Blocked => &mut counts.blocked,
            StepState::Cancelled => &mut counts.cancelled,
            StepState::Pending
            | StepState::Ready
            | StepState::Running
            | StepState::Retrying
            | StepState::Waiting
            | StepState::Parked => &mut counts.open,
        } += 1;
    }
    counts
}

/// The failed step itself where it has attempts; of a fan-out the items that failed.
fn collect(step: &StepHistory, owner: Option<&str>, failures: &mut Vec<FailedPlace>) {
    if failures.len() >= FAILURES_MAX {
        return;
    }
    let before = failures.len();
    let path = match owner {
        Some(owner) => format!("{owner}.{}", step.id),
        None => step.id.to_string(),
    };
    for inner in &step.steps {
        collect(inner, Some(&path), failures);
    }
    for last in last_attempts(&step.attempts) {
        if last.item.is_some() && is_failure(last.state) {
            let place = Place::of(&last.path);
            failures.push(failed(place, last.error.as_ref(), last.attempt, step.allowed));
        }
    }
    if step.state == StepState::Failed && failures.len() == before {
        let tries = step.attempts.iter().map(|a| a.attempt).max().unwrap_or(0);
        let place = Place::of(&path);
        failures.push(failed(place, step.error.as_ref(), tries, step.allowed));
    }
}

fn failed(place: Place, error: Option<&ErrorHistory>, attempts: u32, allowed: bool) -> FailedPlace {
    let nothing = || Cause { class: "failed".to_owned(), message: String::new() };
    FailedPlace {
        place,
        cause: error.map_or_else(nothing, cause),
        attempts,
        allowed,
        log: Vec::new(),
    }
}

/// The last attempt of each item; the attempts of an item stand together.
fn last_attempts(attempts: &[AttemptHistory]) -> impl Iterator<Item = &AttemptHistory> {
    attempts.iter().enumerate().filter_map(|(at, attempt)| {
        let next = attempts.get(at + 1).map(|next| next.item);
        (next != Some(attempt.item)).then_some(attempt)
    })
}

fn is_failure(state: AttemptState) -> bool {
    matches!(state, AttemptState::Failed | AttemptState::TimedOut)
}

fn cause(error: &ErrorHistory) -> Cause {
    Cause { class: error.class.clone(), message: error.message.to_string() }
}

fn blocked(history: &RunHistory) -> Vec<(String, String)> {
    let blocked = history.steps.iter().filter(|step| step.state == StepState::Blocked);
    blocked.map(|step| (step.id.to_string(), step.reason.clone().unwrap_or_default())).collect()
}

fn tail(logs: &Path, place: &Place) -> Vec<String> {
    // A log that cannot be read is not worth another error beside the one that is told.
    let text = read_log(logs, &place.log_name()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let first = lines.len().saturating_sub(LOG_LINES);
    lines[first..].iter().map(|line| (*line).to_owned()).collect()
}

/// Commands to go on with.
fn next(history: &RunHistory, folder: &Path) -> Vec<String> {
    let id = super::short(history.id);
    let data = data_flag(folder);
    let mut next = Vec::new();
    match history.state {
        RunState::Failed | RunState::Cancelled | RunState::Parked => {
            next.push(format!("windlass retry {id}{data}"));
        }
        RunState::Pending | RunState::Running | RunState::Paused => {
            next.push(format!("windlass resume {id}{data}"));
        }
        RunState::Succeeded | RunState::Damaged => {}
    }
    let failed = history.steps.iter().find(|s| s.state == StepState::Failed && !s.allowed);
    if let Some(step) = failed {
        next.push(format!("windlass logs {id} {}{data}", step.id));
    }
    next
}

/// ` --data DIR`, where it is not the default.
pub(crate) fn data_flag(folder: &Path) -> String {
    if folder == Path::new(".windlass") || std::env::var_os("WINDLASS_DATA").is_some() {
        return String::new();
    }
    format!(" --data {}", folder.display())
}
