//! What a journal holds when an engine starts: runs, versions, keys, and what is damaged.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::id::{DefinitionHash, Lsn, RunId};
use crate::journal::{Damage, Journal, JournalError, KeyEntry, Place, Record, RecordKind, codec};
use crate::plan::{KnownTasks, Plan, load};
use crate::run::{Effect, Event, Run};

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Recovery {
    pub(super) runs: HashMap<RunId, Found>,
    pub(super) plans: HashMap<DefinitionHash, Arc<Plan>>,
    pub(super) keys: Vec<(Box<str>, KeyEntry)>,
    pub(super) damage: Vec<Damage>,
    /// The oldest record of a run that is set aside: the log keeps it.
    pub(super) keep_from: Option<Lsn>,
    /// Runs that are not touched: something of them cannot be read.
    set_aside: HashSet<RunId>,
    /// Runs whose first records are not in the log, with the first that is. Such a run was archived
    /// when the log was cut; the record that says so follows.
    headless: HashMap<RunId, Lsn>,
    effects: Vec<Effect>,
}

/// A run as its records make it.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) run: Run,
    pub(super) definition: DefinitionHash,
    /// The first record that still matters.
    pub(super) first: Lsn,
    plan: Arc<Plan>,
}

/// Reads a journal.
pub(super) fn recover(journal: &dyn Journal) -> Result<Recovery, JournalError> {
    let mut recovery = Recovery { keys: journal.keys()?, ..Recovery::default() };
    for (hash, source) in journal.definitions()? {
        recovery.define(hash, &source);
    }
    let damage = journal.replay(&mut |lsn, record| recovery.visit(lsn, &record))?;
    for (run, lsn) in std::mem::take(&mut recovery.headless) {
        let what = "its first record is missing".to_owned();
        recovery.set_aside(Damage { place: Place::Log, lsn, run: Some(run), what });
    }
    for damage in damage {
        recovery.set_aside(damage);
    }
    Ok(recovery)
}

impl Recovery {
    fn define(&mut self, hash: DefinitionHash, source: &[u8]) {
        let plan = codec::decode_source(source).map_err(|error| error.to_string());
        let plan = plan.and_then(|source| {
            // Its tasks may be gone from the program; an attempt will say so.
            load(&source.path, &source.text, source.folder.as_deref(), &KnownTasks::Any)
                .map_err(|problems| problems.first().map(|p| p.message.clone()).unwrap_or_default())
        });
        match plan {
            Ok(loaded) => drop(self.plans.insert(hash, Arc::new(loaded.plan))),
            Err(what) => self.damage.push(Damage {
                place: Place::Definition,
                lsn: Lsn(0),
                run: None,
                what: format!("the definition {hash} cannot be read: {what}"),
            }),
        }
    }

    fn visit(&mut self, lsn: Lsn, record: &Record) {
        if self.set_aside.contains(&record.run) {
            return;
        }
        let done = match record.kind {
            RecordKind::Events => self.events(lsn, record),
            RecordKind::Snapshot => self.snapshot(lsn, record),
            RecordKind::Archived => {
                self.runs.remove(&record.run);
                self.headless.remove(&record.run);
                Ok(())
            }
        };
        if let Err(what) = done {
            self.set_aside(Damage { place: Place::Log, lsn, run: Some(record.run), what });
        }
    }

    fn events(&mut self, lsn: Lsn, record: &Record) -> Result<(), String> {
        let events = codec::decode_events(&record.body).map_err(|error| error.to_string())?;
        if let Some(found) = self.runs.get_mut(&record.run) {
            for event in &events {
                found.run.apply(&found.plan, event, &mut self.effects);
            }
            self.effects.clear();
            return Ok(());
        }
        let Some(Event::Accepted(accepted)) = events.first() else {
            self.headless.entry(record.run).or_insert(lsn);
            return Ok(());
        };
        let definition = accepted.definition;
        let plan = self.plan(definition)?;
        let run = Run::rebuild(&plan, record.run, &events).ok_or("its records do not fit")?;
        self.runs.insert(record.run, Found { run, definition, first: lsn, plan });
        Ok(())
    }

    fn snapshot(&mut self, lsn: Lsn, record: &Record) -> Result<(), String> {
        let run: Run = codec::decode_run(&record.body).map_err(|error| error.to_string())?;
        let definition = run.accepted().definition;
        let plan = self.plan(definition)?;
        self.headless.remove(&record.run);
        self.runs.insert(record.run, Found { run, definition, first: lsn, plan });
        Ok(())
    }

    fn plan(&self, hash: DefinitionHash) -> Result<Arc<Plan>, String> {
        self.plans.get(&hash).cloned().ok_or_else(|| format!("its definition {hash} is missing"))
    }

    /// A damaged run is left alone; where it is not certain whose a record was, all that were under
    /// way then are.
    fn set_aside(&mut self, damage: Damage) {
        if damage.place == Place::Log {
            let concerned = |run: &RunId, found: &Found| match damage.run {
                Some(damaged) => *run == damaged,
                None => found.first <= damage.lsn,
            };
            let gone = self.runs.extract_if(|run, found| concerned(run, found));
            let first = gone.map(|(_, found)| found.first).fold(damage.lsn, Lsn::min);
            self.keep_from = Some(self.keep_from.map_or(first, |lsn| lsn.min(first)));
            self.set_aside.extend(damage.run);
        }
        self.damage.push(damage);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::clock::Timestamp;
    use crate::id::ShardId;
    use crate::journal::{Batch, Options, RedbJournal};

    #[test]
    fn a_run_without_its_first_record_is_damaged_unless_it_was_archived() {
        let folder = tempfile::tempdir().unwrap();
        let journal = RedbJournal::open(folder.path(), &Options::default()).unwrap();
        let at = Timestamp::from_micros(1_000_000);
        let body = codec::encode_events(&[Event::Began { at }]);
        let [archived, damaged] = [1, 2].map(|n| RunId::new(at, ShardId::of(n)));
        let record = |run, kind| Record { run, kind, body: body.clone() };
        let records = vec![
            record(archived, RecordKind::Events),
            record(damaged, RecordKind::Events),
            record(archived, RecordKind::Archived),
        ];
        let (tell, told) = channel();
        let batch = Batch { records, ..Batch::default() };
        journal.append(batch, Box::new(move |result| tell.send(result).unwrap()));
        told.recv().unwrap().unwrap();
        let recovery = recover(&journal).unwrap();
        let runs: Vec<_> = recovery.damage.iter().map(|damage| damage.run).collect();
        assert_eq!((runs, recovery.keep_from), (vec![Some(damaged)], Some(Lsn(2))));
    }
}
