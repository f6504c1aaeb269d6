//! One step for each item of a list that only the run knows, and one that takes all their results.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use windlass::{Engine, StepError};

const WORKFLOW: &str = r#"
name = "pictures"

[input]
folder = "string"

[steps.list]
task = "list"

[steps.resize]                             # as many as there are, three at a time
for_each     = "steps.list.output"
task         = "resize"
max_parallel = 3

[steps.album]                              # the results, in the order of the list
task = "album"
with = "${{ steps.resize.output }}"
"#;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = Engine::builder()
        .in_memory()
        .task("list", async || {
            Ok::<_, StepError>(["harbour.jpg", "crane.jpg", "rope.jpg", "mill.jpg"])
        })
        .task("resize", async |name: String| Ok::<_, StepError>(name.replace(".jpg", "-small.jpg")))
        .task("album", async |pictures: Vec<String>| Ok::<_, StepError>(pictures.join(", ")))
        .workflow_text("pictures", WORKFLOW)?
        .start()
        .await?;
    let run = engine.run("pictures", serde_json::json!({ "folder": "holiday" })).await?;
    println!("album: {}", run.output::<String>().await?);
    engine.shutdown(Duration::from_secs(5)).await?;
    Ok(())
}
