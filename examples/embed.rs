//! The engine inside a program: two Rust functions, a workflow that calls them, one run.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use serde::{Deserialize, Serialize};
use windlass::{Engine, State, StepContext, StepError};

/// What the handlers share.
#[derive(Clone)]
struct Prices {
    cents: u64,
}

#[derive(Deserialize)]
struct Order {
    id: String,
    pieces: u64,
}

#[derive(Serialize, Deserialize)]
struct Receipt {
    order: String,
    cents: u64,
}

const WORKFLOW: &str = r#"
name = "order"

[steps.charge]
task = "payments.charge"                   # the run's input flows in

[steps.mail]
task        = "mail.send"
with.text   = "Order ${{ input.id }}: ${{ steps.charge.output.cents }} cents"

[output]
order = "${{ input.id }}"
cents = "${{ steps.charge.output.cents }}"
"#;

async fn charge(
    State(prices): State<Prices>,
    step: StepContext,
    order: Order,
) -> Result<Receipt, StepError> {
    // The key is the same in every try: a payment service that knows it charges once.
    println!("charging with key …/{}", step.step());
    if order.pieces == 0 {
        return Err(StepError::permanent("an order of nothing"));
    }
    Ok(Receipt { order: order.id, cents: order.pieces * prices.cents })
}

#[derive(Deserialize)]
struct Mail {
    text: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = Engine::builder()
        .in_memory() // or .data_dir("data"): then every run survives a crash
        .state(Prices { cents: 250 })
        .task("payments.charge", charge)
        .task("mail.send", async |mail: Mail| {
            println!("mail: {}", mail.text);
            Ok::<_, StepError>(())
        })
        .workflow_text("order", WORKFLOW)?
        .start()
        .await?;

    let run = engine.run("order", serde_json::json!({ "id": "7", "pieces": 3 })).await?;
    let receipt: Receipt = run.output().await?;
    println!("order {} for {} cents", receipt.order, receipt.cents);

    engine.shutdown(Duration::from_secs(5)).await?;
    Ok(())
}
