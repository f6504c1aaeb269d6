//! How a run began, as it is stored.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::common::{Micros, RawBytes, name, time};
use crate::definition::Durability;
use crate::id::{DefinitionHash, RunId};
use crate::run::{Accepted, IdempotencyKey, Origin, StartDetails};
use crate::stored::StoredError;

/// How a run began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::stored) struct AcceptedRecord<'a> {
    namespace: &'a str,
    workflow: &'a str,
    definition: [u8; 16],
    #[serde(borrow)]
    folder: Option<RawBytes<'a>>,
    input: RawBytes<'a>,
    at: Micros,
    /// Microseconds from `at` on.
    begins_after: i64,
    /// Microseconds from `at` on.
    scheduled_after: i64,
    origin: OriginRecord<'a>,
    root: [u8; 16],
    depth: u8,
    key: Option<KeyRecord<'a>>,
    concurrency: Option<&'a str>,
    priority: Option<i8>,
    tags: Vec<(&'a str, &'a str)>,
    principal: Option<&'a str>,
    traceparent: Option<&'a str>,
    durability: DurabilityRecord,
}

/// An idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct KeyRecord<'a> {
    text: &'a str,
    ttl: Duration,
    /// The hash of the input as a value.
    input: [u8; 16],
}

/// What started a run; new ones are added at the end.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum OriginRecord<'a> {
    Library,
    Cli,
    Api,
    Schedule { id: &'a str, tick: Micros },
    Event { id: &'a str, subscription: &'a str },
    Webhook { path: &'a str, delivery: &'a str },
    Parent { run: [u8; 16], path: &'a str, attempt: u32 },
    Rerun { of: [u8; 16] },
}

/// When what is said of a run is durable; new ones are added at the end.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum DurabilityRecord {
    Strict,
    Relaxed,
    Memory,
}

impl<'a> From<&'a Accepted> for AcceptedRecord<'a> {
    fn from(accepted: &'a Accepted) -> Self {
        let (at, details) = (accepted.at.as_micros(), &*accepted.details);
        Self {
            namespace: details.namespace.as_deref().unwrap_or_default(),
            workflow: accepted.workflow.as_str(),
            definition: accepted.definition.0,
            folder: accepted.folder.as_deref().map(|path| RawBytes(path.as_os_str().as_bytes())),
            input: (&accepted.input).into(),
            at,
            begins_after: accepted.begin.as_micros().wrapping_sub(at),
            scheduled_after: accepted.scheduled_at.as_micros().wrapping_sub(at),
            origin: (&accepted.origin).into(),
            root: accepted.root.to_bytes(),
            depth: accepted.depth,
            key: accepted.key.as_deref().map(|key| KeyRecord {
                text: &key.text,
                ttl: key.ttl,
                input: key.input,
            }),
            concurrency: details.concurrency.as_deref(),
            priority: accepted.priority,
            tags: details.tags.iter().map(|(label, value)| (&**label, &**value)).collect(),
            principal: details.principal.as_deref(),
            traceparent: details.traceparent.as_deref(),
            durability: accepted.durability.into(),
        }
    }
}

impl TryFrom<AcceptedRecord<'_>> for Accepted {
    type Error = StoredError;

    fn try_from(stored: AcceptedRecord<'_>) -> Result<Self, StoredError> {
        let later = |span: i64| time(stored.at.wrapping_add(span));
        let tags = stored.tags.iter().map(|(label, value)| ((*label).into(), (*value).into()));
        let details = StartDetails {
            namespace: Some(stored.namespace).filter(|name| !name.is_empty()).map(Box::from),
            concurrency: stored.concurrency.map(Box::from),
            tags: tags.collect(),
            principal: stored.principal.map(Box::from),
            traceparent: stored.traceparent.map(Box::from),
        };
        Ok(Self {
            workflow: name(stored.workflow)?,
            definition: DefinitionHash(stored.definition),
            folder: stored.folder.map(|path| Arc::from(Path::new(OsStr::from_bytes(path.0)))),
            input: stored.input.into(),
            at: time(stored.at),
            begin: later(stored.begins_after),
            scheduled_at: later(stored.scheduled_after),
            origin: stored.origin.into(),
            root: RunId::from_bytes(stored.root),
            depth: stored.depth,
            key: stored.key.map(|key| Box::new(key.into())),
            priority: stored.priority,
            durability: stored.durability.into(),
            details: details.into(),
        })
    }
}

impl From<KeyRecord<'_>> for IdempotencyKey {
    fn from(KeyRecord { text, ttl, input }: KeyRecord<'_>) -> Self {
        Self { text: text.into(), ttl, input }
    }
}

impl<'a> From<&'a Origin> for OriginRecord<'a> {
    fn from(origin: &'a Origin) -> Self {
        match origin {
            Origin::Library => Self::Library,
            Origin::Cli => Self::Cli,
            Origin::Api => Self::Api,
            Origin::Schedule { id, tick } => Self::Schedule { id, tick: tick.as_micros() },
            Origin::Event { id, subscription } => Self::Event { id, subscription },
            Origin::Webhook { path, delivery } => Self::Webhook { path, delivery },
            Origin::Parent { run, path, attempt } => {
                Self::Parent { run: run.to_bytes(), path, attempt: *attempt }
            }
            Origin::Rerun { of } => Self::Rerun { of: of.to_bytes() },
        }
    }
}

impl From<OriginRecord<'_>> for Origin {
    fn from(stored: OriginRecord<'_>) -> Self {
        match stored {
            OriginRecord::Library => Self::Library,
            OriginRecord::Cli => Self::Cli,
            OriginRecord::Api => Self::Api,
            OriginRecord::Schedule { id, tick } => {
                Self::Schedule { id: id.into(), tick: time(tick) }
            }
            OriginRecord::Event { id, subscription } => {
                Self::Event { id: id.into(), subscription: subscription.into() }
            }
            OriginRecord::Webhook { path, delivery } => {
                Self::Webhook { path: path.into(), delivery: delivery.into() }
            }
            OriginRecord::Parent { run, path, attempt } => {
                Self::Parent { run: RunId::from_bytes(run), path: path.into(), attempt }
            }
            OriginRecord::Rerun { of } => Self::Rerun { of: RunId::from_bytes(of) },
        }
    }
}

impl From<Durability> for DurabilityRecord {
    fn from(durability: Durability) -> Self {
        match durability {
            Durability::Strict => Self::Strict,
            Durability::Relaxed => Self::Relaxed,
            Durability::Memory => Self::Memory,
        }
    }
}

impl From<DurabilityRecord> for Durability {
    fn from(stored: DurabilityRecord) -> Self {
        match stored {
            DurabilityRecord::Strict => Self::Strict,
            DurabilityRecord::Relaxed => Self::Relaxed,
            DurabilityRecord::Memory => Self::Memory,
        }
    }
}
