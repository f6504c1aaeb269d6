//! How the command ends: exit codes, and the sentence that goes with a bad one.

use std::fmt;
use std::io;
use std::process::ExitCode;

/// The exit codes, one meaning each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: done.
    Done,
    /// 1: the run failed, or the machine did not let us.
    Failed,
    /// 2: the command line, the input or a flag does not fit.
    Usage,
    /// 3: the workflow is invalid.
    Invalid,
    /// 4: there is no such thing.
    Missing,
    /// 6: the run's time was up.
    TimedOut,
    /// 130: interrupted.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Invalid => 3,
            Exit::Missing => 4,
            Exit::TimedOut => 6,
            Exit::Interrupted => 130,
        })
    }
}

/// Why a verb could not do its work: what, and what to do about it.
#[derive(Debug)]
pub(crate) struct Problem {
    /// The exit code.
    pub(crate) exit: Exit,
    /// A lowercase fragment; empty: all has been said already.
    pub(crate) message: String,
    /// What to do.
    pub(crate) help: Option<String>,
}

impl Problem {
    /// A problem with its exit code.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), help: None }
    }

    /// The command line, or something that it names, does not fit.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// There is no such thing.
    pub(crate) fn missing(message: impl Into<String>) -> Self {
        Self::new(Exit::Missing, message)
    }

    /// The machine or the run did not let us.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, message)
    }

    /// Everything has been printed already.
    pub(crate) fn silent(exit: Exit) -> Self {
        Self::new(exit, "")
    }

    /// With what to do.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Writing to standard output failed. Who closed the pipe has seen enough: that is no error.
impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::silent(Exit::Done);
        }
        Self::failed(format!("standard output cannot be written: {error}"))
    }
}
