//! Sees a first poll that does not return: a handler that blocks or spins instead of waiting.
//!
//! A thread of its own, since such a handler may hold every thread of the runtime. In the worker's
//! place it tells the shards what has come of the attempts before and that this one runs, hands back
//! the jobs behind it, and ends the attempt by its timeout. It cannot stop the handler; the slot is
//! lost until that returns.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::desk::{AttemptKey, Desk};
use super::queue::Queue;
use super::shard;
use super::shared::Shared;
use super::worker::timed_out;
use crate::run::{self, Input};

/// How often it looks.
const TICK: Duration = Duration::from_millis(50);

/// Ends the thread when it is dropped.
#[derive(Debug)]
pub(crate) struct Watchdog(
    #[expect(dead_code, reason = "its drop is what the thread waits for")] Sender<()>,
);

/// Starts to watch the workers of an engine.
pub(crate) fn watch(shared: &Arc<Shared>) -> std::io::Result<Watchdog> {
    let (alive, ended) = channel();
    let shared = Arc::downgrade(shared);
    let thread = std::thread::Builder::new().name("windlass-watchdog".to_owned());
    thread.spawn(move || look_until(&ended, &shared))?;
    Ok(Watchdog(alive))
}

/// One worker's first poll, as seen so far.
#[derive(Debug, Default)]
struct Seen {
    key: Option<AttemptKey>,
    ticks: u32,
}

fn look_until(ended: &Receiver<()>, shared: &Weak<Shared>) {
    let mut seen: Vec<Vec<Seen>> = Vec::new();
    while ended.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
        let Some(shared) = shared.upgrade() else { return };
        seen.resize_with(shared.queues.len(), Vec::new);
        for (queue, seen) in shared.queues.iter().zip(&mut seen) {
            seen.resize_with(queue.desks.len(), Seen::default);
            for (desk, seen) in queue.desks.iter().zip(seen) {
                look(&shared, queue, desk, seen);
            }
        }
    }
}

fn look(shared: &Shared, queue: &Queue, desk: &Desk, seen: &mut Seen) {
    let Some(key) = desk.watch(|polling| polling.key) else {
        seen.key = None;
        return;
    };
    if seen.key != Some(key) {
        *seen = Seen { key: Some(key), ticks: 0 };
        return;
    }
    seen.ticks += 1;
    let spent = TICK * seen.ticks;
    let AttemptKey { run, unit, dispatch } = key;
    let news = desk.watch(|polling| {
        if polling.key != key || polling.ended {
            return None;
        }
        if let Some(timeout) = polling.timeout.filter(|timeout| spent >= *timeout) {
            polling.ended = true;
            let (started, ended) = (polling.since, polling.since.after(spent));
            let outcome = Err(timed_out(Some(timeout)));
            let attempt = run::Attempt { unit, dispatch, started, ended };
            return Some(Input::Finished { attempt, outcome });
        }
        let told = std::mem::replace(&mut polling.told, true);
        (!told).then(|| Input::started(unit, dispatch, polling.since))
    });
    let Some(Some(input)) = news else { return };
    if matches!(input, Input::Finished { .. }) {
        desk.count(false, spent);
    }
    desk.send_reports(&shared.shards);
    shared.shard_of(run).send(shard::Request::Input(run, input));
    queue.hand_back(desk);
}
