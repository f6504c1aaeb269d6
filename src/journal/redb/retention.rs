//! Which finished runs are not to be kept any longer.

use std::time::Duration;

use ::redb::{Error, ReadTransaction};

use super::archive::{self, STATES, index_key};
use super::tables::{INDEX, LETTERS};
use crate::clock::Timestamp;
use crate::id::{Name, RunId};
use crate::journal::Keep;
use crate::run::RunState;

/// Runs of a workflow in the archive that ended too long ago and are not among its last ones,
/// oldest first; without those that are kept for their key, or that `stays` names.
pub(super) fn expired(
    txn: &ReadTransaction,
    workflow: &Name,
    (keep, limit): (&Keep, usize),
    mut stays: impl FnMut(RunId) -> Result<bool, Error>,
) -> Result<Vec<RunId>, Error> {
    let Some(newest) = archive::nth_newest(txn, workflow, keep.at_least)? else {
        return Ok(Vec::new());
    };
    let index = txn.open_table(INDEX)?;
    let mut found = Vec::new();
    for state in STATES {
        let span = if state == RunState::Succeeded { keep.succeeded } else { keep.others };
        let Some(span) = span else { continue };
        let ended_before = before(keep.now, span);
        let from = index_key(workflow, state, RunId::from_bytes([0; 16]));
        let to = index_key(workflow, state, archive::accepted_until(ended_before).min(newest));
        for entry in index.range(from.as_slice()..to.as_slice())? {
            let run = archive::run_of(entry?.0.value())?;
            if found.len() >= limit {
                return Ok(found);
            }
            if is_over(txn, run, (keep.now, ended_before))? && !stays(run)? {
                found.push(run);
            }
        }
    }
    Ok(found)
}

/// Whether a run ended before a time, and nothing keeps it.
fn is_over(
    txn: &ReadTransaction,
    run: RunId,
    (now, ended_before): (Timestamp, Timestamp),
) -> Result<bool, Error> {
    let Some(Ok(entry)) = archive::find(txn, run)? else { return Ok(false) };
    let ended = entry.summary.as_ref().and_then(|summary| summary.ended);
    Ok(ended.is_some_and(|ended| ended < ended_before) && entry.kept < now)
}

/// A time so long ago.
fn before(now: Timestamp, span: Duration) -> Timestamp {
    let span = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(now.as_micros().saturating_sub(span))
}

/// Whether a run has a dead letter.
pub(super) fn has_letter(txn: &ReadTransaction, run: RunId) -> Result<bool, Error> {
    let letters = txn.open_table(LETTERS)?;
    let mut key = [0; 20];
    key[..16].copy_from_slice(&run.to_bytes());
    let next = letters.range::<&[u8; 20]>(&key..)?.next().transpose()?;
    Ok(next.is_some_and(|(key, _)| key.value()[..16] == run.to_bytes()))
}
