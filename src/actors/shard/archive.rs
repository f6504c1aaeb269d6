//! Runs that leave the memory: to the archive, to the damaged ones, or for good; and old records that
//! are written anew so that the log can be cut.

use std::cmp::Reverse;

use super::intake::Release;
use super::start::key_of;
use super::{Ended, Live, Request, Stage, State};
use crate::actors::desk::AttemptKey;
use crate::dead_letter::DeadLetterId;
use crate::definition::ErrorClass;
use crate::guard::guarded;
use crate::id::{EntityId, RunId, Seq};
use crate::journal::{Damaged, KeyEntry, LetterId, Urgency};
use crate::payload::Payload;
use crate::run::{Effect, Failure, RunState};
use crate::stored;

/// Runs written anew in one drain.
const SNAPSHOTS_MAX: usize = 64;

/// Ended runs that nothing keeps durably and that are still known.
const ENDED_MAX: usize = 500;

/// Runs moved to the archive in one drain.
const ARCHIVE_MAX: usize = 256;

/// The version of Windlass that sets runs aside.
const VERSION: &str = env!("CARGO_PKG_VERSION");

impl State {
    /// Puts ended runs into the archive and out of the log.
    pub(super) fn move_to_archive(&mut self) {
        while self.volatile.len() > ENDED_MAX {
            let Some(id) = self.volatile.pop_front() else { break };
            if self.runs.get(&id).is_some_and(|live| matches!(live.stage, Stage::Ended(_))) {
                self.remove(id);
            }
        }
        let count = if self.stalled { 0 } else { self.ended.len().min(ARCHIVE_MAX) };
        for id in self.ended.drain(..count).collect::<Vec<_>>() {
            let written = guarded(|| self.archive(id));
            if let Err(reason) = written {
                self.set_aside(id, &reason);
            }
        }
    }

    /// One that has been started again meanwhile stays.
    fn archive(&mut self, id: RunId) {
        let place = self.place(id);
        let Some(live) = self.runs.get_mut(&id) else { return };
        let Stage::Ended(ended) = &live.stage else { return };
        let (ended, accepted) = (ended.clone(), live.run.accepted());
        let key = key_of(accepted).map(|(key, own)| {
            let until = live.run.ended().unwrap_or(self.now).after(own.ttl);
            (key, KeyEntry { run: id, input: own.input, at: self.now, until })
        });
        // One that was opened again after its key was over may have lost it to another run.
        let key = key.filter(|(key, _)| self.keys.get(key).is_none_or(|held| held.run == id));
        let part = &mut self.parts[place];
        let kept = key.as_ref().map(|(_, entry)| entry.until);
        let seq = part.batch.next();
        part.batch.archive(&live.run.summary(), kept, |to| stored::write_run(&live.run, to));
        if let Some((key, entry)) = key {
            part.batch.key(key, Some(entry));
        }
        // Its records are needed until that is durable.
        live.stage = Stage::Archiving(ended, seq);
        part.live = part.live.saturating_sub(1);
        self.part(id).gated.push(Release::Forget(id, seq));
    }

    /// The archive has the run as this record says; if it has not been started again meanwhile, it
    /// leaves. One that has, and has ended once more, stays until that is there too.
    pub(super) fn forget(&mut self, id: RunId, archived: Seq) {
        if let Some(live) = self.runs.get(&id)
            && let Stage::Archiving(_, seq) = live.stage
            && seq == archived
        {
            self.remove(id);
        }
    }

    /// A run that was fetched from the archive and was not started again is there still.
    pub(super) fn put_back(&mut self, id: RunId) {
        if self.runs.get(&id).is_some_and(|live| matches!(live.stage, Stage::Archived(_))) {
            self.runs.remove(&id);
        }
    }

    fn remove(&mut self, id: RunId) {
        let Some(live) = self.runs.remove(&id) else { return };
        if let Some((key, _)) = key_of(live.run.accepted()).filter(|_| live.kept.is_durable())
            && self.keys.get(&key).is_some_and(|entry| entry.run == id)
        {
            self.keys.remove(&key);
        }
    }

    /// If the log has become long, all owners write old runs anew.
    pub(super) fn heed_pressure(&mut self) {
        let pressure = self.shared.journal.pressure();
        if pressure > self.pressure {
            self.pressure = pressure;
            self.shared.shards.iter().for_each(|inbox| inbox.send(Request::Rewrite));
        }
    }

    /// Writes the runs anew that keep a long log from being cut, some in each drain.
    pub(super) fn rewrite_oldest(&mut self) {
        let mut left = SNAPSHOTS_MAX;
        for place in 0..self.parts.len() {
            let part = &self.parts[place];
            let to = self.shared.journal.rewrite_to(part.fence.shard).max(part.rewrite_to);
            while left > 0
                && let Some(seq) = self.oldest_staying(place)
                && seq <= to
                && let Some(Reverse(entry)) = self.parts[place].needed.pop()
            {
                // The old records are needed until the new ones are durable.
                self.parts[place].leaving.push(Reverse(entry));
                // One that is on its way to the archive must not be live again behind that.
                let stays = |live: &Live| !live.rewriting && !live.stage.is_archived();
                if self.runs.get(&entry.1).is_some_and(|live| stays(live)) {
                    left -= 1;
                    self.rewrite(place, entry.1);
                }
            }
        }
        if left == 0 {
            self.inbox.send(Request::Rewrite);
        }
    }

    fn rewrite(&mut self, place: usize, id: RunId) {
        let Some(live) = self.runs.get_mut(&id) else { return };
        let part = &mut self.parts[place];
        let next = part.batch.next();
        let written = guarded(|| part.batch.snapshot(id, |to| stored::write_run(&live.run, to)));
        match written {
            Ok(()) => {
                live.rewriting = true;
                part.based.push((id, next));
                self.part(id);
            }
            Err(reason) => self.set_aside(id, &reason),
        }
    }

    /// Takes a run out of the way that the engine cannot go on with, and says why; the others go on.
    pub(super) fn set_aside(&mut self, id: RunId, reason: &str) {
        let Some(live) = self.runs.remove(&id) else { return };
        let why = format!("the engine cannot go on with it: {reason}");
        tracing::error!(run = %id, why, "a run is set aside");
        let owed = guarded(|| live.run.owed(self.now)).unwrap_or_default();
        for effect in owed {
            if let Effect::Dispatch { unit, dispatch, .. } = effect {
                let key = AttemptKey { run: id, unit, dispatch };
                self.out.free.push(Release::Abort(live.workflow.queue(unit.node), key));
            }
        }
        self.shared.timers.forget(id);
        if live.kept.is_durable() {
            let at = self.now;
            let accepted = live.run.accepted();
            let damaged = Damaged {
                run: id,
                at,
                version: VERSION.into(),
                reason: why.as_str().into(),
                whole: true,
                workflow: Some(accepted.workflow.clone()),
                accepted: Some(accepted.at),
            };
            let part = self.part(id);
            part.live = part.live.saturating_sub(1);
            part.batch.set_aside(damaged);
            self.out.urgency = Urgency::Now;
        }
        let failure =
            Failure { class: ErrorClass::Permanent, message: why.into(), retry_after: None };
        let ended = Ended {
            state: RunState::Damaged,
            output: Payload::default(),
            failure: Some(Box::new(failure)),
        };
        let tell =
            move || live.waiters.into_iter().for_each(|waiter| drop(waiter.send(ended.clone())));
        self.after_landing(id, Release::Reply(Box::new(tell)));
    }

    /// Runs that the log does not give back as a whole.
    pub(super) fn set_all_aside(&mut self, damaged: Vec<Damaged>) {
        for damaged in damaged {
            self.part(damaged.run).batch.set_aside(damaged);
        }
    }

    /// Deletes archived runs that are not kept any longer; one that was started again stays.
    pub(super) fn delete(&mut self, runs: Vec<RunId>) {
        for id in runs {
            if !self.runs.contains_key(&id) {
                let part = self.part(id);
                part.batch.delete(id);
                part.gated.push(Release::Erase(id));
            }
        }
    }

    /// Deletes a dead letter that is not kept any longer. A unit that waits for a person still does.
    pub(super) fn delete_letter(&mut self, id: LetterId) {
        let part = self.part(id.run);
        part.batch.letter(id, None);
        part.gated.push(Release::RemoveDeadLetter(DeadLetterId::of(id.run, id.dispatch)));
    }

    /// Deletes keys that have expired; that of a run that is here is held by it.
    pub(super) fn delete_keys(&mut self, keys: Vec<EntityId>) {
        for key in keys {
            if !self.keys.contains_key(&key) {
                self.part(key).batch.key(key, None);
            }
        }
    }

    /// Deletes versions of workflows that nothing needs.
    pub(super) fn delete_definitions(&mut self, hashes: Vec<crate::id::DefinitionHash>) {
        for hash in hashes {
            self.part(EntityId::from_bytes(hash.0)).batch.definition(hash, None);
        }
    }
}
