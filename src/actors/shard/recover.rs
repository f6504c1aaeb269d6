//! Runs that a start finds in the log: what died with the process is told to them, and what is
//! owed is done.

use std::cmp::Reverse;
use std::sync::Arc;

use super::commit::Round;
use super::{Answer, Live, State};
use crate::actors::shared::Registered;
use crate::clock::Timestamp;
use crate::definition::Durability;
use crate::id::{Lsn, RunId, content_hash};
use crate::journal::KeyEntry;
use crate::run::Run;

/// A run as the log has it.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) id: RunId,
    pub(crate) run: Run,
    pub(crate) workflow: Arc<Registered>,
    /// Its first record that matters.
    pub(crate) first: Lsn,
    /// Whether it stays as it is.
    pub(crate) dormant: bool,
}

impl State {
    pub(super) fn adopt(&mut self, runs: Vec<Recovered>, now: Timestamp) {
        for recovered in runs {
            let Recovered { id, run, workflow, first, dormant } = recovered;
            self.durable_to = self.durable_to.max(Lsn(first.0 + 1));
            self.needed.push(Reverse((first, id)));
            if let Some((key, until)) = run.accepted().key.clone() {
                let input = content_hash(run.accepted().input.as_bytes());
                self.keys.insert(key, KeyEntry { run: id, input, until });
            }
            let durability = workflow.plan.durability.unwrap_or(self.shared.durability);
            let durability =
                if durability == Durability::Memory { Durability::Strict } else { durability };
            let live = Live {
                run,
                workflow,
                waiters: Vec::new(),
                first: Some(first),
                durability,
                armed: false,
                dormant,
            };
            self.runs.insert(id, Box::new(live));
            if !dormant {
                self.resume(id, now);
            }
        }
    }

    /// Lets a dormant run go on.
    pub(super) fn wake(&mut self, id: RunId, answer: Answer, now: Timestamp) {
        match self.runs.get_mut(&id) {
            None => return drop(answer.send(Err(format!("run {id} has ended")))),
            Some(live) if live.run.state().is_end() => {
                let state = live.run.state().as_str();
                return drop(answer.send(Err(format!("run {id} has ended: it {state}"))));
            }
            Some(_) => self.rouse(id, now),
        }
        self.confirm(answer);
    }

    /// A run that somebody wants something of is dormant no more.
    pub(super) fn rouse(&mut self, id: RunId, now: Timestamp) {
        if let Some(live) = self.runs.get_mut(&id).filter(|live| live.dormant) {
            live.dormant = false;
            self.resume(id, now);
        }
    }

    fn resume(&mut self, id: RunId, now: Timestamp) {
        let Some(live) = self.runs.get_mut(&id) else { return };
        let mut step = std::mem::take(&mut self.step);
        step.clear();
        live.run.recover(&live.workflow.plan, now, &mut step);
        self.out.urgent |= !step.events.is_empty();
        self.out.collect(Round { shared: &self.shared, id, live, now }, &step);
        self.step = step;
    }
}
