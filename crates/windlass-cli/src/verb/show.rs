//! `windlass show`: one run with all its steps.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use windlass::clock::Clock;
use windlass::run::{RunHistory, StepHistory, StepState};
use windlass::{DeadLetter, DeadLetterFilter, Engine};

use crate::args::{Common, Data};
use crate::exit::{Exit, Problem};
use crate::follow::story;
use crate::follow::words::{self, word};
use crate::plain::add;
use crate::style::{BAD, BOLD, DIM, LIVE, OK, WARN, paint};
use crate::{door, output, plain, runtime, source, trace, when};

/// Show a run: its state, steps, attempts, input and output
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The run's id, or the beginning of it
    run: String,
    /// All that is known, as JSON
    #[arg(long)]
    json: bool,
    /// Write every attempt as JSON lines to this file
    #[arg(long, value_name = "F.jsonl")]
    trace: Option<PathBuf>,
    #[command(flatten)]
    data: Data,
}

pub(crate) fn act(args: &ShowArgs, common: Common) -> Result<Exit, Problem> {
    runtime::block_on(common, async {
        let engine = door::look(&args.data.folder).await?;
        let found = find(args, &engine).await;
        door::close(&engine).await?;
        let (history, letters) = found?;
        if let Some(path) = &args.trace {
            trace::write(path, &trace::lines(&history, &letters, false))?;
        }
        if args.json {
            output::print_raw(&object(&history).to_string())?;
        } else {
            output::print(&text(&history, args, common))?;
        }
        Ok(Exit::Done)
    })
}

async fn find(args: &ShowArgs, engine: &Engine) -> Result<(RunHistory, Vec<DeadLetter>), Problem> {
    let run = door::find_run(engine, &args.run).await?.id;
    let filter = DeadLetterFilter { run: Some(run), ..DeadLetterFilter::default() };
    Ok((engine.history(run).await?, engine.dead_letters().list(&filter).await?))
}

fn object(history: &RunHistory) -> Value {
    let mut object = json!({ "v": 1 });
    if let (Value::Object(to), Ok(Value::Object(from))) =
        (&mut object, serde_json::to_value(history))
    {
        to.extend(from);
        // Times as RFC 3339, like everywhere else.
        for (name, at) in [
            ("accepted", Some(history.accepted)),
            ("began", history.began),
            ("ended", history.ended),
        ] {
            to.insert(name.into(), json!(at.map(|at| at.to_string())));
        }
    }
    object
}

fn text(history: &RunHistory, args: &ShowArgs, common: Common) -> String {
    let steps = source::count(history.steps.len(), "step");
    let mut out = format!("{} · run {} · {steps}\n", paint(BOLD, &history.workflow), history.id);
    let mut fact = |name: &str, value: String| {
        add(&mut out, format_args!("{} {value}\n", paint(DIM, format!("{name:>12}"))));
    };
    let by = format!("{} by {}", when::local(history.accepted), plain::line(&history.started_by));
    fact("accepted", by);
    if let Some(ended) = history.ended {
        fact("ended", when::local(ended));
    }
    if history.attempt > 1 {
        fact("attempt", history.attempt.to_string());
    }
    if let Some(reason) = &history.cancelled {
        fact("cancelled", plain::line(reason).into_owned());
    }
    let chars = if common.verbose > 0 { usize::MAX } else { PAYLOAD_CHARS };
    fact("input", plain::cut(&plain::line(history.input.as_str()), chars));
    if let Some(payload) = &history.output {
        fact("output", plain::cut(&plain::line(payload.as_str()), chars));
    }
    out.push('\n');
    for step in &history.steps {
        step_lines(step, "", common, &mut out);
    }
    let report = story::report(history, &args.data.folder, Clock::system().now());
    add(&mut out, format_args!("{}\n", words::ending(&report)));
    out
}

/// So much of an input or output is shown without -v.
const PAYLOAD_CHARS: usize = 160;

fn step_lines(step: &StepHistory, prefix: &str, common: Common, out: &mut String) {
    let name = format!("{prefix}{}", step.id);
    let span = step
        .attempts
        .iter()
        .map(|a| a.started)
        .min()
        .zip(step.attempts.iter().filter_map(|a| a.ended).max());
    let took =
        span.map_or_else(String::new, |(from, to)| format!(" {}", words::took(to.since(from))));
    let mut notes = Vec::new();
    if let Some(items) = &step.items {
        notes.push(format!("{} of {} items", items.succeeded, items.total));
    }
    let tries = step.attempts.iter().map(|a| a.attempt).max().unwrap_or(0);
    if tries > 1 {
        notes.push(format!("{tries} attempts"));
    }
    if step.allowed {
        notes.push("allowed".to_owned());
    }
    notes.extend(step.reason.as_deref().map(|reason| plain::line(reason).into_owned()));
    notes.extend(step.error.as_ref().map(|error| plain::summary(&error.message, 100)));
    let notes =
        if notes.is_empty() { String::new() } else { format!(" · {}", notes.join(" · ")) };
    add(out, format_args!("{}{took} {name}{}\n", state(step), paint(DIM, notes)));
    if common.verbose > 0 {
        for attempt in &step.attempts {
            let item = attempt.item.map_or_else(String::new, |item| format!("[{item}]"));
            let at = when::local(attempt.started);
            let error = attempt.error.as_ref().map_or("", |error| error.message.as_ref());
            let text = format!(
                "{name}{item} attempt {} at {at} {}",
                attempt.attempt,
                plain::summary(error, 80)
            );
            add(out, format_args!("{:13}{}\n", "", paint(DIM, text)));
        }
    }
    for inner in &step.steps {
        step_lines(inner, &format!("{name}."), common, out);
    }
}

fn state(step: &StepHistory) -> String {
    match step.state {
        StepState::Succeeded => word(OK, "OK"),
        StepState::Failed if step.allowed => word(WARN, "FAILED"),
        StepState::Failed => word(BAD, "FAILED"),
        StepState::Skipped => word(DIM, "SKIPPED"),
        StepState::Blocked => word(WARN, "BLOCKED"),
        StepState::Cancelled => word(DIM, "CANCELLED"),
        StepState::Parked => word(WARN, "PARKED"),
        StepState::Pending => word(DIM, "PENDING"),
        StepState::Ready => word(LIVE, "READY"),
        StepState::Running => word(LIVE, "RUNNING"),
        StepState::Retrying => word(WARN, "RETRYING"),
        StepState::Waiting => word(LIVE, "WAITING"),
    }
}
