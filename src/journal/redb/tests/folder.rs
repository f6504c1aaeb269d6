//! The folder and its files: refused, copied, for nobody else.

use super::*;
use crate::journal::Place;

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
fn a_folder_that_is_of_another_format_or_none_or_damaged_is_refused_in_a_sentence() {
    let folder = folder();
    drop(RedbJournal::open(folder.path(), &Options::default()).unwrap());
    let format = folder.path().join("FORMAT");
    let text = std::fs::read_to_string(&format).unwrap();
    let refused = |text: &str| {
        std::fs::write(&format, text).unwrap();
        refusal(folder.path())
    };
    let mut all = vec![
        refused(&text.replace("format 3", "format 4")),
        refused(&text.replace("format 3", "format 2")),
        refused("nonsense"),
    ];
    std::fs::write(&format, &text).unwrap();
    let file = folder.path().join("journal.redb");
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..10]).unwrap();
    all.push(refusal(folder.path()));
    std::fs::remove_file(&file).unwrap();
    all.push(refusal(folder.path()));
    all.push(refusal(&format).replace("<folder>", "<file>"));
    expect_test::expect![[r#"
        the data folder <folder> has format 4, and this windlass reads up to 3; use a newer windlass
        the data folder <folder> has format 2 of an early windlass, and this one reads format 3; let its runs end with the windlass that made it, or name another folder with --data
        the journal <folder>/FORMAT is damaged: it does not say which format the folder has; restore a backup, or move the folder away to start anew
        the journal <folder>/journal.redb is damaged: it ends too early; restore a backup, or move the folder away to start anew
        the journal <folder>/journal.redb is damaged: it is missing; restore a backup, or move the folder away to start anew
        the journal <file> cannot be written: it is not a folder; name another one with --data"#]].assert_eq(&all.join("\n"));
}

/// A folder whose archive holds runs, and a copy of its files.
fn with_archive(runs: u64) -> (tempfile::TempDir, BTreeMapOfFiles) {
    let folder = folder();
    let journal = RedbJournal::open(folder.path(), &Options::default()).unwrap();
    more_archive(&journal, runs);
    drop(journal);
    let files = files(folder.path());
    (folder, files)
}

type BTreeMapOfFiles = std::collections::BTreeMap<&'static str, Vec<u8>>;

fn files(folder: &Path) -> BTreeMapOfFiles {
    [JOURNAL_FILE, ARCHIVE_FILE]
        .map(|name| (name, std::fs::read(folder.join(name)).unwrap()))
        .into()
}

fn more_archive(journal: &RedbJournal, runs: u64) {
    let mut owner = Owner::of(journal);
    for n in 1..=runs {
        let summary = summary(n, "w", RunState::Failed);
        landed(owner.append(|batch| archive(batch, &summary, "state")));
    }
}

#[test]
fn files_that_do_not_belong_together_are_refused() {
    let (folder, old) = with_archive(40);
    let journal = RedbJournal::open(folder.path(), &Options::default()).unwrap();
    more_archive(&journal, 40);
    drop(journal);
    let new = files(folder.path());
    let (_other, foreign) = with_archive(40);
    let refused = |journal: &BTreeMapOfFiles, archive: &BTreeMapOfFiles| {
        std::fs::write(folder.path().join(JOURNAL_FILE), &journal[JOURNAL_FILE]).unwrap();
        std::fs::write(folder.path().join(ARCHIVE_FILE), &archive[ARCHIVE_FILE]).unwrap();
        let report = check(folder.path()).unwrap();
        assert!(!report.damages.is_empty(), "a check finds it too");
        refusal(folder.path())
    };
    let all = [refused(&old, &new), refused(&new, &old), refused(&new, &foreign)];
    expect_test::expect![[r#"
        the files in the data folder <folder>/ do not belong together: journal.redb is older than archive.redb beside it; put back the files of one backup together, or move the folder away to start anew
        the journal <folder>/archive.redb is damaged: runs that were moved to it are missing; restore a backup, or move the folder away to start anew
        the files in the data folder <folder>/ do not belong together: archive.redb is from another folder than journal.redb; put back the files of one backup together, or move the folder away to start anew"#]].assert_eq(&all.join("\n"));
    for name in [JOURNAL_FILE, ARCHIVE_FILE] {
        std::fs::write(folder.path().join(name), &old[name]).unwrap();
    }
    assert_eq!(check(folder.path()).unwrap().damages, [], "those of one backup are accepted");
}

/// The files as a kill would leave them at some moments, with the runs that there are then, and how
/// many rows the journal has deleted because the archive has them.
struct Moment {
    files: BTreeMapOfFiles,
    runs: Vec<(RunSummary, Bytes)>,
    moved: u64,
}

fn everything(journal: &RedbJournal) -> Vec<(RunSummary, Bytes)> {
    let filter = RunFilter { limit: 10_000, ..RunFilter::default() };
    let runs = journal.list(&filter).unwrap();
    runs.iter().map(|run| journal.archived(run.id).unwrap().unwrap()).collect()
}

/// Runs end, end again in another way, and are deleted; the archive takes them over one commit late.
fn moments(folder: &Path) -> Vec<Moment> {
    let journal = RedbJournal::open(folder, &Options::default()).unwrap();
    let mut owner = Owner::of(&journal);
    let mut moments = Vec::new();
    for n in 1..=6 {
        landed(owner.append(|batch| {
            archive(batch, &summary(n, "w", RunState::Failed), "state");
            archive(batch, &summary(n / 2 + 1, "w", RunState::Succeeded), &format!("again {n}"));
            if n % 3 == 0 {
                batch.delete(run_id(n - 1));
            }
        }));
        let mut take = || {
            let moved = journal.read(tables::moved).unwrap().row;
            moments.push(Moment { files: files(folder), runs: everything(&journal), moved });
        };
        if n > 1 {
            take();
        }
        journal.shared.outbox.settle().unwrap();
        take();
    }
    moments
}

/// An archive that is behind is what a kill before a move leaves: the outbox has all that it lacks.
/// Where the journal has deleted a row that it lacks, both are refused.
#[test]
fn an_older_archive_is_refused_or_lacks_nothing() {
    let (folder, mixed) = (folder(), folder());
    let moments = moments(folder.path());
    drop(RedbJournal::open(mixed.path(), &Options::default()).unwrap());
    let (mut accepted, mut refused) = (0, 0);
    for (later, new) in moments.iter().enumerate() {
        for old in &moments[..later] {
            for (name, files) in [(JOURNAL_FILE, &new.files), (ARCHIVE_FILE, &old.files)] {
                std::fs::write(mixed.path().join(name), &files[name]).unwrap();
            }
            match RedbJournal::open(mixed.path(), &Options::default()) {
                Ok(journal) => {
                    assert_eq!(everything(&journal), new.runs);
                    journal.shared.outbox.settle().unwrap();
                    assert_eq!(everything(&journal), new.runs, "moved once more");
                    drop(journal);
                    assert_eq!(check(mixed.path()).unwrap().damages, []);
                    accepted += 1;
                }
                Err(error) => {
                    assert!(error.to_string().contains("runs that were moved to it are missing"));
                    assert!(new.moved > 0, "it had deleted none");
                    refused += 1;
                }
            }
        }
    }
    assert!(accepted > 5 && refused > 5, "{accepted} accepted, {refused} refused");
}

/// Two copies of one folder that each went on: row for row they look alike.
#[test]
fn the_archive_of_a_copy_that_went_its_own_way_is_refused() {
    let (folder, start) = with_archive(40);
    let go_on = |name: &str| {
        for name in [JOURNAL_FILE, ARCHIVE_FILE] {
            std::fs::write(folder.path().join(name), &start[name]).unwrap();
        }
        let journal = RedbJournal::open(folder.path(), &Options::default()).unwrap();
        let mut owner = Owner::of(&journal);
        for n in 41..=80 {
            let summary = summary(n, name, RunState::Failed);
            landed(owner.append(|batch| archive(batch, &summary, "state")));
        }
        journal.shared.outbox.settle().unwrap();
        drop(journal);
        files(folder.path())
    };
    let (ours, theirs) = (go_on("ours"), go_on("theirs"));
    for (journal, archive) in [(&ours, &theirs), (&theirs, &ours)] {
        std::fs::write(folder.path().join(JOURNAL_FILE), &journal[JOURNAL_FILE]).unwrap();
        std::fs::write(folder.path().join(ARCHIVE_FILE), &archive[ARCHIVE_FILE]).unwrap();
        assert!(!check(folder.path()).unwrap().damages.is_empty(), "a check finds it too");
        let refused = refusal(folder.path());
        assert!(refused.contains("do not belong together"), "{refused}");
    }
}

/// Every checksum fits, and a question about the run would find an error all the same.
#[test]
fn a_check_reads_what_is_in_records_states_and_letters() {
    let (folder, run) = (folder(), run_id(1));
    let journal = RedbJournal::open(folder.path(), &Options::default()).unwrap();
    let mut owner = Owner::of(&journal);
    landed(owner.append(|batch| {
        batch.events(run, |to| to.extend_from_slice(b"no events"));
        batch.snapshot(run_id(2), |to| to.extend_from_slice(b"no state"));
        batch.letter(LetterId { run, dispatch: 7 }, Some("no letter".into()));
        archive(batch, &summary(3, "w", RunState::Failed), "no state");
    }));
    journal.shared.outbox.settle().unwrap();
    landed(owner.append(|batch| archive(batch, &summary(4, "w", RunState::Failed), "no state")));
    drop(journal);
    assert_eq!(check(folder.path()).unwrap().damages, [], "the files are sound");
    let damages = check::check(folder.path()).unwrap().damages;
    let found: Vec<_> = damages.iter().map(|damage| (damage.place, damage.run)).collect();
    let expected = [
        (Place::Log, run),
        (Place::Log, run_id(2)),
        (Place::DeadLetter, run),
        (Place::Archive, run_id(4)),
        (Place::Archive, run_id(3)),
    ];
    assert_eq!(found, expected.map(|(place, run)| (place, Some(run))), "{damages:?}");
}

#[test]
fn a_start_tells_of_finished_runs_that_cannot_be_read_before_they_are_moved() {
    let folder = folder();
    let journal = RedbJournal::open(folder.path(), &Options::default()).unwrap();
    let mut owner = Owner::of(&journal);
    for n in 1..=2 {
        let summary = summary(n, "w", RunState::Failed);
        landed(owner.append(|batch| archive(batch, &summary, "state")));
    }
    let written = journal.shared.journal.write(|txn| {
        let mut outbox = txn.open_table(tables::OUTBOX)?;
        let mut row = outbox.get(1)?.unwrap().value().to_vec();
        row[20] ^= 1;
        drop(outbox.insert(1, row.as_slice())?);
        Ok(())
    });
    written.unwrap();
    drop(journal);
    let journal = RedbJournal::open(folder.path(), &Options::default()).unwrap();
    let damages = journal.replay(&mut |_, _| {}).unwrap().damages;
    let told: Vec<_> = damages.iter().map(|damage| (damage.place, damage.what.as_str())).collect();
    let what = "row 1 of the outbox: its summary does not fit its checksum";
    assert_eq!(told, [(Place::Archive, what)]);
    assert_eq!(journal.list(&RunFilter::default()).unwrap().len(), 1);
}

#[test]
fn nobody_else_may_read_a_data_folder() {
    use std::os::unix::fs::PermissionsExt;
    let parent = folder();
    let folder = parent.path().join("data");
    let journal = RedbJournal::open(&folder, &Options::default()).unwrap();
    more_archive(&journal, 40);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn a_backup_of_a_busy_journal_opens_and_is_sound() {
    let [folder, copy] = [(); 2].map(|()| folder());
    let journal = RedbJournal::open(folder.path(), &Options::default()).unwrap();
    let mut owner = Owner::of(&journal);
    for n in 1..=40u64 {
        landed(
            owner.append(|batch| archive(batch, &summary(n, "w", RunState::Succeeded), "state")),
        );
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
