//! The checked graph: dense ids in topological order, edges both ways, policies resolved.
//!
//! Holding a [`Plan`] is the proof that the file is right. The home of `petgraph`. Everything that is
//! wrong with a definition is told at once, each with its place.

mod assemble;
mod check;
mod compile;
mod graph;
mod input;
mod model;
mod names;
mod site;
mod steps;
mod time;
mod view;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use crate::definition::{self, Definition, Diagnostic, Severity};

pub use crate::expression::{Expression, Template};
pub use input::{InputProblem, InputSchema};
pub use model::*;
pub use view::Edge;

/// The most edges of a workflow.
pub const EDGES_MAX: usize = 1_000_000;

/// The most items of a fan-out.
pub const ITEMS_MAX: u32 = 100_000;

/// The handlers that steps may name.
#[derive(Debug, Clone, Default)]
pub enum KnownTasks {
    /// Any: they are not known here.
    #[default]
    Any,
    /// These and no others.
    Only(BTreeSet<String>),
}

/// A plan, and what is doubtful about it.
#[derive(Debug)]
pub struct Loaded {
    /// The plan.
    pub plan: Plan,
    /// Warnings, in the order of the file.
    pub warnings: Vec<Diagnostic>,
}

impl Plan {
    /// Checks a definition, and makes the graph of it; with it come the warnings.
    ///
    /// Takes time in proportion to steps and edges.
    ///
    /// # Errors
    /// Everything that is wrong with it, warnings too, in the order of the file.
    pub fn new(
        definition: &Definition,
        source: Source,
        tasks: &KnownTasks,
    ) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        let text = Arc::clone(&source.text);
        let mut check = check::Check::new(&text);
        let steps = steps::Steps::of(definition);
        let compiled = compile::Compiler::new(definition, &steps, tasks, &mut check).compile();
        let input = InputSchema::new(definition, &mut check);
        time::check(definition, &steps, &mut check);
        let needs = names::settle(&steps, compiled.needs, &mut check);
        let order = graph::order(&steps, &needs, &mut check);
        let diagnostics = check.into_sorted();
        match (order, input) {
            (Some(order), Some(input)) if !is_refused(&diagnostics) => {
                let parts = assemble::Parts { definition, steps: &steps, needs, order, input };
                Ok((parts.assemble(compiled.drafts, compiled.output, source), diagnostics))
            }
            (Some(_) | None, _) => Err(diagnostics),
        }
    }
}

fn is_refused(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
}

/// Reads and checks a workflow file. Its commands run in `folder`; `None`: where the process runs.
///
/// # Errors
/// Everything that is wrong with it, warnings too, in the order of the file.
pub fn load(
    path: &str,
    text: &str,
    folder: Option<&Path>,
    tasks: &KnownTasks,
) -> Result<Loaded, Vec<Diagnostic>> {
    let parsed = definition::parse(path, text);
    let mut diagnostics = parsed.diagnostics;
    let Some(definition) = parsed.definition else { return Err(diagnostics) };
    let source = Source { text: text.into(), path: path.into(), folder: folder.map(Arc::from) };
    match Plan::new(&definition, source, tasks) {
        Ok((plan, warnings)) if !is_refused(&diagnostics) => {
            diagnostics.extend(warnings);
            check::sort(&mut diagnostics);
            Ok(Loaded { plan, warnings: diagnostics })
        }
        Ok((_, found)) | Err(found) => {
            diagnostics.extend(found);
            check::sort(&mut diagnostics);
            Err(diagnostics)
        }
    }
}
