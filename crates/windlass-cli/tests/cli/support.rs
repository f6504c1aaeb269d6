//! A folder to work in, the binary to call, and answers that are the same every time.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A folder of its own with the binary to call in it.
#[derive(Debug)]
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    /// An empty folder.
    pub(crate) fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Reads a file.
    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap()
    }

    /// The binary with arguments, in the folder, in an environment that is the same everywhere.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_windlass"));
        command.args(arguments.split_whitespace()).current_dir(self.path()).stdin(Stdio::null());
        for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI", "WINDLASS_DATA", "RUST_LOG"] {
            command.env_remove(name);
        }
        command.env("TZ", "UTC");
        command
    }

    /// Calls the binary.
    pub(crate) fn call(&self, arguments: &str) -> Answer {
        Answer::of(&self.command(arguments).output().unwrap())
    }
}

/// What a call gave.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The exit code.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

impl Answer {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// All of it, with times and ids made the same.
    pub(crate) fn shown(&self) -> String {
        let mut shown = format!("exit {}\n", self.code);
        for (name, text) in [("stdout", &self.out), ("stderr", &self.err)] {
            if !text.is_empty() {
                write!(shown, "── {name}\n{}", redact(text)).unwrap();
            }
        }
        shown
    }

    /// Panics with everything unless the code is this.
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        self
    }
}

/// Times become zeros, run ids become `ID`, trailing blanks go.
pub(crate) fn redact(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let words = line.split(' ').map(redact_word).collect::<Vec<_>>().join(" ");
        writeln!(out, "{}", words.trim_end()).unwrap();
    }
    out
}

/// As [`redact`], and ages and the beginnings of ids too; columns become words.
pub(crate) fn redact_table(text: &str) -> String {
    let is_id = |w: &str| w.len() == 8 && w.bytes().all(|b| b.is_ascii_hexdigit());
    let is_age = |w: &str| {
        w.strip_suffix("ms")
            .or_else(|| w.strip_suffix('s'))
            .is_some_and(|n| n.parse::<f64>().is_ok())
    };
    let mut out = String::new();
    for line in redact(text).lines() {
        let word = |w| {
            if is_id(w) {
                "ID"
            } else if is_age(w) {
                "AGE"
            } else {
                w
            }
        };
        writeln!(out, "{}", line.split_whitespace().map(word).collect::<Vec<_>>().join(" "))
            .unwrap();
    }
    out
}

fn redact_word(word: &str) -> String {
    let core = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let hyphens = core.bytes().filter(|b| *b == b'-').count();
    let hex = |s: &str| s.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    if (core.len() == 36 && hyphens == 4 || core.len() == 13 && hyphens == 1) && hex(core) {
        return word.replace(core, "ID");
    }
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if core.len() == 10 && core.split('-').count() == 3 && core.split('-').all(digits) {
        return word.replace(core, "DATE");
    }
    if core.len() == 8 && core.split(':').count() == 3 && core.split(':').all(digits) {
        return word.replace(core, "TIME");
    }
    let seconds = core.strip_suffix('s').unwrap_or("");
    if seconds.contains('.') && seconds.parse::<f64>().is_ok() {
        return word.replace(core, "0.000s");
    }
    word.to_owned()
}

/// One JSON value a line.
pub(crate) fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The only run's id.
pub(crate) fn only_run(place: &Place) -> String {
    lines(&place.call("runs --json").code(0).out)[0]["id"].as_str().unwrap().to_owned()
}
