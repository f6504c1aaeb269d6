//! One seed's world: lives of a process, each with its shards, over one disk.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;

use super::fault::Fault;
use super::ledger::Ledger;
use super::life::Life;
use super::operators::{Asked, Hearing, Order};
use super::outside::Outside;
use super::store::{Ground, land, take_over};
use super::{Checked, ensure, workflows};
use crate::actors::hub::{EngineEvent, EventKind};
use crate::actors::shard::Request;
use crate::clock::{Clock, Timestamp};
use crate::dead_letter::FailedDispatch;
use crate::engine::Resume;
use crate::engine::launch::hand_out;
use crate::id::{DefinitionHash, EntityId, RunId};
use crate::journal::{Batch, Journal};
use crate::luck::{Luck, hash};
use crate::plan::Plan;
use crate::run::RunState;

/// What happens before a world must have come to rest.
const ACTS_MAX: usize = 60_000;

pub(super) struct World {
    seed: u64,
    pub(super) luck: Luck,
    fault: Option<Fault>,
    ground: Ground,
    pub(super) now: Timestamp,
    hand: Arc<AtomicI64>,
    pub(super) plans: Vec<Arc<Plan>>,
    pub(super) ledger: Ledger,
    outside: Outside,
    pub(super) asked: Vec<Asked>,
    pub(super) life: Life,
    /// How often in a thousand acts somebody wants something, and how often in a hundred that is
    /// something of the run that was started last.
    haste: u64,
    pub(super) focus: u64,
    /// Starts and orders that are still to come.
    wishes: u64,
    crashes_left: u64,
    failures_left: u64,
    /// Whether another process may take the data over; and whether one has.
    rivals_left: u64,
    fenced: bool,
    pub(super) ids: u64,
    heard: Option<mpsc::Receiver<EngineEvent>>,
    /// How often a commit of a hundred becomes a place to crash at, when all is over.
    marked: u64,
    marks: Vec<Mark>,
    pub(super) talks: bool,
}

/// The world as a crash at a commit leaves it.
struct Mark {
    ground: Ground,
    ledger: Ledger,
    now: Timestamp,
}

impl World {
    pub(super) fn new(
        seed: u64,
        fault: Option<Fault>,
        ground: fn(u64) -> Ground,
    ) -> Result<Self, String> {
        let mut luck = Luck::new(hash(&[seed, 2]));
        let mut plans = workflows::PLANS.clone();
        while plans.len() > 2 {
            plans.remove(luck.index(plans.len()));
        }
        let by_hash: HashMap<DefinitionHash, Arc<Plan>> =
            plans.iter().map(|plan| (plan.hash, Arc::clone(plan))).collect();
        let now = Timestamp::from_micros(1_700_000_000_000_000);
        let hand = Arc::new(AtomicI64::new(now.as_micros()));
        let shards = 1 + luck.index(3);
        let clock = Clock::simulated(Arc::clone(&hand));
        let ledger = Ledger::new(Arc::new(by_hash));
        let ground = ground(seed);
        let own = Luck::new(luck.next());
        let (life, mut recovery) = Life::start(&ground, (&plans, shards), clock, (own, fault))?;
        hand_out(&life.shared, &mut recovery, &Resume::All);
        let mut world = Self {
            seed,
            fault,
            ground,
            now,
            hand,
            plans,
            ledger,
            outside: Outside::default(),
            asked: Vec::new(),
            life,
            haste: if luck.percent(30) { 400 } else { 60 },
            focus: if luck.percent(40) { 85 } else { 0 },
            wishes: 6 + luck.below(25),
            crashes_left: luck.below(4),
            failures_left: luck.below(4),
            rivals_left: u64::from(luck.percent(20)),
            fenced: false,
            ids: 0,
            heard: None,
            marked: if luck.percent(4) { 100 } else { 2 },
            marks: Vec::new(),
            talks: super::number("WINDLASS_SEED").is_some(),
            luck,
        };
        world.listen();
        world.landed()?;
        Ok(world)
    }

    fn listen(&mut self) {
        self.heard = self.luck.percent(40).then(|| self.life.shared.hub.listen());
    }

    /// From the start to the end, and once more from each mark.
    pub(super) fn live(mut self) -> Checked {
        self.go_on()?;
        for mark in std::mem::take(&mut self.marks) {
            let (seed, ids) = (self.seed, self.ids);
            let told = |told| format!("seed {seed} after a crash at a mark: {told}");
            self.ledger = mark.ledger;
            self.now = mark.now;
            self.ids = ids + 1_000;
            self.marked = 0;
            self.wishes = 0;
            self.crashes_left = 0;
            self.failures_left = 0;
            self.rivals_left = 0;
            self.restart(mark.ground).map_err(told)?;
            self.go_on().map_err(told)?;
        }
        Ok(())
    }

    /// Until nothing is left to be done, and all of it is as it must be.
    fn go_on(&mut self) -> Checked {
        for _ in 0..ACTS_MAX {
            if !self.act()? {
                return self.check_end();
            }
        }
        Err(format!("not at rest after {ACTS_MAX} acts"))
    }

    /// Something happens; `false` when nothing can any more.
    fn act(&mut self) -> Result<bool, String> {
        let dice = self.luck.below(1_000);
        if self.befalls(dice)? {
            return Ok(true);
        }
        let mut can = self.possible();
        if self.life.is_degraded() && (can.is_empty() || dice < 120) {
            can = vec![Act::Reopen];
        }
        if can.is_empty() && self.fenced {
            self.crash()?;
            return Ok(true);
        }
        if can.is_empty() {
            return Ok(self.rest());
        }
        let span = Duration::from_micros(self.luck.below(2_000));
        self.pass(span);
        let act = can.swap_remove(self.luck.index(can.len()));
        match act {
            Act::Drain(shard) => self.life.shards[shard].drain(),
            Act::Letters(queue) => self.life.letters[queue].drain(),
            Act::Land => self.land()?,
            Act::Tell => self.life.port.tell(),
            Act::Work => self.outside.work(&self.life.shared, &mut self.luck, self.now),
            Act::Evaluate => self.outside.evaluate(&self.life.shared, &mut self.luck),
            Act::Fire => self.outside.fire(&self.life.shared, self.now),
            Act::Reopen => self.reopen(),
        }
        self.look_around()?;
        Ok(true)
    }

    /// A crash, a failing disk, a rival, or a wish.
    fn befalls(&mut self, dice: u64) -> Result<bool, String> {
        if self.fenced && dice < 30 || dice < 4 && self.crashes_left > 0 {
            self.crashes_left = self.crashes_left.saturating_sub(1);
            self.crash()?;
        } else if dice < 10 && self.failures_left > 0 && !self.life.port.is_failed() {
            self.failures_left -= 1;
            self.say("the disk fails");
            self.life.port.fail();
            self.landed()?;
        } else if dice < 12 && self.rivals_left > 0 {
            self.rivals_left -= 1;
            self.fence_off();
        } else if dice < self.haste && self.wishes > 0 {
            self.wishes -= 1;
            self.wish();
        } else {
            if dice == 999 {
                self.life.port.press();
            }
            return Ok(false);
        }
        Ok(true)
    }

    /// What goes on by itself.
    fn possible(&self) -> Vec<Act> {
        let Self { life, outside, .. } = self;
        let mut can = Vec::new();
        let is_awake = |shard: &usize| life.shards[*shard].is_awake();
        can.extend((0..life.shards.len()).filter(is_awake).map(Act::Drain));
        let is_awake = |queue: &usize| life.letters[*queue].is_awake();
        can.extend((0..life.letters.len()).filter(is_awake).map(Act::Letters));
        can.extend(life.port.waits().then_some(Act::Land));
        can.extend(life.port.is_untold().then_some(Act::Tell));
        can.extend(outside.has_jobs().then_some(Act::Work));
        can.extend(outside.has_evaluations().then_some(Act::Evaluate));
        can.extend(outside.first_due().filter(|due| *due <= self.now).map(|_| Act::Fire));
        can
    }

    /// Nothing is under way: time passes until a timer is due, or somebody does something.
    fn rest(&mut self) -> bool {
        if let Some(due) = self.outside.first_due() {
            self.now = self.now.max(due);
            self.pass(Duration::ZERO);
            return true;
        }
        if self.wishes > 0 {
            self.wishes -= 1;
            self.wish();
            return true;
        }
        let parked = |run: &&RunId| self.ledger.runs[*run].run.state() == RunState::Parked;
        let Some(run) = self.ledger.runs.keys().find(parked).copied() else { return false };
        // A person decides.
        let known = &self.ledger.runs[&run];
        let letters: Vec<FailedDispatch> = known.letters().collect();
        let failed = letters[self.luck.index(letters.len())];
        if self.luck.percent(50) {
            self.order(run, Order::Replay, |answer| Request::Replay(failed, None, answer));
        } else {
            self.drop_letter(failed);
        }
        true
    }

    fn pass(&mut self, span: Duration) {
        self.now = self.now.after(span);
        self.hand.store(self.now.as_micros(), Ordering::Relaxed);
    }

    /// The oldest batch lands.
    fn land(&mut self) -> Checked {
        self.life.port.land();
        self.landed()
    }

    /// Takes in what has landed.
    fn landed(&mut self) -> Checked {
        let batches = self.life.port.take_landed();
        self.ledger.now = self.now;
        for batch in &batches {
            if self.talks {
                println!("{} landed {batch:?}", self.now);
            }
            self.ledger.take(batch)?;
        }
        let results = std::mem::take(&mut self.ledger.results);
        self.outside.check(&results)?;
        if batches.is_empty() {
            return Ok(());
        }
        let (ledger, store) = (&self.ledger, self.life.port.store());
        batches.iter().try_for_each(|batch| ledger.check_landed(batch, store))?;
        if self.luck.percent(self.marked) {
            let ground = self.ground.copy(&mut self.luck);
            self.marks.push(Mark { ground, ledger: self.ledger.clone(), now: self.now });
        }
        Ok(())
    }

    /// As the journal actor, which has been told of a failure.
    fn reopen(&mut self) {
        self.life.failed = false;
        self.say("the disk is well again");
        let port = &self.life.port;
        let opened = port.recover();
        self.life.journal.state.reopened(opened);
    }

    /// Looks at what the shards have done and answered.
    fn look_around(&mut self) -> Checked {
        self.outside.take(&self.life.shared, &self.ledger, self.now)?;
        let asked = std::mem::take(&mut self.asked);
        let (store, fenced) = (self.life.port.store(), self.fenced);
        self.asked = Hearing { ledger: &mut self.ledger, store, fenced }.hear(asked)?;
        while let Some(event) = self.heard.as_mut().and_then(|heard| heard.try_recv().ok()) {
            let known = self.ledger.runs.get(&event.run);
            let is_told = known.is_some_and(|known| known.told.contains(&event));
            let is_loose = self.ledger.loose.contains(&event.run);
            let is_count = matches!(event.kind, EventKind::Missed { .. });
            ensure!(is_told || is_loose || is_count, "A31: told and not landed: {event:?}");
        }
        Ok(())
    }

    /// The process dies, and is started again.
    fn crash(&mut self) -> Checked {
        self.say("the process dies");
        let ground = self.ground.crash(&mut self.luck);
        self.restart(ground)
    }

    fn restart(&mut self, ground: Ground) -> Checked {
        self.asked.clear();
        self.outside.die();
        self.fenced = false;
        let span = Duration::from_millis(self.luck.below(5_000));
        self.pass(span);
        let clock = Clock::simulated(Arc::clone(&self.hand));
        let shards = 1 + self.luck.index(3);
        let own = Luck::new(self.luck.next());
        let (life, mut recovery) =
            Life::start(&ground, (&self.plans, shards), clock, (own, self.fault))?;
        (self.life, self.ground) = (life, ground);
        ensure!(recovery.damage.is_empty(), "I1: set aside: {:?}", recovery.damage);
        let store = self.life.port.store();
        let found = |id| recovery.runs.get(&id).map(|found| &found.run);
        self.ledger.check_recovered(found, store)?;
        self.ledger.check_store(store)?;
        self.listen();
        hand_out(&self.life.shared, &mut recovery, &Resume::All);
        self.landed()
    }

    /// Another process takes all shards over, and writes something of its own in some.
    fn fence_off(&mut self) {
        self.say("another process takes over");
        self.fenced = true;
        let store = self.life.port.store();
        for fence in take_over(store, self.now) {
            if self.luck.percent(50) {
                let mut batch = Batch::after(store.tail(fence.shard));
                batch.audit(EntityId::from_bytes([0; 16]), self.now, "a rival".into());
                land(store, fence, &Arc::new(batch));
                self.ledger.audit += 1;
            }
        }
    }

    fn say(&self, what: &str) {
        if self.talks {
            println!("{} {what}", self.now);
        }
    }

    /// All faults are over and nothing is under way.
    fn check_end(&mut self) -> Checked {
        for (id, known) in &self.ledger.runs {
            let state = known.run.state();
            ensure!(state.is_end(), "I1: {id} does not end: {:?}", known.run);
        }
        let store = self.life.port.store();
        self.ledger.check_store(store)?;
        for id in self.ledger.runs.keys() {
            let archived = store.archived(*id).map_err(|error| error.to_string())?;
            ensure!(archived.is_some(), "{id} has ended, and is not in the archive");
        }
        let mut kept = 0;
        let replayed = store.replay(&mut |_, _| kept += 1);
        replayed.map_err(|error| error.to_string())?;
        let is_cut = kept == 0 || matches!(self.ground, Ground::Disk(_));
        ensure!(is_cut, "A33: {kept} records that nobody needs are kept");
        let open = self.asked.iter().find(|asked| !matches!(asked, Asked::End { .. }));
        ensure!(open.is_none(), "nobody answers {open:?}");
        Ok(())
    }
}

/// What can happen.
#[derive(Debug, Clone, Copy)]
enum Act {
    Drain(usize),
    Letters(usize),
    Land,
    Tell,
    Work,
    Evaluate,
    Fire,
    Reopen,
}
