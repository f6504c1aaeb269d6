use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::definition::parse;

/// Codes that the layers below find; their examples are tried with them, in `tests/explain.rs`.
const FOUND_BELOW: [&str; 17] = [
    "bad-default",
    "bad-expression",
    "bad-pattern",
    "cycle",
    "hidden-step",
    "join-too-large",
    "no-failed-items",
    "no-steps",
    "not-here",
    "nothing-to-read",
    "timeout-cannot-fit",
    "too-many-edges",
    "too-many-items",
    "too-many-queues",
    "unknown-input",
    "unknown-secret",
    "unknown-step",
];

#[test]
fn every_code_in_the_source_is_explained() {
    let mut used = BTreeSet::new();
    for text in sources(Path::new("src")) {
        for before in ["Diagnostic::error(", "Diagnostic::warning(", ".problem(", "bad_unit("] {
            used.extend(text.split(before).skip(1).filter_map(first_literal));
        }
    }
    let unexplained: Vec<_> = used.iter().filter(|code| explain(code).is_none()).collect();
    assert!(unexplained.is_empty(), "add a page in src/definition/explain for {unexplained:?}");
    assert!(used.len() > 30, "the search finds {} codes only", used.len());
}

#[test]
fn every_explained_code_is_in_the_source() {
    let texts = sources(Path::new("src"));
    let texts: Vec<_> = texts.iter().filter(|text| !text.contains("const CODES")).collect();
    for code in codes() {
        let quoted = format!("\"{code}\"");
        assert!(texts.iter().any(|text| text.contains(&quoted)), "nothing has the code {code}");
    }
    assert!(CODES.is_sorted());
}

#[test]
fn the_wrong_example_gives_the_code_and_the_right_one_nothing() {
    for (code, page) in CODES {
        if let Some(right) = example(page, "Right:") {
            assert_eq!(parse("a.toml", &right).diagnostics, [], "{code}");
        }
        let Some(wrong) = example(page, "Wrong:").filter(|_| !FOUND_BELOW.contains(code)) else {
            continue;
        };
        let problems = parse("a.toml", &wrong).diagnostics;
        let found: BTreeSet<_> = problems.iter().map(|problem| problem.code).collect();
        assert_eq!(found, BTreeSet::from([*code]), "{wrong}");
    }
}

/// The code in `"unknown-key", …`.
fn first_literal(text: &str) -> Option<String> {
    let literal = text.trim_start().strip_prefix('"')?.split('"').next()?;
    Some(literal.to_owned())
}

/// The indented lines behind a heading.
fn example(page: &str, heading: &str) -> Option<String> {
    let (_, after) = page.split_once(&format!("\n{heading}\n"))?;
    let lines = after.lines().take_while(|line| line.is_empty() || line.starts_with("    "));
    Some(lines.map(|line| format!("{}\n", line.trim_start())).collect())
}

/// The texts of the source files, tests apart.
fn sources(folder: &Path) -> Vec<String> {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let texts = paths.flat_map(|path| {
        if path.file_stem().is_some_and(|name| name == "tests") {
            Vec::new()
        } else if path.is_dir() {
            sources(&path)
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            vec![std::fs::read_to_string(path).unwrap()]
        } else {
            Vec::new()
        }
    });
    texts.collect()
}
