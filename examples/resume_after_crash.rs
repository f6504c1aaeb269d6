//! The process dies in the middle of a run; the next one goes on where it stopped.
//!
//! The program starts itself as a child that aborts while the second step runs, then opens the same
//! data folder: the first step is not run again.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::path::Path;
use std::time::Duration;

use windlass::{Engine, StepError};

const WORKFLOW: &str = r#"
name = "import"
pipeline = ["download", "convert", "publish"]

[steps.download]
task = "download"

[steps.convert]
task = "convert"

[steps.publish]
task = "publish"
"#;

/// The same engine in both lives; only the first dies in `convert`.
async fn engine(folder: &Path, dies: bool) -> Result<Engine, windlass::Error> {
    let says = |words: &'static str| {
        move || async move {
            println!("  {words}");
            Ok::<_, StepError>(())
        }
    };
    Engine::builder()
        .data_dir(folder)
        .task("download", says("download"))
        .task("convert", move || async move {
            println!("  convert");
            if dies {
                std::process::abort();
            }
            Ok::<_, StepError>(())
        })
        .task("publish", says("publish"))
        .workflow_text("import", WORKFLOW)?
        .start()
        .await
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    if let Some(folder) = std::env::args().nth(1) {
        let engine = engine(Path::new(&folder), true).await?;
        engine.run("import", ()).idempotency_key("import-7").await?.wait().await?;
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    println!("first life");
    let child = std::process::Command::new(std::env::current_exe()?).arg(folder.path()).status()?;
    println!("it ended {}", if child.success() { "well" } else { "in the middle" });

    println!("second life");
    let engine = engine(folder.path(), false).await?;
    // The same key names the same run: nothing is started twice.
    let run = engine.run("import", ()).idempotency_key("import-7").await?;
    println!("the run has {}", run.wait().await?.state.as_str());
    engine.shutdown(Duration::from_secs(5)).await?;
    Ok(())
}
