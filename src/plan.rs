//! The checked graph: dense ids in topological order, edges both ways, policies resolved.
//!
//! Holding a [`Plan`] is the proof that the file is right. The home of `petgraph`.

mod model;

pub use model::*;

pub use crate::expression::{Expression, Template};

/// placeholder
#[derive(Debug)]
pub struct InputSchema;
