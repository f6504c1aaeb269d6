//! Filters that Jinja does not have: `from_json`, `date_add`, `format_date`.

use minijinja::{Error, ErrorKind, Value};

use crate::clock;

pub(super) fn filters() -> Vec<(&'static str, Value)> {
    vec![
        ("from_json", Value::from_function(from_json)),
        ("date_add", Value::from_function(date_add)),
        ("format_date", Value::from_function(format_date)),
    ]
}

fn from_json(text: &str) -> Result<Value, Error> {
    serde_json::from_str(text)
        .map_err(|cause| invalid(format!("`from_json` was given what is not JSON: {cause}")))
}

fn date_add(date: &str, span: &str) -> Result<String, Error> {
    clock::date_add(date, span).map_err(invalid)
}

fn format_date(date: &str, format: &str) -> Result<String, Error> {
    clock::format_date(date, format).map_err(invalid)
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}
