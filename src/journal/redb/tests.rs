use super::*;
use crate::id::{Name, ShardId};
use crate::journal::{RecordKind, Write};
use crate::run::RunState;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR").to_owned() + "/target").unwrap()
}

fn run_id(n: u64) -> RunId {
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&n.to_be_bytes()[2..]);
    bytes[15] = u8::try_from(n % 64).unwrap();
    RunId::from_bytes(bytes)
}

fn record(run: u64, body: &str) -> Record {
    Record { run: run_id(run), kind: RecordKind::Events, body: body.to_owned().into() }
}

fn append(journal: &RedbJournal, batch: Batch) -> Result<Lsn, JournalError> {
    let (tell, told) = sync_channel(1);
    journal.append(batch, Box::new(move |result| tell.send(result).unwrap()));
    told.recv().unwrap()
}

fn records(journal: &RedbJournal) -> Vec<(u64, Record)> {
    let mut all = Vec::new();
    let damages = journal.replay(&mut |lsn, record| all.push((lsn.0, record))).unwrap();
    assert_eq!(damages, []);
    all
}

fn summary(n: u64, workflow: &str, state: RunState) -> RunSummary {
    RunSummary {
        id: run_id(n),
        workflow: Name::new(workflow).unwrap(),
        definition: DefinitionHash::of(workflow),
        state,
        accepted: Timestamp::from_micros(i64::try_from(n * 1_000).unwrap()),
        ended: None,
        failure: None,
    }
}

#[test]
fn what_was_acknowledged_is_read_again_in_order() {
    let folder = folder();
    let journal = RedbJournal::open(folder.path(), &Options::default()).unwrap();
    let first = Batch { records: vec![record(1, "a"), record(2, "b")], ..Batch::default() };
    assert_eq!(append(&journal, first).unwrap(), Lsn(1));
    let large = "x".repeat(100_000);
    let second = Batch {
        records: vec![record(1, &large), record(1, "c")],
        keep_from: Some(Lsn(1)),
        ..Batch::default()
    };
    assert_eq!(append(&journal, second).unwrap(), Lsn(3));
    let expected =
        vec![(1, record(1, "a")), (2, record(2, "b")), (3, record(1, &large)), (4, record(1, "c"))];
    assert!(records(&journal) == expected);
    drop(journal);
    let journal = RedbJournal::open(folder.path(), &Options::default()).unwrap();
    assert!(records(&journal) == expected);
    assert_eq!(append(&journal, Batch::default()).unwrap(), Lsn(5));
}

#[test]
fn a_finished_run_is_found_and_listed_before_and_after_it_is_moved() {
    let folder = folder();
    let journal = RedbJournal::open(folder.path(), &Options::default()).unwrap();
    for n in 1..=2_500u64 {
        let state = if n % 10 == 0 { RunState::Failed } else { RunState::Succeeded };
        let workflow = if n % 2 == 0 { "even" } else { "odd" };
        let summary = summary(n, workflow, state);
        let write = Write::Archive { summary, state: format!("state {n}").into() };
        let batch = Batch { writes: vec![write], lazy: n % 500 != 0, ..Batch::default() };
        if n % 500 == 0 {
            append(&journal, batch).unwrap();
        } else {
            journal.append(batch, Box::new(|result| drop(result.unwrap())));
        }
    }
    append(
        &journal,
        Batch { writes: vec![Write::Unarchive { run: run_id(77) }], ..Batch::default() },
    )
    .unwrap();
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
