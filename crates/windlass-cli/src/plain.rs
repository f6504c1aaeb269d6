//! Text from elsewhere made safe to show: control characters cannot move the cursor or forge a line.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

/// `text` on one line: every control character is written as an escape.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    escape(text, |_| false)
}

/// `text` with its line ends and tabs; every other control character is written as an escape.
pub(crate) fn block(text: &str) -> Cow<'_, str> {
    escape(text, |c| c == '\n' || c == '\t')
}

/// The first line of `text`, escaped, cut to `chars`.
pub(crate) fn summary(text: &str, chars: usize) -> String {
    let first = text.lines().find(|l| !l.trim().is_empty()).unwrap_or("").trim();
    cut(&line(first), chars)
}

/// `text` cut to `chars` characters, with an ellipsis where something went.
pub(crate) fn cut(text: &str, chars: usize) -> String {
    if text.chars().count() <= chars {
        return text.to_owned();
    }
    text.chars().take(chars.saturating_sub(1)).chain(['…']).collect()
}

/// Adds formatted text.
pub(crate) fn add(out: &mut String, text: fmt::Arguments<'_>) {
    out.write_fmt(text).expect("invariant: a string takes any text");
}

fn escape(text: &str, keep: impl Fn(char) -> bool) -> Cow<'_, str> {
    let harmless = |c: char| keep(c) || !(c.is_control() || reorders(c));
    if text.chars().all(harmless) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            c if harmless(c) => out.push(c),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => add(&mut out, format_args!("\\u{{{:x}}}", u32::from(c))),
        }
    }
    Cow::Owned(out)
}

/// Marks that turn the direction of what follows: a line could show something that it does not say.
fn reorders(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::{block, cut, line, summary};

    #[test]
    fn escapes_what_moves_the_cursor() {
        assert_eq!(line("a\u{1b}[2Jb\r\nc\u{9b}1m"), "a\\u{1b}[2Jb\\r\\nc\\u{9b}1m");
        assert_eq!(block("a\n\tb\u{7}\r"), "a\n\tb\\u{7}\\r");
        assert_eq!(line("abc\u{202e}def"), "abc\\u{202e}def");
        assert_eq!(line("grüße 日本"), "grüße 日本");
    }

    #[test]
    fn cuts_by_characters() {
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(summary("\n  first \nsecond", 20), "first");
    }
}
