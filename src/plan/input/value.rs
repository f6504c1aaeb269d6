//! Whether a value fits its type.

use std::fmt::Write as _;

use crate::payload::Json;
use regex_lite::Regex;

use super::super::check::Check;
use super::InputProblem;
use crate::clock::{self, Timestamp};
use crate::definition::{Diagnostic, InputField, InputKind};

/// The most problems that are told of one input.
pub(super) const PROBLEMS_MAX: usize = 100;

/// The type and the limits of a value.
#[derive(Debug)]
pub(super) struct Shape {
    pub kind: InputKind,
    allowed: Vec<Json>,
    min: Option<f64>,
    max: Option<f64>,
    pattern: Option<Regex>,
    format: Option<Format>,
    min_items: Option<u32>,
    max_items: Option<u32>,
    items: Option<Box<Self>>,
}

#[derive(Debug, Clone, Copy)]
enum Format {
    Email,
    Uri,
    Date,
    DateTime,
    Uuid,
}

impl Shape {
    /// `None` where it was refused.
    pub(super) fn new(field: &InputField, owner: &str, check: &mut Check<'_>) -> Option<Self> {
        let mut pattern = None;
        if let Some(text) = &field.pattern {
            match Regex::new(&text.value) {
                Ok(regex) => pattern = Some(regex),
                Err(cause) => {
                    let told = format!("{owner}: `pattern` is not a regular expression: {cause}");
                    let problem = Diagnostic::error("bad-pattern", told, text.span.clone());
                    check.report(problem.label("not a pattern"));
                    return None;
                }
            }
        }
        let items = match &field.items {
            Some(items) => Some(Box::new(Self::new(items, owner, check)?)),
            None => None,
        };
        Some(Self {
            kind: field.kind,
            allowed: field.allowed.clone(),
            min: field.min,
            max: field.max,
            pattern,
            format: field.format.as_ref().and_then(|format| Format::of(&format.value)),
            min_items: field.min_items,
            max_items: field.max_items,
            items,
        })
    }

    /// Adds everything that is wrong with `value`, which stands at `path`.
    pub(super) fn check(&self, value: &Json, path: &mut String, problems: &mut Vec<InputProblem>) {
        if problems.len() >= PROBLEMS_MAX {
            return;
        }
        if !self.fits_kind(value) {
            let told = format!("expected {}, found {}", self.expected(), shown(value));
            problems.push(InputProblem::new(path, told));
            return;
        }
        if !self.allowed.is_empty() && !self.allowed.iter().any(|allowed| same(allowed, value)) {
            let allowed: Vec<_> = self.allowed.iter().map(shown).collect();
            let told = format!("expected one of {}, found {}", allowed.join(", "), shown(value));
            problems.push(InputProblem::new(path, told));
        }
        match value {
            Json::Number(_) => self.check_number(value, path, problems),
            Json::String(text) => self.check_text(text, path, problems),
            Json::Array(items) => self.check_items(items, path, problems),
            Json::Null | Json::Bool(_) | Json::Object(_) => {}
        }
    }

    /// Whether the value is of the type, its bounds apart.
    pub(super) fn fits_kind(&self, value: &Json) -> bool {
        match self.kind {
            InputKind::Any => true,
            InputKind::String => value.is_string(),
            InputKind::Number => value.is_number(),
            InputKind::Integer => value.is_integer() || is_whole(value),
            InputKind::Boolean => value.is_boolean(),
            InputKind::Array => value.is_array(),
            InputKind::Object => value.is_object(),
            InputKind::Date => value.as_str().is_some_and(clock::is_date),
            InputKind::Datetime => value.as_str().is_some_and(|t| Timestamp::parse(t).is_some()),
        }
    }

    fn expected(&self) -> &'static str {
        match self.kind {
            InputKind::Any => "anything",
            InputKind::String => "a string",
            InputKind::Number => "a number",
            InputKind::Integer => "an integer",
            InputKind::Boolean => "true or false",
            InputKind::Array => "an array",
            InputKind::Object => "an object",
            InputKind::Date => "a date such as \"2026-01-31\"",
            InputKind::Datetime => "a time such as \"2026-01-31T12:00:00Z\"",
        }
    }

    fn check_number(&self, value: &Json, path: &str, problems: &mut Vec<InputProblem>) {
        let Some(number) = value.as_f64() else { return };
        if let Some(min) = self.min.filter(|min| number < *min) {
            let told = format!("expected at least {min}, found {}", shown(value));
            problems.push(InputProblem::new(path, told));
        }
        if let Some(max) = self.max.filter(|max| number > *max) {
            let told = format!("expected at most {max}, found {}", shown(value));
            problems.push(InputProblem::new(path, told));
        }
    }

    fn check_text(&self, text: &str, path: &str, problems: &mut Vec<InputProblem>) {
        let shown = || shown(&Json::from(text));
        if let Some(pattern) = self.pattern.as_ref().filter(|pattern| !pattern.is_match(text)) {
            let told = format!("expected text like `{}`, found {}", pattern.as_str(), shown());
            problems.push(InputProblem::new(path, told));
        }
        if let Some(format) = self.format.filter(|format| !format.fits(text)) {
            let told = format!("expected {}, found {}", format.expected(), shown());
            problems.push(InputProblem::new(path, told));
        }
    }

    fn check_items(&self, items: &[Json], path: &mut String, problems: &mut Vec<InputProblem>) {
        let len = items.len();
        let as_len = |bound: u32| usize::try_from(bound).unwrap_or(usize::MAX);
        if let Some(min) = self.min_items.filter(|min| len < as_len(*min)) {
            problems.push(InputProblem::new(
                path,
                format!("expected at least {min} items, found {len}"),
            ));
        }
        if let Some(max) = self.max_items.filter(|max| len > as_len(*max)) {
            problems.push(InputProblem::new(
                path,
                format!("expected at most {max} items, found {len}"),
            ));
        }
        let Some(shape) = &self.items else { return };
        for (place, item) in items.iter().enumerate() {
            let before = path.len();
            write!(path, "[{place}]").expect("invariant: a string takes every text");
            shape.check(item, path, problems);
            path.truncate(before);
        }
    }
}

fn is_whole(value: &Json) -> bool {
    value.as_f64().is_some_and(|number| number.fract() == 0.0)
}

/// Equal, whether a number is written with a fraction or without.
fn same(a: &Json, b: &Json) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a_float), Some(b_float)) if !(a.is_integer() && b.is_integer()) => {
            a_float.total_cmp(&b_float).is_eq()
        }
        _ => a == b,
    }
}

/// The value for a message, shortened.
pub(super) fn shown(value: &Json) -> String {
    const CHARS_MAX: usize = 60;
    match value {
        Json::Array(items) => format!("an array of {}", items.len()),
        Json::Object(_) => "an object".to_owned(),
        Json::Null | Json::Bool(_) | Json::Number(_) => value.to_string(),
        Json::String(text) => {
            let short: String = text.chars().take(CHARS_MAX).collect();
            let dots = if short.len() < text.len() { "…" } else { "" };
            format!("{}{dots}", Json::from(short))
        }
    }
}

impl Format {
    fn of(name: &str) -> Option<Self> {
        match name {
            "email" => Some(Self::Email),
            "uri" => Some(Self::Uri),
            "date" => Some(Self::Date),
            "date-time" => Some(Self::DateTime),
            "uuid" => Some(Self::Uuid),
            // The definition has refused it.
            _ => None,
        }
    }

    fn expected(self) -> &'static str {
        match self {
            Self::Email => "an e-mail address",
            Self::Uri => "a URI such as \"https://example.com\"",
            Self::Date => "a date such as \"2026-01-31\"",
            Self::DateTime => "a time such as \"2026-01-31T12:00:00Z\"",
            Self::Uuid => "a UUID",
        }
    }

    fn fits(self, text: &str) -> bool {
        match self {
            Self::Email => is_email(text),
            Self::Uri => is_uri(text),
            Self::Date => clock::is_date(text),
            Self::DateTime => Timestamp::parse(text).is_some(),
            Self::Uuid => is_uuid(text),
        }
    }
}

/// Accepts about the addresses that HTML accepts: only sending a mail proves more.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    !local.is_empty()
        && local.chars().all(|c| !c.is_whitespace() && !c.is_control() && !"@,;<>()\"".contains(c))
        && domain.split('.').all(is_label)
}

/// A scheme, and something behind it.
fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        && !rest.is_empty()
        && rest.chars().all(|c| !c.is_whitespace() && !c.is_control() && !"<>\"{}|\\^`".contains(c))
}

fn is_uuid(text: &str) -> bool {
    let mut groups = text.split('-');
    let fits = [8, 4, 4, 4, 12].into_iter().all(|len| {
        groups.next().is_some_and(|g| g.len() == len && g.bytes().all(|b| b.is_ascii_hexdigit()))
    });
    fits && groups.next().is_none()
}
