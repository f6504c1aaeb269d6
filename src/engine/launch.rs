//! Starting an engine: open the journal, recover, spawn the actors, hand them their runs.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::recovery::{Recovery, recover};
use super::{Engine, EngineBuilder, Inner, Resume};
use crate::actors::dlq::DeadLetterBox;
use crate::actors::evaluator::Evaluator;
use crate::actors::hold::Hold;
use crate::actors::hub::Hub;
use crate::actors::inbox::Inbox;
use crate::actors::queue::Queue;
use crate::actors::retention;
use crate::actors::shard::{LogLength, Recovered, Request};
use crate::actors::shared::{Health, Shared, Workflows, kept_definition};
use crate::actors::supervisor::Supervisor;
use crate::actors::timers::Timers;
use crate::actors::watchdog;
use crate::clock::Clock;
use crate::definition::{Durability, QueueSettings};
use crate::error::Error;
use crate::id::{DefinitionHash, EntityId, Name, RunId, SHARDS};
use crate::journal::{Appended, Batch, Journal, MemoryJournal, Options, RedbJournal, Urgency};
use crate::plan::Plan;
use crate::stored;
use crate::sync::RwLock;
use crate::task::Executor;
use crate::task::left::{self, Left};

/// The folder of runs' logs and files, below the data folder.
const RUNS_FOLDER: &str = "runs";

pub(super) async fn launch(builder: EngineBuilder) -> Result<Engine, Error> {
    if cfg!(panic = "abort") {
        let why = "it needs panic = \"unwind\": a panic of one handler must not end the process";
        return Err(Error::Start(why.to_owned()));
    }
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let shards = builder.shards.unwrap_or(cores).clamp(1, usize::from(SHARDS));
    let journal = open(builder.folder.as_deref())?;
    let clock = Clock::system();
    let mut recovery = recover(journal.as_ref(), clock.now())?;
    let (hold, resume) = (builder.hold, builder.resume.clone());
    let machine = Machine { clock, journal, cores, shards };
    let (shared, new) = share(builder, machine, &recovery)?;
    if !hold && !recovery.runs.is_empty() {
        end_left(&shared, &recovery).await?;
    }
    keep_definitions(&shared, new, &mut recovery).await?;
    let watchdog = watchdog::watch(&shared).map_err(|error| Error::Start(error.to_string()))?;
    let sweeper = retention::sweep(&shared).map_err(|error| Error::Start(error.to_string()))?;
    let supervisor = Supervisor::start(&shared).await.map_err(Error::Start)?;
    if hold {
        shared.queues.iter().for_each(|queue| queue.stop());
    }
    hand_out(&shared, &mut recovery, &resume);
    let damage = std::mem::take(&mut recovery.damage);
    for damage in &damage {
        tracing::error!(seq = damage.seq.0, run = ?damage.run, what = damage.what, "set aside");
    }
    Ok(Engine(Arc::new(Inner {
        shared,
        supervisor,
        damage,
        _watchdog: watchdog,
        _sweeper: sweeper,
    })))
}

/// Ends what a former process has left running of the runs that have not ended: its steps run again.
async fn end_left(shared: &Shared, recovery: &Recovery) -> Result<(), Error> {
    let Some(folder) = shared.runs_folder.clone() else { return Ok(()) };
    let runs: HashSet<RunId> = recovery.runs.keys().copied().collect();
    let end = move || left::end_left(&folder, |run| runs.contains(&run));
    let unknown = |error: &dyn std::fmt::Display| {
        Error::Start(format!("what a former process has left running cannot be ended: {error}"))
    };
    let ended = tokio::task::spawn_blocking(end).await.map_err(|error| unknown(&error))?;
    match ended {
        Ok(Left { told: 0, .. }) => Ok(()),
        Ok(Left { told, alive }) if alive.is_empty() => {
            tracing::warn!(processes = told, "ended what a former process has left running");
            Ok(())
        }
        Ok(Left { alive, .. }) => Err(Error::Start(format!(
            "processes {alive:?} of a former engine do not end, and their steps must not run twice \
             at once: end them, then start again"
        ))),
        // Without that folder nothing has run in it.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(unknown(&error)),
    }
}

/// What an engine runs on.
pub(super) struct Machine {
    pub(super) clock: Clock,
    pub(super) journal: Arc<dyn Journal>,
    pub(super) cores: usize,
    /// Shard actors.
    pub(super) shards: usize,
}

/// What all actors will share, and the versions of workflows that the journal does not know yet.
pub(super) fn share(
    builder: EngineBuilder,
    machine: Machine,
    recovery: &Recovery,
) -> Result<(Arc<Shared>, Vec<Definition>), Error> {
    let Machine { clock, journal, cores, shards } = machine;
    let mut new = Vec::new();
    let plans: Vec<_> = builder
        .plans
        .iter()
        .map(|plan| as_stored(journal.as_ref(), plan, &mut new))
        .collect::<Result<_, _>>()?;
    let queues = queues(&builder.queues, plans.iter().chain(recovery.plans.values()), cores);
    let shared = Shared {
        clock,
        logged: builder.folder.is_some(),
        durability: if builder.folder.is_some() { builder.durability } else { Durability::Memory },
        executor: Executor::new(builder.registry),
        runs_folder: builder.folder.map(|folder| folder.join(RUNS_FOLDER).into()),
        shards: (0..shards).map(|_| Inbox::new()).collect(),
        letters: queues.iter().map(|_| DeadLetterBox(Inbox::new())).collect(),
        workflows: RwLock::new(register(&plans, recovery, &queues)),
        queues,
        retention: builder.retention,
        timers: Timers(Inbox::new()),
        evaluator: Evaluator(Inbox::new()),
        hub: Hub::default(),
        health: Health::default(),
        journal_failures: Inbox::new(),
        journal,
    };
    Ok((Arc::new(shared), new))
}

/// A version of a workflow, and its encoded source.
pub(super) type Definition = (DefinitionHash, bytes::Bytes);

/// The plan of a file whose version the journal keeps already has the edges that were stored with it,
/// whatever today's planner makes of the text; one that it does not keep is added to `new`.
fn as_stored(
    journal: &dyn Journal,
    plan: &Arc<Plan>,
    new: &mut Vec<Definition>,
) -> Result<Arc<Plan>, Error> {
    let unusable = |error: String| Error::Start(format!("workflow `{}`: {error}", plan.name));
    let definition = plan.definition();
    match kept_definition(journal, plan.hash).map_err(unusable)? {
        None => {
            new.push((plan.hash, stored::encode_definition(&definition)));
            Ok(Arc::clone(plan))
        }
        Some(kept) if kept == definition => Ok(Arc::clone(plan)),
        Some(kept) => {
            let mut kept = Plan::stored(&kept).map_err(|error| unusable(error.to_string()))?;
            kept.folder.clone_from(&plan.folder);
            Ok(Arc::new(kept))
        }
    }
}

fn open(folder: Option<&Path>) -> Result<Arc<dyn Journal>, Error> {
    Ok(match folder {
        Some(folder) => Arc::new(RedbJournal::open(folder, &Options::default())?),
        None => Arc::new(MemoryJournal::new()),
    })
}

/// The queues that were named, and those that workflows use without more words.
fn queues<'a>(
    named: &indexmap::IndexMap<Name, QueueSettings>,
    plans: impl Iterator<Item = &'a Arc<Plan>>,
    cores: usize,
) -> Vec<Arc<Queue>> {
    let mut all = named.clone();
    for name in plans.flat_map(|plan| plan.queues.iter()) {
        all.entry(name.clone()).or_default();
    }
    let all = all.into_iter().enumerate();
    all.map(|(index, (name, settings))| Queue::new(index, name, settings, cores)).collect()
}

fn register(plans: &[Arc<Plan>], recovery: &Recovery, queues: &[Arc<Queue>]) -> Workflows {
    let mut workflows = Workflows::default();
    for plan in recovery.plans.values() {
        workflows.add(plan, queues);
    }
    for plan in plans {
        let registered = workflows.add(plan, queues);
        workflows.by_name.insert(plan.name.clone(), registered);
    }
    workflows
}

/// Makes new versions durable before any run of them.
pub(super) async fn keep_definitions(
    shared: &Shared,
    definitions: Vec<Definition>,
    recovery: &mut Recovery,
) -> Result<(), Error> {
    let mut batches: HashMap<usize, Batch> = HashMap::new();
    for (hash, source) in definitions {
        let index = EntityId::from_bytes(hash.0).shard().index();
        let tail = recovery.owned[index].1;
        let batch = batches.entry(index).or_insert_with(|| Batch::after(tail));
        batch.definition(hash, Some(source));
    }
    let drain = batches.into_iter().map(|(index, batch)| {
        let (fence, tail) = &mut recovery.owned[index];
        *tail = batch.tail();
        (*fence, Arc::new(batch))
    });
    let drain = drain.collect();
    let (told, durable) = oneshot::channel();
    let hold = Hold::new(&shared.clock);
    let done = move |results: Vec<Appended>| {
        // Who waits may have gone.
        let _ = told.send(results);
        drop(hold);
    };
    shared.journal.append(drain, Urgency::Now, Box::new(done));
    let stopped = || Error::Start("the journal has stopped".to_owned());
    for result in durable.await.map_err(|_| stopped())? {
        match result {
            Appended::Landed(_) => {}
            Appended::NotLanded(error) | Appended::Unknown(error) => return Err(error.into()),
            Appended::Fenced => return Err(Error::Start("another engine has the data".to_owned())),
        }
    }
    Ok(())
}

/// A start leaves a log alone that has so many records for each live run, and so many more.
const RECORDS_PER_RUN: u64 = 4;

/// See [`RECORDS_PER_RUN`].
const RECORDS_SHORT: u64 = 16;

/// Gives each shard actor its shards and their runs.
pub(super) fn hand_out(shared: &Shared, recovery: &mut Recovery, resume: &Resume) {
    let actors = shared.shards.len();
    let runs = u64::try_from(recovery.runs.len()).unwrap_or(u64::MAX);
    let long = runs.saturating_mul(RECORDS_PER_RUN).saturating_add(RECORDS_SHORT);
    let records = shared.journal.stats().records;
    let length = if records > long { LogLength::MostlyOver } else { LogLength::Short };
    let mut parts: Vec<Vec<Recovered>> = shared.shards.iter().map(|_| Vec::new()).collect();
    for (id, found) in recovery.runs.drain() {
        let Ok(workflow) = shared.workflow_of(found.definition) else { continue };
        let dormant = !goes_on(resume, id);
        let (run, first) = (found.run, found.first);
        let recovered = Recovered { id, run, workflow, first, dormant };
        parts[shared.shard_index(id)].push(recovered);
    }
    let mut aside: Vec<Vec<_>> = shared.shards.iter().map(|_| Vec::new()).collect();
    for damaged in recovery.aside.drain(..) {
        aside[shared.shard_index(damaged.run)].push(damaged);
    }
    for (index, (mut runs, aside)) in parts.into_iter().zip(aside).enumerate() {
        runs.sort_by_cached_key(|run| (run.id.shard(), run.first));
        let inbox = &shared.shards[index];
        let own = recovery.owned.iter().skip(index).step_by(actors);
        inbox.send(Request::Own(own.copied().collect()));
        inbox.send(Request::SetAside(aside));
        inbox.send(Request::Adopt(runs, length));
    }
}

fn goes_on(resume: &Resume, id: RunId) -> bool {
    match resume {
        Resume::All => true,
        Resume::Only(runs) => runs.contains(&id),
        Resume::Nothing => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::plan::{EdgeKind, KnownTasks, ListEdge, NodeId, StoredDefinition, load};

    const TEXT: &str = "name = 'w'\n[steps.a]\ntask = 't'\n[steps.b]\ntask = 't'\n";

    fn definition() -> StoredDefinition {
        load("w.toml", TEXT, None, &KnownTasks::Any).unwrap().plan.definition()
    }

    /// Stores a definition in a new data folder, as another version of the engine may have done.
    fn store(folder: &Path, hash: DefinitionHash, definition: &StoredDefinition) {
        let journal = open(Some(folder)).unwrap();
        let recovery = recover(journal.as_ref(), Clock::system().now()).unwrap();
        let (fence, tail) = recovery.owned[EntityId::from_bytes(hash.0).shard().index()];
        let mut batch = Batch::after(tail);
        batch.definition(hash, Some(stored::encode_definition(definition)));
        let (tell, told) = channel();
        let done = move |results: Vec<Appended>| tell.send(results).unwrap();
        journal.append(vec![(fence, Arc::new(batch))], Urgency::Now, Box::new(done));
        assert!(matches!(told.recv().unwrap()[..], [Appended::Landed(_)]));
    }

    async fn start(folder: &Path) -> Result<Engine, Error> {
        let builder = Engine::builder().task("t", async || Ok::<_, crate::StepError>(()));
        builder.workflow_text("w", TEXT)?.data_dir(folder).start().await
    }

    /// The planner of today makes no edge of this text; that of yesterday did.
    #[tokio::test]
    async fn a_version_keeps_the_edges_that_it_was_stored_with() {
        let folder = tempfile::tempdir().unwrap();
        let mut kept = definition();
        let edge = ListEdge { target: 1, kind: EdgeKind::Order, counted: true };
        kept.list[0].edges = Box::new([edge]);
        store(folder.path(), kept.hash(), &kept);
        for _ in 0..2 {
            let engine = start(folder.path()).await.unwrap();
            let run = engine.run("w", ()).await.unwrap();
            run.wait().await.unwrap();
            let plan = engine.plan_of(run.id()).await.unwrap();
            assert_eq!(plan.node(NodeId(0)).needs[0].node, NodeId(1));
            let history = engine.history(run.id()).await.unwrap();
            let ended = history.steps[1].attempts[0].ended.unwrap();
            assert!(history.steps[0].attempts[0].started >= ended, "`a` waits for `b`");
            engine.shutdown(std::time::Duration::ZERO).await.unwrap();
        }
    }

    #[tokio::test]
    async fn runs_of_a_definition_that_does_not_fit_are_set_aside_and_others_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let builder = || {
            let other = "name = 'other'\n[steps.a]\ntask = 't'\n";
            let builder = Engine::builder().task("t", async || Ok::<_, crate::StepError>(()));
            builder.workflow_text("other", other).unwrap().data_dir(folder.path())
        };
        let engine = builder().workflow_text("w", TEXT).unwrap().hold().start().await.unwrap();
        let lost = engine.run("w", ()).await.unwrap().id();
        let goes_on = engine.run("other", ()).await.unwrap().id();
        engine.shutdown(std::time::Duration::ZERO).await.unwrap();
        let newer = StoredDefinition { edition: 7, ..definition() };
        store(folder.path(), newer.hash(), &newer);

        let engine = builder().start().await.unwrap();
        let told = engine.summary(lost).await.unwrap();
        assert_eq!(told.state, crate::RunState::Damaged);
        let reason = told.failure.unwrap_or_default();
        assert!(reason.contains("edition 7"), "{reason}");
        let run = engine.attach(goes_on).await.unwrap();
        assert_eq!(run.wait().await.unwrap().state, crate::RunState::Succeeded);
        engine.shutdown(std::time::Duration::ZERO).await.unwrap();
    }

    #[tokio::test]
    async fn a_version_that_cannot_be_used_is_named() {
        let other = "[steps.c]\nrun = 'x'".into();
        let changed = [
            ("edition 7", StoredDefinition { edition: 7, ..definition() }),
            ("entries", StoredDefinition { list: Box::default(), ..definition() }),
            ("it is that of version", StoredDefinition { text: other, ..definition() }),
        ];
        for (what, kept) in changed {
            let folder = tempfile::tempdir().unwrap();
            store(folder.path(), definition().hash(), &kept);
            let error = start(folder.path()).await.map(|_| ()).unwrap_err().to_string();
            assert!(error.contains("workflow `w`") && error.contains(what), "{error}");
        }
    }
}
