//! The list of faults that are open, held against the tests that are ignored.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Where tests of faults stand.
const FOLDERS: [&str; 2] = ["tests/faults", "crates/windlass-cli/tests/faults"];

#[test]
fn the_list_of_open_faults_is_that_of_the_ignored_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let list = std::fs::read_to_string(root.join("tests/faults/open.txt")).unwrap();
    let listed: Vec<&str> = list.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(listed.is_sorted_by_key(|id| number(id)), "the list is not in order: {listed:?}");
    let listed: BTreeSet<String> = listed.into_iter().map(ToOwned::to_owned).collect();

    let mut ignored = BTreeSet::new();
    for file in FOLDERS.into_iter().flat_map(|folder| sources(&root.join(folder))) {
        let text = std::fs::read_to_string(&file).unwrap();
        for (at, line) in text.lines().enumerate() {
            let Some(rest) = line.trim_start().strip_prefix("#[ignore") else { continue };
            let id = rest.strip_prefix(" = \"").and_then(|rest| rest.strip_suffix("\"]"));
            let id = id.filter(|id| number(id).is_some());
            let place = format!("{}:{}", file.display(), at + 1);
            ignored
                .insert(id.unwrap_or_else(|| panic!("{place}: not #[ignore = \"A1\"]")).to_owned());
        }
    }
    let unlisted: Vec<_> = ignored.difference(&listed).collect();
    assert!(
        unlisted.is_empty(),
        "ignored, but not in open.txt, which may only shrink: {unlisted:?}"
    );
    let mended: Vec<_> = listed.difference(&ignored).collect();
    assert!(
        mended.is_empty(),
        "no test of these is ignored, take them out of open.txt: {mended:?}"
    );
}

/// `A7` as a letter and a number; `None` for anything else.
fn number(id: &str) -> Option<(char, u32)> {
    let letter = id.chars().next().filter(|letter| matches!(letter, 'A' | 'B'))?;
    Some((letter, id[1..].parse().ok()?))
}

/// The Rust files of a folder; none where it is not there.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = folder.read_dir() else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}
