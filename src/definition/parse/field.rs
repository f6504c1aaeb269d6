//! One value of the file, read as what its key wants; what does not fit becomes a problem.

use std::ops::RangeInclusive;
use std::rc::Rc;
use std::time::Duration;

use toml::de::{DeArray, DeValue};

use super::problems::{Problems, alternatives, nearest};
use crate::definition::unit::{excerpt, parse_duration, parse_size};
use crate::definition::{Diagnostic, Span, Spanned};
use crate::id::Name;

/// A value with its key, and whom to name in messages about it.
#[derive(Debug, Clone)]
pub(super) struct Field<'a> {
    /// Whose it is, such as ``step `a` ``; empty: the workflow's.
    pub(super) owner: Rc<str>,
    /// The key as a reader would write it from its owner: `retry.delay`, `depends_on[2]`.
    pub(super) name: String,
    /// The place of the key.
    pub(super) key_span: Span,
    /// The place of the value.
    pub(super) span: Span,
    /// The value.
    pub(super) value: &'a DeValue<'a>,
    /// Where problems go.
    pub(super) problems: &'a Problems,
}

impl<'a> Field<'a> {
    /// A sentence with its owner before it.
    pub(super) fn say(&self, what: impl AsRef<str>) -> String {
        say(&self.owner, what.as_ref())
    }

    /// A problem of the value.
    pub(super) fn problem(&self, code: &'static str, what: impl AsRef<str>) -> Diagnostic {
        Diagnostic::error(code, self.say(what), self.span.clone())
    }

    /// Reports that the value is of another type than `expected`.
    pub(super) fn wrong_type(&self, expected: &str, fix: Option<String>) {
        let found = self.found();
        let told = format!("`{}` must be {expected}, not {found}", self.name);
        let mut problem = self.problem("wrong-type", told).label(format!("this is {found}"));
        problem.help = fix;
        self.problems.report(problem);
    }

    /// What stands there, in words.
    pub(super) fn found(&self) -> String {
        match self.value {
            DeValue::String(text) => format!("the string \"{}\"", excerpt(text)),
            DeValue::Integer(number) => format!("the number {}", excerpt(number.as_str())),
            DeValue::Float(number) => format!("the number {}", excerpt(number.as_str())),
            DeValue::Boolean(value) => format!("the boolean {value}"),
            DeValue::Datetime(_) => "a date or time".to_owned(),
            DeValue::Array(_) => "a list".to_owned(),
            DeValue::Table(_) => "a table".to_owned(),
        }
    }

    /// The value with its place.
    pub(super) fn at<T>(&self, value: T) -> Spanned<T> {
        Spanned { value, span: self.span.clone() }
    }

    /// A text, with nothing in it that no operating system takes.
    pub(super) fn text(&self) -> Option<&'a str> {
        let DeValue::String(text) = self.value else {
            let fix = match self.value {
                DeValue::Integer(number) => Some(format!("write \"{}\"", number.as_str())),
                DeValue::Float(number) => Some(format!("write \"{}\"", number.as_str())),
                DeValue::Boolean(value) => Some(format!("write \"{value}\"")),
                DeValue::String(_)
                | DeValue::Datetime(_)
                | DeValue::Array(_)
                | DeValue::Table(_) => None,
            };
            self.wrong_type("a string", fix);
            return None;
        };
        if text.contains('\0') {
            let told = format!("`{}` contains a NUL character", self.name);
            self.problems.report(self.problem("bad-text", told).help("take it out"));
            return None;
        }
        Some(text)
    }

    /// A text that is not empty.
    pub(super) fn full_text(&self) -> Option<&'a str> {
        let text = self.text()?;
        if text.trim().is_empty() {
            let told = format!("`{}` is empty", self.name);
            self.problems.report(self.problem("empty", told).label("nothing here"));
            return None;
        }
        Some(text)
    }

    /// `true` or `false`
    pub(super) fn boolean(&self) -> Option<bool> {
        let DeValue::Boolean(value) = self.value else {
            self.wrong_type("`true` or `false`", None);
            return None;
        };
        Some(*value)
    }

    /// A whole number between two others.
    pub(super) fn integer(&self, range: RangeInclusive<i64>) -> Option<i64> {
        let DeValue::Integer(number) = self.value else {
            self.wrong_type("a whole number", None);
            return None;
        };
        let (low, high) = range.into_inner();
        let value = i64::from_str_radix(number.as_str(), number.radix());
        let negative = number.as_str().starts_with('-');
        let bound = match value {
            Ok(value) if value < low => format!("least {low}"),
            Ok(value) if value <= high => return Some(value),
            Err(_) if negative => format!("least {low}"),
            Ok(_) | Err(_) => format!("most {high}"),
        };
        let told = format!("`{}` must be at {bound}", self.name);
        let label = if bound.starts_with('l') { "too small" } else { "too large" };
        self.problems.report(self.problem("out-of-range", told).label(label));
        None
    }

    /// A count between two others.
    pub(super) fn count(&self, range: RangeInclusive<u32>) -> Option<u32> {
        let (low, high) = range.into_inner();
        self.integer(i64::from(low)..=i64::from(high)).and_then(|value| u32::try_from(value).ok())
    }

    /// `priority`
    pub(super) fn priority(&self) -> Option<i8> {
        self.integer(-100..=100).and_then(|value| i8::try_from(value).ok())
    }

    /// Any number that is one.
    pub(super) fn number(&self) -> Option<f64> {
        let value = match self.value {
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse().ok(),
            DeValue::Float(number) => number.as_str().parse().ok(),
            DeValue::Integer(_)
            | DeValue::String(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => {
                self.wrong_type("a number", None);
                return None;
            }
        };
        let finite = value.filter(|value: &f64| value.is_finite());
        if finite.is_none() {
            let told = format!("`{}` must be a finite number", self.name);
            self.problems.report(self.problem("bad-number", told).label("not a finite number"));
        }
        finite
    }

    /// A duration; `zero` tells whether none at all is one.
    pub(super) fn duration(&self) -> Option<Duration> {
        let DeValue::String(text) = self.value else {
            self.wrong_type("a duration such as \"30s\"", self.unit_fix("s"));
            return None;
        };
        parse_duration(text).map_err(|why| self.bad_unit("bad-duration", &why)).ok()
    }

    /// A duration that is not nothing.
    pub(super) fn time_limit(&self) -> Option<Spanned<Duration>> {
        let duration = self.duration()?;
        if duration.is_zero() {
            let told = format!("`{}` must be longer than nothing", self.name);
            let help = "leave it out to set no limit";
            self.problems.report(self.problem("out-of-range", told).label("no time").help(help));
            return None;
        }
        Some(self.at(duration))
    }

    /// A size in bytes, at least 1.
    pub(super) fn size(&self) -> Option<u64> {
        let DeValue::String(text) = self.value else {
            self.wrong_type("a size such as \"512KB\"", self.unit_fix("B"));
            return None;
        };
        let size = parse_size(text).map_err(|why| self.bad_unit("bad-size", &why)).ok()?;
        if size == 0 {
            let told = format!("`{}` must be at least 1B", self.name);
            self.problems.report(self.problem("out-of-range", told).label("no bytes"));
            return None;
        }
        Some(size)
    }

    fn unit_fix(&self, unit: &str) -> Option<String> {
        let number = match self.value {
            DeValue::Integer(number) => number.as_str(),
            DeValue::Float(number) => number.as_str(),
            DeValue::String(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => return None,
        };
        Some(format!("add a unit: \"{}{unit}\"", excerpt(number.trim_start_matches(['-', '+']))))
    }

    fn bad_unit(&self, code: &'static str, why: &str) {
        let (what, fix) = why.split_once(": ").unwrap_or((why, ""));
        let told = format!("`{}`: {what}", self.name);
        let kind = if code == "bad-size" { "not a size" } else { "not a duration" };
        let mut problem = self.problem(code, told).label(kind);
        problem.help = (!fix.is_empty()).then(|| fix.to_owned());
        self.problems.report(problem);
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Option<T> {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let DeValue::String(text) = self.value else {
            self.wrong_type(&alternatives(&words), None);
            return None;
        };
        if let Some((_, value)) = choices.iter().find(|(word, _)| word == text) {
            return Some(*value);
        }
        self.unknown_value(text, &words);
        None
    }

    /// Reports a word that is none of `words`.
    pub(super) fn unknown_value(&self, text: &str, words: &[&str]) {
        let key = self.name.rsplit('.').next().unwrap_or(&self.name);
        let told = format!("unknown {key} `{}`", excerpt(text));
        let help = match nearest(text, words.iter().copied()) {
            Some(word) => format!("did you mean `{word}`? allowed: {}", alternatives(words)),
            None => format!("allowed: {}", alternatives(words)),
        };
        let label = format!("not a value of `{}`", self.name);
        self.problems.report(self.problem("unknown-value", told).label(label).help(help));
    }

    /// A list; its elements are read one by one.
    pub(super) fn list(&self, of: &str, fix: Option<String>) -> Option<&'a DeArray<'a>> {
        let DeValue::Array(list) = self.value else {
            self.wrong_type(&format!("a list of {of}"), fix);
            return None;
        };
        Some(list)
    }

    /// The elements of a list.
    pub(super) fn elements(&self, list: &'a DeArray<'a>) -> impl Iterator<Item = Self> {
        list.iter().enumerate().map(|(place, element)| Self {
            owner: Rc::clone(&self.owner),
            name: format!("{}[{place}]", self.name),
            key_span: self.key_span.clone(),
            span: element.span(),
            value: element.get_ref(),
            problems: self.problems,
        })
    }

    /// A list of texts that are not empty.
    pub(super) fn texts(&self) -> Option<Vec<Spanned<String>>> {
        let fix = match self.value {
            DeValue::String(text) => Some(format!("write [\"{}\"]", excerpt(text))),
            DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => None,
        };
        let list = self.list("strings", fix)?;
        let texts = self.elements(list);
        Some(texts.filter_map(|text| Some(text.at(text.full_text()?.to_owned()))).collect())
    }

    /// A name of a queue, a policy, an input.
    pub(super) fn name(&self) -> Option<Spanned<Name>> {
        let text = self.text()?;
        let name = Name::new(text);
        if name.is_none() {
            self.problems.report(bad_name(&self.say(format!("`{}`", self.name)), text, &self.span));
        }
        Some(self.at(name?))
    }
}

/// A sentence with its owner before it.
pub(super) fn say(owner: &str, what: &str) -> String {
    if owner.is_empty() { what.to_owned() } else { format!("{owner}: {what}") }
}

/// The id of a step, input or secret: a name without dots, which would be a path in expressions.
pub(super) fn id(text: &str) -> Option<Name> {
    Name::new(text).filter(|_| !text.contains('.'))
}

/// The problem of a text that is not a name.
pub(super) fn bad_name(what: &str, text: &str, span: &Span) -> Diagnostic {
    let label = if text.is_empty() {
        "empty".to_owned()
    } else if text.len() > crate::id::NAME_CHARS_MAX {
        format!("{} characters", text.chars().count())
    } else {
        "not a name".to_owned()
    };
    let told = format!("{what}: `{}` is not a name", excerpt(text));
    Diagnostic::error("bad-name", told, span.clone())
        .label(label)
        .help("a name has 1 to 128 of the characters A-Z, a-z, 0-9, `_` and `-`")
}
