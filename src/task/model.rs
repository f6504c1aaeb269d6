//! What one attempt is given.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::expression::Names;
use crate::id::RunId;
use crate::payload::Payload;
use crate::plan::{NodeId, Plan};
use crate::run::{Failure, Unit};

/// The future of one attempt. Dropping it stops the attempt (a command's process group gets KILL).
pub type AttemptFuture = Pin<Box<dyn Future<Output = Result<Payload, Failure>> + Send>>;

/// One attempt, complete: everything the work needs and nothing of the engine.
#[derive(Debug)]
pub struct Attempt {
    /// The run.
    pub run: RunId,
    /// The plan it keeps.
    pub plan: Arc<Plan>,
    /// What is executed.
    pub unit: Unit,
    /// Which try, from 1; interrupted ones are not counted.
    pub attempt: u32,
    /// Rises with every dispatch of the unit.
    pub fencing: u32,
    /// What flows in.
    pub input: AttemptInput,
    /// The run's own folder for logs and files; `None` without a data folder.
    pub folder: Option<Arc<Path>>,
    /// Set when the attempt is to stop.
    pub cancel: CancelSignal,
    /// When it was handed to the worker.
    pub at: Timestamp,
}

impl Attempt {
    /// The node.
    pub fn node(&self) -> NodeId {
        self.unit.node
    }
}

/// What flows into an attempt.
#[derive(Debug)]
pub enum AttemptInput {
    /// Ready as it is.
    Payload(Payload),
    /// To be rendered from these names (`with`, a command, a request).
    Names(Box<Names>),
    /// As `Names`, but a person has edited the input of the verb.
    Edited(Box<Names>, Payload),
}

/// Tells an attempt that it is to stop. Cheap to make; nothing is allocated until somebody waits.
#[derive(Debug, Clone, Default)]
pub struct CancelSignal(Option<Arc<tokio::sync::Notify>>);
