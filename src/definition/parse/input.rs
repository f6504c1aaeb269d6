//! `[input]` and `[secrets]`.

use crate::payload::Json;
use indexmap::IndexMap;
use toml::de::DeValue;

use super::field::{Field, bad_name, id};
use super::table::{Keys, Table};
use super::value::to_json;
use crate::definition::unit::excerpt;
use crate::definition::{Diagnostic, InputField, InputKind, SecretSource, Spanned};

const FIELD_KEYS: Keys = Keys::of(&[
    "type",
    "default",
    "optional",
    "enum",
    "min",
    "max",
    "pattern",
    "format",
    "min_items",
    "max_items",
    "items",
]);

const SECRET_KEYS: Keys = Keys::of(&["env", "file"]);

const KINDS: [(&str, InputKind); 9] = [
    ("string", InputKind::String),
    ("number", InputKind::Number),
    ("integer", InputKind::Integer),
    ("boolean", InputKind::Boolean),
    ("array", InputKind::Array),
    ("object", InputKind::Object),
    ("date", InputKind::Date),
    ("datetime", InputKind::Datetime),
    ("any", InputKind::Any),
];

const FORMATS: [(&str, &str); 5] = [
    ("email", "email"),
    ("uri", "uri"),
    ("date", "date"),
    ("date-time", "date-time"),
    ("uuid", "uuid"),
];

/// Reads `[input]`.
pub(super) fn read_inputs(table: &Table<'_>) -> IndexMap<String, InputField> {
    let mut inputs = IndexMap::new();
    for (name, field) in table.fields() {
        if id(name).is_none() {
            field.problems.report(bad_name("input", name, &field.key_span));
        }
        inputs.insert(name.to_owned(), read_input(&field, &format!("input `{}`", excerpt(name))));
    }
    inputs
}

/// Reads one input: a type, or a table.
fn read_input(field: &Field<'_>, owner: &str) -> InputField {
    let mut own = field.clone();
    own.owner = owner.into();
    "type".clone_into(&mut own.name);
    match field.value {
        DeValue::String(_) => of_kind(own.choice(&KINDS).unwrap_or(InputKind::Any), field),
        DeValue::Table(_) => match Table::of(field, "a type") {
            Some(table) => read_table(&table.owned_by(owner), field),
            None => of_kind(InputKind::Any, field),
        },
        DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_) => {
            let fix = "write \"string\", or { type = \"string\", default = … }".to_owned();
            own.wrong_type("the name of a type or a table", Some(fix));
            of_kind(InputKind::Any, field)
        }
    }
}

fn of_kind(kind: InputKind, field: &Field<'_>) -> InputField {
    InputField {
        kind,
        default: None,
        optional: false,
        allowed: Vec::new(),
        min: None,
        max: None,
        pattern: None,
        format: None,
        min_items: None,
        max_items: None,
        items: None,
        span: field.key_span.clone(),
    }
}

fn read_table(table: &Table<'_>, field: &Field<'_>) -> InputField {
    table.check_keys(&FIELD_KEYS, "input");
    let kind = table.field("type").map(|field| field.choice(&KINDS).unwrap_or(InputKind::Any));
    if kind.is_none() {
        table.missing("type", &field.key_span, "say what it is, such as type = \"string\"");
    }
    let kind = kind.unwrap_or(InputKind::Any);
    check_fit(table, kind);
    let items = table.field("items");
    let format = table.field("format").and_then(|f| Some(f.at(f.choice(&FORMATS)?.to_owned())));
    let mut input = InputField {
        kind,
        default: table.field("default").and_then(|field| Some(field.at(to_json(&field)?))),
        optional: table.field("optional").and_then(|field| field.boolean()).unwrap_or(false),
        allowed: table.field("enum").map(|field| allowed(&field, kind)).unwrap_or_default(),
        min: table.field("min").and_then(|field| field.number()),
        max: table.field("max").and_then(|field| field.number()),
        pattern: table.field("pattern").and_then(|f| Some(f.at(f.text()?.to_owned()))),
        format,
        min_items: table.field("min_items").and_then(|field| field.count(0..=u32::MAX)),
        max_items: table.field("max_items").and_then(|field| field.count(0..=u32::MAX)),
        items: items
            .map(|field| Box::new(read_input(&field, &format!("{}: `items`", table.owner)))),
        span: field.key_span.clone(),
    };
    check_bounds(table, &input);
    if !default_fits(table, &input) {
        input.default = None;
    }
    input
}

/// Reports keys that mean nothing for the type.
fn check_fit(table: &Table<'_>, kind: InputKind) {
    const FITS: [(&str, &str, &[InputKind]); 7] = [
        ("min", "numbers", &[InputKind::Number, InputKind::Integer]),
        ("max", "numbers", &[InputKind::Number, InputKind::Integer]),
        ("pattern", "strings", &[InputKind::String]),
        ("format", "strings", &[InputKind::String]),
        ("min_items", "arrays", &[InputKind::Array]),
        ("max_items", "arrays", &[InputKind::Array]),
        ("items", "arrays", &[InputKind::Array]),
    ];
    for (key, of, kinds) in FITS {
        let Some(field) = table.field(key) else { continue };
        if kind == InputKind::Any || kinds.contains(&kind) {
            continue;
        }
        let told = field.say(format!("`{key}` is for {of} only"));
        let problem = Diagnostic::error("does-not-fit", told, field.key_span);
        table.problems.report(problem.label("means nothing here").help("take it out"));
    }
}

fn allowed(field: &Field<'_>, kind: InputKind) -> Vec<Json> {
    let Some(list) = field.list("values", None) else { return Vec::new() };
    if list.is_empty() {
        let problem = field.problem("empty", "`enum` is an empty list").label("no value fits");
        field.problems.report(problem.help("name the values that are allowed"));
    }
    let mut values = Vec::new();
    for element in field.elements(list) {
        let Some(value) = to_json(&element) else { continue };
        if !fits(&value, kind) {
            let (expected, _) = KINDS.iter().find(|(_, k)| *k == kind).unwrap_or(&KINDS[8]);
            element.wrong_type(&format!("of the type `{expected}`"), None);
        }
        values.push(value);
    }
    values
}

fn check_bounds(table: &Table<'_>, input: &InputField) {
    let crossed = |low: &str, high: &str| {
        let (Some(low_field), Some(high_field)) = (table.field(low), table.field(high)) else {
            return;
        };
        let told = high_field.say(format!("`{high}` is less than `{low}`: no value fits"));
        let problem = Diagnostic::error("contradiction", told, high_field.span);
        let problem = problem.label("less").related(low_field.span, "more");
        table.problems.report(problem);
    };
    if let (Some(min), Some(max)) = (input.min, input.max)
        && max < min
    {
        crossed("min", "max");
    }
    if let (Some(min), Some(max)) = (input.min_items, input.max_items)
        && max < min
    {
        crossed("min_items", "max_items");
    }
}

/// Whether a constant default is of the type and in `enum`; reports where not.
fn default_fits(table: &Table<'_>, input: &InputField) -> bool {
    let (Some(default), Some(field)) = (&input.default, table.field("default")) else {
        return true;
    };
    if default.value.to_string().contains("${{") {
        return true;
    }
    if !fits(&default.value, input.kind) {
        let (expected, _) = KINDS.iter().find(|(_, k)| *k == input.kind).unwrap_or(&KINDS[8]);
        field.wrong_type(&format!("of the type `{expected}`"), None);
        return false;
    }
    let allowed = input.allowed.is_empty() || input.allowed.contains(&default.value);
    if !allowed {
        let problem = field.problem("contradiction", "`default` is not one of `enum`");
        let list = table.field("enum").map_or(0..0, |field| field.span);
        let problem = problem.label("not allowed").related(list, "what is allowed");
        table.problems.report(problem);
    }
    allowed
}

fn fits(value: &Json, kind: InputKind) -> bool {
    match kind {
        InputKind::Any => true,
        InputKind::String | InputKind::Date | InputKind::Datetime => value.is_string(),
        InputKind::Number => value.is_number(),
        InputKind::Integer => value.is_integer(),
        InputKind::Boolean => value.is_boolean(),
        InputKind::Array => value.is_array(),
        InputKind::Object => value.is_object(),
    }
}

/// Reads `[secrets]`.
pub(super) fn read_secrets(table: &Table<'_>) -> IndexMap<String, Spanned<SecretSource>> {
    let mut secrets = IndexMap::new();
    for (name, field) in table.fields() {
        if id(name).is_none() {
            field.problems.report(bad_name("secret", name, &field.key_span));
        }
        // A secret that cannot be read still exists: what names it is not wrong.
        let source = read_secret(name, &field).unwrap_or(SecretSource::Env(String::new()));
        secrets.insert(name.to_owned(), Spanned { value: source, span: field.key_span.clone() });
    }
    secrets
}

fn read_secret(name: &str, field: &Field<'_>) -> Option<SecretSource> {
    if let DeValue::String(_) = field.value {
        let told = format!("secret `{}` stands in the file itself", excerpt(name));
        let problem = Diagnostic::error("secret-in-file", told, field.span.clone());
        let help = "keep it outside: { env = \"VARIABLE\" } or { file = \"/path\" }";
        field.problems.report(problem.label("a value, not a source").help(help));
        return None;
    }
    let table = Table::of(field, "{ env = \"…\" } or { file = \"…\" }")?;
    let table = table.owned_by(&format!("secret `{}`", excerpt(name)));
    table.check_keys(&SECRET_KEYS, "secret");
    match (table.field("env"), table.field("file")) {
        (Some(env), None) => Some(SecretSource::Env(env.full_text()?.to_owned())),
        (None, Some(file)) => Some(SecretSource::File(file.full_text()?.to_owned())),
        (Some(env), Some(file)) => {
            let told = file.say("`env` and `file` exclude each other");
            let problem = Diagnostic::error("contradiction", told, file.key_span);
            let problem = problem.label("this or").related(env.key_span, "that");
            field.problems.report(problem);
            None
        }
        (None, None) => {
            table.missing("env", &field.key_span, "add env = \"VARIABLE\" or file = \"/path\"");
            None
        }
    }
}
