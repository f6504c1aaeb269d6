//! What a command printed, as the step's result.

use std::path::Path;

use super::capture::Kept;
use crate::payload::{PAYLOAD_BYTES_MAX, Payload};
use crate::plan::Output;
use crate::run::Failure;
use crate::task::error::invalid;
use crate::task::output;

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
pub(super) fn read(output: &Output, out: &Kept, file: Option<&Path>) -> Result<Payload, Failure> {
    match (file, out) {
        (Some(file), _) => output::written(file),
        (None, Kept::First { max, total, .. }) if *total > u64::try_from(*max).unwrap_or(0) => {
            Err(invalid(format_args!(
                "the output of {total} bytes is larger than a payload may be ({max} bytes): let it \
                 go to a file (`output.file`), or say `output = \"none\"`"
            )))
        }
        (None, Kept::First { bytes, .. }) => output::read(output, bytes, "the output"),
        (None, Kept::Nothing | Kept::Last { .. }) => Ok(Payload::NULL),
    }
}
