//! What is shown of runs: only what is durable. A question is answered with what is here now, once
//! that has landed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::oneshot;

use super::intake::Release;
use super::{Ended, Live, Look, Stage, State};
use crate::id::RunId;
use crate::journal::RunSummary;
use crate::sync::{Mutex, lock};

impl State {
    /// Who waits for the end of a run is told it, and no state before.
    pub(super) fn watch(
        &mut self,
        id: RunId,
        reply: oneshot::Sender<Option<oneshot::Receiver<Ended>>>,
    ) {
        let found = self.runs.get_mut(&id).map(|live| listen(live));
        self.after_landing(id, Release::Reply(Box::new(move || drop(reply.send(found)))));
    }

    pub(super) fn look(&mut self, id: RunId, reply: oneshot::Sender<Option<Box<Look>>>) {
        let look = self.runs.get(&id).map(|live| {
            Box::new(Look {
                history: live.run.history(&live.workflow.plan),
                summary: live.run.summary(),
            })
        });
        self.after_landing(id, Release::Reply(Box::new(move || drop(reply.send(look)))));
    }

    pub(super) fn count(&self, reply: oneshot::Sender<usize>) {
        let _ = reply.send(self.runs.len()); // who asked may have gone
    }

    /// The runs that are here, once what all shards have on its way has landed.
    pub(super) fn summaries(&mut self, reply: oneshot::Sender<Vec<RunSummary>>) {
        let runs = self.runs.values().map(|live| live.run.summary()).collect();
        let pending = |place: &usize| {
            let part = &self.parts[*place];
            part.is_pending() || !part.gated.is_empty()
        };
        let pending: Vec<_> = (0..self.parts.len()).filter(pending).collect();
        if pending.is_empty() {
            return drop(reply.send(runs));
        }
        let waiting = Arc::new(Waiting {
            left: AtomicUsize::new(pending.len()),
            answer: Mutex::new(Some((reply, runs))),
        });
        for place in pending {
            let waiting = Arc::clone(&waiting);
            self.touch(place).gated.push(Release::Reply(Box::new(move || waiting.landed())));
        }
    }
}

/// Who asked, and what is answered.
type Summaries = (oneshot::Sender<Vec<RunSummary>>, Vec<RunSummary>);

/// An answer that waits for many shards.
struct Waiting {
    left: AtomicUsize,
    answer: Mutex<Option<Summaries>>,
}

impl Waiting {
    fn landed(&self) {
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1
            && let Some((reply, runs)) = lock(&self.answer).take()
        {
            drop(reply.send(runs));
        }
    }
}

/// A way to hear of the run's end; at once, if it has ended durably.
pub(super) fn listen(live: &mut Live) -> oneshot::Receiver<Ended> {
    let (told, hear) = oneshot::channel();
    match &live.stage {
        Stage::Ended(ended) | Stage::Archiving(ended, _) | Stage::Archived(ended) => {
            drop(told.send(Ended::clone(ended)));
        }
        Stage::Live => {
            // Those that have gone are looked for when there are twice as many as then.
            if live.waiters.len() == live.waiters.capacity() {
                live.waiters.retain(|waiter| !waiter.is_closed());
                live.waiters.reserve(live.waiters.len().max(1));
            }
            live.waiters.push(told);
        }
    }
    hear
}
