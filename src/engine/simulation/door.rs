//! The simulated journal as shards and the recovery see it. What is not delayed is asked of the store.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;

use super::fault::Fault;
use super::port::{Call, Failed, Port, refusal};
use crate::clock::Timestamp;
use crate::id::{DefinitionHash, EntityId, Name, RunId, Seq, ShardId};
use crate::journal::{
    Appended, Damaged, Done, Drain, Fence, Journal, JournalError, JournalStats, Keep, KeyEntry,
    LetterId, Record, RecordKind, Replayed, RunFilter, RunSummary, Tail, Urgency, Visit,
};

impl Journal for Port {
    fn acquire(&self, shards: &[ShardId], now: Timestamp) -> Result<Vec<Fence>, JournalError> {
        self.store.acquire(shards, now)
    }

    fn append(&self, drain: Drain, _: Urgency, done: Done) {
        let mut inner = self.inner();
        let batches = drain.into_iter().map(|(fence, batch)| {
            let refused = inner.failed.has(fence.shard);
            (fence, batch, refused.then(|| Appended::NotLanded(refusal())))
        });
        let batches: Vec<_> = batches.collect();
        let bare = batches.iter().all(|(_, batch, _)| batch.beside().is_empty());
        let early = match self.fault {
            Some(Fault::ToldBeforeLanding) => true,
            Some(Fault::AnsweredBeforeLanding) => bare,
            Some(_) | None => false,
        };
        if early {
            let firsts = batches.iter().map(|(_, batch, _)| Appended::Landed(batch.first()));
            done(firsts.collect());
            let done: Done = Box::new(|_| ());
            return inner.calls.push_back(Call { batches, done, is_told: true });
        }
        inner.calls.push_back(Call { batches, done, is_told: false });
    }

    fn replay(&self, visit: Visit<'_>) -> Result<Replayed, JournalError> {
        let (fault, mut count) = (self.fault, 0);
        self.store.replay(&mut |seq, record: Record| {
            count += 1;
            let leaves_out = match fault {
                Some(Fault::GapInSeq) => count % 7 == 0,
                Some(Fault::ArchivedNotForgotten) => record.kind == RecordKind::Archived,
                Some(_) | None => false,
            };
            if fault == Some(Fault::VisitedTwice) && count % 7 == 0 {
                visit(seq, record.clone());
            }
            if !leaves_out {
                visit(seq, record);
            }
        })
    }

    fn recover(&self) -> Result<(), JournalError> {
        self.store.recover()?;
        self.inner().failed = Failed::No;
        Ok(())
    }

    fn tail(&self, shard: ShardId) -> Tail {
        let lost = self.inner().tails.get(&shard).copied();
        match lost.filter(|_| self.fault == Some(Fault::UnknownNotFound)) {
            Some(before) => before,
            None => self.store.tail(shard),
        }
    }

    fn release(&self, fence: Fence, before: Seq, live: u64) {
        match self.fault {
            Some(Fault::NeverCut) => {}
            Some(Fault::CutTooMuch) => self.store.release(fence, Seq(before.0 + 2), live),
            Some(_) | None => self.store.release(fence, before, live),
        }
    }

    fn pressure(&self) -> u64 {
        self.inner().pressure
    }

    fn rewrite_to(&self, shard: ShardId) -> Seq {
        Seq(self.store.tail(shard).seq)
    }

    fn room(&self, _: Duration) -> usize {
        if self.inner().luck.percent(50) { usize::MAX } else { 0 }
    }

    fn archived(&self, run: RunId) -> Result<Option<(RunSummary, Bytes)>, JournalError> {
        let found = self.store.archived(run)?;
        if self.fault != Some(Fault::OldArchive) {
            return Ok(found);
        }
        let mut inner = self.inner();
        Ok(found.map(|found| inner.old.entry(run).or_insert(found).clone()))
    }

    fn list(&self, filter: &RunFilter) -> Result<Vec<RunSummary>, JournalError> {
        self.store.list(filter)
    }

    fn archived_workflows(&self) -> Result<Vec<Name>, JournalError> {
        self.store.archived_workflows()
    }

    fn expired(&self, of: &Name, keep: &Keep, limit: usize) -> Result<Vec<RunId>, JournalError> {
        self.store.expired(of, keep, limit)
    }

    fn definition(&self, hash: DefinitionHash) -> Result<Option<Bytes>, JournalError> {
        self.inner().definitions_read += 1;
        self.store.definition(hash)
    }

    fn definitions(
        &self,
        after: Option<DefinitionHash>,
        limit: usize,
    ) -> Result<Vec<DefinitionHash>, JournalError> {
        self.store.definitions(after, limit)
    }

    fn unused_definitions(
        &self,
        of: Vec<DefinitionHash>,
    ) -> Result<Vec<DefinitionHash>, JournalError> {
        self.store.unused_definitions(of)
    }

    fn letters(
        &self,
        after: Option<LetterId>,
        limit: usize,
    ) -> Result<Vec<(LetterId, Bytes)>, JournalError> {
        self.inner().letters_read += 1;
        self.store.letters(after, limit)
    }

    fn key(&self, key: EntityId) -> Result<Option<KeyEntry>, JournalError> {
        self.store.key(key)
    }

    fn expired_keys(&self, now: Timestamp, limit: usize) -> Result<Vec<EntityId>, JournalError> {
        self.store.expired_keys(now, limit)
    }

    fn audit(&self, limit: usize) -> Result<Vec<(Timestamp, Box<str>)>, JournalError> {
        self.store.audit(limit)
    }

    fn damaged(&self, after: Option<RunId>, limit: usize) -> Result<Vec<Damaged>, JournalError> {
        self.store.damaged(after, limit)
    }

    fn damaged_run(&self, run: RunId) -> Result<Option<Damaged>, JournalError> {
        self.store.damaged_run(run)
    }

    fn damaged_records(&self, run: RunId) -> Result<Vec<Record>, JournalError> {
        self.store.damaged_records(run)
    }

    fn stats(&self) -> JournalStats {
        self.store.stats()
    }

    fn backup(&self, to: &Path) -> Result<(), JournalError> {
        self.store.backup(to)
    }

    fn close(&self) {
        self.store.close();
    }
}
