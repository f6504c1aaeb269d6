//! The input of a run, from `--input F.json`, `-i key=text` and `-i key:=JSON`.

use std::io::Read as _;

use clap::Args;
use serde_json::{Map, Value};
use windlass::Payload;
use windlass::definition::InputKind;
use windlass::payload::PayloadError;

use crate::exit::{Exit, Problem};

/// What flows into a run.
#[derive(Debug, Clone, Args)]
pub(crate) struct Inputs {
    /// The input as a JSON file; `-`: standard input
    #[arg(long, value_name = "F.json")]
    input: Option<String>,
    /// One input: text, or what its type in `[input]` says. KEY:=JSON is JSON, whatever the type
    #[arg(short = 'i', value_name = "KEY=VALUE")]
    pairs: Vec<String>,
}

/// The largest input file, in bytes: what a payload may have, and some white space.
const FILE_BYTES_MAX: u64 = 4 << 20;

impl Inputs {
    /// Reads and merges them; `kind` tells the type of a key of `[input]`.
    pub(crate) fn read(
        &self,
        kind: impl Fn(&str) -> Option<InputKind>,
    ) -> Result<Payload, Problem> {
        let base = self.input.as_deref().map(read_file).transpose()?;
        if self.pairs.is_empty() {
            return base.map_or_else(|| table(&Map::new()), Ok);
        }
        let parsed = base.map(|base| base.parse::<Map<String, Value>>());
        let Ok(mut all) = parsed.unwrap_or_else(|| Ok(Map::new())) else {
            return Err(Problem::usage(
                "the file of --input is not a JSON object, so that -i cannot add to it",
            ));
        };
        for pair in &self.pairs {
            let (key, value) = read_pair(pair, &kind)?;
            all.insert(key.to_owned(), value);
        }
        table(&all)
    }
}

fn table(all: &Map<String, Value>) -> Result<Payload, Problem> {
    Payload::of(all).map_err(|error| Problem::usage(format!("the input is refused: {error}")))
}

fn read_pair(
    pair: &str,
    kind: impl Fn(&str) -> Option<InputKind>,
) -> Result<(&str, Value), Problem> {
    let shown = || crate::plain::cut(&crate::plain::line(pair), SHOWN_CHARS);
    let not_a_pair = || {
        Problem::usage(format!("-i {} is not KEY=VALUE", shown()))
            .help("write -i name=Ada, or -i count:=3 for JSON")
    };
    let (key, text) = pair.split_once('=').ok_or_else(not_a_pair)?;
    let (key, is_json) = key.strip_suffix(':').map_or((key, false), |key| (key, true));
    if key.is_empty() {
        return Err(not_a_pair());
    }
    let refused = |error: PayloadError| {
        let is = if error.is_json() { "refused: " } else { "" };
        Problem::usage(format!("-i {} is {is}{error}", shown()))
            .help(format!("write -i {key}=TEXT for a text"))
    };
    let is_text = !is_json && !is_read_as_json(kind(key));
    if is_text {
        return Ok((key, Value::String(text.to_owned())));
    }
    match Payload::from_json(text.to_owned()) {
        Ok(payload) => Ok((key, payload.parse().unwrap_or_default())),
        // The check of the input says what it should have been.
        Err(error) if !is_json && !error.is_json() => Ok((key, Value::String(text.to_owned()))),
        Err(error) => Err(refused(error)),
    }
}

/// So much of a pair is shown in a message.
const SHOWN_CHARS: usize = 80;

/// Whether a text stands for a value of this type that is not a text.
fn is_read_as_json(kind: Option<InputKind>) -> bool {
    match kind {
        Some(
            InputKind::Number
            | InputKind::Integer
            | InputKind::Boolean
            | InputKind::Array
            | InputKind::Object,
        ) => true,
        Some(InputKind::String | InputKind::Date | InputKind::Datetime | InputKind::Any) | None => {
            false
        }
    }
}

fn read_file(path: &str) -> Result<Payload, Problem> {
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
    Payload::from_json(bytes).map_err(|error| {
        let is = if error.is_json() { "refused: " } else { "" };
        Problem::usage(format!("the input {path} is {is}{error}"))
    })
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
        assert_eq!(check(&["a=7"], None), json!({ "a": "7" }).to_string());
        assert_eq!(check(&["a=7"], Some(InputKind::Integer)), json!({ "a": 7 }).to_string());
        assert_eq!(check(&["a=x"], Some(InputKind::Integer)), json!({ "a": "x" }).to_string());
        assert_eq!(check(&["a:=7"], None), json!({ "a": 7 }).to_string());
        assert_eq!(check(&["a:=1.50"], None), "{\"a\":1.5}");
        assert_eq!(
            check(&["a:=\"x=y\""], Some(InputKind::String)),
            json!({ "a": "x=y" }).to_string()
        );
        assert_eq!(check(&["a=7"], Some(InputKind::String)), json!({ "a": "7" }).to_string());
        assert_eq!(check(&["a=x=y"], None), json!({ "a": "x=y" }).to_string());
        assert_eq!(check(&["a=[1,2]"], Some(InputKind::Array)), json!({ "a": [1, 2] }).to_string());
        assert_eq!(check(&["a=true", "a:=false"], None), json!({ "a": false }).to_string());
        assert_eq!(check(&["a="], None), json!({ "a": "" }).to_string());
    }

    #[test]
    fn a_pair_without_a_key_is_refused() {
        assert_eq!(check(&["=7"], None), "-i =7 is not KEY=VALUE");
        assert_eq!(check(&["a"], None), "-i a is not KEY=VALUE");
        assert_eq!(check(&[":=1"], None), "-i :=1 is not KEY=VALUE");
    }

    #[test]
    fn json_that_cannot_be_taken_is_refused_with_its_place() {
        assert_eq!(
            check(&["a:=nope"], None),
            "-i a:=nope is not JSON: expected a value, found `n` (line 1, column 1, byte 0)"
        );
        assert_eq!(
            check(&["a=1e999"], Some(InputKind::Number)),
            "-i a=1e999 is refused: the number 1e999 is larger than a 64-bit float: put it in \
             quotes (line 1, column 1, byte 0)"
        );
    }
}
