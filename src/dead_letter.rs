//! What a dead letter is, and which belong together.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{DefinitionHash, Name, RunId, content_hash};
use crate::payload::Payload;
use crate::run::{AttemptHistory, Failure, Unit};

/// A unit of work that failed for good, with all that is known of it.
///
/// It stays until it is replayed or dropped; the run goes on from it when it is replayed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeadLetter {
    /// Made of the run and the dispatch that failed.
    pub id: DeadLetterId,
    /// The queue that its attempts came from.
    pub queue: Name,
    /// The run.
    pub run: RunId,
    /// The run's workflow.
    pub workflow: Name,
    /// The version that the run keeps.
    pub definition: DefinitionHash,
    /// The step.
    pub step: Name,
    /// `files[3].fetch`: the step, with the items in which it stands.
    pub path: Box<str>,
    /// The item's index, where the step is a fan-out or belongs to one; the innermost.
    pub item: Option<u32>,
    /// What flowed in; secrets are masked.
    pub input: Payload,
    /// The last failure.
    pub failure: Failure,
    /// All attempts, oldest first.
    pub attempts: Vec<AttemptRecord>,
    /// When it came to be.
    pub at: Timestamp,
    /// The same for letters with the same cause: workflow, step, class, message without numbers.
    pub cause: CauseId,
    /// The unit, for the engine.
    #[serde(skip)]
    pub(crate) unit: Unit,
    /// The dispatch that failed, within the run.
    pub(crate) dispatch: u32,
}

/// What failed, so that a dead letter stands for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FailedDispatch {
    pub(crate) run: RunId,
    pub(crate) unit: Unit,
    pub(crate) dispatch: u32,
}

impl FailedDispatch {
    pub(crate) fn letter(self) -> DeadLetterId {
        DeadLetterId::of(self.run, self.dispatch)
    }
}

/// One try, as a dead letter keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptRecord {
    /// Which try, from 1.
    pub attempt: u32,
    /// When it started.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// The class of its error; `None` where the process died in it or the engine stopped it.
    pub class: Option<String>,
    /// What the error said.
    pub message: Option<Box<str>>,
}

impl From<AttemptHistory> for AttemptRecord {
    fn from(attempt: AttemptHistory) -> Self {
        let AttemptHistory { attempt, started, ended, error, .. } = attempt;
        let (class, message) = error.map(|error| (error.class, error.message)).unzip();
        Self { attempt, started, ended, class, message }
    }
}

/// Names a dead letter: 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DeadLetterId(pub(crate) u64);

/// Names a cause: 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CauseId(pub(crate) u64);

impl DeadLetter {
    /// The step, and the steps in whose bodies it stands: `files.fetch`.
    pub fn step_path(&self) -> String {
        let outside = self.path.split('[').map(|part| part.split_once(']').map_or(part, |of| of.1));
        outside.collect()
    }

    pub(crate) fn failed(&self) -> FailedDispatch {
        FailedDispatch { run: self.run, unit: self.unit, dispatch: self.dispatch }
    }
}

impl DeadLetterId {
    /// The id of the dead letter of a dispatch.
    pub(crate) fn of(run: RunId, dispatch: u32) -> Self {
        let mut bytes = run.to_bytes().to_vec();
        bytes.extend(dispatch.to_le_bytes());
        Self(hash64(&bytes))
    }

    /// Reads 16 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        u64::from_str_radix(text, 16).ok().map(Self)
    }
}

impl CauseId {
    /// The cause of a failure of a step, which its path names: numbers in the message do not matter.
    pub(crate) fn of(workflow: &Name, step: &str, failure: &Failure) -> Self {
        let normal = normalised(&failure.message);
        Self(hash64(format!("{workflow}\0{step}\0{}\0{normal}", failure.class).as_bytes()))
    }

    /// Reads 16 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        u64::from_str_radix(text, 16).ok().map(Self)
    }
}

impl std::fmt::Display for DeadLetterId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl std::fmt::Display for CauseId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Which dead letters to look at; empty fields fit all.
#[derive(Debug, Clone, Default)]
pub struct DeadLetterFilter {
    /// Of this queue.
    pub queue: Option<Name>,
    /// Of this workflow.
    pub workflow: Option<Name>,
    /// Of this step: its id, or its path without items (`files.fetch`).
    pub step: Option<String>,
    /// Of this run.
    pub run: Option<RunId>,
    /// Of this error class, such as `server_error`.
    pub class: Option<String>,
    /// Of this cause.
    pub cause: Option<CauseId>,
}

impl DeadLetterFilter {
    /// Whether a letter is meant.
    pub fn fits(&self, letter: &DeadLetter) -> bool {
        fn is<T: PartialEq>(wanted: Option<&T>, found: &T) -> bool {
            wanted.is_none_or(|wanted| wanted == found)
        }
        is(self.queue.as_ref(), &letter.queue)
            && is(self.workflow.as_ref(), &letter.workflow)
            && self
                .step
                .as_ref()
                .is_none_or(|step| letter.step.as_str() == step || letter.step_path() == *step)
            && is(self.run.as_ref(), &letter.run)
            && is(self.class.as_ref(), &letter.failure.class.to_string())
            && is(self.cause.as_ref(), &letter.cause)
    }
}

/// Dead letters with one cause.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeadLetterGroup {
    /// The cause.
    pub cause: CauseId,
    /// How many.
    pub count: usize,
    /// When the first came to be.
    pub oldest: Timestamp,
    /// When the last came to be.
    pub newest: Timestamp,
    /// The newest one.
    pub example: DeadLetter,
}

/// Groups letters by cause, the largest group first.
pub fn group(letters: impl IntoIterator<Item = DeadLetter>) -> Vec<DeadLetterGroup> {
    let mut groups: indexmap::IndexMap<CauseId, DeadLetterGroup> = indexmap::IndexMap::new();
    for letter in letters {
        let group = groups.entry(letter.cause).or_insert_with(|| DeadLetterGroup {
            cause: letter.cause,
            count: 0,
            oldest: letter.at,
            newest: letter.at,
            example: letter.clone(),
        });
        group.count += 1;
        group.oldest = group.oldest.min(letter.at);
        if letter.at > group.newest {
            group.newest = letter.at;
            group.example = letter;
        }
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by(|a, b| b.count.cmp(&a.count).then(b.newest.cmp(&a.newest)));
    groups
}

/// Each run of digits as one `#`, so that counters, ports and times do not make new causes.
fn normalised(message: &str) -> String {
    let mut normal = String::with_capacity(message.len());
    for letter in message.chars() {
        if !letter.is_ascii_digit() {
            normal.push(letter);
        } else if !normal.ends_with('#') {
            normal.push('#');
        }
    }
    normal
}

fn hash64(bytes: &[u8]) -> u64 {
    let hash = content_hash(bytes);
    hash.iter().take(8).fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::ErrorClass;

    fn cause(message: &str) -> CauseId {
        let name = |text| Name::new(text).unwrap();
        let failure =
            Failure { class: ErrorClass::ServerError, message: message.into(), retry_after: None };
        CauseId::of(&name("order"), "ship", &failure)
    }

    #[test]
    fn numbers_do_not_make_a_new_cause() {
        assert_eq!(cause("http 503 at 10:42:01"), cause("http 502 at 9:01:59"));
        assert_ne!(cause("http 503"), cause("no route"));
    }
}
