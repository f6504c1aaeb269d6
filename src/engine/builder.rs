//! Configuring an engine.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;

use super::{Eager, Engine, launch, limits};
use crate::definition::{
    Diagnostic, Durability, QUEUE_DEFAULT, QueueSettings, RetentionKeys, Severity, WORKERS_MAX,
    WhenFull, Workflow, parse_settings,
};
use crate::error::{Error, InvalidWorkflow};
use crate::id::{Name, RunId};
use crate::plan::{KnownTasks, Loaded, Plan, load};
use crate::task::{Handler, Registry};

/// What an engine is made of. Made by [`Engine::builder`].
#[derive(Debug, Default)]
pub struct EngineBuilder {
    pub(super) folder: Option<PathBuf>,
    pub(super) durability: Durability,
    pub(super) registry: Registry,
    pub(super) plans: Vec<Arc<Plan>>,
    pub(super) queues: IndexMap<Name, QueueSettings>,
    pub(super) retention: RetentionKeys,
    pub(super) resume: Resume,
    pub(super) shards: Option<usize>,
    pub(super) hold: bool,
    problem: Option<Error>,
}

/// Which of the runs that a data folder holds, and that have not ended, go on at the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Resume {
    /// All of them.
    #[default]
    All,
    /// These; the others stay as they are.
    Only(Vec<RunId>),
    /// None.
    Nothing,
}

/// The settings of one queue: [`EngineBuilder::queue`].
#[derive(Debug)]
pub struct QueueBuilder(QueueSettings);

impl QueueBuilder {
    /// Attempts at once, 1..=100,000; default 8.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.0.workers = workers.clamp(1, WORKERS_MAX);
        self
    }

    /// How many ready jobs may wait before starts are refused, or wait; default: no limit.
    #[must_use]
    pub fn max_depth(mut self, jobs: usize) -> Self {
        self.0.max_depth = Some(jobs.max(1));
        self
    }

    /// What a start does when the queue is full; default: it is refused.
    #[must_use]
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.0.when_full = when_full;
        self
    }

    /// Added to the priority of its jobs, -100..=100; default 0.
    #[must_use]
    pub fn priority(mut self, priority: i8) -> Self {
        self.0.priority = priority.clamp(-100, 100);
        self
    }
}

impl EngineBuilder {
    /// Keeps everything in this folder, which is made if it is not there.
    #[must_use]
    pub fn data_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Keeps nothing beyond the process. The default.
    #[must_use]
    pub fn in_memory(mut self) -> Self {
        self.folder = None;
        self
    }

    /// The durability of workflows that name none; default `strict`.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// A value for the `State<T>` arguments of handlers, one for each type.
    #[must_use]
    pub fn state<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.registry.add_state(value);
        self
    }

    /// The code behind `task = "name"`.
    #[must_use]
    pub fn task<Args: 'static>(mut self, name: &str, handler: impl Handler<Args>) -> Self {
        self.registry.add(name, handler);
        self
    }

    /// Workflow files: one, or those of a folder (`workflows` or `workflows/*.toml`). The tasks
    /// that they name are registered before.
    ///
    /// # Errors
    /// Where a file cannot be read, or is wrong; all its problems are in the error, with their
    /// places.
    pub fn workflows(mut self, pattern: impl AsRef<Path>) -> Result<Self, Error> {
        for path in files(pattern.as_ref())? {
            self = self.workflow_file(path)?;
        }
        Ok(self)
    }

    /// One workflow file. Its commands run in its folder.
    ///
    /// # Errors
    /// As [`EngineBuilder::workflows`].
    pub fn workflow_file(self, path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let text = fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = fs::canonicalize(folder.unwrap_or_else(|| Path::new(".")));
        let folder = folder.map_err(|error| unreadable(path, &error))?;
        self.load(&path.display().to_string(), &text, Some(&folder))
    }

    /// A workflow as TOML text. Its commands run where the process runs. `name` is used where the
    /// text has no `name`, and in messages.
    ///
    /// # Errors
    /// Where the text is wrong.
    pub fn workflow_text(self, name: &str, text: &str) -> Result<Self, Error> {
        self.load(&format!("{name}.toml"), text, None)
    }

    /// A workflow built in Rust.
    ///
    /// # Errors
    /// Where it is wrong, as a file would be: the message shows the TOML that it stands for.
    pub fn workflow(self, workflow: &Workflow) -> Result<Self, Error> {
        self.load("<built>.toml", &workflow.to_toml(), None)
    }

    /// A workflow that was checked before: no second check.
    #[must_use]
    pub fn plan(mut self, plan: Plan) -> Self {
        self.plans.push(Arc::new(plan));
        self
    }

    fn load(mut self, path: &str, text: &str, folder: Option<&Path>) -> Result<Self, Error> {
        let tasks =
            KnownTasks::Only(self.registry.names().into_iter().map(ToOwned::to_owned).collect());
        let Loaded { plan, warnings } = load(path, text, folder, &tasks)
            .map_err(|diagnostics| invalid(path, text, diagnostics))?;
        for warning in warnings {
            tracing::warn!(file = path, code = warning.code, "{}", warning.message);
        }
        self.plans.push(Arc::new(plan));
        Ok(self)
    }

    /// A queue. Steps that name none use the queue `default`, which is always there.
    #[must_use]
    pub fn queue(mut self, name: &str, set: impl FnOnce(QueueBuilder) -> QueueBuilder) -> Self {
        if let Some(name) = Name::new(name) {
            let settings = self.queues.get(&name).cloned().unwrap_or_default();
            self.queues.insert(name, set(QueueBuilder(settings)).0);
        } else {
            let name = limits::short(name);
            let why = format!("`{name}` is not a name for a queue: use letters, digits, - and _");
            self.problem = Some(Error::Start(why));
        }
        self
    }

    /// The settings of an `engine.toml`: queues, and how long things are kept.
    ///
    /// # Errors
    /// Where the file cannot be read, or is wrong.
    pub fn settings(mut self, path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let text = fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
        let shown = path.display().to_string();
        let (settings, diagnostics) = parse_settings(&shown, &text);
        if diagnostics.iter().any(|problem| problem.severity == Severity::Error) {
            return Err(invalid(&shown, &text, diagnostics));
        }
        let settings = settings.unwrap_or_default();
        self.queues.extend(settings.queues);
        self.retention = settings.retention;
        Ok(self)
    }

    /// Which unfinished runs go on at the start; default: all.
    #[must_use]
    pub fn resume(mut self, resume: Resume) -> Self {
        self.resume = resume;
        self
    }

    /// Starts no attempt: runs can be accepted, looked at and cancelled, and go on when another
    /// engine is started on the data folder.
    #[must_use]
    pub fn hold(mut self) -> Self {
        self.hold = true;
        self
    }

    /// How many actors host the runs, 1..=64; default: one for each core.
    #[must_use]
    pub fn shards(mut self, shards: usize) -> Self {
        self.shards = Some(shards);
        self
    }

    /// Starts the engine on the current tokio runtime. Runs that a crash or shutdown has left go
    /// on, as [`EngineBuilder::resume`] says.
    ///
    /// # Errors
    /// Where the data folder is in use, damaged, of a newer version, or cannot be written; where a
    /// handler asks for a state that was not given.
    pub async fn start(mut self) -> Result<Engine, Error> {
        self.check()?;
        launch::launch(self).await
    }

    /// No engine: runs each workflow in the caller's task, one step after the other, in memory.
    /// For tests and scripts.
    ///
    /// # Errors
    /// Where a handler asks for a state that was not given.
    pub fn eager(mut self) -> Result<Eager, Error> {
        self.check()?;
        Ok(Eager::new(self))
    }

    fn check(&mut self) -> Result<(), Error> {
        if let Some(problem) = self.problem.take() {
            return Err(problem);
        }
        if let Some(name) = Name::new(QUEUE_DEFAULT) {
            self.queues.entry(name).or_default();
        }
        self.registry.check().map_err(|missing| {
            let missing: Vec<_> = missing.iter().map(ToString::to_string).collect();
            Error::Start(missing.join("; "))
        })
    }
}

/// The files that a pattern means, in the order of their names.
fn files(pattern: &Path) -> Result<Vec<PathBuf>, Error> {
    let folder = match pattern.file_name().and_then(|name| name.to_str()) {
        Some("*.toml") => pattern.parent().unwrap_or_else(|| Path::new(".")),
        _ if pattern.is_dir() => pattern,
        _ => return Ok(vec![pattern.to_owned()]),
    };
    let entries = fs::read_dir(folder).map_err(|error| unreadable(folder, &error))?;
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    let mut paths: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    paths.sort();
    Ok(paths)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::File { path: path.display().to_string(), why: error.to_string() }
}

fn invalid(path: &str, text: &str, diagnostics: Vec<Diagnostic>) -> Error {
    Error::Workflow(InvalidWorkflow { path: path.to_owned(), text: text.to_owned(), diagnostics })
}
