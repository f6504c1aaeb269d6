//! The interpreter's environment: filters, tests and operators, each with a bound on what it may make.
//!
//! An expression has no loops, so its work is bounded by the sizes of the values that it handles. Every
//! filter is charged for what it is given, and for what it makes where that can be more.

mod compare;
mod own;

use std::sync::{Arc, LazyLock};

use minijinja::value::{Rest, ValueKind, ValueOrKwargs};
use minijinja::{
    Environment, Error, ErrorKind, State, UndefinedBehavior, Value, filters, functions,
};

use super::slots::{self, Slots};
use super::{Effort, LITTLE_WORK_MAX};

/// What one evaluation may handle, counted in bytes of text and list places, all filters together.
const WORK_MAX: usize = 32 << 20;

/// The instructions of one evaluation.
const FUEL: u64 = 100_000;

/// Tests, as the interpreter has them.
pub(super) const TESTS: [&str; 36] = [
    "boolean",
    "defined",
    "divisibleby",
    "endingwith",
    "eq",
    "equalto",
    "escaped",
    "even",
    "false",
    "filter",
    "float",
    "ge",
    "greaterthan",
    "gt",
    "in",
    "int",
    "integer",
    "iterable",
    "le",
    "lessthan",
    "lower",
    "lt",
    "mapping",
    "ne",
    "none",
    "number",
    "odd",
    "safe",
    "sameas",
    "sequence",
    "startingwith",
    "string",
    "test",
    "true",
    "undefined",
    "upper",
];

pub(super) fn is_test(name: &str) -> bool {
    TESTS.contains(&name)
}

pub(super) fn is_filter(name: &str) -> bool {
    filters().any(|known| known == name)
}

/// The names of all filters.
pub(super) fn filters() -> impl Iterator<Item = &'static str> {
    FILTERS.iter().map(|(name, _)| *name)
}

/// The environment of all expressions; nothing in it ever changes.
pub(super) static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(environment);

static FILTERS: LazyLock<Vec<(&'static str, Value)>> = LazyLock::new(|| {
    let mut all = builtins();
    all.extend(own::filters());
    all
});

fn builtins() -> Vec<(&'static str, Value)> {
    vec![
        ("abs", Value::from_function(filters::abs)),
        ("attr", Value::from_function(filters::attr)),
        ("batch", Value::from_function(filters::batch)),
        ("bool", Value::from_function(filters::bool)),
        ("capitalize", Value::from_function(filters::capitalize)),
        ("chain", Value::from_function(filters::chain)),
        ("count", Value::from_function(filters::length)),
        ("d", Value::from_function(filters::default)),
        ("default", Value::from_function(filters::default)),
        ("dictsort", Value::from_function(filters::dictsort)),
        ("first", Value::from_function(filters::first)),
        ("float", Value::from_function(filters::float)),
        ("format", Value::from_function(filters::format)),
        ("groupby", Value::from_function(filters::groupby)),
        ("indent", Value::from_function(filters::indent)),
        ("int", Value::from_function(filters::int)),
        ("items", Value::from_function(filters::items)),
        ("last", Value::from_function(filters::last)),
        ("length", Value::from_function(filters::length)),
        ("lines", Value::from_function(filters::lines)),
        ("list", Value::from_function(filters::list)),
        ("lower", Value::from_function(filters::lower)),
        ("map", Value::from_function(filters::map)),
        ("max", Value::from_function(filters::max)),
        ("min", Value::from_function(filters::min)),
        ("pprint", Value::from_function(filters::pprint)),
        ("reject", Value::from_function(filters::reject)),
        ("rejectattr", Value::from_function(filters::rejectattr)),
        ("replace", Value::from_function(filters::replace)),
        ("reverse", Value::from_function(filters::reverse)),
        ("round", Value::from_function(filters::round)),
        ("select", Value::from_function(filters::select)),
        ("selectattr", Value::from_function(filters::selectattr)),
        ("slice", Value::from_function(filters::slice)),
        ("sort", Value::from_function(filters::sort)),
        ("split", Value::from_function(filters::split)),
        ("sum", Value::from_function(filters::sum)),
        ("title", Value::from_function(filters::title)),
        ("tojson", Value::from_function(filters::tojson)),
        ("trim", Value::from_function(filters::trim)),
        ("unique", Value::from_function(filters::unique)),
        ("upper", Value::from_function(filters::upper)),
        ("zip", Value::from_function(filters::zip)),
    ]
}

fn environment() -> Environment<'static> {
    let mut environment = strict();
    for (name, filter) in FILTERS.iter() {
        environment.add_filter(
            *name,
            move |state: &mut State<'_, '_>, args: Rest<ValueOrKwargs>| {
                let args = args.into_values();
                charge(state, extra(name, &args))?;
                for arg in &args {
                    let cost =
                        if is_shallow(name) { text_len(arg) } else { size(arg, left(state)) };
                    charge(state, cost)?;
                }
                filter.call(state, &args)
            },
        );
    }
    for name in ["debug", "namespace"] {
        environment.remove_global(name);
    }
    for name in TESTS {
        if let Some(test) = compare::guarded(name) {
            let test = move |state: &mut State<'_, '_>, value: Value, other: Value| {
                test(state, &value, &other)
            };
            environment.add_test(name, test);
        }
    }
    environment.add_function("range", range);
    environment.add_function("chain", chain);
    environment.add_function("compare", compare::compare);
    environment.add_function("keep", keep);
    environment.add_function("kept", kept);
    environment
}

/// Whether a filter looks at a list without looking into its items.
fn is_shallow(name: &str) -> bool {
    matches!(name, "length" | "count" | "first" | "last")
}

/// Whether a filter gives for each text another one, and nothing that depends on what the text says:
/// what a secret may go through.
pub(super) fn is_opaque(name: &str) -> bool {
    const OPAQUE: [&str; 9] =
        ["indent", "join", "list", "lower", "replace", "string", "tojson", "trim", "upper"];
    OPAQUE.contains(&name)
}

/// The values that an evaluation keeps aside, by number.
#[derive(Debug, Default)]
struct Kept(Vec<Value>);

/// Keeps a value aside; whether it is there, and, where `lax` is true, counts as true.
fn keep(state: &mut State<'_, '_>, number: usize, value: Value, lax: Value) -> bool {
    let is_there = !value.is_undefined() && (!lax.is_true() || value.is_true());
    let kept = state.get_or_insert_extension_with(Kept::default);
    if kept.0.len() <= number {
        kept.0.resize(number + 1, Value::UNDEFINED);
    }
    kept.0[number] = value;
    is_there
}

fn kept(state: &mut State<'_, '_>, number: usize) -> Value {
    let kept = state.get_extension::<Kept>();
    kept.and_then(|kept| kept.0.get(number)).cloned().unwrap_or_default()
}

/// The interpreter's `range`, whose arithmetic overflows at the edges; as a list, not one by one.
fn range(from: i64, to: Option<i64>, step: Option<i64>) -> Result<Value, Error> {
    const MOST: i64 = 1 << 53;
    let is_far = |number: &i64| !(-MOST..=MOST).contains(number);
    if is_far(&from) || to.as_ref().is_some_and(is_far) || step.as_ref().is_some_and(is_far) {
        let told = format!("`range` takes numbers between -{MOST} and {MOST}");
        return Err(Error::new(ErrorKind::InvalidOperation, told));
    }
    let narrow = |number: i64| isize::try_from(number).unwrap_or_default();
    let lazy = functions::range(narrow(from), to.map(narrow), step.map(narrow))?;
    Ok(lazy.try_iter()?.collect::<Vec<_>>().into())
}

/// The operators that can make something larger than what they are given.
pub(super) fn is_guarded(sign: &str) -> bool {
    matches!(sign, "+" | "~" | "*" | "**")
}

/// `a + b - c` as `chain(a, '+', b, '-', c)`: from left to right, each charged before it is done.
fn chain(state: &mut State<'_, '_>, parts: Rest<Value>) -> Result<Value, Error> {
    let mut parts = parts.0.into_iter();
    let mut left = parts.next().unwrap_or_default();
    while let (Some(sign), Some(right)) = (parts.next(), parts.next()) {
        let sign = sign.as_str().unwrap_or_default();
        charge(state, made(sign, &left, &right, self::left(state)))?;
        if sign == "~" {
            left = joined(&left, &right)?;
            continue;
        }
        let operator = OPERATORS.iter().find(|(known, _)| *known == sign);
        let (_, program) = operator.expect("invariant: the parser writes known operators only");
        left = program.eval(Value::from_pairs([("a", left), ("b", right)]))?;
    }
    Ok(left)
}

/// Two values as one text: a text as it is, everything else as JSON.
fn joined(a: &Value, b: &Value) -> Result<Value, Error> {
    if a.is_undefined() || b.is_undefined() {
        return Err(ErrorKind::UndefinedError.into());
    }
    let mut text = Vec::new();
    let written =
        super::json::write_text(a, &mut text).and_then(|()| super::json::write_text(b, &mut text));
    written.map_err(|told| Error::new(ErrorKind::InvalidOperation, told))?;
    Ok(String::from_utf8_lossy(&text).into_owned().into())
}

/// The size of what an operator makes; counted up to `most`.
fn made(sign: &str, a: &Value, b: &Value, most: usize) -> usize {
    let times = |value: &Value, count: &Value| {
        let grows =
            matches!(value.kind(), ValueKind::String | ValueKind::Seq | ValueKind::Iterable);
        if grows { size(value, most).saturating_mul(count.as_usize().unwrap_or(1)) } else { 1 }
    };
    match sign {
        "*" => times(a, b).max(times(b, a)),
        "~" => size(a, most).saturating_add(size(b, most)),
        "+" => text_len(a).saturating_add(text_len(b)).saturating_add(1),
        _ => 1,
    }
}

fn strict() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_debug(false);
    environment
}

/// The operators as the interpreter has them, behind the calls that mind their sizes.
static PLAIN: LazyLock<Environment<'static>> = LazyLock::new(strict);
static OPERATORS: LazyLock<Vec<(&str, minijinja::Expression<'static, 'static>)>> =
    LazyLock::new(|| {
        const SOURCES: [(&str, &str); 7] = [
            ("+", "a + b"),
            ("-", "a - b"),
            ("*", "a * b"),
            ("/", "a / b"),
            ("//", "a // b"),
            ("%", "a % b"),
            ("**", "a ** b"),
        ];
        let compile = |source| PLAIN.compile_expression(source);
        SOURCES
            .map(|(sign, source)| {
                (sign, compile(source).expect("invariant: an operator of two names compiles"))
            })
            .into()
    });

/// What is left of the work of this evaluation.
#[derive(Debug)]
struct Left(usize);

fn left(state: &State<'_, '_>) -> usize {
    state.get_extension::<Left>().map_or_else(|| work_max(state), |left| left.0)
}

/// What this evaluation may handle.
fn work_max(state: &State<'_, '_>) -> usize {
    match slots(state).map_or(Effort::Full, |slots| slots.effort()) {
        Effort::Full => WORK_MAX,
        Effort::Little => LITTLE_WORK_MAX,
    }
}

fn slots(state: &State<'_, '_>) -> Option<Arc<Slots>> {
    state.lookup(slots::OWN_NAME)?.downcast_object()
}

fn charge(state: &mut State<'_, '_>, cost: usize) -> Result<(), Error> {
    let left = left(state);
    if let Some(rest) = left.checked_sub(cost) {
        state.get_or_insert_extension_with(|| Left(left)).0 = rest;
        return Ok(());
    }
    if let Some(slots) = slots(state) {
        slots.give_up();
    }
    Err(Error::new(ErrorKind::OutOfFuel, "the expression handles too much data"))
}

/// Bytes and places of a value with all that it holds; stops counting above `most`.
fn size(value: &Value, most: usize) -> usize {
    let kind = value.kind();
    if matches!(kind, ValueKind::String | ValueKind::Bytes) {
        return text_len(value).saturating_add(1);
    }
    if !matches!(kind, ValueKind::Seq | ValueKind::Iterable | ValueKind::Map) {
        return 1;
    }
    let is_map = kind == ValueKind::Map;
    let mut total = 1_usize;
    for child in value.try_iter().into_iter().flatten() {
        total = total.saturating_add(size(&child, most.saturating_sub(total)));
        if is_map {
            let inner = value.get_item(&child).unwrap_or_default();
            total = total.saturating_add(size(&inner, most.saturating_sub(total)));
        }
        if total > most {
            break;
        }
    }
    total
}

fn text_len(value: &Value) -> usize {
    value.as_str().map_or(0, str::len)
}

/// What a filter may make beyond the size of what it is given.
fn extra(name: &str, args: &[Value]) -> usize {
    let len = |at: usize| args.get(at).map_or(0, text_len);
    let items = args.first().and_then(Value::len).unwrap_or(0);
    match name {
        "replace" => {
            let from = args.get(1).and_then(Value::as_str).unwrap_or("");
            let text = args.first().and_then(Value::as_str).unwrap_or("");
            text.matches(from).count().saturating_mul(len(2))
        }
        "join" => items.max(len(0)).saturating_mul(len(1)),
        "indent" | "tojson" => largest_number(args).saturating_mul(first(args)),
        "batch" | "slice" => largest_number(args).saturating_mul(64),
        // A start that is no number makes it a chain of texts or lists, each copied again.
        "sum" if args.len() > 2 || args.get(1).is_some_and(Value::is_kwargs) => {
            items.saturating_mul(items)
        }
        "format" => widest_field(args),
        // Each is compared with some of the others.
        "sort" | "unique" | "groupby" | "dictsort" => first(args).saturating_mul(8),
        _ => 0,
    }
}

fn first(args: &[Value]) -> usize {
    args.first().map_or(0, |arg| size(arg, WORK_MAX))
}

fn largest_number(args: &[Value]) -> usize {
    let inner = |arg: &Value| {
        if arg.kind() != ValueKind::Map {
            return arg.as_usize();
        }
        let keys = arg.try_iter().into_iter().flatten();
        keys.filter_map(|key| arg.get_item(&key).ok()?.as_usize()).max()
    };
    args.iter().skip(1).filter_map(inner).max().unwrap_or(0)
}

/// The sum of the widths and precisions in a format text, given there or as arguments.
fn widest_field(args: &[Value]) -> usize {
    let text = args.first().and_then(Value::as_str).unwrap_or("");
    let digits = text.split(|c: char| !c.is_ascii_digit()).filter(|digits| !digits.is_empty());
    let widths = digits.map(|digits| digits.parse().unwrap_or(usize::MAX));
    let stars = text.matches('*').count().saturating_mul(largest_number(args));
    widths.fold(stars, usize::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interpreter_has_every_test_and_filter() {
        for name in TESTS {
            let outcome = ENVIRONMENT.empty_state().perform_test(name, &[Value::from(1)]);
            let unknown = |error: Error| error.kind() == ErrorKind::UnknownTest;
            assert!(!outcome.is_err_and(unknown), "{name}");
        }
        for name in filters() {
            let outcome = ENVIRONMENT.empty_state().apply_filter(name, &[Value::from(1)]);
            let unknown = |error: Error| error.kind() == ErrorKind::UnknownFilter;
            assert!(!outcome.is_err_and(unknown), "{name}");
        }
    }
}
