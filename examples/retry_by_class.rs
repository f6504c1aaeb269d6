//! A rule for each kind of error: the first that fits says how often and when to try again.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use windlass::{Engine, StepContext, StepError};

const WORKFLOW: &str = r#"
name = "fetch"

[steps.fetch]
task = "fetch"

[[steps.fetch.retry]]                      # the service says itself when to come again
on       = ["rate_limited"]
attempts = 10
delay    = "retry_after"

[[steps.fetch.retry]]                      # the network: again at once, and later and later
on       = ["connection", "timeout"]
attempts = 4
backoff  = "exponential"
delay    = "10ms"
jitter   = "none"
"#;

/// Fails in three ways before it succeeds.
async fn fetch(step: StepContext) -> Result<&'static str, StepError> {
    println!("try {}", step.attempt());
    match step.attempt() {
        1 => Err(StepError::new("connection", "connection refused")),
        2 => Err(StepError::new("rate_limited", "slow down").after(Duration::from_millis(20))),
        3 => Err(StepError::new("timeout", "no answer")),
        _ => Ok("the page"),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = Engine::builder()
        .in_memory()
        .task("fetch", fetch)
        .workflow_text("fetch", WORKFLOW)?
        .start()
        .await?;
    let run = engine.run("fetch", ()).await?;
    println!("fetched: {}", run.output::<String>().await?);
    engine.shutdown(Duration::from_secs(5)).await?;
    Ok(())
}
