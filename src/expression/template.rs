//! Values whose strings may hold `${{ … }}`.
//!
//! A string that is one whole expression keeps the type of its value. In mixed text a string stands as
//! it is, anything else as JSON. `$${{` is a literal `${{`. Keys of tables are no templates.

mod read;

use std::fmt;

use serde::Serialize;

use super::shell::Quoting;
use super::{CompileError, EvalError, Expression, Names, Reads, json};
use crate::payload::{Json, PAYLOAD_BYTES_MAX, Payload};

/// A compiled value.
pub struct Template {
    root: Part,
}

enum Part {
    Constant(Payload),
    /// A constant string: as JSON, and as it is.
    ConstantText(Payload, Box<str>),
    Whole(Box<Expression>),
    Text(Box<[Piece]>),
    List(Box<[Self]>),
    Table(Box<[(Box<str>, Self)]>),
}

enum Piece {
    Literal(Box<str>),
    Expression(Box<Expression>),
}

impl Template {
    /// Compiles a value.
    ///
    /// # Errors
    /// All expressions in it that are wrong; that it cannot be written as JSON.
    pub fn compile(value: &impl Serialize) -> Result<Self, Vec<CompileError>> {
        let value = Payload::of_result(value)
            .map_err(|error| vec![CompileError::new("", error.to_string(), 0..0)])?;
        let (template, errors) = Self::read(&value.to_json());
        if errors.is_empty() { Ok(template) } else { Err(errors) }
    }

    /// Compiles a text.
    ///
    /// # Errors
    /// As [`compile`](Self::compile).
    pub fn text(text: &str) -> Result<Self, Vec<CompileError>> {
        let (template, errors) = Self::read_text(text);
        if errors.is_empty() { Ok(template) } else { Err(errors) }
    }

    /// Compiles what can be compiled of a value, so that names in its other expressions can be checked.
    pub(crate) fn read(value: &Json) -> (Self, Vec<CompileError>) {
        let mut errors = Vec::new();
        let root = read::compile(value, 0, &mut errors);
        (Self { root }, errors)
    }

    /// As [`read`](Self::read), of a text.
    pub(crate) fn read_text(text: &str) -> (Self, Vec<CompileError>) {
        let mut errors = Vec::new();
        let root = read::compile_text(text, &mut errors);
        (Self { root }, errors)
    }

    /// Compiles the text of a shell command, and refuses expressions where no quoting is safe.
    ///
    /// # Errors
    /// As [`compile`](Self::compile), and for an expression in a comment, in backquotes, in a
    /// here-document, in `$((…))`, in `${…}`, or after a `case` inside of `$(…)`.
    pub fn shell(text: &str) -> Result<Self, Vec<CompileError>> {
        let (template, errors) = Self::read_shell(text);
        if errors.is_empty() { Ok(template) } else { Err(errors) }
    }

    /// As [`read`](Self::read), of the text of a shell command.
    pub(crate) fn read_shell(text: &str) -> (Self, Vec<CompileError>) {
        let (template, mut errors) = Self::read_text(text);
        let mut quoting = Quoting::default();
        for piece in template.root.pieces() {
            match piece {
                PieceRef::Literal(text) => quoting.read(text),
                PieceRef::Expression(expression) => {
                    if let Err(why) = quoting.word("") {
                        let source = expression.source();
                        let error = CompileError::new(source, why, 0..source.len());
                        let help =
                            "hand the value over in `env`, and let the shell read the variable";
                        errors.push(error.with_help(help));
                    }
                }
            }
        }
        (template, errors)
    }

    /// Whether there is no expression in it.
    pub fn is_constant(&self) -> bool {
        self.root.is_constant()
    }

    /// The expressions in it, in the order of the text.
    pub fn expressions(&self) -> Vec<&Expression> {
        let mut found = Vec::new();
        self.root.collect(&mut found);
        found
    }

    /// What all its expressions name; places are in each one's own text.
    pub fn reads(&self) -> Reads {
        let mut reads = Reads::default();
        for expression in self.expressions() {
            reads.merge(expression.reads());
        }
        reads
    }

    /// The step whose missing output the value needs, if there is one: found by evaluation, without
    /// secrets. Every other reason to have no value is left out.
    ///
    /// # Errors
    /// Where finding out takes too long ([`EvalError::is_too_long`]).
    pub fn first_missing(&self, names: &Names) -> Result<Option<Box<str>>, EvalError> {
        let mut found =
            self.expressions().into_iter().map(|expression| expression.first_missing(names));
        found.find(|found| *found != Ok(None)).unwrap_or(Ok(None))
    }

    /// The value as JSON.
    ///
    /// # Errors
    /// Where an expression has no value, or the result is larger than a payload may be.
    pub fn render(&self, names: &Names) -> Result<Payload, EvalError> {
        match &self.root {
            Part::Constant(payload) | Part::ConstantText(payload, _) => Ok(payload.clone()),
            Part::Whole(expression) => expression.eval_payload(names),
            Part::Text(_) | Part::List(_) | Part::Table(_) => {
                let mut out = Vec::new();
                self.root.write_json(names, &mut out, 0)?;
                Ok(Payload::from_trusted(out))
            }
        }
    }

    /// The value as text: a string as it is, anything else as JSON.
    ///
    /// # Errors
    /// As [`render`](Self::render).
    pub fn render_text(&self, names: &Names) -> Result<String, EvalError> {
        let mut out = Vec::new();
        self.root.write_text(names, &mut out)?;
        text_of(out)
    }

    /// The value as a command for `sh -c`: the text, with each expression as one word or a part of one,
    /// whatever its value holds. Inside of quotes they are closed before it and opened again behind it.
    ///
    /// # Errors
    /// As [`render`](Self::render), for a value with a NUL byte, and where no quoting is safe
    /// (see [`shell`](Self::shell)).
    pub fn render_shell(&self, names: &Names) -> Result<String, EvalError> {
        let mut quoting = Quoting::default();
        let mut out = String::new();
        for piece in self.root.pieces() {
            match piece {
                PieceRef::Literal(text) => {
                    quoting.read(text);
                    out.push_str(text);
                }
                PieceRef::Expression(expression) => {
                    let mut value = Vec::new();
                    expression.write_text(names, &mut value)?;
                    let word = quoting.word(&text_of(value)?).map_err(EvalError::new);
                    out.push_str(&word.map_err(|error| error.within(expression.source()))?);
                }
            }
            if out.len() > PAYLOAD_BYTES_MAX {
                return Err(EvalError::new(format!(
                    "the command is longer than {PAYLOAD_BYTES_MAX} bytes"
                )));
            }
        }
        Ok(out)
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Template")?;
        f.debug_list().entries(self.expressions()).finish()
    }
}

/// A piece of a text, or of what stands for one.
enum PieceRef<'p> {
    Literal(&'p str),
    Expression(&'p Expression),
}

impl Part {
    fn is_constant(&self) -> bool {
        matches!(self, Self::Constant(_) | Self::ConstantText(..))
    }

    fn pieces(&self) -> Vec<PieceRef<'_>> {
        match self {
            Self::Constant(payload) => vec![PieceRef::Literal(payload.as_str())],
            Self::ConstantText(_, text) => vec![PieceRef::Literal(text)],
            Self::Whole(expression) => vec![PieceRef::Expression(expression)],
            Self::Text(pieces) => pieces.iter().map(Piece::as_ref).collect(),
            // Only texts are commands: the checker has refused everything else.
            Self::List(_) | Self::Table(_) => Vec::new(),
        }
    }

    fn collect<'p>(&'p self, found: &mut Vec<&'p Expression>) {
        match self {
            Self::Constant(_) | Self::ConstantText(..) => {}
            Self::Whole(expression) => found.push(expression),
            Self::Text(pieces) => found.extend(pieces.iter().filter_map(Piece::expression)),
            Self::List(items) => items.iter().for_each(|item| item.collect(found)),
            Self::Table(rows) => rows.iter().for_each(|(_, row)| row.collect(found)),
        }
    }

    /// Appends the value as JSON that stands `depth` deep.
    fn write_json(&self, names: &Names, out: &mut Vec<u8>, depth: usize) -> Result<(), EvalError> {
        match self {
            Self::Constant(payload) | Self::ConstantText(payload, _) => {
                json::push_value(payload.as_bytes(), out, depth).map_err(EvalError::new)
            }
            Self::Whole(expression) => expression.write_json(names, out, depth),
            Self::Text(pieces) => {
                let mut text = Vec::new();
                write_pieces(pieces, names, &mut text)?;
                let quoted = super::path::quoted(&text_of(text)?);
                json::push(quoted.as_bytes(), out).map_err(EvalError::new)
            }
            Self::List(items) => {
                json::push(b"[", out).map_err(EvalError::new)?;
                for (place, item) in items.iter().enumerate() {
                    let comma: &[u8] = if place > 0 { b"," } else { b"" };
                    json::push(comma, out).map_err(EvalError::new)?;
                    item.write_json(names, out, depth + 1)?;
                }
                json::push(b"]", out).map_err(EvalError::new)
            }
            Self::Table(rows) => {
                json::push(b"{", out).map_err(EvalError::new)?;
                for (place, (key, value)) in rows.iter().enumerate() {
                    let comma: &[u8] = if place > 0 { b"," } else { b"" };
                    json::push(comma, out).map_err(EvalError::new)?;
                    json::push(key.as_bytes(), out).map_err(EvalError::new)?;
                    value.write_json(names, out, depth + 1)?;
                }
                json::push(b"}", out).map_err(EvalError::new)
            }
        }
    }

    fn write_text(&self, names: &Names, out: &mut Vec<u8>) -> Result<(), EvalError> {
        match self {
            Self::ConstantText(_, text) => json::push(text.as_bytes(), out).map_err(EvalError::new),
            Self::Whole(expression) => expression.write_text(names, out),
            Self::Text(pieces) => write_pieces(pieces, names, out),
            Self::Constant(_) | Self::List(_) | Self::Table(_) => self.write_json(names, out, 0),
        }
    }
}

impl Piece {
    fn as_ref(&self) -> PieceRef<'_> {
        match self {
            Self::Literal(text) => PieceRef::Literal(text),
            Self::Expression(expression) => PieceRef::Expression(expression),
        }
    }

    fn expression(&self) -> Option<&Expression> {
        match self {
            Self::Literal(_) => None,
            Self::Expression(expression) => Some(expression),
        }
    }
}

fn write_pieces(pieces: &[Piece], names: &Names, out: &mut Vec<u8>) -> Result<(), EvalError> {
    pieces.iter().try_for_each(|piece| match piece {
        Piece::Literal(text) => json::push(text.as_bytes(), out).map_err(EvalError::new),
        Piece::Expression(expression) => expression.write_text(names, out),
    })
}

fn text_of(bytes: Vec<u8>) -> Result<String, EvalError> {
    String::from_utf8(bytes).map_err(|_| EvalError::new("the result is not UTF-8"))
}
