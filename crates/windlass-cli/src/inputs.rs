//! The input of a run, from `--input F.json` and `-i key=value`.

use std::io::Read as _;

use clap::Args;
use serde_json::{Map, Value};
use windlass::definition::InputKind;

use crate::exit::{Exit, Problem};

/// What flows into a run.
#[derive(Debug, Clone, Args)]
pub(crate) struct Inputs {
    /// The input as a JSON file; `-`: standard input
    #[arg(long, value_name = "F.json")]
    input: Option<String>,
    /// One input; read as its type in `[input]` says, else as JSON if it is JSON, else as text
    #[arg(short = 'i', value_name = "KEY=VALUE")]
    pairs: Vec<String>,
}

/// The largest input file, in bytes: what a payload may have, and some white space.
const FILE_BYTES_MAX: u64 = 4 << 20;

impl Inputs {
    /// Reads and merges them; `kind` tells the type of a key of `[input]`.
    pub(crate) fn read(&self, kind: impl Fn(&str) -> Option<InputKind>) -> Result<Value, Problem> {
        let base = match &self.input {
            Some(path) => read_file(path)?,
            None => Value::Object(Map::new()),
        };
        if self.pairs.is_empty() {
            return Ok(base);
        }
        let Value::Object(mut table) = base else {
            return Err(Problem::usage(
                "the file of --input is not a JSON object, so that -i cannot add to it",
            ));
        };
        for pair in &self.pairs {
            let (key, text) =
                pair.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or_else(|| {
                    Problem::usage(format!("-i {pair} is not KEY=VALUE")).help("write -i name=Ada")
                })?;
            table.insert(key.to_owned(), value(text, kind(key)));
        }
        Ok(Value::Object(table))
    }
}

/// What `text` is, given the type that it should have. What does not fit stays text: the check of
/// the input then says what it should have been.
fn value(text: &str, kind: Option<InputKind>) -> Value {
    let as_text = || Value::String(text.to_owned());
    match kind {
        Some(InputKind::String | InputKind::Date | InputKind::Datetime) => as_text(),
        Some(
            InputKind::Number
            | InputKind::Integer
            | InputKind::Boolean
            | InputKind::Array
            | InputKind::Object
            | InputKind::Any,
        )
        | None => serde_json::from_str(text).unwrap_or_else(|_| as_text()),
    }
}

fn read_file(path: &str) -> Result<Value, Problem> {
    let mut bytes = Vec::new();
    let read = if path == "-" {
        std::io::stdin().take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|f| f.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
    };
    read.map_err(|e| Problem::new(Exit::Missing, format!("the input {path} cannot be read: {e}")))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > FILE_BYTES_MAX {
        return Err(Problem::usage(format!(
            "the input {path} is larger than {FILE_BYTES_MAX} bytes"
        )));
    }
    serde_json::from_slice(&bytes)
        .map_err(|e| Problem::usage(format!("the input {path} is not JSON: {e}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use windlass::definition::InputKind;

    use super::Inputs;

    fn check(pairs: &[&str], kind: Option<InputKind>) -> String {
        let pairs = pairs.iter().map(|&p| p.to_owned()).collect();
        match (Inputs { input: None, pairs }).read(|_| kind) {
            Ok(value) => value.to_string(),
            Err(problem) => problem.message,
        }
    }

    #[test]
    fn values_are_read_as_their_type() {
        assert_eq!(check(&["a=7"], None), json!({ "a": 7 }).to_string());
        assert_eq!(check(&["a=7"], Some(InputKind::String)), json!({ "a": "7" }).to_string());
        assert_eq!(check(&["a=x=y"], None), json!({ "a": "x=y" }).to_string());
        assert_eq!(check(&["a=[1,2]"], Some(InputKind::Array)), json!({ "a": [1, 2] }).to_string());
        assert_eq!(check(&["a=true", "a=false"], None), json!({ "a": false }).to_string());
        assert_eq!(check(&["a="], None), json!({ "a": "" }).to_string());
    }

    #[test]
    fn a_pair_without_a_key_is_refused() {
        assert_eq!(check(&["=7"], None), "-i =7 is not KEY=VALUE");
        assert_eq!(check(&["a"], None), "-i a is not KEY=VALUE");
    }
}
