//! Finished runs in `archive.redb`: written in bulk by the outbox, read one by one.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use ::redb::{
    Error, ReadOnlyTable, ReadTransaction, ReadableTable, ReadableTableMetadata, Table,
    WriteTransaction,
};
use bytes::Bytes;

use super::tables::{CHUNKS, IDS, INDEX};
use crate::clock::Timestamp;
use crate::id::{DefinitionHash, Name, RunId};
use crate::journal::entry::{Stored, entries};
use crate::journal::{RunFilter, RunSummary};
use crate::run::RunState;

/// Where an entry stands: chunk, offset in it, length.
type Spot = (u64, u32, u32);

/// Takes over rows of the outbox as chunks, oldest first. Doing it again changes nothing.
pub(super) fn take_over(txn: &WriteTransaction, rows: &[(u64, Bytes)]) -> Result<(), Error> {
    let mut chunks = txn.open_table(CHUNKS)?;
    let mut last = BTreeMap::new();
    for (number, row) in rows {
        chunks.insert(number, row.as_ref())?;
        // What stands behind damage cannot be read; the start has reported it.
        for (offset, entry) in entries(row).flatten() {
            let spot = (*number, narrow(offset), narrow(entry.size()));
            last.insert(entry.run, (spot, entry));
        }
    }
    let mut ids = txn.open_table(IDS)?;
    let mut index = txn.open_table(INDEX)?;
    let mut keys = BTreeSet::new();
    for (run, (spot, entry)) in &last {
        let id = run.to_bytes();
        let old = match &entry.summary {
            Some(summary) => {
                keys.insert(index_key(&summary.workflow, summary.state, *run));
                ids.insert(&id, spot)?.map(|old| old.value())
            }
            None => ids.remove(&id)?.map(|old| old.value()),
        };
        if let Some(old) = old.filter(|old| old != spot) {
            forget(&chunks, &mut index, old)?;
        }
    }
    for key in &keys {
        index.insert(key.as_slice(), ())?;
    }
    Ok(())
}

/// Removes the index entry of an entry that no longer counts.
fn forget(
    chunks: &Table<'_, u64, &[u8]>,
    index: &mut Table<'_, &[u8], ()>,
    spot: Spot,
) -> Result<(), Error> {
    let summary = read_spot(chunks, spot)?.ok().and_then(|entry| entry.summary);
    if let Some(RunSummary { id, workflow, state, .. }) = summary {
        index.remove(index_key(&workflow, state, id).as_slice())?;
    }
    Ok(())
}

fn narrow(size: usize) -> u32 {
    u32::try_from(size).expect("invariant: a row of the outbox is below 4 GiB")
}

/// The entry of a run, or what is wrong with it.
pub(super) fn find(
    txn: &ReadTransaction,
    run: RunId,
) -> Result<Option<Result<Stored, &'static str>>, Error> {
    match txn.open_table(IDS)?.get(&run.to_bytes())?.map(|spot| spot.value()) {
        Some(spot) => Ok(Some(read_run(&txn.open_table(CHUNKS)?, run, spot)?)),
        None if is_indexed(txn, run)? => Ok(Some(Err(NO_PLACE))),
        None => Ok(None),
    }
}

const NO_PLACE: &str = "its place is not known";

/// Whether the index has a run; a few lookups for each workflow.
fn is_indexed(txn: &ReadTransaction, run: RunId) -> Result<bool, Error> {
    let index = txn.open_table(INDEX)?;
    for workflow in workflows(txn)? {
        for state in STATES {
            if index.get(index_key(&workflow, state, run).as_slice())?.is_some() {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// The entry at `spot`, which must be that of `run`.
pub(super) fn read_run(
    chunks: &impl ReadableTable<u64, &'static [u8]>,
    run: RunId,
    spot: Spot,
) -> Result<Result<Stored, &'static str>, Error> {
    let found = read_spot(chunks, spot)?;
    Ok(found.and_then(|entry| {
        let own = entry.run == run && entry.summary.is_some();
        own.then_some(entry).ok_or("another run's entry stands in its place")
    }))
}

fn read_spot(
    chunks: &impl ReadableTable<u64, &'static [u8]>,
    (chunk, offset, length): Spot,
) -> Result<Result<Stored, &'static str>, Error> {
    let Some(row) = chunks.get(chunk)? else { return Ok(Err("its chunk is missing")) };
    let wide = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
    let range = wide(offset)..wide(offset).saturating_add(wide(length));
    let bytes = row.value().get(range).ok_or("it lies outside of its chunk");
    Ok(bytes.and_then(|bytes| Stored::read(&Bytes::copy_from_slice(bytes))))
}

/// How many runs.
pub(super) fn count(txn: &ReadTransaction) -> Result<u64, Error> {
    Ok(txn.open_table(IDS)?.len()?)
}

/// Whether a run is there.
pub(super) fn contains(txn: &ReadTransaction, run: RunId) -> Result<bool, Error> {
    Ok(txn.open_table(IDS)?.get(&run.to_bytes())?.is_some())
}

/// The number of the last chunk; 0: none.
pub(super) fn last_chunk(txn: &ReadTransaction) -> Result<u64, Error> {
    Ok(txn.open_table(CHUNKS)?.last()?.map_or(0, |(number, _)| number.value()))
}

/// The newest runs that fit, without those in `except`.
pub(super) fn list(
    txn: &ReadTransaction,
    filter: &RunFilter,
    except: &BTreeSet<RunId>,
) -> Result<Vec<RunSummary>, Error> {
    let lists = match (&filter.workflow, filter.state) {
        (None, None) => vec![by_id(txn, filter.since)?],
        (Some(workflow), state) => by_prefix(txn, std::slice::from_ref(workflow), state, filter)?,
        (None, state) => by_prefix(txn, &workflows(txn)?, state, filter)?,
    };
    let (ids, chunks) = (txn.open_table(IDS)?, txn.open_table(CHUNKS)?);
    let mut found = Vec::new();
    for run in Merged::of(lists)? {
        let run = run?;
        if except.contains(&run) {
            continue;
        }
        let summary = summary(&ids, &chunks, run, filter)?;
        if filter.fits(&summary) {
            found.push(summary);
        }
        if found.len() >= filter.limit() {
            break;
        }
    }
    Ok(found)
}

fn summary(
    ids: &ReadOnlyTable<&'static [u8; 16], Spot>,
    chunks: &ReadOnlyTable<u64, &'static [u8]>,
    run: RunId,
    filter: &RunFilter,
) -> Result<RunSummary, Error> {
    let entry = match ids.get(&run.to_bytes())? {
        Some(spot) => read_run(chunks, run, spot.value())?,
        None => Err(NO_PLACE),
    };
    let found = entry.and_then(|entry| entry.summary.ok_or("it is not that of a finished run"));
    let found = found.and_then(|run| {
        let listed = filter.is_of_kind(&run);
        listed.then_some(run).ok_or("the index has it as another workflow's or in another state")
    });
    Ok(found.unwrap_or_else(|what| damaged(run, what, filter)))
}

/// Stands for a run whose entry is damaged, so that it does not vanish from lists.
pub(super) fn damaged(run: RunId, what: &str, filter: &RunFilter) -> RunSummary {
    RunSummary {
        id: run,
        workflow: filter
            .workflow
            .clone()
            .unwrap_or_else(|| Name::new("damaged").expect("invariant: a constant that is a name")),
        definition: DefinitionHash([0; 16]),
        state: filter.state.unwrap_or(RunState::Parked),
        accepted: filter.since.unwrap_or_default(),
        ended: None,
        failure: Some(format!("its entry in the archive is damaged: {what}").into()),
    }
}

/// Runs, newest first.
type Runs = Box<dyn Iterator<Item = Result<RunId, Error>>>;

fn by_id(txn: &ReadTransaction, since: Option<Timestamp>) -> Result<Runs, Error> {
    let from = first_id(since);
    let runs = txn.open_table(IDS)?.range::<&[u8; 16]>(&from..)?.rev();
    Ok(Box::new(runs.map(|entry| Ok(RunId::from_bytes(*entry?.0.value())))))
}

fn by_prefix(
    txn: &ReadTransaction,
    workflows: &[Name],
    state: Option<RunState>,
    filter: &RunFilter,
) -> Result<Vec<Runs>, Error> {
    let index = txn.open_table(INDEX)?;
    let mut lists: Vec<Runs> = Vec::new();
    for workflow in workflows {
        for state in STATES.into_iter().filter(|one| state.is_none_or(|state| state == *one)) {
            let from = index_key(workflow, state, RunId::from_bytes(first_id(filter.since)));
            let to = index_key(workflow, state, RunId::from_bytes([0xff; 16]));
            let runs = index.range(from.as_slice()..=to.as_slice())?.rev();
            lists.push(Box::new(runs.map(|entry| run_of(entry?.0.value()))));
        }
    }
    Ok(lists)
}

/// All workflows of the index: one seek for each.
fn workflows(txn: &ReadTransaction) -> Result<Vec<Name>, Error> {
    let index = txn.open_table(INDEX)?;
    let (mut found, mut from) = (Vec::new(), Vec::new());
    while let Some(entry) = index.range(from.as_slice()..)?.next() {
        let (key, _) = entry?;
        let name = key.value().split(|byte| *byte == 0).next().unwrap_or_default();
        from = [name, &[1]].concat();
        found.extend(std::str::from_utf8(name).ok().and_then(Name::new));
    }
    Ok(found)
}

/// The smallest id of a run accepted at `since`: a `UUIDv7` begins with its milliseconds.
fn first_id(since: Option<Timestamp>) -> [u8; 16] {
    let millis = since.map_or(0, |since| u64::try_from(since.as_micros() / 1_000).unwrap_or(0));
    let mut id = [0; 16];
    id[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
    id
}

/// Merges lists that are newest first into one.
struct Merged {
    heads: BinaryHeap<(RunId, usize)>,
    rests: Vec<Runs>,
}

impl Merged {
    fn of(lists: Vec<Runs>) -> Result<Self, Error> {
        let mut merged = Self { heads: BinaryHeap::new(), rests: lists };
        for list in 0..merged.rests.len() {
            merged.pull(list)?;
        }
        Ok(merged)
    }

    fn pull(&mut self, list: usize) -> Result<(), Error> {
        if let Some(run) = self.rests[list].next() {
            self.heads.push((run?, list));
        }
        Ok(())
    }
}

impl Iterator for Merged {
    type Item = Result<RunId, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let (run, list) = self.heads.pop()?;
        Some(self.pull(list).map(|()| run))
    }
}

/// The workflow's name, a zero byte, the state's code, the run's id.
pub(super) fn index_key(workflow: &Name, state: RunState, run: RunId) -> Vec<u8> {
    [workflow.as_str().as_bytes(), &[0, state_code(state)], &run.to_bytes()].concat()
}

fn run_of(key: &[u8]) -> Result<RunId, Error> {
    let id = key.last_chunk::<16>().ok_or_else(|| Error::Corrupted("a key of the index".into()))?;
    Ok(RunId::from_bytes(*id))
}

const STATES: [RunState; 7] = [
    RunState::Pending,
    RunState::Running,
    RunState::Paused,
    RunState::Parked,
    RunState::Succeeded,
    RunState::Failed,
    RunState::Cancelled,
];

fn state_code(state: RunState) -> u8 {
    match state {
        RunState::Pending => 1,
        RunState::Running => 2,
        RunState::Paused => 3,
        RunState::Parked => 4,
        RunState::Succeeded => 5,
        RunState::Failed => 6,
        RunState::Cancelled => 7,
    }
}
