//! A compiled expression: a constant, a path that is a lookup, or a program for the interpreter.

use std::fmt;
use std::sync::Arc;

use minijinja::value::Object;
use minijinja::{Error, ErrorKind, Value};

use super::functions::ENVIRONMENT;
use super::path::{self, Found, PathUse};
use super::{CompileError, EvalError, Names, Reads, json, parse};
use crate::payload::Payload;

/// A constant is kept as a value up to this size; a larger one is made when it is needed.
const CONSTANT_BYTES_MAX: usize = 1024;

/// The values that one evaluation may read, in bytes of JSON.
const VALUES_BYTES_MAX: usize = 8 << 20;

/// A bare expression: `steps.count.output > 3`.
pub struct Expression {
    source: Box<str>,
    reads: Reads,
    code: Code,
}

enum Code {
    Constant(Payload),
    Path(PathUse),
    Program { program: minijinja::Expression<'static, 'static>, paths: Box<[PathUse]> },
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
        if trimmed.starts_with(|c: char| "[{\"-tfn0123456789".contains(c))
            && let Ok(value) = serde_json::from_str::<serde_json::Value>(trimmed)
            && let Ok(constant) = Payload::of(&value)
        {
            return Ok(Self::new(source, Reads::default(), Code::Constant(constant)));
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
        let refuse = |cause: Error| CompileError::new(source, message(&cause), 0..source.len());
        let program = ENVIRONMENT.compile_expression_owned(parsed.code).map_err(refuse)?;
        let is_constant = parsed.paths.is_empty();
        let code = Code::Program { program, paths: parsed.paths.into() };
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
        match self.outcome(names)? {
            Outcome::Json(Found::Whole(payload)) => Ok(payload.clone()),
            Outcome::Json(found) => Ok(Payload::from_trusted(found.as_json().to_owned())),
            Outcome::Value(value) => {
                let mut bytes = Vec::new();
                json::write(&value, &mut bytes).map_err(|cause| self.error(cause))?;
                Ok(Payload::from_trusted(bytes))
            }
        }
    }

    /// Its value as a list, each item as JSON bytes: what `for_each` runs over.
    ///
    /// # Errors
    /// As [`eval`](Self::eval), and where the value is no list.
    pub fn eval_list(&self, names: &Names) -> Result<Vec<Payload>, EvalError> {
        let whole = self.eval_payload(names)?;
        let items: Vec<&serde_json::value::RawValue> = serde_json::from_str(whole.as_str())
            .map_err(|_| {
                self.error(format!("expected a list, found {}", kind_of(whole.as_str())))
            })?;
        Ok(items.iter().map(|item| Payload::from_trusted(item.get().to_owned())).collect())
    }

    /// Whether its value counts as true: not `false`, `none`, zero, or empty.
    ///
    /// # Errors
    /// As [`eval`](Self::eval).
    pub fn is_true(&self, names: &Names) -> Result<bool, EvalError> {
        match self.outcome(names)? {
            Outcome::Json(found) => Ok(is_true(found.as_json())),
            Outcome::Value(value) => Ok(value.is_true()),
        }
    }

    /// Appends its value as JSON.
    pub(super) fn write_json(&self, names: &Names, out: &mut Vec<u8>) -> Result<(), EvalError> {
        let written = match self.outcome(names)? {
            Outcome::Json(found) => json::push(found.as_json().as_bytes(), out),
            Outcome::Value(value) => json::write(&value, out),
        };
        written.map_err(|cause| self.error(cause))
    }

    /// Its value inside of a text: a string as it is, everything else as JSON.
    pub(super) fn write_text(&self, names: &Names, out: &mut Vec<u8>) -> Result<(), EvalError> {
        let written = match self.outcome(names)? {
            Outcome::Json(found) => match unquoted(found.as_json()) {
                Some(text) => json::push(text.as_bytes(), out),
                None => json::push(found.as_json().trim().as_bytes(), out),
            },
            Outcome::Value(value) => match value.as_str() {
                Some(text) => json::push(text.as_bytes(), out),
                None => json::write(&value, out),
            },
        };
        written.map_err(|cause| self.error(cause))
    }

    fn outcome<'n>(&'n self, names: &'n Names) -> Result<Outcome<'n>, EvalError> {
        match &self.code {
            Code::Constant(payload) => Ok(Outcome::Json(Found::Whole(payload))),
            Code::Path(path) => match path::find(path, names) {
                Some(found) => Ok(Outcome::Json(found)),
                None => Err(self.error(undefined(&self.source, path))),
            },
            Code::Program { program, paths } => {
                let slots = Slots::of(paths, names, &self.source);
                let value = program
                    .eval(Value::from_object(slots))
                    .map_err(|cause| self.error(message(&cause)))?;
                if value.is_undefined() {
                    return Err(self.error("the value is undefined"));
                }
                Ok(Outcome::Value(value))
            }
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

fn undefined(source: &str, path: &PathUse) -> String {
    format!("`{}` is undefined", shown(source, path))
}

/// A path for a message, shortened.
fn shown(source: &str, path: &PathUse) -> String {
    const CHARS_MAX: usize = 200;
    let path = &source[path.span.clone()];
    let mut shown: String = path.chars().take(CHARS_MAX).collect();
    if shown.len() < path.len() {
        shown.push('…');
    }
    shown
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

/// The text of a JSON string; `None` where the JSON is something else.
pub(super) fn unquoted(json: &str) -> Option<String> {
    let is_text = json.trim_start().starts_with('"');
    is_text.then(|| serde_json::from_str(json).ok()).flatten()
}

fn is_true(json: &str) -> bool {
    match json.trim() {
        "null" | "false" | "\"\"" => false,
        text if text.starts_with(['[', '{']) => {
            !text[1..text.len().saturating_sub(1)].trim().is_empty()
        }
        text => text.parse::<f64>().ok() != Some(0.0),
    }
}

fn kind_of(json: &str) -> &'static str {
    match json.trim_start().as_bytes().first() {
        Some(b'{') => "a table",
        Some(b'[') => "a list",
        Some(b'"') => "a text",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        Some(_) | None => "a number",
    }
}

/// The values of the paths of one evaluation, by number.
#[derive(Debug)]
struct Slots(Vec<Slot>);

#[derive(Debug)]
enum Slot {
    Value(Value),
    /// Nothing is there, and something asks before it uses it.
    Absent,
    /// Nothing is there, and whoever uses it gets this message.
    Undefined(String),
    /// Too deep or too large to be handled.
    Unreadable(String),
}

impl Slots {
    fn of(paths: &[PathUse], names: &Names, source: &str) -> Self {
        let mut slots: Vec<Slot> = Vec::with_capacity(paths.len());
        let mut left = VALUES_BYTES_MAX;
        for path in paths {
            let earlier = path.first_use.and_then(|first| match slots.get(first) {
                Some(Slot::Value(value)) => Some(Slot::Value(value.clone())),
                Some(Slot::Absent | Slot::Undefined(_) | Slot::Unreadable(_)) | None => None,
            });
            slots.push(earlier.unwrap_or_else(|| Slot::of(path, names, source, &mut left)));
        }
        Self(slots)
    }
}

impl Slot {
    fn of(path: &PathUse, names: &Names, source: &str, left: &mut usize) -> Self {
        let Some(found) = path::find(path, names) else {
            return if path.lenient {
                Self::Absent
            } else {
                Self::Undefined(undefined(source, path))
            };
        };
        let json = found.as_json();
        let Some(rest) = left.checked_sub(json.len()) else {
            let told = format!("the expression reads more than {VALUES_BYTES_MAX} bytes of values");
            return Self::Unreadable(told);
        };
        *left = rest;
        match serde_json::from_str(json) {
            Ok(value) => Self::Value(value),
            Err(cause) => {
                Self::Unreadable(format!("`{}` cannot be read: {cause}", shown(source, path)))
            }
        }
    }
}

impl Object for Slots {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let number: usize = key.as_str()?.strip_prefix('p')?.parse().ok()?;
        Some(match self.0.get(number)? {
            Slot::Value(value) => value.clone(),
            Slot::Absent => Value::UNDEFINED,
            Slot::Undefined(message) => {
                Value::from(Error::new(ErrorKind::UndefinedError, message.clone()))
            }
            Slot::Unreadable(message) => {
                Value::from(Error::new(ErrorKind::InvalidOperation, message.clone()))
            }
        })
    }
}
