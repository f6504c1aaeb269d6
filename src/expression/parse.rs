//! Reads an expression, finds the paths it uses, and writes it down for the interpreter.
//!
//! The grammar is Jinja's, as minijinja has it, without calls of methods. Every path becomes a name
//! of its own (`p0`, `p1` …), so that a lookup is ours: lazy, exact about what is undefined, and
//! without building values that nobody reads. `+ * ** ~` become calls of `chain`, which minds the size
//! of what it makes. Every name, filter and test is known or refused here.

mod filters;
mod postfix;
mod stream;

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
    let mut parser = Parser { source, tokens, at: 0, depth: 0, paths: Vec::new(), kept: 0 };
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
    /// Where a secret stands that its value is made of.
    secret: Option<Range<usize>>,
}

impl Piece {
    fn new(code: &str) -> Self {
        Self { code: code.to_owned(), path: None, depth: 0, secret: None }
    }

    fn followed_by(mut self, between: &str, next: Self) -> Self {
        self.code.push_str(between);
        self.code.push_str(&next.code);
        Self {
            code: self.code,
            path: None,
            depth: self.depth.max(next.depth),
            secret: self.secret.or(next.secret),
        }
    }
}

struct Parser<'s> {
    source: &'s str,
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    paths: Vec<PathUse>,
    /// How many values the code keeps aside.
    kept: usize,
}

type Parse<T> = Result<T, CompileError>;

impl Parser<'_> {
    fn expression(&mut self) -> Parse<Piece> {
        self.deeper()?;
        let mut value = self.or()?;
        while self.eat("if") {
            let condition = self.or()?;
            self.refuse_secret(&condition)?;
            value = value.followed_by(" if ", condition);
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
        self.refuse_secret(&value)?;
        self.depth -= 1;
        Ok(Piece::new("not ").followed_by("", value))
    }

    fn comparison(&mut self) -> Parse<Piece> {
        let mut value = self.sum()?;
        let mut compares = false;
        while let Some(sign) = self.comparison_sign()? {
            let right = self.sum()?;
            self.refuse_secret(&value)?;
            self.refuse_secret(&right)?;
            value = value.followed_by(&format!(", '{sign}', "), right);
            compares = true;
        }
        if compares { self.nested("compare(", value, ")") } else { Ok(value) }
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
        if rest.iter().any(|(sign, _)| !matches!(*sign, "~" | "+")) {
            let operands = std::iter::once(&first).chain(rest.iter().map(|(_, operand)| operand));
            operands.into_iter().try_for_each(|operand| self.refuse_secret(operand))?;
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
        self.refuse_secret(&value)?;
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
                if text == "range" {
                    self.refuse_secret(&args)?;
                }
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
            parser.refuse_secret(&key)?;
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
        let code = format!("{open}{}{close}", piece.code);
        Ok(Piece { code, path: None, depth, secret: piece.secret })
    }

    /// Refuses a secret where its value would decide something: what a step needs is asked before
    /// the attempt, and secrets are known only inside of one.
    fn refuse_secret(&self, piece: &Piece) -> Parse<()> {
        let Some(span) = piece.secret.clone() else { return Ok(()) };
        let told = format!("`{}` is opaque here", &self.source[span.clone()]);
        Err(self.error(told, span).with_help(
            "a secret may be inserted, joined and encoded, never compared or branched on",
        ))
    }

    fn too_deep(&self) -> CompileError {
        let message = format!("the expression is nested more than {DEPTH_MAX} deep");
        self.error(message, 0..self.source.len())
    }
}
