//! A compiled expression: a constant, a path that is a lookup, or a program for the interpreter.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use minijinja::{Error, ErrorKind, Value};

use super::functions::ENVIRONMENT;
use super::path::{self, Found, PathUse};
use super::slots::{Paths, Slots, undefined};
use super::{
    CompileError, Effort, EvalError, LITTLE_BYTES_MAX, LITTLE_LIST_MAX, Names, Reads, StepValue,
    json, parse,
};
use crate::id::Name;
use crate::payload::Payload;
use crate::payload::scan::unquoted;

/// A constant is kept as a value up to this size; a larger one is made when it is needed.
const CONSTANT_BYTES_MAX: usize = 1024;

/// A bare expression: `steps.count.output > 3`.
pub struct Expression {
    source: Box<str>,
    reads: Reads,
    code: Code,
}

enum Code {
    Constant(Payload),
    Path(PathUse),
    Program { program: minijinja::Expression<'static, 'static>, paths: Arc<Paths> },
}

/// What an expression came to.
enum Outcome<'n> {
    Json(Found<'n>),
    Value(Value),
}

impl Expression {
    /// Compiles one expression; a text that is JSON, such as a literal list, is a constant.
    ///
    /// # Errors
    /// Where it is not an expression, names what does not exist, or is a constant that cannot be.
    pub fn compile(source: &str) -> Result<Self, CompileError> {
        let trimmed = source.trim();
        if trimmed.is_empty() {
            return Err(CompileError::new(source, "the expression is empty", 0..source.len()));
        }
        // A word such as `input` is never JSON: looking at the first byte spares a failed parse.
        if trimmed.starts_with(|c: char| "[{\"-tfn0123456789".contains(c)) {
            match Payload::from_json(trimmed.to_owned()) {
                Ok(constant) => {
                    return Ok(Self::new(source, Reads::default(), Code::Constant(constant)));
                }
                Err(error) if error.is_json() => {
                    return Err(CompileError::new(source, error.to_string(), 0..source.len()));
                }
                // It may be an expression that begins like JSON.
                Err(_) => {}
            }
        }
        let mut parsed = parse::parse(source)?;
        let reads = Reads::of(&parsed.paths);
        let only = if parsed.only_path { parsed.paths.pop() } else { None };
        match only {
            Some(path) => Ok(Self::new(source, reads, Code::Path(path))),
            None => Self::program(source, parsed, reads),
        }
    }

    fn program(source: &str, parsed: parse::Parsed, reads: Reads) -> Result<Self, CompileError> {
        let refuse = |told: EvalError| CompileError::new(source, told.to_string(), 0..source.len());
        let compile = || ENVIRONMENT.compile_expression_owned(parsed.code);
        let compile = || compile().map_err(|cause| EvalError::new(message(&cause)));
        let program = caught(compile).map_err(refuse)?;
        let is_constant = parsed.paths.is_empty();
        let paths = Arc::new(Paths { source: source.into(), uses: parsed.paths.into() });
        let code = Code::Program { program, paths };
        let expression = Self::new(source, reads, code);
        if !is_constant {
            return Ok(expression);
        }
        match expression.eval_payload(&Names::default()) {
            Ok(constant) if constant.as_bytes().len() <= CONSTANT_BYTES_MAX => {
                Ok(Self { code: Code::Constant(constant), ..expression })
            }
            Ok(_) => Ok(expression),
            Err(cause) => Err(CompileError::new(source, cause.to_string(), 0..source.len())),
        }
    }

    fn new(source: &str, reads: Reads, code: Code) -> Self {
        Self { source: source.into(), reads, code }
    }

    /// The text it was compiled from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What it names.
    pub fn reads(&self) -> &Reads {
        &self.reads
    }

    /// Whether its value is the same whatever the names are.
    pub fn is_constant(&self) -> bool {
        matches!(self.code, Code::Constant(_))
    }

    /// Its value.
    ///
    /// # Errors
    /// Where something is undefined, of the wrong type, or too large.
    pub fn eval(&self, names: &Names) -> Result<serde_json::Value, EvalError> {
        let payload = self.eval_payload(names)?;
        payload.parse().map_err(|cause| self.error(format!("the value cannot be read: {cause}")))
    }

    /// Its value as JSON bytes. A path to a whole payload is that payload, not a copy.
    ///
    /// # Errors
    /// As [`eval`](Self::eval).
    pub fn eval_payload(&self, names: &Names) -> Result<Payload, EvalError> {
        self.with_value(names, |value| match value {
            Outcome::Json(Found::Whole(payload)) => Ok(payload.clone()),
            Outcome::Json(found) => Ok(Payload::from_trusted(found.as_json().to_owned())),
            Outcome::Value(value) => {
                let mut bytes = Vec::new();
                json::write(&value, &mut bytes, 0).map_err(|cause| self.error(cause))?;
                Ok(Payload::from_trusted(bytes))
            }
        })
    }

    /// The step whose missing output its value needs, as far as that can be known without secrets.
    /// Any other reason to have no value is not told here.
    ///
    /// # Errors
    /// Where finding out takes too long ([`EvalError::is_too_long`]).
    pub fn first_missing(&self, names: &Names) -> Result<Option<Box<str>>, EvalError> {
        let is_missing = |(_, step): &(Name, StepValue)| step.output.is_none();
        let mut reads = self.reads.steps.iter().filter_map(|read| names.steps.get(&read.id));
        let reads_all = self.reads.all_steps.is_some();
        let needs = reads.any(is_missing) || (reads_all && names.steps.iter().any(is_missing));
        if !needs {
            return Ok(None);
        }
        match &self.code {
            Code::Constant(_) => Ok(None),
            Code::Path(path) => Ok(path.missing(names).map(|(step, _)| step.into())),
            Code::Program { .. } => match self.with_value(names, |_| Ok(())) {
                Err(error) if error.is_too_long => Err(error),
                Err(error) => Ok(error.missing),
                Ok(()) => Ok(None),
            },
        }
    }

    /// Its value as a list, each item as JSON bytes: what `for_each` runs over.
    ///
    /// # Errors
    /// As [`eval`](Self::eval), and where the value is no list.
    pub fn eval_list(&self, names: &Names) -> Result<Vec<Payload>, EvalError> {
        let whole = self.eval_payload(names)?;
        if names.effort == Effort::Little && whole.as_bytes().len() > LITTLE_LIST_MAX {
            return Err(EvalError::too_long());
        }
        whole.items().ok_or_else(|| {
            self.error(format!("expected a list, found {}", kind_of(whole.as_bytes())))
        })
    }

    /// Whether its value counts as true: not `false`, `none`, zero, or empty.
    ///
    /// # Errors
    /// As [`eval`](Self::eval).
    pub fn is_true(&self, names: &Names) -> Result<bool, EvalError> {
        self.with_value(names, |value| match value {
            Outcome::Json(found) => Ok(is_true(found.as_json())),
            Outcome::Value(value) => Ok(value.is_true()),
        })
    }

    /// Appends its value as JSON that stands `depth` deep.
    pub(super) fn write_json(
        &self,
        names: &Names,
        out: &mut Vec<u8>,
        depth: usize,
    ) -> Result<(), EvalError> {
        self.with_value(names, |value| {
            let written = match value {
                Outcome::Json(found) if is_long(found.as_json(), names, out) => {
                    return Err(EvalError::too_long());
                }
                Outcome::Json(found) => json::push_value(found.as_json(), out, depth),
                Outcome::Value(value) => json::write(&value, out, depth),
            };
            written.map_err(|cause| self.error(cause))
        })
    }

    /// Its value inside of a text: a string as it is, everything else as JSON.
    pub(super) fn write_text(&self, names: &Names, out: &mut Vec<u8>) -> Result<(), EvalError> {
        self.with_value(names, |value| {
            let written = match value {
                Outcome::Json(found) if is_long(found.as_json(), names, out) => {
                    return Err(EvalError::too_long());
                }
                Outcome::Json(found) => match unquoted(found.as_json()) {
                    Some(text) => json::push(text.as_bytes(), out),
                    None => json::push(found.as_json(), out),
                },
                Outcome::Value(value) => json::write_text(&value, out),
            };
            written.map_err(|cause| self.error(cause))
        })
    }

    /// Does something with its value. What the interpreter and its filters do wrong is an error of
    /// this expression, and of nothing else.
    fn with_value<T>(
        &self,
        names: &Names,
        work: impl FnOnce(Outcome<'_>) -> Result<T, EvalError>,
    ) -> Result<T, EvalError> {
        match &self.code {
            Code::Constant(payload) => work(Outcome::Json(Found::Whole(payload))),
            Code::Path(path) => {
                let is_little = names.effort == Effort::Little;
                if is_little && path.bytes_searched(names) > LITTLE_BYTES_MAX {
                    return Err(EvalError::too_long());
                }
                let found = path::find(path, names).ok_or_else(|| self.absent(path, names))?;
                work(Outcome::Json(found))
            }
            Code::Program { program, paths } => {
                let slots = Arc::new(Slots::new(paths, names));
                let done = caught(|| self.interpret(program, &slots).and_then(work));
                if slots.is_given_up() {
                    return Err(EvalError::too_long());
                }
                done.map_err(|error| error.within(&self.source))
            }
        }
    }

    fn interpret<'n>(
        &self,
        program: &minijinja::Expression<'static, 'static>,
        slots: &Arc<Slots>,
    ) -> Result<Outcome<'n>, EvalError> {
        let value = program
            .eval(Value::from_dyn_object(Arc::clone(slots)))
            .map_err(|cause| self.failed(&message(&cause), slots))?;
        if value.is_undefined() {
            return Err(self.failed("the value is undefined", slots));
        }
        Ok(Outcome::Value(value))
    }

    /// A path that leads nowhere.
    fn absent(&self, path: &PathUse, names: &Names) -> EvalError {
        let step = path.missing(names).map(|(step, _)| step);
        self.error(undefined(&self.source, path, names)).needs(step)
    }

    fn failed(&self, told: &str, slots: &Slots) -> EvalError {
        match slots.missing(told) {
            Some(step) if told.contains(&*step) => self.error(told).needs(Some(&step)),
            Some(step) => {
                self.error(format!("{told}: step `{step}` has no output")).needs(Some(&step))
            }
            None => self.error(told),
        }
    }

    fn error(&self, message: impl Into<Box<str>>) -> EvalError {
        EvalError::new(message).within(&self.source)
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expression({})", self.source.trim())
    }
}

/// The one place where a panic of the interpreter, a filter or a test ends: it becomes an error.
fn caught<T>(work: impl FnOnce() -> Result<T, EvalError>) -> Result<T, EvalError> {
    // What `work` wrote before it panicked is thrown away with the error.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        let text = text.unwrap_or_else(|| "no message".to_owned());
        Err(EvalError::panicked(&text))
    })
}

/// What is wrong, without the interpreter's notes on places in a text that nobody has written.
fn message(cause: &Error) -> String {
    let kind = cause.kind();
    match cause.detail() {
        Some(detail) => detail.to_owned(),
        None if kind == ErrorKind::UndefinedError => "a value is undefined".to_owned(),
        None => kind.to_string(),
    }
}

/// Whether copying `json` behind `out` takes more than a little effort, where no more may be made.
fn is_long(json: &[u8], names: &Names, out: &[u8]) -> bool {
    names.effort == Effort::Little && out.len() + json.len() > LITTLE_BYTES_MAX
}

fn is_true(json: &[u8]) -> bool {
    match json.first() {
        Some(b'"' | b'[' | b'{') => json.len() > 2,
        Some(b't') => true,
        Some(b'f' | b'n') | None => false,
        Some(_) => {
            let number = std::str::from_utf8(json).ok().and_then(|text| text.parse::<f64>().ok());
            number != Some(0.0)
        }
    }
}

fn kind_of(json: &[u8]) -> &'static str {
    match json.first() {
        Some(b'{') => "a table",
        Some(b'[') => "a list",
        Some(b'"') => "a text",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        Some(_) | None => "a number",
    }
}
