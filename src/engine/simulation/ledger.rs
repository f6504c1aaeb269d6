//! The model: what has landed, run by run, and so what may be answered, done and shown.
//!
//! It follows the batches as they become durable and never forgets; nothing of it comes from the
//! shards' memory.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::port::Landed;
use super::{Checked, ensure};
use crate::actors::hub::{EngineEvent, describe};
use crate::clock::Timestamp;
use crate::dead_letter::FailedDispatch;
use crate::id::{DefinitionHash, EntityId, RunId};
use crate::journal::{Beside, Entry, Journal, LetterId, Record, RecordKind};
use crate::payload::Payload;
use crate::plan::Plan;
use crate::run::{Effect, Event, ItemPath, Run, RunState, Timer, Unit};
use crate::stored;

/// All runs, as the disk has made them.
#[derive(Debug, Clone)]
pub(super) struct Ledger {
    plans: Arc<HashMap<DefinitionHash, Arc<Plan>>>,
    pub(super) runs: BTreeMap<RunId, Known>,
    /// Who has which key.
    pub(super) keys: BTreeMap<EntityId, RunId>,
    /// Starts that were refused: none of them may ever land.
    pub(super) refused: BTreeSet<RunId>,
    /// Runs that were asked for with a durability that lets effects come first.
    pub(super) loose: BTreeSet<RunId>,
    /// Runs that nothing keeps: nothing of them may ever land.
    pub(super) volatile: BTreeSet<RunId>,
    /// Lines of operators.
    pub(super) audit: usize,
    /// The time of the world: a key is taken when its start is handled, not when it was sent.
    pub(super) now: Timestamp,
    /// Results that have landed since somebody looked.
    pub(super) results: Vec<(RunId, Unit, u32, Payload)>,
}

/// One run.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) plan: Arc<Plan>,
    pub(super) run: Run,
    /// Every state that a landed record has made, oldest first.
    pub(super) states: Vec<Arc<Run>>,
    /// Every dispatch and timer that a landed event has asked for.
    pub(super) dispatches: HashSet<(Unit, u32)>,
    pub(super) timers: HashSet<Timer>,
    /// The number of every evaluation that a landed event has asked for.
    pub(super) evaluations: HashSet<u32>,
    /// Every end that has landed, and how often the run had been opened again before.
    pub(super) ends: Vec<(RunState, Payload, usize)>,
    /// How often it had been opened again when that was answered last: no older end is told then.
    pub(super) answered: usize,
    /// How often an operator has opened it again, ended it, replayed a letter of it.
    pub(super) reopened: usize,
    pub(super) cancelled: usize,
    pub(super) replayed: usize,
    /// Whether the run was opened again when its key could have been given to another one.
    key_was_over: bool,
    /// Letters that somebody wants dropped: whether they are there is not said.
    pub(super) dropping: BTreeSet<FailedDispatch>,
    /// What may be told to listeners.
    pub(super) told: Vec<EngineEvent>,
}

impl Ledger {
    pub(super) fn new(plans: Arc<HashMap<DefinitionHash, Arc<Plan>>>) -> Self {
        Self {
            plans,
            runs: BTreeMap::new(),
            keys: BTreeMap::new(),
            refused: BTreeSet::new(),
            loose: BTreeSet::new(),
            volatile: BTreeSet::new(),
            audit: 0,
            now: Timestamp::default(),
            results: Vec::new(),
        }
    }

    /// A batch has landed.
    pub(super) fn take(&mut self, (_, batch): &Landed) -> Checked {
        for (_, record) in batch.records() {
            let id = RunId::from(record.entity);
            match record.kind {
                RecordKind::Events => self.events(id, &record)?,
                RecordKind::Snapshot | RecordKind::Reopened => self.snapshot(id, &record)?,
                RecordKind::Archived => {
                    let run = &self.known(id)?.run;
                    ensure!(run.state().is_end(), "{id} left the log as {:?}", run.state());
                }
                RecordKind::SetAside => return Err(format!("{id} was set aside")),
                RecordKind::Mark => {}
            }
        }
        for beside in batch.beside() {
            match beside {
                Beside::Archive(entry) => self.archive(entry)?,
                Beside::Letter(id, Some(_)) => {
                    let is_volatile = self.volatile.contains(&id.run);
                    ensure!(!is_volatile, "A35: a letter of {}, which nothing keeps", id.run);
                }
                Beside::Audit(..) => self.audit += 1,
                Beside::SetAside(damaged) => return Err(format!("set aside: {damaged:?}")),
                Beside::Letter(_, None)
                | Beside::Key(..)
                | Beside::Restored(_)
                | Beside::Definition(..) => {}
            }
        }
        Ok(())
    }

    /// A run comes into the archive as it is now, which is at its end; or leaves it.
    fn archive(&self, entry: &Entry) -> Checked {
        let stored = entry.read();
        let Some(summary) = stored.summary.clone() else { return Ok(()) };
        let run: Run = stored::decode_run(&stored.state()?).map_err(|error| error.to_string())?;
        let known = &self.known(stored.run)?.run;
        ensure!(*known == run, "another state of {} is archived", stored.run);
        ensure!(summary == run.summary(), "{} is archived as {summary:?}", stored.run);
        ensure!(run.state().is_end(), "{} is archived as {:?}", stored.run, run.state());
        Ok(())
    }

    fn known(&self, id: RunId) -> Result<&Known, String> {
        self.runs.get(&id).ok_or_else(|| format!("{id} was never accepted"))
    }

    fn events(&mut self, id: RunId, record: &Record) -> Checked {
        ensure!(!self.volatile.contains(&id), "A35: events of {id}, which nothing keeps");
        let events = stored::decode_events(&record.body).map_err(|error| error.to_string())?;
        let mut rest = events.as_slice();
        if let [Event::Accepted(accepted), after @ ..] = rest {
            ensure!(!self.refused.contains(&id), "I13: {id} was refused, and has landed");
            let plan = self.plans.get(&accepted.definition).ok_or("an unknown definition")?;
            let known = Known::new(id, Arc::clone(plan), &events[0])?;
            ensure!(self.runs.insert(id, known).is_none(), "{id} was accepted twice");
            if let Some(key) = &accepted.key {
                let key = EntityId::of_key("", &accepted.workflow, &key.text);
                let other = self.keys.insert(key, id).map(|other| &self.runs[&other]);
                let is_free = other.is_none_or(|other| other.is_key_over(self.now));
                ensure!(is_free, "I6: {:?} and {id} have one key", other.map(|o| o.run.id()));
            }
            rest = after;
        }
        for event in rest {
            if let Event::Succeeded { attempt, output } = event {
                self.results.push((id, attempt.unit, attempt.dispatch, output.clone()));
            }
        }
        let known = self.runs.get_mut(&id).ok_or_else(|| format!("{id} was never accepted"))?;
        for event in rest {
            known.apply(event);
        }
        known.landed();
        Ok(())
    }

    fn snapshot(&self, id: RunId, record: &Record) -> Checked {
        let run: Run = stored::decode_run(&record.body).map_err(|error| error.to_string())?;
        ensure!(self.known(id)?.run == run, "I10: a snapshot of {id} is not its state");
        Ok(())
    }

    /// Whether the store has of the runs of a batch what has landed, beside the log.
    pub(super) fn check_landed(&self, (_, batch): &Landed, store: &dyn Journal) -> Checked {
        let records = batch.records();
        let mut runs: Vec<_> = records.iter().map(|(_, record)| record.entity.into()).collect();
        runs.dedup();
        runs.retain(|run| self.runs.contains_key(run));
        runs.iter().try_for_each(|run| self.check_run(*run, store))
    }

    fn check_run(&self, id: RunId, store: &dyn Journal) -> Checked {
        let known = self.known(id)?;
        let archived = store.archived(id).map_err(|error| error.to_string())?;
        if let Some((summary, state)) = archived {
            let run: Run = stored::decode_run(&state).map_err(|error| error.to_string())?;
            ensure!(
                known.run == run,
                "{id} is {:?}, and archived as {summary:?}",
                known.run.state()
            );
        }
        let letters = letters(store)?;
        for failed in known.letters() {
            let is_there = letters.contains(&letter_of(failed));
            let is_dropped = known.dropping.contains(&failed);
            ensure!(is_there || is_dropped, "I5: the dead letter {failed:?} is not there");
        }
        Ok(())
    }

    /// Whether the store has what has landed, and nothing else, beside the log.
    pub(super) fn check_store(&self, store: &dyn Journal) -> Checked {
        let mut wanted = BTreeSet::new();
        for (id, known) in &self.runs {
            self.check_run(*id, store)?;
            wanted.extend(known.letters().map(letter_of));
        }
        let letters = letters(store)?;
        let extra = letters.iter().find(|id| !wanted.contains(id));
        ensure!(extra.is_none(), "I5: the dead letter {extra:?} is settled, and there");
        let lines = store.audit(usize::MAX).map_err(|error| error.to_string())?.len();
        ensure!(lines == self.audit, "of {} operators' lines {lines} are there", self.audit);
        Ok(())
    }

    /// Whether a recovery has found exactly what has landed.
    pub(super) fn check_recovered<'a>(
        &self,
        live: impl Fn(RunId) -> Option<&'a Run>,
        store: &dyn Journal,
    ) -> Checked {
        for (id, known) in &self.runs {
            let archived = store.archived(*id).map_err(|error| error.to_string())?.is_some();
            let live = live(*id);
            ensure!(live.is_some() || archived, "I1: {id} is lost: it was {:?}", known.run.state());
            let is_one = live.is_none() || !archived;
            ensure!(is_one, "{id} is archived and live: {:?}", records(store, *id));
            let same = live.is_none_or(|live| *live == known.run);
            ensure!(same, "I10: {id} is recovered as {live:?}, and was {:?}", known.run);
        }
        Ok(())
    }
}

/// What the log has of a run, for a story.
fn records(store: &dyn Journal, id: RunId) -> Vec<(u64, RecordKind)> {
    let mut found = Vec::new();
    let visited = store.replay(&mut |seq, record| {
        if record.entity == id.into() {
            found.push((seq.0, record.kind));
        }
    });
    drop(visited);
    found
}

/// The letter that stands for a failed dispatch.
pub(super) fn letter_of(failed: FailedDispatch) -> LetterId {
    LetterId { run: failed.run, dispatch: failed.dispatch }
}

/// All letters of a store.
pub(super) fn letters(store: &dyn Journal) -> Result<BTreeSet<LetterId>, String> {
    let letters = store.letters(None, usize::MAX).map_err(|error| error.to_string())?;
    Ok(letters.into_iter().map(|(id, _)| id).collect())
}

impl Known {
    /// What dead letters stand for.
    pub(super) fn letters(&self) -> impl ExactSizeIterator<Item = FailedDispatch> + use<> {
        let run = self.run.id();
        let letters = self.run.dead_letters(&self.plan).into_iter();
        letters.map(move |(unit, dispatch)| FailedDispatch { run, unit, dispatch })
    }

    fn new(id: RunId, plan: Arc<Plan>, accepted: &Event) -> Result<Self, String> {
        let run = Run::rebuild(&plan, id, [accepted]).ok_or("no first event")?;
        let told = vec![describe(id, &plan, &ItemPath::Outside, accepted)];
        Ok(Self {
            plan,
            run,
            states: Vec::new(),
            dispatches: HashSet::new(),
            timers: HashSet::new(),
            evaluations: HashSet::new(),
            ends: Vec::new(),
            answered: 0,
            reopened: 0,
            cancelled: 0,
            replayed: 0,
            key_was_over: false,
            dropping: BTreeSet::new(),
            told,
        })
    }

    /// Whether the key may be given to another run at this time.
    fn is_key_over(&self, at: Timestamp) -> bool {
        let Some(key) = &self.run.accepted().key else { return true };
        self.key_was_over || self.run.ended().is_some_and(|ended| ended.after(key.ttl) <= at)
    }

    fn apply(&mut self, event: &Event) {
        if let Event::Reopened { at, .. } | Event::Replayed { at, .. } = event {
            self.key_was_over |= self.is_key_over(*at);
        }
        self.reopened += usize::from(matches!(event, Event::Reopened { .. }));
        self.replayed += usize::from(matches!(event, Event::Replayed { .. }));
        self.cancelled += usize::from(matches!(event, Event::CancelRequested { .. }));
        let mut effects = Vec::new();
        self.run.apply(&self.plan, event, &mut effects);
        let items = event.unit().map(|unit| self.run.items(unit)).unwrap_or_default();
        self.told.push(describe(self.run.id(), &self.plan, &items, event));
        if effects.contains(&Effect::End) {
            let output = self.run.output().cloned().unwrap_or_default();
            self.ends.push((self.run.state(), output, self.reopened + self.replayed));
        }
        self.may_do(&effects);
    }

    /// The state is durable. What it owes may be done, now or after a crash.
    fn landed(&mut self) {
        let owed = self.run.owed(Timestamp::default());
        self.may_do(&owed);
        self.states.push(Arc::new(self.run.clone()));
    }

    fn may_do(&mut self, effects: &[Effect]) {
        for effect in effects {
            match *effect {
                Effect::Dispatch { unit, dispatch, .. } => {
                    self.dispatches.insert((unit, dispatch));
                }
                Effect::Arm { timer, .. } => drop(self.timers.insert(timer)),
                Effect::Evaluate { number, .. } => drop(self.evaluations.insert(number)),
                Effect::Abort { .. }
                | Effect::AddDeadLetter { .. }
                | Effect::RemoveDeadLetter { .. }
                | Effect::End => {}
            }
        }
    }
}
