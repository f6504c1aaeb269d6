//! Where an attempt finds and leaves files.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::OnceLock;

use super::Attempt;
use crate::id::RunId;

/// The folders of one attempt.
#[derive(Debug)]
pub(crate) struct Place {
    /// The folder of the workflow file: `WINDLASS_DIR`.
    pub(crate) home: PathBuf,
    /// The work folder: `WINDLASS_WORK`. The item's own inside a fan-out, else the run's.
    pub(crate) work: PathBuf,
    /// Where a command runs: the work folder inside a fan-out, else the workflow's.
    pub(crate) current: PathBuf,
}

impl Place {
    /// The folders of the attempt. The work folder exists afterwards.
    ///
    /// # Errors
    /// Where it cannot be made, or the process has lost its own folder.
    pub(crate) fn prepare(attempt: &Attempt, scratch: &Scratch) -> io::Result<Self> {
        let home = match &attempt.home {
            Some(folder) if folder.as_os_str().is_empty() => std::env::current_dir()?,
            Some(folder) => std::path::absolute(folder)?,
            None => std::env::current_dir()?,
        };
        let base = match attempt.folder() {
            Some(folder) => std::path::absolute(folder)?,
            None => scratch.folder(attempt.run),
        };
        if attempt.item().is_none() {
            fs::create_dir_all(&base)?;
            return Ok(Self { current: home.clone(), home, work: base });
        }
        // The steps of a body share the folder of their item.
        let line = attempt.plan.line(attempt.node());
        let steps = line.iter().map(|id| attempt.plan.node(*id)).filter(|step| step.fan.is_some());
        let mut work = base;
        for (step, item) in steps.zip(attempt.items.indices()) {
            work = work.join(step.id.as_str()).join(item.to_string());
        }
        fs::create_dir_all(&work)?;
        Ok(Self { current: work.clone(), home, work })
    }
}

/// Folders of runs without a data folder: under the system's temporary folder, gone with the engine.
#[derive(Debug, Default)]
pub(crate) struct Scratch(OnceLock<PathBuf>);

impl Scratch {
    fn folder(&self, run: RunId) -> PathBuf {
        // Any run's id names the folder well: no two engines have the same.
        let root = self.0.get_or_init(|| std::env::temp_dir().join(format!("windlass-{run}")));
        root.join(run.to_string())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(root) = self.0.get() {
            // What cannot be removed now is the system's to clean: it stands in its temporary folder.
            drop(fs::remove_dir_all(root));
        }
    }
}
