//! Starting an engine: open the journal, recover, spawn the actors, hand them their runs.

use std::path::Path;
use std::sync::{Arc, RwLock};

use tokio::sync::oneshot;

use super::recovery::{Recovery, recover};
use super::{Engine, EngineBuilder, Inner, Resume};
use crate::actors::dlq::DeadLetterBox;
use crate::actors::hub::Hub;
use crate::actors::inbox::Inbox;
use crate::actors::queue::{Queue, Request as ToQueue};
use crate::actors::shard::{Recovered, Request};
use crate::actors::shared::{Health, Shared, Workflows};
use crate::actors::supervisor::Supervisor;
use crate::actors::timers::Timers;
use crate::actors::watchdog;
use crate::clock::Clock;
use crate::definition::{Durability, QueueSettings};
use crate::error::Error;
use crate::id::{Lsn, Name, RunId, SHARDS, ShardId};
use crate::journal::{Batch, Journal, MemoryJournal, Options, RedbJournal, Write, codec};
use crate::plan::Plan;
use crate::task::Executor;

/// The folder of runs' logs and files, below the data folder.
const RUNS_FOLDER: &str = "runs";

pub(super) async fn launch(builder: EngineBuilder) -> Result<Engine, Error> {
    let clock = Clock::system();
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let shards = builder.shards.unwrap_or(cores).clamp(1, usize::from(SHARDS));
    let journal = open(builder.folder.as_deref(), shards)?;
    let mut recovery = recover(journal.as_ref())?;
    let unknown = builder.plans.iter().filter(|plan| !recovery.plans.contains_key(&plan.hash));
    let new: Vec<_> = unknown.map(define).collect();
    let plans: Vec<Arc<Plan>> = builder.plans.into_iter().map(Arc::new).collect();
    let queues = queues(&builder.queues, plans.iter().chain(recovery.plans.values()), cores);
    let shared = Arc::new(Shared {
        clock,
        logged: builder.folder.is_some(),
        durability: if builder.folder.is_some() { builder.durability } else { Durability::Memory },
        executor: Executor::new(builder.registry),
        runs_folder: builder.folder.map(|folder| folder.join(RUNS_FOLDER).into()),
        shards: (0..shards).map(|_| Inbox::new()).collect(),
        letters: queues.iter().map(|_| DeadLetterBox(Inbox::new())).collect(),
        workflows: RwLock::new(register(&plans, &recovery, &queues)),
        queues,
        timers: Timers(Inbox::new()),
        hub: Hub::default(),
        health: Health::default(),
        journal_failures: Inbox::new(),
        journal,
    });
    keep_definitions(&shared, new, recovery.keep_from).await?;
    let watchdog = watchdog::watch(&shared).map_err(|error| Error::Start(error.to_string()))?;
    let supervisor = Supervisor::start(&shared).await.map_err(Error::Start)?;
    if builder.hold {
        shared.queues.iter().for_each(|queue| queue.inbox.send(ToQueue::Stop));
    }
    hand_out(&shared, &mut recovery, &builder.resume);
    let damage = std::mem::take(&mut recovery.damage);
    for damage in &damage {
        tracing::error!(lsn = damage.lsn.0, run = ?damage.run, what = damage.what, "set aside");
    }
    Ok(Engine(Arc::new(Inner { shared, supervisor, damage, _watchdog: watchdog })))
}

/// One more than the shards reports what it needs of the log: this module, for what is set aside.
fn open(folder: Option<&Path>, shards: usize) -> Result<Arc<dyn Journal>, Error> {
    let options = Options { shards: shards + 1, ..Options::default() };
    Ok(match folder {
        Some(folder) => Arc::new(RedbJournal::open(folder, &options)?),
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

fn define(plan: &Plan) -> Write {
    Write::Definition { hash: plan.hash, source: codec::encode_source(&plan.source) }
}

/// Makes new versions durable before any run of them.
async fn keep_definitions(
    shared: &Shared,
    writes: Vec<Write>,
    keep_from: Option<Lsn>,
) -> Result<(), Error> {
    let (told, durable) = oneshot::channel();
    let batch = Batch { shard: shared.shards.len(), writes, keep_from, ..Batch::default() };
    shared.journal.append(batch, Box::new(move |result| drop(told.send(result))));
    let stopped = || Error::Start("the journal has stopped".to_owned());
    durable.await.map_err(|_| stopped())??;
    Ok(())
}

/// Gives each shard its runs and keys.
fn hand_out(shared: &Shared, recovery: &mut Recovery, resume: &Resume) {
    let mut parts: Vec<Vec<Recovered>> = shared.shards.iter().map(|_| Vec::new()).collect();
    for (id, found) in recovery.runs.drain() {
        let Some(workflow) = shared.workflow_of(found.definition) else { continue };
        let dormant = !goes_on(resume, id);
        parts[shared.shard_index(id)].push(Recovered {
            id,
            run: found.run,
            workflow,
            first: found.first,
            dormant,
        });
    }
    let mut keys: Vec<Vec<_>> = shared.shards.iter().map(|_| Vec::new()).collect();
    for (key, entry) in recovery.keys.drain(..) {
        let place = ShardId::of_key(&key).index() % keys.len();
        keys[place].push((key, entry));
    }
    for (index, (mut runs, keys)) in parts.into_iter().zip(keys).enumerate() {
        runs.sort_by_key(|run| run.first);
        let keep_from = runs.first().map(|run| run.first);
        shared
            .journal
            .append(Batch { shard: index, keep_from, ..Batch::default() }, Box::new(|_| ()));
        let inbox = &shared.shards[index];
        inbox.send(Request::Keys(keys));
        inbox.send(Request::Adopt(runs));
    }
}

fn goes_on(resume: &Resume, id: RunId) -> bool {
    match resume {
        Resume::All => true,
        Resume::Only(runs) => runs.contains(&id),
        Resume::Nothing => false,
    }
}
