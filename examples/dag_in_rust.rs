//! A workflow built in Rust instead of a file; it is checked like one.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use serde_json::json;
use windlass::{Engine, Step, StepError, Workflow};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let regions = ["north", "south", "west"];
    let mut report = Workflow::new("report");
    for region in regions {
        report = report.step(Step::task(region, "sales").with(&json!({ "region": region })));
    }
    report = report.step(Step::task("total", "total").after(regions));
    println!("{}", report.to_toml());

    let engine = Engine::builder()
        .in_memory()
        .task("sales", async |of: serde_json::Value| {
            Ok::<_, StepError>(of["region"].as_str().map_or(0, |region| region.len() * 100))
        })
        .task("total", async |sales: std::collections::BTreeMap<String, u64>| {
            Ok::<_, StepError>(sales.values().sum::<u64>())
        })
        .workflow(&report)?
        .start()
        .await?;
    let run = engine.run("report", ()).await?;
    println!("total: {}", run.output::<u64>().await?);
    engine.shutdown(Duration::from_secs(5)).await?;
    Ok(())
}
