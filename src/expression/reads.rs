//! What an expression names.

use std::ops::Range;

use super::path::{PathUse, Root, Segment};

/// The names that an expression reads. Places are in bytes of the expression's own text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reads {
    /// `input.…`
    pub input: Vec<InputRead>,
    /// `steps.<id>.…`
    pub steps: Vec<StepRead>,
    /// `steps` as a whole, or by a name that is known only later.
    pub all_steps: Option<Range<usize>>,
    /// `item`
    pub item: Option<Range<usize>>,
    /// `index`
    pub index: Option<Range<usize>>,
    /// `run.…`
    pub run: Option<Range<usize>>,
    /// `secrets.<name>`
    pub secrets: Vec<SecretRead>,
}

/// `input.…`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputRead {
    /// The first key; `None`: the whole input.
    pub key: Option<Box<str>>,
    /// Where.
    pub offset: Range<usize>,
}

/// `steps.<id>.…`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepRead {
    /// The step.
    pub id: Box<str>,
    /// What of it.
    pub field: StepField,
    /// Whether the expression asks (`is defined`, `default(…)`) before it uses the value.
    pub asks: bool,
    /// Where.
    pub offset: Range<usize>,
}

/// A field of `steps.<id>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepField {
    /// The table of all fields.
    Whole,
    /// `output`
    Output,
    /// `status`
    Status,
    /// `error`
    Error,
    /// `failed`
    Failed,
}

/// `secrets.<name>`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRead {
    /// Which.
    pub name: Box<str>,
    /// Where.
    pub offset: Range<usize>,
}

impl StepRead {
    /// Whether the output is needed: the edge is a data edge, and not only one of order.
    pub fn needs_output(&self) -> bool {
        self.field == StepField::Output && !self.asks
    }
}

impl Reads {
    pub(super) fn of(paths: &[PathUse]) -> Self {
        let mut reads = Self::default();
        for path in paths {
            reads.add(path);
        }
        // Who asks once whether an output is there has thought of its absence everywhere.
        for asked in paths.iter().filter(|path| path.defined) {
            let id = asked.segments.first();
            for read in &mut reads.steps {
                let is_it = asked.root == Root::Steps && id.and_then(key) == Some(&*read.id);
                read.asks |= is_it;
            }
        }
        reads
    }

    fn add(&mut self, path: &PathUse) {
        let offset = path.span.clone();
        let first = path.segments.first().and_then(key);
        match (path.root, first) {
            (Root::Input, key) => self.input.push(InputRead { key: key.map(Into::into), offset }),
            (Root::Steps, Some(id)) => self.steps.push(StepRead {
                id: id.into(),
                field: field(path.segments.get(1)),
                asks: path.lenient,
                offset,
            }),
            (Root::Steps, None) => self.all_steps = Some(offset),
            (Root::Item, _) => self.item = Some(offset),
            (Root::Index, _) => self.index = Some(offset),
            (Root::Run, _) => self.run = Some(offset),
            (Root::Secrets, Some(name)) => {
                self.secrets.push(SecretRead { name: name.into(), offset });
            }
            // The parser has refused it.
            (Root::Secrets, None) => {}
        }
    }

    /// Adds what another expression reads; the places are then those of either.
    pub(super) fn merge(&mut self, other: &Self) {
        self.input.extend_from_slice(&other.input);
        self.steps.extend_from_slice(&other.steps);
        self.secrets.extend_from_slice(&other.secrets);
        let or = |mine: &mut Option<Range<usize>>, theirs: &Option<Range<usize>>| {
            if mine.is_none() {
                mine.clone_from(theirs);
            }
        };
        or(&mut self.all_steps, &other.all_steps);
        or(&mut self.item, &other.item);
        or(&mut self.index, &other.index);
        or(&mut self.run, &other.run);
    }
}

fn key(segment: &Segment) -> Option<&str> {
    match segment {
        Segment::Key(key) => Some(key),
        Segment::Index(_) => None,
    }
}

fn field(segment: Option<&Segment>) -> StepField {
    match segment.and_then(key) {
        Some("output") => StepField::Output,
        Some("status") => StepField::Status,
        Some("error") => StepField::Error,
        Some("failed") => StepField::Failed,
        Some(_) | None => StepField::Whole,
    }
}
