//! Comparisons and tests, each charged for what it looks at.

use std::collections::HashSet;

use minijinja::value::{Rest, ValueKind};
use minijinja::{Error, ErrorKind, State, Value, tests};

use super::{charge, left, size, text_len};

/// `a < b == c` as `compare(a, '<', b, '==', c)`: true where each two neighbours compare so.
pub(super) fn compare(state: &mut State<'_, '_>, parts: Rest<Value>) -> Result<bool, Error> {
    let mut parts = parts.0.into_iter();
    let mut a = parts.next().unwrap_or_default();
    while let (Some(sign), Some(b)) = (parts.next(), parts.next()) {
        if !holds(state, &a, sign.as_str().unwrap_or_default(), &b)? {
            return Ok(false);
        }
        a = b;
    }
    Ok(true)
}

fn holds(state: &mut State<'_, '_>, a: &Value, sign: &str, b: &Value) -> Result<bool, Error> {
    if let "in" | "not in" = sign {
        return Ok(contains(state, b, a)? == (sign == "in"));
    }
    charge(state, compared(a, b, left(state)))?;
    Ok(match sign {
        "==" => a == b,
        "!=" => a != b,
        "<" => a < b,
        "<=" => a <= b,
        ">" => a > b,
        _ => a >= b,
    })
}

/// What comparing two values may look at.
fn compared(a: &Value, b: &Value, most: usize) -> usize {
    let smaller = size(a, most).saturating_add(1);
    size(b, smaller).min(smaller)
}

/// `value in container`
fn contains(state: &mut State<'_, '_>, container: &Value, value: &Value) -> Result<bool, Error> {
    if container.is_undefined() || value.is_undefined() {
        return Err(ErrorKind::UndefinedError.into());
    }
    if let Some(text) = container.as_str() {
        charge(state, text.len())?;
        let mut part = Vec::new();
        super::super::json::write_text(value, &mut part).map_err(invalid)?;
        return Ok(std::str::from_utf8(&part).is_ok_and(|part| text.contains(part)));
    }
    if let Some(known) = Sets::look_up(state, container, value)? {
        return Ok(known);
    }
    match container.kind() {
        ValueKind::Map => {
            charge(state, text_len(value).saturating_add(1))?;
            let found = container.get_item(value).map_err(|cause| invalid(cause.to_string()))?;
            Ok(!found.is_undefined())
        }
        ValueKind::Seq | ValueKind::Iterable => {
            charge(state, size(container, left(state)))?;
            Ok(container.try_iter()?.any(|item| item == *value))
        }
        ValueKind::Undefined
        | ValueKind::None
        | ValueKind::Bool
        | ValueKind::Number
        | ValueKind::String
        | ValueKind::Bytes
        | ValueKind::Plain
        | ValueKind::Invalid
        | _ => Err(invalid("`in` looks into a list, a table or a text".to_owned())),
    }
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

/// The texts and whole numbers of the long lists that this evaluation looks into again and again, so
/// that the difference of two lists takes no time in proportion to both.
#[derive(Debug, Default)]
struct Sets {
    /// A list that was looked into once: where its items stand, and how many.
    seen: Option<(usize, usize)>,
    known: Vec<Known>,
}

#[derive(Debug)]
struct Known {
    /// Keeps the list where it is.
    list: Value,
    texts: HashSet<Value>,
    numbers: HashSet<i64>,
}

/// Shorter lists are looked through.
const LONG_LIST_MIN: usize = 16;

/// The most sets of one evaluation.
const SETS_MAX: usize = 4;

impl Sets {
    /// Whether the value is in the list; `None` where a set cannot tell.
    fn look_up(
        state: &mut State<'_, '_>,
        list: &Value,
        value: &Value,
    ) -> Result<Option<bool>, Error> {
        let identity = |list: &Value| {
            let items = list.downcast_object_ref::<Vec<Value>>()?;
            Some((items.as_ptr().addr(), items.len()))
        };
        let Some(place) = identity(list).filter(|(_, len)| *len >= LONG_LIST_MIN) else {
            return Ok(None);
        };
        let number = whole_number(value);
        if number.is_none() && value.kind() != ValueKind::String {
            return Ok(None);
        }
        let sets = state.get_or_insert_extension_with(Self::default);
        let known = sets.known.iter().position(|known| identity(&known.list) == Some(place));
        let at = match known {
            Some(at) => at,
            None if sets.seen == Some(place) && sets.known.len() < SETS_MAX => {
                sets.known.push(Known::of(list));
                charge(state, size(list, left(state)))?;
                state.get_or_insert_extension_with(Self::default).known.len() - 1
            }
            None => {
                sets.seen = Some(place);
                return Ok(None);
            }
        };
        charge(state, text_len(value).saturating_add(1))?;
        let known = state.get_extension::<Self>().and_then(|sets| sets.known.get(at));
        Ok(known.map(|known| match number {
            Some(number) => known.numbers.contains(&number),
            None => known.texts.contains(value),
        }))
    }
}

impl Known {
    fn of(list: &Value) -> Self {
        let (mut texts, mut numbers) = (HashSet::new(), HashSet::new());
        for item in list.try_iter().into_iter().flatten() {
            if item.kind() == ValueKind::String {
                texts.insert(item);
            } else if let Some(number) = whole_number(&item) {
                numbers.insert(number);
            }
        }
        Self { list: list.clone(), texts, numbers }
    }
}

/// A whole number within 64 bits, written as an integer, as a float, or as `true` and `false`, which
/// are all equal where their numbers are.
fn whole_number(value: &Value) -> Option<i64> {
    let kind = value.kind();
    if kind == ValueKind::Bool {
        return Some(i64::from(value.is_true()));
    }
    (kind == ValueKind::Number).then(|| i64::try_from(value.clone()).ok()).flatten()
}

/// The tests whose work or outcome has to be minded.
pub(super) fn guarded(name: &str) -> Option<fn(&mut State<'_, '_>, &Value, &Value) -> TestResult> {
    Some(match name {
        "in" => |state, value, other| contains(state, other, value),
        "eq" | "equalto" => |state, value, other| holds(state, value, "==", other),
        "ne" => |state, value, other| holds(state, value, "!=", other),
        "lt" | "lessthan" => |state, value, other| holds(state, value, "<", other),
        "le" => |state, value, other| holds(state, value, "<=", other),
        "gt" | "greaterthan" => |state, value, other| holds(state, value, ">", other),
        "ge" => |state, value, other| holds(state, value, ">=", other),
        "divisibleby" => |_, value, other| {
            if whole_number(other) == Some(0) {
                return Err(invalid("nothing is divisible by 0".to_owned()));
            }
            Ok(tests::is_divisibleby(value, other))
        },
        _ => return None,
    })
}

type TestResult = Result<bool, Error>;
