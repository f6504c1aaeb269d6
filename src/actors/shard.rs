//! A shard: hosts a part of all runs in memory and takes them from event to event.
//!
//! Owns the state of its runs. Everything that waits is handled as one batch: decide and apply, one
//! append for all, and the effects and answers of it only when that is durable. Its death is not
//! survived in memory: the engine stops and says why, and the next start recovers from the journal.

mod commit;
mod effects;
mod operate;
mod recover;
mod start;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;

pub(crate) use self::recover::Recovered;
pub(crate) use self::start::{Begun, Refusal, Start};

use self::commit::{Out, Pending, Round};
use super::inbox::Inbox;
use super::queue::Job;
use super::shared::{Registered, Shared};
use crate::clock::Timestamp;
use crate::definition::Durability;
use crate::id::{Lsn, RunId};
use crate::journal::{JournalError, KeyEntry, RunSummary};
use crate::payload::Payload;
use crate::run::{Failure, Input, RetryFrom, Run, RunHistory, RunState, Step, Unit};

/// After so many requests a shard decides no more before it appends.
const REQUESTS_MAX: usize = 4_096;

/// How a run ended, for those who wait.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ended {
    pub(crate) state: RunState,
    pub(crate) output: Payload,
    pub(crate) failure: Option<Box<Failure>>,
}

/// Answers an operator: done, or why not.
pub(crate) type Answer = oneshot::Sender<Result<(), String>>;

/// What a shard is asked.
#[derive(Debug)]
pub(crate) enum Request {
    /// A new run.
    Start(Box<Start>),
    /// What a worker or timer has to say of a run.
    Input(RunId, Input),
    /// The start of an attempt must be durable before its handler runs.
    RecordStart(Box<Job>, Timestamp),
    /// A batch is durable, or will not be.
    Committed(u64, Result<Lsn, JournalError>),
    /// The journal is well again: append anew what failed.
    Reappend,
    /// Recovered runs, at the start.
    Adopt(Vec<Recovered>),
    /// Keys of runs that have left the log, at the start.
    Keys(Vec<(Box<str>, KeyEntry)>),
    /// Say again which timers are owed.
    OweTimers,
    /// Tell when the run ends; `None` if it is not here.
    Watch(RunId, oneshot::Sender<Option<oneshot::Receiver<Ended>>>),
    /// The state of a run that is here.
    Look(RunId, oneshot::Sender<Option<Box<Look>>>),
    /// How many runs are here.
    Count(oneshot::Sender<usize>),
    /// The runs that are here.
    Summaries(oneshot::Sender<Vec<RunSummary>>),
    /// End the run.
    Cancel(RunId, Box<str>, Answer),
    /// Run again what failed, or more.
    Retry(RunId, RetryFrom, Answer),
    /// Run a dead letter again.
    Replay(RunId, Unit, Option<Payload>, Answer),
    /// Delete a dead letter.
    DropLetter(RunId, Unit, Box<str>, Answer),
    /// An archived run is wanted back; it is here now, and the request can be carried out.
    Revived(Box<Revived>),
    /// Go on moving ended runs to the archive, as every drain does.
    Archive,
    /// Let a dormant run go on.
    Resume(RunId, Answer),
    /// Answer when nothing waits for the journal any more.
    Flush(oneshot::Sender<()>),
}

/// A run as it is.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) history: RunHistory,
    pub(crate) summary: RunSummary,
}

/// A run out of the archive and what is to be done with it.
#[derive(Debug)]
pub(crate) struct Revived {
    pub(crate) id: RunId,
    pub(crate) run: Run,
    pub(crate) workflow: Arc<Registered>,
    pub(crate) then: Request,
}

/// A run in memory.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) run: Run,
    pub(super) workflow: Arc<Registered>,
    pub(super) waiters: Vec<oneshot::Sender<Ended>>,
    /// The first record that still matters; `None` until it is durable.
    pub(super) first: Option<Lsn>,
    pub(super) durability: Durability,
    /// Whether a timer was ever armed.
    pub(super) armed: bool,
    /// Whether it stays as it is until somebody resumes it.
    pub(super) dormant: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Msg {
    /// Something waits in the inbox.
    Drain,
}

pub(super) struct State {
    pub(super) shared: Arc<Shared>,
    pub(super) inbox: Arc<Inbox<Request>>,
    pub(super) index: usize,
    taken: Vec<Request>,
    pub(super) runs: HashMap<RunId, Box<Live>, super::hash::ByLastBytes>,
    pub(super) keys: HashMap<Box<str>, KeyEntry>,
    /// The oldest records needed, with entries that may be stale.
    pub(super) needed: BinaryHeap<Reverse<(Lsn, RunId)>>,
    /// What this drain has decided.
    pub(super) out: Out,
    /// Batches on their way, oldest first.
    pub(super) pending: VecDeque<Pending>,
    pub(super) tickets: u64,
    /// The record after the last one that is known to be durable.
    pub(super) durable_to: Lsn,
    /// Whether the journal has failed and not recovered.
    pub(super) stalled: bool,
    /// Ended runs that are not in the archive yet; without a log, those that are still known.
    pub(super) ended: VecDeque<RunId>,
    pub(super) flushes: Vec<oneshot::Sender<()>>,
    /// The time of this drain.
    pub(super) now: Timestamp,
    /// Memory for one decision.
    pub(super) step: Step,
}

impl State {
    fn drain(&mut self, myself: &ActorRef<Msg>) {
        let mut taken = std::mem::take(&mut self.taken);
        self.inbox.take(&mut taken);
        self.now = self.shared.clock.now();
        for (count, request) in taken.drain(..).enumerate() {
            if count % REQUESTS_MAX == REQUESTS_MAX - 1 {
                self.finish_drain();
                self.now = self.shared.clock.now();
            }
            self.handle(request);
        }
        self.taken = taken;
        self.finish_drain();
        if self.inbox.go_on() {
            drop(myself.cast(Msg::Drain));
        }
    }

    fn handle(&mut self, request: Request) {
        let now = self.now;
        match request {
            Request::Start(start) => self.start(*start, now),
            Request::Input(run, input) => self.input(run, &input, now),
            Request::RecordStart(job, at) => self.record_start(*job, at, now),
            Request::Committed(ticket, result) => self.committed(ticket, result),
            Request::Reappend => self.reappend(),
            Request::Adopt(runs) => self.adopt(runs, now),
            Request::Keys(keys) => self.keys.extend(keys),
            Request::OweTimers => self.owe_timers(),
            Request::Watch(run, reply) => self.watch(run, reply),
            Request::Look(run, reply) => self.look(run, reply),
            Request::Count(reply) => self.count(reply),
            Request::Summaries(reply) => self.summaries(reply),
            Request::Cancel(run, reason, answer) => self.cancel(run, reason, answer, now),
            Request::Retry(run, from, answer) => self.retry(run, from, answer, now),
            Request::Replay(run, unit, input, answer) => {
                self.replay(run, unit, (input, answer), now);
            }
            Request::DropLetter(run, unit, reason, answer) => {
                self.drop_letter(run, unit, (reason, answer), now);
            }
            Request::Revived(revived) => self.revived(*revived),
            Request::Resume(run, answer) => self.wake(run, answer, now),
            Request::Archive => {}
            Request::Flush(reply) => self.flushes.push(reply),
        }
    }

    /// Takes a run one input further.
    pub(super) fn input(&mut self, id: RunId, input: &Input, now: Timestamp) {
        let Some(live) = self.runs.get_mut(&id) else { return };
        if live.dormant {
            return;
        }
        let mut step = std::mem::take(&mut self.step);
        step.clear();
        live.run.advance(&live.workflow.plan, input, now, &mut step);
        self.out.urgent |= !matches!(input, Input::Started { .. });
        self.out.collect(Round { shared: &self.shared, id, live, now }, &step);
        self.step = step;
    }

    /// Hands over, acts and answers, in this order.
    fn finish_drain(&mut self) {
        self.move_to_archive();
        self.snapshot_oldest();
        self.append();
        self.perform_free();
        for (queue, jobs) in self.shared.queues.iter().zip(&mut self.out.to_queues) {
            queue.push(jobs);
        }
        if self.shared.logged && !self.ended.is_empty() {
            // Bulk work: after what is already waiting.
            self.inbox.send(Request::Archive);
        }
        if self.pending.is_empty() && (self.ended.is_empty() || !self.shared.logged) {
            for reply in self.flushes.drain(..) {
                let _ = reply.send(()); // who asked may have gone
            }
        }
    }
}

pub(super) struct ShardActor;

impl Actor for ShardActor {
    type Msg = Msg;
    type State = State;
    type Arguments = (Arc<Shared>, usize);

    async fn pre_start(
        &self,
        myself: ActorRef<Msg>,
        (shared, index): Self::Arguments,
    ) -> Result<State, ActorProcessingErr> {
        let inbox = Arc::clone(&shared.shards[index]);
        inbox.attach(move || drop(myself.cast(Msg::Drain)));
        Ok(State {
            out: Out::new(shared.queues.len()),
            shared,
            inbox,
            index,
            taken: Vec::new(),
            runs: HashMap::default(),
            keys: HashMap::new(),
            needed: BinaryHeap::new(),
            pending: VecDeque::new(),
            tickets: 0,
            durable_to: Lsn(0),
            stalled: false,
            ended: VecDeque::new(),
            flushes: Vec::new(),
            now: Timestamp::default(),
            step: Step::default(),
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Msg>,
        message: Msg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Msg::Drain => state.drain(&myself),
        }
        Ok(())
    }
}
