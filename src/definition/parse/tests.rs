use expect_test::{Expect, expect};

use super::*;
use crate::definition::{Format, render};

/// The problems of a text, as a person sees them.
fn check(text: &str, expected: Expect) {
    let problems = parse("flow.toml", text).diagnostics;
    expected.assert_eq(&render("flow.toml", text, &problems, Format::Human { color: false }));
}

/// The messages only, with code, place and help.
fn check_lines(text: &str, expected: Expect) {
    let problems = parse("flow.toml", text).diagnostics;
    let told = problems.iter().map(|problem| {
        let place = &text[problem.span.clone()];
        let help = problem.help.as_deref().map(|help| format!(" -> {help}")).unwrap_or_default();
        format!("{} at {place:?}: {}{help}\n", problem.code, problem.message)
    });
    expected.assert_eq(&told.collect::<String>());
}

/// The problems of one step `a`.
fn check_step(keys: &str, expected: Expect) {
    check_lines(&format!("[steps.a]\n{keys}"), expected);
}

mod graph;
mod limits;
mod reading;
mod retry;
mod step;
mod top;
mod verb;
