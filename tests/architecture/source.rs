//! Rust text as far as the rules need it: tokens without comments and strings, paths, functions.

use std::fmt;
use std::ops::Range;

/// One file of the project, cut where its tests begin.
pub(crate) struct Source {
    /// The path from the root of the project, with `/`.
    pub(crate) path: String,
    /// The text without comments and without what stands in strings, line by line as it was.
    pub(crate) code: String,
}

/// A word, a `::`, or one sign.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    /// As it is written.
    pub(crate) text: &'a str,
    /// From 1.
    pub(crate) line: usize,
}

/// `a::b::c` and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PathUse {
    /// The parts between the `::`.
    pub(crate) parts: Vec<String>,
    /// Whether a `use` brings it in.
    pub(crate) imported: bool,
    /// From 1.
    pub(crate) line: usize,
}

/// One broken rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// `src/run.rs:12`
    pub(crate) place: String,
    /// What is wrong and what to do.
    pub(crate) message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

impl Source {
    /// Reads a file's text.
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let blanked = blank(text);
        let end = test_module(&blanked).unwrap_or(blanked.len());
        Self { path: path.to_owned(), code: blanked[..end].to_owned() }
    }

    /// The module of the library that the file belongs to: `src/journal/redb.rs` is of `journal`.
    pub(crate) fn module(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src/")?;
        let first = inside.split('/').next()?;
        Some(first.strip_suffix(".rs").unwrap_or(first)).filter(|name| *name != "lib")
    }

    /// How many modules deep the file is: `src/journal.rs` 1, `src/journal/redb.rs` 2.
    pub(crate) fn depth(&self) -> usize {
        self.path.split('/').count() - 1
    }

    /// Whether the file belongs to one of these places: a file, or a module and all below it.
    pub(crate) fn is_in(&self, homes: &[&str]) -> bool {
        let stem = self.path.strip_suffix(".rs").unwrap_or(&self.path);
        homes.iter().any(|home| {
            stem == *home || stem.strip_prefix(home).is_some_and(|rest| rest.starts_with('/'))
        })
    }

    /// A problem of this file.
    pub(crate) fn problem(&self, line: usize, message: impl Into<String>) -> Problem {
        Problem { place: format!("{}:{line}", self.path), message: message.into() }
    }

    /// The words and signs of the code.
    pub(crate) fn tokens(&self) -> Vec<Token<'_>> {
        let mut tokens = Vec::new();
        let mut line = 1;
        let mut rest = self.code.as_str();
        while let Some(first) = rest.chars().next() {
            let length = match first {
                c if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
                ':' if rest.starts_with("::") => 2,
                c => c.len_utf8(),
            };
            let (text, after) = rest.split_at(length);
            if !first.is_whitespace() {
                tokens.push(Token { text, line });
            }
            line += usize::from(first == '\n');
            rest = after;
        }
        tokens
    }

    /// Every path that the code names, those of `use` trees spread out.
    pub(crate) fn paths(&self) -> Vec<PathUse> {
        let tokens = self.tokens();
        let mut paths = Vec::new();
        let mut at = 0;
        while at < tokens.len() {
            if tokens[at].text == "use" {
                let end = find(&tokens, at, ";");
                use_tree(&tokens[at + 1..end], &[], &mut paths);
                at = end;
            } else if starts_path(&tokens, at) {
                let end = path_end(&tokens, at);
                let parts = tokens[at..end].iter().step_by(2).map(|t| t.text.to_owned()).collect();
                paths.push(PathUse { parts, imported: false, line: tokens[at].line });
                at = end - 1;
            }
            at += 1;
        }
        paths
    }

    /// The name and the lines of every function with a body.
    pub(crate) fn functions(&self) -> Vec<(String, Range<usize>)> {
        let tokens = self.tokens();
        let mut functions = Vec::new();
        for at in 0..tokens.len().saturating_sub(1) {
            if tokens[at].text != "fn" || !tokens[at + 1].text.chars().all(is_word) {
                continue;
            }
            let open = (at..tokens.len()).find(|i| matches!(tokens[*i].text, "{" | ";"));
            if let Some(open) = open.filter(|i| tokens[*i].text == "{") {
                let close = closing(&tokens, open);
                functions.push((
                    tokens[at + 1].text.to_owned(),
                    tokens[at].line..tokens[close].line + 1,
                ));
            }
        }
        functions
    }

    /// How many of these lines hold code.
    pub(crate) fn code_lines(&self, lines: Range<usize>) -> usize {
        let text = self.code.lines().skip(lines.start.saturating_sub(1)).take(lines.len());
        text.filter(|line| !line.trim().is_empty()).count()
    }
}

/// The place of the next token with this text, or the end.
pub(crate) fn find(tokens: &[Token<'_>], from: usize, text: &str) -> usize {
    (from..tokens.len()).find(|i| tokens[*i].text == text).unwrap_or(tokens.len())
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn starts_path(tokens: &[Token<'_>], at: usize) -> bool {
    let word = tokens[at].text.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let follows = at > 0 && tokens[at - 1].text == "::";
    word && !follows && tokens.get(at + 1).is_some_and(|t| t.text == "::")
}

fn path_end(tokens: &[Token<'_>], start: usize) -> usize {
    let mut end = start + 1;
    while end + 1 < tokens.len()
        && tokens[end].text == "::"
        && tokens[end + 1].text.starts_with(is_word)
    {
        end += 2;
    }
    end
}

/// Spreads `a::{b, c::{d, e}}` into `a::b`, `a::c::d`, `a::c::e`.
fn use_tree(tokens: &[Token<'_>], prefix: &[String], paths: &mut Vec<PathUse>) {
    let Some(first) = tokens.first() else { return };
    let mut parts = prefix.to_vec();
    for (at, token) in tokens.iter().enumerate() {
        match token.text {
            "{" => {
                let close = closing(tokens, at);
                for branch in branches(&tokens[at + 1..close]) {
                    use_tree(branch, &parts, paths);
                }
                return;
            }
            "as" => break,
            "::" => {}
            word => parts.push(word.to_owned()),
        }
    }
    paths.push(PathUse { parts, imported: true, line: first.line });
}

/// Cuts at the commas that stand in no inner braces.
fn branches<'a, 'b>(tokens: &'a [Token<'b>]) -> Vec<&'a [Token<'b>]> {
    let mut depth = 0_usize;
    let parts = tokens.split(|token| {
        match token.text {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        depth == 0 && token.text == ","
    });
    parts.filter(|part| !part.is_empty()).collect()
}

/// The place of the brace that closes the one at `open`.
fn closing(tokens: &[Token<'_>], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    tokens.len() - 1
}

/// Where `#[cfg(test)]` and its module begin.
fn test_module(code: &str) -> Option<usize> {
    let mark = "#[cfg(test)]";
    code.match_indices(mark)
        .find(|(at, _)| code[at + mark.len()..].trim_start().starts_with("mod "))
        .map(|(at, _)| at)
}

/// Turns comments and the insides of strings into blanks; every line keeps its number.
fn blank(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        // What begins none of them is taken as it is.
        let plain = rest.find(['/', '"', '\'', 'b', 'r']).unwrap_or(rest.len());
        let (taken, after) = rest.split_at(plain);
        out.push_str(taken);
        rest = after;
        let length = skipped(rest, out.chars().next_back());
        if length == 0 {
            let length = rest.chars().next().map_or(0, char::len_utf8);
            out.push_str(&rest[..length]);
            rest = &rest[length..];
        } else {
            let (gone, after) = rest.split_at(length);
            out.extend(gone.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = after;
        }
    }
    out
}

/// How many bytes at the start of `rest` are a comment, a string, or a character.
fn skipped(rest: &str, before: Option<char>) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment(rest);
    }
    let in_word = before.is_some_and(is_word);
    if !in_word && let Some(length) = raw_string(rest) {
        return length;
    }
    if rest.starts_with('"') {
        return quoted(rest, '"').unwrap_or(rest.len());
    }
    // A lifetime has no second quote right behind it; a character has.
    let character = rest.starts_with('\'')
        && (rest.starts_with("'\\") || rest.chars().nth(2).is_some_and(|c| c == '\''));
    if character { quoted(rest, '\'').unwrap_or(0) } else { 0 }
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        let here = &rest.as_bytes()[at..];
        if here.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

fn raw_string(rest: &str) -> Option<usize> {
    let body = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'))?;
    let hashes = body.len() - body.trim_start_matches('#').len();
    let inside = body[hashes..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let end = inside.find(&close).unwrap_or_else(|| inside.len().saturating_sub(close.len()));
    Some(rest.len() - inside.len() + end + close.len())
}

fn quoted(rest: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        if c == quote && !escaped {
            return Some(at + c.len_utf8());
        }
        escaped = c == '\\' && !escaped;
    }
    None
}
