//! What the machine runs out of for a while does not fail what was accepted.

use std::process::{Command, Stdio};

use crate::support::{Answer, Place};

const MANY: &str = r#"
name = "many"

[steps.each]
for_each = "range(60)"
run      = "cat /dev/null; echo ran"
"#;

/// Runs the workflow under a limit of the shell.
fn limited(place: &Place, limit: &str) -> Answer {
    let mut command = Command::new("sh");
    let script = format!("{limit}; exec timeout 60 \"$0\" run many.toml");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_windlass")]).current_dir(place.path());
    Answer::of(&command.stdin(Stdio::null()).output().unwrap())
}

#[test]
fn a_run_waits_for_descriptors() {
    let place = Place::new();
    place.file("many.toml", MANY);
    place.file("engine.toml", "[queues.default]\nworkers = 50\n");
    let answer = limited(&place, "ulimit -n 40");
    assert_eq!(answer.code, 0, "{}", answer.err);
}

#[test]
fn too_few_descriptors_to_begin_with_are_a_sentence() {
    let place = Place::new();
    place.file("many.toml", MANY);
    for count in 4..12 {
        let answer = limited(&place, &format!("ulimit -n {count}"));
        assert!(!answer.err.contains("panicked"), "ulimit -n {count}: {}", answer.err);
        if answer.code != 0 {
            assert!(answer.err.contains("error"), "ulimit -n {count}: {}", answer.err);
        }
    }
}
