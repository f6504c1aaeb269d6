//! What one attempt is given.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use super::{Apart, CancelSignal};
use crate::clock::Timestamp;
use crate::id::RunId;
use crate::payload::Payload;
use crate::plan::{Node, NodeId, Plan};
use crate::run::{AttemptSource, Failure, ItemPath, Unit};

/// The future of one attempt. Nothing happens before its first poll, and a panic of a handler comes
/// out of a poll. Dropping it stops the attempt (a command's process group gets KILL).
pub type AttemptFuture = Pin<Box<dyn Future<Output = Result<Payload, Failure>> + Send>>;

/// One attempt, complete: everything the work needs and nothing of the engine.
#[derive(Debug)]
pub struct Attempt {
    /// The run.
    pub run: RunId,
    /// The plan it keeps.
    pub plan: Apart<Plan>,
    /// What is executed.
    pub unit: Unit,
    /// The items in which it stands.
    pub items: ItemPath,
    /// Which try, from 1; interrupted ones are not counted.
    pub attempt: u32,
    /// Rises with every call, across restarts.
    pub fencing: u64,
    /// What flows in.
    pub input: AttemptSource,
    /// The folder of the run's workflow file, where the step asks for it; `None`: where the process runs.
    pub home: Option<Arc<Path>>,
    /// The folder of all runs; `None` without a data folder.
    pub runs_folder: Option<Arc<Path>>,
    /// Set when the attempt is to stop.
    pub cancel: CancelSignal,
    /// When it was handed to the worker.
    pub at: Timestamp,
}

impl Attempt {
    /// The node's place.
    pub fn node(&self) -> NodeId {
        self.unit.node
    }

    /// The step that the node is.
    ///
    /// # Panics
    /// Where the unit is none of the plan's.
    pub fn step(&self) -> &Node {
        &self.plan.nodes[self.unit.node.index()]
    }

    /// The run's own folder for logs and files; `None` without a data folder.
    pub fn folder(&self) -> Option<PathBuf> {
        self.runs_folder.as_ref().map(|folder| folder.join(self.run.to_string()))
    }

    /// The item's index, inside a fan-out.
    pub fn item(&self) -> Option<u32> {
        self.items.last()
    }
}
