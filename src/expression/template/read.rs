//! From a value to its parts.

use super::super::{CompileError, Expression, Names, path};
use super::{Part, Piece};
use crate::payload::{Json, Payload};

/// The deepest nesting of a template.
const DEPTH_MAX: usize = 100;

/// A part that was refused is a constant; then nothing renders it.
pub(super) fn compile(value: &Json, depth: usize, errors: &mut Vec<CompileError>) -> Part {
    if depth > DEPTH_MAX {
        let message = format!("the value is nested more than {DEPTH_MAX} deep");
        errors.push(CompileError::new("", message, 0..0));
        return Part::Constant(Payload::NULL);
    }
    match value {
        Json::String(text) => compile_text(text, errors),
        Json::Array(items) => {
            let parts = items.iter().map(|item| compile(item, depth + 1, errors));
            folded(Part::List(parts.collect()))
        }
        Json::Object(rows) => {
            let rows = rows.iter().map(|(key, row)| {
                let key = format!("{}:", path::quoted(key)).into_boxed_str();
                (key, compile(row, depth + 1, errors))
            });
            folded(Part::Table(rows.collect()))
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => match Payload::of(value) {
            Ok(constant) => Part::Constant(constant),
            Err(error) => {
                errors.push(CompileError::new("", error.to_string(), 0..0));
                Part::Constant(Payload::NULL)
            }
        },
    }
}

/// A list or table of constants is one constant.
fn folded(part: Part) -> Part {
    let is_constant = match &part {
        Part::List(items) => items.iter().all(Part::is_constant),
        Part::Table(rows) => rows.iter().all(|(_, row)| row.is_constant()),
        Part::Constant(_) | Part::ConstantText(..) | Part::Whole(_) | Part::Text(_) => false,
    };
    let mut json = Vec::new();
    // A constant that is too large for a payload fails when it is rendered.
    if is_constant && part.write_json(&Names::default(), &mut json, 0).is_ok() {
        return Part::Constant(Payload::from_trusted(json));
    }
    part
}

const OPEN: &str = "${{";

pub(super) fn compile_text(text: &str, errors: &mut Vec<CompileError>) -> Part {
    if !text.contains(OPEN) {
        return fixed_text(text);
    }
    let mut pieces: Vec<Piece> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(OPEN) {
        let (literal, behind) = (&rest[..at], &rest[at + OPEN.len()..]);
        if let Some(literal) = literal.strip_suffix('$') {
            push_literal(&mut pieces, &format!("{literal}{OPEN}"));
            rest = behind;
            continue;
        }
        push_literal(&mut pieces, literal);
        let Some(len) = expression_len(behind) else {
            let error = CompileError::new(behind, "`${{` is never closed", 0..behind.len());
            errors.push(error.with_help("close it with `}}`; a literal `${{` is written `$${{`"));
            rest = "";
            break;
        };
        match Expression::compile(&behind[..len]) {
            Ok(expression) => pieces.push(Piece::Expression(Box::new(expression))),
            Err(error) => errors.push(error),
        }
        rest = &behind[len + 2..];
    }
    push_literal(&mut pieces, rest);
    match <[Piece; 1]>::try_from(pieces) {
        Ok([Piece::Expression(expression)]) => Part::Whole(expression),
        Ok([Piece::Literal(text)]) => fixed_text(&text),
        Err(pieces) => Part::Text(pieces.into()),
    }
}

fn fixed_text(text: &str) -> Part {
    Part::ConstantText(Payload::from_trusted(path::quoted(text)), text.into())
}

fn push_literal(pieces: &mut Vec<Piece>, text: &str) {
    if text.is_empty() {
        return;
    }
    if let Some(Piece::Literal(last)) = pieces.last_mut() {
        *last = format!("{last}{text}").into();
    } else {
        pieces.push(Piece::Literal(text.into()));
    }
}

/// How long the expression at the beginning of `text` is: up to the `}}` outside of its texts and braces.
fn expression_len(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut depth = 0_usize;
    let mut quote = None;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match (quote, byte) {
            (Some(_), b'\\') => at += 1,
            (Some(open), _) if byte == open => quote = None,
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'{') => depth += 1,
            (None, b'}') if depth == 0 && bytes.get(at + 1) == Some(&b'}') => return Some(at),
            (None, b'}') => depth = depth.saturating_sub(1),
            (Some(_) | None, _) => {}
        }
        at += 1;
    }
    None
}
