//! Each rule is shown something bad, and must see it; and something good, and must not.

use crate::rules;
use crate::source::{Problem, Source};

type Rule = fn(&Source) -> Vec<Problem>;

/// What a rule says of a text: the lines it complains about.
fn lines(rule: Rule, path: &str, text: &str) -> Vec<String> {
    let problems = rule(&Source::new(path, text));
    problems.into_iter().map(|p| p.place.rsplit(':').next().unwrap_or("").to_owned()).collect()
}

#[test]
fn a_layer_that_looks_down_is_seen() {
    let check = |path, text| lines(rules::layers, path, text);
    assert_eq!(check("src/run.rs", "use crate::journal::Journal;"), ["1"]);
    assert_eq!(
        check("src/run/fan.rs", "use crate::{plan::Plan,\n task::{Attempt, Registry}};").len(),
        2
    );
    assert_eq!(check("src/plan.rs", "fn f() {\n  crate::engine::start();\n}"), ["2"]);
    assert_eq!(check("src/plan/graph.rs", "use super::super::engine::Engine;"), ["1"]);
    assert_eq!(check("src/brand_new.rs", ""), ["1"]);
}

#[test]
fn a_layer_that_looks_up_is_fine() {
    let check = |path, text| lines(rules::layers, path, text);
    assert!(check("src/engine.rs", "use crate::{id::RunId, actors::Tree};").is_empty());
    assert!(
        check("src/run.rs", "// use crate::engine::Engine;\nconst A: &str = \"crate::engine::x\";")
            .is_empty()
    );
    assert!(check("src/plan/graph.rs", "use super::model::Plan;").is_empty());
    assert!(
        check("src/run.rs", "#[cfg(test)]\nmod tests { use crate::engine::Engine; }").is_empty()
    );
}

#[test]
fn a_dependency_away_from_home_is_seen() {
    let check = |path, text| lines(rules::homes, path, text);
    assert_eq!(check("src/run.rs", "use petgraph::Graph;"), ["1"]);
    assert_eq!(check("src/journal.rs", "fn f(d: &redb::Database) {}"), ["1"]);
    assert_eq!(check("src/journal/memory.rs", "\nuse bincode::config;"), ["2"]);
    assert_eq!(check("src/run.rs", "async fn f() { tokio::time::pause() }"), ["1"]);
    assert!(check("src/plan/graph.rs", "use petgraph::Graph;").is_empty());
    assert!(check("src/journal.rs", "mod redb;\npub use redb::RedbJournal;").is_empty());
    assert!(check("src/journal.rs", "pub use self::redb::RedbJournal;").is_empty());
}

#[test]
fn a_dependency_without_a_home_is_seen() {
    let check = |text| rules::manifest("Cargo.toml", text).len();
    assert_eq!(
        check("[package]\n\n[dependencies]\nserde = \"1\"\nleft-pad = \"1\"\n\n[lints]\n"),
        1
    );
    assert_eq!(check("[package]\n\n[dependencies]\nserde = \"1\"\nredb = \"4\"\n"), 0);
}

#[test]
fn a_long_file_and_a_long_function_are_seen() {
    let check = |text: &str| lines(rules::lengths, "src/run.rs", text);
    assert_eq!(check(&"const A: u8 = 1;\n".repeat(401)), ["1"]);
    assert!(check(&"const A: u8 = 1;\n// why\n\n".repeat(400)).is_empty());
    let function = |lines| format!("\nfn long() {{\n{}}}\n", "    f();\n".repeat(lines));
    assert_eq!(check(&function(61)), ["2"]);
    assert!(check(&function(60)).is_empty());
    assert!(check(&format!("#[cfg(test)]\nmod tests {{ {} }}", function(61))).is_empty());
}

#[test]
fn bad_habits_are_seen() {
    let check = |path, text| lines(rules::habits, path, text);
    assert_eq!(check("src/run/mod.rs", ""), ["1"]);
    assert_eq!(
        check("src/run.rs", "#![allow(dead_code)]\n#[allow(unused)]\nfn f() { todo!() }"),
        ["1", "2", "3"]
    );
    assert!(check("src/run.rs", "#[expect(unused, reason = \"todo!\")]\nfn allow() {}").is_empty());
}

#[test]
fn a_clock_read_is_seen() {
    let check = |path, text| lines(rules::clock, path, text);
    assert_eq!(check("src/run.rs", "fn f() { Instant::now(); }"), ["1"]);
    assert_eq!(check("src/actors/timers.rs", "let a = tokio::time::Instant::now();"), ["1"]);
    assert!(check("src/clock.rs", "let a = jiff::Timestamp::now();").is_empty());
}

#[test]
fn a_stray_task_is_seen() {
    let check = |path, text| lines(rules::spawns, path, text);
    assert_eq!(check("src/run.rs", "fn f() { tokio::spawn(async {}); }"), ["1"]);
    assert_eq!(check("src/plan.rs", "fn f() { std::thread::spawn(|| {}); }"), ["1"]);
    assert!(check("src/actors/worker.rs", "fn f() { tokio::spawn(async {}); }").is_empty());
}

#[test]
fn a_dependency_in_a_public_signature_is_seen() {
    let check = |text| lines(rules::public_types, "src/engine.rs", text);
    assert_eq!(
        check("use ractor::ActorRef;\npub struct Engine {\n  pub actor: ActorRef<u8>,\n}"),
        ["3"]
    );
    assert_eq!(check("pub fn f() -> tokio::task::JoinHandle<()> { }"), ["1"]);
    assert_eq!(check("pub use redb::Database;"), ["1"]);
    assert!(
        check("use ractor::ActorRef;\npub struct Engine {\n  actor: ActorRef<u8>,\n}").is_empty()
    );
    assert!(
        check("use bytes::Bytes;\npub struct A {\n  pub a: Vec<(u8, u8)>,\n  b: Bytes,\n}")
            .is_empty()
    );
    assert!(check("use bytes::Bytes;\npub struct A(Bytes);").is_empty());
    assert_eq!(check("use bytes::Bytes;\npub struct A(u8, pub Bytes);"), ["2"]);
    assert!(check("pub(crate) fn f() -> tokio::task::JoinHandle<()> { }").is_empty());
    assert!(
        check("use serde::Serialize;\npub fn f(v: impl Serialize) { tokio::spawn(v); }").is_empty()
    );
}

#[test]
fn strings_comments_and_characters_hide_nothing_behind_them() {
    let text = "const Q: char = '\"';\nconst R: &str = r#\"a \" b\"#; /* a /* b */ c */\nfn f<'a>(x: &'a str) { Instant::now() }";
    assert_eq!(lines(rules::clock, "src/run.rs", text), ["3"]);
}

#[test]
fn a_lock_of_its_own_is_seen() {
    let check = |path, text| lines(rules::locks, path, text);
    assert_eq!(check("src/run.rs", "use std::sync::{Arc, Mutex};"), ["1"]);
    assert_eq!(check("src/run.rs", "\nfn f(l: &std::sync::RwLock<u8>) {}"), ["2"]);
    assert!(check("src/run.rs", "use std::sync::Arc;\nuse crate::sync::Mutex;").is_empty());
    assert!(check("src/sync.rs", "use std::sync::Mutex;").is_empty());
}
