//! Filters and tests: `value | upper`, `value is defined`.

use super::super::CompileError;
use super::super::functions;
use super::super::lex::{Kind, Token};
use super::{Parse, Parser, Piece};
use crate::definition::nearest;

impl Parser<'_> {
    pub(super) fn filters(&mut self, mut value: Piece) -> Parse<Piece> {
        loop {
            if self.eat("|") {
                value = self.filter(value)?;
            } else if self.eat("is") {
                value = self.test(value)?;
            } else {
                return Ok(value);
            }
        }
    }

    fn filter(&mut self, value: Piece) -> Parse<Piece> {
        let token = self.next_name("the name of a filter")?;
        let name = self.text(token);
        if !functions::is_filter(name) {
            return Err(self.unknown("filter", token, functions::filters()));
        }
        if matches!(name, "default" | "d") {
            self.refuse_secret(&value)?;
            return self.default(value);
        }
        let args = if self.eat("(") { self.arguments()? } else { Piece::new("") };
        let args = self.nested("(", args, ")")?;
        let whole = value.followed_by(&format!("|{name}"), args);
        if !functions::is_opaque(name) {
            self.refuse_secret(&whole)?;
        }
        Ok(whole)
    }

    /// `a | default(b)` as `a if a is defined else b`, so that what `b` reads is needed only where
    /// it is used. What is more than a path is kept aside, and evaluated once.
    fn default(&mut self, value: Piece) -> Parse<Piece> {
        let (mut other, mut lax) = (Piece::new("''"), None);
        if self.eat("(") && !self.eat(")") {
            other = self.expression()?;
            if self.eat(",") && !self.peek_is(")") {
                lax = Some(self.expression()?);
                self.eat(",");
            }
            self.expect(")")?;
        }
        if let Some(lax) = &lax {
            self.refuse_secret(lax)?;
        }
        let other = self.nested("(", other, ")")?;
        let whole = match (value.path, lax) {
            (Some(path), None) => {
                self.paths[path].lenient = true;
                let asked = Piece::new(&value.code).followed_by(" is defined else ", other);
                value.followed_by(" if ", asked)
            }
            (path, lax) => {
                if let Some(path) = path {
                    self.paths[path].lenient = true;
                }
                let number = self.kept;
                self.kept += 1;
                let lax = lax.unwrap_or_else(|| Piece::new("false"));
                let asked =
                    self.nested(&format!("keep({number}, "), value.followed_by(", ", lax), ")")?;
                Piece::new(&format!("kept({number}) if "))
                    .followed_by("", asked)
                    .followed_by(" else ", other)
            }
        };
        self.nested("(", whole, ")")
    }

    fn test(&mut self, value: Piece) -> Parse<Piece> {
        let not = if self.eat("not") { "not " } else { "" };
        let token = self.next_name("the name of a test")?;
        let name = self.text(token);
        if !functions::is_test(name) {
            return Err(self.unknown("test", token, functions::TESTS.iter().copied()));
        }
        if let (Some(path), "defined" | "undefined") = (value.path, name) {
            self.paths[path].lenient = true;
            self.paths[path].defined = true;
        }
        self.refuse_secret(&value)?;
        let args = if self.eat("(") {
            self.arguments()?
        } else if self.begins_argument() {
            self.negation()?
        } else {
            Piece::new("")
        };
        self.refuse_secret(&args)?;
        let args = self.nested("(", args, ")")?;
        Ok(value.followed_by(&format!(" is {not}{name}"), args))
    }

    /// Whether a test without parentheses has an argument: `x is divisibleby 3`.
    fn begins_argument(&self) -> bool {
        const WORDS: [&str; 7] = ["and", "or", "not", "if", "else", "is", "in"];
        self.peek().is_some_and(|token| match token.kind {
            Kind::Name => !WORDS.contains(&self.text(token)),
            Kind::Text | Kind::Number => true,
            Kind::Sign => matches!(self.text(token), "[" | "{"),
        })
    }

    fn unknown(
        &self,
        what: &str,
        token: Token,
        known: impl Iterator<Item = &'static str>,
    ) -> CompileError {
        let name = self.text(token);
        let error = self.error(format!("unknown {what} `{name}`"), token.span());
        match nearest(name, known) {
            Some(near) => error.with_help(format!("did you mean `{near}`?")),
            None => error,
        }
    }
}
