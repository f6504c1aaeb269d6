//! `env`, and texts that may hold expressions.

use crate::payload::Json;
use indexmap::IndexMap;
use toml::de::DeValue;

use super::field::Field;
use super::table::Table;
use super::value::to_json;
use crate::definition::unit::excerpt;
use crate::definition::{Diagnostic, Spanned};

/// `env`: texts by the name of the variable.
pub(super) fn read_env(table: &Table<'_>) -> IndexMap<String, Spanned<Json>> {
    let Some(table) = table.table("env") else { return IndexMap::new() };
    let mut env = IndexMap::new();
    for (name, field) in table.fields() {
        if name.is_empty() || name.contains(['=', '\0']) {
            let told = field.say(format!("`{}` cannot name a variable", excerpt(name)));
            let problem = Diagnostic::error("bad-name", told, field.key_span.clone());
            let help = "a variable's name is not empty and has no `=` in it";
            field.problems.report(problem.label("not a variable").help(help));
        } else if let Some(value) = text_template(&field) {
            env.insert(name.to_owned(), value);
        }
    }
    env
}

/// A template that is a text, or a number or boolean that becomes one.
pub(super) fn text_template(field: &Field<'_>) -> Option<Spanned<Json>> {
    match field.value {
        DeValue::String(_) => Some(field.at(Json::String(field.text()?.to_owned()))),
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) => {
            Some(field.at(to_json(field)?))
        }
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
            field.wrong_type("a string", None);
            None
        }
    }
}
