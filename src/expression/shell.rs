//! Where in a shell command an expression stands, and how a value is written there.
//!
//! A value is always written in single quotes, in which a shell reads nothing; quotes that are open
//! around it are closed before it and opened again behind it. Where that does not hold (comments,
//! backquotes, here-documents, arithmetic, `${…}`), the expression is refused.

/// What the scanner is inside of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inside {
    /// `"…"`
    Double,
    /// `$(…)`
    Substitution,
    /// `(…)`
    Parentheses,
    /// `${…}`
    Braces,
    /// `$((…))`
    Arithmetic,
    /// `(…)` in `$((…))`
    Group,
}

/// Follows the quoting of a command.
#[derive(Debug, Default)]
pub(super) struct Quoting {
    stack: Vec<Inside>,
    single: bool,
    /// The next byte is taken as it is.
    escaped: bool,
    /// From here on no quoting is safe, and why.
    refused: Option<&'static str>,
    comment: bool,
    /// The word so far, to know `case` and where a comment can begin.
    word: String,
}

impl Quoting {
    /// Goes on over literal text.
    pub(super) fn read(&mut self, text: &str) {
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            if self.refused.is_some() {
                return;
            }
            let taken = self.step(c, rest);
            rest = rest.get(taken..).unwrap_or_default();
        }
    }

    /// How `value` is written here.
    pub(super) fn word(&mut self, value: &str) -> Result<String, String> {
        if value.contains('\0') {
            return Err("the value has a NUL byte, which no command can be given".to_owned());
        }
        if let Some(why) = self.refused {
            return Err(format!("an expression cannot stand {why}"));
        }
        if self.comment {
            return Err("an expression cannot stand in a comment of the shell".to_owned());
        }
        if self.escaped {
            return Err("an expression cannot stand behind a backslash".to_owned());
        }
        self.word.push('\'');
        let word = format!("'{}'", value.replace('\'', "'\\''"));
        if self.single {
            return Ok(format!("'{word}'"));
        }
        match self.stack.last() {
            Some(Inside::Double) => Ok(format!("\"{word}\"")),
            Some(Inside::Substitution | Inside::Parentheses) | None => Ok(word),
            Some(Inside::Braces) => {
                Err("an expression cannot stand in a `${…}` of the shell".into())
            }
            Some(Inside::Arithmetic | Inside::Group) => {
                Err("an expression cannot stand in a `$((…))` of the shell".into())
            }
        }
    }

    /// Takes what `rest` begins with, and tells how many bytes that is.
    fn step(&mut self, c: char, rest: &str) -> usize {
        let one = c.len_utf8();
        if self.escaped {
            self.escaped = false;
            self.word.push(c);
            return one;
        }
        if self.comment {
            self.comment = c != '\n';
            return one;
        }
        if self.single {
            self.single = c != '\'';
            return one;
        }
        match (self.stack.last(), c) {
            (_, '\\') => self.escaped = true,
            (_, '`') => self.refused = Some("behind a backquote; use `$(…)`"),
            (_, '$') => return self.dollar(rest),
            (Some(Inside::Braces), _) => self.braces(c),
            (Some(Inside::Arithmetic | Inside::Group), _) => return self.arithmetic(c, rest),
            (_, '"') => self.double(),
            (Some(Inside::Double), _) => {}
            (Some(Inside::Substitution | Inside::Parentheses) | None, _) => self.plain(c, rest),
        }
        one
    }

    fn plain(&mut self, c: char, rest: &str) {
        match c {
            '\'' => {
                self.single = true;
                self.word.push(c);
            }
            '#' if self.word.is_empty() => self.comment = true,
            '<' if rest.starts_with("<<") => {
                self.refused = Some("behind the begin of a here-document");
            }
            '(' if rest.starts_with("((") => self.refused = Some("behind `((`"),
            '(' => self.open(Inside::Parentheses),
            ')' => self.close(),
            _ if c.is_whitespace() || ";&|<>".contains(c) => self.end_word(),
            _ => self.word.push(c),
        }
    }

    fn dollar(&mut self, rest: &str) -> usize {
        let top = self.stack.last().copied();
        if rest.starts_with("${") {
            self.open(Inside::Braces);
            return 2;
        }
        if rest.starts_with("$((") && top != Some(Inside::Braces) {
            self.open(Inside::Arithmetic);
            return 3;
        }
        if rest.starts_with("$(") && top != Some(Inside::Braces) {
            self.open(Inside::Substitution);
            return 2;
        }
        if rest.starts_with("$(") || (rest.starts_with("$'") && top != Some(Inside::Double)) {
            self.refused = Some("behind a `$'…'`, or a `$(…)` in `${…}`");
        }
        self.word.push('$');
        1
    }

    fn double(&mut self) {
        if self.stack.last() == Some(&Inside::Double) {
            self.stack.pop();
        } else {
            self.stack.push(Inside::Double);
        }
        self.word.push('"');
    }

    /// Inside of `${…}`.
    fn braces(&mut self, c: char) {
        match c {
            '}' => {
                self.stack.pop();
                self.word.push('}');
            }
            '"' | '\'' => self.refused = Some("behind quotes in `${…}`"),
            _ => {}
        }
    }

    /// Inside of `$((…))`.
    fn arithmetic(&mut self, c: char, rest: &str) -> usize {
        match c {
            '(' => self.stack.push(Inside::Group),
            ')' if self.stack.last() == Some(&Inside::Group) => {
                self.stack.pop();
            }
            ')' if rest.starts_with("))") => {
                self.stack.pop();
                self.word.push(')');
                return 2;
            }
            // It was a `$( (`, or something else that is not what it seemed.
            ')' | '"' | '\'' => self.refused = Some("behind a `$((`"),
            _ => {}
        }
        c.len_utf8()
    }

    fn open(&mut self, inside: Inside) {
        self.stack.push(inside);
        self.word.clear();
    }

    fn close(&mut self) {
        let closed = self.stack.pop();
        self.word.clear();
        // Behind `$(…)` the word goes on, and `#` begins no comment.
        if closed == Some(Inside::Substitution) {
            self.word.push(')');
        }
    }

    fn end_word(&mut self) {
        // The `)` of a pattern would be taken for the end of the substitution.
        if self.word == "case" && !self.stack.is_empty() {
            self.refused = Some("behind a `case` in parentheses");
        }
        self.word.clear();
    }
}
