//! JSON that is hard to read back: refused at the door, or the same in every path.

use serde_json::value::RawValue;
use serde_json::{Value, json};
use windlass::{Engine, EngineBuilder, Error, Payload, RunHistory, RunState, StepError};

use crate::support::within;

/// Texts that pass for JSON somewhere, and what is to become of them.
const VALUES: &[(&str, Becomes)] = &[
    ("1e999", Becomes::Refused),
    ("-1e400", Becomes::Refused),
    ("[0,[1E+999]]", Becomes::Refused),
    (r#"{"a":{"b":1e999}}"#, Becomes::Refused),
    (r#""\ud800""#, Becomes::Refused),
    (r#""a\udcffb""#, Becomes::Refused),
    (r#""\ude00\ud83d""#, Becomes::Refused),
    (r#"{"\ud800":1}"#, Becomes::Refused),
    (r#"["x",{"k":["\udfff"]}]"#, Becomes::Refused),
    ("12345678901234567890123", Becomes::Refused),
    ("18446744073709551616", Becomes::Refused),
    ("-9223372036854775809", Becomes::Refused),
    (r#"{"n":[99999999999999999999999]}"#, Becomes::Refused),
    ("1.50", Becomes::Text("1.5")),
    ("1.10", Becomes::Text("1.1")),
    ("[2.500,{\"x\":0.250}]", Becomes::Text("[2.5,{\"x\":0.25}]")),
    ("18446744073709551615", Becomes::Text("18446744073709551615")),
    ("-9223372036854775808", Becomes::Text("-9223372036854775808")),
    ("9007199254740993", Becomes::Text("9007199254740993")),
    (r#""\ud83d\ude00""#, Becomes::Text("\"\u{1f600}\"")),
    ("1E5", Becomes::TheSame),
    ("-0.0", Becomes::TheSame),
    ("5e-324", Becomes::TheSame),
    ("1.7976931348623157e308", Becomes::TheSame),
    ("0.1000000000000000055511151231257827", Becomes::TheSame),
    (r#"{"a":1,"a":2}"#, Becomes::TheSame),
    (r#"{"z":1, "a" : [ 1 , 2 ] }"#, Becomes::TheSame),
    (r#""\u0000\u001f\u2028\/""#, Becomes::TheSame),
];

#[derive(Debug, Clone, Copy, PartialEq)]
enum Becomes {
    /// Nothing: there is an error before anything reads it.
    Refused,
    /// This text, wherever it is shown.
    Text(&'static str),
    /// Anything, as long as it is the same in all places; or an error at the door.
    TheSame,
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy)]
enum Source {
    Input,
    Serialized,
    Handler,
    Command,
}

/// Every way to read a value; `VALUE` stands for the expression that names it.
const READERS: &str = r#"
    [steps.whole]
    task = "same"
    with = "${{ VALUE }}"
    [steps.next]
    task = "same"
    with = "${{ steps.whole.output }}"
    [steps.filter]
    task = "same"
    with = "${{ VALUE | default(0) }}"
    [steps.list]
    task = "same"
    with = "${{ [VALUE] }}"
    [steps.table]
    task = "same"
    with.x = "${{ VALUE }}"
    [steps.text]
    task = "same"
    with = "v ${{ VALUE }}"
    [steps.tojson]
    task = "same"
    with = "${{ VALUE | tojson }}"
    [steps.each]
    task = "same"
    for_each = "[VALUE]"
    [steps.failing]
    task = "fails"
    for_each = "[VALUE]"
    tolerate = 1
    allow_failure = true
    [steps.failed]
    task = "same"
    with = "${{ steps.failing.failed[0].item }}"
    [steps.sibling]
    task = "same"
    with = "${{ BESIDE }}"
"#;

fn builder() -> EngineBuilder {
    Engine::builder()
        .task("same", async |value: Payload| Ok::<_, StepError>(value))
        .task("fails", async |_: Payload| Err::<u32, _>(StepError::permanent("no")))
        .task("sources", async |text: String| {
            Payload::from_json(text).map_err(StepError::permanent)
        })
        .workflow_text("well", "[steps.a]\ntask = \"same\"\n")
        .unwrap()
}

fn workflow(source: Source, value: &str) -> String {
    let holds = format!("{{\"v\":{value},\"beside\":1}}");
    let (steps, name, beside) = match source {
        Source::Input | Source::Serialized => (String::new(), "input.v", "input.beside"),
        Source::Handler => {
            let step = format!("[steps.source]\ntask = \"sources\"\nwith = '{holds}'\n");
            (step, "steps.source.output.v", "steps.source.output.beside")
        }
        Source::Command => {
            let run = format!("run = [\"printf\", \"%s\", '{holds}']\noutput = \"json\"\n");
            let step = format!("[steps.source]\n{run}");
            (step, "steps.source.output.v", "steps.source.output.beside")
        }
    };
    steps + &READERS.replace("VALUE", name).replace("BESIDE", beside)
}

/// Starts a run that gets the value in and reads it; `None` where the value is refused.
async fn history(source: Source, value: &str) -> Option<RunHistory> {
    let builder = builder().workflow_text("w", &workflow(source, value)).unwrap();
    let engine = builder.start().await.unwrap();
    let holds = format!("{{\"v\":{value},\"beside\":1}}");
    let started = match source {
        Source::Input => {
            let payload = Payload::from_json(holds).ok()?;
            within(IntoFuture::into_future(engine.run("w", payload))).await
        }
        Source::Serialized => {
            let raw = RawValue::from_string(holds).ok()?;
            within(IntoFuture::into_future(engine.run("w", raw))).await
        }
        Source::Handler | Source::Command => engine.run("w", json!({})).await,
    };
    let run = match started {
        Ok(run) => run,
        Err(Error::Json { why, .. }) => {
            assert!(!why.is_empty());
            return None;
        }
        Err(other) => panic!("{other}"),
    };
    within(run.wait()).await.unwrap();
    let history = engine.history(run.id()).await.unwrap();
    let well = within(engine.run("well", 1).await.unwrap().wait()).await.unwrap();
    assert_eq!(well.state, RunState::Succeeded, "the engine is not well");
    let source = history.steps.iter().find(|step| step.id.as_str() == "source");
    let refused = source.and_then(|source| source.error.as_ref());
    if let Some(error) = refused {
        assert!(error.message.len() > 10, "{error:?} does not say what is wrong");
        return None;
    }
    Some(history)
}

/// What each reader has seen, taken out of what its expression puts around it.
fn seen(history: &RunHistory) -> Vec<(String, String)> {
    let mut seen = Vec::new();
    for step in &history.steps {
        let id = step.id.as_str();
        if matches!(id, "source" | "failing") {
            continue;
        }
        let output = step.output.as_ref().map_or_else(
            || format!("no output: {:?} {:?}", step.reason, step.error),
            |output| output.as_str().to_owned(),
        );
        let inner = |open: &str, close: &str| {
            let rest = output.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
            rest.unwrap_or(&output).to_owned()
        };
        seen.push((
            id.to_owned(),
            match id {
                "list" | "each" => inner("[", "]"),
                "table" => inner("{\"x\":", "}"),
                "tojson" => serde_json::from_str::<String>(&output).unwrap_or(output),
                "text" => {
                    let text = serde_json::from_str::<String>(&output).unwrap_or(output);
                    text.strip_prefix("v ").unwrap_or(&text).to_owned()
                }
                "sibling" => {
                    assert_eq!(output, "1", "a sibling of the value is lost");
                    continue;
                }
                _ => output,
            },
        ));
    }
    seen
}

/// What is wrong with how a value is taken.
async fn problem(source: Source, value: &'static str, becomes: Becomes) -> Option<String> {
    let handle = tokio::spawn(history(source, value));
    let history = match handle.await {
        Ok(Some(history)) => history,
        Ok(None) if matches!(becomes, Becomes::Text(_)) => return Some("is refused".to_owned()),
        Ok(None) => return None,
        Err(panicked) => return Some(format!("breaks the engine: {panicked}")),
    };
    if becomes == Becomes::Refused {
        return Some("is accepted".to_owned());
    }
    // The history as JSON is what `show --json` and the API say.
    if let Err(error) = serde_json::to_string(&history) {
        return Some(format!("cannot be shown: {error}"));
    }
    let seen = seen(&history);
    let first = seen[0].1.clone();
    if let Becomes::Text(text) = becomes
        && plain(&first) != plain(text)
    {
        return Some(format!("becomes {first} instead of {text}"));
    }
    let text = serde_json::from_str::<Value>(&first).ok()?.as_str().map(ToOwned::to_owned);
    let differs = |(id, other): &&(String, String)| match (id.as_str(), &text) {
        ("text", Some(text)) => text != other,
        _ => plain(other) != plain(&first),
    };
    let odd = seen.iter().find(differs)?;
    Some(format!("is {first} in `whole` and {} in `{}`", odd.1, odd.0))
}

/// JSON with one spelling of its strings and no blanks. Numbers and keys stay as they are.
fn plain(json: &str) -> String {
    let mut plain = String::new();
    let mut rest = json;
    while let Some(next) = rest.chars().next() {
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<String>();
        if next == '"'
            && let Some(Ok(text)) = values.next()
        {
            plain.push_str(&json!(text).to_string());
            rest = &rest[values.byte_offset()..];
            continue;
        }
        if !next.is_ascii_whitespace() {
            plain.push(next);
        }
        rest = &rest[next.len_utf8()..];
    }
    plain
}

async fn check(source: Source) {
    let mut problems = Vec::new();
    for (value, becomes) in VALUES {
        if let Some(problem) = problem(source, value, *becomes).await {
            problems.push(format!("{value} {problem}"));
        }
    }
    assert!(problems.is_empty(), "from {source:?}:\n{}", problems.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_input_is_the_same_in_every_path_or_refused() {
    check(Source::Input).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_program_serializes_is_the_same_in_every_path_or_refused() {
    check(Source::Serialized).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_result_of_a_handler_is_the_same_in_every_path_or_refused() {
    check(Source::Handler).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_output_of_a_command_is_the_same_in_every_path_or_refused() {
    check(Source::Command).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_of_rust_beyond_64_bits_are_refused() {
    let engine = builder().start().await.unwrap();
    for refused in [
        within(IntoFuture::into_future(engine.run("well", u128::MAX))).await,
        within(IntoFuture::into_future(engine.run("well", i128::MIN))).await,
        within(IntoFuture::into_future(engine.run("well", [u128::from(u64::MAX) + 1]))).await,
    ] {
        let refused = refused.map(|run| run.id());
        assert!(matches!(refused, Err(Error::Json { .. })), "{refused:?}");
    }
    for exact in [u64::MAX, 9_007_199_254_740_993] {
        let run = engine.run("well", exact).await.unwrap();
        assert_eq!(run.output::<u64>().await.unwrap(), exact);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floats_that_json_does_not_have_are_refused_and_never_null() {
    for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let engine = Engine::builder()
            .task("odd", move || async move { Ok::<_, StepError>([1.0, odd]) })
            .workflow_text("w", "[steps.odd]\ntask = \"odd\"\nretry.attempts = 3\n")
            .unwrap();
        let engine = engine.start().await.unwrap();
        let run = engine.run("w", ()).await.unwrap();
        assert_eq!(within(run.wait()).await.unwrap().state, RunState::Failed);
        let history = engine.history(run.id()).await.unwrap();
        let attempts = &history.steps[0].attempts;
        let failure = attempts[0].error.as_ref().unwrap();
        assert_eq!((attempts.len(), failure.class.as_str()), (1, "invalid"));
        let expected =
            format!("the output is refused: `[1]`: `{odd}` is not a number that JSON has");
        assert!(failure.message.starts_with(&expected), "{}", failure.message);
        let input = engine.run("w", odd).await.map(|run| run.id());
        assert!(matches!(input, Err(Error::Json { .. })), "{input:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deep_values_are_refused_or_read() {
    for depth in [100, 127, 128, 129, 200, 5_000] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let value = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            let value: &'static str = value.leak();
            for source in [Source::Input, Source::Serialized, Source::Handler] {
                let problem = problem(source, value, Becomes::TheSame).await;
                assert!(problem.is_none(), "{depth} of {open} from {source:?}: {problem:?}");
            }
        }
    }
}
