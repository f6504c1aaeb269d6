//! Damage in any file of a data folder is found by `db check`, or does no harm.

use std::fs;
use std::path::{Path, PathBuf};

use crate::bounded;
use crate::support::{Place, lines};

/// Runs that end large, so that many go to the archive, one after the other.
fn filled() -> Place {
    let place = Place::new();
    let text = "name = \"large\"\n[steps.a]\nrun = \"head -c 900000 /dev/zero | tr '\\\\0' x\"\n\
                [output]\nsize = \"${{ steps.a.output | length }}\"\n";
    place.file("large.toml", text);
    for _ in 0..5 {
        bounded(&place, &["run", "large.toml"]).code(0);
    }
    assert!(place.path().join(".windlass/archive.redb").exists(), "nothing was archived");
    place
}

/// A copy of a place's data folder.
fn copied(place: &Place, name: &str) -> PathBuf {
    let (from, to) = (place.path().join(".windlass"), place.path().join(name));
    if to.exists() {
        fs::remove_dir_all(&to).unwrap();
    }
    fs::create_dir(&to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(|entry| entry.unwrap()) {
        if entry.file_type().unwrap().is_file() && entry.file_name() != "lock" {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
    to
}

/// All that the command shows of all runs in a folder.
fn shown(place: &Place, folder: &str, runs: &[String]) -> Vec<String> {
    let call = |arguments: &[&str]| {
        let answer = bounded(place, arguments);
        format!("{} {}", answer.code, answer.out)
    };
    let mut shown = vec![call(&["runs", "--json", "--data", folder])];
    shown.extend(runs.iter().map(|run| call(&["show", run, "--json", "--data", folder])));
    shown
}

/// What a check says: whether it has found something.
fn finds(place: &Place, folder: &str) -> bool {
    let answer = bounded(place, &["db", "check", "--data", folder]);
    assert!(matches!(answer.code, 0 | 1), "{} {}", answer.code, answer.err);
    answer.code == 1
}

/// Damages a copy in many ways, each for itself, and holds the check against what is shown.
fn check(file: &str, damage: impl Fn(&mut Vec<u8>, usize), places: &[usize]) {
    let place = filled();
    let runs = bounded(&place, &["runs", "--json"]).code(0).out;
    let runs: Vec<String> =
        lines(&runs).iter().map(|run| run["id"].as_str().unwrap().to_owned()).collect();
    let copy = copied(&place, "copy");
    let sound = fs::read(copy.join(file)).unwrap();
    let expected = shown(&place, "copy", &runs);
    let mut missed = Vec::new();
    for permille in places {
        copied(&place, "copy");
        let mut bytes = sound.clone();
        damage(&mut bytes, sound.len() * permille / 1_000);
        let harmless = bytes == sound;
        write(&copy.join(file), &bytes);
        if !harmless && !finds(&place, "copy") && shown(&place, "copy", &runs) != expected {
            missed.push(*permille);
        }
    }
    assert!(
        missed.is_empty(),
        "{file}: \"nothing damaged\" at {missed:?} permille, and wrong answers"
    );
}

fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
}

/// Places all over a file, in permille of its length.
const PLACES: [usize; 10] = [0, 1, 5, 17, 97, 251, 433, 613, 743, 941];

#[test]
fn a_bit_that_flips_in_the_archive_is_found_or_does_no_harm() {
    check("archive.redb", |bytes, at| bytes[at] ^= 4, &PLACES);
}

#[test]
fn a_bit_that_flips_in_the_log_is_found_or_does_no_harm() {
    check("journal.redb", |bytes, at| bytes[at] ^= 4, &PLACES);
}

#[test]
fn a_page_that_is_shifted_or_empty_is_found_or_does_no_harm() {
    const PAGE: usize = 4096;
    let page = |at: usize| at / PAGE * PAGE;
    for file in ["archive.redb", "journal.redb"] {
        let shift = |bytes: &mut Vec<u8>, at: usize| {
            if page(at) + 2 * PAGE <= bytes.len() {
                bytes.copy_within(page(at)..page(at) + PAGE, page(at) + PAGE);
            }
        };
        check(file, shift, &PLACES);
        let empty = |bytes: &mut Vec<u8>, at: usize| {
            let end = bytes.len().min(page(at) + PAGE);
            bytes[page(at)..end].fill(0);
        };
        check(file, empty, &PLACES);
    }
}

#[test]
fn a_check_reads_every_finished_run() {
    let place = filled();
    let copy = copied(&place, "copy");
    let file = copy.join("archive.redb");
    let sound = fs::read(&file).unwrap();
    // In the middle of each result.
    let results: Vec<usize> = runs_of(&sound, b'x', 100_000);
    assert!(results.len() >= 2, "{} results in the archive", results.len());
    let mut missed = 0;
    for at in &results {
        let mut bytes = sound.clone();
        bytes[at + 50_000] ^= 1;
        copied(&place, "copy");
        write(&file, &bytes);
        missed += usize::from(!finds(&place, "copy"));
    }
    assert_eq!(missed, 0, "of {} damaged results", results.len());
}

/// Where so many equal bytes begin.
fn runs_of(bytes: &[u8], byte: u8, length: usize) -> Vec<usize> {
    let (mut found, mut begin) = (Vec::new(), None);
    for (at, other) in bytes.iter().enumerate() {
        match begin {
            None if *other == byte => begin = Some(at),
            Some(start) if *other != byte => {
                if at - start >= length {
                    found.push(start);
                }
                begin = None;
            }
            None | Some(_) => {}
        }
    }
    found
}

#[test]
fn a_folder_of_another_format_is_refused_with_a_sentence() {
    let place = Place::new();
    place.file("w.toml", "[steps.a]\nrun = \"true\"\n");
    bounded(&place, &["run", "w.toml"]).code(0);
    let format = place.read(".windlass/FORMAT");
    let (_, rest) = format.split_once("format ").unwrap();
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let number: u32 = rest[..digits].parse().unwrap();
    assert!(number > 1, "the format of the first version was 1");
    for other in [0, 1, number - 1, number + 1, 4_000_000_000] {
        if other == number {
            continue;
        }
        let (ours, theirs) = (format!("format {number}"), format!("format {other}"));
        place.file(".windlass/FORMAT", &format.replace(&ours, &theirs));
        for verb in [&["runs"][..], &["resume"], &["db", "check"], &["run", "w.toml"]] {
            let answer = bounded(&place, verb);
            assert_eq!(answer.code, 1, "{verb:?} on format {other}: {}", answer.err);
            assert!(answer.err.contains("format"), "{verb:?} on format {other}: {}", answer.err);
        }
    }
}
