//! One process: real shards over the simulated journal, started the engine's own way, but for its
//! threads.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};

use super::fault::Fault;
use super::port::Port;
use super::store::Ground;
use crate::actors::drain::{Drain, Draining};
use crate::actors::shared::Shared;
use crate::actors::{dlq, journal, shard};
use crate::clock::Clock;
use crate::engine::EngineBuilder;
use crate::engine::launch::{Machine, keep_definitions, share};
use crate::engine::recovery::{Recovery, recover};
use crate::journal::Journal;
use crate::luck::Luck;
use crate::plan::Plan;

/// One process.
pub(super) struct Life {
    pub(super) shared: Arc<Shared>,
    pub(super) port: Arc<Port>,
    pub(super) shards: Vec<Awake<shard::State>>,
    pub(super) letters: Vec<Awake<dlq::State>>,
    pub(super) journal: Draining<journal::State>,
    /// Whether a shard has told of a failed append.
    pub(super) failed: bool,
}

/// A state that is drained when its inbox has woken it.
pub(super) struct Awake<D: Drain> {
    draining: Draining<D>,
    is_awake: Arc<AtomicBool>,
}

impl<D: Drain> Awake<D> {
    fn new(draining: Draining<D>) -> Self {
        let is_awake = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&is_awake);
        draining.attach(move || flag.store(true, Ordering::Relaxed));
        Self { draining, is_awake }
    }

    pub(super) fn is_awake(&self) -> bool {
        self.is_awake.load(Ordering::Relaxed)
    }

    pub(super) fn drain(&mut self) {
        let goes_on = self.draining.drain();
        self.is_awake.store(goes_on, Ordering::Relaxed);
    }
}

impl Life {
    /// A process starts on what there is: the engine's own way, but for its threads.
    pub(super) fn start(
        ground: &Ground,
        (plans, shards): (&[Arc<Plan>], usize),
        clock: Clock,
        (luck, fault): (Luck, Option<Fault>),
    ) -> Result<(Self, Recovery), String> {
        let port = Arc::new(Port::over(ground.open()?, luck, fault));
        let journal: Arc<dyn Journal> = Arc::<Port>::clone(&port);
        let recovery = recover(journal.as_ref(), clock.now());
        let mut recovery = recovery.map_err(|error| error.to_string())?;
        let mut builder = EngineBuilder::default()
            .data_dir("simulated")
            .queue("default", |queue| queue.workers(10_000));
        builder.plans = plans.to_vec();
        let machine = Machine { clock, journal, cores: 1, shards };
        let shared = share(builder, machine, &recovery);
        let (shared, new) = shared.map_err(|error| error.to_string())?;
        {
            let mut kept = pin!(keep_definitions(&shared, new, &mut recovery));
            let mut context = Context::from_waker(Waker::noop());
            while kept.as_mut().poll(&mut context).is_pending() {
                port.land();
                port.tell();
            }
        }
        let shards = (0..shards).map(|index| Awake::new(shard::State::of(&shared, index)));
        let shards = shards.collect();
        let letters = (0..shared.queues.len()).map(|queue| dlq::State::of(&shared, queue));
        let letters = letters.map(Awake::new).collect();
        let journal = journal::State::of(&shared);
        Ok((Self { shared, port, shards, letters, journal, failed: false }, recovery))
    }
}

impl Life {
    /// Whether the journal actor has to open the journal again.
    pub(super) fn is_degraded(&mut self) -> bool {
        let mut told = Vec::new();
        self.shared.journal_failures.take(&mut told);
        self.failed |= !told.is_empty();
        self.failed
    }
}
