//! Every file of `workflows/` does what it says: run in place by the library, results looked at.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use windlass::Engine;
use windlass::run::RunHistory;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("workflows")
}

/// Runs a workflow of the folder to its end.
async fn run(name: &str, input: Value) -> RunHistory {
    let data = tempfile::tempdir().unwrap();
    let engine = Engine::builder()
        .data_dir(data.path())
        .workflow_file(root().join(format!("{name}.toml")))
        .unwrap()
        .start()
        .await
        .unwrap();
    let run = engine.run(name, input).await.unwrap();
    run.wait().await.unwrap();
    let history = engine.history(run.id()).await.unwrap();
    engine.shutdown(Duration::from_secs(5)).await.unwrap();
    history
}

/// The output of a run that must have succeeded.
fn output(history: &RunHistory) -> Value {
    let told = || serde_json::to_string_pretty(history).unwrap();
    assert_eq!(history.state.as_str(), "succeeded", "{}", told());
    history.output.as_ref().unwrap().parse().unwrap()
}

fn tries(history: &RunHistory, step: &str) -> usize {
    history.steps.iter().find(|s| s.id.as_str() == step).unwrap().attempts.len()
}

#[tokio::test]
async fn hello_greets() {
    let greeting = |history: &RunHistory| output(history)["greeting"].clone();
    assert_eq!(greeting(&run("hello", json!({})).await), "HELLO, WORLD!");
    let name = "O'Hara; rm -rf $HOME `id` \"x\"";
    let history = run("hello", json!({ "name": name })).await;
    assert_eq!(greeting(&history), format!("Hello, {name}!").to_ascii_uppercase());
}

#[tokio::test]
async fn order_is_charged_once_after_real_retries() {
    let out = tempfile::tempdir().unwrap();
    let history = run("order", json!({ "out": out.path(), "order_id": "77" })).await;
    let output = output(&history);
    assert_eq!(output["total"], 59_300);
    assert_eq!(output["charge"], "ch_77_59300");
    assert_eq!(tries(&history, "charge"), 3, "the gateway is busy twice");
    assert_eq!(tries(&history, "warehouse"), 2, "the printer has no paper at first");

    let read = |name: &str| std::fs::read_to_string(out.path().join("77").join(name)).unwrap();
    assert_eq!(read("ledger.csv").lines().count(), 1, "charged once");
    assert!(read("email.txt").contains("To: ada@example.com"));
    assert!(read("email.txt").contains("  4 x pawl"));
    assert!(read("invoice.txt").contains("total                            593.00"));
    assert_eq!(read("picklist.txt").lines().next(), Some("shelf drum: take 1"));
    assert_eq!(read("analytics.csv").trim(), "77,59300");
    let summary: Value = serde_json::from_str(&read("summary.json")).unwrap();
    assert!(summary["files"].as_array().unwrap().contains(&json!("invoice.txt")));
}

#[tokio::test]
async fn order_stops_where_the_stock_is_short() {
    let out = tempfile::tempdir().unwrap();
    let items = json!([{ "sku": "pawl", "quantity": 1 }, { "sku": "drum", "quantity": 9 }]);
    let history = run("order", json!({ "out": out.path(), "items": items })).await;
    assert_eq!(history.state.as_str(), "failed");
    let inventory = history.steps.iter().find(|step| step.id.as_str() == "inventory").unwrap();
    let words = inventory.attempts.iter().filter_map(|a| a.error.as_ref()).map(|e| &*e.message);
    assert_eq!(words.collect::<Vec<_>>(), ["only 3 of drum left"]);
    assert_eq!(tries(&history, "charge"), 0);
}

#[tokio::test]
async fn word_count_counts_what_is_there() {
    let history = run("word-count", json!({ "top": 12 })).await;
    let output = output(&history);
    let texts = root().join("texts").read_dir().unwrap().map(|entry| entry.unwrap().path());
    let texts: Vec<String> = texts.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for text in &texts {
        let lower = text.to_ascii_lowercase();
        for word in lower.split(|c: char| !c.is_ascii_lowercase()).filter(|word| word.len() >= 4) {
            *counts.entry(word.to_owned()).or_default() += 1;
        }
    }
    let mut words: Vec<(usize, String)> = counts.into_iter().map(|(w, n)| (n, w)).collect();
    words.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let top: Vec<String> = words.into_iter().take(12).map(|(n, w)| format!("{n} {w}")).collect();
    assert_eq!(output, json!({ "texts": texts.len(), "top": top }));
}

#[tokio::test]
async fn backup_packs_and_proves_it() {
    let out = tempfile::tempdir().unwrap();
    let history = run("backup", json!({ "out": out.path(), "name": "texts" })).await;
    let output = output(&history);
    let archive = out.path().join("texts.tar.gz");
    assert_eq!(output["archive"].as_str(), archive.to_str());
    assert_eq!(output["bytes"], archive.metadata().unwrap().len());
    assert_eq!(output["files"], root().join("texts").read_dir().unwrap().count());
    let sum = std::fs::read_to_string(out.path().join("texts.tar.gz.sha256")).unwrap();
    assert!(sum.starts_with(output["sha256"].as_str().unwrap()));
}

#[tokio::test]
async fn backup_of_nothing_fails() {
    let out = tempfile::tempdir().unwrap();
    let missing = out.path().join("missing");
    let history = run("backup", json!({ "out": out.path(), "folder": missing })).await;
    assert_eq!(history.state.as_str(), "failed");
    assert_eq!(history.steps[0].state.as_str(), "failed");
}

#[tokio::test]
async fn etl_loads_what_is_good_and_names_the_rest() {
    let out = tempfile::tempdir().unwrap();
    let history = run("etl", json!({ "out": out.path() })).await;
    let expected = json!({ "rows": 8, "cents": 81_030, "loaded": 3, "failed": ["station.csv"] });
    assert_eq!(output(&history), expected);
    let loaded = std::fs::read_to_string(out.path().join("sales.jsonl")).unwrap();
    let rows: Vec<Value> = loaded.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let files: Vec<&Value> = rows.iter().map(|row| &row["file"]).collect();
    assert_eq!(files, ["harbour.csv", "market.csv", "mill.csv"], "in the order of the list");
}

#[cfg(feature = "http")]
mod site {
    use std::sync::{Arc, Mutex};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    type Seen = Arc<Mutex<BTreeMap<String, usize>>>;

    /// What the site says to the n-th request of a path.
    fn reply(path: &str, nth: usize) -> (&'static str, &'static str) {
        match (path, nth) {
            ("/status", 1) => ("429 Too Many Requests\r\nretry-after: 0", "slow down"),
            ("/status", 2) | ("/pages" | "/about", 1) => ("503 Service Unavailable", "restarting"),
            ("/status", _) => ("200 OK", r#"{"state":"up","version":"1.2.3"}"#),
            ("/pages", _) => ("200 OK", r#"["/","/about","/gone"]"#),
            ("/gone", _) => ("404 Not Found", "gone"),
            _ => ("200 OK", "a page"),
        }
    }

    async fn serve(listener: TcpListener, seen: Seen) {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, Arc::clone(&seen)));
        }
    }

    /// Answers one request and closes.
    async fn answer(mut stream: TcpStream, seen: Seen) {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            if stream.read_buf(&mut request).await.unwrap() == 0 {
                return;
            }
        }
        let text = String::from_utf8(request).unwrap();
        let path = text.split(' ').nth(1).unwrap().to_owned();
        let nth = {
            let mut seen = seen.lock().unwrap();
            let count = seen.entry(path.clone()).or_default();
            *count += 1;
            *count
        };
        let (status, body) = reply(&path, nth);
        let head = format!("content-type: application/json\r\ncontent-length: {}", body.len());
        let answer = format!("HTTP/1.1 {status}\r\n{head}\r\nconnection: close\r\n\r\n{body}");
        stream.write_all(answer.as_bytes()).await.unwrap();
    }

    #[tokio::test]
    async fn site_check_asks_again_by_the_rule_that_fits() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let seen = Seen::default();
        tokio::spawn(serve(listener, Arc::clone(&seen)));
        let history = run("site-check", json!({ "base_url": base })).await;
        let expected = json!({ "version": "1.2.3", "pages": 3, "missing": ["/gone"] });
        assert_eq!(output(&history), expected);
        let asked = [("/", 1), ("/about", 2), ("/gone", 1), ("/pages", 2), ("/status", 3)];
        let asked = asked.map(|(path, count)| (path.to_owned(), count));
        assert_eq!(*seen.lock().unwrap(), BTreeMap::from(asked), "a 404 is not asked again");
    }

    #[tokio::test]
    async fn site_check_gives_up_where_nobody_answers() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let history = run("site-check", json!({ "base_url": base })).await;
        assert_eq!(history.state.as_str(), "failed");
        assert_eq!(tries(&history, "status"), 5);
        let error = history.steps[0].error.as_ref().unwrap();
        assert_eq!(error.class, "connection", "{}", error.message);
    }
}

#[test]
fn every_workflow_is_run_here() {
    let named = include_str!("workflows.rs");
    let files = root().read_dir().unwrap().map(|entry| entry.unwrap().path());
    for file in files.filter(|path| path.extension().is_some_and(|e| e == "toml")) {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        assert!(named.contains(&format!("run(\"{name}\"")), "{name} is not run");
    }
}
