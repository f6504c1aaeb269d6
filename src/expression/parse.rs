//! Reads an expression, finds the paths it uses, and writes it down for the interpreter.
//!
//! The grammar is Jinja's, as minijinja has it, without calls of methods. Every path becomes a name
//! of its own (`p0`, `p1` …), so that a lookup is ours: lazy, exact about what is undefined, and
//! without building values that nobody reads. `+ * ** ~` become calls that mind the size of what they
//! make. Every name, filter and test is known or refused here.

mod postfix;

use std::ops::Range;

use super::CompileError;
use super::functions;
use super::lex::{self, Kind, Token};
use super::path::{PathUse, ROOTS};
use crate::definition::nearest;

/// The deepest nesting of brackets, `not`, `-`, and `if`.
const DEPTH_MAX: usize = 40;

/// A checked expression.
#[derive(Debug)]
pub(super) struct Parsed {
    /// What the interpreter compiles.
    pub code: String,
    /// The paths, by the numbers in `code`.
    pub paths: Vec<PathUse>,
    /// The whole expression is the path 0.
    pub only_path: bool,
}

/// Reads one expression.
pub(super) fn parse(source: &str) -> Result<Parsed, CompileError> {
    let tokens = lex::tokens(source)?;
    let mut parser = Parser { source, tokens, at: 0, depth: 0, paths: Vec::new() };
    let whole = parser.expression()?;
    if let Some(token) = parser.peek() {
        return Err(parser.unexpected(token, "an operator or the end"));
    }
    let only_path = whole.path == Some(0) && !parser.paths[0].lenient;
    Ok(Parsed { code: whole.code, paths: parser.paths, only_path })
}

/// A part that has been read.
struct Piece {
    code: String,
    /// Which path it is, if it is nothing else.
    path: Option<usize>,
    start: usize,
}

struct Parser<'s> {
    source: &'s str,
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    paths: Vec<PathUse>,
}

type Parse<T> = Result<T, CompileError>;

impl<'s> Parser<'s> {
    fn expression(&mut self) -> Parse<Piece> {
        self.deeper()?;
        let mut value = self.or()?;
        while self.eat("if") {
            let condition = self.or()?;
            value.code = if self.eat("else") {
                let other = self.expression()?;
                format!("({} if {} else {})", value.code, condition.code, other.code)
            } else {
                format!("({} if {})", value.code, condition.code)
            };
            value.path = None;
        }
        self.depth -= 1;
        Ok(value)
    }

    fn or(&mut self) -> Parse<Piece> {
        self.binary(Self::and, &[("or", None)])
    }

    fn and(&mut self) -> Parse<Piece> {
        self.binary(Self::not, &[("and", None)])
    }

    fn not(&mut self) -> Parse<Piece> {
        let start = self.start();
        if !self.eat("not") {
            return self.comparison();
        }
        self.deeper()?;
        let value = self.not()?;
        self.depth -= 1;
        Ok(Piece { code: format!("(not {})", value.code), path: None, start })
    }

    fn comparison(&mut self) -> Parse<Piece> {
        let mut value = self.sum()?;
        let mut code = String::new();
        while let Some(sign) = self.comparison_sign()? {
            let other = self.sum()?;
            code.push_str(&format!(" {sign} {}", other.code));
        }
        if !code.is_empty() {
            value.code = format!("({}{code})", value.code);
            value.path = None;
        }
        Ok(value)
    }

    fn comparison_sign(&mut self) -> Parse<Option<&'static str>> {
        const SIGNS: [&str; 7] = ["==", "!=", "<=", ">=", "<", ">", "in"];
        if let Some(sign) = SIGNS.into_iter().find(|sign| self.eat(sign)) {
            return Ok(Some(sign));
        }
        if self.eat("not") {
            self.expect("in")?;
            return Ok(Some("not in"));
        }
        Ok(None)
    }

    fn sum(&mut self) -> Parse<Piece> {
        self.binary(Self::concat, &[("+", Some("plus")), ("-", None)])
    }

    fn concat(&mut self) -> Parse<Piece> {
        self.binary(Self::product, &[("~", Some("concat"))])
    }

    fn product(&mut self) -> Parse<Piece> {
        self.binary(Self::power, &[("*", Some("times")), ("/", None), ("//", None), ("%", None)])
    }

    fn power(&mut self) -> Parse<Piece> {
        self.binary(Self::unary, &[("**", Some("power"))])
    }

    /// A chain of operators of one rank, from left to right; some are calls of ours.
    fn binary(
        &mut self,
        operand: fn(&mut Self) -> Parse<Piece>,
        operators: &[(&'static str, Option<&'static str>)],
    ) -> Parse<Piece> {
        let mut left = operand(self)?;
        while let Some((sign, call)) = operators.iter().find(|(sign, _)| self.eat(sign)) {
            let right = operand(self)?;
            left.code = match call {
                Some(name) => format!("{name}({}, {})", left.code, right.code),
                None => format!("({} {sign} {})", left.code, right.code),
            };
            left.path = None;
        }
        Ok(left)
    }

    fn unary(&mut self) -> Parse<Piece> {
        let value = self.negation()?;
        self.filters(value)
    }

    fn negation(&mut self) -> Parse<Piece> {
        let start = self.start();
        if !self.eat("-") {
            let value = self.primary()?;
            return self.postfix(value);
        }
        self.deeper()?;
        let value = self.negation()?;
        self.depth -= 1;
        Ok(Piece { code: format!("(-{})", value.code), path: None, start })
    }

    fn primary(&mut self) -> Parse<Piece> {
        let start = self.start();
        let Some(token) = self.next() else {
            return Err(self.error("the expression ends where a value is missing", start..start));
        };
        let text = self.text(token);
        match (token.kind, text) {
            (Kind::Name, _) => self.name(token),
            (Kind::Number, _) | (Kind::Text, _) => {
                Ok(Piece { code: text.to_owned(), path: None, start })
            }
            (Kind::Sign, "(") => self.parentheses(start),
            (Kind::Sign, "[") => {
                let items = self.list("]")?;
                Ok(Piece { code: format!("[{}]", items.join(", ")), path: None, start })
            }
            (Kind::Sign, "{") => self.table(start),
            (Kind::Sign, _) => Err(self.unexpected(token, "a value")),
        }
    }

    fn name(&mut self, token: Token) -> Parse<Piece> {
        let text = self.text(token);
        if let Some((_, root)) = ROOTS.iter().find(|(name, _)| *name == text) {
            return self.path(*root, token);
        }
        match text {
            "true" | "false" | "none" | "True" | "False" | "None" => {
                Ok(Piece { code: text.to_owned(), path: None, start: token.start })
            }
            "range" | "dict" if self.eat("(") => {
                let args = self.arguments()?;
                Ok(Piece { code: format!("{text}({args})"), path: None, start: token.start })
            }
            _ => Err(self.unknown_name(token)),
        }
    }

    fn unknown_name(&self, token: Token) -> CompileError {
        let name = self.text(token);
        if self.peek().is_some_and(|next| self.text(next) == "(") {
            let help = "there are `range(…)` and `dict(…)`; the rest are filters: `value | upper`";
            let message = format!("unknown function `{name}`");
            return self.error(message, token.span()).with_help(help);
        }
        let error = self.error(format!("unknown name `{name}`"), token.span());
        let known = ROOTS.iter().map(|(root, _)| *root);
        let help = match name {
            "null" | "nil" => Some("nothing is written `none`".to_owned()),
            "output" => Some("an output is read as `steps.<id>.output`".to_owned()),
            _ => nearest(name, known).map(|near| format!("did you mean `{near}`?")),
        };
        match help {
            Some(help) => error.with_help(help),
            None => {
                error.with_help("there are `input`, `steps`, `item`, `index`, `run`, `secrets`")
            }
        }
    }

    fn parentheses(&mut self, start: usize) -> Parse<Piece> {
        let first = self.expression()?;
        if self.eat(")") {
            return Ok(Piece { start, ..first });
        }
        let mut code = format!("({},", first.code);
        while self.eat(",") {
            if self.peek_is(")") {
                break;
            }
            code.push_str(&format!(" {},", self.expression()?.code));
        }
        self.expect(")")?;
        code.push(')');
        Ok(Piece { code, path: None, start })
    }

    fn list(&mut self, end: &str) -> Parse<Vec<String>> {
        let mut items = Vec::new();
        while !self.eat(end) {
            if !items.is_empty() {
                self.expect(",")?;
                if self.eat(end) {
                    break;
                }
            }
            items.push(self.expression()?.code);
        }
        Ok(items)
    }

    fn table(&mut self, start: usize) -> Parse<Piece> {
        let mut rows = Vec::new();
        while !self.eat("}") {
            if !rows.is_empty() {
                self.expect(",")?;
                if self.eat("}") {
                    break;
                }
            }
            let key = self.expression()?.code;
            self.expect(":")?;
            rows.push(format!("{key}: {}", self.expression()?.code));
        }
        Ok(Piece { code: format!("{{{}}}", rows.join(", ")), path: None, start })
    }

    /// What stands between the parentheses of a call; the opening one has been read.
    fn arguments(&mut self) -> Parse<String> {
        let mut found: Vec<String> = Vec::new();
        while !self.eat(")") {
            if !found.is_empty() {
                self.expect(",")?;
                if self.eat(")") {
                    break;
                }
            }
            let named = self
                .tokens
                .get(self.at..self.at + 2)
                .filter(|pair| pair[0].kind == Kind::Name && self.text(pair[1]) == "=");
            let code = match named.map(|pair| self.text(pair[0])) {
                Some(name) => {
                    self.at += 2;
                    format!("{name}={}", self.expression()?.code)
                }
                None => self.expression()?.code,
            };
            found.push(code);
        }
        Ok(found.join(", "))
    }

    fn filters(&mut self, mut value: Piece) -> Parse<Piece> {
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
        if let (Some(path), "default" | "d") = (value.path, name) {
            self.paths[path].lenient = true;
        }
        let args = if self.eat("(") { self.arguments()? } else { String::new() };
        let code = format!("({}|{name}({args}))", value.code);
        Ok(Piece { code, path: None, start: value.start })
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
        let args = if self.eat("(") {
            self.arguments()?
        } else if self.begins_argument() {
            self.negation()?.code
        } else {
            String::new()
        };
        let code = format!("({} is {not}{name}({args}))", value.code);
        Ok(Piece { code, path: None, start: value.start })
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

    fn deeper(&mut self) -> Parse<()> {
        self.depth += 1;
        if self.depth <= DEPTH_MAX {
            return Ok(());
        }
        let message = format!("the expression is nested more than {DEPTH_MAX} deep");
        Err(self.error(message, self.start()..self.source.len()))
    }

    fn text(&self, token: Token) -> &'s str {
        &self.source[token.span()]
    }

    fn peek(&self) -> Option<Token> {
        self.tokens.get(self.at).copied()
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.peek()?;
        self.at += 1;
        Some(token)
    }

    fn start(&self) -> usize {
        self.peek().map_or(self.source.len(), |token| token.start)
    }

    fn peek_is(&self, text: &str) -> bool {
        self.peek().is_some_and(|token| token.kind != Kind::Text && self.text(token) == text)
    }

    fn eat(&mut self, text: &str) -> bool {
        let is_it = self.peek_is(text);
        self.at += usize::from(is_it);
        is_it
    }

    fn expect(&mut self, text: &str) -> Parse<()> {
        if self.eat(text) {
            return Ok(());
        }
        match self.peek() {
            Some(token) => Err(self.unexpected(token, &format!("`{text}`"))),
            None => {
                let end = self.source.len();
                Err(self.error(format!("the expression ends where `{text}` is missing"), end..end))
            }
        }
    }

    fn next_name(&mut self, what: &str) -> Parse<Token> {
        match self.next() {
            Some(token) if token.kind == Kind::Name => Ok(token),
            Some(token) => Err(self.unexpected(token, what)),
            None => {
                let end = self.source.len();
                Err(self.error(format!("the expression ends where {what} is missing"), end..end))
            }
        }
    }

    fn unexpected(&self, token: Token, expected: &str) -> CompileError {
        let message = format!("unexpected `{}`, expected {expected}", self.text(token));
        self.error(message, token.span())
    }

    fn error(&self, message: impl Into<String>, span: Range<usize>) -> CompileError {
        CompileError::new(self.source, message, span)
    }
}
