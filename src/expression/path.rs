//! Paths such as `steps.a.output.rows[0]`: looked up in the bytes of a payload, without an interpreter.

use std::ops::Range;

use super::{Names, StepValue, cache};
use crate::payload::Payload;
use crate::payload::scan::{Parts, unquoted};

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    Key(Box<str>),
    Index(i64),
}

/// The first name of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Root {
    Input,
    Steps,
    Item,
    Index,
    Run,
    Secrets,
}

/// The names that an expression may use.
pub(super) const ROOTS: [(&str, Root); 6] = [
    ("input", Root::Input),
    ("steps", Root::Steps),
    ("item", Root::Item),
    ("index", Root::Index),
    ("run", Root::Run),
    ("secrets", Root::Secrets),
];

/// A path where an expression uses it.
#[derive(Debug)]
pub(super) struct PathUse {
    pub root: Root,
    pub segments: Vec<Segment>,
    pub span: Range<usize>,
    /// The number of the first use of the same path, if this is not it.
    pub first_use: Option<usize>,
    /// Its absence is no error: `is defined` or `default` stands right behind it.
    pub lenient: bool,
    /// `is defined` asks for it.
    pub defined: bool,
}

/// What a path leads to.
pub(super) enum Found<'n> {
    /// A whole payload.
    Whole(&'n Payload),
    /// A part of one, as JSON.
    Part(&'n [u8]),
    /// Something written for the occasion, as JSON.
    Made(String),
}

impl Found<'_> {
    pub(super) fn as_json(&self) -> &[u8] {
        match self {
            Self::Whole(payload) => payload.as_bytes(),
            Self::Part(json) => json,
            Self::Made(json) => json.as_bytes(),
        }
    }
}

/// What stands in the place of a secret outside of an attempt.
pub(super) const MASK: &str = "***";

impl PathUse {
    /// The step whose output the path goes through, where it is missing.
    pub(super) fn missing<'n>(&self, names: &'n Names) -> Option<(&'n str, &'n StepValue)> {
        let (Root::Steps, [Segment::Key(id), Segment::Key(field), ..]) =
            (self.root, self.segments.as_slice())
        else {
            return None;
        };
        let (name, step) = names.steps.get(id)?;
        (field.as_ref() == "output" && step.output.is_none()).then_some((name.as_str(), step))
    }
}

impl PathUse {
    /// How many bytes of payloads have to be looked through, or copied, to follow the path.
    pub(super) fn bytes_searched(&self, names: &Names) -> usize {
        let len = |payload: Option<&Payload>| payload.map_or(0, |payload| payload.as_bytes().len());
        let whole = |step: &StepValue| len(step.output.as_ref()) + len(step.failed.as_ref());
        match (self.root, self.segments.as_slice()) {
            (Root::Steps, []) => names.steps.iter().map(|(_, step)| whole(step)).sum(),
            // A field as a whole is handed on as it is.
            (Root::Steps, [Segment::Key(id), rest @ ..]) if rest.len() != 1 => {
                step(names, id).map_or(0, whole)
            }
            (Root::Input, [_, ..]) => len(Some(&names.input)),
            (Root::Item, [_, ..]) => len(names.item.as_ref().map(|(_, item)| item)),
            (
                Root::Steps | Root::Input | Root::Item | Root::Index | Root::Run | Root::Secrets,
                _,
            ) => 0,
        }
    }
}

/// Follows a path; `None` where it leads nowhere.
pub(super) fn find<'n>(path: &PathUse, names: &'n Names) -> Option<Found<'n>> {
    let segments = path.segments.as_slice();
    match path.root {
        Root::Input => walk(&names.input, segments),
        Root::Item => walk(&names.item.as_ref()?.1, segments),
        Root::Index => names.item.as_ref().map(|(index, _)| Found::Made(index.to_string())),
        Root::Run => run_value(names, key(segments.first()?)?).map(Found::Made),
        Root::Secrets => Some(Found::Made(secret(names, key(segments.first()?)?))),
        Root::Steps => match segments {
            [] => Some(Found::Made(steps_table(names))),
            [Segment::Key(id), rest @ ..] => step_value(step(names, id)?, rest),
            [Segment::Index(_), ..] => None,
        },
    }
}

fn key(segment: &Segment) -> Option<&str> {
    match segment {
        Segment::Key(key) => Some(key),
        Segment::Index(_) => None,
    }
}

fn step<'n>(names: &'n Names, id: &str) -> Option<&'n StepValue> {
    names.steps.get(id).map(|(_, value)| value)
}

pub(super) fn step_value<'n>(step: &'n StepValue, segments: &[Segment]) -> Option<Found<'n>> {
    let Some((field, rest)) = segments.split_first() else {
        return Some(Found::Made(step_table(step)));
    };
    match key(field)? {
        "output" => walk(step.output.as_ref()?, rest),
        "error" => walk(step.error.as_ref()?, rest),
        "failed" => match &step.failed {
            Some(failed) => walk(failed, rest),
            None => rest.is_empty().then(|| Found::Made("[]".to_owned())),
        },
        "status" => rest.is_empty().then(|| Found::Made(quoted(step.status))),
        _ => None,
    }
}

fn run_value(names: &Names, field: &str) -> Option<String> {
    let run = &names.run;
    match field {
        "id" => run.id.map(|id| quoted(&id.to_string())),
        "attempt" => Some(run.attempt.to_string()),
        "scheduled_at" => Some(quoted(&run.scheduled_at.to_string())),
        "scheduled_day" => Some(quoted(&run.scheduled_at.day())),
        "started_by" => Some(quoted(&run.started_by)),
        _ => None,
    }
}

fn secret(names: &Names, name: &str) -> String {
    let value = names.secrets.iter().find(|(key, _)| key.as_ref() == name);
    quoted(value.map_or(MASK, |(_, secret)| secret))
}

fn steps_table(names: &Names) -> String {
    let rows = names.steps.iter().map(|(id, step)| (id.as_str(), step_table(step)));
    table(rows)
}

fn step_table(step: &StepValue) -> String {
    let json = |value: &Option<Payload>| value.as_ref().map(|p| p.as_str().to_owned());
    let fields = [
        ("status", Some(quoted(step.status))),
        ("output", json(&step.output)),
        ("error", json(&step.error)),
        ("failed", json(&step.failed)),
    ];
    table(fields.into_iter().filter_map(|(name, value)| Some((name, value?))))
}

fn table<'a>(rows: impl Iterator<Item = (&'a str, String)>) -> String {
    let rows: Vec<_> = rows.map(|(name, json)| format!("{}:{json}", quoted(name))).collect();
    format!("{{{}}}", rows.join(","))
}

/// A text as JSON.
pub(super) fn quoted(text: &str) -> String {
    // Texts can always be written.
    serde_json::to_string(text).unwrap_or_default()
}

fn walk<'n>(payload: &'n Payload, segments: &[Segment]) -> Option<Found<'n>> {
    if segments.is_empty() {
        return Some(Found::Whole(payload));
    }
    let range = cache::place(payload, segments)?;
    payload.as_bytes().get(range).map(Found::Part)
}

/// Where the part of a payload stands that these segments lead to.
pub(super) fn place(json: &[u8], segments: &[Segment]) -> Option<Range<usize>> {
    let mut range = 0..json.len();
    for segment in segments {
        let inner = pick(json.get(range.clone())?, segment)?;
        range = range.start + inner.start..range.start + inner.end;
    }
    Some(range)
}

/// One step down.
pub(super) fn pick(json: &[u8], segment: &Segment) -> Option<Range<usize>> {
    match segment {
        Segment::Key(wanted) => {
            let mut rows = Parts::of_table(json)?;
            loop {
                let mut ahead = rows.clone();
                let (key, _) = ahead.next()?;
                if unquoted(key).is_some_and(|key| key == **wanted) {
                    return rows.next_range();
                }
                rows = ahead;
            }
        }
        Segment::Index(index) => {
            let mut items = Parts::of_list(json)?;
            if let Ok(index) = usize::try_from(*index) {
                if index > 0 {
                    items.nth(index - 1)?;
                }
                return items.next_range();
            }
            let count = items.clone().count();
            let from_end = usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX);
            let index = count.checked_sub(from_end)?;
            if index > 0 {
                items.nth(index - 1)?;
            }
            items.next_range()
        }
    }
}
