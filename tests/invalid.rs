//! Files that must be refused, each for one reason, as the tests of other systems have them: Argo
//! Workflows, Kestra, Dagu, and the linter of Step Functions. Each message must name what is wrong.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::path::Path;

use windlass::definition::{Format, Severity, render};
use windlass::plan::{self, KnownTasks};

/// The problems of a file of `tests/invalid`, as the terminal shows them; none: it is accepted.
fn refused(name: &str) -> Option<String> {
    let path = format!("tests/invalid/{name}.toml");
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(&path)).unwrap();
    let known = KnownTasks::Only(BTreeSet::from(["print".to_owned()]));
    let problems = plan::load(&path, &text, None, &known).err()?;
    assert!(problems.iter().any(|problem| problem.severity == Severity::Error));
    Some(render(&path, &text, &problems, Format::Human { color: false }))
}

/// The file is refused, and the heads of its problems name all of these.
fn check(name: &str, names: &[&str]) {
    let Some(told) = refused(name) else { panic!("{name} is accepted") };
    for word in names {
        assert!(told.contains(word), "{name}: nothing names `{word}`:\n{told}");
    }
}

/// The lines of a rendering that tell, without the source that they quote.
fn heads(told: &str) -> String {
    told.lines().filter(|line| line.starts_with("error")).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_circle_is_refused_by_the_names_in_it() {
    check("cycle-2", &["task1", "task2"]);
    check("cycle-self", &["a"]);
    check("cycle-long", &["a", "b", "c", "d"]);
    let told = heads(&refused("cycle-long").unwrap());
    assert!(!told.contains("ok"), "`ok` is not in the circle: {told}");
}

#[test]
fn a_dependency_that_does_not_exist_is_refused() {
    check("unknown-dep", &["task2", "taskX"]);
    check("unknown-dep-case", &["test", "build", "did you mean `Build`?"]);
}

#[test]
fn a_second_step_of_the_same_id_is_refused() {
    check("duplicate-id", &["step `a`"]);
}

#[test]
fn unknown_words_are_refused() {
    check("unknown-field-root", &["timeoutt", "did you mean `timeout`?"]);
    check("unknown-handler", &["a", "does-not-exist"]);
    check("bad-jitter", &["a", "jitter", "`full`, `equal` or `none`"]);
}

#[test]
fn retry_rules_that_cannot_be_are_refused() {
    check("backoff-below-1", &["step `a`", "factor"]);
    check("max-delay-below-delay", &["step `a`", "max_delay"]);
    check("empty-error-list", &["step `a`", "on"]);
}

#[test]
fn a_value_of_the_wrong_type_is_refused_at_its_place() {
    check("type-error", &["step `a`", "depends_on", "tests/invalid/type-error.toml:4:14"]);
}

#[test]
fn a_reference_to_no_step_is_refused() {
    check("unknown-ref", &["b", "nope"]);
}

#[test]
fn a_reference_is_a_dependency() {
    assert_eq!(refused("ref-without-dep"), None);
}

#[test]
fn every_file_is_checked_here() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/invalid");
    let files = folder.read_dir().unwrap().count();
    assert_eq!(files, 15, "a file of tests/invalid has no test");
}
