//! The tokens of an expression, with their places. Refuses what is too long before anything else looks.

use std::ops::Range;

use super::CompileError;

/// The longest expression, in bytes; a literal list written as JSON may be longer.
pub(super) const EXPRESSION_BYTES_MAX: usize = 16 * 1024;

/// The most tokens of an expression. Bounds the depth of everything that recurses over it.
pub(super) const TOKENS_MAX: usize = 1_000;

/// What a token is; its text is `source[span]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Name,
    Text,
    Number,
    Sign,
}

/// A token and its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    pub kind: Kind,
    pub start: usize,
    pub end: usize,
}

impl Token {
    pub(super) fn span(self) -> Range<usize> {
        self.start..self.end
    }
}

/// The tokens of `source`.
pub(super) fn tokens(source: &str) -> Result<Vec<Token>, CompileError> {
    if source.len() > EXPRESSION_BYTES_MAX {
        let message = format!(
            "the expression is {} bytes long; at most {EXPRESSION_BYTES_MAX} are allowed",
            source.len()
        );
        return Err(CompileError::new(source, message, 0..source.len()));
    }
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(first) = source[at..].chars().next() {
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let (kind, len) = token(source, at, first)?;
        found.push(Token { kind, start: at, end: at + len });
        if found.len() > TOKENS_MAX {
            let message = format!("the expression has more than {TOKENS_MAX} parts");
            return Err(CompileError::new(source, message, 0..source.len()));
        }
        at += len;
    }
    Ok(found)
}

fn token(source: &str, at: usize, first: char) -> Result<(Kind, usize), CompileError> {
    let rest = &source[at..];
    match first {
        'a'..='z' | 'A'..='Z' | '_' => Ok((Kind::Name, run(rest, is_name_byte))),
        '0'..='9' => Ok((Kind::Number, number(source, at))),
        '"' | '\'' => match text(rest) {
            Some(len) => Ok((Kind::Text, len)),
            None => Err(CompileError::new(source, "the text is never closed", at..source.len())),
        },
        _ => {
            let message = || format!("unexpected character `{}`", first.escape_debug());
            let span = at..at + first.len_utf8();
            let len = sign(rest).ok_or_else(|| CompileError::new(source, message(), span))?;
            Ok((Kind::Sign, len))
        }
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn run(text: &str, fits: impl Fn(u8) -> bool) -> usize {
    text.bytes().take_while(|b| fits(*b)).count()
}

/// The length of a quoted text with its quotes; a backslash takes the next byte along.
fn text(rest: &str) -> Option<usize> {
    let quote = *rest.as_bytes().first()?;
    let mut bytes = rest.bytes().enumerate().skip(1);
    while let Some((at, byte)) = bytes.next() {
        if byte == quote {
            return Some(at + 1);
        }
        if byte == b'\\' {
            bytes.next();
        }
    }
    None
}

/// The length of `12`, `1_000`, `0x1f`, `1.5`, `2e-3`. After a dot it is an index, without a fraction.
fn number(source: &str, at: usize) -> usize {
    let rest = &source.as_bytes()[at..];
    if at > 0 && source.as_bytes()[at - 1] == b'.' {
        return run(&source[at..], |b| b.is_ascii_digit());
    }
    if rest.len() > 1 && rest[0] == b'0' && b"xXoObB".contains(&rest[1]) {
        return 2 + run(&source[at + 2..], |b| b.is_ascii_alphanumeric());
    }
    let digits = |from: usize| {
        rest[from.min(rest.len())..]
            .iter()
            .take_while(|b| b.is_ascii_digit() || **b == b'_')
            .count()
    };
    let mut len = digits(0);
    if rest.get(len) == Some(&b'.') && rest.get(len + 1).is_some_and(u8::is_ascii_digit) {
        len += 1 + digits(len + 1);
    }
    if rest.get(len).is_some_and(|b| b"eE".contains(b)) {
        let sign = usize::from(rest.get(len + 1).is_some_and(|b| b"+-".contains(b)));
        let exponent = digits(len + 1 + sign);
        if exponent > 0 {
            len += 1 + sign + exponent;
        }
    }
    len
}

fn sign(rest: &str) -> Option<usize> {
    const LONG: [&str; 6] = ["**", "//", "==", "!=", "<=", ">="];
    if LONG.iter().any(|sign| rest.starts_with(sign)) {
        return Some(2);
    }
    rest.starts_with(|c| "+-*/%~<>|.,:()[]{}=".contains(c)).then_some(1)
}
