//! The dead letters from the outside.

use serde::Serialize;

use tokio::sync::oneshot;

use super::{Engine, limits};
use crate::actors::dlq;
use crate::actors::shard::Request;
use crate::dead_letter::{DeadLetter, DeadLetterFilter, DeadLetterGroup, DeadLetterId, group};
use crate::error::Error;
use crate::payload::Payload;

/// The dead letters of an engine: [`Engine::dead_letters`].
#[derive(Debug)]
pub struct DeadLetters<'a> {
    engine: &'a Engine,
}

impl<'a> DeadLetters<'a> {
    pub(super) fn new(engine: &'a Engine) -> Self {
        Self { engine }
    }

    fn queues(&self) -> std::ops::Range<usize> {
        0..self.engine.shared().letters.len()
    }

    async fn ask<T>(
        &self,
        queue: usize,
        request: impl FnOnce(dlq::Answer<T>) -> dlq::Request,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        self.engine.shared().letters[queue].0.send(request(reply));
        Ok(answer.await.map_err(|_| self.engine.gone())??)
    }

    /// How many a queue has.
    pub(super) async fn count(&self, queue: usize) -> Result<usize, Error> {
        self.ask(queue, dlq::Request::Count).await
    }

    /// The letters that fit, oldest first.
    ///
    /// # Errors
    /// Where the engine has stopped, or the journal cannot be read.
    pub async fn list(&self, filter: &DeadLetterFilter) -> Result<Vec<DeadLetter>, Error> {
        let mut letters = Vec::new();
        for queue in self.queues() {
            let list = |answer| dlq::Request::List(filter.clone(), answer);
            letters.extend(self.ask(queue, list).await?);
        }
        letters.sort_by_key(|letter| (letter.at, letter.id));
        Ok(letters)
    }

    /// The letters that fit, by cause; the most frequent cause first.
    ///
    /// # Errors
    /// Where the engine has stopped, or the journal cannot be read.
    pub async fn groups(&self, filter: &DeadLetterFilter) -> Result<Vec<DeadLetterGroup>, Error> {
        Ok(group(self.list(filter).await?))
    }

    /// One letter.
    ///
    /// # Errors
    /// Where there is no such letter.
    pub async fn show(&self, id: DeadLetterId) -> Result<DeadLetter, Error> {
        for queue in self.queues() {
            let show = |answer| dlq::Request::Show(id, answer);
            if let Some(letter) = self.ask(queue, show).await? {
                return Ok(*letter);
            }
        }
        Err(Error::UnknownDeadLetter(id.to_string()))
    }

    /// Runs it again, as it was; its run goes on from there.
    ///
    /// # Errors
    /// Where there is no such letter.
    pub async fn replay(&self, id: DeadLetterId) -> Result<DeadLetter, Error> {
        self.replay_as(id, None).await
    }

    /// Runs it again with another input of its verb.
    ///
    /// # Errors
    /// Where there is no such letter, or the input cannot be written as JSON.
    pub async fn replay_with(
        &self,
        id: DeadLetterId,
        input: impl Serialize,
    ) -> Result<DeadLetter, Error> {
        let input = Payload::of(&input)
            .map_err(|error| Error::Json { what: "the input", why: error.to_string() })?;
        self.replay_as(id, Some(input)).await
    }

    async fn replay_as(
        &self,
        id: DeadLetterId,
        input: Option<Payload>,
    ) -> Result<DeadLetter, Error> {
        let letter = self.show(id).await?;
        let failed = letter.failed();
        let request = |answer| Request::Replay(failed, input, answer);
        self.engine.ask(failed.run, request).await?.map_err(Error::Refused)?;
        Ok(letter)
    }

    /// Deletes it; its run stays as it is. The reason is written down.
    ///
    /// # Errors
    /// Where there is no such letter, or the reason is longer than
    /// [`REASON_BYTES_MAX`](super::REASON_BYTES_MAX).
    pub async fn drop(&self, id: DeadLetterId, reason: &str) -> Result<DeadLetter, Error> {
        limits::reason(reason)?;
        let letter = self.show(id).await?;
        let failed = letter.failed();
        let request = |answer| Request::DropLetter(failed, reason.into(), answer);
        self.engine.ask(failed.run, request).await?.map_err(Error::Refused)?;
        Ok(letter)
    }
}
