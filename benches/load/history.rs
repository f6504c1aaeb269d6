//! A long history: a million runs that have ended, and what a start and new work cost beside them.

use std::path::Path;
use std::time::{Duration, Instant};

use windlass::RunFilter;

use crate::chain::{builder, flood, payload, runtime};
use crate::child::wait_for_the_end;
use crate::process;
use crate::prototype::{CHAIN_STEPS, Load};
use crate::scale::thousands;
use crate::{Effort, Figure, Report, Row, Unit};

/// Runs that have ended.
const ARCHIVED: u32 = 1_000_000;

/// Fills a folder once, then measures on it.
pub(crate) fn measure(effort: Effort, report: &mut Report) {
    let runs = ARCHIVED / effort.share;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join(runs.to_string());
    process::play_both("history-fill", &folder);
    let bytes = size(&folder) / f64::from(runs);
    let archived = format!("{} archived runs", thousands(runs));
    let mut add = |what: String, target: &str, value: f64, unit, beside: String| {
        report.add(Row {
            what,
            target: target.to_owned(),
            reached: Figure { value, unit },
            beside,
        });
    };
    add(
        format!("folder, per run, of {archived}"),
        "–",
        bytes,
        Unit::Bytes,
        "one step each".to_owned(),
    );
    let [start, list] = process::play_both("history-open", &folder);
    add(format!("start with {archived}, in order"), "≤ 0.1 s", start, Unit::Seconds, String::new());
    let newest = format!("list of the newest 100 of {archived}");
    add(newest, "–", list, Unit::Seconds, String::new());
    let [rate, _] = process::play_both("history-work", &folder);
    let work = format!("chain of 10, durable, beside {archived}");
    add(work, "as without them", rate, Unit::StepsPerSecond, "2,000 in flight".to_owned());
    let mut killed = process::start("history-live", &folder);
    process::answer(&mut killed);
    killed.kill().unwrap();
    killed.wait().unwrap();
    let [start, _] = process::play_both("history-open", &folder);
    add(
        format!("start with {archived}, after a kill"),
        "≤ 0.5 s",
        start,
        Unit::Seconds,
        String::new(),
    );
}

/// Bytes of the files of a folder.
fn size(folder: &Path) -> f64 {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().metadata().unwrap());
    let bytes: u64 = files.filter(std::fs::Metadata::is_file).map(|file| file.len()).sum();
    f64::from(u32::try_from(bytes / 1_000).unwrap()) * 1e3
}

/// Played by a child; two figures, as far as the part has them.
pub(crate) fn play(part: &str, folder: &Path) -> [f64; 2] {
    match part {
        "history-fill" => {
            let runs = folder.file_name().unwrap().to_str().unwrap().parse().unwrap();
            let load = Load { runs, in_flight: 5_000, payload: 100 };
            [flood("one", load, Some(folder)).as_secs_f64(), 0.0]
        }
        "history-open" => runtime().block_on(open(folder)),
        "history-work" => {
            let load = Load { runs: 50_000, in_flight: 2_000, payload: 100 };
            let steps = f64::from(load.runs) * f64::from(CHAIN_STEPS);
            [steps / flood("chain", load, Some(folder)).as_secs_f64(), 0.0]
        }
        "history-live" => runtime().block_on(live(folder)),
        _ => panic!("no part `{part}`"),
    }
}

/// Seconds of a start, and of a list.
async fn open(folder: &Path) -> [f64; 2] {
    let begin = Instant::now();
    let engine = builder(Some(folder)).start().await.unwrap();
    let start = begin.elapsed().as_secs_f64();
    let filter = RunFilter { limit: 100, ..RunFilter::default() };
    let begin = Instant::now();
    assert_eq!(engine.runs(&filter).await.unwrap().len(), 100, "the list is too short");
    let list = begin.elapsed().as_secs_f64();
    engine.shutdown(Duration::from_secs(60)).await.unwrap();
    [start, list]
}

/// Some runs more; then the engine is killed as it stands.
async fn live(folder: &Path) -> [f64; 2] {
    let engine = builder(Some(folder)).start().await.unwrap();
    let input = payload(100);
    for _ in 0..1_000 {
        engine.run("one", &input).await.unwrap().wait().await.unwrap();
    }
    println!("0 0");
    wait_for_the_end();
}
