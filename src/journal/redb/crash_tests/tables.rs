//! What stands beside the log, as a model and as a journal has it.

use std::collections::BTreeMap;

use super::{Witness, count};
use crate::journal::Beside;
use crate::journal::redb::*;
use crate::run::RunState;

/// All that stands beside the log.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(in crate::journal::redb) struct Tables {
    pub(in crate::journal::redb) archive: BTreeMap<RunId, (RunSummary, Bytes)>,
    pub(in crate::journal::redb) letters: BTreeMap<LetterId, Bytes>,
    pub(in crate::journal::redb) keys: BTreeMap<EntityId, KeyEntry>,
    pub(in crate::journal::redb) audit: Vec<(Timestamp, Box<str>)>,
    pub(in crate::journal::redb) definitions: BTreeMap<DefinitionHash, Bytes>,
    pub(in crate::journal::redb) damaged: BTreeMap<RunId, Damaged>,
}

impl Tables {
    pub(super) fn write(&mut self, beside: &Beside) {
        match beside.clone() {
            Beside::Definition(hash, source) => set(&mut self.definitions, hash, source),
            Beside::Letter(id, entry) => set(&mut self.letters, id, entry),
            Beside::Audit(at, line) => self.audit.push((at, line)),
            Beside::SetAside(damaged) => drop(self.damaged.insert(damaged.run, damaged)),
            Beside::Restored(run) => drop(self.damaged.remove(&run)),
            Beside::Key(key, entry) => {
                let taken = self.keys.get(&key).zip(entry.as_ref());
                if !taken.is_some_and(|(old, new)| old.run != new.run && old.until > new.at) {
                    set(&mut self.keys, key, entry);
                }
            }
            Beside::Archive(entry) => {
                let entry = entry.read();
                let (run, state) = (entry.run, entry.state().unwrap());
                set(&mut self.archive, run, entry.summary.map(|summary| (summary, state)));
            }
        }
    }

    pub(super) fn same_as(&self, expected: &Self) -> Result<(), String> {
        let same = [
            ("archive", self.archive == expected.archive),
            ("dead letters", self.letters == expected.letters),
            ("keys", self.keys == expected.keys),
            ("audit", self.audit == expected.audit),
            ("definitions", self.definitions == expected.definitions),
            ("damaged runs", self.damaged == expected.damaged),
        ];
        match same.iter().find(|(_, same)| !same) {
            Some((what, _)) => Err(format!("{what}: not as it should be")),
            None => Ok(()),
        }
    }

    pub(super) fn read(journal: &RedbJournal, witness: &Witness) -> Result<Self, JournalError> {
        let mut found = Self::default();
        for run in &witness.runs {
            if let Some(entry) = journal.archived(*run)? {
                found.archive.insert(*run, entry);
            }
        }
        let listed = journal.list(&RunFilter { limit: 10_000, ..RunFilter::default() })?;
        let listed = listed.into_iter().filter(|run| run.state != RunState::Damaged);
        let expected = found.archive.values().rev().map(|(summary, _)| summary.clone());
        let counted = journal.stats().archived == count(&found.archive.keys().collect::<Vec<_>>());
        if !counted || listed.collect::<Vec<_>>() != expected.collect::<Vec<_>>() {
            let what = "the list or count is another".to_owned();
            return Err(JournalError::Entry { entry: "runs".to_owned(), what });
        }
        for key in &witness.keys {
            set(&mut found.keys, *key, journal.key(*key)?);
        }
        for hash in &witness.hashes {
            set(&mut found.definitions, *hash, journal.definition(*hash)?);
        }
        // In pages, to see that they go on where they ended.
        let mut after = None;
        loop {
            let page = journal.letters(after, 3)?;
            let Some((last, _)) = page.last() else { break };
            after = Some(*last);
            found.letters.extend(page);
        }
        found.audit = journal.audit(usize::MAX)?;
        let damaged = journal.damaged(None, usize::MAX)?;
        found.damaged = damaged.into_iter().map(|damaged| (damaged.run, damaged)).collect();
        Ok(found)
    }
}

pub(super) fn set<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: Option<V>) {
    match value {
        Some(value) => drop(map.insert(key, value)),
        None => drop(map.remove(&key)),
    }
}
