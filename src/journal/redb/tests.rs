mod folder;

use super::*;
use crate::journal::{Appended, Batch};
use crate::run::RunState;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR").to_owned() + "/target").unwrap()
}

/// A run of shard 0.
fn run_id(n: u64) -> RunId {
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&n.to_be_bytes()[2..]);
    RunId::from_bytes(bytes)
}

/// An owner of shard 0, as the journal has it.
struct Owner<'a> {
    journal: &'a RedbJournal,
    fence: Fence,
    tail: Tail,
}

impl<'a> Owner<'a> {
    fn of(journal: &'a RedbJournal) -> Self {
        let fence = journal.acquire(&[ShardId::of(0)], Timestamp::default()).unwrap()[0];
        let tail = journal.replay(&mut |_, _| {}).unwrap().tails[0];
        Self { journal, fence, tail }
    }

    /// Hands over; the answer comes later.
    fn hand_over(&mut self, urgency: Urgency, fill: impl FnOnce(&mut Batch)) -> Told {
        let mut batch = Batch::after(self.tail);
        fill(&mut batch);
        self.tail = batch.tail();
        let (tell, told) = sync_channel(1);
        let done = move |mut results: Vec<Appended>| tell.send(results.remove(0)).unwrap();
        self.journal.append(vec![(self.fence, Arc::new(batch))], urgency, Box::new(done));
        Told(told)
    }

    fn append(&mut self, fill: impl FnOnce(&mut Batch)) -> Appended {
        self.hand_over(Urgency::Now, fill).wait()
    }

    fn events(&mut self, run: u64, body: &str) -> Appended {
        self.append(|batch| events(batch, run, body))
    }
}

struct Told(std::sync::mpsc::Receiver<Appended>);

impl Told {
    fn wait(&self) -> Appended {
        self.0.recv().unwrap()
    }
}

fn events(batch: &mut Batch, run: u64, body: &str) {
    batch.events(run_id(run), |to| to.extend_from_slice(body.as_bytes()));
}

fn landed(result: Appended) -> u64 {
    match result {
        Appended::Landed(first) => first.0,
        other @ (Appended::NotLanded(_) | Appended::Fenced | Appended::Unknown(_)) => {
            panic!("{other:?}")
        }
    }
}

fn records(journal: &RedbJournal) -> Vec<(u64, RunId, Bytes)> {
    let mut all = Vec::new();
    let replayed = journal.replay(&mut |seq, record| {
        all.push((seq.0, RunId::from(record.entity), record.body));
    });
    assert_eq!(replayed.unwrap().damages, []);
    all
}

fn summary(n: u64, workflow: &str, state: RunState) -> RunSummary {
    let at = Timestamp::from_micros(i64::try_from(n * 1_000).unwrap());
    RunSummary {
        id: run_id(n),
        workflow: Name::new(workflow).unwrap(),
        definition: DefinitionHash([9; 16]),
        state,
        accepted: at,
        ended: Some(at),
        failure: None,
    }
}

/// What a check finds in a folder whose states are any bytes.
fn check(folder: &Path) -> Result<Report, JournalError> {
    check::check_folder(folder, |_, _| Ok(()))
}

fn archive(batch: &mut Batch, summary: &RunSummary, state: &str) {
    batch.archive(summary, None, |to| to.extend_from_slice(state.as_bytes()));
}

#[test]
fn what_was_acknowledged_is_read_again_in_order() {
    let folder = folder();
    let journal = RedbJournal::open(folder.path(), &Options::default()).unwrap();
    let mut owner = Owner::of(&journal);
    let first = owner.append(|batch| {
        events(batch, 1, "a");
        events(batch, 2, "b");
    });
    assert_eq!(landed(first), 1);
    let large = "x".repeat(100_000);
    let second = owner.append(|batch| {
        events(batch, 1, &large);
        events(batch, 1, "c");
    });
    assert_eq!(landed(second), 3);
    let record = |seq, run, body: &str| (seq, run_id(run), Bytes::copy_from_slice(body.as_bytes()));
    let expected = [record(1, 1, "a"), record(2, 2, "b"), record(3, 1, &large), record(4, 1, "c")];
    assert!(records(&journal) == expected);
    drop(journal);
    let journal = RedbJournal::open(folder.path(), &Options::default()).unwrap();
    assert!(records(&journal) == expected);
    assert_eq!(landed(Owner::of(&journal).events(1, "d")), 5);
}

#[test]
fn an_owner_that_was_followed_is_fenced_and_a_gap_is_refused() {
    let folder = folder();
    let journal = RedbJournal::open(folder.path(), &Options::default()).unwrap();
    let mut old = Owner::of(&journal);
    landed(old.events(1, "a"));
    let mut new = Owner::of(&journal);
    assert!(new.fence.epoch > old.fence.epoch);
    assert!(matches!(old.events(1, "b"), Appended::Fenced));
    assert_eq!(landed(new.events(1, "c")), 2);
    new.tail.seq += 1;
    assert!(matches!(new.events(1, "d"), Appended::NotLanded(JournalError::Gap { .. })));
    assert_eq!(journal.tail(ShardId::of(0)).seq, 2);
}

#[test]
fn a_finished_run_is_found_and_listed_before_and_after_it_is_moved() {
    let folder = folder();
    let journal = RedbJournal::open(folder.path(), &Options::default()).unwrap();
    let mut owner = Owner::of(&journal);
    let mut told = Vec::new();
    for n in 1..=2_500u64 {
        let state = if n % 10 == 0 { RunState::Failed } else { RunState::Succeeded };
        let summary = summary(n, if n % 2 == 0 { "even" } else { "odd" }, state);
        let urgency = if n % 500 == 0 { Urgency::Now } else { Urgency::Lazy };
        told.push(
            owner.hand_over(urgency, |batch| archive(batch, &summary, &format!("state {n}"))),
        );
    }
    for told in told {
        landed(told.wait());
    }
    landed(owner.append(|batch| batch.reopen(run_id(77), |_| ())));
    assert_eq!(journal.stats().archived, 2_499);
    assert_eq!(journal.archived(run_id(77)).unwrap(), None);
    assert_eq!(journal.archived(run_id(1_234)).unwrap().unwrap().1, "state 1234");
    let filter = RunFilter {
        workflow: Name::new("even"),
        state: Some(RunState::Failed),
        since: Some(Timestamp::from_micros(2_400_000)),
        limit: 5,
    };
    let ids = |filter| journal.list(filter).unwrap().iter().map(|run| run.id).collect::<Vec<_>>();
    assert_eq!(ids(&filter), [2_500, 2_490, 2_480, 2_470, 2_460].map(run_id));
    let filter = RunFilter { state: Some(RunState::Failed), limit: 3, ..RunFilter::default() };
    assert_eq!(ids(&filter), [2_500, 2_490, 2_480].map(run_id));
}

#[test]
fn runs_leave_the_archive_by_age_but_not_the_last_ones_nor_those_with_letters_or_keys() {
    let folder = folder();
    let journal = RedbJournal::open(folder.path(), &Options::default()).unwrap();
    let mut owner = Owner::of(&journal);
    let letter = LetterId { run: run_id(3), dispatch: 1 };
    for n in 1..=400u64 {
        let summary = summary(n, "w", if n == 2 { RunState::Failed } else { RunState::Succeeded });
        let kept = (n == 4).then(|| Timestamp::from_micros(i64::MAX));
        landed(owner.append(|batch| batch.archive(&summary, kept, |to| to.extend([1; 5_000]))));
    }
    landed(owner.append(|batch| batch.letter(letter, Some("letter".into()))));
    let rest = journal.stats();
    let keep = Keep {
        now: Timestamp::from_micros(10_000_000),
        succeeded: Some(Duration::from_secs(1)),
        others: Some(Duration::from_secs(100)),
        at_least: 50,
    };
    let name = Name::new("w").unwrap();
    let mut deleted = Vec::new();
    loop {
        let page = journal.expired(&name, &keep, 64).unwrap();
        if page.is_empty() {
            break;
        }
        landed(owner.append(|batch| page.iter().for_each(|run| batch.delete(*run))));
        deleted.extend(page);
    }
    // What waits in the outbox is looked at when it has been moved.
    assert!(deleted.len() > 250, "{}", deleted.len());
    assert!(deleted.iter().all(|run| *run < run_id(351) && ![2, 3, 4].map(run_id).contains(run)));
    assert_eq!(journal.stats().archived, 400 - u64::try_from(deleted.len()).unwrap());
    assert!(deleted.iter().all(|run| journal.archived(*run).unwrap().is_none()));
    assert_eq!(journal.archived_workflows().unwrap(), [name]);
    drop((journal, rest));
    assert_eq!(check(folder.path()).unwrap().damages, []);
}

#[test]
fn a_version_is_unused_when_no_archived_run_has_it() {
    let folder = folder();
    let journal = RedbJournal::open(folder.path(), &Options::default()).unwrap();
    let mut owner = Owner::of(&journal);
    let [used, unused] = [[9; 16], [8; 16]].map(DefinitionHash);
    landed(owner.append(|batch| {
        batch.definition(used, Some("used".into()));
        batch.definition(unused, Some("unused".into()));
        archive(batch, &summary(1, "w", RunState::Failed), "state");
    }));
    let all = journal.definitions(None, 10).unwrap();
    assert_eq!(all, [unused, used]);
    assert_eq!(journal.unused_definitions(all).unwrap(), [unused]);
    landed(owner.append(|batch| batch.definition(unused, None)));
    assert_eq!(journal.definition(unused).unwrap(), None);
    assert_eq!(journal.definition(used).unwrap().unwrap(), "used");
}

#[test]
fn a_key_stays_with_its_run_until_it_expires() {
    let folder = folder();
    let journal = RedbJournal::open(folder.path(), &Options::default()).unwrap();
    let mut owner = Owner::of(&journal);
    let key = EntityId::from_bytes([0; 16]);
    let entry = |run, at, until| {
        let [at, until] = [at, until].map(Timestamp::from_micros);
        Some(KeyEntry { run: run_id(run), input: [1; 16], at, until })
    };
    landed(owner.append(|batch| batch.key(key, entry(1, 10, 100))));
    landed(owner.append(|batch| batch.key(key, entry(2, 50, 200))));
    assert_eq!(journal.key(key).unwrap(), entry(1, 10, 100), "insert if absent");
    landed(owner.append(|batch| batch.key(key, entry(1, 60, 300))));
    assert_eq!(journal.expired_keys(Timestamp::from_micros(300), 10).unwrap(), []);
    assert_eq!(journal.expired_keys(Timestamp::from_micros(301), 10).unwrap(), [key]);
    landed(owner.append(|batch| batch.key(key, entry(2, 300, 400))));
    assert_eq!(journal.key(key).unwrap(), entry(2, 300, 400));
    landed(owner.append(|batch| batch.key(key, None)));
    assert_eq!(journal.key(key).unwrap(), None);
}

#[test]
fn a_run_that_is_set_aside_keeps_its_records_and_pins_nothing() {
    let folder = folder();
    let journal = RedbJournal::open(folder.path(), &Options::default()).unwrap();
    let mut owner = Owner::of(&journal);
    landed(owner.append(|batch| {
        events(batch, 1, "one");
        events(batch, 2, "another's");
    }));
    let damaged = Damaged {
        run: run_id(1),
        at: Timestamp::default(),
        version: "1".into(),
        reason: "a test".into(),
        whole: true,
        workflow: None,
        accepted: None,
    };
    landed(owner.append(|batch| {
        events(batch, 1, "two");
        batch.set_aside(damaged.clone());
    }));
    assert_eq!(journal.damaged(None, 10).unwrap(), [damaged]);
    let bodies = journal.damaged_records(run_id(1)).unwrap();
    let bodies: Vec<_> = bodies.iter().map(|record| record.body.as_ref()).collect();
    assert_eq!(bodies[..2], [b"one", b"two"]);
    let listed = journal.list(&RunFilter::default()).unwrap();
    assert_eq!((listed[0].id, listed[0].state), (run_id(1), RunState::Damaged));
    landed(owner.append(|batch| batch.restore(run_id(1), |_| ())));
    assert_eq!(journal.damaged(None, 10).unwrap(), []);
}

#[test]
fn the_head_of_the_log_is_cut_behind_what_every_shard_needs() {
    let folder = folder();
    let journal = RedbJournal::open(folder.path(), &Options::default()).unwrap();
    let mut owner = Owner::of(&journal);
    let fill = |owner: &mut Owner<'_>, times| {
        (0..times).map(|n| landed(owner.events(n, "events"))).sum::<u64>()
    };
    fill(&mut owner, 100);
    assert_eq!(journal.stats().records, 100, "the owner has not said what it needs");
    journal.release(owner.fence, Seq(50), 1);
    fill(&mut owner, 1);
    assert_eq!(journal.stats().records, 101 - 49);
    journal.release(owner.fence, Seq(102), 0);
    fill(&mut owner, 1);
    assert!(journal.stats().records < 5);
    drop(journal);
    let journal = RedbJournal::open(folder.path(), &Options::default()).unwrap();
    let owner = Owner::of(&journal);
    assert_eq!(owner.tail.seq, 102);
}

#[test]
fn a_log_that_one_run_keeps_long_asks_for_it_to_be_written_anew() {
    let folder = folder();
    let mut pressed = false;
    for _life in 0..6 {
        let journal = RedbJournal::open(folder.path(), &Options::default()).unwrap();
        let mut owner = Owner::of(&journal);
        let pinned = if owner.tail.seq == 0 { 1 } else { owner.tail.seq };
        journal.release(owner.fence, Seq(1), 1);
        let before = journal.pressure();
        for n in 0..60 {
            landed(owner.events(n, "events"));
        }
        if journal.pressure() > before {
            pressed = true;
            assert!(journal.rewrite_to(ShardId::of(0)) >= Seq(1), "{pinned}");
        }
    }
    assert!(pressed, "a log of six lives is long");
}

#[test]
fn a_lazy_drain_rides_along_or_goes_alone_soon() {
    let folder = folder();
    let journal = RedbJournal::open(folder.path(), &Options::default()).unwrap();
    let mut owner = Owner::of(&journal);
    let lazy = owner.hand_over(Urgency::Lazy, |batch| events(batch, 1, "a"));
    landed(owner.events(2, "b"));
    landed(lazy.wait());
    assert_eq!(journal.stats().commits, 1);
    landed(owner.hand_over(Urgency::Lazy, |batch| events(batch, 1, "c")).wait());
    assert_eq!(journal.stats().commits, 2);
}

#[test]
fn a_closed_journal_refuses_and_answers_everyone() {
    let folder = folder();
    let journal = RedbJournal::open(folder.path(), &Options::default()).unwrap();
    let mut owner = Owner::of(&journal);
    journal.close();
    assert!(matches!(owner.events(1, "a"), Appended::NotLanded(JournalError::Closed)));
    assert!(matches!(journal.recover(), Err(JournalError::Closed)));
    assert!(matches!(journal.replay(&mut |_, _| {}), Err(JournalError::Closed)));
}
