use serde_json::json;

use super::names;
use crate::expression::{Effort, EvalError, Expression, Names, Template};
use crate::id::Name;
use crate::payload::Payload;

/// As the others see them, with an input and an output that are large.
fn large(effort: Effort) -> Names {
    let payload = |value| Payload::of(&value).unwrap();
    let numbers: Vec<u32> = (0..20_000).collect();
    let text = "x".repeat(600_000);
    let names = names();
    let mut steps: Vec<_> = names.steps.iter().cloned().collect();
    steps[0].1.output = Some(payload(json!({ "rows": numbers, "n": 1, "text": text })));
    steps[1].0 = Name::new("list").unwrap();
    steps[1].1.output = Some(payload(json!(numbers)));
    let names = Names { steps: steps.into_iter().collect(), ..names };
    Names { input: payload(json!({ "numbers": numbers, "n": 20_000 })), effort, ..names }
}

fn told<T>(result: Result<T, EvalError>) -> &'static str {
    match result {
        Ok(_) => "done",
        Err(error) if error.is_too_long() => "too long",
        Err(_) => "wrong",
    }
}

fn check(expected: &'static str, sources: &[&str], eval: impl Fn(&str, &Names) -> &'static str) {
    for source in sources {
        assert_eq!(eval(source, &large(Effort::Little)), expected, "{source}");
        let full = eval(source, &large(Effort::Full));
        assert_ne!(full, "too long", "{source}");
        assert!(expected == "too long" || full == expected, "{source}: {full}");
    }
}

fn truth(source: &str, names: &Names) -> &'static str {
    told(Expression::compile(source).unwrap().is_true(names))
}

fn list(source: &str, names: &Names) -> &'static str {
    told(Expression::compile(source).unwrap().eval_list(names))
}

fn rendered(source: &str, names: &Names) -> &'static str {
    told(Template::compile(&json!({ "a": source, "b": source })).unwrap().render(names))
}

#[test]
fn what_takes_a_little_is_done() {
    let sources = [
        "steps.count.status == 'succeeded'",
        "steps.count.output",
        "steps.list.output",
        "input.n > 3",
        "input.numbers[19999]",
        "input.numbers",
        "run.attempt > 1 or input.numbers | length > 3",
        "range(1000) | sort | length == item.size",
    ];
    check("done", &sources, truth);
    check("wrong", &["input.none > 3", "item.none", "steps.none.output.x"], truth);
    check("done", &["[input.n, 1, 2]", "range(item.size)"], list);
    check("done", &["${{ input.n }}", "${{ steps.list.output }}", "no"], rendered);
}

#[test]
fn what_takes_more_is_given_up() {
    let sources = [
        "input.numbers | length > 3",
        "steps.count.output.n",
        "steps.count.output.none",
        "steps.count.output.n > 3",
        "steps.count.output.none is defined",
        "steps | length > 0 and steps.count.output | length > 3",
        "(('x' * 200000) | length) > item.size",
        "range(item.size * 2000) | sort | length > 3",
        "range(input.n) | sort | sum > steps.count.output.none",
        "(range(item.size * 2000) | sort | first).none",
    ];
    check("too long", &sources, truth);
    check("too long", &["input.numbers", "steps.list.output", "steps.count.output.rows"], list);
    check("too long", &["${{ steps.count.output }}", "${{ steps }}"], rendered);
}

#[test]
fn an_output_that_is_missing_is_looked_for_as_far_as_it_goes() {
    let mut names = large(Effort::Little);
    names.steps.get_mut("list").unwrap().output = None;
    let missing = |source: &str, names: &Names| {
        let found = Expression::compile(source).unwrap().first_missing(names);
        found.map(|found| found.map(String::from))
    };
    assert_eq!(missing("steps.list.output | length > 2", &names), Ok(Some("list".into())));
    let long = "range(item.size * 2000) | sort | length > steps.list.output";
    assert!(missing(long, &names).unwrap_err().is_too_long());
    names.effort = Effort::Full;
    assert_eq!(missing(long, &names), Ok(Some("list".into())));
}
