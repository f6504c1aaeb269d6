//! A workflow file: TOML text to plain data with places, and every problem in one pass.
//!
//! The home of `toml`. Knows no graph and no meaning.

mod diagnostic;
mod model;

pub use diagnostic::{Diagnostic, Severity, Span};
pub use model::*;
