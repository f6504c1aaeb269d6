//! TOML values as JSON: what templates and defaults are made of.

use crate::payload::{Json, Number};
use indexmap::IndexMap;
use toml::de::{DeInteger, DeTable, DeValue};

use super::field::Field;

/// The value as JSON; dates and times become strings. `None` where a number does not fit.
///
/// Recurses as deep as the file nests, which is bounded before it is parsed.
pub(super) fn to_json(field: &Field<'_>) -> Option<Json> {
    match json(field.value) {
        Ok(value) => Some(value),
        Err(number) => {
            let told = format!("`{}` holds {number}, which is not a JSON number", field.name);
            let help = "write it as a string, or use a number of 64 bits";
            field.problems.report(field.problem("bad-number", told).label("this value").help(help));
            None
        }
    }
}

fn json(value: &DeValue<'_>) -> Result<Json, String> {
    Ok(match value {
        DeValue::String(text) => Json::String(text.clone().into_owned()),
        DeValue::Integer(number) => Json::Number(integer(number)?),
        DeValue::Float(number) => Json::Number(
            number
                .as_str()
                .parse()
                .ok()
                .and_then(Number::from_f64)
                .ok_or_else(|| number.as_str().to_owned())?,
        ),
        DeValue::Boolean(value) => Json::Bool(*value),
        DeValue::Datetime(time) => Json::String(time.to_string()),
        DeValue::Array(list) => {
            Json::Array(list.iter().map(|item| json(item.get_ref())).collect::<Result<_, _>>()?)
        }
        DeValue::Table(table) => Json::Object(object(table)?),
    })
}

fn object(table: &DeTable<'_>) -> Result<IndexMap<String, Json>, String> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let mut object = IndexMap::with_capacity(entries.len());
    for (key, value) in entries {
        object.insert(key.get_ref().clone().into_owned(), json(value.get_ref())?);
    }
    Ok(object)
}

fn integer(number: &DeInteger<'_>) -> Result<Number, String> {
    let (text, radix) = (number.as_str(), number.radix());
    i64::from_str_radix(text, radix)
        .map(Number::from)
        .or_else(|_| u64::from_str_radix(text, radix).map(Number::from))
        .map_err(|_| crate::definition::unit::excerpt(text))
}
