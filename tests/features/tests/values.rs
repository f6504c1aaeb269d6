//! Values are the same under `arbitrary_precision`, in which serde_json has another form for numbers.

use windlass::{Engine, Payload, StepError};

const WORKFLOW: &str = r#"
[input]
n = { type = "number", min = 1 }
whole = { type = "integer", default = 7 }

[steps.same]
task = "same"
with = { z = "${{ input.n }}", a = 1.50, list = [1e2, "${{ input.n + 1 }}"], whole = "${{ input.whole }}" }

[steps.filtered]
task = "same"
with = "${{ [steps.same.output.z] | map('string') | join('-') }} ${{ steps.same.output | tojson }}"

[steps.compared]
task = "same"
with = "${{ steps.same.output.list[0] == 100 and steps.same.output.z > 2.2 }}"

[output]
same = "${{ steps.same.output }}"
filtered = "${{ steps.filtered.output }}"
compared = "${{ steps.compared.output }}"
"#;

#[tokio::test]
async fn values_are_the_same_under_other_features() {
    let same = async |value: Payload| Ok::<_, StepError>(value);
    let builder = Engine::builder().task("same", same).workflow_text("w", WORKFLOW).unwrap();
    let engine = builder.start().await.unwrap();
    let input = Payload::from_json(&br#"{ "n": 2.50 }"#[..]).unwrap();
    let run = engine.run("w", input).await.unwrap();
    let outcome = run.wait().await.unwrap();
    assert_eq!(
        outcome.output.as_str(),
        concat!(
            r#"{"same":{"z":2.5,"a":1.5,"list":[100.0,3.5],"whole":7},"#,
            r#""filtered":"2.5 {\"z\": 2.5, \"a\": 1.5, \"list\": [100.0, 3.5], \"whole\": 7}","#,
            r#""compared":true}"#
        )
    );
    for refused in ["1e999", "12345678901234567890123", r#""\ud800""#, r#"{"a":1,"a":2}"#] {
        assert!(Payload::from_json(refused.to_owned()).is_err(), "{refused}");
    }
    let number: serde_json::Value = serde_json::from_str("1.10").unwrap();
    assert_eq!(number.to_string(), "1.10", "the feature is off, and the test proves nothing");
    assert_eq!(Payload::of(&number).unwrap().as_str(), "1.1");
    let long: serde_json::Value = serde_json::from_str("12345678901234567890123").unwrap();
    assert!(Payload::of(&long).is_err());
    assert_eq!(
        Payload::of(&serde_json::json!({ "b": 1, "a": 2 })).unwrap().as_str(),
        r#"{"a":2,"b":1}"#
    );
}
