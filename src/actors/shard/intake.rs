//! What takes the decisions of a drain in: into the batch of the run's shard, and into what is released
//! once that is durable.

use bytes::Bytes;

use super::part::Part;
use super::{Ended, Kept, Live, Stage, place};
use crate::actors::desk::AttemptKey;
use crate::actors::evaluator::EvaluationJob;
use crate::actors::queue::{Job, StartRecord};
use crate::actors::shared::Shared;
use crate::clock::Timestamp;
use crate::dead_letter::{DeadLetter, DeadLetterId};
use crate::id::{RunId, Seq};
use crate::journal::{LetterId, Urgency};
use crate::run::{Decision, Effect, Event, ItemPath, Timer, Unit};
use crate::stored;

/// What may happen once its cause is durable.
pub(crate) enum Release {
    /// A job for a queue.
    Ready(usize, Job),
    /// Wake the run.
    Arm(RunId, Timer, Timestamp),
    /// Evaluate what takes long.
    Evaluate(Box<EvaluationJob>),
    /// Stop an attempt, which a queue or its workers have.
    Abort(usize, AttemptKey),
    /// The run has ended so.
    End(RunId, Box<Ended>),
    /// Tell the queue's dead letter actor.
    AddDeadLetter(usize, Box<DeadLetter>),
    /// As `AddDeadLetter`, when it is settled.
    RemoveDeadLetter(DeadLetterId),
    /// Answer who asked.
    Reply(Box<dyn FnOnce() + Send>),
    /// Give the room back that a run had in a queue until its first job was there.
    Room(usize),
    /// Tell those who listen.
    Publish(RunId, Box<(ItemPath, Event)>),
    /// The run stands in the archive.
    Forget(RunId, Seq),
    /// Delete what is left of a run that is not kept any longer.
    Erase(RunId),
}

/// One decision of one run, at its time.
#[derive(Clone, Copy)]
pub(in crate::actors) struct Round<'a> {
    pub(super) shared: &'a Shared,
    pub(super) id: RunId,
    pub(super) live: &'a Live,
    pub(super) now: Timestamp,
    /// The ownership of the run's shard.
    pub(super) epoch: u32,
}

/// What a drain has decided, apart from the batches.
pub(crate) struct Out {
    /// Whether something in it must not wait.
    pub(super) urgency: Urgency,
    /// What waits for nothing.
    pub(super) free: Vec<Release>,
    /// What goes to each queue.
    pub(super) to_queues: Vec<Vec<Job>>,
    /// Queues that get room back, after that.
    pub(super) rooms: Vec<usize>,
    /// Bytes that relaxed runs may still add and be answered before they are durable.
    pub(super) room: usize,
}

impl Out {
    pub(super) fn new(queues: usize) -> Self {
        let to_queues = (0..queues).map(|_| Vec::new()).collect();
        Self { urgency: Urgency::Lazy, free: Vec::new(), to_queues, rooms: Vec::new(), room: 0 }
    }
}

/// What takes in the decisions of a drain.
pub(super) struct Intake<'a> {
    pub(super) shared: &'a Shared,
    pub(super) parts: &'a mut [Part],
    pub(super) touched: &'a mut Vec<usize>,
    pub(super) out: &'a mut Out,
    pub(super) now: Timestamp,
}

impl Intake<'_> {
    /// Turns one decision into records and operations, and what waits for them. `archived` is the
    /// run's state before, where the archive has it.
    pub(super) fn collect(
        &mut self,
        (id, live): (RunId, &mut Live),
        step: &Decision,
        archived: Option<Bytes>,
    ) {
        let Self { shared, parts, touched, out, now } = self;
        let place = place(shared, id);
        let part = &mut parts[place];
        if !step.events.is_empty() {
            record(part, (id, live), step, archived);
        }
        let waits = waits(part, live, &mut out.room, step);
        let round = Round { shared, id, live, now: *now, epoch: part.fence.epoch };
        let to = if waits { &mut part.gated } else { &mut out.free };
        let mut releases = std::mem::take(to);
        let mut collector = Collector { round, part, waits, to_queues: &mut out.to_queues };
        collector.release(step, &mut releases);
        *if waits { &mut part.gated } else { &mut out.free } = releases;
        if !(part.touched || part.batch.is_empty() && part.gated.is_empty()) {
            part.touched = true;
            touched.push(place);
        }
    }
}

/// Adds what has happened to the batch. A run that is in the archive leaves it with that.
fn record(
    part: &mut Part,
    (id, live): (RunId, &mut Live),
    step: &Decision,
    archived: Option<Bytes>,
) {
    live.stage = Stage::Live;
    if !live.kept.is_durable() {
        return;
    }
    if let Some(state) = archived {
        part.live += 1;
        part.base(id);
        part.batch.reopen(id, |to| to.extend_from_slice(&state));
    }
    part.batch.events(id, |to| stored::write_events(&step.events, to));
}

/// Whether effects and answers of a run that is durable wait until they are.
fn waits(part: &mut Part, live: &Live, room: &mut usize, step: &Decision) -> bool {
    match live.kept {
        Kept::Nowhere => false,
        Kept::Strict => true,
        Kept::Relaxed => {
            // Once late, late until all has landed: nothing overtakes what waits.
            let left = room.checked_sub(part.batch.size());
            let waits = part.late || (left.is_none() && !step.events.is_empty());
            part.late = waits;
            waits
        }
    }
}

/// Turns effects into what is released.
struct Collector<'a> {
    round: Round<'a>,
    part: &'a mut Part,
    waits: bool,
    to_queues: &'a mut [Vec<Job>],
}

impl Collector<'_> {
    fn release(&mut self, step: &Decision, releases: &mut Vec<Release>) {
        let Round { shared, id, live, .. } = self.round;
        if shared.hub.is_heard() {
            let events = step.events.iter();
            releases.extend(events.map(|event| {
                let items = event.unit().map(|unit| live.run.items(unit)).unwrap_or_default();
                Release::Publish(id, Box::new((items, event.clone())))
            }));
        }
        for effect in &step.effects {
            releases.push(match effect {
                Effect::AddDeadLetter { unit, dispatch } => self.add_dead_letter(*unit, *dispatch),
                Effect::RemoveDeadLetter { dispatch, .. } => self.remove_dead_letter(*dispatch),
                Effect::Dispatch { unit, attempt, dispatch, durable_start } => {
                    let start =
                        if *durable_start { StartRecord::Durable } else { StartRecord::Lazy };
                    let attempt = (*attempt, *dispatch, start);
                    let queue = live.workflow.queue(unit.node);
                    let job = || super::effects::job(self.round, *unit, attempt);
                    if !self.waits {
                        self.to_queues[queue].push(job());
                        continue;
                    }
                    Release::Ready(queue, job())
                }
                Effect::Arm { timer, due, .. } => Release::Arm(id, *timer, *due),
                Effect::Evaluate { of, number } => {
                    // It may have been cancelled in the same decision.
                    let job = super::effects::evaluation((id, live), *of, *number);
                    let Some(job) = job else { continue };
                    Release::Evaluate(job)
                }
                Effect::Abort { unit, dispatch } => {
                    let key = AttemptKey { run: id, unit: *unit, dispatch: *dispatch };
                    Release::Abort(live.workflow.queue(unit.node), key)
                }
                Effect::End => Release::End(id, Box::new(super::effects::ended(live))),
            });
        }
    }

    /// Whether the journal keeps this run's letters: those of a run that is not durable are gone
    /// with the process, as the run is.
    fn keeps_letters(&self) -> bool {
        self.round.live.kept.is_durable() || !self.round.shared.logged
    }

    fn add_dead_letter(&mut self, unit: Unit, dispatch: u32) -> Release {
        let queue = self.round.live.workflow.queue(unit.node);
        let letter = super::effects::dead_letter(self.round, unit, dispatch);
        if self.keeps_letters() {
            let id = LetterId { run: letter.run, dispatch };
            self.part.batch.letter(id, Some(stored::encode_letter(&letter)));
        }
        Release::AddDeadLetter(queue, Box::new(letter))
    }

    fn remove_dead_letter(&mut self, dispatch: u32) -> Release {
        let run = self.round.id;
        if self.keeps_letters() {
            self.part.batch.letter(LetterId { run, dispatch }, None);
        }
        Release::RemoveDeadLetter(DeadLetterId::of(run, dispatch))
    }
}
