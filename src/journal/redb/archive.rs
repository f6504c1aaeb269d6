//! Finished runs in `archive.redb`: written in bulk by the outbox, read one by one.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use ::redb::{
    Error, ReadOnlyTable, ReadTransaction, ReadableTable, ReadableTableMetadata, Table,
    WriteTransaction,
};
use bytes::Bytes;

use super::moved::Moved;
use super::tables::{
    CHUNKS, FILLED, IDS, INDEX, META, USES, VERSIONS, corrupted, meta, set_meta, unseal,
};
use crate::clock::Timestamp;
use crate::id::{DefinitionHash, Name, RunId};
use crate::journal::entry::{Stored, entries};
use crate::journal::{RunFilter, RunSummary};
use crate::run::RunState;

/// Where an entry stands: chunk, offset in it, length.
type Spot = (u64, u32, u32);

/// Takes over rows of the outbox as chunks, oldest first, which end at `end`. Doing it again
/// changes nothing.
pub(super) fn take_over(
    txn: &WriteTransaction,
    rows: &[(u64, Bytes)],
    end: Moved,
) -> Result<(), Error> {
    let mut tables = Tables::open(txn)?;
    let mut last = BTreeMap::new();
    let mut damaged = BTreeSet::new();
    let new = |(number, _): &&(u64, Bytes)| *number > tables.filled.row;
    let rows_new: Vec<_> = rows.iter().filter(new).collect();
    for (number, row) in &rows_new {
        for found in entries(row) {
            match found {
                Ok((offset, entry)) => {
                    let spot = (*number, narrow(offset), narrow(entry.size()));
                    last.insert(entry.run, (spot, entry.summary));
                }
                // What stands behind damage cannot be read; the row stays, so that checks find it.
                Err(_) => drop(damaged.insert(*number)),
            }
        }
    }
    let mut uses: BTreeMap<u64, u32> = damaged.iter().map(|number| (*number, 1)).collect();
    for (spot, _) in last.values().filter(|(_, summary)| summary.is_some()) {
        *uses.entry(spot.0).or_default() += 1;
    }
    for (number, row) in rows_new {
        if let Some(uses) = uses.get(number) {
            tables.chunks.insert(number, row.as_ref())?;
            tables.uses.insert(number, uses)?;
        }
    }
    for (run, (spot, summary)) in &last {
        tables.put(*run, *spot, summary.as_ref())?;
    }
    let filled = if end.row > tables.filled.row { end } else { tables.filled };
    drop(tables);
    set_meta(txn, FILLED, &filled.encode())
}

/// What was taken over of the outbox.
pub(super) fn filled(txn: &ReadTransaction) -> Result<Moved, Error> {
    Moved::decode(FILLED, &meta(txn, FILLED)?)
}

/// The tables, to be written.
struct Tables<'a> {
    chunks: Table<'a, u64, &'static [u8]>,
    uses: Table<'a, u64, u32>,
    ids: Table<'a, &'static [u8; 16], Spot>,
    index: Table<'a, &'static [u8], ()>,
    versions: Table<'a, &'static [u8; 16], u64>,
    filled: Moved,
}

impl<'a> Tables<'a> {
    fn open(txn: &'a WriteTransaction) -> Result<Self, Error> {
        let filled = match txn.open_table(META)?.get(FILLED)? {
            Some(value) => {
                let value = unseal(FILLED.as_bytes(), value.value());
                Moved::decode(FILLED, value.ok_or_else(|| corrupted(FILLED))?)?
            }
            None => Moved::default(),
        };
        Ok(Self {
            chunks: txn.open_table(CHUNKS)?,
            uses: txn.open_table(USES)?,
            ids: txn.open_table(IDS)?,
            index: txn.open_table(INDEX)?,
            versions: txn.open_table(VERSIONS)?,
            filled,
        })
    }

    /// The newest entry of a run counts, and no older one.
    fn put(&mut self, run: RunId, spot: Spot, new: Option<&RunSummary>) -> Result<(), Error> {
        let id = run.to_bytes();
        let old = self.ids.get(&id)?.map(|old| old.value());
        if let Some(old) = old {
            self.forget(old)?;
        }
        let Some(summary) = new else {
            self.ids.remove(&id)?;
            return Ok(());
        };
        self.ids.insert(&id, spot)?;
        self.index.insert(index_key(&summary.workflow, summary.state, run).as_slice(), ())?;
        self.count_version(summary.definition, 1)
    }

    /// Removes what points at an entry that no longer counts.
    fn forget(&mut self, spot: Spot) -> Result<(), Error> {
        let summary = read_spot(&self.chunks, spot)?.ok().and_then(|entry| entry.summary);
        if let Some(RunSummary { id, workflow, state, definition, .. }) = summary {
            self.index.remove(index_key(&workflow, state, id).as_slice())?;
            self.count_version(definition, -1)?;
        }
        self.unuse(spot)
    }

    /// An entry of a chunk no longer counts; with its last one the chunk is deleted.
    fn unuse(&mut self, (chunk, ..): Spot) -> Result<(), Error> {
        let uses = self.uses.get(chunk)?.map_or(0, |uses| uses.value());
        if uses > 1 {
            self.uses.insert(chunk, uses - 1)?;
        } else {
            self.uses.remove(chunk)?;
            self.chunks.remove(chunk)?;
        }
        Ok(())
    }

    fn count_version(&mut self, version: DefinitionHash, more: i64) -> Result<(), Error> {
        let count = self.versions.get(&version.0)?.map_or(0, |count| count.value());
        match count.saturating_add_signed(more) {
            0 => drop(self.versions.remove(&version.0)?),
            count => drop(self.versions.insert(&version.0, count)?),
        }
        Ok(())
    }
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

/// Whether runs have a version.
pub(super) fn has_version(txn: &ReadTransaction, version: DefinitionHash) -> Result<bool, Error> {
    Ok(txn.open_table(VERSIONS)?.get(&version.0)?.is_some())
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
        state: filter.state.unwrap_or(RunState::Damaged),
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
pub(super) fn workflows(txn: &ReadTransaction) -> Result<Vec<Name>, Error> {
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

/// An id that is not below that of any run accepted until `at`.
pub(super) fn accepted_until(at: Timestamp) -> RunId {
    let mut id = [0xff; 16];
    id[..6].copy_from_slice(&first_id(Some(at))[..6]);
    RunId::from_bytes(id)
}

/// The run of a workflow that has `newer` newer ones; `None`: there are not so many.
pub(super) fn nth_newest(
    txn: &ReadTransaction,
    workflow: &Name,
    newer: usize,
) -> Result<Option<RunId>, Error> {
    let lists = by_prefix(txn, std::slice::from_ref(workflow), None, &RunFilter::default())?;
    match newer.checked_sub(1) {
        Some(last) => Merged::of(lists)?.nth(last).transpose(),
        None => Ok(Some(RunId::from_bytes([0xff; 16]))),
    }
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

pub(super) fn run_of(key: &[u8]) -> Result<RunId, Error> {
    let id = key.last_chunk::<16>().ok_or_else(|| Error::Corrupted("a key of the index".into()))?;
    Ok(RunId::from_bytes(*id))
}

pub(super) const STATES: [RunState; 8] = [
    RunState::Damaged,
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
        RunState::Damaged => 8,
    }
}
