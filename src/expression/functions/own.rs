//! Filters that Jinja does not have: `from_json`, `date_add`, `format_date`; and those that write values as
//! JSON where Jinja writes them as Python does: `join`, `string`.

use minijinja::value::Kwargs;
use minijinja::{Error, ErrorKind, Value};

use super::super::json;
use crate::clock;
use crate::payload::Payload;

pub(super) fn filters() -> Vec<(&'static str, Value)> {
    vec![
        ("from_json", Value::from_function(from_json)),
        ("join", Value::from_function(join)),
        ("string", Value::from_function(string)),
        ("date_add", Value::from_function(date_add)),
        ("format_date", Value::from_function(format_date)),
    ]
}

fn from_json(text: &str) -> Result<Value, Error> {
    match Payload::from_json(text.to_owned()) {
        Ok(payload) => Ok(json::read(payload.as_bytes())),
        Err(cause) => Err(invalid(format!("`from_json` cannot take the text: {cause}"))),
    }
}

/// As Jinja's, with everything that is not a text as JSON.
fn join(
    value: Value,
    joiner: Option<Value>,
    attribute: Option<Value>,
    kwargs: Kwargs,
) -> Result<Value, Error> {
    let joiner = joiner.map_or_else(|| kwargs.get::<Option<Value>>("d"), |joiner| Ok(Some(joiner)));
    let attribute = match attribute {
        Some(attribute) => Some(attribute),
        None => kwargs.get::<Option<Value>>("attribute")?,
    };
    kwargs.assert_all_used()?;
    let (joiner, mut text) = (joiner?.unwrap_or_else(|| Value::from("")), Vec::new());
    let items: Box<dyn Iterator<Item = Value>> = match value.as_str() {
        Some(text) => Box::new(text.chars().map(Value::from)),
        None => Box::new(value.try_iter()?),
    };
    for (place, item) in items.enumerate() {
        if place > 0 {
            json::write_text(&joiner, &mut text).map_err(invalid)?;
        }
        let item = match &attribute {
            Some(attribute) => attribute_of(item, attribute)?,
            None => item,
        };
        json::write_text(&item, &mut text).map_err(invalid)?;
    }
    Ok(String::from_utf8_lossy(&text).into_owned().into())
}

/// `a.b` of a value.
fn attribute_of(value: Value, path: &Value) -> Result<Value, Error> {
    match path.as_str() {
        Some(path) => path.split('.').try_fold(value, |value, key| match key.parse::<i64>() {
            Ok(index) => value.get_item(&Value::from(index)),
            Err(_) => value.get_attr(key),
        }),
        None => value.get_item(path),
    }
}

fn string(value: Value) -> Result<Value, Error> {
    if value.is_undefined() {
        return Err(ErrorKind::UndefinedError.into());
    }
    let mut text = Vec::new();
    json::write_text(&value, &mut text).map_err(invalid)?;
    Ok(String::from_utf8_lossy(&text).into_owned().into())
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
