//! What fails for good is kept with its input and its errors, until somebody replays or drops it.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use windlass::{DeadLetterFilter, Engine, StepError};

const WORKFLOW: &str = r#"
name = "parcel"

[steps.label]
task  = "label"
retry = { attempts = 2, delay = "1ms" }

[steps.ship]
task       = "ship"
depends_on = ["label"]
"#;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let open = Arc::new(AtomicBool::new(false));
    let carrier = Arc::clone(&open);
    let label = move |parcel: u32| {
        let open = carrier.load(Ordering::Relaxed);
        async move {
            if open {
                Ok(format!("label {parcel}"))
            } else {
                Err(StepError::new("carrier", "closed"))
            }
        }
    };
    let engine = Engine::builder()
        .in_memory()
        .task("label", label)
        .task("ship", async |label: String| Ok::<_, StepError>(format!("{label} is on its way")))
        .workflow_text("parcel", WORKFLOW)?
        .start()
        .await?;

    let run = engine.run("parcel", 7).await?;
    println!("the run has {}", run.wait().await?.state.as_str());
    let letters = engine.dead_letters();
    for group in letters.groups(&DeadLetterFilter::default()).await? {
        let letter = group.example;
        println!("{} dead letter of step {}: {}", group.count, letter.step, letter.failure.message);
    }

    // The carrier opens; the run goes on from the step that failed.
    open.store(true, Ordering::Relaxed);
    for letter in letters.list(&DeadLetterFilter::default()).await? {
        letters.replay(letter.id).await?;
    }
    println!("{}", run.output::<String>().await?);
    println!("{} dead letters left", letters.list(&DeadLetterFilter::default()).await?.len());
    engine.shutdown(Duration::from_secs(5)).await?;
    Ok(())
}
