//! `run`: a command in a process group of its own. The group is the step's: whatever is left of it
//! when the command ends, or when the attempt is dropped, is killed.

mod capture;
mod job;
mod output;
mod process;

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;

use super::error::{failure, invalid};
use super::executor::Shared;
use super::{Attempt, AttemptFuture, FAILURE_BYTES_MAX};
use crate::definition::ErrorClass;
use crate::payload::Payload;
use crate::plan::{CommandPlan, Verb};
use crate::run::Failure;

use capture::{Kept, Sink};
use job::Job;

/// The future that runs the command of the attempt's step.
pub(super) fn start(shared: Arc<Shared>, attempt: Attempt) -> AttemptFuture {
    Box::pin(async move {
        let plan = attempt.plan.clone();
        match &plan.nodes[attempt.unit.node.index()].verb {
            Verb::Run(command) => run(&shared, attempt, command).await,
            Verb::Task(_) | Verb::Http(_) | Verb::Sleep(_) | Verb::Body => {
                Err(invalid("the step has no command"))
            }
        }
    })
}

async fn run(
    shared: &Shared,
    mut attempt: Attempt,
    command: &CommandPlan,
) -> Result<Payload, Failure> {
    if let Some(reason) = attempt.cancel.reason() {
        return Err(reason.failure());
    }
    let cancel = attempt.cancel.clone();
    let begun = async {
        let mut job = Job::prepare(shared, &mut attempt, command).await?;
        let running = job.spawn().await?;
        Ok::<_, Failure>((job, running))
    };
    let (job, running) = tokio::select! {
        begun = begun => begun?,
        reason = cancel.wait() => return Err(reason.failure()),
    };
    let log = shared.step_log(&attempt);
    let mut out = Sink::new(&log, &job.masks, output::kept(&command.output));
    let mut err = Sink::new(&log, &job.masks, Kept::last(FAILURE_BYTES_MAX));
    let ended = process::drive(running, (&mut out, &mut err), &cancel, &shared.limits)
        .await
        .map_err(|error| failure(ErrorClass::Named("io".into()), error))?;
    let (out, err) = (out.finish(), err.finish());
    let result = match ended.stopped {
        Some(reason) => Err(reason.failure()),
        None => succeeded(ended.status, &err)
            .and_then(|()| output::read(&command.output, &out, job.file.as_deref())),
    };
    if job.masks.is_empty() { result } else { job.masks.hide(result) }
}

/// Whether the command has succeeded; if not, its exit code and its last words.
fn succeeded(status: ExitStatus, err: &Kept) -> Result<(), Failure> {
    if status.success() {
        return Ok(());
    }
    let words = err.last_lines();
    let signal = status.signal();
    let code = signal.map_or_else(|| status.code().unwrap_or(-1), |signal| 128 + signal);
    let message = match (signal, words.as_str()) {
        (Some(signal), "") => format!("ended by signal {signal}"),
        (Some(signal), words) => format!("ended by signal {signal}\n{words}"),
        (None, "") => format!("exit code {code}"),
        (None, words) => words.to_owned(),
    };
    Err(failure(ErrorClass::Exit(code), message))
}

#[cfg(test)]
mod tests;
