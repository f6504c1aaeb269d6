//! Paths such as `steps.a.output.rows[0]`: looked up in the bytes of a payload, without an interpreter.

use std::fmt;
use std::ops::Range;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{Names, StepValue};
use crate::payload::Payload;

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
    Part(&'n str),
    /// Something written for the occasion, as JSON.
    Made(String),
}

impl Found<'_> {
    pub(super) fn as_json(&self) -> &str {
        match self {
            Self::Whole(payload) => payload.as_str(),
            Self::Part(json) => json,
            Self::Made(json) => json,
        }
    }
}

/// What stands in the place of a secret outside of an attempt.
pub(super) const MASK: &str = "***";

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
    names.steps.iter().find(|(name, _)| name.as_str() == id).map(|(_, value)| value)
}

fn step_value<'n>(step: &'n StepValue, segments: &[Segment]) -> Option<Found<'n>> {
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
    serde_json::Value::from(text).to_string()
}

fn walk<'n>(payload: &'n Payload, segments: &[Segment]) -> Option<Found<'n>> {
    let Some((first, rest)) = segments.split_first() else {
        return Some(Found::Whole(payload));
    };
    let mut json = pick(payload.as_str(), first)?;
    for segment in rest {
        json = pick(json, segment)?;
    }
    Some(Found::Part(json))
}

/// One step down. Of a key that stands twice, the last counts, as with every other reader.
fn pick<'n>(json: &'n str, segment: &Segment) -> Option<&'n str> {
    let opening = json.trim_start().as_bytes().first()?;
    let fits = match segment {
        Segment::Key(_) => *opening == b'{',
        Segment::Index(_) => *opening == b'[',
    };
    if !fits {
        return None;
    }
    let found = serde_json::Deserializer::from_str(json).deserialize_any(Pick(segment)).ok()?;
    found.map(RawValue::get)
}

struct Pick<'s>(&'s Segment);

impl<'de> Visitor<'de> for Pick<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table or a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let wanted = key(self.0).unwrap_or_default();
        let mut found = None;
        while let Some(is_it) = map.next_key_seed(IsKey(wanted))? {
            if is_it {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut items: Vec<&RawValue> = Vec::new();
        let wanted = match self.0 {
            Segment::Index(index) => *index,
            Segment::Key(_) => return Ok(None),
        };
        if let Ok(wanted) = usize::try_from(wanted) {
            for _ in 0..wanted {
                if list.next_element::<IgnoredAny>()?.is_none() {
                    return Ok(None);
                }
            }
            let found = list.next_element()?;
            while list.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(found);
        }
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        let from_end = usize::try_from(wanted.unsigned_abs()).unwrap_or(usize::MAX);
        Ok(items.len().checked_sub(from_end).and_then(|at| items.get(at)).copied())
    }
}

struct IsKey<'k>(&'k str);

impl<'de> DeserializeSeed<'de> for IsKey<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<bool, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for IsKey<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(key == self.0)
    }
}
