//! A disk that is full for a while: a limit on the size of files stands for it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

use crate::support::Place;

const BIG: &str = r#"
name = "big"

[steps.each]
for_each = "range(100)"
run      = "head -c 60000 /dev/zero | tr '\\0' x; echo ran >> $WINDLASS_DIR/marks"

[steps.last]
run        = "echo last >> marks"
depends_on = ["each"]
"#;

#[test]
fn a_run_waits_for_room_on_the_disk_and_runs_nothing_twice() {
    let place = Place::new();
    let folder = place.path().join(".windlass");
    place.file("big.toml", BIG);
    // A signal would end the process; ignored, it is an error as of a full disk.
    let limited = "trap '' XFSZ; ulimit -S -f 8000; exec \"$0\" run big.toml -o lines";
    let mut command = Command::new("sh");
    command.args(["-c", limited, env!("CARGO_BIN_EXE_windlass")]).current_dir(place.path());
    command.env("WINDLASS_DATA", folder).stdin(Stdio::null());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("WARNING") {
        assert!(err.read_line(&mut said).unwrap() > 0, "no warning: {said}");
    }
    assert!(said.contains("the engine waits: the journal"), "{said}");
    assert!(said.contains("cannot be written: it may not grow further"), "{said}");

    let pid = format!("--pid={}", child.id());
    let raised = Command::new("prlimit").args([&pid, "--fsize=unlimited"]).status().unwrap();
    assert!(raised.success());
    let mut rest = String::new();
    err.read_to_string(&mut rest).unwrap();
    assert!(child.wait().unwrap().success(), "{rest}");
    let marks = place.read("marks");
    assert_eq!(marks.matches("ran").count(), 100, "{rest}");
    assert!(marks.ends_with("last\n"), "{marks}");
    place.call("db check").code(0);
}
