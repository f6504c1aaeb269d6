//! What the input of a run must be: all problems at once, before the run is accepted.

mod value;

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use indexmap::IndexMap;

use super::check::Check;
use super::site::{Cursor, May, Site, refuse};
use crate::definition::{Definition, Diagnostic, InputField, InputKind, Spanned, nearest};
use crate::expression::{Names, RunNames, Template};
use crate::payload::scan::{Parts, unquoted};
use crate::payload::{Builder, Json, PAYLOAD_BYTES_MAX, Payload};
use value::{PROBLEMS_MAX, Shape};

/// `[input]`, checked. Without one anything goes.
#[derive(Debug, Default)]
pub struct InputSchema {
    fields: Vec<Field>,
}

#[derive(Debug)]
struct Field {
    name: Box<str>,
    shape: Shape,
    default: Option<Template>,
    optional: bool,
}

/// A problem with one part of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputProblem {
    /// The part: `items[2].price`; empty for the whole input.
    pub path: String,
    /// The problem: a lowercase fragment.
    pub message: String,
}

impl InputProblem {
    fn new(path: &str, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), message: message.into() }
    }
}

impl fmt::Display for InputProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.message),
            path => write!(f, "{path}: {}", self.message),
        }
    }
}

impl std::error::Error for InputProblem {}

impl InputSchema {
    /// `None` where it was refused.
    pub(super) fn new(definition: &Definition, check: &mut Check<'_>) -> Option<Self> {
        let fields: Vec<_> =
            definition.input.iter().map(|(name, field)| compile(name, field, check)).collect();
        Some(Self { fields: fields.into_iter().collect::<Option<_>>()? })
    }

    /// The names of the inputs, in the file's order, and what each is.
    pub fn fields(&self) -> impl Iterator<Item = (&str, InputKind)> {
        self.fields.iter().map(|field| (field.name.as_ref(), field.shape.kind))
    }

    /// Whether a run can be started without any input.
    pub fn takes_nothing(&self) -> bool {
        self.fields.iter().all(|field| field.optional || field.default.is_some())
    }

    /// The input with its defaults filled in. `null` stands for no input.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn check(&self, input: &Payload, run: &RunNames) -> Result<Payload, Vec<InputProblem>> {
        within_limit(input)?;
        if self.fields.is_empty() {
            return Ok(input.clone());
        }
        let json = if input.is_null() { b"{}" } else { input.as_bytes() };
        let Some(given) = Parts::of_table(json) else {
            let found = input.to_json();
            let told = format!("expected a table of inputs, found {}", value::shown(&found));
            return Err(vec![InputProblem::new("", told)]);
        };
        let given = given.filter_map(|(key, value)| Some((unquoted(key)?, value)));
        self.check_table(given.collect(), run)
    }

    fn check_table(
        &self,
        given: IndexMap<Cow<'_, str>, &[u8]>,
        run: &RunNames,
    ) -> Result<Payload, Vec<InputProblem>> {
        let mut problems = Vec::new();
        let mut checked = Builder::default();
        checked.table();
        for field in &self.fields {
            let value = match given.get(field.name.as_ref()) {
                Some(value) => Some(Cow::Borrowed(*value)),
                None => field.default(run, &mut problems).map(Cow::Owned),
            };
            if let Some(json) = value {
                let value = Json::read(&json);
                field.shape.check(&value, &mut field.name.to_string(), &mut problems);
                checked.key(&field.name);
                if let Err(error) = checked.json(&json) {
                    problems.push(InputProblem::new(&field.name, error.to_string()));
                }
            }
        }
        let known: HashSet<&str> = self.fields.iter().map(|field| field.name.as_ref()).collect();
        let unknown = given.keys().filter(|key| !known.contains(key.as_ref()));
        problems.extend(unknown.take(PROBLEMS_MAX).map(|key| self.unknown(key)));
        if !problems.is_empty() {
            return Err(problems);
        }
        let checked = checked.finish();
        within_limit(&checked)?;
        Ok(checked)
    }

    fn unknown(&self, key: &str) -> InputProblem {
        let known = self.fields.iter().map(|field| field.name.as_ref());
        InputProblem::new(
            key,
            match nearest(key, known) {
                Some(near) => format!("there is no such input; did you mean `{near}`?"),
                None => "there is no such input".to_owned(),
            },
        )
    }
}

/// The limit of an input; its defaults count.
fn within_limit(input: &Payload) -> Result<(), Vec<InputProblem>> {
    let length = input.as_bytes().len();
    if length <= PAYLOAD_BYTES_MAX {
        return Ok(());
    }
    let told = format!("the input has {length} bytes; at most {PAYLOAD_BYTES_MAX} are taken");
    Err(vec![InputProblem::new("", told)])
}

impl Field {
    fn default(&self, run: &RunNames, problems: &mut Vec<InputProblem>) -> Option<Vec<u8>> {
        let Some(default) = &self.default else {
            if !self.optional {
                problems.push(InputProblem::new(&self.name, "missing"));
            }
            return None;
        };
        let names = Names { run: run.clone(), ..Names::default() };
        match default.render(&names) {
            Ok(value) => Some(value.as_bytes().to_vec()),
            Err(error) => {
                problems.push(InputProblem::new(&self.name, format!("its default: {error}")));
                None
            }
        }
    }
}

fn compile(name: &str, field: &InputField, check: &mut Check<'_>) -> Option<Field> {
    let owner = format!("input `{name}`");
    let shape = Shape::new(field, &owner, check);
    let default = match &field.default {
        Some(default) => Some(compile_default(default, &owner, check)?),
        None => None,
    };
    let shape = shape?;
    check_constant(default.as_ref(), &shape, field, &owner, check);
    Some(Field { name: name.into(), shape, default, optional: field.optional })
}

/// `None` where it was refused.
fn compile_default(
    default: &Spanned<Json>,
    owner: &str,
    check: &mut Check<'_>,
) -> Option<Template> {
    let may = May { item: false, secrets: false };
    let site = Site { owner, step: None, within: &default.span, may };
    let is_table = default.value.is_object() || default.value.is_array();
    let cursor = Cursor::new(check.text, &default.span, is_table);
    let (template, errors) = Template::read(&default.value);
    check_default(&template, &site, cursor.clone(), check);
    if errors.is_empty() {
        return Some(template);
    }
    refuse(check, &site, cursor, errors);
    None
}

/// A default may read `run`, and nothing else.
fn check_default(template: &Template, site: &Site<'_>, mut cursor: Cursor, check: &mut Check<'_>) {
    for expression in template.expressions() {
        let base = cursor.next(check, expression.source());
        let reads = expression.reads();
        let inputs = reads.input.iter().map(|read| ("input", &read.offset));
        let steps = reads.steps.iter().map(|read| ("steps", &read.offset));
        let secrets = reads.secrets.iter().map(|read| ("secrets", &read.offset));
        let others = [("steps", &reads.all_steps), ("item", &reads.item), ("index", &reads.index)];
        let others = others.into_iter().filter_map(|(name, at)| Some((name, at.as_ref()?)));
        for (name, offset) in inputs.chain(steps).chain(secrets).chain(others) {
            let told = format!("{}: `{name}` is not known in a default", site.owner);
            let problem = Diagnostic::error("not-here", told, cursor.place(base, offset));
            check.report(problem.label("not known yet").help("a default may read `run` only"));
        }
    }
}

/// A constant default fits its own type; what the definition has reported is not told again.
fn check_constant(
    default: Option<&Template>,
    shape: &Shape,
    field: &InputField,
    owner: &str,
    check: &mut Check<'_>,
) {
    let (Some(template), Some(default)) = (default, &field.default) else { return };
    let is_text_of_a_time =
        matches!(field.kind, InputKind::Date | InputKind::Datetime) && default.value.is_string();
    let fits = shape.fits_kind(&default.value) || is_text_of_a_time;
    let is_allowed = field.allowed.is_empty() || field.allowed.contains(&default.value);
    if !template.is_constant() || !fits || !is_allowed {
        return;
    }
    let mut problems = Vec::new();
    shape.check(&default.value, &mut "its default".to_owned(), &mut problems);
    for problem in problems {
        let told = format!("{owner}: {problem}");
        let problem = Diagnostic::error("bad-default", told, default.span.clone());
        check.report(problem.label("does not fit its own type"));
    }
}
