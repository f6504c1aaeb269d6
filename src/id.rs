//! Ids and names. The home of `uuid`. Never reads the clock: a run id is made from a time handed in.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Timestamp;

/// How many virtual shards a data folder has; fixed when the folder is made.
pub const SHARDS: u8 = 64;

/// The longest name, in characters.
pub const NAME_CHARS_MAX: usize = 128;

/// Anything that belongs to a shard: a run, a key, later a lock, a limit, a schedule. 128 bits, of
/// which the lowest six name the shard.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EntityId(Uuid);

impl EntityId {
    /// The id of an idempotency key: the same namespace, workflow and key always give the same.
    pub fn of_key(namespace: &str, workflow: &Name, key: &str) -> Self {
        let parts = [namespace.as_bytes(), workflow.as_str().as_bytes(), key.as_bytes()];
        Self(Uuid::from_bytes(content_hash(&parts.join(&0))))
    }

    /// The shard that owns it.
    pub fn shard(self) -> ShardId {
        shard_of(&self.0)
    }

    /// The 16 bytes of the id.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.into_bytes()
    }

    /// The id with these 16 bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }
}

impl From<RunId> for EntityId {
    fn from(run: RunId) -> Self {
        Self(run.0)
    }
}

impl From<EntityId> for RunId {
    fn from(entity: EntityId) -> Self {
        Self(entity.0)
    }
}

impl fmt::Display for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn shard_of(id: &Uuid) -> ShardId {
    ShardId(id.as_bytes()[15] & (SHARDS - 1))
}

/// One run of a workflow: an [`EntityId`] that is a `UUIDv7`, so that ids sort by acceptance.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RunId(Uuid);

impl RunId {
    /// A new id that sorts by `at` and belongs to `shard`.
    pub fn new(at: Timestamp, shard: ShardId) -> Self {
        let millis = u64::try_from(at.as_micros() / 1_000).unwrap_or(0);
        let mut random = [0; 10];
        random[..8].copy_from_slice(&scattered().to_be_bytes());
        random[8..].copy_from_slice(&scattered().to_be_bytes()[..2]);
        random[9] = (random[9] & !(SHARDS - 1)) | shard.0;
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// The virtual shard that owns the run.
    pub fn shard(self) -> ShardId {
        shard_of(&self.0)
    }

    /// The 16 bytes of the id.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.into_bytes()
    }

    /// The id with these 16 bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// Reads the hyphenated or plain form.
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::parse_str(text).ok().map(Self)
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// 128 bits that no two calls share.
pub(crate) fn random_id() -> [u8; 16] {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&scattered().to_be_bytes());
    id[8..].copy_from_slice(&scattered().to_be_bytes());
    id
}

/// Numbers that no two calls share, and that start anywhere in each process: `SplitMix64` over a
/// counter with a random start. An id needs to be unique, not secret, and no system call for it.
///
/// Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
fn scattered() -> u64 {
    static START: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(0));
    static CALLS: AtomicU64 = AtomicU64::new(1);
    let step = CALLS.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut z = START.wrapping_add(step);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A virtual shard, `0..SHARDS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ShardId(u8);

impl ShardId {
    /// The shard that any number falls into.
    pub fn of(number: u64) -> Self {
        Self(u8::try_from(number % u64::from(SHARDS)).unwrap_or(0))
    }

    /// All shards, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..SHARDS).map(Self)
    }

    /// The shard with this number; `None`: there are not so many.
    pub fn from_number(number: u8) -> Option<Self> {
        (number < SHARDS).then_some(Self(number))
    }

    /// `0..SHARDS`, as a byte.
    pub fn number(self) -> u8 {
        self.0
    }

    /// `0..SHARDS`
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// The number of a record within its shard: dense, from 1.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Seq(pub u64);

/// A version of a workflow: the hash of its name and text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DefinitionHash(pub [u8; 16]);

impl DefinitionHash {
    /// The version that this text of the workflow is.
    pub fn of(name: &Name, text: &str) -> Self {
        // A name has no line end, so no two pairs give the same bytes.
        Self(content_hash(format!("{name}\n{text}").as_bytes()))
    }
}

impl fmt::Display for DefinitionHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(6).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for DefinitionHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// 122 bits of SHA-1 as a version 5 UUID has them ([RFC 9562]); names content, proves nothing.
///
/// [RFC 9562]: https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-5
pub fn content_hash(bytes: &[u8]) -> [u8; 16] {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, bytes).into_bytes()
}

/// The name of a workflow, step, queue or retry policy: `[A-Za-z0-9_.-]{1,128}`, no dot in front.
///
/// Ids of steps have no dots at all: the definition sees to that.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(Arc<str>);

impl Name {
    /// `None` where `text` is no name.
    pub fn new(text: &str) -> Option<Self> {
        let fits = !text.is_empty()
            && text.len() <= NAME_CHARS_MAX
            && !text.starts_with('.')
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
        fits.then(|| Self(Arc::from(text)))
    }

    /// The text of the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Maps by name are asked by text.
impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::new(&text).ok_or_else(|| format!("`{text}` is not a name ([A-Za-z0-9_.-]{{1,128}})"))
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0.as_ref().to_owned()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
