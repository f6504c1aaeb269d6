//! TOML text to a [`Definition`]: one walk over the spanned tree, every problem on the way told.
//!
//! What cannot be read is left out or replaced by something harmless, so that the layers after
//! this one can add their problems to the same list.

mod defaults;
mod env;
mod field;
mod http;
mod input;
mod keys;
mod nesting;
mod problems;
mod retention;
mod retry;
mod settings;
mod step;
mod syntax;
mod table;
mod value;
mod verb;
mod workflow;

use toml::de::DeTable;

use super::{Definition, Diagnostic};
use nesting::{NESTING_MAX, too_deep};
use problems::{Problems, START};
pub(crate) use problems::{SUGGESTIONS_MAX, nearest};
pub use settings::parse_settings;
use table::Table;

/// The largest workflow file, in bytes.
pub const FILE_BYTES_MAX: usize = 16 << 20;

/// The largest file in which reading goes on after broken TOML, in bytes.
const RECOVERY_BYTES_MAX: usize = 4 << 20;

/// The result of reading a text.
#[derive(Debug)]
pub struct Parsed {
    /// The definition; also there beside errors, where enough could be read to go on checking.
    pub definition: Option<Definition>,
    /// All problems, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a workflow file. `path` is only for messages, and for the name of a workflow that has none.
///
/// Takes time in proportion to the text, whatever stands in it.
///
/// ```
/// let parsed = windlass::definition::parse("hello.toml", "[steps.a]\nrun = 'echo hello'\n");
/// assert!(parsed.diagnostics.is_empty());
/// assert_eq!(parsed.definition.expect("it is one").name.value.as_str(), "hello");
/// ```
pub fn parse(path: &str, text: &str) -> Parsed {
    if let Some(refused) = refused(text) {
        return Parsed { definition: None, diagnostics: vec![refused] };
    }
    let problems = Problems::default();
    let (root, errors) = tree(text);
    syntax::report(text, &errors, &problems);
    let definition = workflow::read(path, &Table::root(root.get_ref(), &problems));
    // What a broken file lacks may only have been lost: nobody is to check that it is there.
    let definition = definition.filter(|_| !problems.broken.get());
    Parsed { definition, diagnostics: problems.into_sorted() }
}

/// The tree of a text and what is wrong with it; of a large text only the first thing, since one
/// that is nothing but errors makes errors many times its size.
fn tree(text: &str) -> (toml::Spanned<DeTable<'_>>, Vec<toml::de::Error>) {
    if text.len() <= RECOVERY_BYTES_MAX {
        return DeTable::parse_recoverable(text);
    }
    match DeTable::parse(text) {
        Ok(root) => (root, Vec::new()),
        Err(error) => (toml::Spanned::new(START, DeTable::new()), vec![error]),
    }
}

/// The problem of a text that no parser is to see.
fn refused(text: &str) -> Option<Diagnostic> {
    if text.len() > FILE_BYTES_MAX {
        let told = format!("the file has {} bytes; at most {FILE_BYTES_MAX} are read", text.len());
        return Some(Diagnostic::error("too-large", told, START).label("too large"));
    }
    let place = too_deep(text)?;
    let told = format!("tables and lists are nested more than {NESTING_MAX} deep");
    Some(Diagnostic::error("too-deep", told, place..place + 1).label("one too many"))
}

#[cfg(test)]
mod tests;
