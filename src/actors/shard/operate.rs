//! What operators ask of runs: cancel, retry, replay, drop.

use super::effects::ended;
use super::intake::Release;
use super::{Answer, Kept, Live, Stage, State};
use crate::dead_letter::FailedDispatch;
use crate::definition::Durability;
use crate::id::RunId;
use crate::journal::{KeyEntry, LetterId, Urgency};
use crate::payload::Payload;
use crate::run::{Accepted, Input, RetryFrom, Run, RunState};
use crate::stored;

impl State {
    pub(super) fn cancel(&mut self, id: RunId, reason: Box<str>, answer: Answer) {
        let Some(live) = self.runs.get_mut(&id).filter(|live| !live.run.state().is_end()) else {
            let why = self.why_not_here(id);
            return self.refuse(id, answer, why);
        };
        live.dormant = false;
        self.audit(id, format!("cancel {id}: {reason}"));
        self.input(id, &Input::Cancel { reason });
        self.confirm(id, answer);
    }

    pub(super) fn retry(&mut self, id: RunId, from: RetryFrom, answer: Answer) {
        if let Some(live) = self.runs.get(&id).filter(|live| !may_retry(live.run.state())) {
            let state = live.run.state().as_str();
            return self.refuse(id, answer, format!("run {id} has not ended: it is {state}"));
        }
        if let Err(why) = self.fetch(id) {
            return self.refuse(id, answer, why);
        }
        let retries = |live: &Live| live.run.retries(&live.workflow.plan, from, self.now);
        if !self.runs.get(&id).is_some_and(|live| retries(live)) {
            self.put_back(id);
            return self.refuse(id, answer, format!("run {id} has nothing to retry: it succeeded"));
        }
        self.rouse(id);
        self.audit(id, format!("retry {id} from {from:?}"));
        self.input(id, &Input::Retry(from));
        self.settle(id);
        self.confirm(id, answer);
    }

    pub(super) fn replay(
        &mut self,
        failed: FailedDispatch,
        input: Option<Payload>,
        answer: Answer,
    ) {
        let (id, unit) = (failed.run, failed.unit);
        if let Err(why) = self.fetch(id) {
            return self.refuse(id, answer, why);
        }
        let stands =
            |live: &Live| live.run.has_letter_of(&live.workflow.plan, unit, failed.dispatch);
        if !self.runs.get(&id).is_some_and(|live| stands(live)) {
            self.put_back(id);
            let letter = failed.letter();
            let why = format!("dead letter {letter} is settled: run {id} has gone on since");
            return self.refuse(id, answer, why);
        }
        self.rouse(id);
        let edited = if input.is_some() { " with an edited input" } else { "" };
        self.audit(id, format!("replay {} of {id}{edited}", failed.letter()));
        self.input(id, &Input::Replay { unit, input });
        self.settle(id);
        self.confirm(id, answer);
    }

    /// A run that was fetched from the archive is live again, and holds its key as long as it is,
    /// unless the key was over; or it goes back.
    fn settle(&mut self, id: RunId) {
        self.put_back(id);
        let Some(live) = self.runs.get(&id).filter(|live| live.kept.is_durable()) else { return };
        let Some((key, _)) = super::start::key_of(live.run.accepted()) else { return };
        if self.keys.contains_key(&key) {
            return;
        }
        let kept = self.shared.journal.key(key).ok().flatten();
        if let Some(entry) = kept.filter(|entry| entry.run == id && entry.until > self.now) {
            self.keys.insert(key, KeyEntry { until: super::recover::FOREVER, ..entry });
        }
    }

    /// Deletes a dead letter; a parked unit has failed for good with that.
    pub(super) fn drop_letter(&mut self, failed: FailedDispatch, reason: Box<str>, answer: Answer) {
        let FailedDispatch { run, unit, dispatch } = failed;
        let id = failed.letter();
        self.rouse(run);
        self.audit(run, format!("drop dead letter {id} of {run}: {reason}"));
        self.input(run, &Input::GiveUp { unit, reason });
        let kept =
            self.runs.get(&run).is_none_or(|live| live.kept.is_durable()) || !self.shared.logged;
        let part = self.part(run);
        if kept {
            part.batch.letter(LetterId { run, dispatch }, None);
        }
        part.gated.push(Release::RemoveDeadLetter(id));
        self.confirm(run, answer);
    }

    /// Answers once all that was decided about the run is durable.
    pub(super) fn confirm(&mut self, id: RunId, answer: Answer) {
        self.out.urgency = Urgency::Now;
        self.after_landing(id, Release::Reply(Box::new(move || drop(answer.send(Ok(()))))));
    }

    /// Says why not, once what that says of the run is durable.
    pub(super) fn refuse(&mut self, id: RunId, answer: Answer, why: String) {
        self.after_landing(id, Release::Reply(Box::new(move || drop(answer.send(Err(why))))));
    }

    /// Why nothing can be done with a run that is not here, or has ended.
    fn why_not_here(&self, id: RunId) -> String {
        let live = self.runs.get(&id).map(|live| live.run.state());
        let archived = || self.shared.journal.archived(id).ok().flatten();
        match live.or_else(|| archived().map(|(summary, _)| summary.state)) {
            Some(state) => format!("run {id} has ended: it is {}", state.as_str()),
            None => match self.shared.journal.damaged_run(id) {
                Ok(Some(damaged)) => format!("run {id} is set aside: {}", damaged.reason),
                Ok(None) | Err(_) => format!("there is no run {id}"),
            },
        }
    }

    /// Sees to it that a run is in memory. One that is in the archive is read: one read, on the
    /// operator's account. It stays there until something happens to it.
    fn fetch(&mut self, id: RunId) -> Result<(), String> {
        if self.runs.contains_key(&id) {
            return Ok(());
        }
        let archived = self.shared.journal.archived(id).map_err(|error| error.to_string())?;
        let (summary, state) = archived.ok_or_else(|| self.why_not_here(id))?;
        let run: Run = stored::decode_run(&state).map_err(|error| error.to_string())?;
        let workflow = self.shared.workflow_of(summary.definition)?;
        let kept = self.kept(run.accepted());
        let mut live = Live::new(run, workflow, kept);
        live.stage = Stage::Archived(Box::new(ended(&live)));
        self.runs.insert(id, Box::new(live));
        Ok(())
    }

    /// How a run is kept that the journal has: as it was accepted.
    pub(super) fn kept(&mut self, accepted: &Accepted) -> Kept {
        match accepted.durability {
            Durability::Strict | Durability::Memory => Kept::Strict,
            Durability::Relaxed => {
                self.relaxed = true;
                Kept::Relaxed
            }
        }
    }
}

fn may_retry(state: RunState) -> bool {
    state.is_end() || state == RunState::Parked
}
