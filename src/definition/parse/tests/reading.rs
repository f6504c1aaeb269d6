use std::time::Duration;

use serde_json::json;

use super::*;
use crate::definition::{
    Delay, Durability, ErrorClass, FailFast, InputKind, Jitter, JoinDefinition, KeepTime, OnCrash,
    OutputKind, RetentionKeys, SecretSource, StepDefinition, Tolerate, VerbDefinition,
};
use crate::id::Name;

/// What a valid text is read as.
fn check_read(text: &str, expected: Expect) {
    let parsed = parse("flow.toml", text);
    assert_eq!(parsed.diagnostics, []);
    expected.assert_debug_eq(&parsed.definition.unwrap());
}

#[test]
fn the_smallest_workflow_is_one_step() {
    check_read(
        "[steps.hello]\nrun = 'echo hello'\n",
        expect![[r#"
            Definition {
                name: Spanned {
                    value: flow,
                    span: 0..0,
                },
                description: None,
                labels: {},
                timeout: None,
                durability: None,
                fail_fast: Off,
                max_parallel: None,
                priority: 0,
                pipeline: [],
                input: {},
                output: {},
                retention: RetentionKeys {
                    keep: None,
                    keep_min: None,
                    keep_failed: None,
                    keep_letters: None,
                },
                secrets: {},
                steps: {
                    hello: StepDefinition {
                        span: 7..12,
                        verb: Shell(
                            Spanned {
                                value: "echo hello",
                                span: 20..32,
                            },
                        ),
                        depends_on: [],
                        when: None,
                        join: None,
                        for_each: None,
                        max_parallel: None,
                        max_items: None,
                        tolerate: None,
                        with: None,
                        env: {},
                        stdin: None,
                        output: Default,
                        retry: [],
                        timeout: None,
                        start_within: None,
                        allow_failure: false,
                        on_crash: Rerun,
                        queue: None,
                        priority: None,
                        idempotency_key: None,
                    },
                },
            }
        "#]],
    );
}

fn read(text: &str) -> Definition {
    let parsed = parse("flow.toml", text);
    assert_eq!(parsed.diagnostics, [], "{text}");
    parsed.definition.unwrap()
}

/// The one step of a valid text.
fn step(keys: &str) -> StepDefinition {
    read(&format!("[steps.a]\n{keys}\n")).steps.swap_remove_index(0).unwrap().1
}

#[test]
fn all_keys_of_a_workflow_are_read() {
    let flow = read(
        "name = 'order'\ndescription = 'd'\nlabels = { team = 'x' }\ntimeout = '2h'\n\
         durability = 'relaxed'\nfail_fast = 'stop'\nmax_parallel = 8\npriority = -100\n\
         pipeline = ['b', 'a']\n[output]\nid = '${{ steps.a.output }}'\nlist = [1, { a = 2026-01-31 }]\n\
         [secrets]\ns = { env = 'S' }\nf = { file = '/run/f' }\n[steps.b]\nrun = 'x'\n[steps.a]\nrun = 'y'\n",
    );
    assert_eq!(flow.name.value.as_str(), "order");
    assert_eq!(flow.timeout.unwrap().value, Duration::from_secs(7_200));
    assert_eq!((flow.durability, flow.fail_fast), (Some(Durability::Relaxed), FailFast::Stop));
    assert_eq!((flow.max_parallel, flow.priority), (Some(8), -100));
    assert_eq!(flow.pipeline.iter().map(|id| id.value.as_str()).collect::<Vec<_>>(), ["b", "a"]);
    assert_eq!(flow.output["list"].value, json!([1, { "a": "2026-01-31" }]));
    assert_eq!(flow.secrets["f"].value, SecretSource::File("/run/f".to_owned()));
    assert_eq!(flow.steps.keys().map(Name::as_str).collect::<Vec<_>>(), ["b", "a"]);
    assert_eq!(flow.labels["team"], "x");
}

#[test]
fn retention_is_read() {
    let retention = |keys: &str| read(&format!("{keys}\n[steps.a]\nrun = 'x'\n")).retention;
    assert_eq!(retention(""), RetentionKeys::default());
    let days = |days: u64| Some(KeepTime::For(Duration::from_secs(days * 86_400)));
    let expected = RetentionKeys {
        keep: days(7),
        keep_min: Some(0),
        keep_failed: days(0),
        keep_letters: Some(KeepTime::Forever),
    };
    let written =
        "[retention]\nkeep = '1w'\nkeep_min = 0\nkeep_failed = '0s'\nkeep_letters = 'forever'";
    assert_eq!(retention(written), expected);
}

#[test]
fn inputs_are_types_or_tables() {
    let flow = read(
        "[input]\na = 'string'\nb = { type = 'array', min_items = 1, items = 'integer' }\n\
         c = { type = 'number', min = 0.01, default = 5 }\nd = { type = 'string', enum = ['x'], optional = true }\n",
    );
    assert_eq!(flow.input["a"].kind, InputKind::String);
    assert_eq!(flow.input["b"].items.as_ref().unwrap().kind, InputKind::Integer);
    assert_eq!((flow.input["c"].min, flow.input["b"].min_items), (Some(0.01), Some(1)));
    assert_eq!(flow.input["c"].default.as_ref().unwrap().value, json!(5));
    assert!(flow.input["d"].optional && flow.input["d"].allowed == [json!("x")]);
}

#[test]
fn the_order_of_the_file_is_kept_wherever_tables_are_opened() {
    let flow = read(
        "[steps.z]\nrun = 'x'\n[steps.m]\nfor_each = '[1]'\n[steps.m.steps.y]\nrun = 'x'\n\
         [steps.m.steps.b]\nrun = 'x'\n[steps.a]\ntask = 'x'\nwith = { z = 1, y = 2, a = 3 }\n",
    );
    assert_eq!(flow.steps.keys().map(Name::as_str).collect::<Vec<_>>(), ["z", "m", "a"]);
    let VerbDefinition::Steps(body) = &flow.steps[1].verb else { panic!("a body") };
    assert_eq!(body.keys().map(Name::as_str).collect::<Vec<_>>(), ["y", "b"]);
    let with = &flow.steps[2].with.as_ref().unwrap().value;
    assert_eq!(with.to_string(), r#"{"z":1,"y":2,"a":3}"#);
}

#[test]
fn all_keys_of_a_step_are_read() {
    let step = step(
        "run = ['./a', '', '${{ item }}']\ndepends_on = ['b']\nwhen = 'input.a'\njoin = 2\n\
         for_each = 'input.list'\nmax_parallel = 4\nmax_items = 100\ntolerate = '5%'\n\
         env = { A = 'x', B = 1 }\nstdin = '${{ item }}'\noutput.file = 'out-${{ index }}'\nretry.attempts = 3\n\
         timeout = '5s'\nstart_within = '1m'\nallow_failure = true\non_exhausted = 'fail'\non_crash = 'park'\n\
         queue = 'q'\npriority = 5\nidempotency_key = '${{ item.id }}'",
    );
    let VerbDefinition::Argv(words) = &step.verb else { panic!("words") };
    assert_eq!(words.len(), 3);
    assert_eq!(step.depends_on[0].value, "b");
    assert_eq!(step.join.unwrap().value, JoinDefinition::Count(2));
    assert_eq!(step.tolerate.unwrap().value, Tolerate::Percent(5.0));
    assert_eq!((step.max_parallel, step.max_items), (Some(4), Some(100)));
    assert_eq!(step.env["B"].value, json!(1));
    assert!(
        matches!(step.output, OutputKind::File(file) if file.value == json!("out-${{ index }}"))
    );
    assert_eq!(step.retry[0].attempts, 3);
    assert!(step.allow_failure && step.on_crash == OnCrash::Park && step.priority == Some(5));
    assert_eq!(step.queue.unwrap().value.as_str(), "q");
    assert_eq!(step.idempotency_key.unwrap().value, json!("${{ item.id }}"));
}

#[test]
fn a_literal_list_is_an_expression() {
    let list = step("run = 'x'\nfor_each = ['a \"b\"', 1, { k = 2026-01-31 }]").for_each.unwrap();
    assert_eq!(list.value, r#"["a \"b\"",1,{"k":"2026-01-31"}]"#);
}

#[test]
fn requests_are_read_from_dotted_keys_too() {
    let step = step(
        "http.method = 'POST'\nhttp.url = 'https://x'\nhttp.json.text = '${{ input }}'\nhttp.headers.A = 1\n\
         http.query = { q = true }\nhttp.expect = [201, '3xx', '404-410']\nhttp.max_size = '2MiB'\n\
         http.save = 'f'",
    );
    let VerbDefinition::Http(http) = step.verb else { panic!("http") };
    assert_eq!(http.json.unwrap().value, json!({ "text": "${{ input }}" }));
    assert_eq!(http.expect, [(201, 201), (300, 399), (404, 410)]);
    assert_eq!(http.max_size, Some(2 << 20));
    assert_eq!(http.headers["A"].value, json!(1));
    assert_eq!(http.query["q"].value, json!(true));
}

#[test]
fn defaults_are_merged_in() {
    let flow = read(
        "[defaults]\ntimeout = '10m'\nqueue = 'q'\nenv = { A = 'd', B = 'd' }\nretry.attempts = 4\n\
         retry.delay = '2s'\nretry.on = ['timeout']\n[retry.api]\nattempts = 9\nmax_delay = '1m'\n\
         [steps.none]\nrun = 'x'\nenv.B = 'own'\n[steps.own]\nrun = 'x'\nretry = { delay = '3h', jitter = 'none' }\n\
         timeout = '1s'\n[steps.named]\ntask = 'x'\nretry = 'api'\n[steps.rules]\nrun = 'x'\n\
         retry = [{ on = ['exit:75'], attempts = 2, delay = 'retry_after' }, { attempts = 3 }]\n\
         [steps.off]\nrun = 'x'\nretry.attempts = 1\n[steps.wait]\nsleep = '1s'\n",
    );
    let [none, own, named, rules, off, wait] =
        ["none", "own", "named", "rules", "off", "wait"].map(|id| &flow.steps[id]);
    assert_eq!(
        (none.retry[0].attempts, none.retry[0].delay),
        (4, Delay::Of(Duration::from_secs(2)))
    );
    assert_eq!(
        none.env.values().map(|v| v.value.as_str().unwrap()).collect::<Vec<_>>(),
        ["own", "d"]
    );
    assert_eq!((own.retry[0].attempts, own.retry[0].jitter), (4, Jitter::None));
    assert_eq!(own.retry[0].on, [ErrorClass::Timeout]);
    assert_eq!(own.retry[0].longest_delay(), Duration::from_secs(3 * 3_600));
    assert_eq!(own.timeout.as_ref().unwrap().value, Duration::from_secs(1));
    assert_eq!((named.retry[0].attempts, named.retry[0].on.len()), (9, 0));
    assert_eq!((rules.retry.len(), rules.retry[0].delay), (2, Delay::RetryAfter));
    assert_eq!(rules.retry[0].on, [ErrorClass::Exit(75)]);
    assert_eq!(off.retry[0].attempts, 1);
    assert!(wait.retry.is_empty() && wait.timeout.is_none() && wait.queue.is_none());
}

#[test]
fn the_reference_has_every_key_and_an_example_that_is_right() {
    let page = include_str!("../../../../docs/workflow-reference.md");
    let keys = [&keys::WORKFLOW, &keys::STEP];
    for key in keys.iter().flat_map(|keys| keys.known.iter().chain(keys.later)) {
        let forms =
            [format!("`{key}`"), format!("[{key}]"), format!("[{key}."), format!("[[{key}]]")];
        assert!(forms.iter().any(|form| page.contains(form)), "{key} is not in the reference");
    }
    let (_, after) = page.split_once("```toml\n").unwrap();
    let (example, _) = after.split_once("```").unwrap();
    assert_eq!(parse("example.toml", example).diagnostics, []);
}
