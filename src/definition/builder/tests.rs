use std::collections::BTreeMap;

use expect_test::expect_file;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::definition::{
    Backoff, Definition, Delay, ErrorClass, InputKind, Jitter, JoinDefinition, OnCrash, Tolerate,
    VerbDefinition, parse,
};

fn read(workflow: &Workflow) -> Definition {
    let text = workflow.to_toml();
    let parsed = parse("<builder>", &text);
    assert_eq!(parsed.diagnostics, [], "{text}");
    parsed.definition.unwrap()
}

/// A retry policy with every key.
fn policy() -> Retry {
    Retry::attempts(5)
        .on([ErrorClass::Timeout, ErrorClass::Exit(75), ErrorClass::Named("sold.out".into())])
        .not_on([ErrorClass::Panic])
        .backoff(Backoff::Exponential)
        .delay(Duration::from_millis(1_500))
        .factor(1.5)
        .max_delay(Duration::from_secs(60))
        .jitter(Jitter::Equal)
        .within(Duration::from_secs(3_700))
}

/// A request with every key.
fn request() -> Http {
    Http::post("https://example.com/${{ input.id }}")
        .header("X-Id", "${{ input.id }}")
        .query("q", "a b")
        .json(&json!({ "nothing": null, "list": [1, 2.5, true, "x"] }))
        .expect([(200, 204), (409, 409)])
        .save("answer.json")
        .max_size(1_000)
}

/// A fan-out with every key.
fn fan_out() -> Step {
    let rules = [Retry::attempts(2).retry_after(), Retry::attempts(3).backoff(Backoff::Linear)];
    Step::program("merge", ["./merge", "", "${{ item }}"])
        .for_each_of([json!({ "a": "x y" }), json!(2)])
        .max_parallel(2)
        .max_items(10)
        .tolerate(Tolerate::Percent(12.5))
        .env("A", "1")
        .env("B", "2")
        .stdin("${{ steps.fetch.output }}")
        .output_file("out.txt")
        .retry(Retry::rules(rules))
        .idempotency_key("${{ item.a }}")
}

/// A step with the keys that every verb takes.
fn charge() -> Step {
    Step::task("charge", "payments.charge")
        .after(["merge"])
        .when("input.kind == \"a\"")
        .join(JoinDefinition::Settled)
        .with(&BTreeMap::from([("to", "${{ secrets.key }}")]))
        .timeout(Duration::from_secs(5))
        .start_within(Duration::from_secs(60))
        .allow_failure()
        .on_crash(OnCrash::Park)
        .queue("payments")
        .priority(100)
}

/// A fan-out with a body.
fn each() -> Step {
    let one = Step::shell("one", "echo ${{ item }} | sort").output("lines");
    let two = Step::sleep("two", Duration::from_secs(90)).after(["one"]);
    Step::body("each", "input.items", [one, two]).tolerate(Tolerate::Count(3))
}

/// Every key there is.
fn everything() -> Workflow {
    let id = Input::string().pattern("^[a-z\\d]+$").format("uuid").optional();
    let items = Input::array().min_items(1).max_items(9).items(Input::integer().min(0.0).max(9.5));
    Workflow::new("all.keys")
        .description("with \"quotes\",\nlines and é")
        .label("team", "a=b")
        .timeout(Duration::from_secs(7_200))
        .durability(Durability::Relaxed)
        .fail_fast(FailFast::Cancel)
        .max_parallel(8)
        .priority(-5)
        .pipeline(["fetch", "merge"])
        .input("id", id)
        .input("items", items)
        .input("kind", Input::of(InputKind::Any).one_of(["a", "b"]).default("a"))
        .output("result", "${{ steps.merge.output }}")
        .secret("key", &SecretSource::Env("KEY".to_owned()))
        .secret("file", &SecretSource::File("/run/key".to_owned()))
        .default_retry(Retry::attempts(2))
        .default_timeout(Duration::from_secs(10))
        .default_queue("slow")
        .default_env([("LANG", "C"), ("A.B", "x")])
        .retry("api", policy())
        .step(Step::http("fetch", request()).retry(Retry::named("api")))
        .step(fan_out())
        .step(charge())
        .step(each())
}

#[test]
fn every_key_can_be_built() {
    expect_file!["./all-keys.toml"].assert_eq(&everything().to_toml());
    let flow = read(&everything());
    assert_eq!(flow.steps.len(), 4);
    assert_eq!(flow.description.as_deref(), Some("with \"quotes\",\nlines and é"));
    assert_eq!(flow.steps["fetch"].retry[0].delay, Delay::Of(Duration::from_millis(1_500)));
    assert_eq!(flow.steps["merge"].retry.len(), 2);
    assert_eq!(flow.steps["merge"].for_each.as_ref().unwrap().value, r#"[{"a":"x y"},2]"#);
}

#[test]
fn bodies_nest() {
    let inner = Step::body("parts", "item.parts", [Step::task("make", "make")]);
    let group = Step::group("build", [Step::task("fetch", "fetch"), inner.after(["fetch"])]);
    let flow = read(&Workflow::new("a").step(group.when("input.build")));
    let VerbDefinition::Steps(build) = &flow.steps["build"].verb else { panic!("a body") };
    assert!(flow.steps["build"].for_each.is_none() && flow.steps["build"].when.is_some());
    let VerbDefinition::Steps(parts) = &build["parts"].verb else { panic!("a body") };
    assert_eq!(build["parts"].for_each.as_ref().unwrap().value, "item.parts");
    assert!(matches!(parts["make"].verb, VerbDefinition::Task(_)));
}

#[test]
fn a_key_that_is_set_twice_has_the_last_value() {
    let flow = Workflow::new("a").step(Step::task("a", "x").queue("one").queue("two"));
    assert_eq!(read(&flow).steps["a"].queue.as_ref().unwrap().value.as_str(), "two");
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has no others", |n| n.is_finite()).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_value_reads_back_as_it_was(value in any_json()) {
        let flow = read(&Workflow::new("a").step(Step::task("a", "x").with(&value)));
        prop_assert_eq!(&flow.steps["a"].with.as_ref().unwrap().value, &value);
    }
}
