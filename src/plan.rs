//! The checked graph: dense ids in the order of the file, edges both ways, policies resolved.
//!
//! Holding a [`Plan`] is the proof that the file is right. The home of `petgraph`. Everything that is
//! wrong with a definition is told at once, each with its place.

mod assemble;
mod check;
mod compile;
mod edge;
mod graph;
mod input;
mod list;
mod model;
mod names;
mod site;
mod steps;
mod templates;
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
pub use list::{EDITION, EdgeKind, ListEdge, ListEntry, StoredDefinition, StoredError};
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
        text: &Arc<str>,
        tasks: &KnownTasks,
    ) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        let mut check = check::Check::new(text);
        let steps = steps::Steps::of(definition);
        let compiled = compile::Compiler::new(definition, &steps, tasks, &mut check).compile();
        let input = InputSchema::new(definition, &mut check);
        time::check(definition, &steps, &mut check);
        let needs = edge::settle(&steps, compiled.needs, &mut check);
        let edges = edge::resolved(&needs);
        let order = graph::sort(&steps, &edges);
        if order.is_none() {
            graph::report_circles(&steps, &needs, &mut check);
        }
        let diagnostics = check.into_sorted();
        match (order, input) {
            (Some(order), Some(input)) if !is_refused(&diagnostics) => {
                let edition = EDITION;
                let parts =
                    assemble::Parts { definition, steps: &steps, edges, order, input, edition };
                Ok((
                    parts.assemble(compiled.drafts, compiled.output, Arc::clone(text)),
                    diagnostics,
                ))
            }
            (Some(_) | None, _) => Err(diagnostics),
        }
    }

    /// The plan of a definition that is stored with runs. Its text is compiled by the rules of its
    /// edition, its edges are those of its list, and what a later checker refuses in new files stays
    /// allowed in it.
    ///
    /// # Errors
    /// Where text and list do not fit each other, or this program.
    pub fn stored(stored: &StoredDefinition) -> Result<Self, StoredError> {
        if stored.edition != EDITION {
            return Err(StoredError::Edition(stored.edition));
        }
        let path = format!("{}.toml", stored.name);
        let parsed = definition::parse(&path, &stored.text);
        let mut problems = parsed.diagnostics.into_iter();
        if let Some(problem) = problems.find(|problem| problem.severity == Severity::Error) {
            return Err(StoredError::Text(problem.message));
        }
        let unread = || StoredError::Text("it is no workflow".to_owned());
        let mut definition = parsed.definition.ok_or_else(unread)?;
        definition.name.value = stored.name.clone();
        let mut check = check::Check::new(&stored.text);
        let steps = steps::Steps::of(&definition);
        let edges = stored.edges(&steps)?;
        let order = graph::sort(&steps, &edges).ok_or(StoredError::Circle)?;
        // What is reported from here on concerns new files only; what cannot be compiled is missing.
        let tasks = &KnownTasks::Any;
        let compiled =
            compile::Compiler::new(&definition, &steps, tasks, &mut check).of_stored().compile();
        compiled.must_be_whole(&definition, &steps)?;
        let input = InputSchema::new(&definition, &mut check);
        let input = input.ok_or_else(|| StoredError::Uncompiled("`[input]`".to_owned()))?;
        let edition = stored.edition;
        let parts = assemble::Parts {
            definition: &definition,
            steps: &steps,
            edges,
            order,
            input,
            edition,
        };
        Ok(parts.assemble(compiled.drafts, compiled.output, Arc::clone(&stored.text)))
    }
}

fn is_refused(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
}

/// Reads and checks a workflow file. Commands of its runs run in `folder`; `None`: where the process
/// runs.
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
    match Plan::new(&definition, &text.into(), tasks) {
        Ok((mut plan, warnings)) if !is_refused(&diagnostics) => {
            plan.folder = folder.map(Arc::from);
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
