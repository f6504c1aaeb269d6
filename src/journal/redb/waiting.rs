//! A drain that waits for the log thread, and the answer that it gets in any case.

use std::sync::Arc;

use crate::journal::batch::Batch;
use crate::journal::{Appended, Done, Drain, Fence, JournalError, Urgency};

/// A drain on its way.
pub(super) struct Waiting {
    drain: Drain,
    pub(super) urgency: Urgency,
    pub(super) bytes: usize,
    /// What is certain before the commit, batch by batch.
    refused: Vec<Option<Appended>>,
    done: Option<Done>,
}

impl Waiting {
    pub(super) fn new(drain: Drain, urgency: Urgency, done: Done) -> Self {
        let bytes = drain.iter().map(|(_, batch)| batch.size()).sum();
        Self { drain, urgency, bytes, refused: Vec::new(), done: Some(done) }
    }

    /// Adds to `taken` what is to be committed.
    pub(super) fn judge(
        &mut self,
        mut refusal: impl FnMut(Fence, &Batch) -> Option<Appended>,
        taken: &mut Vec<(Fence, Arc<Batch>)>,
    ) {
        for (fence, batch) in &self.drain {
            let refused = refusal(*fence, batch);
            if refused.is_none() && !batch.is_empty() {
                taken.push((*fence, Arc::clone(batch)));
            }
            self.refused.push(refused);
        }
    }

    /// Says how it went.
    pub(super) fn tell(mut self, result: &Result<(), JournalError>) {
        let refused = std::mem::take(&mut self.refused).into_iter();
        let answers = self.drain.iter().zip(refused).map(|((_, batch), refused)| {
            refused.unwrap_or_else(|| match result {
                Ok(()) => Appended::Landed(batch.first()),
                Err(error) => Appended::Unknown(error.clone()),
            })
        });
        let answers = answers.collect();
        if let Some(done) = self.done.take() {
            done(answers);
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(done) = self.done.take() {
            let closed = |_: &_| Appended::NotLanded(JournalError::Closed);
            done(self.drain.iter().map(closed).collect());
        }
    }
}
