//! The verb `http`.

use crate::payload::Json;
use indexmap::IndexMap;
use toml::de::DeValue;

use super::field::Field;
use super::table::{Keys, Table};
use super::value::to_json;
use crate::definition::unit::excerpt;
use crate::definition::{Diagnostic, HttpDefinition, Spanned, VerbDefinition};

const KEYS: Keys =
    Keys::of(&["method", "url", "headers", "query", "json", "body", "expect", "save", "max_size"]);

const METHODS: [(&str, &str); 7] = [
    ("GET", "GET"),
    ("HEAD", "HEAD"),
    ("POST", "POST"),
    ("PUT", "PUT"),
    ("PATCH", "PATCH"),
    ("DELETE", "DELETE"),
    ("OPTIONS", "OPTIONS"),
];

/// Reads `http`.
pub(super) fn read(field: &Field<'_>) -> Option<VerbDefinition> {
    if let DeValue::String(url) = field.value {
        let fix = format!("write http.url = \"{}\"", excerpt(url));
        field.wrong_type("a table", Some(fix));
        return None;
    }
    let table = Table::of(field, "a table")?;
    table.check_keys(&KEYS, "http");
    let url = table.field("url");
    if url.is_none() {
        table.missing("url", &field.key_span, "add url = \"https://…\"");
    }
    if let (Some(json), Some(body)) = (table.field("json"), table.field("body")) {
        let told = body.say("`http.json` and `http.body` exclude each other");
        let problem = Diagnostic::error("contradiction", told, body.key_span);
        let problem = problem.label("one body").related(json.key_span, "another");
        field.problems.report(problem.help("keep one of them"));
    }
    let text = |field: Field<'_>| Some(field.at(Json::String(field.full_text()?.to_owned())));
    let http = HttpDefinition {
        method: table.field("method").and_then(|f| Some(f.at(f.choice(&METHODS)?.to_owned()))),
        headers: scalars(&table, "headers"),
        query: scalars(&table, "query"),
        json: table.field("json").and_then(|field| Some(field.at(to_json(&field)?))),
        body: table.field("body").and_then(|f| Some(f.at(Json::String(f.text()?.to_owned())))),
        expect: table.field("expect").map(|field| expect(&field)).unwrap_or_default(),
        save: table.field("save").and_then(text),
        max_size: table.field("max_size").and_then(|field| field.size()),
        url: address(&url?)?,
    };
    Some(VerbDefinition::Http(Box::new(http)))
}

fn address(field: &Field<'_>) -> Option<Spanned<String>> {
    let text = field.full_text()?.trim();
    let scheme = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    let known = scheme.starts_with("http://") || scheme.starts_with("https://");
    if !known && !text.starts_with("${{") {
        let told = format!("`{}` must begin with `http://` or `https://`", field.name);
        let mut problem = field.problem("bad-url", told).label("not an address");
        let bare = !text.contains("://") && !text.starts_with('/');
        problem.help = bare.then(|| format!("write \"https://{}\"", excerpt(text)));
        field.problems.report(problem);
        return None;
    }
    Some(field.at(text.to_owned()))
}

/// Headers and query parameters: texts, numbers and booleans by name.
fn scalars(table: &Table<'_>, key: &str) -> IndexMap<String, Spanned<Json>> {
    let Some(table) = table.table(key) else { return IndexMap::new() };
    let mut values = IndexMap::new();
    for (name, field) in table.fields() {
        if name.is_empty() || (key == "headers" && !name.bytes().all(is_token)) {
            let told = field.say(format!("`{}` cannot name one of the {key}", excerpt(name)));
            let problem = Diagnostic::error("bad-name", told, field.key_span.clone());
            field.problems.report(problem.label("not a name"));
        } else if let DeValue::Array(_) | DeValue::Table(_) = field.value {
            field.wrong_type("a string", None);
        } else if let Some(value) = to_json(&field) {
            values.insert(name.to_owned(), field.at(value));
        }
    }
    values
}

/// A character of a header's name ([RFC 9110]).
///
/// [RFC 9110]: https://www.rfc-editor.org/rfc/rfc9110#name-tokens
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// `expect`: a status, `"2xx"`, `"200-204"`, or a list of these.
fn expect(field: &Field<'_>) -> Vec<(u16, u16)> {
    match field.value {
        DeValue::Array(list) if list.is_empty() => {
            let told = format!("`{}` is an empty list", field.name);
            field.problems.report(field.problem("empty", told).label("no status is a success"));
            Vec::new()
        }
        DeValue::Array(list) => {
            field.elements(list).filter_map(|status| statuses(&status)).collect()
        }
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Table(_) => statuses(field).into_iter().collect(),
    }
}

fn statuses(field: &Field<'_>) -> Option<(u16, u16)> {
    if let DeValue::Integer(_) = field.value {
        let status = field.integer(100..=599).and_then(|status| u16::try_from(status).ok())?;
        return Some((status, status));
    }
    let DeValue::String(text) = field.value else {
        field.wrong_type("a status such as 200, or \"2xx\"", None);
        return None;
    };
    let range = range(text);
    if range.is_none() {
        let told = format!("`{}`: `{}` is not a status", field.name, excerpt(text));
        let problem = field.problem("out-of-range", told).label("not a status");
        field.problems.report(problem.help("write 200, \"2xx\" or \"200-204\""));
    }
    range
}

fn range(text: &str) -> Option<(u16, u16)> {
    let status = |text: &str| text.parse().ok().filter(|status| (100..=599).contains(status));
    if let Some(class) = text.strip_suffix("xx") {
        let first: u16 = status(&format!("{class}00"))?;
        return Some((first, first + 99));
    }
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let (low, high) = (status(low)?, status(high)?);
    (low <= high).then_some((low, high))
}
