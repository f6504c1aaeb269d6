//! From decisions to the journal and back: one append for a drain, effects after its commit.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use super::intake::{Intake, Release};
use super::part::{Part, Pending};
use super::{Request, Runs, State};
use crate::actors::hold::Hold;
use crate::id::{EntityId, RunId, Seq};
use crate::journal::{Appended, JournalError, Tail, Urgency};

/// What is answered of a relaxed run before it is durable is durable within this time.
const RELAXED_MAX: Duration = Duration::from_millis(10);

impl State {
    /// What a drain may answer early is found out once, at its start.
    pub(super) fn open_drain(&mut self) {
        self.now = self.shared.clock.now();
        let relaxed = self.relaxed && !self.stalled;
        self.out.room = if relaxed { self.shared.journal.room(RELAXED_MAX) } else { 0 };
    }

    /// The runs, and beside them what takes in the decisions about them.
    pub(super) fn split(&mut self) -> (&mut Runs, Intake<'_>) {
        let Self { shared, parts, touched, out, now, .. } = self;
        (&mut self.runs, Intake { shared, parts, touched, out, now: *now })
    }

    /// The shard of a run, to be changed.
    pub(super) fn part(&mut self, id: impl Into<EntityId>) -> &mut Part {
        self.touch(self.place(id))
    }

    /// The shard at a place, to be changed.
    pub(super) fn touch(&mut self, place: usize) -> &mut Part {
        let part = &mut self.parts[place];
        if !part.touched {
            part.touched = true;
            self.touched.push(place);
        }
        part
    }

    /// Does it once all that was decided about the shard of this run is durable.
    pub(super) fn after_landing(&mut self, id: RunId, release: Release) {
        self.part(id).gated.push(release);
    }

    /// Writes down who did what.
    pub(super) fn audit(&mut self, run: RunId, line: String) {
        let at = self.now;
        self.out.urgency = Urgency::Now;
        if self.runs.get(&run).is_none_or(|live| live.kept.is_durable()) || !self.shared.logged {
            self.part(run).batch.audit(run.into(), at, line.into());
        }
    }

    /// Hands the drain's batches to the journal, all at once.
    pub(super) fn append(&mut self) {
        let urgency = std::mem::replace(&mut self.out.urgency, Urgency::Lazy);
        let mut drain = Vec::with_capacity(self.touched.len());
        let mut places = Vec::with_capacity(self.touched.len());
        for place in std::mem::take(&mut self.touched) {
            let part = &mut self.parts[place];
            if part.fenced {
                part.fence_off();
                continue;
            }
            match part.take() {
                Ok(batch) => {
                    drain.push((part.fence, batch));
                    places.push(place);
                }
                Err(releases) => self.out.free.extend(releases),
            }
        }
        if drain.is_empty() {
            return;
        }
        if !self.shared.logged {
            // Nothing can fail and nothing waits.
            self.shared.journal.append(drain, urgency, Box::new(|_| ()));
            for place in places {
                let pending = std::mem::take(&mut self.parts[place].pending);
                self.out.free.extend(pending.into_iter().flat_map(|pending| pending.releases));
            }
        } else if !self.stalled {
            self.hand_over(drain, places, urgency);
        }
    }

    fn hand_over(&self, drain: crate::journal::Drain, places: Vec<usize>, urgency: Urgency) {
        let (inbox, life) = (Arc::clone(&self.inbox), self.life);
        let hold = Hold::new(&self.shared.clock);
        let done = move |results: Vec<Appended>| {
            let results = places.into_iter().zip(results).collect();
            inbox.send(Request::Committed(life, results));
            drop(hold);
        };
        self.shared.journal.append(drain, urgency, Box::new(done));
    }

    /// Batches are durable, or are not: what waited for those that are may happen.
    pub(super) fn committed(&mut self, life: u64, results: Vec<(usize, Appended)>) {
        let mut failed = None;
        for (place, result) in results {
            match result {
                Appended::Landed(first) => self.landed(place, first),
                Appended::Fenced => self.fenced(place),
                Appended::NotLanded(error) | Appended::Unknown(error) => failed = Some(error),
            }
        }
        if let Some(error) = failed.filter(|_| life == self.life) {
            self.stall(&error);
        }
        self.heed_pressure();
    }

    /// A batch is durable, and so is all of its shard before it.
    fn landed(&mut self, place: usize, first: Seq) {
        while let Some(pending) = self.parts[place].pending.front()
            && pending.batch.first() <= first
        {
            self.land_next(place);
        }
    }

    fn land_next(&mut self, place: usize) {
        let part = &mut self.parts[place];
        let Some(pending) = part.pending.pop_front() else { return };
        part.durable_to = Seq(pending.batch.tail().seq + 1);
        part.late &= !part.pending.is_empty();
        for (id, seq) in pending.based {
            if let Some(live) = self.runs.get_mut(&id) {
                live.first = Some(seq);
                live.rewriting = false;
                part.needed.push(Reverse((seq, id)));
            }
        }
        self.perform(pending.releases);
        self.tell_needs(place);
    }

    /// Says what of the shard's log is still needed, if that has changed.
    pub(super) fn tell_needs(&mut self, place: usize) {
        let oldest = self.oldest(place);
        let part = &mut self.parts[place];
        let needs =
            (oldest.map_or(part.durable_to, |oldest| oldest.min(part.durable_to)), part.live);
        if part.released != needs {
            part.released = needs;
            self.shared.journal.release(part.fence, needs.0, needs.1);
        }
    }

    /// The oldest record that a run of the shard still needs.
    pub(super) fn oldest(&mut self, place: usize) -> Option<Seq> {
        let leaving = first(&self.runs, &mut self.parts[place].leaving);
        let staying = self.oldest_staying(place);
        leaving.into_iter().chain(staying).min()
    }

    /// Of those records the oldest whose run is not being written anew.
    pub(super) fn oldest_staying(&mut self, place: usize) -> Option<Seq> {
        first(&self.runs, &mut self.parts[place].needed)
    }

    /// Another owner has the shard: what is known of it here is worth nothing.
    fn fenced(&mut self, place: usize) {
        tracing::error!(
            shard = place,
            "another process has taken a shard of this data folder over"
        );
        self.parts[place].fence_off();
        let gone: Vec<_> =
            self.runs.keys().copied().filter(|id| self.place(*id) == place).collect();
        for id in gone {
            self.runs.remove(&id);
            self.shared.timers.forget(id);
        }
    }

    /// The journal has failed: nothing is released until it is well again.
    fn stall(&mut self, error: &JournalError) {
        self.stalled = true;
        self.shared.health.degrade(error.to_string());
        self.shared.journal_failed();
    }

    /// The journal is well again: what is there has landed, the rest is appended anew, in the same
    /// order.
    pub(super) fn reappend(&mut self) {
        if !std::mem::take(&mut self.stalled) {
            return;
        }
        self.life += 1;
        for place in 0..self.parts.len() {
            let tail = self.shared.journal.tail(self.parts[place].fence.shard);
            self.resolve(place, tail);
        }
        let rounds = self.parts.iter().map(|part| part.pending.len()).max().unwrap_or(0);
        for round in 0..rounds {
            let (mut drain, mut places) = (Vec::new(), Vec::new());
            for (place, part) in self.parts.iter().enumerate() {
                if let Some(pending) = part.pending.get(round) {
                    drain.push((part.fence, Arc::clone(&pending.batch)));
                    places.push(place);
                }
            }
            self.hand_over(drain, places, Urgency::Now);
        }
    }

    /// Lets land what is in the log up to `tail`: by number and chain, since another owner may have
    /// written at the same numbers.
    fn resolve(&mut self, place: usize, tail: Tail) {
        let is_last = |pending: &Pending| pending.batch.tail() == tail;
        let last = self.parts[place].pending.iter().position(is_last);
        for _ in 0..last.map_or(0, |last| last + 1) {
            self.land_next(place);
        }
    }

    pub(super) fn perform_free(&mut self) {
        while !self.out.free.is_empty() {
            let free = std::mem::take(&mut self.out.free);
            self.perform(free);
        }
    }
}

/// The first record that a run still needs; what is stale before it goes.
fn first(runs: &Runs, needed: &mut BinaryHeap<Reverse<(Seq, RunId)>>) -> Option<Seq> {
    while let Some(Reverse((seq, id))) = needed.peek() {
        if runs.get(id).is_some_and(|live| live.first == Some(*seq)) {
            return Some(*seq);
        }
        needed.pop();
    }
    None
}
