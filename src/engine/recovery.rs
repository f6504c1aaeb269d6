//! What a journal holds when an engine starts: runs that have not ended, what of them cannot be read,
//! and whose turn it is to append.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::actors::hash::ByLastBytes;
use crate::actors::shared::kept_plan;
use crate::clock::Timestamp;
use crate::guard::guarded;
use crate::id::{DefinitionHash, RunId, Seq, ShardId};
use crate::journal::{
    Damage, Damaged, Fence, Journal, JournalError, Place, Record, RecordKind, Tail,
};
use crate::plan::Plan;
use crate::run::{Effect, Event, Run};
use crate::stored;

/// The version of Windlass that sets runs aside.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Damaged runs read at a time.
const PAGE: usize = 100;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Recovery {
    pub(super) runs: HashMap<RunId, Box<Found>, ByLastBytes>,
    pub(super) plans: HashMap<DefinitionHash, Arc<Plan>>,
    pub(super) damage: Vec<Damage>,
    /// Runs to be set aside.
    pub(super) aside: Vec<Damaged>,
    /// All shards, and where their logs end.
    pub(super) owned: Vec<(Fence, Tail)>,
    /// Runs that are not touched: something of them cannot be read.
    damaged: HashSet<RunId>,
    /// Runs whose first records are not in the log, with the first that is. Such a run was archived
    /// when the log was cut; the record that says so follows.
    headless: HashMap<RunId, Seq>,
    effects: Vec<Effect>,
}

/// A run as its records make it.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) run: Run,
    pub(super) definition: DefinitionHash,
    /// The first record that still matters; `None`: its records are not in the log.
    pub(super) first: Option<Seq>,
    plan: Arc<Plan>,
}

/// Takes all shards over and reads what they hold.
pub(super) fn recover(journal: &dyn Journal, now: Timestamp) -> Result<Recovery, JournalError> {
    let fences = journal.acquire(&ShardId::all().collect::<Vec<_>>(), now)?;
    let mut recovery = Recovery::default();
    let replayed = journal.replay(&mut |seq, record| recovery.visit(journal, seq, &record))?;
    recovery.owned = fences.into_iter().zip(replayed.tails).collect();
    for (run, seq) in std::mem::take(&mut recovery.headless) {
        recovery.set_aside(damage_of(run, seq, "its first record is missing".to_owned()), now);
    }
    for damage in replayed.damages {
        recovery.set_aside(damage, now);
    }
    for damage in std::mem::take(&mut recovery.damage) {
        recovery.note(damage, now);
    }
    recovery.try_again(journal, now)?;
    Ok(recovery)
}

fn damage_of(run: RunId, seq: Seq, what: String) -> Damage {
    Damage { place: Place::Log, shards: vec![run.shard().number()], seq, run: Some(run), what }
}

impl Recovery {
    fn visit(&mut self, journal: &dyn Journal, seq: Seq, record: &Record) {
        let run = RunId::from(record.entity);
        if self.damaged.contains(&run) && record.kind != RecordKind::Reopened {
            return;
        }
        let done = guarded(|| match record.kind {
            RecordKind::Events => self.events(journal, seq, record),
            RecordKind::Snapshot => self.snapshot(journal, seq, record),
            RecordKind::Reopened => {
                self.damaged.remove(&run);
                self.snapshot(journal, seq, record)
            }
            RecordKind::Archived | RecordKind::SetAside => {
                self.runs.remove(&run);
                self.headless.remove(&run);
                Ok(())
            }
            RecordKind::Mark => Ok(()),
        });
        if let Err(what) = done.unwrap_or_else(Err) {
            self.damaged.insert(run);
            self.damage.push(damage_of(run, seq, what));
        }
    }

    fn events(&mut self, journal: &dyn Journal, seq: Seq, record: &Record) -> Result<(), String> {
        let id = RunId::from(record.entity);
        let events = stored::decode_events(&record.body).map_err(|error| error.to_string())?;
        if let Some(found) = self.runs.get_mut(&id) {
            for event in &events {
                found.run.apply(&found.plan, event, &mut self.effects);
            }
            self.effects.clear();
            return Ok(());
        }
        let Some(Event::Accepted(accepted)) = events.first() else {
            self.headless.entry(id).or_insert(seq);
            return Ok(());
        };
        let definition = accepted.definition;
        let plan = self.plan(journal, definition)?;
        let run = Run::rebuild(&plan, id, &events).ok_or("its records do not fit")?;
        self.runs.insert(id, Box::new(Found { run, definition, first: Some(seq), plan }));
        Ok(())
    }

    fn snapshot(&mut self, journal: &dyn Journal, seq: Seq, record: &Record) -> Result<(), String> {
        let run: Run = stored::decode_run(&record.body).map_err(|error| error.to_string())?;
        let (id, definition) = (RunId::from(record.entity), run.accepted().definition);
        let plan = self.plan(journal, definition)?;
        self.headless.remove(&id);
        self.runs.insert(id, Box::new(Found { run, definition, first: Some(seq), plan }));
        Ok(())
    }

    /// The plan of a version: read once, and only if a run needs it.
    fn plan(&mut self, journal: &dyn Journal, hash: DefinitionHash) -> Result<Arc<Plan>, String> {
        if let Some(plan) = self.plans.get(&hash) {
            return Ok(Arc::clone(plan));
        }
        let plan = Arc::new(kept_plan(journal, hash)?);
        self.plans.insert(hash, Arc::clone(&plan));
        Ok(plan)
    }

    /// A damaged run is left alone; where it is not certain whose a record was, all that were under
    /// way then are.
    fn set_aside(&mut self, damage: Damage, now: Timestamp) {
        let concerned = |run: &RunId, found: &Found| match damage.run {
            Some(damaged) => *run == damaged,
            None => {
                damage.shards.contains(&run.shard().number())
                    && found.first.is_some_and(|first| first <= damage.seq)
            }
        };
        let gone: Vec<_> = self
            .runs
            .iter()
            .filter(|(run, found)| concerned(run, found))
            .map(|(run, _)| *run)
            .collect();
        for run in gone.into_iter().chain(damage.run) {
            self.put_aside(run, &damage.what, (now, false));
        }
        self.damage.push(damage);
    }

    /// All records of the run were read, and the engine cannot make sense of them.
    fn note(&mut self, damage: Damage, now: Timestamp) {
        if let Some(run) = damage.run
            && !self.aside.iter().any(|aside| aside.run == run)
        {
            self.put_aside(run, &damage.what, (now, true));
        }
        self.damage.push(damage);
    }

    fn put_aside(&mut self, run: RunId, what: &str, (at, whole): (Timestamp, bool)) {
        let found = self.runs.remove(&run);
        let accepted = found.as_ref().map(|found| found.run.accepted());
        self.aside.push(Damaged {
            run,
            at,
            version: VERSION.into(),
            reason: what.into(),
            whole,
            workflow: accepted.map(|accepted| accepted.workflow.clone()),
            accepted: accepted.map(|accepted| accepted.at),
        });
    }

    /// Another version has set a run aside: this one tries it once.
    fn try_again(&mut self, journal: &dyn Journal, now: Timestamp) -> Result<(), JournalError> {
        let mut after = None;
        loop {
            let page = journal.damaged(after, PAGE)?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.run);
            for damaged in page {
                if damaged.whole && *damaged.version != *VERSION {
                    self.try_one(journal, damaged, now)?;
                }
            }
        }
    }

    fn try_one(
        &mut self,
        journal: &dyn Journal,
        damaged: Damaged,
        now: Timestamp,
    ) -> Result<(), JournalError> {
        let run = damaged.run;
        let known = self.damage.len();
        for record in journal.damaged_records(run)? {
            self.visit(journal, Seq(0), &record);
        }
        match self.runs.get_mut(&run) {
            Some(found) if self.damage.len() == known => found.first = None,
            Some(_) | None => {
                self.runs.remove(&run);
                let reason = match self.damage.drain(known..).next() {
                    Some(found) => found.what.into(),
                    None => damaged.reason,
                };
                self.aside.push(Damaged { at: now, version: VERSION.into(), reason, ..damaged });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::journal::{Appended, Batch, Options, RedbJournal, RunSummary, Urgency};
    use crate::run::RunState;

    #[test]
    fn a_run_without_its_first_record_is_damaged_unless_it_was_archived() {
        let folder = tempfile::tempdir().unwrap();
        let journal = RedbJournal::open(folder.path(), &Options::default()).unwrap();
        let at = Timestamp::from_micros(1_000_000);
        let shard = ShardId::of(3);
        let fence = journal.acquire(&[shard], at).unwrap()[0];
        let [archived, damaged] = [1, 2].map(|_| RunId::new(at, shard));
        let summary = RunSummary {
            id: archived,
            workflow: crate::id::Name::new("w").unwrap(),
            definition: DefinitionHash([0; 16]),
            state: RunState::Failed,
            accepted: at,
            ended: Some(at),
            failure: None,
        };
        let mut batch = Batch::after(Tail::default());
        let began = |to: &mut Vec<u8>| stored::write_events(&[Event::Began { at }], to);
        batch.events(archived, began);
        batch.events(damaged, began);
        batch.archive(&summary, None, |_| ());
        let (tell, told) = channel();
        let done = move |results| tell.send(results).unwrap();
        journal.append(vec![(fence, Arc::new(batch))], Urgency::Now, Box::new(done));
        assert!(matches!(told.recv().unwrap()[..], [Appended::Landed(Seq(1))]));
        let recovery = recover(&journal, at).unwrap();
        let aside: Vec<_> = recovery.aside.iter().map(|aside| aside.run).collect();
        assert_eq!((aside, recovery.runs.len()), (vec![damaged], 0));
        assert_eq!(recovery.owned[3].1.seq, 3);
    }
}
