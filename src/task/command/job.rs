//! A command, ready to be started.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::process::Running;
use crate::definition::{ErrorClass, SecretSource};
use crate::plan::{CommandPlan, Output, Program};
use crate::run::Failure;
use crate::task::Attempt;
use crate::task::context::default_key;
use crate::task::error::{failure, invalid};
use crate::task::executor::{Shared, idempotency_key, names_of};
use crate::task::place::Place;
use crate::task::render::Rendering;
use crate::task::secret::Masks;
use crate::task::shortage::{NO_FILE, NO_PROCESS, patient};

/// All that a command needs, rendered.
pub(super) struct Job {
    command: Command,
    /// Its program, for messages.
    program: String,
    current: PathBuf,
    stdin: Option<Vec<u8>>,
    /// The file that `output.file` names.
    pub(super) file: Option<PathBuf>,
    pub(super) masks: Masks,
}

impl Job {
    /// Renders the command of the attempt.
    ///
    /// # Errors
    /// Where a template or a secret cannot be had, or no work folder be made.
    pub(super) async fn prepare(
        shared: &Shared,
        attempt: &mut Attempt,
        plan: &CommandPlan,
    ) -> Result<Self, Failure> {
        let names = names_of(attempt);
        let rendering = Rendering::prepare(attempt, names)?;
        let place =
            patient(("a work folder", NO_FILE), || Place::prepare(attempt, &shared.scratch));
        let place = place.await.map_err(|error| {
            failure(ErrorClass::Named("io".into()), format_args!("no work folder: {error}"))
        })?;
        let (mut command, program) = command(&plan.program, &rendering, &place)?;
        let stdin = plan.stdin.as_ref().map(|template| rendering.text(template)).transpose()?;
        command.current_dir(&place.current).process_group(0).kill_on_drop(true);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.stdin(if stdin.is_some() { Stdio::piped() } else { Stdio::null() });
        environment(&mut command, attempt, &rendering, &place)?;
        for (name, template) in &plan.env {
            command.env(name, rendering.text(template)?);
        }
        let file = match &plan.output {
            Output::File(template) => Some(place.current.join(rendering.text(template)?)),
            Output::Default | Output::Json | Output::Text | Output::Lines | Output::None => None,
        };
        let masks = rendering.into_masks();
        let stdin = stdin.map(String::into_bytes);
        Ok(Self { command, program, current: place.current, stdin, file, masks })
    }

    /// Starts the command.
    ///
    /// # Errors
    /// Where there is no such program, or the system refuses.
    pub(super) async fn spawn(&mut self) -> Result<Running, Failure> {
        // Not on a want of memory or of watches: that may be told after the command has begun.
        match patient(("a command", NO_PROCESS), || self.command.spawn()).await {
            Ok(child) => Ok(Running::new(child, self.stdin.take())),
            Err(error) => Err(refused(&error, &self.program, &self.current)),
        }
    }
}

/// The command without its surroundings, and the name of its program.
fn command(
    program: &Program,
    rendering: &Rendering,
    place: &Place,
) -> Result<(Command, String), Failure> {
    match program {
        Program::Shell(template) => {
            let mut command = Command::new("sh");
            command.args(["-c", "--"]).arg(rendering.shell(template)?);
            Ok((command, "sh".to_owned()))
        }
        Program::Argv(templates) => {
            let words = templates.iter().map(|template| rendering.text(template));
            let words = words.collect::<Result<Vec<_>, _>>()?;
            let (program, arguments) = words
                .split_first()
                .filter(|(program, _)| !program.is_empty())
                .ok_or_else(|| invalid("the command has no program"))?;
            // Without a slash it is looked for in PATH; with one, beside the workflow.
            let mut command = if program.contains('/') {
                Command::new(place.home.join(program))
            } else {
                Command::new(program)
            };
            command.args(arguments);
            Ok((command, program.clone()))
        }
    }
}

/// What each command is told by its environment. It inherits the engine's, but not the variables
/// that hold secrets: those it gets where the step's `env` says so.
fn environment(
    command: &mut Command,
    attempt: &Attempt,
    rendering: &Rendering,
    place: &Place,
) -> Result<(), Failure> {
    for (_, source) in &attempt.plan.secrets {
        match source {
            SecretSource::Env(variable) => command.env_remove(variable),
            SecretSource::File(_) => command,
        };
    }
    let key = idempotency_key(attempt, rendering)?.unwrap_or_else(|| default_key(attempt));
    command
        .env("IDEMPOTENCY_KEY", &*key)
        .env("WINDLASS_RUN", attempt.run.to_string())
        .env("WINDLASS_STEP", attempt.step().id.as_str())
        .env("WINDLASS_ATTEMPT", attempt.attempt.to_string())
        .env("WINDLASS_DIR", &place.home)
        .env("WINDLASS_WORK", &place.work);
    match attempt.item() {
        Some(item) => command.env("WINDLASS_ITEM", item.to_string()),
        None => command.env_remove("WINDLASS_ITEM"),
    };
    Ok(())
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the list is the system's, and open")]
fn refused(error: &io::Error, program: &str, current: &Path) -> Failure {
    let exit = |code: i32, text: String| failure(ErrorClass::Exit(code), text);
    match error.kind() {
        io::ErrorKind::NotFound if !current.is_dir() => {
            invalid(format_args!("the folder `{}` is not there", current.display()))
        }
        io::ErrorKind::NotFound => exit(127, format!("program `{program}` was not found")),
        io::ErrorKind::PermissionDenied => {
            exit(126, format!("program `{program}` may not be executed: {error}"))
        }
        io::ErrorKind::ArgumentListTooLong => invalid(format_args!(
            "the arguments and environment of `{program}` are too large for the system: hand large \
             values over by `stdin` or in a file"
        )),
        io::ErrorKind::InvalidInput => {
            invalid("an argument or a variable of the environment holds a NUL character")
        }
        _ if error.raw_os_error() == Some(NO_FORMAT) => exit(
            126,
            format!("`{program}` is no program: a script begins with a line such as `#!/bin/sh`"),
        ),
        _ => failure(
            ErrorClass::Named("io".into()),
            format_args!("`{program}` cannot be started: {error}"),
        ),
    }
}

/// `ENOEXEC`
const NO_FORMAT: i32 = 8;
