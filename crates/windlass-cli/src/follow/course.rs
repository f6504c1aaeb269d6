//! Following runs from their start to their end, or to Ctrl-C.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use windlass::clock::Clock;
use windlass::run::RunHistory;
use windlass::{Engine, EngineEvent, Error, EventKind, Events, RunId, RunState};

use crate::exit::Problem;
use crate::signals::Interrupts;
use crate::style::{DIM, WARN, paint};

use super::live::TICK;
use super::teller::Teller;
use super::view::View;
use super::words;

/// After the first Ctrl-C what runs has so long to end by itself.
const GRACE: Duration = Duration::from_secs(10);

/// How often it is asked whether all is well.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How following came to its end.
#[derive(Debug)]
pub(crate) enum Ending {
    /// All runs have ended, or wait for a person.
    Ended,
    /// Ctrl-C: the engine has shut down.
    Interrupted,
    /// Ctrl-C again: at once.
    Dropped,
}

/// Runs that are followed.
#[derive(Debug)]
pub(crate) struct Course<'a> {
    engine: &'a Engine,
    events: Events,
    view: View,
    clock: Clock,
    open: HashMap<RunId, Teller>,
    /// How each run stood when it ended.
    pub(crate) ended: Vec<RunHistory>,
    /// Events were missed: the states must be asked for.
    doubtful: bool,
    /// Runs that have ended, though their event has not come. If it does not come soon, it was
    /// missed.
    awaited: HashSet<RunId>,
    /// Something waits for a person, so that a run may not come to its end.
    parked: bool,
    stopping: bool,
    refusing: Option<String>,
}

impl<'a> Course<'a> {
    /// Listens from now on: make this before runs are started or woken.
    pub(crate) fn new(engine: &'a Engine, view: View) -> Self {
        Self {
            engine,
            events: engine.events(),
            view,
            clock: Clock::system(),
            open: HashMap::new(),
            ended: Vec::new(),
            doubtful: false,
            awaited: HashSet::new(),
            parked: false,
            stopping: false,
            refusing: None,
        }
    }

    /// Follows this run too, which stands so.
    pub(crate) fn add(&mut self, run: RunId, state: RunState, teller: Teller) {
        self.parked |= state == RunState::Parked;
        self.open.insert(run, teller);
    }

    /// The runs that are followed and have not ended.
    pub(crate) fn runs(&self) -> Vec<RunId> {
        let mut runs: Vec<RunId> = self.open.keys().copied().collect();
        runs.sort_unstable();
        runs
    }

    /// Whether it is shown to programs.
    pub(crate) fn shows_json(&self) -> bool {
        self.view.is_json()
    }

    /// The view, to write other things.
    pub(crate) fn view(&mut self) -> &mut View {
        &mut self.view
    }

    /// Shows what happens until all runs have ended or somebody interrupts.
    pub(crate) async fn follow(&mut self, interrupts: &mut Interrupts) -> Result<Ending, Problem> {
        type Stopping<'a> = Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'a>>;
        let engine = self.engine;
        let mut stopping: Option<Stopping<'_>> = None;
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stopping.is_some() || !self.open.is_empty() {
            tokio::select! {
                biased;
                () = interrupts.next() => {
                    if stopping.is_some() {
                        return Ok(Ending::Dropped);
                    }
                    let mut shutdown: Stopping<'_> = Box::pin(engine.shutdown(GRACE));
                    // From its first poll on nothing new starts: only then it may be said.
                    if let Some(done) = poll_once(&mut shutdown).await {
                        done?;
                        return Ok(Ending::Interrupted);
                    }
                    stopping = Some(shutdown);
                    self.stop();
                }
                event = self.events.next(), if !self.open.is_empty() => match event {
                    Some(event) => {
                        self.hear(&event).await?;
                        if matches!(event.kind, EventKind::Parked) {
                            looks.reset_immediately();
                        }
                    }
                    None if stopping.is_some() => self.open.clear(),
                    None => return Err(Problem::failed("the engine has stopped")),
                },
                done = wait(&mut stopping) => {
                    done?;
                    return Ok(if self.open.is_empty() && !self.ended.is_empty() {
                        Ending::Ended
                    } else {
                        Ending::Interrupted
                    });
                }
                _ = looks.tick() => self.look().await?,
                _ = ticks.tick() => self.view.tick(self.clock.now()),
            }
        }
        Ok(Ending::Ended)
    }

    /// Takes the picture away.
    pub(crate) fn close(&self) {
        self.view.close();
    }

    fn stop(&mut self) {
        self.stopping = true;
        self.view.stopping();
        if !self.view.is_json() {
            let bound = words::span(GRACE);
            let text =
                format!("nothing new starts; what runs has {bound} to end (Ctrl-C again: at once)");
            self.view.write(&format!("{} {}", words::word(WARN, "STOPPING"), paint(DIM, text)));
        }
    }

    async fn hear(&mut self, event: &EngineEvent) -> Result<(), Problem> {
        self.doubtful |= matches!(event.kind, EventKind::Missed { .. });
        self.parked |= matches!(event.kind, EventKind::Parked);
        let Some(teller) = self.open.get_mut(&event.run) else { return Ok(()) };
        if let Some(happened) = teller.tell(event) {
            self.view.happened(&happened)?;
        }
        if matches!(event.kind, EventKind::Ended { .. }) {
            self.end(event.run).await?;
        }
        Ok(())
    }

    async fn end(&mut self, run: RunId) -> Result<(), Problem> {
        self.open.remove(&run);
        self.ended.push(self.engine.history(run).await?);
        Ok(())
    }

    /// Now and then: is the engine well, has a run ended without our hearing of it?
    async fn look(&mut self) -> Result<(), Problem> {
        if self.stopping {
            return Ok(());
        }
        let refusing = self.engine.refusing();
        if refusing != self.refusing {
            if let Some(reason) = &refusing {
                let text = format!("{} the engine waits: {reason}", words::word(WARN, "WARNING"));
                self.view.write(&text);
            }
            self.refusing = refusing;
        }
        if self.doubtful || self.parked { self.look_at_runs().await } else { Ok(()) }
    }

    async fn look_at_runs(&mut self) -> Result<(), Problem> {
        let runs: Vec<RunId> = self.open.keys().copied().collect();
        for run in runs {
            let state = self.engine.summary(run).await?.state;
            let known = state.is_end() && !self.awaited.insert(run);
            if known || state == RunState::Parked {
                self.end(run).await?;
            }
        }
        Ok(())
    }
}

/// What the future gives at its first poll, if anything.
async fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|context| match Pin::new(&mut *future).poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

async fn wait<F: Future + Unpin>(future: &mut Option<F>) -> F::Output {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}
