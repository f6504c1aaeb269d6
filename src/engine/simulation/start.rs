//! What a start reads, and what it leaves for whoever asks.

use std::sync::Arc;

use bytes::Bytes;

use super::life::Life;
use super::store::{Ground, land, take_over};
use crate::clock::Clock;
use crate::id::{DefinitionHash, RunId, ShardId};
use crate::journal::{Appended, Batch, LetterId, MemoryJournal, Tail};
use crate::luck::Luck;

#[test]
fn a_start_reads_no_version_that_nothing_runs_and_no_dead_letter() {
    let clock = Clock::system();
    let ground = Ground::Memory(Arc::new(MemoryJournal::new()));
    let store = ground.open().unwrap();
    let shard = ShardId::of(0);
    let fence = take_over(store.as_ref(), clock.now())[shard.index()];
    let mut batch = Batch::after(Tail::default());
    for number in 0..30 {
        let run = RunId::new(clock.now(), shard);
        // What nobody reads may be anything.
        batch.definition(DefinitionHash([number; 16]), Some(Bytes::from_static(b"a version")));
        batch.letter(LetterId { run, dispatch: 1 }, Some(Bytes::from_static(b"a letter")));
    }
    assert!(matches!(land(store.as_ref(), fence, &Arc::new(batch)), Appended::Landed(_)));
    let (life, recovery) = Life::start(&ground, (&[], 2), clock, (Luck::new(0), None)).unwrap();
    assert!(recovery.damage.is_empty());
    let read = life.port.inner();
    assert_eq!((read.definitions_read, read.letters_read), (0, 0));
}
