//! A shard: hosts a part of all runs in memory and takes them from event to event.
//!
//! Owns the state of its runs. Everything that waits is handled as one batch: decide and apply, one
//! append for all, and the effects and answers of it only when that is durable. Its death is not
//! survived in memory: the engine stops and says why, and the next start recovers from the journal.

mod archive;
mod commit;
mod effects;
mod intake;
mod operate;
mod part;
mod recover;
mod start;
mod view;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use tokio::sync::oneshot;

pub(crate) use self::recover::{LogLength, Recovered};
pub(crate) use self::start::{Begun, Refusal, Start};

use self::intake::Out;
use self::part::Part;
use super::drain::{Drain, Draining};
use super::inbox::Inbox;
use super::queue::Job;
use super::shared::{Registered, Shared};
use crate::clock::Timestamp;
use crate::dead_letter::FailedDispatch;
use crate::guard::guarded;
use crate::id::{DefinitionHash, EntityId, RunId, Seq};
use crate::journal::{Appended, Damaged, Fence, KeyEntry, LetterId, RunSummary, Tail, Urgency};
use crate::payload::Payload;
use crate::run::{Decision, Failure, Input, RetryFrom, Run, RunHistory, RunState};
use crate::stored;

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
    /// How batches went, by the places of their shards; handed over in this life of the journal.
    Committed(u64, Vec<(usize, Appended)>),
    /// The journal is well again: append anew what failed.
    Reappend,
    /// The shards that are this actor's, and where their logs end: the first request of all.
    Own(Vec<(Fence, Tail)>),
    /// Recovered runs, at the start.
    Adopt(Vec<Recovered>, LogLength),
    /// Runs that the log does not give back as a whole, at the start.
    SetAside(Vec<Damaged>),
    /// Say again which timers are owed.
    OweTimers,
    /// Hand over again which evaluations are owed.
    OweEvaluations,
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
    Replay(FailedDispatch, Option<Payload>, Answer),
    /// Delete a dead letter.
    DropLetter(FailedDispatch, Box<str>, Answer),
    /// Go on moving ended runs to the archive, as every drain does.
    Archive,
    /// Write old runs anew: the log has become long.
    Rewrite,
    /// These archived runs are not kept any longer.
    Delete(Vec<RunId>),
    /// This dead letter is not kept any longer.
    DeleteLetter(LetterId),
    /// These keys have expired.
    DeleteKeys(Vec<EntityId>),
    /// These versions are not needed any longer.
    DeleteDefinitions(Vec<DefinitionHash>),
    /// Let a dormant run go on.
    Resume(RunId, Answer),
    /// The rules of this run panic: a test asks for it.
    Break(RunId),
    /// Answer when nothing waits for the journal any more.
    Flush(oneshot::Sender<()>),
}

/// A run as it is.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) history: RunHistory,
    pub(crate) summary: RunSummary,
}

/// Where a run in memory stands on its way to the archive.
#[derive(Debug)]
pub(super) enum Stage {
    /// It has not ended, or its end is not durable yet.
    Live,
    /// It has ended so, durably.
    Ended(Box<Ended>),
    /// So too, and it has been handed over to the archive. What happens to it now takes it out of
    /// there again.
    Archiving(Box<Ended>, Seq),
    /// It was fetched out of the archive, and is there still.
    Archived(Box<Ended>),
}

impl Stage {
    /// Whether the archive has the run, or will with a batch on its way.
    fn is_archived(&self) -> bool {
        match self {
            Self::Live | Self::Ended(_) => false,
            Self::Archiving(..) | Self::Archived(_) => true,
        }
    }
}

/// How much of a run is durable: all of it, or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// Nothing of it is written.
    Nowhere,
    /// All; effects and answers may come before, as long as the disk is quick.
    Relaxed,
    /// All; effects and answers wait for it.
    Strict,
}

impl Kept {
    /// Whether anything of the run goes to the journal.
    pub(super) fn is_durable(self) -> bool {
        match self {
            Self::Nowhere => false,
            Self::Relaxed | Self::Strict => true,
        }
    }
}

/// A run in memory.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) run: Run,
    pub(super) workflow: Arc<Registered>,
    pub(super) waiters: Vec<oneshot::Sender<Ended>>,
    pub(super) stage: Stage,
    /// The first record that still matters; `None` until it is durable.
    pub(super) first: Option<Seq>,
    /// Whether it is being written anew, so that its old records are not needed any more.
    pub(super) rewriting: bool,
    pub(super) kept: Kept,
    /// Whether a timer was ever armed.
    pub(super) armed: bool,
    /// Whether it stays as it is until somebody resumes it.
    pub(super) dormant: bool,
}

/// The runs of a shard.
pub(super) type Runs = HashMap<RunId, Box<Live>, super::hash::ByLastBytes>;

pub(crate) struct State {
    pub(super) shared: Arc<Shared>,
    pub(super) inbox: Arc<Inbox<Request>>,
    pub(super) runs: Runs,
    /// The keys of the runs that are here.
    pub(super) keys: HashMap<EntityId, KeyEntry>,
    /// The data shards that are this actor's.
    pub(super) parts: Vec<Part>,
    /// Those that this drain has touched.
    pub(super) touched: Vec<usize>,
    /// What this drain has decided.
    pub(super) out: Out,
    /// How often the journal has come back.
    pub(super) life: u64,
    /// Whether the journal has failed and not recovered.
    pub(super) stalled: bool,
    /// The last [`Journal::pressure`](crate::journal::Journal::pressure) that was heeded.
    pub(super) pressure: u64,
    /// Whether there may be relaxed runs.
    pub(super) relaxed: bool,
    /// Ended runs that are not in the archive yet.
    pub(super) ended: VecDeque<RunId>,
    /// Ended runs that nothing keeps durably and that are still known.
    pub(super) volatile: VecDeque<RunId>,
    pub(super) flushes: Vec<oneshot::Sender<()>>,
    /// The time of this drain.
    pub(super) now: Timestamp,
    /// Memory for one decision.
    pub(super) step: Decision,
}

impl State {
    /// The state of a shard without runs, beside its inbox.
    pub(crate) fn of(shared: &Arc<Shared>, index: usize) -> Draining<Self> {
        let inbox = Arc::clone(&shared.shards[index]);
        let state = Self {
            out: Out::new(shared.queues.len()),
            shared: Arc::clone(shared),
            inbox: Arc::clone(&inbox),
            runs: HashMap::default(),
            keys: HashMap::new(),
            parts: Vec::new(),
            touched: Vec::new(),
            life: 0,
            stalled: false,
            pressure: 0,
            relaxed: false,
            ended: VecDeque::new(),
            volatile: VecDeque::new(),
            flushes: Vec::new(),
            now: Timestamp::default(),
            step: Decision::default(),
        };
        Draining::new(state, inbox)
    }

    /// The place of an entity's shard among those that are this actor's.
    pub(super) fn place(&self, id: impl Into<EntityId>) -> usize {
        place(&self.shared, id)
    }

    fn handle(&mut self, request: Request) {
        match request {
            Request::Start(start) => self.start(*start),
            Request::Input(run, input) => self.input(run, &input),
            Request::RecordStart(job, at) => self.record_start(*job, at),
            Request::Committed(life, results) => self.committed(life, results),
            Request::Reappend => self.reappend(),
            Request::Own(shards) => self.own(shards),
            Request::Adopt(runs, length) => self.adopt(runs, length),
            Request::SetAside(runs) => self.set_all_aside(runs),
            Request::OweTimers => self.owe_timers(),
            Request::OweEvaluations => self.owe_evaluations(),
            Request::Watch(run, reply) => self.watch(run, reply),
            Request::Look(run, reply) => self.look(run, reply),
            Request::Count(reply) => self.count(reply),
            Request::Summaries(reply) => self.summaries(reply),
            Request::Cancel(run, reason, answer) => self.cancel(run, reason, answer),
            Request::Retry(run, from, answer) => self.retry(run, from, answer),
            Request::Replay(failed, input, answer) => self.replay(failed, input, answer),
            Request::DropLetter(failed, reason, answer) => {
                self.drop_letter(failed, reason, answer);
            }
            Request::Resume(run, answer) => self.wake(run, answer),
            Request::Archive => {}
            Request::Rewrite => self.rewrite_oldest(),
            Request::Delete(runs) => self.delete(runs),
            Request::DeleteLetter(id) => self.delete_letter(id),
            Request::DeleteKeys(keys) => self.delete_keys(keys),
            Request::DeleteDefinitions(hashes) => self.delete_definitions(hashes),
            Request::Break(run) => self.decide(run, |_, _| panic!("a test asked for it")),
            Request::Flush(reply) => self.flushes.push(reply),
        }
    }

    /// Takes a run one input further.
    pub(super) fn input(&mut self, id: RunId, input: &Input) {
        if !matches!(input, Input::Started { .. }) {
            self.out.urgency = Urgency::Now;
        }
        let now = self.now;
        let rule = |live: &mut Live, step: &mut Decision| {
            live.run.advance(&live.workflow.plan, input, now, step);
        };
        match input {
            // Once a run has ended, nothing changes it that a worker or a timer still says: it need
            // not be written down for each.
            Input::Started { .. }
            | Input::Finished { .. }
            | Input::Due(_)
            | Input::Interrupted { .. }
            | Input::Evaluated { .. } => {
                self.decide_if(id, |live| live.run.ended().is_none(), rule);
            }
            Input::Settle
            | Input::Cancel { .. }
            | Input::Died { .. }
            | Input::Retry(_)
            | Input::Replay { .. }
            | Input::GiveUp { .. } => self.decide(id, rule),
        }
    }

    /// Decides something about a run, and collects what comes of it. A run whose rules panic is set
    /// aside.
    pub(super) fn decide(&mut self, id: RunId, rule: impl FnOnce(&mut Live, &mut Decision)) {
        self.decide_if(id, |_| true, rule);
    }

    fn decide_if(
        &mut self,
        id: RunId,
        heeds: impl FnOnce(&Live) -> bool,
        rule: impl FnOnce(&mut Live, &mut Decision),
    ) {
        let mut step = std::mem::take(&mut self.step);
        step.clear();
        let decided = guarded(|| {
            let (runs, mut intake) = self.split();
            let live = runs.get_mut(&id).filter(|live| !live.dormant && heeds(live));
            let Some(live) = live else { return };
            let archived = live.stage.is_archived().then(|| stored::encode_run(&live.run));
            rule(live, &mut step);
            intake.collect((id, live), &step, archived);
        });
        self.step = step;
        if let Err(reason) = decided {
            self.set_aside(id, &reason);
        }
    }

    /// Hands over, acts and answers, in this order.
    fn finish_drain(&mut self) {
        self.move_to_archive();
        self.append();
        self.perform_free();
        for (queue, jobs) in self.shared.queues.iter().zip(&mut self.out.to_queues) {
            queue.push(jobs);
        }
        for queue in self.out.rooms.drain(..) {
            self.shared.queues[queue].unreserve();
        }
        if !self.ended.is_empty() && !self.stalled {
            // Bulk work: after what is already waiting.
            self.inbox.send(Request::Archive);
        }
        if !self.flushes.is_empty() && self.ended.is_empty() && !self.is_pending() {
            for reply in self.flushes.drain(..) {
                let _ = reply.send(()); // who asked may have gone
            }
        }
    }

    /// Whether anything waits for the journal.
    fn is_pending(&self) -> bool {
        self.parts.iter().any(|part| !part.pending.is_empty())
    }
}

/// The place of an entity's shard among those of its actor.
fn place(shared: &Shared, id: impl Into<EntityId>) -> usize {
    id.into().shard().index() / shared.shards.len()
}

impl Drain for State {
    type Request = Request;

    fn drain(&mut self, requests: &mut Vec<Request>) {
        self.open_drain();
        for (count, request) in requests.drain(..).enumerate() {
            if count % REQUESTS_MAX == REQUESTS_MAX - 1 {
                self.finish_drain();
                self.open_drain();
            }
            self.handle(request);
        }
        self.finish_drain();
    }
}
