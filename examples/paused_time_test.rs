//! A test of a workflow that waits for days, done at once: with tokio's paused time, backoffs and
//! sleeps take no time at all.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use windlass::{Engine, StepContext, StepError};

const WORKFLOW: &str = r#"
name = "reminder"

[steps.wait]
sleep = "3d"

[steps.remind]
task       = "remind"
depends_on = ["wait"]
retry      = { attempts = 3, delay = "6h", backoff = "fixed", jitter = "none" }
"#;

// In a test: #[tokio::test(start_paused = true)]
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = Engine::builder()
        .in_memory()
        .task("remind", async |step: StepContext| match step.attempt() {
            1 | 2 => Err(StepError::retryable("mail", "the mail server is down")),
            _ => Ok(()),
        })
        .workflow_text("reminder", WORKFLOW)?
        .start()
        .await?;
    let begin = tokio::time::Instant::now();
    engine.run("reminder", ()).await?.wait().await?;
    let hours = begin.elapsed().as_secs() / 3600;
    println!("the run took {hours} hours of the paused clock");
    assert_eq!(hours, 3 * 24 + 2 * 6);
    engine.shutdown(Duration::from_secs(5)).await?;
    Ok(())
}
