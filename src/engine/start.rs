//! Starting a run: look the workflow up, check the input, find room, hand it to its shard.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::oneshot;

use super::{Engine, RunHandle, limits};
use crate::actors::shard::{self, Begun, Refusal, Request};
use crate::actors::shared::Registered;
use crate::clock::Timestamp;
use crate::definition::Durability;
use crate::error::Error;
use crate::expression::RunNames;
use crate::id::{EntityId, Name, RunId, ShardId};
use crate::payload::{PAYLOAD_BYTES_MAX, Payload};
use crate::run::{Accepted, IdempotencyKey, Origin, StartDetails};

/// How long an idempotency key is kept, if the start does not say.
const KEY_TTL_DEFAULT: Duration = Duration::from_secs(24 * 60 * 60);

/// A run that is about to be started: await it.
#[derive(Debug)]
#[must_use = "nothing is started before it is awaited"]
pub struct Start<'a> {
    engine: &'a Engine,
    workflow: &'a str,
    input: Result<Payload, String>,
    key: Option<(String, Duration)>,
    begin: Begin,
    priority: Option<i8>,
    tags: Vec<(Box<str>, Box<str>)>,
    origin: Origin,
}

#[derive(Debug, Clone, Copy)]
enum Begin {
    Now,
    After(Duration),
    At(Timestamp),
}

impl<'a> Start<'a> {
    pub(super) fn new(engine: &'a Engine, workflow: &'a str, input: &impl Serialize) -> Self {
        Self {
            engine,
            workflow,
            input: Payload::of(input).map_err(|error| error.to_string()),
            key: None,
            begin: Begin::Now,
            priority: None,
            tags: Vec::new(),
            origin: Origin::Library,
        }
    }

    /// One key, one run: a second start with the key and the same input gets the first one's run,
    /// finished or not, for 24 hours; with another input it is refused.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        let ttl = self.key.take().map_or(KEY_TTL_DEFAULT, |(_, ttl)| ttl);
        self.key = Some((key.into(), ttl));
        self
    }

    /// How long the idempotency key is kept, from now.
    pub fn key_ttl(mut self, ttl: Duration) -> Self {
        let key = self.key.take().map(|(key, _)| key).unwrap_or_default();
        self.key = Some((key, ttl));
        self
    }

    /// To begin so much later.
    pub fn after(mut self, wait: Duration) -> Self {
        self.begin = Begin::After(wait);
        self
    }

    /// To begin at a time.
    pub fn at(mut self, time: Timestamp) -> Self {
        self.begin = Begin::At(time);
        self
    }

    /// Overrides the priority of its steps: [`PRIORITY_RANGE`](super::PRIORITY_RANGE), else the start is refused.
    pub fn priority(mut self, priority: i8) -> Self {
        self.priority = Some(priority);
        self
    }

    /// Adds a tag.
    pub fn tag(mut self, name: &str, value: &str) -> Self {
        self.tags.push((name.into(), value.into()));
        self
    }

    /// What starts it: what `run.started_by` says. Default: [`Origin::Library`].
    pub fn origin(mut self, origin: Origin) -> Self {
        self.origin = origin;
        self
    }

    /// What is said of the run stays within its limits.
    fn check_limits(&self) -> Result<(), Error> {
        self.key.iter().try_for_each(|(key, _)| limits::key(key))?;
        self.priority.map_or(Ok(()), limits::priority)?;
        limits::tags(&self.tags)
    }

    async fn start(self) -> Result<RunHandle, Error> {
        self.check_limits()?;
        let engine = self.engine.clone();
        let workflow = find(&engine, self.workflow)?;
        let now = engine.shared().clock.now();
        let key = self.key.filter(|(key, _)| !key.is_empty());
        let shard = key.as_ref().map_or_else(
            || ShardId::of(any()),
            |(key, _)| EntityId::of_key("", &workflow.plan.name, key).shard(),
        );
        let id = RunId::new(now, shard);
        let begin = match self.begin {
            Begin::Now => now,
            Begin::After(wait) => now.after(wait),
            Begin::At(time) => time.max(now),
        };
        let names = RunNames {
            id: Some(id),
            attempt: 1,
            scheduled_at: begin,
            started_by: self.origin.as_str().into(),
        };
        let input = checked(&workflow, self.input, &names)?;
        let key_text = key.as_ref().map(|(key, _)| key.clone());
        let plan = &workflow.plan;
        let accepted = Accepted {
            folder: plan.folder.clone(),
            begin,
            scheduled_at: begin,
            origin: self.origin,
            key: key.map(|(key, ttl)| Box::new(IdempotencyKey::new(&key, ttl, &input))),
            priority: self.priority,
            details: StartDetails { tags: self.tags, ..StartDetails::default() }.into(),
            durability: plan.durability.unwrap_or(engine.shared().durability),
            ..Accepted::new(&plan.name, plan.hash, id, (input, now))
        };
        make_room(&engine, &workflow).await?;
        hand_over(engine, id, workflow, accepted, key_text).await
    }
}

/// Any number, to spread runs over the shards.
fn any() -> u64 {
    use std::sync::atomic::AtomicU64;
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

async fn hand_over(
    engine: Engine,
    id: RunId,
    workflow: Arc<Registered>,
    accepted: Accepted,
    key: Option<String>,
) -> Result<RunHandle, Error> {
    let durability = workflow.plan.durability.unwrap_or(engine.shared().durability);
    // Of a run that begins much later nobody hears soon: who wants to asks then.
    let (waiter, ended) = if accepted.begin > accepted.at {
        (None, None)
    } else {
        let (waiter, ended) = oneshot::channel();
        (Some(waiter), Some(ended))
    };
    // Without a journal and a key, being handed over is being accepted.
    let (reply, begun) = if durability == Durability::Memory && key.is_none() {
        (None, None)
    } else {
        let (reply, begun) = oneshot::channel();
        (Some(reply), Some(begun))
    };
    let start = shard::Start { id, workflow, accepted, durability, waiter, reply };
    engine.shared().shard_of(id).send(Request::Start(Box::new(start)));
    let Some(begun) = begun else { return Ok(RunHandle::new(engine, id, ended)) };
    match begun.await.map_err(|_| engine.gone())? {
        Ok(Begun::New) => Ok(RunHandle::new(engine, id, ended)),
        Ok(Begun::Known(id, ended)) => Ok(RunHandle::new(engine, id, ended)),
        Err(Refusal::KeyTaken(run)) => Err(Error::KeyTaken { key: key.unwrap_or_default(), run }),
        Err(Refusal::Unwell(reason)) => Err(Error::Unavailable(reason)),
    }
}

fn find(engine: &Engine, name: &str) -> Result<Arc<Registered>, Error> {
    let workflows = crate::sync::read(&engine.shared().workflows);
    let found = Name::new(name).and_then(|name| workflows.by_name.get(&name).cloned());
    found.ok_or_else(|| {
        let names = workflows.by_name.keys().map(Name::as_str);
        let near = crate::definition::nearest(name, names).map(ToOwned::to_owned);
        Error::UnknownWorkflow { name: limits::short(name), near }
    })
}

fn checked(
    workflow: &Registered,
    input: Result<Payload, String>,
    names: &RunNames,
) -> Result<Payload, Error> {
    let input = input.map_err(|why| Error::Json { what: "the input", why })?;
    if input.as_bytes().len() > PAYLOAD_BYTES_MAX {
        let why =
            format!("it has {} bytes, the limit is {PAYLOAD_BYTES_MAX}", input.as_bytes().len());
        return Err(Error::Json { what: "the input", why });
    }
    workflow
        .plan
        .input
        .check(&input, names)
        .map_err(|problems| Error::Input { workflow: workflow.plan.name.to_string(), problems })
}

/// Reserves room in the queue of the workflow, or waits for it, or says that there is none.
async fn make_room(engine: &Engine, workflow: &Registered) -> Result<(), Error> {
    let is_well =
        || engine.shared().health.refusal().map_or(Ok(()), |why| Err(Error::Unavailable(why)));
    let Some(queue) = workflow.queues.first().map(|index| &engine.shared().queues[*index]) else {
        return is_well();
    };
    loop {
        let mut room = std::pin::pin!(queue.room.notified());
        room.as_mut().enable();
        if queue.waits() {
            queue.counts.awaited.store(true, Ordering::Release);
        }
        // Asked after the waiting has begun: who stops the engine wakes it.
        is_well()?;
        let Err(depth) = queue.reserve() else { return Ok(()) };
        if !queue.waits() {
            let limit = queue.settings.max_depth.unwrap_or(usize::MAX);
            return Err(Error::QueueFull { queue: queue.name.to_string(), depth, limit });
        }
        room.await;
    }
}

impl<'a> IntoFuture for Start<'a> {
    type Output = Result<RunHandle, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.start())
    }
}
