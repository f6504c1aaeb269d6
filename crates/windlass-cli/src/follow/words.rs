//! The lines that the terminal shows, as cargo-nextest has taught it: a word, a time, a thing.

use std::time::Duration;

use windlass::run::RunState;

use crate::plain;
use crate::style::{BAD, DIM, LIVE, OK, WARN, paint};

use super::happened::{Cause, Happened, Place, What};
use super::report::Report;

/// The width of the word at the start of a line.
const WORD: usize = 12;

/// The longest message on a line, in characters.
const MESSAGE_CHARS: usize = 160;

/// A word, right-aligned, in its style.
pub(crate) fn word(style: anstyle::Style, word: &str) -> String {
    paint(style, format!("{word:>WORD$}"))
}

/// `[   0.121s]`
pub(crate) fn took(span: Duration) -> String {
    format!("[{:>8.3}s]", span.as_secs_f64())
}

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Detail {
    /// Only what went wrong.
    Little,
    /// What ended.
    Normal,
    /// Also what starts, and every item.
    Much,
}

/// The permanent line for something that happened, if it deserves one.
pub(crate) fn line(happened: &Happened, detail: Detail) -> Option<String> {
    let (needed, text) = sentence(happened)?;
    (detail >= needed).then_some(text)
}

fn sentence(happened: &Happened) -> Option<(Detail, String)> {
    use Detail::{Little, Much, Normal};
    let each = |place: &Place| if place.item.is_some() { Much } else { Normal };
    Some(match &happened.what {
        What::Began | What::Ended { .. } => return None,
        What::Stops { reason } => {
            (Little, format!("{} {}", word(WARN, "STOPPING"), plain::line(reason)))
        }
        What::Started { place, attempt } => {
            let again = if *attempt > 1 { format!(" attempt {attempt}") } else { String::new() };
            (Much, format!("{} {place}{again}", word(DIM, "START")))
        }
        What::Waits { place, until } => {
            let wait = span(until.since(happened.at));
            (Much, format!("{} {place} {}", word(DIM, "SLEEP"), paint(DIM, wait)))
        }
        What::FannedOut { step, items } => (
            Much,
            format!("{} {step} · {}", word(DIM, "EACH"), crate::source::count(*items, "item")),
        ),
        What::Succeeded { place, attempts, took: span } => {
            (each(place), format!("{} {} {place}{}", word(OK, "OK"), took(*span), tries(*attempts)))
        }
        What::Retries { place, attempt, cause, due } => {
            let wait = span(due.since(happened.at));
            let text = format!("attempt {attempt} · {} · waiting {wait}", brief(cause));
            (Normal, format!("{} {place} {text}", word(WARN, "RETRY")))
        }
        What::Failed { place, attempts, took: span, cause, allowed } => {
            let (style, note) = if *allowed { (WARN, " (allowed)") } else { (BAD, "") };
            let head = format!("{} {} {place}", word(style, "FAILED"), took(*span));
            (Little, format!("{head}{}{note} · {}", tries(*attempts), brief(cause)))
        }
        What::Skipped { place, reason } => (
            each(place),
            format!("{} {place} {}", word(DIM, "SKIPPED"), paint(DIM, plain::line(reason))),
        ),
        What::Blocked { place, by } => (
            each(place),
            format!("{} {place} {}", word(WARN, "BLOCKED"), paint(DIM, format!("needs {by}"))),
        ),
        What::Cancelled { place } => (each(place), format!("{} {place}", word(DIM, "CANCELLED"))),
        What::Parked { place } => {
            (Little, format!("{} {place} waits for a person", word(WARN, "PARKED")))
        }
        What::Interrupted { place } => {
            (Normal, format!("{} {place} will run again", word(WARN, "INTERRUPTED")))
        }
    })
}

fn tries(attempts: u32) -> String {
    if attempts > 1 { paint(DIM, format!(" ({attempts} attempts)")) } else { String::new() }
}

/// Class and message on one line; the class is left out where the message says it.
pub(crate) fn brief(cause: &Cause) -> String {
    let message = plain::summary(&cause.message, MESSAGE_CHARS);
    let class = cause.class.replace('_', " ");
    if message.is_empty() {
        return class;
    }
    let said = if class.starts_with("exit:") { "exit code" } else { class.as_str() };
    if message.contains(said) { message } else { format!("{class}: {message}") }
}

/// `400ms`, `2.5s`, `3m 20s`
pub(crate) fn span(span: Duration) -> String {
    let millis = (span.as_micros() + 500) / 1_000;
    match millis {
        0..1_000 => format!("{millis}ms"),
        1_000..60_000 => {
            let text = format!("{:.1}s", span.as_secs_f64());
            text.replace(".0s", "s")
        }
        _ => {
            let seconds = span.as_secs();
            let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
            let (minutes, seconds) = (seconds / 60 % 60, seconds % 60);
            match (days, hours) {
                (0, 0) => format!("{minutes}m {seconds}s"),
                (0, _) => format!("{hours}h {minutes}m"),
                _ => format!("{days}d {hours}h"),
            }
        }
    }
}

/// The last lines: how it ended, why, and what to do next.
pub(crate) fn ending(report: &Report) -> String {
    let (style, name) = match report.state {
        RunState::Succeeded => (OK, "Done"),
        RunState::Failed => (BAD, "Failed"),
        RunState::Damaged => (BAD, "Damaged"),
        RunState::Cancelled => (WARN, "Cancelled"),
        RunState::Parked => (WARN, "Parked"),
        RunState::Paused => (WARN, "Paused"),
        RunState::Pending => (LIVE, "Pending"),
        RunState::Running => (LIVE, "Unfinished"),
    };
    let head = format!("{} {} {}", word(style, name), took(report.took), report.counts);
    let mut lines = vec![paint(DIM, "─".repeat(48)), head];
    if let Some(cause) = report.failure.as_ref().filter(|_| report.failures.is_empty()) {
        lines.push(format!("  {}", brief(cause)));
    }
    for failed in report.failures.iter().take(FAILURES_SHOWN) {
        let attempts = failed.attempts;
        let tries = format!("({attempts} attempt{})", if attempts == 1 { "" } else { "s" });
        let place = paint(if failed.allowed { WARN } else { BAD }, &failed.place);
        lines.push(format!("  {place}: {} {}", brief(&failed.cause), paint(DIM, tries)));
        lines.extend(
            failed.log.iter().map(|l| format!("    {} {}", paint(DIM, "│"), plain::line(l))),
        );
    }
    if report.failures.len() > FAILURES_SHOWN {
        lines.push(paint(DIM, format!("  … and {} more", report.failures.len() - FAILURES_SHOWN)));
    }
    for (step, why) in report.blocked.iter().take(FAILURES_SHOWN) {
        lines.push(format!("  {} {step}: {why}", paint(DIM, "why blocked:")));
    }
    if !report.next.is_empty() {
        let next: Vec<String> = report.next.iter().map(|n| format!("→ {n}")).collect();
        lines.push(format!("  {}", next.join("      ")));
    }
    lines.join("\n")
}

/// So many failed steps are shown in full.
const FAILURES_SHOWN: usize = 8;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Cause, brief, span};

    #[test]
    fn spans_are_short() {
        let shown = [0, 400, 1_000, 2_540, 59_999, 61_000, 3_720_000, 90_000_000]
            .map(|ms| span(Duration::from_millis(ms)));
        assert_eq!(shown, ["0ms", "400ms", "1s", "2.5s", "60s", "1m 1s", "1h 2m", "1d 1h"]);
    }

    #[test]
    fn a_cause_does_not_say_things_twice() {
        let cause = |class: &str, message: &str| {
            brief(&Cause { class: class.into(), message: message.into() })
        };
        assert_eq!(cause("exit:3", "exit code 3"), "exit code 3");
        assert_eq!(cause("server_error", "http 503 from x"), "server error: http 503 from x");
        assert_eq!(cause("timeout", ""), "timeout");
        assert_eq!(cause("panic", "panic: a\u{1b}[2J"), "panic: a\\u{1b}[2J");
    }
}
