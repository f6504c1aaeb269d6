//! Runs that a start finds in the log: what died with the process is told to them, and what is
//! owed is done.

use std::cmp::Reverse;
use std::sync::Arc;

use super::part::Part;
use super::start::key_of;
use super::{Answer, Kept, Live, Request, Stage, State};
use crate::actors::shared::Registered;
use crate::id::{RunId, Seq};
use crate::journal::{Fence, KeyEntry, Tail, Urgency};
use crate::run::Run;

/// A run as the log has it.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) id: RunId,
    pub(crate) run: Run,
    pub(crate) workflow: Arc<Registered>,
    /// Its first record that matters; `None`: it was set aside, and its records are not in the log.
    pub(crate) first: Option<Seq>,
    /// Whether it stays as it is.
    pub(crate) dormant: bool,
}

/// What a start has found in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogLength {
    /// About as much as the live runs need.
    Short,
    /// Mostly records of runs that are over.
    MostlyOver,
}

impl State {
    /// Takes shards over.
    pub(super) fn own(&mut self, shards: Vec<(Fence, Tail)>) {
        self.parts = shards.into_iter().map(|(fence, tail)| Part::new(fence, tail)).collect();
    }

    /// Takes runs over. Where most of the log is of others, they are written anew, so that no life of
    /// the process leaves the next ones a longer log.
    pub(super) fn adopt(&mut self, runs: Vec<Recovered>, length: LogLength) {
        for recovered in runs {
            self.adopt_one(recovered);
        }
        if length == LogLength::MostlyOver {
            for part in &mut self.parts {
                part.rewrite_to = part.durable_to;
            }
            self.inbox.send(Request::Rewrite);
        }
        for place in 0..self.parts.len() {
            self.tell_needs(place);
        }
    }

    fn adopt_one(&mut self, recovered: Recovered) {
        let Recovered { id, run, workflow, first, dormant } = recovered;
        let accepted = run.accepted();
        if let Some((key, own)) = key_of(accepted) {
            let (input, at) = (own.input, accepted.at);
            self.keys.insert(key, KeyEntry { run: id, input, at, until: FOREVER });
        }
        let kept = self.kept(run.accepted());
        let place = self.place(id);
        let part = &mut self.parts[place];
        part.live += 1;
        part.needed.extend(first.map(|first| Reverse((first, id))));
        let mut live = Live::new(run, workflow, kept);
        (live.first, live.dormant) = (first, dormant);
        let restored = first.is_none().then(|| crate::stored::encode_run(&live.run));
        self.runs.insert(id, Box::new(live));
        if let Some(state) = restored {
            let part = self.part(id);
            part.base(id);
            part.batch.restore(id, |to| to.extend_from_slice(&state));
        }
        if !dormant {
            self.resume(id);
        }
    }

    /// Lets a dormant run go on.
    pub(super) fn wake(&mut self, id: RunId, answer: Answer) {
        match self.runs.get_mut(&id) {
            None => return self.refuse(id, answer, format!("run {id} has ended")),
            Some(live) if live.run.state().is_end() => {
                let state = live.run.state().as_str();
                return self.refuse(id, answer, format!("run {id} has ended: it {state}"));
            }
            Some(_) => self.rouse(id),
        }
        self.confirm(id, answer);
    }

    /// A run that somebody wants something of is dormant no more.
    pub(super) fn rouse(&mut self, id: RunId) {
        if let Some(live) = self.runs.get_mut(&id).filter(|live| live.dormant) {
            live.dormant = false;
            self.resume(id);
        }
    }

    /// Tells a run that the process it was in has died. One that had ended goes on its way to the
    /// archive.
    fn resume(&mut self, id: RunId) {
        let now = self.now;
        self.out.urgency = Urgency::Now;
        self.decide(id, |live, step| live.run.recover(&live.workflow.plan, Vec::new(), now, step));
    }
}

/// Until when the key of a run is kept that is here.
pub(super) const FOREVER: crate::clock::Timestamp = crate::clock::Timestamp::from_micros(i64::MAX);

impl Live {
    /// A run that has not ended.
    pub(super) fn new(run: Run, workflow: Arc<Registered>, kept: Kept) -> Self {
        Self {
            run,
            workflow,
            waiters: Vec::new(),
            stage: Stage::Live,
            first: None,
            rewriting: false,
            kept,
            armed: false,
            dormant: false,
        }
    }
}
