//! What holds the project together: layers, homes of dependencies, lengths, habits. ARCHITECTURE.md
//! says why; the rules stand in `architecture/rules.rs`, and `architecture/bites.rs` shows each of
//! them something bad.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

#[path = "architecture/rules.rs"]
mod rules;
#[path = "architecture/source.rs"]
mod source;

#[path = "architecture/bites.rs"]
mod bites;

use source::{Problem, Source};

/// The crates that building the library alone may take, itself included.
const CRATES_MAX: usize = 90;

#[test]
fn each_layer_uses_only_those_above_it() {
    check(rules::layers);
}

#[test]
fn each_dependency_stays_at_home() {
    check(rules::homes);
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    refuse(rules::manifest("Cargo.toml", &manifest));
}

#[test]
fn files_and_functions_are_short() {
    check(rules::lengths);
}

#[test]
fn nothing_is_allowed_without_a_reason_or_left_undone() {
    check(rules::habits);
}

#[test]
fn only_the_clock_reads_the_time() {
    check(rules::clock);
}

#[test]
fn locks_come_from_one_place() {
    check(rules::locks);
}

#[test]
fn only_the_shell_spawns() {
    check(rules::spawns);
}

#[test]
fn the_engine_shows_no_dependency() {
    check(rules::public_types);
}

#[test]
fn every_crate_obeys_the_workspace_lints() {
    for manifest in manifests() {
        let text = std::fs::read_to_string(&manifest).unwrap();
        assert!(text.contains("[lints]\nworkspace = true"), "{}", manifest.display());
    }
}

#[test]
fn the_library_alone_takes_few_crates() {
    let tree = std::process::Command::new(env!("CARGO"))
        .args(["tree", "--package=windlass", "--edges=normal,build", "--prefix=none"])
        .args(["--format={p}", "--no-dedupe", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let text = String::from_utf8(tree.stdout).unwrap();
    let crates: std::collections::BTreeSet<&str> =
        text.lines().filter(|line| !line.is_empty()).collect();
    assert!(crates.len() <= CRATES_MAX, "{} crates, the limit is {CRATES_MAX}", crates.len());
}

/// Every Rust file of the project, read once for all tests.
static SOURCES: OnceLock<Vec<Source>> = OnceLock::new();

/// Shows every Rust file of the project to a rule.
fn check(rule: fn(&Source) -> Vec<Problem>) {
    let sources = SOURCES.get_or_init(sources);
    assert!(sources.len() > 10, "the scan sees only {} files", sources.len());
    refuse(sources.iter().flat_map(rule).collect());
}

fn refuse(problems: Vec<Problem>) {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "\n{}\n", lines.join("\n"));
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn manifests() -> Vec<PathBuf> {
    let crates = root().join("crates").read_dir().unwrap();
    let members = crates.map(|entry| entry.unwrap().path().join("Cargo.toml"));
    members.filter(|path| path.exists()).chain([root().join("Cargo.toml")]).collect()
}

fn sources() -> Vec<Source> {
    let mut files = Vec::new();
    for folder in ["src", "tests", "examples", "benches", "crates"] {
        collect(&root().join(folder), &mut files);
    }
    files.sort();
    files.iter().map(|path| read(path)).collect()
}

/// A module of unit tests (`src/run/tests.rs`, `src/run/tests/…`) is held to the rules of tests only.
fn read(path: &Path) -> Source {
    let name = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
    let inside = name
        .strip_prefix("src/")
        .filter(|rest| rest.split('/').any(|part| part == "tests" || part == "tests.rs"));
    let shown = inside.map_or_else(|| name.clone(), |rest| format!("tests/of/{rest}"));
    Source::new(&shown, &std::fs::read_to_string(path).unwrap())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = folder.read_dir() else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
