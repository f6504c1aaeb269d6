//! Reads an expression, finds the paths it uses, and writes it down for the interpreter.
//!
//! The grammar is Jinja's, as minijinja has it, without calls of methods. Every path becomes a name
//! of its own (`p0`, `p1` …), so that a lookup is ours: lazy, exact about what is undefined, and
//! without building values that nobody reads. `+ * ** ~` become calls of `chain`, which minds the size
//! of what it makes. Every name, filter and test is known or refused here.

mod postfix;

use std::ops::Range;

use super::CompileError;
use super::functions;
use super::lex::{self, Kind, Token};
use super::path::{PathUse, ROOTS};
use crate::definition::nearest;

/// The deepest nesting: of brackets and calls as the interpreter sees them, and of `not`, `-`, `else`.
/// The interpreter recurses a dozen calls for each, on stacks of 2 MiB.
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
    /// How deep brackets and calls are nested in it.
    depth: usize,
}

impl Piece {
    fn new(code: &str) -> Self {
        Self { code: code.to_owned(), path: None, depth: 0 }
    }

    fn followed_by(mut self, between: &str, next: Self) -> Self {
        self.code.push_str(between);
        self.code.push_str(&next.code);
        Self { code: self.code, path: None, depth: self.depth.max(next.depth) }
    }
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
            value = value.followed_by(" if ", self.or()?);
            if self.eat("else") {
                value = value.followed_by(" else ", self.expression()?);
            }
        }
        self.depth -= 1;
        Ok(value)
    }

    fn or(&mut self) -> Parse<Piece> {
        self.binary(Self::and, &["or"])
    }

    fn and(&mut self) -> Parse<Piece> {
        self.binary(Self::not, &["and"])
    }

    fn not(&mut self) -> Parse<Piece> {
        if !self.eat("not") {
            return self.comparison();
        }
        self.deeper()?;
        let value = self.not()?;
        self.depth -= 1;
        Ok(Piece::new("not ").followed_by("", value))
    }

    fn comparison(&mut self) -> Parse<Piece> {
        let mut value = self.sum()?;
        while let Some(sign) = self.comparison_sign()? {
            value = value.followed_by(sign, self.sum()?);
        }
        Ok(value)
    }

    fn comparison_sign(&mut self) -> Parse<Option<&'static str>> {
        const SIGNS: [(&str, &str); 7] = [
            ("==", " == "),
            ("!=", " != "),
            ("<=", " <= "),
            (">=", " >= "),
            ("<", " < "),
            (">", " > "),
            ("in", " in "),
        ];
        if let Some((_, sign)) = SIGNS.into_iter().find(|(sign, _)| self.eat(sign)) {
            return Ok(Some(sign));
        }
        if self.eat("not") {
            self.expect("in")?;
            return Ok(Some(" not in "));
        }
        Ok(None)
    }

    fn sum(&mut self) -> Parse<Piece> {
        self.binary(Self::concat, &["+", "-"])
    }

    fn concat(&mut self) -> Parse<Piece> {
        self.binary(Self::product, &["~"])
    }

    fn product(&mut self) -> Parse<Piece> {
        self.binary(Self::power, &["*", "/", "//", "%"])
    }

    fn power(&mut self) -> Parse<Piece> {
        self.binary(Self::unary, &["**"])
    }

    /// A chain of operators of one rank, from left to right. Written as it is; or, if one of them can
    /// make something large, as one call.
    fn binary(
        &mut self,
        operand: fn(&mut Self) -> Parse<Piece>,
        operators: &[&'static str],
    ) -> Parse<Piece> {
        let first = operand(self)?;
        let mut rest = Vec::new();
        while let Some(sign) = operators.iter().find(|sign| self.eat(sign)) {
            rest.push((*sign, operand(self)?));
        }
        if rest.is_empty() {
            return Ok(first);
        }
        let is_guarded = rest.iter().any(|(sign, _)| functions::is_guarded(sign));
        let whole = rest.into_iter().fold(first, |left, (sign, right)| {
            let between = if is_guarded { format!(", '{sign}', ") } else { format!(" {sign} ") };
            left.followed_by(&between, right)
        });
        if is_guarded { self.nested("chain(", whole, ")") } else { Ok(whole) }
    }

    fn unary(&mut self) -> Parse<Piece> {
        let value = self.negation()?;
        self.filters(value)
    }

    fn negation(&mut self) -> Parse<Piece> {
        if !self.eat("-") {
            let value = self.primary()?;
            return self.postfix(value);
        }
        self.deeper()?;
        let value = self.negation()?;
        self.depth -= 1;
        Ok(Piece::new("-").followed_by("", value))
    }

    fn primary(&mut self) -> Parse<Piece> {
        let Some(token) = self.next() else {
            return Err(self.ends("a value"));
        };
        let text = self.text(token);
        match (token.kind, text) {
            (Kind::Name, _) => self.name(token),
            (Kind::Number | Kind::Text, _) => Ok(Piece::new(text)),
            (Kind::Sign, "(") => self.parentheses(),
            (Kind::Sign, "[") => {
                let items = self.list("]")?;
                self.nested("[", items, "]")
            }
            (Kind::Sign, "{") => self.table(),
            (Kind::Sign, _) => Err(self.unexpected(token, "a value")),
        }
    }

    fn name(&mut self, token: Token) -> Parse<Piece> {
        let text = self.text(token);
        if let Some((_, root)) = ROOTS.iter().find(|(name, _)| *name == text) {
            return self.path(*root, token);
        }
        match text {
            "true" | "false" | "none" | "True" | "False" | "None" => Ok(Piece::new(text)),
            "range" | "dict" if self.eat("(") => {
                let args = self.arguments()?;
                self.nested(&format!("{text}("), args, ")")
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

    fn parentheses(&mut self) -> Parse<Piece> {
        let first = self.expression()?;
        if self.eat(")") {
            let path = first.path;
            return Ok(Piece { path, ..self.nested("(", first, ")")? });
        }
        let mut all = first;
        loop {
            self.expect(",")?;
            all.code.push_str(", ");
            if self.eat(")") {
                return self.nested("(", all, ")");
            }
            all = all.followed_by("", self.expression()?);
            if self.eat(")") {
                return self.nested("(", all, ")");
            }
        }
    }

    /// Items up to a closing bracket.
    fn list(&mut self, end: &str) -> Parse<Piece> {
        self.separated(end, Self::expression)
    }

    fn table(&mut self) -> Parse<Piece> {
        let rows = self.separated("}", |parser| {
            let key = parser.expression()?;
            parser.expect(":")?;
            Ok(key.followed_by(": ", parser.expression()?))
        })?;
        self.nested("{", rows, "}")
    }

    /// What stands between the parentheses of a call; the opening one has been read.
    fn arguments(&mut self) -> Parse<Piece> {
        self.separated(")", |parser| {
            let named = parser
                .tokens
                .get(parser.at..parser.at + 2)
                .filter(|pair| pair[0].kind == Kind::Name && parser.text(pair[1]) == "=");
            let Some(name) = named.map(|pair| parser.text(pair[0])) else {
                return parser.expression();
            };
            parser.at += 2;
            Ok(Piece::new(&format!("{name}=")).followed_by("", parser.expression()?))
        })
    }

    fn separated(&mut self, end: &str, item: fn(&mut Self) -> Parse<Piece>) -> Parse<Piece> {
        let mut all = Piece::new("");
        let mut between = "";
        while !self.eat(end) {
            if !between.is_empty() {
                self.expect_either(",", end)?;
                if self.eat(end) {
                    break;
                }
            }
            all = all.followed_by(between, item(self)?);
            between = ", ";
        }
        Ok(all)
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
        let args = if self.eat("(") { self.arguments()? } else { Piece::new("") };
        let args = self.nested("(", args, ")")?;
        Ok(value.followed_by(&format!("|{name}"), args))
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
            self.negation()?
        } else {
            Piece::new("")
        };
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

    fn deeper(&mut self) -> Parse<()> {
        self.depth += 1;
        if self.depth > DEPTH_MAX { Err(self.too_deep()) } else { Ok(()) }
    }

    /// A piece in brackets, or as the arguments of a call.
    fn nested(&self, open: &str, piece: Piece, close: &str) -> Parse<Piece> {
        let depth = piece.depth + 1;
        if depth > DEPTH_MAX {
            return Err(self.too_deep());
        }
        Ok(Piece { code: format!("{open}{}{close}", piece.code), path: None, depth })
    }

    fn too_deep(&self) -> CompileError {
        let message = format!("the expression is nested more than {DEPTH_MAX} deep");
        self.error(message, 0..self.source.len())
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
        self.expect_either(text, text)
    }

    /// Takes `text`, or leaves `end` to be taken.
    fn expect_either(&mut self, text: &str, end: &str) -> Parse<()> {
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

    fn next_name(&mut self, what: &str) -> Parse<Token> {
        match self.next() {
            Some(token) if token.kind == Kind::Name => Ok(token),
            Some(token) => Err(self.unexpected(token, what)),
            None => Err(self.ends(what)),
        }
    }

    fn ends(&self, missing: &str) -> CompileError {
        let end = self.source.len();
        self.error(format!("the expression ends where {missing} is missing"), end..end)
    }

    fn unexpected(&self, token: Token, expected: &str) -> CompileError {
        let message = format!("unexpected `{}`, expected {expected}", self.text(token));
        self.error(message, token.span())
    }

    fn error(&self, message: impl Into<String>, span: Range<usize>) -> CompileError {
        CompileError::new(self.source, message, span)
    }
}
