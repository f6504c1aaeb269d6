//! The tokens still to be read.

use std::ops::Range;

use super::super::CompileError;
use super::super::lex::{Kind, Token};
use super::{Parse, Parser};

impl<'s> Parser<'s> {
    pub(super) fn text(&self, token: Token) -> &'s str {
        &self.source[token.span()]
    }

    pub(super) fn peek(&self) -> Option<Token> {
        self.tokens.get(self.at).copied()
    }

    pub(super) fn next(&mut self) -> Option<Token> {
        let token = self.peek()?;
        self.at += 1;
        Some(token)
    }

    pub(super) fn start(&self) -> usize {
        self.peek().map_or(self.source.len(), |token| token.start)
    }

    pub(super) fn peek_is(&self, text: &str) -> bool {
        self.peek().is_some_and(|token| token.kind != Kind::Text && self.text(token) == text)
    }

    pub(super) fn eat(&mut self, text: &str) -> bool {
        let is_it = self.peek_is(text);
        self.at += usize::from(is_it);
        is_it
    }

    pub(super) fn expect(&mut self, text: &str) -> Parse<()> {
        self.expect_either(text, text)
    }

    /// Takes `text`, or leaves `end` to be taken.
    pub(super) fn expect_either(&mut self, text: &str, end: &str) -> Parse<()> {
        if self.eat(text) || (text != end && self.peek_is(end)) {
            return Ok(());
        }
        let expected =
            if text == end { format!("`{text}`") } else { format!("`{text}` or `{end}`") };
        Err(match self.peek() {
            Some(token) => self.unexpected(token, &expected),
            None => self.ends(&expected),
        })
    }

    pub(super) fn next_name(&mut self, what: &str) -> Parse<Token> {
        match self.next() {
            Some(token) if token.kind == Kind::Name => Ok(token),
            Some(token) => Err(self.unexpected(token, what)),
            None => Err(self.ends(what)),
        }
    }

    pub(super) fn ends(&self, missing: &str) -> CompileError {
        let end = self.source.len();
        self.error(format!("the expression ends where {missing} is missing"), end..end)
    }

    pub(super) fn unexpected(&self, token: Token, expected: &str) -> CompileError {
        let message = format!("unexpected `{}`, expected {expected}", self.text(token));
        self.error(message, token.span())
    }

    pub(super) fn error(&self, message: impl Into<String>, span: Range<usize>) -> CompileError {
        CompileError::new(self.source, message, span)
    }
}
