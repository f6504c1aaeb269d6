//! Runs that go on: after a kill, with nothing to do, with a person who must decide.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::bounded;
use crate::support::{Place, only_run};

/// A step that fails until there is `fixed`; then it waits at a gate, which stands open from the
/// second time on. Every call leaves its process id.
const GATED: &str = r#"
name = "gated"

[steps.gate]
run = """
echo $$ >> pids
test -e fixed || exit 1
test -e second || { touch second; echo > up; read -r word < go; }
echo passed >> marks
"""
"#;

fn place() -> Place {
    let place = Place::new();
    place.file("gated.toml", GATED);
    for pipe in ["up", "go"] {
        let made = Command::new("mkfifo").arg(place.path().join(pipe)).status().unwrap();
        assert!(made.success());
    }
    place
}

/// Starts the command and waits until its step is at the gate.
fn at_the_gate(place: &Place, arguments: &str) -> Child {
    let mut command = place.command(arguments);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    fs::read(place.path().join("up")).unwrap();
    child
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_retry_that_is_killed_goes_on() {
    for how in ["retry", "dlq replay"] {
        let place = place();
        bounded(&place, &["run", "gated.toml"]).code(1);
        place.file("fixed", "");
        let run = only_run(&place);
        let arguments = match how {
            "retry" => format!("retry {run}"),
            _ => format!("dlq replay run:{run}"),
        };
        kill(at_the_gate(&place, &arguments));
        let resumed = bounded(&place, &["resume"]);
        assert_eq!(resumed.code, 0, "{how}: {}", resumed.err);
        assert_eq!(place.read("marks"), "passed\n", "{how}");
    }
}

/// Whether a process is there and not only its remains.
fn lives(pid: &str) -> bool {
    let status = fs::read_to_string(Path::new("/proc").join(pid).join("status"));
    status.is_ok_and(|status| !status.contains("State:\tZ"))
}

#[test]
fn what_a_killed_process_left_behind_is_ended_before_its_step_runs_again() {
    let place = place();
    place.file("fixed", "");
    let child = at_the_gate(&place, "run gated.toml");
    let left = place.read("pids").trim().to_owned();
    kill(child);
    let resumed = bounded(&place, &["resume"]);
    assert_eq!(resumed.code, 0, "{}", resumed.err);
    assert!(!lives(&left), "the step ran again beside the command of its first attempt");
}

/// It has a session of its own, so no signal to the step's group reaches it.
const DETACHED: &str = r#"
name = "detached"

[steps.gate]
run = """
test -e second && exit
setsid sh -c 'echo $$ > pids; touch second; echo > up; exec sleep 300' > log 2>&1 < /dev/null &
read -r word < go
"""
"#;

#[test]
fn what_a_killed_process_has_started_elsewhere_is_ended_too() {
    let place = place();
    place.file("detached.toml", DETACHED);
    kill(at_the_gate(&place, "run detached.toml"));
    let left = place.read("pids").trim().to_owned();
    assert!(lives(&left));
    bounded(&place, &["resume"]).code(0);
    assert!(!lives(&left), "a process of the first attempt has outlived it");
}

/// TERM does not end it, and there is a new process each time that one ends.
const STUBBORN: &str = r#"
name = "stubborn"

[steps.gate]
run = """
test -e second && exit
touch second
exec > log 2>&1
trap : TERM
echo > up
while :; do sleep 0.05; done
"""
"#;

#[test]
fn what_does_not_heed_it_is_made_to_end() {
    let place = place();
    place.file("stubborn.toml", STUBBORN);
    kill(at_the_gate(&place, "run stubborn.toml"));
    bounded(&place, &["resume"]).code(0);
}

#[test]
fn what_a_finished_run_has_left_on_purpose_stays() {
    let place = place();
    let starts = "setsid sh -c 'echo $$ > service; exec sleep 300' > log 2>&1 < /dev/null & \
                  until test -s service; do :; done";
    place.file("service.toml", &format!("[steps.a]\nrun = \"{starts}\"\n"));
    bounded(&place, &["run", "service.toml"]).code(0);
    place.file("fixed", "");
    kill(at_the_gate(&place, "run gated.toml"));
    bounded(&place, &["resume"]).code(0);
    let service = place.read("service").trim().to_owned();
    assert!(lives(&service), "it belongs to a run that has succeeded");
    assert!(Command::new("kill").arg(service).status().unwrap().success());
}

#[test]
fn a_resume_from_within_a_step_does_not_end_who_asked() {
    let place = place();
    place.file("fixed", "");
    kill(at_the_gate(&place, "run gated.toml"));
    let run = only_run(&place);
    let work = place.path().join(".windlass/runs").join(&run).join("work");
    let mut shell = Command::new("sh");
    shell.args(["-c", "\"$0\" resume | cat; echo over", env!("CARGO_BIN_EXE_windlass")]);
    shell.env("WINDLASS_RUN", run).env("WINDLASS_WORK", work).current_dir(place.path());
    let answer = shell.stdin(Stdio::null()).output().unwrap();
    assert!(answer.status.success(), "{:?}", answer.status);
    assert!(answer.stdout.ends_with(b"over\n"), "{}", String::from_utf8_lossy(&answer.stderr));
}

#[test]
fn a_retry_with_nothing_to_do_says_so_and_ends() {
    let place = Place::new();
    place.file("well.toml", "[steps.a]\nrun = \"true\"\n");
    bounded(&place, &["run", "well.toml"]).code(0);
    let run = only_run(&place);
    let answer = bounded(&place, &["retry", &run]);
    assert_eq!(answer.code, 2, "{}", answer.err);
    assert!(answer.err.contains("nothing"), "{}", answer.err);
}

#[test]
fn a_resume_beside_a_parked_run_ends() {
    let place = place();
    place.file("gated.toml", &GATED.replace("[steps.gate]", "[steps.gate]\non_crash = \"park\""));
    place.file("fixed", "");
    kill(at_the_gate(&place, "run gated.toml -v"));
    bounded(&place, &["resume"]);
    // It is parked now, and stays so however often somebody asks.
    let answer = bounded(&place, &["resume"]);
    assert!(answer.err.contains("parked") || answer.err.contains("Parked"), "{}", answer.err);
}

#[test]
#[ignore = "A23"]
fn what_is_shown_of_a_letter_is_what_can_be_set() {
    let place = Place::new();
    let text = "[steps.a]\nrun = [\"test\", \"${{ input.v }}\", \"=\", \"good\"]\n[input]\nv = \"string\"\n";
    place.file("picky.toml", text);
    bounded(&place, &["run", "picky.toml", "-i", "v=bad"]).code(1);
    let letters = bounded(&place, &["dlq", "ls", "--flat", "--json"]).code(0).out;
    let letter: serde_json::Value = serde_json::from_str(letters.trim()).unwrap();
    let id = letter["id"].as_str().expect("ids are text").to_owned();
    let shown = bounded(&place, &["dlq", "show", &id, "--json"]).code(0).out;
    let shown: serde_json::Value = serde_json::from_str(shown.trim()).unwrap();
    let mended = shown["input"].to_string().replace("bad", "good");
    let answer = bounded(&place, &["dlq", "replay", &id, "--set", &mended]);
    assert_eq!(answer.code, 0, "set {mended}: {}", answer.err);
}

#[test]
fn a_key_of_one_workflow_does_not_start_another() {
    let place = Place::new();
    for name in ["bill", "ship"] {
        place.file(&format!("{name}.toml"), "[steps.a]\nrun = \"true\"\n");
    }
    let bill = bounded(&place, &["start", "bill.toml", "--key", "o-1"]).code(0).out;
    let ship = bounded(&place, &["start", "ship.toml", "--key", "o-1"]).code(0).out;
    assert_ne!(bill, ship);
    assert_eq!(bounded(&place, &["start", "bill.toml", "--key", "o-1"]).code(0).out, bill);
}
