//! A run in one line, as the archive holds it: version byte and record.

use serde::{Deserialize, Serialize};

use super::common::{Micros, RunStateRecord, name, time};
use crate::clock::Timestamp;
use crate::id::{DefinitionHash, Name, RunId};
use crate::run::{Damaged, RunSummary};
use crate::stored::StoredError;
use crate::stored::tagged::{Values, encode};

const VERSION: u8 = 1;

/// A run in one line.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct SummaryRecord<'a> {
    id: [u8; 16],
    workflow: &'a str,
    definition: [u8; 16],
    state: RunStateRecord,
    accepted: Micros,
    /// Microseconds from `accepted` on.
    ended_after: Option<i64>,
    failure: Option<&'a str>,
}

/// Appends a summary.
pub(in crate::stored) fn encode_summary(out: &mut Vec<u8>, summary: &RunSummary) {
    let RunSummary { id, workflow, definition, state, accepted, ended, failure } = summary;
    let accepted = accepted.as_micros();
    out.push(VERSION);
    let record = SummaryRecord {
        id: id.to_bytes(),
        workflow: workflow.as_str(),
        definition: definition.0,
        state: (*state).into(),
        accepted,
        ended_after: ended.map(|ended| ended.as_micros().wrapping_sub(accepted)),
        failure: failure.as_deref(),
    };
    encode(out, &record);
}

/// Reads what [`encode_summary`] appended.
pub(in crate::stored) fn decode_summary(body: &[u8]) -> Result<RunSummary, StoredError> {
    let mut values = Values::of("a summary of a run", VERSION, body)?;
    let stored: SummaryRecord<'_> = values.next()?;
    values.end()?;
    let later = |span: i64| time(stored.accepted.wrapping_add(span));
    Ok(RunSummary {
        id: RunId::from_bytes(stored.id),
        workflow: name(stored.workflow)?,
        definition: DefinitionHash(stored.definition),
        state: stored.state.into(),
        accepted: time(stored.accepted),
        ended: stored.ended_after.map(later),
        failure: stored.failure.map(Box::from),
    })
}

/// Why a run was set aside.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct DamagedRecord<'a> {
    run: [u8; 16],
    at: Micros,
    version: &'a str,
    reason: &'a str,
    whole: bool,
    workflow: Option<&'a str>,
    accepted: Option<Micros>,
}

/// Appends why a run was set aside.
pub(in crate::stored) fn encode_damaged(out: &mut Vec<u8>, damaged: &Damaged) {
    let Damaged { run, at, version, reason, whole, workflow, accepted } = damaged;
    out.push(VERSION);
    let record = DamagedRecord {
        run: run.to_bytes(),
        at: at.as_micros(),
        version,
        reason,
        whole: *whole,
        workflow: workflow.as_ref().map(Name::as_str),
        accepted: accepted.map(Timestamp::as_micros),
    };
    encode(out, &record);
}

/// Reads what [`encode_damaged`] appended.
pub(in crate::stored) fn decode_damaged(body: &[u8]) -> Result<Damaged, StoredError> {
    let mut values = Values::of("why a run was set aside", VERSION, body)?;
    let stored: DamagedRecord<'_> = values.next()?;
    values.end()?;
    Ok(Damaged {
        run: RunId::from_bytes(stored.run),
        at: time(stored.at),
        version: stored.version.into(),
        reason: stored.reason.into(),
        whole: stored.whole,
        workflow: stored.workflow.map(name).transpose()?,
        accepted: stored.accepted.map(time),
    })
}
