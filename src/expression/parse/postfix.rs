//! Paths, and what stands behind a value: `.name`, `[0]`, `[1:3]`.

use super::super::CompileError;
use super::super::lex::{Kind, Token};
use super::super::path::{PathUse, Root, Segment};
use super::{Parse, Parser, Piece};
use crate::definition::nearest;

const STEP_FIELDS: [&str; 4] = ["output", "status", "error", "failed"];
const RUN_FIELDS: [&str; 5] = ["id", "attempt", "scheduled_at", "scheduled_day", "started_by"];

impl Parser<'_> {
    /// A path from its root on, as far as it is known without evaluating anything.
    pub(super) fn path(&mut self, root: Root, first: Token) -> Parse<Piece> {
        let mut segments = Vec::new();
        let mut end = first.end;
        while let Some((segment, last)) = self.segment()? {
            segments.push(segment);
            end = last.end;
        }
        let same = |path: &PathUse| path.root == root && path.segments == segments;
        let first_use = self.paths.iter().position(same);
        let span = first.start..end;
        let path = PathUse { root, segments, span, first_use, lenient: false, defined: false };
        self.check_path(&path)?;
        let number = self.paths.len();
        let secret = (root == Root::Secrets).then(|| path.span.clone());
        self.paths.push(path);
        Ok(Piece { path: Some(number), secret, ..Piece::new(&format!("p{number}")) })
    }

    /// One more segment, if the next tokens are one whose value is known.
    fn segment(&mut self) -> Parse<Option<(Segment, Token)>> {
        if self.eat(".") {
            let Some(token) = self.next() else {
                return Err(self.ends("a key"));
            };
            let text = self.text(token);
            let segment = match token.kind {
                Kind::Name => Segment::Key(text.into()),
                Kind::Number => Segment::Index(self.index(token)?),
                Kind::Text | Kind::Sign => return Err(self.unexpected(token, "a key")),
            };
            self.refuse_call(token)?;
            return Ok(Some((segment, token)));
        }
        self.bracketed()
    }

    /// `['key']`, `[0]`, `[-1]`.
    fn bracketed(&mut self) -> Parse<Option<(Segment, Token)>> {
        let negative =
            usize::from(self.tokens.get(self.at + 1).is_some_and(|t| self.text(*t) == "-"));
        let range = self.at..self.at + 3 + negative;
        let Some(tokens) = self.tokens.get(range) else { return Ok(None) };
        let (open, value, close) = (tokens[0], tokens[1 + negative], tokens[2 + negative]);
        if self.text(open) != "[" || self.text(close) != "]" {
            return Ok(None);
        }
        let text = self.text(value);
        let segment = match value.kind {
            Kind::Text if negative == 0 && !text.contains('\\') => {
                Segment::Key(text[1..text.len() - 1].into())
            }
            Kind::Number if text.bytes().all(|b| b.is_ascii_digit()) => {
                let index = self.index(value)?;
                Segment::Index(if negative == 1 { -index } else { index })
            }
            Kind::Text | Kind::Number | Kind::Name | Kind::Sign => return Ok(None),
        };
        self.at += 3 + negative;
        self.refuse_call(close)?;
        Ok(Some((segment, close)))
    }

    fn index(&self, token: Token) -> Parse<i64> {
        self.text(token).parse().map_err(|_| self.error("the index is too large", token.span()))
    }

    /// What cannot be a path: fields that nothing has, and names that need one.
    fn check_path(&self, path: &PathUse) -> Parse<()> {
        let error = |message: String| self.error(message, path.span.clone());
        match (path.root, path.segments.as_slice()) {
            (Root::Steps, [Segment::Key(id)]) => self.check_minus(id),
            (Root::Steps, [Segment::Key(_), field, ..]) => {
                self.check_field("a step", &STEP_FIELDS, field, path)
            }
            (Root::Run, [field]) => self.check_field("a run", &RUN_FIELDS, field, path),
            (Root::Run, _) => Err(error("`run` is read by field".to_owned())
                .with_help(format!("there are {}", list("run.", &RUN_FIELDS)))),
            (Root::Secrets, [Segment::Key(_)]) => Ok(()),
            (Root::Secrets, _) => {
                Err(error("a secret is read by its name: `secrets.name`".to_owned()))
            }
            (Root::Index, [_, ..]) => Err(error("`index` is a number".to_owned())),
            (Root::Index | Root::Input | Root::Item | Root::Steps, _) => Ok(()),
        }
    }

    fn check_field(
        &self,
        what: &str,
        known: &[&'static str],
        field: &Segment,
        path: &PathUse,
    ) -> Parse<()> {
        let name = match field {
            Segment::Key(key) => key.as_ref(),
            Segment::Index(_) => "[…]",
        };
        if known.contains(&name) {
            return Ok(());
        }
        let error = self.error(format!("{what} has no field `{name}`"), path.span.clone());
        Err(match nearest(name, known.iter().copied()) {
            Some(near) => error.with_help(format!("did you mean `{near}`?")),
            None => error.with_help(format!("there are {}", list("", known))),
        })
    }

    /// `steps.a-b.output` reads as `steps.a` minus `b.output`, which nobody means.
    fn check_minus(&self, id: &str) -> Parse<()> {
        let (Some(before), Some(minus), Some(after)) = (
            self.tokens.get(self.at.wrapping_sub(1)),
            self.tokens.get(self.at),
            self.tokens.get(self.at + 1),
        ) else {
            return Ok(());
        };
        let touches = before.end == minus.start && minus.end == after.start;
        if self.text(*minus) != "-" || !touches || after.kind == Kind::Sign {
            return Ok(());
        }
        let name = format!("{id}-{}", self.text(*after));
        let span = before.start..after.end;
        Err(self
            .error(
                format!("`steps.{name}` reads as `steps.{id}` minus `{}`", self.text(*after)),
                span,
            )
            .with_help(format!("write `steps['{name}']`")))
    }

    fn refuse_call(&self, name: Token) -> Parse<()> {
        if !self.peek_is("(") {
            return Ok(());
        }
        Err(self.method(name))
    }

    fn method(&self, name: Token) -> CompileError {
        self.error("values have no methods".to_owned(), name.span())
            .with_help("use a filter: `value | upper`")
    }

    /// What follows a value that has to be evaluated first.
    pub(super) fn postfix(&mut self, mut value: Piece) -> Parse<Piece> {
        loop {
            if let Some((segment, last)) = self.segment_behind(&value)? {
                self.refuse_secret(&value)?;
                value = value.followed_by(
                    "",
                    match segment {
                        Segment::Key(key) => Piece::new(&format!("[{}]", literal(&key))),
                        Segment::Index(index) => Piece::new(&format!("[{index}]")),
                    },
                );
                self.refuse_call(last)?;
            } else if self.eat("[") {
                let subscript = self.subscript()?;
                self.refuse_secret(&value)?;
                self.refuse_secret(&subscript)?;
                value = value.followed_by("", self.nested("[", subscript, "]")?);
            } else if let Some(token) = self.peek().filter(|_| self.peek_is("(")) {
                return Err(self.method(token));
            } else {
                return Ok(value);
            }
        }
    }

    fn segment_behind(&mut self, value: &Piece) -> Parse<Option<(Segment, Token)>> {
        // A number takes no segment: `1.foo` is a slip, not a lookup.
        if value.code.bytes().all(|b| b.is_ascii_digit()) && self.peek_is(".") {
            let token = self.peek().map_or(0..0, Token::span);
            return Err(self.error("unexpected `.`", token));
        }
        self.segment()
    }

    /// The inside of `[…]`: one value, or a slice.
    fn subscript(&mut self) -> Parse<Piece> {
        let mut piece = Piece::new("");
        let mut colons = 0;
        loop {
            if self.eat("]") {
                break;
            }
            if colons < 2 && self.eat(":") {
                piece.code.push(':');
                colons += 1;
            } else if piece.code.is_empty() || piece.code.ends_with(':') {
                piece = piece.followed_by("", self.expression()?);
            } else {
                self.expect("]")?;
                break;
            }
        }
        if piece.code.is_empty() {
            let at = self.start();
            return Err(self.error("an index is missing in `[]`", at.saturating_sub(1)..at));
        }
        Ok(piece)
    }
}

/// A key as a text of the expression language.
fn literal(key: &str) -> String {
    format!("'{}'", key.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn list(prefix: &str, names: &[&str]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{prefix}{name}`")).collect();
    names.join(", ")
}
