//! One data folder for several projects, and files that belong together.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tokio::sync::Semaphore;
use windlass::run::RunHistory;
use windlass::{Engine, EngineBuilder, From, Payload, RunFilter, RunId, RunState, StepError};

use crate::support::{Place, within};

/// The same text in both projects: a gate, then where it runs.
const DEPLOY: &str = "[steps.gate]\ntask = \"gate\"\n[steps.where]\nrun = \"pwd\"\n\
                      depends_on = [\"gate\"]\n";

/// An engine of a project on the data folder of all.
fn project(place: &Place, name: &str, gate: &Arc<Semaphore>) -> EngineBuilder {
    let folder = place.path().join(name);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("deploy.toml"), DEPLOY).unwrap();
    let gate = Arc::clone(gate);
    let passes = move |value: Payload| {
        let gate = Arc::clone(&gate);
        async move {
            gate.acquire().await.unwrap().forget();
            Ok::<_, StepError>(value)
        }
    };
    let builder = Engine::builder().task("gate", passes).data_dir(place.data());
    builder.workflow_file(folder.join("deploy.toml")).unwrap()
}

/// Where a run's command ran.
async fn ran_in(engine: &Engine, run: RunId) -> String {
    let handle = engine.attach(run).await.unwrap();
    assert_eq!(within(handle.wait()).await.unwrap().state, RunState::Succeeded);
    let history = engine.history(run).await.unwrap();
    let folder: String = history.steps[1].output.as_ref().unwrap().parse().unwrap();
    Path::new(&folder).file_name().unwrap().to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_stays_in_the_folder_that_it_was_started_in() {
    let (place, gate) = (Place::new(), Arc::new(Semaphore::new(0)));
    let engine = project(&place, "x", &gate).start().await.unwrap();
    let of_x = engine.run("deploy", json!(null)).await.unwrap().id();
    engine.shutdown(Duration::ZERO).await.unwrap();

    let engine = project(&place, "y", &gate).start().await.unwrap();
    let of_y = engine.run("deploy", json!(null)).await.unwrap().id();
    gate.add_permits(2);
    assert_eq!(ran_in(&engine, of_x).await, "x", "it was under way when the other project came");
    assert_eq!(ran_in(&engine, of_y).await, "y");
    // As a new life, asked for by the other project.
    engine.retry(of_x, From::Start).await.unwrap();
    gate.add_permits(1);
    assert_eq!(ran_in(&engine, of_x).await, "x", "a retry");
    engine.shutdown(Duration::ZERO).await.unwrap();

    let engine = project(&place, "x", &gate).start().await.unwrap();
    engine.retry(of_y, From::Step("where".to_owned())).await.unwrap();
    assert_eq!(ran_in(&engine, of_y).await, "y", "a retry from a step");
    engine.shutdown(Duration::ZERO).await.unwrap();
}

/// What asks for the folder beside a plain command: one for each item, and a secret in a file.
const ASKS: &str = "[secrets]\nname = { file = \"name\" }\n[steps.gate]\ntask = \"gate\"\n\
                    [steps.tell]\ntask = \"tell\"\nwith = \"${{ secrets.name }}\"\n\
                    depends_on = [\"gate\"]\n[steps.each]\nfor_each = [1, 2]\n\
                    run = \"cat \\\"$WINDLASS_DIR/name\\\"\"\ndepends_on = [\"gate\"]\n\
                    [steps.group]\ndepends_on = [\"gate\"]\nsteps.inner.run = \"cat name\"\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_asks_for_the_folder_gets_that_of_the_run() {
    let (place, gate) = (Place::new(), Arc::new(Semaphore::new(0)));
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let project = |name: &str| {
        let builder = project(&place, name, &gate);
        let folder = place.path().join(name);
        std::fs::write(folder.join("name"), format!("project-{name}")).unwrap();
        std::fs::write(folder.join("asks.toml"), ASKS).unwrap();
        let told = Arc::clone(&told);
        let tell = move |name: String| {
            told.lock().unwrap().push(name);
            async { Ok::<_, StepError>(()) }
        };
        builder.task("tell", tell).workflow_file(folder.join("asks.toml")).unwrap()
    };
    let engine = project("x").start().await.unwrap();
    let run = engine.run("asks", json!(null)).await.unwrap().id();
    engine.shutdown(Duration::ZERO).await.unwrap();

    let engine = project("y").start().await.unwrap();
    gate.add_permits(1);
    let handle = engine.attach(run).await.unwrap();
    assert_eq!(within(handle.wait()).await.unwrap().state, RunState::Succeeded);
    let history = engine.history(run).await.unwrap();
    let outputs = ["each", "group"].map(|id| {
        let step = history.steps.iter().find(|step| step.id.as_str() == id).unwrap();
        step.output.as_ref().unwrap().to_string()
    });
    assert_eq!(outputs[0], r#"["project-x","project-x"]"#);
    assert_eq!(outputs[1], r#"{"inner":"project-x"}"#);
    assert_eq!(*told.lock().unwrap(), ["project-x"]);
    engine.shutdown(Duration::ZERO).await.unwrap();
}

/// The files of a data folder that hold what a lock does not.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() && entry.file_name() != "lock" {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// The stores of a data folder by name: the log, and the archive once there is one.
fn stores(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let names = entries.map(|entry| entry.file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.contains("redb")).collect();
    names.sort();
    names
}

fn plain(folder: &Path) -> EngineBuilder {
    let same = async |value: Payload| Ok::<_, StepError>(value);
    let text = "[steps.a]\ntask = \"same\"\n";
    let builder = Engine::builder().task("same", same).workflow_text("w", text).unwrap();
    builder.data_dir(folder)
}

/// Runs large runs to their end until there is an archive that has grown, and leaves one that waits.
async fn fill(folder: &Path) {
    let size = || {
        let archive = std::fs::metadata(folder.join("archive.redb"));
        archive.map_or(0, |archive| archive.len())
    };
    let before = size();
    let engine = plain(folder).start().await.unwrap();
    for _ in 0..100 {
        let large = "x".repeat(900_000);
        within(engine.run("w", large).await.unwrap().wait()).await.unwrap();
        if size() > before + 4_000_000 {
            break;
        }
    }
    let later = Duration::from_secs(3600);
    engine.start_later("w", "later", later).await.unwrap();
    engine.shutdown(Duration::ZERO).await.unwrap();
}

/// All that an engine tells of its runs.
async fn told(engine: &Engine) -> Vec<RunHistory> {
    let filter = RunFilter { limit: 10_000, ..RunFilter::default() };
    let mut histories = Vec::new();
    for run in engine.runs(&filter).await.unwrap() {
        histories.push(engine.history(run.id).await.unwrap());
    }
    histories
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_do_not_belong_together_are_refused_together() {
    let place = Place::new();
    let (ours, old) = (place.data(), place.path().join("old"));
    let foreign = place.path().join("foreign");
    fill(&ours).await;
    copy(&ours, &old);
    fill(&ours).await;
    fill(&foreign).await;
    let names = stores(&ours);
    assert_eq!(names.len(), 2, "log and archive are expected: {names:?}");
    let same = place.path().join("same");
    copy(&ours, &same);
    let expected = told(&plain(&same).hold().start().await.unwrap()).await;
    let mut accepted = Vec::new();
    for (other, what) in [(&old, "older"), (&foreign, "foreign")] {
        for name in &names {
            let mixed = place.path().join(format!("{what}-{name}"));
            copy(&ours, &mixed);
            std::fs::copy(other.join(name), mixed.join(name)).unwrap();
            match plain(&mixed).hold().start().await {
                // What a kill before a move leaves: the archive is behind, and the log has the rest.
                // `an_older_archive_is_refused_or_lacks_nothing` tries it moment by moment.
                Ok(engine) if what == "older" && name.contains("archive") => {
                    assert!(engine.damage().is_empty(), "{:?}", engine.damage());
                    assert!(told(&engine).await == expected, "an older archive lacks something");
                }
                Ok(_) => accepted.push(format!("{what} {name}")),
                Err(error) => {
                    let message = error.to_string();
                    assert!(message.contains("restore") || message.contains("backup"), "{message}");
                }
            }
        }
    }
    assert!(
        accepted.is_empty(),
        "accepted beside the files of another folder or time: {accepted:?}"
    );
    // What belongs together is taken, wherever it lies.
    let moved = place.path().join("moved");
    copy(&ours, &moved);
    let engine = plain(&moved).hold().start().await.unwrap();
    assert!(engine.damage().is_empty(), "{:?}", engine.damage());
    engine.shutdown(Duration::ZERO).await.unwrap();
}
