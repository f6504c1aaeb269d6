//! Bytes from outside as the result of a step, as its `output` says.

use std::path::Path;

use serde::Serialize;

use super::error::invalid;
use super::secret::without_line_end;
use crate::payload::Payload;
use crate::plan::Output;
use crate::run::Failure;

/// The bytes as a value; `what` names them in a message.
///
/// # Errors
/// Class `invalid`, where they are not what `output` says.
pub(super) fn read(output: &Output, bytes: &[u8], what: &str) -> Result<Payload, Failure> {
    match output {
        Output::Default => of(without_line_end(&String::from_utf8_lossy(bytes))),
        Output::Text => of(without_line_end(text(bytes, what)?)),
        Output::Lines => of(&text(bytes, what)?.lines().collect::<Vec<_>>()),
        Output::Json => json(bytes, what),
        Output::None | Output::File(_) => Ok(Payload::NULL),
    }
}

/// JSON from outside.
///
/// # Errors
/// Class `invalid`, where it is not JSON, or not what a payload may be.
pub(super) fn json(bytes: &[u8], what: &str) -> Result<Payload, Failure> {
    let shown = bytes.trim_ascii();
    if shown.is_empty() {
        return Err(invalid(format_args!("{what} is empty, not JSON")));
    }
    Payload::from_json(bytes.to_vec()).map_err(|error| {
        let refused = if error.is_json() { "refused: " } else { "" };
        invalid(format_args!("{what} is {refused}{error}: {}", start(shown)))
    })
}

/// `{ file, size }` of a file that is there.
///
/// # Errors
/// Class `invalid`, where it is not.
pub(super) fn written(file: &Path) -> Result<Payload, Failure> {
    let shown = file.display();
    let known = std::fs::metadata(file)
        .map_err(|error| invalid(format_args!("the step has not written `{shown}`: {error}")))?;
    if !known.is_file() {
        return Err(invalid(format_args!("`{shown}` is no file")));
    }
    of(&Written { file: shown.to_string(), size: known.len() })
}

/// A file that a step has written.
#[derive(Serialize)]
struct Written {
    file: String,
    /// In bytes.
    size: u64,
}

fn text<'a>(bytes: &'a [u8], what: &str) -> Result<&'a str, Failure> {
    std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        invalid(format_args!("{what} is no UTF-8 text (byte {at}): let it go to a file"))
    })
}

fn of<T: Serialize + ?Sized>(value: &T) -> Result<Payload, Failure> {
    Payload::of(value).map_err(|error| invalid(format_args!("the output is refused: {error}")))
}

/// The first characters, for a message.
fn start(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(START_CHARS).collect()
}

const START_CHARS: usize = 200;
