//! One key, one run: whoever asks twice gets the same run, and another input is refused.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use serde_json::json;
use windlass::{Engine, Error, StepError};

const WORKFLOW: &str = r#"
name = "signup"

[steps.welcome]
task = "welcome"
"#;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = Engine::builder()
        .in_memory()
        .task("welcome", async || {
            println!("welcome mail sent");
            Ok::<_, StepError>(())
        })
        .workflow_text("signup", WORKFLOW)?
        .start()
        .await?;
    let ada = json!({ "name": "Ada" });
    let day = Duration::from_secs(24 * 60 * 60);
    let first = engine.run("signup", &ada).idempotency_key("signup-17").key_ttl(day).await?;
    first.wait().await?;
    let again = engine.run("signup", &ada).idempotency_key("signup-17").key_ttl(day).await?;
    println!("the same run: {}", first.id() == again.id());

    let grace = json!({ "name": "Grace" });
    match engine.run("signup", &grace).idempotency_key("signup-17").await {
        Err(Error::KeyTaken { run, .. }) => {
            println!("refused: the key is that of the first run: {}", run == first.id());
        }
        other => println!("unexpected: {other:?}"),
    }
    engine.shutdown(Duration::from_secs(5)).await?;
    Ok(())
}
