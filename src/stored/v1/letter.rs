//! A dead letter, as it is stored: version byte and record.

use serde::{Deserialize, Serialize};

use super::common::{FailureRecord, Micros, RawBytes, UnitRecord, name, time};
use crate::clock::Timestamp;
use crate::dead_letter::{AttemptRecord, CauseId, DeadLetter, DeadLetterId};
use crate::id::{DefinitionHash, RunId};
use crate::stored::StoredError;
use crate::stored::tagged::{Values, encode};

const VERSION: u8 = 1;

/// A dead letter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct LetterRecord<'a> {
    id: u64,
    queue: &'a str,
    run: [u8; 16],
    workflow: &'a str,
    definition: [u8; 16],
    step: &'a str,
    path: &'a str,
    item: Option<u32>,
    #[serde(borrow)]
    input: RawBytes<'a>,
    failure: FailureRecord<'a>,
    attempts: Vec<TryRecord<'a>>,
    at: Micros,
    cause: u64,
    unit: UnitRecord,
    dispatch: u32,
}

/// One try.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct TryRecord<'a> {
    attempt: u32,
    started: Micros,
    ended: Option<Micros>,
    class: Option<&'a str>,
    message: Option<&'a str>,
}

/// Appends a dead letter.
pub(in crate::stored) fn encode_letter(out: &mut Vec<u8>, letter: &DeadLetter) {
    out.push(VERSION);
    encode(out, &LetterRecord::from(letter));
}

/// Reads what [`encode_letter`] appended.
pub(in crate::stored) fn decode_letter(body: &[u8]) -> Result<DeadLetter, StoredError> {
    let mut values = Values::of("a dead letter", VERSION, body)?;
    let letter: LetterRecord<'_> = values.next()?;
    values.end()?;
    letter.try_into()
}

impl<'a> From<&'a DeadLetter> for LetterRecord<'a> {
    fn from(letter: &'a DeadLetter) -> Self {
        let DeadLetter { id, queue, run, workflow, definition, step, path, item, .. } = letter;
        let DeadLetter { input, failure, attempts, at, cause, unit, dispatch, .. } = letter;
        Self {
            id: id.0,
            queue: queue.as_str(),
            run: run.to_bytes(),
            workflow: workflow.as_str(),
            definition: definition.0,
            step: step.as_str(),
            path,
            item: *item,
            input: input.into(),
            failure: failure.into(),
            attempts: attempts.iter().map(TryRecord::from).collect(),
            at: at.as_micros(),
            cause: cause.0,
            unit: (*unit).into(),
            dispatch: *dispatch,
        }
    }
}

impl TryFrom<LetterRecord<'_>> for DeadLetter {
    type Error = StoredError;

    fn try_from(stored: LetterRecord<'_>) -> Result<Self, StoredError> {
        Ok(Self {
            id: DeadLetterId(stored.id),
            queue: name(stored.queue)?,
            run: RunId::from_bytes(stored.run),
            workflow: name(stored.workflow)?,
            definition: DefinitionHash(stored.definition),
            step: name(stored.step)?,
            path: stored.path.into(),
            item: stored.item,
            input: stored.input.into(),
            failure: stored.failure.try_into()?,
            attempts: stored.attempts.into_iter().map(AttemptRecord::from).collect(),
            at: time(stored.at),
            cause: CauseId(stored.cause),
            unit: stored.unit.into(),
            dispatch: stored.dispatch,
        })
    }
}

impl<'a> From<&'a AttemptRecord> for TryRecord<'a> {
    fn from(attempt: &'a AttemptRecord) -> Self {
        let AttemptRecord { attempt, started, ended, class, message } = attempt;
        Self {
            attempt: *attempt,
            started: started.as_micros(),
            ended: ended.map(Timestamp::as_micros),
            class: class.as_deref(),
            message: message.as_deref(),
        }
    }
}

impl From<TryRecord<'_>> for AttemptRecord {
    fn from(stored: TryRecord<'_>) -> Self {
        Self {
            attempt: stored.attempt,
            started: time(stored.started),
            ended: stored.ended.map(time),
            class: stored.class.map(str::to_owned),
            message: stored.message.map(Box::from),
        }
    }
}
