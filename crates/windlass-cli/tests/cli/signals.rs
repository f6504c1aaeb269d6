//! Ctrl-C, twice Ctrl-C, `kill -9`, and a data folder that somebody else has.
//!
//! Pipes with names take the place of sleeps: a step says that it is under way by writing into
//! `up`, and goes on when the test writes into `go`.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};

use expect_test::expect;

use crate::support::{Place, only_run, redact};

const GATED: &str = r#"
name = "gated"

[steps.first]
run = "echo first >> marks"

[steps.gate]
run        = "echo gate >> marks; test -e second || { touch second; echo > up; read -r word < go; }; echo done"
depends_on = ["first"]

[steps.last]
run        = "echo last >> marks"
depends_on = ["gate"]
"#;

struct Gated {
    place: Place,
    child: Child,
    err: BufReader<ChildStderr>,
}

impl Gated {
    /// A run that has come to its gate.
    fn start() -> Self {
        Self::start_with("run gated.toml")
    }

    fn start_with(arguments: &str) -> Self {
        Self::start_of(GATED, arguments)
    }

    fn start_of(workflow: &str, arguments: &str) -> Self {
        let place = Place::new();
        place.file("gated.toml", workflow);
        for pipe in ["up", "go"] {
            assert!(
                Command::new("mkfifo").arg(place.path().join(pipe)).status().unwrap().success()
            );
        }
        let mut command = place.command(arguments);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let err = BufReader::new(child.stderr.take().unwrap());
        let gated = Self { place, child, err };
        fs::read(gated.place.path().join("up")).unwrap();
        gated
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Reads standard error up to a line with this word.
    fn until(&mut self, word: &str) {
        let mut line = String::new();
        while !line.contains(word) {
            line.clear();
            assert!(self.err.read_line(&mut line).unwrap() > 0, "{word} was not said");
        }
    }

    fn open_gate(&self) {
        fs::write(self.place.path().join("go"), "\n").unwrap();
    }

    /// The exit code, and what was said until then.
    fn end(&mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut self.err, &mut rest).unwrap();
        (self.child.wait().unwrap().code(), redact(&rest))
    }

    fn marks(&self) -> String {
        self.place.read("marks").replace('\n', " ")
    }
}

#[test]
fn ctrl_c_lets_what_runs_come_to_its_end() {
    let mut gated = Gated::start();
    gated.signal("-INT");
    gated.until("STOPPING");
    gated.open_gate();
    let (code, said) = gated.end();
    assert_eq!(code, Some(130), "{said}");
    expect![[r#"
        after:
                  OK [   0.000s] gate
         Interrupted run ID is kept as it stands
          → windlass resume ID
    "#]]
    .assert_eq(&format!("after:\n{said}"));
    assert_eq!(gated.marks(), "first gate ");
    gated.place.call("resume").code(0);
    assert_eq!(gated.marks(), "first gate last ");
}

#[test]
fn ctrl_c_twice_stops_at_once() {
    let mut gated = Gated::start();
    gated.signal("-INT");
    gated.until("STOPPING");
    gated.signal("-INT");
    let (code, said) = gated.end();
    assert_eq!(code, Some(130), "{said}");
    expect![[r#"
        after:
         Interrupted run ID is kept as it stands
          → windlass resume ID
    "#]]
    .assert_eq(&format!("after:\n{said}"));
    gated.place.call("resume").code(0);
    assert_eq!(gated.marks(), "first gate gate last ");
}

#[test]
fn a_killed_run_goes_on_and_runs_no_finished_step_again() {
    let mut gated = Gated::start_with("run gated.toml -v");
    // What is shown is durable: also that the attempt has begun.
    gated.until("START gate");
    gated.signal("-KILL");
    gated.child.wait().unwrap();
    let resumed = gated.place.call("resume --trace t.jsonl").code(0);
    assert_eq!(gated.marks(), "first gate gate last ");
    expect![[r#"
        exit 0
        ── stdout
        ""
        ── stderr
        gated · run ID · 3 steps
         INTERRUPTED gate will run again
                  OK [   0.000s] gate
                  OK [   0.000s] last
        ────────────────────────────────────────────────
                Done [   0.000s] 3 ok
    "#]]
    .assert_eq(&resumed.shown());
    let trace = gated.place.read("t.jsonl");
    assert_eq!(trace.matches("\"state\":\"interrupted\"").count(), 1, "{trace}");
    assert_eq!(trace.matches("\"state\":\"succeeded\"").count(), 3, "{trace}");
}

#[test]
fn a_relaxed_run_goes_on_after_a_kill() {
    let relaxed = GATED.replace("name = \"gated\"", "name = \"gated\"\ndurability = \"relaxed\"");
    let mut gated = Gated::start_of(&relaxed, "run gated.toml -v");
    gated.until("START gate");
    gated.signal("-KILL");
    gated.child.wait().unwrap();
    gated.place.call("resume").code(0);
    let marks = gated.marks();
    assert!(marks.starts_with("first ") && marks.ends_with(" gate last "), "{marks}");
}

#[test]
fn a_step_that_must_not_run_twice_waits_for_a_person_after_a_kill() {
    let parks =
        GATED.replace("depends_on = [\"first\"]", "depends_on = [\"first\"]\non_crash = \"park\"");
    let mut gated = Gated::start_of(&parks, "run gated.toml -v");
    gated.until("START gate");
    gated.signal("-KILL");
    gated.child.wait().unwrap();
    expect![[r#"
        exit 1
        ── stderr
        gated · run ID · 3 steps
              PARKED gate waits for a person
        ────────────────────────────────────────────────
              Parked [   0.000s] 1 ok, 2 not finished
          → windlass retry ID
    "#]]
    .assert_eq(&gated.place.call("resume").shown());
    assert_eq!(gated.marks(), "first gate ");
    assert!(gated.place.call("runs").code(0).out.contains("parked"));
    assert!(gated.place.call("dlq").code(0).out.contains("the process died while the step ran"));
    let id = only_run(&gated.place);
    gated.place.call(&format!("retry {id}")).code(0);
    assert_eq!(gated.marks(), "first gate gate last ");
    assert!(gated.place.call("dlq").code(0).out.is_empty());
}

#[test]
fn a_run_of_a_killed_process_can_be_cancelled() {
    let mut gated = Gated::start();
    gated.signal("-KILL");
    gated.child.wait().unwrap();
    gated.place.call(&format!("cancel {}", only_run(&gated.place))).code(0);
    assert!(gated.place.call("runs status:cancelled").code(0).out.contains("gated"));
    gated.open_gate();
}

#[test]
fn a_folder_that_is_in_use_is_left_alone() {
    let mut gated = Gated::start();
    let refused = gated.place.call("runs").code(1);
    let pid = format!("(pid {})", gated.child.id());
    assert!(refused.err.contains("is in use by another process"), "{}", refused.err);
    assert!(refused.err.contains(&pid), "{}", refused.err);
    // Logs are files: they can be read meanwhile.
    let run = fs::read_dir(gated.place.path().join(".windlass/runs")).map(|mut all| all.next());
    if let Ok(Some(Ok(run))) = run {
        let id = run.file_name().to_string_lossy().into_owned();
        gated.place.call(&format!("logs {id}")).code(0);
    }
    gated.open_gate();
    assert_eq!(gated.end().0, Some(0));
}
