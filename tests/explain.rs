//! Every example of `windlass explain` does what its page says, with all checks of the engine.

use std::collections::BTreeSet;

use windlass::definition::{codes, explain};
use windlass::plan::{KnownTasks, load};

#[test]
fn wrong_examples_give_their_code_and_right_ones_nothing() {
    let mut tried = 0;
    let mut wrong = Vec::new();
    for code in codes() {
        let page = explain(code).unwrap();
        for (heading, expected) in [("Wrong:", vec![code.to_owned()]), ("Right:", Vec::new())] {
            let Some(text) = example(page, heading) else { continue };
            tried += 1;
            let found: Vec<String> = found(&text).into_iter().collect();
            if found != expected {
                wrong.push(format!("{heading} {found:?} and not {expected:?}\n{text}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(tried > 80, "only {tried} examples");
}

/// The codes that a text gives.
fn found(text: &str) -> BTreeSet<String> {
    let problems = match load("example.toml", text, None, &KnownTasks::Any) {
        Ok(loaded) => loaded.warnings,
        Err(problems) => problems,
    };
    problems.iter().map(|problem| problem.code.to_owned()).collect()
}

/// The indented lines behind a heading.
fn example(page: &str, heading: &str) -> Option<String> {
    let (_, after) = page.split_once(&format!("\n{heading}\n"))?;
    let lines = after.lines().take_while(|line| line.is_empty() || line.starts_with("    "));
    Some(lines.map(|line| format!("{}\n", line.trim_start())).collect())
}
