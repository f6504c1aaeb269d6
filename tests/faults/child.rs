//! Processes that die: this test program once more, playing one part, until it is killed or aborts.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{Child as Process, ChildStderr, Command, Stdio};
use std::time::Duration;

use crate::deaths;
use crate::log;
use crate::restart::{self, Way};
use crate::shown::{self, Sight};
use crate::spans::{self, Span};
use crate::volatile::{self, Story};

/// Names the part that a process plays.
const PART: &str = "WINDLASS_TEST_PART";
/// The data folder that it plays in.
const FOLDER: &str = "WINDLASS_TEST_FOLDER";
/// What a process tells its parent begins so.
const TOLD: &str = "told: ";
/// No part takes longer; a process that hangs ends, and its parent hears it.
const PART_WITHIN: Duration = Duration::from_secs(30);

/// What a process does in a folder.
pub(crate) type Part = fn(PathBuf) -> Pin<Box<dyn Future<Output = ()>>>;

/// Every part that a process can play, by name.
const PARTS: &[(&str, Part)] = &[
    ("retry-Failed", |place| Box::pin(restart::retry(place, Way::Failed))),
    ("retry-Start", |place| Box::pin(restart::retry(place, Way::Start))),
    ("retry-Step", |place| Box::pin(restart::retry(place, Way::Step))),
    ("retry-Replay", |place| Box::pin(restart::retry(place, Way::Replay))),
    ("retry-ReplayWith", |place| Box::pin(restart::retry(place, Way::ReplayWith))),
    ("see-Wait", |place| Box::pin(shown::see(place, Sight::Wait))),
    ("see-Status", |place| Box::pin(shown::see(place, Sight::Status))),
    ("see-List", |place| Box::pin(shown::see(place, Sight::List))),
    ("see-History", |place| Box::pin(shown::see(place, Sight::History))),
    ("see-Step", |place| Box::pin(shown::see(place, Sight::Step))),
    ("see-Events", |place| Box::pin(shown::see(place, Sight::Events))),
    ("wait-Sleep", |place| Box::pin(spans::wait(place, Span::Sleep))),
    ("wait-Retry", |place| Box::pin(spans::wait(place, Span::Retry))),
    ("wait-Timeout", |place| Box::pin(spans::wait(place, Span::Timeout))),
    ("wait-StartWithin", |place| Box::pin(spans::wait(place, Span::StartWithin))),
    ("go-on-Sleep", |place| Box::pin(spans::go_on(place, Span::Sleep))),
    ("go-on-Retry", |place| Box::pin(spans::go_on(place, Span::Retry))),
    ("go-on-Timeout", |place| Box::pin(spans::go_on(place, Span::Timeout))),
    ("go-on-StartWithin", |place| Box::pin(spans::go_on(place, Span::StartWithin))),
    ("die", |place| Box::pin(deaths::die(place))),
    ("hold-two", |place| Box::pin(deaths::hold_two(place))),
    ("end-many", |place| Box::pin(log::end_many(place))),
    ("fill", |place| Box::pin(log::fill(place))),
    ("volatile-Running", |place| Box::pin(volatile::live(place, Story::Running))),
    ("volatile-Succeeded", |place| Box::pin(volatile::live(place, Story::Succeeded))),
    ("volatile-Failing", |place| Box::pin(volatile::live(place, Story::Failing))),
    ("volatile-Failed", |place| Box::pin(volatile::live(place, Story::Failed))),
    ("volatile-Retrying", |place| Box::pin(volatile::live(place, Story::Retrying))),
    ("volatile-Retried", |place| Box::pin(volatile::live(place, Story::Retried))),
];

/// Does nothing, unless this process is one that [`Child::start`] has made.
#[test]
fn plays_a_part() {
    let (Ok(part), Some(folder)) = (std::env::var(PART), std::env::var_os(FOLDER)) else { return };
    let (_, play) = PARTS.iter().find(|(name, _)| *name == part).unwrap();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.unwrap().block_on(async {
        tokio::time::timeout(PART_WITHIN, play(folder.into())).await.unwrap();
    });
}

/// Tells the parent something, in one line.
pub(crate) fn tell(line: impl std::fmt::Display) {
    std::io::stderr().write_all(format!("{TOLD}{line}\n").as_bytes()).unwrap();
}

/// A process that plays a part.
#[derive(Debug)]
pub(crate) struct Child {
    process: Process,
    told: BufReader<ChildStderr>,
}

impl Child {
    /// Starts a part in a folder.
    pub(crate) fn start(part: &str, folder: &Path) -> Self {
        Self::start_by(Command::new(std::env::current_exe().unwrap()), part, folder)
    }

    /// Starts a part by a command that ends in this program: a shell that has set a limit, or one
    /// with other variables.
    pub(crate) fn start_by(mut command: Command, part: &str, folder: &Path) -> Self {
        command.args(["--exact", "child::plays_a_part", "--nocapture"]);
        command.env(PART, part).env(FOLDER, folder).stdin(Stdio::null());
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let told = BufReader::new(process.stderr.take().unwrap());
        Self { process, told }
    }

    /// The next line that it tells; `None` when it has ended.
    pub(crate) fn next(&mut self) -> Option<String> {
        loop {
            let mut line = String::new();
            if self.told.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            // The test harness may have written into the same line before.
            if let Some((_, told)) = line.split_once(TOLD) {
                return Some(told.trim_end().to_owned());
            }
            std::io::stderr().write_all(line.as_bytes()).unwrap();
        }
    }

    /// Ends it as `kill -9` does.
    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// All that it tells until it ends by itself.
    pub(crate) fn rest(mut self) -> Vec<String> {
        let told = std::iter::from_fn(|| self.next()).collect();
        self.process.wait().unwrap();
        told
    }
}
