//! Damage done to the files while nobody has them open: reported, never wrong data.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;

use super::check::check_on;
use super::crash::{CrashDisk, Luck};
use super::crash_tests::{Witness, each_seed, open};
use super::*;

/// A journal that was closed in good order, and what was handed over to it.
fn closed(seed: u64) -> (CrashDisk, Witness) {
    let (disk, mut witness) = (CrashDisk::new(seed), Witness::new(seed));
    let journal = open(&disk).unwrap();
    assert!(witness.work(&journal, 40));
    drop(journal);
    (disk, witness)
}

/// Reads all there is by the API. Err: something is wrong, and the API did not say so.
/// Ok: whether it reported damage.
fn read_all(disk: &CrashDisk, witness: &Witness) -> Result<bool, String> {
    let Ok(journal) = open(disk) else { return Ok(true) };
    let mut found = BTreeMap::new();
    let replayed = journal.replay(&mut |seq, record| {
        drop(found.insert((record.entity.shard(), seq.0), record));
    });
    let Ok(replayed) = replayed else { return Ok(true) };
    let reported = !replayed.damages.is_empty();
    let all: BTreeMap<_, _> = witness
        .given
        .iter()
        .flat_map(|given| {
            given.batch.records().into_iter().map(|(seq, r)| ((given.shard, seq.0), r))
        })
        .collect();
    if let Some((place, _)) = found.iter().find(|(place, record)| all.get(place) != Some(record)) {
        return Err(format!("record {place:?} is wrong"));
    }
    if !reported {
        for (shard, floor) in witness.floors() {
            let range = (shard, floor)..=(shard, u64::MAX);
            if all.range(range).any(|(place, _)| !found.contains_key(place)) {
                return Err("records are missing".to_owned());
            }
        }
    }
    read_beside(&journal, witness, reported)
}

fn read_beside(journal: &RedbJournal, witness: &Witness, told: bool) -> Result<bool, String> {
    let expected = witness.tables();
    let mut reported = told;
    for run in &witness.runs {
        match journal.archived(*run) {
            Err(_) => reported = true,
            Ok(found) if found.as_ref() == expected.archive.get(run) => {}
            Ok(None) if told => {}
            Ok(_) => return Err(format!("run {run} is wrong in the archive")),
        }
    }
    match journal.list(&RunFilter::default()) {
        Err(_) => reported = true,
        Ok(runs) => {
            let damaged = |run: &RunSummary| run.failure.is_some();
            reported |=
                runs.iter().any(|run| damaged(run) && !expected.damaged.contains_key(&run.id));
            let all: Vec<_> = expected.archive.values().map(|run| &run.0).collect();
            let wrong = runs.iter().any(|run| !damaged(run) && !all.contains(&run));
            if wrong || (!reported && runs.len() != all.len() + expected.damaged.len()) {
                return Err("the list is wrong".to_owned());
            }
        }
    }
    let letters = journal.letters(None, usize::MAX);
    reported |= read_table(letters, expected.letters, told)?;
    let damaged = journal.damaged(None, usize::MAX);
    let damaged = damaged.map(|all| all.into_iter().map(|one| (one.run, one)).collect());
    reported |= read_table(damaged, expected.damaged, told)?;
    for (key, entry) in expected.keys {
        reported |= read_one(journal.key(key), &entry)?;
    }
    for (hash, source) in expected.definitions {
        reported |= read_one(journal.definition(hash), &source)?;
    }
    Ok(reported)
}

fn read_one<V: Eq>(found: Result<Option<V>, JournalError>, expected: &V) -> Result<bool, String> {
    match found {
        Err(_) => Ok(true),
        Ok(found) if found.as_ref() == Some(expected) => Ok(false),
        Ok(_) => Err("a single entry is wrong".to_owned()),
    }
}

fn read_table<K: Ord, V: Eq>(
    found: Result<Vec<(K, V)>, JournalError>,
    expected: BTreeMap<K, V>,
    told: bool,
) -> Result<bool, String> {
    let Ok(found) = found else { return Ok(true) };
    let complete = found.len() == expected.len();
    if found.iter().any(|(key, value)| expected.get(key) != Some(value)) || !(complete || told) {
        return Err("a table is wrong".to_owned());
    }
    Ok(false)
}

/// Damages one of the files; says how.
fn damage(disk: &CrashDisk, luck: &mut Luck) -> String {
    let archive = luck.below(3) == 0 && disk.bytes(ARCHIVE_FILE) > 0;
    let file = if archive { ARCHIVE_FILE } else { JOURNAL_FILE };
    let size = disk.bytes(file);
    let (what, at) = (luck.below(8), luck.index(size));
    disk.damage(file, |bytes| match what {
        0 => bytes.truncate(at),
        1 => bytes[at / 4096 * 4096..].iter_mut().take(4096).for_each(|byte| *byte = 0),
        _ => bytes[at] ^= 1 << (at % 8),
    });
    format!(
        "{file}: {} at {at}",
        ["cut", "zero page", "bit"][usize::try_from(what.min(2)).unwrap()]
    )
}

#[test]
fn damage_is_reported_and_never_wrong_data() {
    let (reported, silent) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    each_seed(20, |seed| {
        let (disk, witness) = closed(seed);
        assert_eq!(read_all(&disk.copy(0), &witness), Ok(false), "it is sound before");
        let mut luck = Luck::new(seed);
        for _ in 0..50 {
            let damaged = disk.copy(seed);
            let how = damage(&damaged, &mut luck);
            match read_all(&damaged.copy(0), &witness) {
                Ok(told) => drop(reported.fetch_add(u64::from(told), Ordering::Relaxed)),
                // What the API cannot see, `check` must.
                Err(what) => match check_on(Arc::new(damaged.copy(0)), |_, _| Ok(())) {
                    Err(_) => {}
                    Ok(report) if !report.damages.is_empty() => {}
                    Ok(_) => silent.lock().unwrap().push(format!("seed {seed}, {how}: {what}")),
                },
            }
        }
    });
    assert!(reported.into_inner() > 50, "most of the damage hits free pages, but not all of it");
    assert_eq!(silent.into_inner().unwrap(), Vec::<String>::new());
}
