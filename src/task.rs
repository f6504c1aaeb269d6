//! What a verb stands for: registered handlers, commands, HTTP requests, and their error classes.
//!
//! An [`Executor`] turns an [`Attempt`] into a future of its result. It knows nothing of queues,
//! retries and journals; a panic of a handler comes out of the future, for the worker to catch.

mod model;

mod apart;
mod cancel;
mod command;
mod context;
mod error;
mod executor;
#[cfg(test)]
mod fixture;
mod handler;
mod http;
pub(crate) mod left;
mod log;
mod output;
mod place;
mod registry;
mod render;
mod secret;
mod shortage;

pub use apart::Apart;
pub use cancel::{CancelSignal, StopReason};
pub use context::StepContext;
pub use error::{FAILURE_BYTES_MAX, StepError};
pub(crate) use error::{panicked, poll_caught};
pub use executor::{Executor, TaskLimits};
pub use handler::{
    Call, Extract, ExtractLast, Handler, Outcome, State, StateNeed, ViaExtract, ViaInput,
};
pub use http::REDIRECTS_MAX;
pub use log::{MEMORY_LOG_BYTES_MAX, STEP_LOG_BYTES_MAX, list_logs, log_name, read_log};
pub use model::*;
pub use registry::{MissingState, Registry};
pub use secret::{SECRET_BYTES_MAX, SECRET_BYTES_MIN};
