//! What happened in a run, in neutral words, and whether it is what a fixture allows.

use std::collections::BTreeMap;

use crate::corpus::{Fixture, Step};

/// The attempts and ends of one run.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    /// By step, in the order of their start.
    pub(crate) attempts: BTreeMap<String, Vec<Try>>,
    /// The last state of every step.
    pub(crate) states: BTreeMap<String, String>,
    /// The state of the run.
    pub(crate) run: String,
}

/// One attempt.
#[derive(Debug, Clone)]
pub(crate) struct Try {
    /// Microseconds.
    pub(crate) started: i64,
    /// Microseconds.
    pub(crate) ended: i64,
    pub(crate) succeeded: bool,
}

/// Everything in which the trace is not what the fixture allows.
pub(crate) fn check(fixture: &Fixture, trace: &Trace, workers: usize) -> Vec<String> {
    let by_id: BTreeMap<&str, &Step> = fixture.steps.iter().map(|s| (s.id.as_str(), s)).collect();
    let mut errors = Vec::new();
    for id in trace.attempts.keys().chain(trace.states.keys()) {
        if !by_id.contains_key(id.as_str()) {
            errors.push(format!("unknown step {id}"));
        }
    }
    for step in &fixture.steps {
        check_attempts(fixture, trace, step, &mut errors);
        check_state(fixture, trace, step, &mut errors);
        check_order(fixture, trace, (step, &by_id), &mut errors);
    }
    let wanted = fixture.expected.workflow.as_str();
    if wanted != "any" && trace.run != wanted {
        errors.push(format!("the run is {}, expected {wanted}", trace.run));
    }
    let limit = fixture.policy.max_parallel.unwrap_or(workers);
    let most = most_at_once(trace);
    if most > limit {
        errors.push(format!("{most} attempts at once, the limit is {limit}"));
    }
    errors
}

fn check_attempts(fixture: &Fixture, trace: &Trace, step: &Step, errors: &mut Vec<String>) {
    let id = &step.id;
    let tries = trace.attempts.get(id).map_or(&[][..], Vec::as_slice);
    let successes = tries.iter().filter(|t| t.succeeded).count();
    if successes > 1 {
        errors.push(format!("{id}: {successes} successes"));
    }
    if successes == 1 && !tries.last().is_some_and(|t| t.succeeded) {
        errors.push(format!("{id}: an attempt after its success"));
    }
    if tries.iter().any(|t| t.ended < t.started) {
        errors.push(format!("{id}: an attempt ends before it starts"));
    }
    if tries.windows(2).any(|pair| pair[1].started < pair[0].ended) {
        errors.push(format!("{id}: attempts overlap"));
    }
    if tries.len() > step.retries + 1 {
        errors.push(format!("{id}: {} attempts, allowed {}", tries.len(), step.retries + 1));
    }
    let plain = step.behaviour.is_none() && successes == 1;
    let wanted = fixture.expected.attempts.get(id).copied().or_else(|| plain.then_some(1));
    if let Some(wanted) = wanted.filter(|wanted| *wanted != tries.len()) {
        errors.push(format!("{id}: {} attempts, expected {wanted}", tries.len()));
    }
}

fn check_state(fixture: &Fixture, trace: &Trace, step: &Step, errors: &mut Vec<String>) {
    let id = &step.id;
    let Some(state) = trace.states.get(id).map(String::as_str) else {
        errors.push(format!("{id}: no state"));
        return;
    };
    let ended = ["succeeded", "failed", "skipped", "blocked", "cancelled"];
    if !ended.contains(&state) {
        errors.push(format!("{id}: never ended ({state})"));
    }
    let states = &fixture.expected.states;
    let wanted = states.get(id).or_else(|| states.get("*")).map_or("any", String::as_str);
    let not_run = ["skipped", "blocked", "cancelled"].contains(&state);
    let fits = match wanted {
        "any" => true,
        "not_run" => not_run,
        exact => state == exact,
    };
    if fixture.expected.mode == "exact" && !fits {
        errors.push(format!("{id}: {state}, expected {wanted}"));
    }
}

/// A step starts after its dependencies, and only if they let it.
fn check_order(
    fixture: &Fixture,
    trace: &Trace,
    (step, by_id): (&Step, &BTreeMap<&str, &Step>),
    errors: &mut Vec<String>,
) {
    let id = &step.id;
    let Some(first) = trace.attempts.get(id).and_then(|tries| tries.first()) else { return };
    let end_of = |dep: &String| trace.attempts.get(dep).and_then(|t| t.last()).map(|t| t.ended);
    if step.join.is_some() {
        if !step.deps.iter().filter_map(end_of).any(|end| end <= first.started) {
            errors.push(format!("{id}: started before any of its dependencies ended"));
        }
        return;
    }
    for dep in &step.deps {
        let state = trace.states.get(dep).map_or("missing", String::as_str);
        let skips =
            step.condition || by_id[dep.as_str()].condition || fixture.expected.mode != "exact";
        let lets = match state {
            "succeeded" => true,
            "failed" => by_id[dep.as_str()].may_fail(),
            "skipped" => skips,
            _ => false,
        };
        if !lets {
            errors.push(format!("{id}: ran although its dependency {dep} is {state}"));
        }
        if end_of(dep).is_some_and(|end| first.started < end) {
            errors.push(format!("{id}: started before its dependency {dep} ended"));
        }
    }
}

/// The largest number of attempts that ran at one moment.
pub(crate) fn most_at_once(trace: &Trace) -> usize {
    let tries = trace.attempts.values().flatten();
    let mut edges: Vec<(i64, i64)> = tries.flat_map(|t| [(t.started, 1), (t.ended, -1)]).collect();
    edges.sort_unstable();
    let mut now = 0_i64;
    let most = edges.iter().map(|(_, step)| {
        now += step;
        now
    });
    usize::try_from(most.max().unwrap_or(0)).unwrap()
}
