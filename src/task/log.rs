//! What steps print: one file per step or item in the run's folder, or a bounded store in memory
//! where there is no folder. Bytes are kept raw; who shows them escapes control characters.

use std::collections::{HashMap, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::shortage::{NO_FILE, is_one_of};
use crate::id::RunId;
use crate::plan::{NodeId, Plan};
use crate::run::ItemPath;
use crate::sync::{Mutex, lock};

/// The longest log of one attempt, in bytes; what comes after it is read and dropped.
pub const STEP_LOG_BYTES_MAX: u64 = 16 << 20;

/// What an engine without a data folder keeps of all logs, in bytes; the oldest logs go first.
pub const MEMORY_LOG_BYTES_MAX: usize = 8 << 20;

/// What one log keeps in memory while no file can be opened, in bytes.
const WAITING_BYTES_MAX: usize = 256 << 10;

/// The name of a unit's log: `step`, `step.item`, and inside a body `fan-out.step.item`; the steps
/// from the outermost to the innermost, then the items.
pub fn log_name(plan: &Plan, node: NodeId, items: &ItemPath) -> String {
    let steps = plan.line(node).into_iter().map(|id| plan.node(id).id.to_string());
    let items = items.indices().iter().map(u32::to_string);
    steps.chain(items).collect::<Vec<_>>().join(".")
}

/// Reads a log from a run's folder; empty where nothing was printed. Bytes that are no UTF-8 are
/// replaced.
///
/// # Errors
/// Where the file is there and cannot be read.
pub fn read_log(folder: &Path, name: &str) -> io::Result<String> {
    match fs::read(log_path(folder, name)) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error),
    }
}

/// The names of the logs in a run's folder, in order; none where there is no folder.
///
/// # Errors
/// Where the folder is there and cannot be read.
pub fn list_logs(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        if let Some(name) = name.to_str().and_then(|name| name.strip_suffix(".log")) {
            names.push(name.to_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn log_path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.log"))
}

/// Where the log of one attempt goes. Nothing is made before the first byte.
#[derive(Debug)]
pub(crate) struct StepLog {
    target: LogTarget,
    /// Over this many bytes the rest is dropped.
    bytes_max: u64,
    state: Mutex<LogState>,
}

#[derive(Debug)]
pub(crate) enum LogTarget {
    /// `<folder>/<name>.log`
    File { folder: Arc<Path>, name: String },
    /// The store in memory.
    Memory { logs: Arc<MemoryLogs>, run: RunId, name: String },
}

#[derive(Debug, Default)]
struct LogState {
    file: Option<File>,
    /// What waits until the machine has a descriptor for the file.
    waiting: Vec<u8>,
    /// Written before the first byte.
    heading: Option<String>,
    bytes: u64,
    /// The limit was reached, or the disk refused: nothing more is written.
    closed: bool,
}

impl StepLog {
    /// A log of the attempt with this number; attempts share a file, divided by a line.
    pub(crate) fn new(target: LogTarget, attempt: u32, bytes_max: u64) -> Self {
        let heading = (attempt > 1).then(|| format!("── attempt {attempt} ──\n"));
        let state = LogState { heading, ..LogState::default() };
        Self { target, bytes_max, state: Mutex::new(state) }
    }

    /// Adds bytes as they are.
    pub(crate) fn write(&self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let mut state = lock(&self.state);
        if state.closed {
            return;
        }
        let written = self.write_within(&mut state, bytes);
        if let Err(error) = written {
            state.closed = true;
            tracing::warn!(%error, "the log of a step cannot be written");
        }
    }

    fn write_within(&self, state: &mut LogState, bytes: &[u8]) -> io::Result<()> {
        if let Some(heading) = state.heading.take() {
            self.append(state, heading.as_bytes())?;
        }
        let room = usize::try_from(self.bytes_max - state.bytes).unwrap_or(usize::MAX);
        let kept = &bytes[..bytes.len().min(room)];
        self.append(state, kept)?;
        state.bytes += u64::try_from(kept.len()).unwrap_or(u64::MAX);
        if kept.len() < bytes.len() {
            state.closed = true;
            let note = format!("\n… truncated: a log holds {} bytes\n", self.bytes_max);
            self.append(state, note.as_bytes())?;
            state.file = None;
        }
        Ok(())
    }

    fn append(&self, state: &mut LogState, bytes: &[u8]) -> io::Result<()> {
        match &self.target {
            LogTarget::File { folder, name } => {
                let file = match &mut state.file {
                    Some(file) => file,
                    none => match open(folder, name) {
                        Ok(file) => none.insert(file),
                        Err(error) if state.waits_with(bytes, &error) => return Ok(()),
                        Err(error) => return Err(error),
                    },
                };
                file.write_all(&std::mem::take(&mut state.waiting))?;
                file.write_all(bytes)
            }
            LogTarget::Memory { logs, run, name } => {
                logs.append(*run, name, bytes);
                Ok(())
            }
        }
    }
}

impl LogState {
    /// Keeps bytes for which no file can be opened now, if that may change.
    fn waits_with(&mut self, bytes: &[u8], error: &io::Error) -> bool {
        let waits =
            is_one_of(NO_FILE, error) && self.waiting.len() + bytes.len() <= WAITING_BYTES_MAX;
        if waits {
            self.waiting.extend_from_slice(bytes);
        }
        waits
    }
}

impl Drop for StepLog {
    fn drop(&mut self) {
        let mut state = std::mem::take(&mut *lock(&self.state));
        if !state.waiting.is_empty() {
            let written = self.append(&mut state, &[]);
            if written.is_err() || !state.waiting.is_empty() {
                tracing::warn!(error = ?written.err(), "the log of a step is lost in part");
            }
        }
    }
}

fn open(folder: &Path, name: &str) -> io::Result<File> {
    let path = log_path(folder, name);
    let append = || OpenOptions::new().create(true).append(true).open(&path);
    match append() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(folder)?;
            append()
        }
        opened => opened,
    }
}

/// The logs of an engine without a data folder.
#[derive(Debug, Default)]
pub(crate) struct MemoryLogs(Mutex<MemoryState>);

#[derive(Debug, Default)]
struct MemoryState {
    logs: HashMap<(RunId, String), Vec<u8>>,
    /// Oldest first.
    order: VecDeque<(RunId, String)>,
    bytes: usize,
}

impl MemoryLogs {
    fn append(&self, run: RunId, name: &str, bytes: &[u8]) {
        let mut state = lock(&self.0);
        let key = (run, name.to_owned());
        if !state.logs.contains_key(&key) {
            state.order.push_back(key.clone());
        }
        state.logs.entry(key).or_default().extend_from_slice(bytes);
        state.bytes += bytes.len();
        while state.bytes > MEMORY_LOG_BYTES_MAX {
            let Some(oldest) = state.order.pop_front() else { break };
            let freed = state.logs.remove(&oldest).map_or(0, |log| log.len());
            state.bytes -= freed;
        }
    }

    /// The text of a log; empty where there is none.
    pub(crate) fn read(&self, run: RunId, name: &str) -> String {
        let state = lock(&self.0);
        let log = state.logs.get(&(run, name.to_owned()));
        log.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
    }

    /// The names of a run's logs, in order.
    pub(crate) fn list(&self, run: RunId) -> Vec<String> {
        let state = lock(&self.0);
        let mut names: Vec<String> =
            state.logs.keys().filter(|(of, _)| *of == run).map(|(_, name)| name.clone()).collect();
        names.sort_unstable();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::id::ShardId;

    fn file_log(folder: &Path, attempt: u32, bytes_max: u64) -> StepLog {
        let target = LogTarget::File { folder: Arc::from(folder), name: "a".to_owned() };
        StepLog::new(target, attempt, bytes_max)
    }

    #[test]
    fn attempts_follow_each_other_in_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("run");
        file_log(&run, 1, 100).write(b"first\n");
        file_log(&run, 2, 100).write(b"");
        file_log(&run, 3, 100).write(b"third\n");
        assert_eq!(read_log(&run, "a").unwrap(), "first\n── attempt 3 ──\nthird\n");
        assert_eq!(list_logs(&run).unwrap(), ["a"]);
        assert_eq!(read_log(&run, "b").unwrap(), "");
    }

    #[test]
    fn nothing_is_made_before_the_first_byte() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("run");
        file_log(&run, 1, 100).write(b"");
        assert!(!run.exists());
        assert!(list_logs(&run).unwrap().is_empty());
    }

    #[test]
    fn a_log_ends_at_its_limit_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let log = file_log(folder.path(), 1, 5);
        log.write(b"abc");
        log.write(b"defg");
        log.write(b"never");
        let text = read_log(folder.path(), "a").unwrap();
        assert_eq!(text, "abcde\n… truncated: a log holds 5 bytes\n");
    }

    #[test]
    fn the_store_in_memory_forgets_the_oldest() {
        let logs = Arc::new(MemoryLogs::default());
        let run = RunId::new(Timestamp::default(), ShardId::of(0));
        let half = vec![b'x'; MEMORY_LOG_BYTES_MAX / 2 + 1];
        for name in ["a", "b"] {
            let target = LogTarget::Memory { logs: Arc::clone(&logs), run, name: name.to_owned() };
            StepLog::new(target, 1, u64::MAX).write(&half);
        }
        assert_eq!(logs.read(run, "a"), "");
        assert_eq!(logs.read(run, "b").len(), half.len());
        assert_eq!(logs.list(run), ["b"]);
    }
}
