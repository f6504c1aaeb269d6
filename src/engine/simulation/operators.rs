//! Who uses the engine: starts, cancels, retries, replays, drops, waits, looks. Each answer is held
//! against what has landed by then.

use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use super::ensure;
use super::ledger::{Known, Ledger, letter_of, letters};
use crate::actors::shard::{Begun, Ended, Look, Refusal};
use crate::dead_letter::FailedDispatch;
use crate::id::{EntityId, RunId};
use crate::journal::Journal;
use crate::payload::Payload;
use crate::run::{RunState, RunSummary};

/// What somebody has asked and not heard yet.
#[derive(Debug)]
pub(super) enum Asked {
    /// A start, with its key and input.
    Start {
        id: RunId,
        key: Option<(EntityId, Payload)>,
        answer: oneshot::Receiver<Result<Begun, Refusal>>,
        ended: oneshot::Receiver<Ended>,
    },
    /// How a run ends, after it has been opened again so often.
    End {
        id: RunId,
        since: usize,
        answer: oneshot::Receiver<Ended>,
    },
    Watch {
        id: RunId,
        since: usize,
        answer: oneshot::Receiver<Option<oneshot::Receiver<Ended>>>,
    },
    /// Something of an operator, when it was asked.
    Order {
        id: RunId,
        what: Order,
        since: Since,
        answer: oneshot::Receiver<Result<(), String>>,
    },
    Look {
        id: RunId,
        since: Since,
        answer: oneshot::Receiver<Option<Box<Look>>>,
    },
    /// The runs of one shard.
    List {
        shard: usize,
        answer: oneshot::Receiver<Vec<RunSummary>>,
    },
}

/// What an operator wants of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Order {
    Cancel,
    Retry,
    Replay,
    Drop(FailedDispatch),
}

/// How often had landed what an order asks for, when it was asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Since {
    reopened: usize,
    cancelled: usize,
    replayed: usize,
    states: usize,
}

impl Since {
    pub(super) fn of(known: Option<&Known>) -> Self {
        Self {
            reopened: known.map_or(0, |known| known.reopened),
            cancelled: known.map_or(0, |known| known.cancelled),
            replayed: known.map_or(0, |known| known.replayed),
            states: known.map_or(0, |known| known.states.len().saturating_sub(1)),
        }
    }
}

/// What answers are held against.
pub(super) struct Hearing<'a> {
    pub(super) ledger: &'a mut Ledger,
    pub(super) store: &'a dyn Journal,
    /// Whether another process has taken the data over: then nothing need be answered any more.
    pub(super) fenced: bool,
}

impl Hearing<'_> {
    /// Hears what has been answered: what is still open, or what must not have been answered.
    pub(super) fn hear(&mut self, asked: Vec<Asked>) -> Result<Vec<Asked>, String> {
        let mut open = Vec::new();
        for asked in asked {
            open.extend(self.answered(asked)?);
        }
        Ok(open)
    }

    /// Hears one answer, if it is there. Gives back what is still open.
    fn answered(&mut self, asked: Asked) -> Result<Option<Asked>, String> {
        Ok(match asked {
            Asked::Start { id, key, mut answer, ended } => {
                match self.heard(answer.try_recv(), id)? {
                    None => Some(Asked::Start { id, key, answer, ended }),
                    Some(begun) => self.begun(id, key, begun, ended)?,
                }
            }
            Asked::End { id, since, mut answer } => match self.heard(answer.try_recv(), id)? {
                None => Some(Asked::End { id, since, answer }),
                Some(end) => self.ended(id, since, end)?,
            },
            Asked::Watch { id, since, mut answer } => match self.heard(answer.try_recv(), id)? {
                None => Some(Asked::Watch { id, since, answer }),
                Some(end) => end.map(|answer| Asked::End { id, since, answer }),
            },
            Asked::Order { id, what, since, mut answer } => {
                match self.heard(answer.try_recv(), id)? {
                    None => Some(Asked::Order { id, what, since, answer }),
                    Some(Err(_refused)) => None,
                    Some(Ok(())) => self.carried_out(id, what, since)?,
                }
            }
            Asked::Look { id, since, mut answer } => match self.heard(answer.try_recv(), id)? {
                None => Some(Asked::Look { id, since, answer }),
                Some(look) => self.looked(id, since, look)?,
            },
            Asked::List { shard, mut answer } => match self.heard(answer.try_recv(), shard)? {
                None => Some(Asked::List { shard, answer }),
                Some(list) => self.listed(&list)?,
            },
        })
    }

    fn known(&self, id: RunId) -> Result<&Known, String> {
        let known = self.ledger.runs.get(&id);
        known.ok_or_else(|| format!("I1: {id} was answered for and has not landed"))
    }

    /// A start has been answered. What is not a new run leaves no trace.
    fn begun(
        &mut self,
        id: RunId,
        key: Option<(EntityId, Payload)>,
        begun: Result<Begun, Refusal>,
        ended: oneshot::Receiver<Ended>,
    ) -> Result<Option<Asked>, String> {
        let owner = key.as_ref().and_then(|(key, _)| self.ledger.keys.get(key).copied());
        if let Ok(Begun::New) = begun {
            self.known(id)?;
            ensure!(key.is_none() || owner == Some(id), "I6: {id} has not got its key");
            return Ok(Some(Asked::End { id, since: 0, answer: ended }));
        }
        self.ledger.refused.insert(id);
        ensure!(!self.ledger.runs.contains_key(&id), "I13: {id} was refused, and has landed");
        match begun {
            Ok(Begun::New) | Err(Refusal::Unwell(_)) => Ok(None),
            Ok(Begun::Known(other, ended)) => {
                self.known(other)?;
                ensure!(owner == Some(other), "I6: {other} has not the key of {id}");
                Ok(ended.map(|answer| Asked::End { id: other, since: 0, answer }))
            }
            Err(Refusal::KeyTaken(other)) => {
                let input = key.map(|(_, input)| input);
                let known = self.ledger.runs.get(&other);
                let same = known.map(|known| &known.run.accepted().input) == input.as_ref();
                ensure!(!same, "I6: the key of {id} is refused for the same input");
                Ok(None)
            }
        }
    }

    /// Who waits is told an end that has landed, and none from before an answered retry.
    fn ended(&self, id: RunId, since: usize, ended: Ended) -> Result<Option<Asked>, String> {
        let is_loose = self.ledger.loose.contains(&id);
        let ends = self.ledger.runs.get(&id).map_or(&[][..], |known| &known.ends);
        let landed = ends.iter().any(|(state, output, opened)| {
            (*state, output, *opened >= since) == (ended.state, &ended.output, true)
        });
        ensure!(is_loose || landed, "A31: {id} ended {:?} after {since}: {ends:?}", ended.state);
        Ok(None)
    }

    /// What is shown of a run has landed, and nothing that had landed before the question is
    /// missing.
    fn looked(
        &self,
        id: RunId,
        since: Since,
        look: Option<Box<Look>>,
    ) -> Result<Option<Asked>, String> {
        let Some(look) = look else { return Ok(None) };
        let same = self.ledger.runs.get(&id).is_some_and(|known| {
            let mut states = known.states.iter().skip(since.states).rev();
            states.any(|run| {
                run.summary() == look.summary && run.history(&known.plan) == look.history
            })
        });
        ensure!(same, "A31: {id} is shown as {:?}", look.summary);
        Ok(None)
    }

    fn listed(&self, list: &[RunSummary]) -> Result<Option<Asked>, String> {
        let same = |summary: &RunSummary| {
            if self.ledger.volatile.contains(&summary.id) {
                return true;
            }
            let known = self.ledger.runs.get(&summary.id);
            let mut states = known.into_iter().flat_map(|known| known.states.iter().rev());
            states.any(|run| run.summary() == *summary)
        };
        let wrong = list.iter().find(|summary| !same(summary));
        ensure!(wrong.is_none(), "A31: {wrong:?} is listed");
        Ok(None)
    }

    /// An order has been answered with yes: it must have landed.
    fn carried_out(
        &mut self,
        id: RunId,
        what: Order,
        since: Since,
    ) -> Result<Option<Asked>, String> {
        let known = self.known(id)?;
        let state = known.run.state();
        let reopened = known.reopened > since.reopened;
        let replayed = known.replayed > since.replayed;
        let landed = match what {
            // Of a run that has ended there is nothing to cancel.
            Order::Cancel => known.cancelled > since.cancelled || !known.ends.is_empty(),
            // Of a run that has succeeded meanwhile there is nothing to do again.
            Order::Retry => reopened || state == RunState::Succeeded,
            // A retry takes the letter away.
            Order::Replay => replayed || reopened,
            Order::Drop(failed) => {
                reopened || replayed || !letters(self.store)?.contains(&letter_of(failed))
            }
        };
        ensure!(landed, "A1: {what:?} of {id} was answered and has not landed: it is {state:?}");
        let opened = known.reopened + known.replayed;
        if let Some(known) = self.ledger.runs.get_mut(&id)
            && matches!(what, Order::Retry | Order::Replay)
        {
            known.answered = opened;
        }
        Ok(None)
    }

    fn heard<T>(
        &self,
        answer: Result<T, TryRecvError>,
        whose: impl std::fmt::Display,
    ) -> Result<Option<T>, String> {
        match answer {
            Ok(answer) => Ok(Some(answer)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Closed) if self.fenced => Ok(None),
            Err(TryRecvError::Closed) => Err(format!("whoever asked about {whose} hears nothing")),
        }
    }
}
