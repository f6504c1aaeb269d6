//! What operators do: starts, orders and questions, at random.

use std::time::Duration;

use tokio::sync::oneshot;

use super::operators::{Asked, Order, Since};
use super::world::World;
use crate::actors::shard::{self, Request, Start};
use crate::dead_letter::FailedDispatch;
use crate::definition::Durability;
use crate::id::{EntityId, RunId, ShardId};
use crate::luck::hash;
use crate::payload::Payload;
use crate::run::{Accepted, IdempotencyKey, RetryFrom, RunState};

impl World {
    /// Somebody wants something.
    pub(super) fn wish(&mut self) {
        let runs: Vec<RunId> = self.ledger.runs.keys().copied().collect();
        let dice = self.luck.below(100);
        if runs.is_empty() || (dice < 35 && !self.luck.percent(self.focus)) {
            return self.start();
        }
        let is_last = self.luck.percent(self.focus);
        let id = runs[if is_last { runs.len() - 1 } else { self.luck.index(runs.len()) }];
        let known = &self.ledger.runs[&id];
        let state = known.run.state();
        let letters: Vec<FailedDispatch> = known.letters().collect();
        match dice {
            35..45 => {
                let (reply, answer) = oneshot::channel();
                self.send(id, Request::Watch(id, reply));
                let since = self.ledger.runs.get(&id).map_or(0, |known| known.answered);
                self.asked.push(Asked::Watch { id, since, answer });
            }
            45..52 => {
                let since = Since::of(self.ledger.runs.get(&id));
                let (reply, answer) = oneshot::channel();
                self.send(id, Request::Look(id, reply));
                self.asked.push(Asked::Look { id, since, answer });
            }
            52..56 => {
                for (shard, inbox) in self.life.shared.shards.iter().enumerate() {
                    let (reply, answer) = oneshot::channel();
                    inbox.send(Request::Summaries(reply));
                    self.asked.push(Asked::List { shard, answer });
                }
            }
            56..66 => self
                .order(id, Order::Cancel, |answer| Request::Cancel(id, "at random".into(), answer)),
            66..80 if !letters.is_empty() => {
                let failed = letters[self.luck.index(letters.len())];
                self.order(id, Order::Replay, |answer| Request::Replay(failed, None, answer));
            }
            80..84 if !letters.is_empty() => {
                let failed = letters[self.luck.index(letters.len())];
                self.drop_letter(failed);
            }
            _ if state == RunState::Failed || state == RunState::Cancelled => {
                let from = if self.luck.percent(60) { RetryFrom::Failed } else { RetryFrom::Start };
                self.order(id, Order::Retry, |answer| Request::Retry(id, from, answer));
            }
            _ => self.start(),
        }
    }

    pub(super) fn drop_letter(&mut self, failed: FailedDispatch) {
        let id = failed.run;
        if let Some(known) = self.ledger.runs.get_mut(&id) {
            known.dropping.insert(failed);
        }
        self.order(id, Order::Drop(failed), |answer| {
            Request::DropLetter(failed, "at random".into(), answer)
        });
    }

    pub(super) fn order(
        &mut self,
        id: RunId,
        what: Order,
        request: impl FnOnce(shard::Answer) -> Request,
    ) {
        let since = Since::of(self.ledger.runs.get(&id));
        let (reply, answer) = oneshot::channel();
        self.send(id, request(reply));
        self.asked.push(Asked::Order { id, what, since, answer });
    }

    fn send(&self, id: RunId, request: Request) {
        if self.talks {
            println!("{} {request:?}", self.now);
        }
        self.life.shared.shard_of(id).send(request);
    }

    fn start(&mut self) {
        let plan = &self.plans[self.luck.index(self.plans.len())];
        let key = self.luck.percent(40).then(|| format!("k{}", self.luck.below(3)));
        let entity = key.as_ref().map(|key| EntityId::of_key("", &plan.name, key));
        let shard = entity.map_or_else(|| ShardId::of(self.luck.below(64)), EntityId::shard);
        let id = run_id(&mut self.ids, shard);
        let input = Payload::from_trusted(format!("{{\"n\":{}}}", self.luck.below(2)));
        let wait = if self.luck.percent(15) { self.luck.below(20) } else { 0 };
        let ttl = if self.luck.percent(40) { 1 + self.luck.below(5) } else { 3_600 * 24 * 365 };
        let ttl = Duration::from_secs(ttl);
        let accepted = Accepted {
            begin: self.now.after(Duration::from_secs(wait)),
            key: key.as_deref().map(|key| Box::new(IdempotencyKey::new(key, ttl, &input))),
            ..Accepted::new(&plan.name, plan.hash, id, (input.clone(), self.now))
        };
        let durability = plan.durability.unwrap_or(Durability::Strict);
        let workflow = self.life.shared.workflow_of(plan.hash).expect("it is registered");
        let ((waiter, ended), (reply, answer)) = (oneshot::channel(), oneshot::channel());
        let (waiter, reply) = (Some(waiter), Some(reply));
        let start = Start { id, workflow, accepted, durability, waiter, reply };
        self.send(id, Request::Start(Box::new(start)));
        match durability {
            Durability::Strict => {
                let key = entity.map(|key| (key, input));
                self.asked.push(Asked::Start { id, key, answer, ended });
            }
            Durability::Relaxed => drop(self.ledger.loose.insert(id)),
            Durability::Memory => {
                self.ledger.loose.insert(id);
                self.ledger.volatile.insert(id);
            }
        }
    }
}

/// The next id: the same for the same seed.
fn run_id(ids: &mut u64, shard: ShardId) -> RunId {
    *ids += 1;
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&ids.to_be_bytes());
    bytes[8..].copy_from_slice(&hash(&[*ids]).to_be_bytes());
    bytes[15] = (bytes[15] & !63) | u8::try_from(shard.index()).unwrap();
    RunId::from_bytes(bytes)
}
