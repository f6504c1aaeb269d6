//! A workflow file: TOML text to plain data with places, and every problem in one pass.
//!
//! The home of `toml`. Knows no graph and no meaning.

mod builder;
mod diagnostic;
mod explain;
mod model;
mod parse;
mod render;
mod retention;
mod settings;
mod unit;

pub use builder::{Http, Input, Retry, Step, Workflow};
pub use diagnostic::{Diagnostic, Severity, Span};
pub use explain::{codes, explain};
pub use model::*;
pub use parse::{FILE_BYTES_MAX, Parsed, parse, parse_settings};
pub(crate) use parse::{SUGGESTIONS_MAX, nearest};
pub use render::{Format, render};
pub use retention::{KeepTime, Retention, RetentionKeys};
pub use settings::{
    QUEUE_DEFAULT, QueueSettings, Settings, WORKERS_DEFAULT, WORKERS_MAX, WhenFull,
};
pub use unit::{DURATION_MAX, SIZE_BYTES_MAX, format_duration, parse_duration, parse_size};
