//! Every filter, test and operator over values at the edges: an answer or an error, never a panic that
//! gets out, in bounded work.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::super::functions;
use super::*;

/// What is hard, as JSON.
const VALUES: [&str; 36] = [
    "0",
    "1",
    "-1",
    "2",
    "3",
    "-9223372036854775808",
    "9223372036854775807",
    "18446744073709551615",
    "0.0",
    "-0.5",
    "5e-324",
    "1.7976931348623157e308",
    "-1e308",
    "null",
    "true",
    "false",
    "\"\"",
    "\"x\"",
    "\"%s\"",
    "\"%-9999999999d\"",
    "\"%*.*f\"",
    "\"1e999\"",
    "\"2026-01-31\"",
    "\"-9999999999y\"",
    "\"\\u0000\\ud83d\\ude00\\u0301\"",
    "[]",
    "[1,2,3]",
    "[1,\"a\",null]",
    "[[],[[]]]",
    "{}",
    "{\"a\":1}",
    "{\"a\":{\"b\":[1]},\"\":2}",
    "[{\"a\":2},{\"a\":1}]",
    "[0.1,1,1.0]",
    "\"a\\nb\\r\\nc\"",
    "99999999999",
];

const OPERATORS: [&str; 17] = [
    "+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", "<=", ">", ">=", "in", "not in",
    "and",
];

fn names(values: &[&str]) -> Names {
    let input = format!("{{\"v\":[{}]}}", values.join(","));
    Names { input: Payload::from_json(input).unwrap(), ..Names::default() }
}

/// Evaluates in every way; what comes of it must be a payload.
fn eval(source: &str, names: &Names) {
    let Ok(expression) = Expression::compile(source) else { return };
    if let Ok(payload) = expression.eval_payload(names) {
        let again = Payload::from_json(payload.as_bytes().to_vec());
        assert!(again.is_ok_and(|again| again == payload), "{source} gives {payload}");
    }
    drop(expression.is_true(names));
    drop(expression.eval_list(names));
    let text = Template::text(&format!("x ${{{{ {source} }}}} y")).unwrap();
    drop(text.render(names));
}

#[test]
fn no_filter_or_test_gets_out_of_hand_over_extremes() {
    let names = names(&VALUES);
    for (a, _) in VALUES.iter().enumerate() {
        for filter in functions::filters() {
            eval(&format!("input.v[{a}] | {filter}"), &names);
        }
        for test in functions::TESTS {
            eval(&format!("input.v[{a}] is {test}"), &names);
        }
    }
}

#[test]
fn constants_at_the_edges_are_compiled_or_refused() {
    let mut sources = String::new();
    for a in
        ["-9223372036854775807 - 1", "170141183460469231731687303715884105727", "0", "1e308", "''"]
    {
        for b in ["-1", "0", "0.0", "1e308", "-9223372036854775808", "99999999999999999999"] {
            for operator in OPERATORS {
                writeln!(sources, "({a}) {operator} ({b})").unwrap();
            }
            writeln!(sources, "({a}) is divisibleby({b})").unwrap();
            writeln!(sources, "range({a}, {b})").unwrap();
            writeln!(sources, "[1, 2][({a}):({b})]").unwrap();
            writeln!(sources, "'abc'[::({b})]").unwrap();
            writeln!(sources, "({a}) | round({b})").unwrap();
            writeln!(sources, "'x' | format({a}, {b})").unwrap();
        }
    }
    sources.lines().for_each(|source| eval(source, &Names::default()));
}

#[test]
fn a_set_tells_what_a_search_tells() {
    let many: Vec<String> = (0..40).map(|n| format!("{n},{n}.5,\"{n}\"")).collect();
    let others = "null,true,[1],{\"a\":1},1e300,18446744073709551615,100.0,-0.0,9007199254740993";
    let list = format!("[{},{others}]", many.join(","));
    let values =
        [&VALUES[..], &["7.5", "100", "9007199254740992.0", "9007199254740993", "[1]", "41"]];
    let values: Vec<_> = values.concat();
    let input = format!("{{\"list\":{list},\"v\":[{}]}}", values.join(","));
    let names = Names { input: Payload::from_json(input).unwrap(), ..Names::default() };
    let eval = |source: &str| {
        Expression::compile(source).unwrap().eval_payload(&names).unwrap().to_string()
    };
    let by_set = eval("input.v | select('in', input.list) | list");
    let searched: Vec<_> = (0..values.len())
        .filter(|at| eval(&format!("input.v[{at}] in input.list")) == "true")
        .map(|at| eval(&format!("input.v[{at}]")))
        .collect();
    assert_eq!(by_set, format!("[{}]", searched.join(",")));
    let rejected = eval("input.v | reject('in', input.list) | list | length");
    assert_eq!(rejected, (values.len() - searched.len()).to_string());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_filter_with_any_arguments(
        filter in prop::sample::select(functions::filters().collect::<Vec<_>>()),
        values in prop::collection::vec(prop::sample::select(&VALUES[..]), 1..4),
    ) {
        let args: Vec<_> = (1..values.len()).map(|at| format!("input.v[{at}]")).collect();
        eval(&format!("input.v[0] | {filter}({})", args.join(", ")), &names(&values));
    }

    #[test]
    fn any_test_with_any_arguments(
        test in prop::sample::select(&functions::TESTS[..]),
        values in prop::collection::vec(prop::sample::select(&VALUES[..]), 1..3),
    ) {
        let args: Vec<_> = (1..values.len()).map(|at| format!("input.v[{at}]")).collect();
        eval(&format!("input.v[0] is {test}({})", args.join(", ")), &names(&values));
        eval(&format!("input.v | select('{test}', input.v[0]) | list"), &names(&values));
    }

    #[test]
    fn any_operators_over_anything(
        values in prop::collection::vec(prop::sample::select(&VALUES[..]), 3),
        signs in prop::collection::vec(prop::sample::select(&OPERATORS[..]), 2),
    ) {
        let source = format!("input.v[0] {} input.v[1] {} input.v[2]", signs[0], signs[1]);
        eval(&source, &names(&values));
        eval("input.v[0][input.v[1]:input.v[2]]", &names(&values));
        eval("range(input.v[0], input.v[1], input.v[2])", &names(&values));
    }
}
