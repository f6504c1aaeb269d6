//! Warns of times that cannot fit into each other, and limits the number of queues.

use std::collections::HashSet;
use std::time::Duration;

use super::check::Check;
use super::steps::{StepIndex, Steps};
use crate::definition::{
    Definition, Delay, Diagnostic, RetryRule, Span, Spanned, VerbDefinition, format_duration,
    parse_duration,
};

/// The most queues that one workflow names, the default one apart.
const QUEUES_MAX: usize = 1_000;

/// Reports times that contradict each other, once at each place.
pub(super) fn check(definition: &Definition, steps: &Steps<'_>, check: &mut Check<'_>) {
    let mut told: HashSet<Span> = HashSet::new();
    for index in 0..steps.all.len() {
        for problem in problems(definition.timeout.as_ref(), steps, index) {
            if told.insert(problem.span.clone()) {
                check.report(problem);
            }
        }
    }
    check_queues(steps, check);
}

fn problems(
    run: Option<&Spanned<Duration>>,
    steps: &Steps<'_>,
    index: StepIndex,
) -> Vec<Diagnostic> {
    let step = steps.all[index].definition;
    let owner = || format!("step `{}`", steps.path(index));
    let mut found = Vec::new();
    if let Some(run) = run {
        let mut against = |name: &str, time: Duration, span: &Span| {
            if time > run.value {
                found.push(longer(&format!("{}: `{name}`", owner()), time, span, run));
            }
        };
        if let Some(timeout) = &step.timeout {
            against("timeout", timeout.value, &timeout.span);
        }
        if let Some(within) = &step.start_within {
            against("start_within", within.value, &within.span);
        }
        if let VerbDefinition::Sleep(text) = &step.verb
            && let Ok(time) = parse_duration(&text.value)
        {
            against("sleep", time, &text.span);
        }
    }
    let timeout = step.timeout.as_ref().map(|timeout| timeout.value);
    found.extend(step.retry.iter().filter_map(|rule| rule_problem(rule, timeout, &owner)));
    found
}

fn longer(what: &str, time: Duration, span: &Span, run: &Spanned<Duration>) -> Diagnostic {
    let (time, whole) = (format_duration(time), format_duration(run.value));
    let told = format!("{what} of {time} cannot fit: the whole run has {whole}");
    Diagnostic::warning("timeout-cannot-fit", told, span.clone())
        .label("longer than the run")
        .related(run.span.clone(), "the whole run")
        .help("shorten it, or give the run more time")
}

fn rule_problem(
    rule: &RetryRule,
    timeout: Option<Duration>,
    owner: &impl Fn() -> String,
) -> Option<Diagnostic> {
    let within = rule.within?;
    let delay = match rule.delay {
        Delay::Of(delay) => delay.min(rule.longest_delay()),
        Delay::RetryAfter => Duration::ZERO,
    };
    let whole = format_duration(within);
    let told = match timeout {
        Some(timeout) if timeout > within => {
            let timeout = format_duration(timeout);
            format!("{}: one try has {timeout}, but all of them together {whole}", owner())
        }
        Some(_) | None if rule.attempts > 1 && delay > within => {
            let delay = format_duration(delay);
            format!("{}: the second try is {delay} later, but all tries have {whole}", owner())
        }
        Some(_) | None => return None,
    };
    let problem = Diagnostic::warning("timeout-cannot-fit", told, rule.span.clone());
    Some(problem.label("`within` bounds all tries together").help("raise `within`"))
}

fn check_queues(steps: &Steps<'_>, check: &mut Check<'_>) {
    let mut queues = HashSet::new();
    for step in &steps.all {
        let Some(queue) = &step.definition.queue else { continue };
        if queues.insert(&queue.value) && queues.len() > QUEUES_MAX {
            let told = format!("the workflow names more than {QUEUES_MAX} queues");
            let problem = Diagnostic::error("too-many-queues", told, queue.span.clone());
            check.report(problem.label("one too many"));
            return;
        }
    }
}
