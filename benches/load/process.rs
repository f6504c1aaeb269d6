//! What needs processes of its own: memory, recovery after a kill, the command from start to exit.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::child::{LIVE_RUNS, PENDING_RUNS};
use crate::{Effort, Figure, Report, Row, Unit, child, median};

/// Bytes of a run that waits for its time, and of an engine that waits for work.
pub(crate) fn memory(effort: Effort, report: &mut Report) {
    let folder = tempfile::tempdir().unwrap();
    let runs = PENDING_RUNS / effort.share;
    let bytes = play("pending", &folder.path().join(runs.to_string()));
    let each = bytes / f64::from(runs);
    report.add(Row {
        what: "memory of a pending run with 100 B of payload".to_owned(),
        target: "≤ 700 B + payload".to_owned(),
        reached: Figure { value: each, unit: Unit::Bytes },
        beside: format!("{runs} runs, {:.2} GB in all", bytes / 1e9),
    });
    let idle = play("idle", folder.path());
    report.add(Row {
        what: "memory of an idle engine with a data folder".to_owned(),
        target: "< 20 MB".to_owned(),
        reached: Figure { value: idle, unit: Unit::Bytes },
        beside: "–".to_owned(),
    });
}

/// From the start of the engine to the moment when all live runs of a killed process are back.
pub(crate) fn recovery(effort: Effort, report: &mut Report) {
    let runs = LIVE_RUNS / effort.share;
    let mut figures = Vec::new();
    for _ in 0..effort.rounds {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join(runs.to_string());
        let mut first = start("live", &folder);
        answer(&mut first);
        first.kill().unwrap();
        first.wait().unwrap();
        figures.push(play("recover", &folder));
    }
    let seconds = median(figures);
    report.add(Row {
        what: "100,000 live runs back after a kill".to_owned(),
        target: "≤ 1 s; ≥ 1 M events/s".to_owned(),
        reached: Figure { value: seconds, unit: Unit::Seconds },
        beside: format!("{runs} runs of {} events", child::LIVE_EVENTS),
    });
}

/// `windlass run workflows/hello.toml`, from the start of the process to its exit.
pub(crate) fn command(effort: Effort, report: &mut Report) {
    let program = beside_this_program("windlass");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut figures = Vec::new();
    for _ in 0..effort.rounds * 4 {
        let folder = tempfile::tempdir().unwrap();
        let begin = Instant::now();
        let output = Command::new(&program)
            .args(["run", "workflows/hello.toml", "--data"])
            .arg(folder.path())
            .current_dir(root)
            .output();
        let output = output.expect("build it first: cargo build --release -p windlass-cli");
        figures.push(begin.elapsed().as_secs_f64());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    report.add(Row {
        what: "`windlass run workflows/hello.toml`, start to exit".to_owned(),
        target: "≤ 50 ms".to_owned(),
        reached: Figure { value: median(figures), unit: Unit::Seconds },
        beside: "two commands, four fsyncs at least".to_owned(),
    });
}

/// Plays a part in a process of its own and takes the figure that it tells.
fn play(part: &str, folder: &Path) -> f64 {
    play_both(part, folder)[0]
}

/// As `play`, of a part that tells two figures.
pub(crate) fn play_both(part: &str, folder: &Path) -> [f64; 2] {
    let mut child = start(part, folder);
    let figures = answer(&mut child);
    assert!(child.wait().unwrap().success(), "{part} has failed");
    figures
}

/// Starts a part in a process of its own.
pub(crate) fn start(part: &str, folder: &Path) -> Child {
    let program = std::env::current_exe().unwrap();
    let mut command = Command::new(program);
    command.args(["child", part]).arg(folder).stdout(Stdio::piped()).spawn().unwrap()
}

/// What a part tells: two figures; where it has but one, the second is 0.
pub(crate) fn answer(child: &mut Child) -> [f64; 2] {
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    let mut figures = line.split_whitespace().map(|figure| figure.parse().unwrap());
    [figures.next().unwrap(), figures.next().unwrap_or(0.0)]
}

/// `target/release/name`, where this is `target/release/deps/load-…`.
fn beside_this_program(name: &str) -> PathBuf {
    std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join(name)
}
