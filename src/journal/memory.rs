//! The journal that keeps nothing over a restart: an engine without a data folder.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;

use super::batch::Batch;
use super::entry::Stored;
use super::model::{
    Appended, Beside, Damaged, Fence, JournalError, JournalStats, KeyEntry, LetterId, Record,
    RecordKind, RunFilter, RunSummary, Tail,
};
use super::port::{Done, Drain, Journal, Keep, Replayed, Urgency, Visit};
use crate::clock::Timestamp;
use crate::id::{DefinitionHash, EntityId, Name, RunId, SHARDS, Seq, ShardId};
use crate::run::RunState;
use crate::sync::{Mutex, MutexGuard, lock};

/// The audit lines that are kept: the last so many.
const AUDIT_LINES_MAX: usize = 10_000;

/// A journal in memory. No thread: `append` is done when it returns. The log keeps what live runs
/// need.
#[derive(Debug, Default)]
pub struct MemoryJournal(Mutex<Inner>);

#[derive(Debug, Clone, Default)]
struct Inner {
    log: BTreeMap<(ShardId, Seq), Record>,
    tails: BTreeMap<ShardId, Tail>,
    epochs: BTreeMap<ShardId, u32>,
    commits: u64,
    archive: BTreeMap<RunId, Stored>,
    definitions: BTreeMap<DefinitionHash, Bytes>,
    letters: BTreeMap<LetterId, Bytes>,
    keys: BTreeMap<EntityId, KeyEntry>,
    audit: VecDeque<(Timestamp, Box<str>)>,
    damaged: BTreeMap<RunId, (Damaged, Vec<Record>)>,
    closed: bool,
}

impl MemoryJournal {
    /// An empty journal.
    pub fn new() -> Self {
        Self::default()
    }

    /// Another journal with all that has landed in this one.
    #[cfg(test)]
    pub(crate) fn copy(&self) -> Self {
        Self(Mutex::new(self.inner().clone()))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        lock(&self.0)
    }
}

impl Inner {
    fn append(&mut self, fence: Fence, batch: &Batch) -> Appended {
        if self.closed {
            return Appended::NotLanded(JournalError::Closed);
        }
        if self.epochs.get(&fence.shard) != Some(&fence.epoch) {
            return Appended::Fenced;
        }
        let end = self.tails.get(&fence.shard).copied().unwrap_or_default();
        if end != batch.before() {
            let (shard, from) = (fence.shard.number(), batch.before().seq);
            return Appended::NotLanded(JournalError::Gap { shard, from, end: end.seq });
        }
        let records = batch.records().into_iter();
        for (seq, record) in records.filter(|(_, record)| record.kind != RecordKind::Mark) {
            self.log.insert((fence.shard, seq), record);
        }
        self.tails.insert(fence.shard, batch.tail());
        for beside in batch.beside() {
            self.write(fence.shard, beside);
        }
        Appended::Landed(batch.first())
    }

    fn write(&mut self, shard: ShardId, beside: &Beside) {
        match beside {
            Beside::Archive(entry) => {
                let entry = entry.read();
                match entry.summary {
                    Some(_) => drop(self.archive.insert(entry.run, entry)),
                    None => drop(self.archive.remove(&entry.run)),
                }
            }
            Beside::Letter(id, entry) => set(&mut self.letters, *id, entry.clone()),
            Beside::Definition(hash, source) => set(&mut self.definitions, *hash, source.clone()),
            Beside::Key(key, entry) => {
                let taken = self.keys.get(key).zip(entry.as_ref());
                if !taken.is_some_and(|(old, new)| old.run != new.run && old.until > new.at) {
                    set(&mut self.keys, *key, *entry);
                }
            }
            Beside::Audit(at, line) => {
                self.audit.push_back((*at, line.clone()));
                if self.audit.len() > AUDIT_LINES_MAX {
                    self.audit.pop_front();
                }
            }
            Beside::SetAside(damaged) => self.set_aside(shard, damaged),
            Beside::Restored(run) => drop(self.damaged.remove(run)),
        }
    }

    fn set_aside(&mut self, shard: ShardId, damaged: &Damaged) {
        let own = |record: &&Record| {
            record.entity == damaged.run.into() && record.kind != RecordKind::SetAside
        };
        let log = self.log.range((shard, Seq(0))..=(shard, Seq(u64::MAX)));
        let records = log.map(|(_, record)| record).filter(own).cloned().collect();
        self.damaged.insert(damaged.run, (damaged.clone(), records));
    }

    fn expired(&self, workflow: &Name, keep: &Keep, limit: usize) -> Vec<RunId> {
        let own =
            self.archive.values().rev().filter_map(|entry| Some((entry, entry.summary.as_ref()?)));
        let own = own.filter(|(_, run)| run.workflow == *workflow).skip(keep.at_least);
        let over = own.filter(|(entry, run)| {
            let succeeded = run.state == RunState::Succeeded;
            let span = if succeeded { keep.succeeded } else { keep.others };
            let letters = LetterId { run: run.id, dispatch: 0 }..=LetterId {
                run: run.id,
                dispatch: u32::MAX,
            };
            run.ended.zip(span).is_some_and(|(ended, span)| ended.after(span) < keep.now)
                && entry.kept < keep.now
                && self.letters.range(letters).next().is_none()
        });
        let mut runs: Vec<_> = over.map(|(_, run)| run.id).collect();
        runs.reverse();
        runs.truncate(limit);
        runs
    }
}

fn set<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: Option<V>) {
    match value {
        Some(value) => drop(map.insert(key, value)),
        None => drop(map.remove(&key)),
    }
}

/// The entries behind `after`.
fn page<K: Ord + Copy, V: Clone>(
    map: &BTreeMap<K, V>,
    after: Option<K>,
    limit: usize,
) -> Vec<(K, V)> {
    let from = after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
    let rows = map.range((from, std::ops::Bound::Unbounded)).take(limit);
    rows.map(|(key, value)| (*key, value.clone())).collect()
}

impl Journal for MemoryJournal {
    fn acquire(&self, shards: &[ShardId], _: Timestamp) -> Result<Vec<Fence>, JournalError> {
        let mut inner = self.inner();
        let mut acquire = |shard: &ShardId| {
            let epoch = inner.epochs.entry(*shard).or_default();
            *epoch += 1;
            Fence { shard: *shard, epoch: *epoch }
        };
        Ok(shards.iter().map(&mut acquire).collect())
    }

    fn append(&self, drain: Drain, _: Urgency, done: Done) {
        let mut inner = self.inner();
        inner.commits += 1;
        let append = drain.iter().map(|(fence, batch)| inner.append(*fence, batch));
        let answers = append.collect();
        drop(inner);
        done(answers);
    }

    fn replay(&self, visit: Visit<'_>) -> Result<Replayed, JournalError> {
        // Whoever visits may ask for definitions.
        let log = self.inner().log.clone();
        for ((_, seq), record) in log {
            visit(seq, record);
        }
        let inner = self.inner();
        let mut replayed = Replayed::default();
        for shard in (0..SHARDS).filter_map(ShardId::from_number) {
            replayed.tails[shard.index()] = inner.tails.get(&shard).copied().unwrap_or_default();
        }
        Ok(replayed)
    }

    fn recover(&self) -> Result<(), JournalError> {
        Ok(())
    }

    fn tail(&self, shard: ShardId) -> Tail {
        self.inner().tails.get(&shard).copied().unwrap_or_default()
    }

    fn release(&self, fence: Fence, before: Seq, _: u64) {
        let mut inner = self.inner();
        let over = inner.log.range((fence.shard, Seq(0))..(fence.shard, before));
        for key in over.map(|(key, _)| *key).collect::<Vec<_>>() {
            inner.log.remove(&key);
        }
    }

    fn pressure(&self) -> u64 {
        0
    }

    fn rewrite_to(&self, _: ShardId) -> Seq {
        Seq(0)
    }

    fn room(&self, _: Duration) -> usize {
        usize::MAX
    }

    fn archived(&self, run: RunId) -> Result<Option<(RunSummary, Bytes)>, JournalError> {
        let found = self.inner().archive.get(&run).cloned();
        Ok(found.and_then(|entry| Some((entry.summary.clone()?, entry.state().ok()?))))
    }

    fn list(&self, filter: &RunFilter) -> Result<Vec<RunSummary>, JournalError> {
        let inner = self.inner();
        let mut runs: Vec<_> =
            inner.archive.values().filter_map(|entry| entry.summary.clone()).collect();
        runs.extend(inner.damaged.values().map(|(damaged, _)| damaged.summary()));
        runs.retain(|run| filter.fits(run));
        runs.sort_unstable_by_key(|run| std::cmp::Reverse(run.id));
        runs.truncate(filter.limit());
        Ok(runs)
    }

    fn archived_workflows(&self) -> Result<Vec<Name>, JournalError> {
        let inner = self.inner();
        let names =
            inner.archive.values().filter_map(|entry| Some(&entry.summary.as_ref()?.workflow));
        let names: std::collections::BTreeSet<_> = names.cloned().collect();
        Ok(names.into_iter().collect())
    }

    fn expired(
        &self,
        workflow: &Name,
        keep: &Keep,
        limit: usize,
    ) -> Result<Vec<RunId>, JournalError> {
        Ok(self.inner().expired(workflow, keep, limit))
    }

    fn definition(&self, hash: DefinitionHash) -> Result<Option<Bytes>, JournalError> {
        Ok(self.inner().definitions.get(&hash).cloned())
    }

    fn definitions(
        &self,
        after: Option<DefinitionHash>,
        limit: usize,
    ) -> Result<Vec<DefinitionHash>, JournalError> {
        let found = page(&self.inner().definitions, after, limit);
        Ok(found.into_iter().map(|(hash, _)| hash).collect())
    }

    fn unused_definitions(
        &self,
        of: Vec<DefinitionHash>,
    ) -> Result<Vec<DefinitionHash>, JournalError> {
        let inner = self.inner();
        let used = |hash: &DefinitionHash| {
            let mut runs = inner.archive.values().filter_map(|entry| entry.summary.as_ref());
            runs.any(|run| run.definition == *hash)
        };
        Ok(of.into_iter().filter(|hash| !used(hash)).collect())
    }

    fn letters(
        &self,
        after: Option<LetterId>,
        limit: usize,
    ) -> Result<Vec<(LetterId, Bytes)>, JournalError> {
        Ok(page(&self.inner().letters, after, limit))
    }

    fn key(&self, key: EntityId) -> Result<Option<KeyEntry>, JournalError> {
        Ok(self.inner().keys.get(&key).copied())
    }

    fn expired_keys(&self, now: Timestamp, limit: usize) -> Result<Vec<EntityId>, JournalError> {
        let inner = self.inner();
        let old = inner.keys.iter().filter(|(_, entry)| entry.until < now);
        Ok(old.map(|(key, _)| *key).take(limit).collect())
    }

    fn audit(&self, limit: usize) -> Result<Vec<(Timestamp, Box<str>)>, JournalError> {
        let inner = self.inner();
        let skipped = inner.audit.len().saturating_sub(limit);
        Ok(inner.audit.iter().skip(skipped).cloned().collect())
    }

    fn damaged(&self, after: Option<RunId>, limit: usize) -> Result<Vec<Damaged>, JournalError> {
        let found = page(&self.inner().damaged, after, limit);
        Ok(found.into_iter().map(|(_, (damaged, _))| damaged).collect())
    }

    fn damaged_run(&self, run: RunId) -> Result<Option<Damaged>, JournalError> {
        Ok(self.inner().damaged.get(&run).map(|(damaged, _)| damaged.clone()))
    }

    fn damaged_records(&self, run: RunId) -> Result<Vec<Record>, JournalError> {
        let found = self.inner().damaged.get(&run).map(|(_, records)| records.clone());
        Ok(found.unwrap_or_default())
    }

    fn stats(&self) -> JournalStats {
        let inner = self.inner();
        let count = |size: usize| u64::try_from(size).unwrap_or(u64::MAX);
        JournalStats {
            records: count(inner.log.len()),
            archived: count(inner.archive.len()),
            damaged: count(inner.damaged.len()),
            commits: inner.commits,
            ..JournalStats::default()
        }
    }

    fn backup(&self, to: &Path) -> Result<(), JournalError> {
        let what = "a journal in memory has nothing to copy".to_owned();
        Err(JournalError::Io { path: to.display().to_string(), what })
    }

    fn close(&self) {
        self.inner().closed = true;
    }
}
