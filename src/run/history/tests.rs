#![expect(clippy::too_many_lines, reason = "a story is a table")]

use expect_test::expect;

use crate::run::tests::Story;

#[test]
fn a_history_is_readable_as_json() {
    let toml = r#"
        [steps.a]
        task = "t"
        retry = { attempts = 2, delay = "1s", jitter = "none" }
        [steps.each]
        task = "t"
        for_each = "[1, 2]"
        tolerate = 1
        depends_on = ["a"]
        [steps.never]
        task = "t"
        when = "false"
        depends_on = ["a"]
        with = 1
        "#;
    let mut story = Story::new(toml, "{}", std::time::Duration::ZERO);
    for line in ["fail a boom", "next", "ok a 5", "fail each[0] boom", "start each[1]"] {
        story.line(line);
    }
    let history = story.run.history(&story.plan);
    let told = serde_json::to_string_pretty(&history.steps).unwrap();
    expect![[r#"
        [
          {
            "id": "a",
            "state": "succeeded",
            "allowed": false,
            "reason": null,
            "attempts": [
              {
                "path": "a",
                "item": null,
                "attempt": 1,
                "dispatch": 1,
                "started": 1700000000000000,
                "ended": 1700000000010000,
                "state": "failed",
                "class": "boom",
                "message": "no luck"
              },
              {
                "path": "a",
                "item": null,
                "attempt": 2,
                "dispatch": 2,
                "started": 1700000001010000,
                "ended": 1700000001020000,
                "state": "succeeded"
              }
            ],
            "items": null,
            "output": 5,
            "error": null,
            "steps": []
          },
          {
            "id": "each",
            "state": "running",
            "allowed": false,
            "reason": null,
            "attempts": [
              {
                "path": "each[0]",
                "item": 0,
                "attempt": 1,
                "dispatch": 3,
                "started": 1700000001020000,
                "ended": 1700000001030000,
                "state": "failed",
                "class": "boom",
                "message": "no luck"
              },
              {
                "path": "each[1]",
                "item": 1,
                "attempt": 1,
                "dispatch": 4,
                "started": 1700000001030000,
                "ended": null,
                "state": "running"
              }
            ],
            "items": {
              "total": 2,
              "waiting": 0,
              "active": 1,
              "succeeded": 0,
              "failed": 1,
              "cancelled": 0
            },
            "output": null,
            "error": null,
            "steps": []
          },
          {
            "id": "never",
            "state": "skipped",
            "allowed": false,
            "reason": "`when` is false",
            "attempts": [],
            "items": null,
            "output": null,
            "error": null,
            "steps": []
          }
        ]"#]]
    .assert_eq(&told);
}
