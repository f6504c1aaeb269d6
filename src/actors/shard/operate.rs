//! What operators ask of runs: look, wait, cancel, retry, replay, drop.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::commit::Release;
use super::effects::ended;
use super::{Answer, Ended, Live, Look, Request, Revived, State};
use crate::clock::Timestamp;
use crate::dead_letter::DeadLetterId;
use crate::definition::Durability;
use crate::id::RunId;
use crate::journal::{Record, RecordKind, Write, codec};
use crate::payload::Payload;
use crate::run::{Input, RetryFrom, Unit};

impl State {
    pub(super) fn watch(
        &mut self,
        id: RunId,
        reply: oneshot::Sender<Option<oneshot::Receiver<Ended>>>,
    ) {
        drop(reply.send(self.runs.get_mut(&id).map(|live| listen(live))));
    }

    pub(super) fn look(&self, id: RunId, reply: oneshot::Sender<Option<Box<Look>>>) {
        let look = self.runs.get(&id).map(|live| {
            Box::new(Look {
                history: live.run.history(&live.workflow.plan),
                summary: live.run.summary(),
            })
        });
        drop(reply.send(look));
    }

    pub(super) fn count(&self, reply: oneshot::Sender<usize>) {
        let _ = reply.send(self.runs.len()); // who asked may have gone
    }

    pub(super) fn summaries(&self, reply: oneshot::Sender<Vec<crate::journal::RunSummary>>) {
        drop(reply.send(self.runs.values().map(|live| live.run.summary()).collect()));
    }

    pub(super) fn cancel(&mut self, id: RunId, reason: Box<str>, answer: Answer, now: Timestamp) {
        let Some(live) = self.runs.get_mut(&id).filter(|live| !live.run.state().is_end()) else {
            return drop(answer.send(Err(self.why_not_here(id))));
        };
        live.dormant = false;
        self.audit(now, format!("cancel {id}: {reason}"));
        self.input(id, &Input::Cancel { reason }, now);
        self.confirm(answer);
    }

    pub(super) fn retry(&mut self, id: RunId, from: RetryFrom, answer: Answer, now: Timestamp) {
        if let Some(live) = self.runs.get(&id).filter(|live| !may_retry(live.run.state())) {
            let state = live.run.state().as_str();
            return drop(answer.send(Err(format!("run {id} has not ended: it is {state}"))));
        }
        let again = |answer| Request::Retry(id, from.clone(), answer);
        let Some(answer) = self.present(id, answer, again) else { return };
        self.rouse(id, now);
        self.audit(now, format!("retry {id} from {from:?}"));
        self.input(id, &Input::Retry(from), now);
        self.confirm(answer);
    }

    pub(super) fn replay(
        &mut self,
        id: RunId,
        unit: Unit,
        (input, answer): (Option<Payload>, Answer),
        now: Timestamp,
    ) {
        let kept = input.clone();
        let again = |answer| Request::Replay(id, unit, kept, answer);
        let Some(answer) = self.present(id, answer, again) else { return };
        self.rouse(id, now);
        let edited = if input.is_some() { " with an edited input" } else { "" };
        self.audit(now, format!("replay {} of {id}{edited}", DeadLetterId::of(id, unit)));
        self.input(id, &Input::Replay { unit, input }, now);
        self.confirm(answer);
    }

    /// Deletes a dead letter; a parked unit has failed for good with that.
    pub(super) fn drop_letter(
        &mut self,
        run: RunId,
        unit: Unit,
        (reason, answer): (Box<str>, Answer),
        now: Timestamp,
    ) {
        let id = DeadLetterId::of(run, unit);
        self.rouse(run, now);
        self.audit(now, format!("drop dead letter {id} of {run}: {reason}"));
        self.input(run, &Input::GiveUp { unit, reason }, now);
        let release = self.out.exhume(id);
        self.out.gated.push(release);
        self.confirm(answer);
    }

    /// Answers once the drain is durable.
    pub(super) fn confirm(&mut self, answer: Answer) {
        self.out.gated.push(Release::Reply(Box::new(move || drop(answer.send(Ok(()))))));
    }

    /// Sees to it that a run is in memory. One that is in the archive is fetched, and the request
    /// comes again with it.
    fn present(
        &mut self,
        id: RunId,
        answer: Answer,
        again: impl FnOnce(Answer) -> Request,
    ) -> Option<Answer> {
        if self.runs.contains_key(&id) {
            return Some(answer);
        }
        match self.fetch(id) {
            Ok((run, workflow)) => {
                let then = again(answer);
                self.inbox.send(Request::Revived(Box::new(Revived { id, run, workflow, then })));
            }
            Err(why) => drop(answer.send(Err(why))),
        }
        None
    }

    /// Why nothing of a run can be ended.
    fn why_not_here(&self, id: RunId) -> String {
        let live = self.runs.get(&id).map(|live| live.run.state());
        let archived = || self.shared.journal.archived(id).ok().flatten();
        match live.or_else(|| archived().map(|(summary, _)| summary.state)) {
            Some(state) => format!("run {id} has ended: it is {}", state.as_str()),
            None => format!("there is no run {id}"),
        }
    }

    /// Reads an archived run; one read, on the operator's account.
    fn fetch(&self, id: RunId) -> Result<(crate::run::Run, Arc<super::Registered>), String> {
        let archived = self.shared.journal.archived(id).map_err(|error| error.to_string())?;
        let (summary, state) = archived.ok_or_else(|| format!("there is no run {id}"))?;
        let run = codec::decode_run(&state).map_err(|error| error.to_string())?;
        let workflow = self.shared.workflow_of(summary.definition);
        Ok((run, workflow.ok_or_else(|| format!("the definition of run {id} is missing"))?))
    }

    /// An archived run is here again: its whole state goes into the log first.
    pub(super) fn revived(&mut self, revived: Revived) {
        let Revived { id, run, workflow, then } = revived;
        if !self.runs.contains_key(&id) {
            let body = codec::encode_run(&run);
            let durability = workflow.plan.durability.unwrap_or(self.shared.durability);
            let live = Live {
                run,
                workflow,
                waiters: Vec::new(),
                first: None,
                durability,
                armed: false,
                dormant: false,
            };
            self.runs.insert(id, Box::new(live));
            self.out.batch.writes.push(Write::Unarchive { run: id });
            if self.shared.logged && durability != Durability::Memory {
                self.base(id);
                self.out.batch.records.push(Record { run: id, kind: RecordKind::Snapshot, body });
            }
        }
        self.handle(then);
        if self.runs.get(&id).is_some_and(|live| live.run.state().is_end()) {
            // It was not started again after all.
            self.ended.push_back(id);
        }
    }
}

/// A way to hear of the run's end; at once, if it has ended.
pub(super) fn listen(live: &mut Live) -> oneshot::Receiver<Ended> {
    let (told, hear) = oneshot::channel();
    if live.run.state().is_end() {
        drop(told.send(ended(live)));
    } else {
        live.waiters.retain(|waiter| !waiter.is_closed());
        live.waiters.push(told);
    }
    hear
}

fn may_retry(state: crate::run::RunState) -> bool {
    state.is_end() || state == crate::run::RunState::Parked
}
