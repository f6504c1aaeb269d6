//! One data shard in the hands of its owner: its fence, where its log ends, what is on its way.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use super::intake::Release;
use crate::id::{RunId, Seq};
use crate::journal::{Batch, Fence, Tail};

/// A data shard.
pub(crate) struct Part {
    pub(super) fence: Fence,
    /// Another owner has it: nothing of it is here any more.
    pub(super) fenced: bool,
    /// What this drain has decided.
    pub(super) batch: Batch,
    /// What waits until the batch, or the last one on its way, is durable.
    pub(super) gated: Vec<Release>,
    /// Runs of which all that is needed begins with a record of the batch.
    pub(super) based: Vec<(RunId, Seq)>,
    /// Whether this drain has touched it.
    pub(super) touched: bool,
    /// Whether relaxed runs wait for the disk too, until it has caught up.
    pub(super) late: bool,
    /// Batches on their way, oldest first.
    pub(super) pending: VecDeque<Pending>,
    /// The oldest records needed, with entries that may be stale.
    pub(super) needed: BinaryHeap<Reverse<(Seq, RunId)>>,
    /// Those of them from which on the runs are being written anew: needed until that is durable.
    pub(super) leaving: BinaryHeap<Reverse<(Seq, RunId)>>,
    /// Live runs whose records begin here or before are to be written anew.
    pub(super) rewrite_to: Seq,
    /// Live runs that have records.
    pub(super) live: u64,
    /// The record behind the last one that is durable.
    pub(super) durable_to: Seq,
    /// What the journal was told last that is needed.
    pub(super) released: (Seq, u64),
}

/// A batch on its way.
pub(crate) struct Pending {
    /// Kept until it is durable, to be appended anew if it does not land.
    pub(super) batch: Arc<Batch>,
    pub(super) releases: Vec<Release>,
    pub(super) based: Vec<(RunId, Seq)>,
}

impl Part {
    pub(super) fn new(fence: Fence, tail: Tail) -> Self {
        Self {
            fence,
            fenced: false,
            batch: Batch::after(tail),
            gated: Vec::new(),
            based: Vec::new(),
            touched: false,
            late: false,
            pending: VecDeque::new(),
            needed: BinaryHeap::new(),
            leaving: BinaryHeap::new(),
            rewrite_to: Seq(0),
            live: 0,
            durable_to: Seq(tail.seq + 1),
            released: (Seq(0), 0),
        }
    }

    /// The next record holds all that is needed of the run.
    pub(super) fn base(&mut self, run: RunId) {
        self.based.push((run, self.batch.next()));
    }

    /// Whether something is on its way, or will be with this drain.
    pub(super) fn is_pending(&self) -> bool {
        !self.pending.is_empty() || !self.batch.is_empty()
    }

    /// Takes what this drain has decided: a batch to be handed over. Where it has only things to
    /// release, they wait for the last batch on its way, or are given back.
    pub(super) fn take(&mut self) -> Result<Arc<Batch>, Vec<Release>> {
        self.touched = false;
        if self.batch.is_empty() {
            let mut releases = std::mem::take(&mut self.gated);
            return Err(match self.pending.back_mut() {
                Some(last) => {
                    last.releases.append(&mut releases);
                    releases
                }
                None => releases,
            });
        }
        let next = Batch::after(self.batch.tail());
        let batch = Arc::new(std::mem::replace(&mut self.batch, next));
        self.pending.push_back(Pending {
            batch: Arc::clone(&batch),
            releases: std::mem::take(&mut self.gated),
            based: std::mem::take(&mut self.based),
        });
        Ok(batch)
    }

    /// Drops everything: another owner has the shard.
    pub(super) fn fence_off(&mut self) {
        self.fenced = true;
        self.gated.clear();
        self.based.clear();
        self.pending.clear();
        self.needed.clear();
        self.leaving.clear();
        self.live = 0;
        self.late = false;
        self.batch = Batch::after(Tail::default());
    }
}
