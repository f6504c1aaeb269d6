//! What a command printed, as the step's result.

use std::path::Path;

use super::capture::Kept;
use crate::payload::{PAYLOAD_BYTES_MAX, Payload};
use crate::plan::Output;
use crate::run::Failure;
use crate::task::error::invalid;
use crate::task::handler::within_limit;
use crate::task::secret::without_line_end;

/// What must be kept of standard output.
pub(super) fn kept(output: &Output) -> Kept {
    match output {
        Output::Default | Output::Text | Output::Lines | Output::Json => {
            Kept::first(PAYLOAD_BYTES_MAX)
        }
        Output::None | Output::File(_) => Kept::Nothing,
    }
}

/// The result.
///
/// # Errors
/// Class `invalid`, where what was printed is not what `output` says, or too much.
pub(super) fn read(output: &Output, out: Kept, file: Option<&Path>) -> Result<Payload, Failure> {
    if let Some(file) = file {
        return written(file);
    }
    let bytes = match out {
        Kept::First { bytes, max, total } if u64::try_from(max).is_ok_and(|max| total <= max) => {
            bytes
        }
        Kept::First { max, total, .. } => {
            return Err(invalid(format_args!(
                "the output of {total} bytes is larger than a payload may be ({max} bytes): let it \
                 go to a file (`output.file`), or say `output = \"none\"`"
            )));
        }
        Kept::Nothing | Kept::Last { .. } => return Ok(Payload::NULL),
    };
    match output {
        Output::Default => of(without_line_end(&String::from_utf8_lossy(&bytes))),
        Output::Text => of(without_line_end(text(&bytes)?)),
        Output::Lines => of(&text(&bytes)?.lines().collect::<Vec<_>>()),
        Output::Json => json(&bytes, "the output"),
        Output::None | Output::File(_) => Ok(Payload::NULL),
    }
}

/// JSON from outside; `what` names it in a message.
pub(in crate::task) fn json(bytes: &[u8], what: &str) -> Result<Payload, Failure> {
    let bytes = bytes.trim_ascii();
    if bytes.is_empty() {
        return Err(invalid(format_args!("{what} is empty, not JSON")));
    }
    Payload::from_json(bytes.to_vec())
        .map_err(|error| invalid(format_args!("{what} is not JSON: {error}: {}", start(bytes))))
}

/// `{ file, size }` of a file that is there.
pub(in crate::task) fn written(file: &Path) -> Result<Payload, Failure> {
    let shown = file.display();
    let known = std::fs::metadata(file)
        .map_err(|error| invalid(format_args!("the step has not written `{shown}`: {error}")))?;
    if !known.is_file() {
        return Err(invalid(format_args!("`{shown}` is no file")));
    }
    of(&serde_json::json!({ "file": shown.to_string(), "size": known.len() }))
}

fn text(bytes: &[u8]) -> Result<&str, Failure> {
    std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        invalid(format_args!(
            "the output is no UTF-8 text (byte {at}): let it go to a file (`output.file`)"
        ))
    })
}

pub(in crate::task) fn of<T: serde::Serialize + ?Sized>(value: &T) -> Result<Payload, Failure> {
    Payload::of(value).map_err(invalid).and_then(within_limit)
}

/// The first characters, for a message.
fn start(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(START_CHARS).collect()
}

const START_CHARS: usize = 200;
