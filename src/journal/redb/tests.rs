use super::*;
use crate::id::Name;
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
            journal.append(batch, Box::new(|result| assert!(result.is_ok())));
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

fn refusal(folder: &Path) -> String {
    let refused = RedbJournal::open(folder, &Options::default()).unwrap_err().to_string();
    refused.replace(&folder.display().to_string(), "<folder>")
}

#[test]
fn a_folder_in_use_is_refused_with_the_process_that_has_it() {
    let folder = folder();
    let journal = RedbJournal::open(folder.path(), &Options::default()).unwrap();
    let pid = std::process::id();
    let expected = format!(
        "the data folder <folder> is in use by another process (pid {pid}); stop that one, or \
         name another folder with --data"
    );
    assert_eq!(refusal(folder.path()), expected);
    journal.close();
    RedbJournal::open(folder.path(), &Options::default()).unwrap();
}

#[test]
fn a_folder_that_is_newer_or_none_or_damaged_is_refused_in_a_sentence() {
    let folder = folder();
    drop(RedbJournal::open(folder.path(), &Options::default()).unwrap());
    let format = folder.path().join("FORMAT");
    let text = std::fs::read_to_string(&format).unwrap();
    let refused = |text: &str| {
        std::fs::write(&format, text).unwrap();
        refusal(folder.path())
    };
    let mut all = vec![refused(&text.replace("format 1", "format 2")), refused("nonsense")];
    std::fs::write(&format, &text).unwrap();
    let file = folder.path().join("journal.redb");
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..10]).unwrap();
    all.push(refusal(folder.path()));
    std::fs::remove_file(&file).unwrap();
    all.push(refusal(folder.path()));
    all.push(refusal(&format).replace("<folder>", "<file>"));
    expect_test::expect![[r#"
        the data folder <folder> has format 2, and this windlass reads up to 1; use a newer windlass
        the journal <folder>/FORMAT is damaged: it does not say which format the folder has; restore a backup, or move the folder away to start anew
        the journal <folder>/journal.redb is damaged: it ends too early; restore a backup, or move the folder away to start anew
        the journal <folder>/journal.redb is damaged: it is missing; restore a backup, or move the folder away to start anew
        the journal <file> cannot be written: it is not a folder; name another one with --data"#]].assert_eq(&all.join("\n"));
}

#[test]
fn a_backup_of_a_busy_journal_opens_and_is_sound() {
    let [folder, copy] = [(); 2].map(|()| folder());
    let journal = RedbJournal::open(folder.path(), &Options::default()).unwrap();
    for n in 1..=40u64 {
        let summary = summary(n, "w", RunState::Succeeded);
        let writes = vec![Write::Archive { summary, state: "state".into() }];
        let records = vec![record(n, "events")];
        let batch = Batch { records, writes, keep_from: Some(Lsn(1)), ..Batch::default() };
        append(&journal, batch).unwrap();
        if n == 30 {
            journal.backup(copy.path()).unwrap();
        }
    }
    assert!(journal.backup(copy.path()).is_err(), "a backup overwrites nothing");
    let report = check(copy.path()).unwrap();
    assert_eq!((report.records, report.damages), (30, vec![]));
    let copy = RedbJournal::open(copy.path(), &Options::default()).unwrap();
    assert_eq!((records(&copy).len(), copy.stats().archived), (30, 30));
    assert_eq!(copy.archived(run_id(30)).unwrap().unwrap().1, "state");
    drop(journal);
    assert_eq!(check(folder.path()).unwrap().damages, []);
}

#[test]
fn the_head_of_the_log_is_cut_behind_what_every_shard_needs() {
    let folder = folder();
    let options = Options { shards: 2, ..Options::default() };
    let journal = RedbJournal::open(folder.path(), &options).unwrap();
    let fill = |shard, keep_from, times| {
        for n in 0..times {
            let records = vec![record(n, "events")];
            append(&journal, Batch { shard, records, keep_from, ..Batch::default() }).unwrap();
        }
    };
    fill(0, None, 100);
    assert_eq!(journal.stats().records, 100, "the other shard has not reported yet");
    fill(1, Some(Lsn(50)), 1);
    fill(0, None, 1);
    assert_eq!(journal.stats().records, 102 - 49);
    fill(1, None, 30);
    assert!(journal.stats().records < 53);
}

#[test]
fn a_lazy_batch_rides_along_or_goes_alone_soon() {
    let folder = folder();
    let journal = RedbJournal::open(folder.path(), &Options::default()).unwrap();
    let lazy = || Batch { records: vec![record(1, "a")], lazy: true, ..Batch::default() };
    journal.append(lazy(), Box::new(|result| assert!(result.is_ok())));
    append(&journal, Batch { records: vec![record(2, "b")], ..Batch::default() }).unwrap();
    assert_eq!(journal.stats().commits, 1);
    append(&journal, lazy()).unwrap();
    assert_eq!(journal.stats().commits, 2);
}

#[test]
fn a_closed_journal_refuses_and_answers_everyone() {
    let folder = folder();
    let journal = RedbJournal::open(folder.path(), &Options::default()).unwrap();
    journal.close();
    assert!(matches!(append(&journal, Batch::default()), Err(JournalError::Closed)));
    assert!(matches!(journal.recover(), Err(JournalError::Closed)));
    assert!(matches!(journal.replay(&mut |_, _| {}), Err(JournalError::Closed)));
}
