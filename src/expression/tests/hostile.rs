use super::*;
use crate::payload::PAYLOAD_DEPTH_MAX;

/// What comes of an expression that means harm; all in a thread with a small stack.
fn harm(source: String) -> String {
    let work = move || match Expression::compile(&source) {
        Err(error) => format!("refused: {}", error.to_string().split(", in ").next().unwrap()),
        Ok(expression) => match expression.eval_payload(&big()) {
            Err(error) => format!("error: {}", error.to_string().split(", in ").next().unwrap()),
            Ok(value) => format!("{} bytes", value.as_bytes().len()),
        },
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(work).unwrap().join().unwrap()
}

fn big() -> Names {
    let text = "x".repeat(600 * 1024);
    let list: Vec<u32> = (0..50_000).collect();
    let value = json!({ "text": text, "list": list, "n": 100_000_000 });
    Names { input: Payload::of(&value).unwrap(), ..Names::default() }
}

/// Expressions by what they try.
fn cases() -> Vec<(&'static str, String)> {
    let mut cases = sizes();
    cases.extend(depths());
    cases
}

fn sizes() -> Vec<(&'static str, String)> {
    vec![
        ("range", "range(1000000000)".into()),
        ("repeat", "'x' * 1000000000".into()),
        ("repeat of a value", "input.text * input.n".into()),
        ("repeat of a list", "([input.text] * 1000000) | join".into()),
        ("repeat of a tuple", "(1, 2) * input.n".into()),
        ("repeat backwards", "input.n * 'x'".into()),
        ("repeat of a repeat", "((('x' * 90000) * 90000) * 90000)".into()),
        ("power", "9 ** 9999999".into()),
        ("power of a fraction", "9.5 ** 9999999".into()),
        ("concat", vec!["input.text"; 200].join(" ~ ")),
        ("plus", vec!["input.text"; 200].join(" + ")),
        ("replace", "input.text | replace('x', input.text)".into()),
        ("replace of nothing", "input.text | replace('', input.text)".into()),
        ("join", "input.list | join(input.text)".into()),
        ("indent", "input.text | indent(1000000000000)".into()),
        ("indent by name", "'a\\nb' | indent(width=1000000000000)".into()),
        ("batch", "input.list | batch(1000000000000, 'x')".into()),
        ("slice", "input.list | slice(1000000000000)".into()),
        ("format", "'%1000000000000d' | format(1)".into()),
        ("format by argument", "'%*d' | format(1000000000, 1)".into()),
        ("round", "1.5 | round(1000000000)".into()),
        ("tojson", "input.list | tojson(indent=1000000000)".into()),
        ("map", "input.list | map('replace', '1', input.text) | list".into()),
        ("map of a map", "([input.text] * 10000) | map('upper') | list".into()),
        ("select", "([input.text] * 100000) | select('lower') | list".into()),
        ("sort", "([input.text] * 100000) | sort".into()),
        ("sum of texts", "input.text | list | sum(start='')".into()),
        ("sum of lists", "input.list | batch(1) | sum(start=[])".into()),
        ("sort of lists", "[input.list, input.list] | sort | length".into()),
        ("groups", "input.list | groupby('x') | length".into()),
        ("pairs", "input.list[:2000] | zip(input.list, input.list) | unique | length".into()),
        ("split", "input.text | split('') | join('-') | length".into()),
        ("paths", (0..200).map(|n| format!("input[{n}:]")).collect::<Vec<_>>().join(" and ")),
        (
            "nested paths",
            (0..30).map(|n| format!("input{}", ".n".repeat(n))).collect::<Vec<_>>().join(" ~ "),
        ),
        ("result", "input.text ~ input.text".into()),
        ("list result", "[input.text, input.text]".into()),
        ("format_date", "'2026-01-01' | format_date('%1000000000Y')".into()),
    ]
}

fn depths() -> Vec<(&'static str, String)> {
    vec![
        ("parentheses", format!("{}1{}", "(".repeat(400), ")".repeat(400))),
        ("lists", format!("{}1, x{}", "[".repeat(400), "]".repeat(400))),
        ("deep JSON", format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000))),
        ("not", format!("{}1", "not ".repeat(900))),
        ("minus", format!("{}1", "-".repeat(900))),
        ("else", format!("{}1", "1 if 0 else ".repeat(240))),
        ("sums", vec!["1"; 490].join(" + ")),
        ("differences", vec!["1"; 490].join(" - ")),
        ("powers", vec!["1"; 490].join(" ** ")),
        ("comparisons", vec!["1"; 490].join(" < ")),
        ("ands", vec!["1"; 490].join(" and ")),
        ("filters", format!("1{}", " | abs".repeat(490))),
        ("tests", format!("1{}", " is odd".repeat(490))),
        ("attributes", format!("input{}", ".a".repeat(490))),
        ("slices", format!("'a'{}", "[:]".repeat(240))),
        ("arguments", format!("dict({})", "a=1,".repeat(240))),
        ("long", "1 + ".repeat(10_000)),
    ]
}

#[test]
fn hostile_expressions_are_errors() {
    let lines: String =
        cases().into_iter().map(|(name, source)| format!("{name}: {}\n", harm(source))).collect();
    expect![[r#"
        range: refused: range has too many elements
        repeat: refused: the expression handles too much data
        repeat of a value: error: the expression handles too much data
        repeat of a list: error: the expression handles too much data
        repeat of a tuple: error: the expression handles too much data
        repeat backwards: error: the expression handles too much data
        repeat of a repeat: refused: the expression handles too much data
        power: refused: unable to calculate 9 ** 9999999
        power of a fraction: refused: `inf` is not a number that JSON has
        concat: error: the expression handles too much data
        plus: error: the expression handles too much data
        replace: error: the expression handles too much data
        replace of nothing: error: the expression handles too much data
        join: error: the expression handles too much data
        indent: error: the expression handles too much data
        indent by name: refused: the expression handles too much data
        batch: error: the expression handles too much data
        slice: error: the expression handles too much data
        format: refused: the expression handles too much data
        format by argument: refused: the expression handles too much data
        round: 3 bytes
        tojson: error: the expression handles too much data
        map: error: the expression handles too much data
        map of a map: error: the expression handles too much data
        select: error: the expression handles too much data
        sort: error: the expression handles too much data
        sum of texts: error: the expression handles too much data
        sum of lists: error: the expression handles too much data
        sort of lists: 1 bytes
        groups: 1 bytes
        pairs: 4 bytes
        split: 7 bytes
        paths: refused: the expression has more than 1000 parts
        nested paths: error: `input.n.n` is undefined
        result: 1228802 bytes
        list result: 1228807 bytes
        format_date: refused: the format `%1000000000Y`: strftime formatting failed: parsed width is too big, max is 255
        parentheses: refused: the expression is nested more than 40 deep
        lists: refused: nested more than 100 deep: hand the inner part over as text (line 1, column 101, byte 100)
        deep JSON: refused: nested more than 100 deep: hand the inner part over as text (line 1, column 101, byte 100)
        not: refused: the expression is nested more than 40 deep
        minus: refused: the expression is nested more than 40 deep
        else: refused: the expression is nested more than 40 deep
        sums: 3 bytes
        differences: 4 bytes
        powers: 1 bytes
        comparisons: 5 bytes
        ands: 1 bytes
        filters: 1 bytes
        tests: 4 bytes
        attributes: error: `input.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.…` is undefined
        slices: 3 bytes
        arguments: 7 bytes
        long: refused: the expression is 40000 bytes long; at most 16384 are allowed
    "#]].assert_eq(&lines);
}

#[test]
fn values_as_deep_as_may_be_can_be_read() {
    let deep =
        format!("{}1{}", "[".repeat(PAYLOAD_DEPTH_MAX - 1), "]".repeat(PAYLOAD_DEPTH_MAX - 1));
    let json = format!("{{\"deep\":{deep},\"x\":1}}");
    let names = Names { input: Payload::from_json(json).unwrap(), ..Names::default() };
    let eval = |source: &str| match Expression::compile(source).unwrap().eval_payload(&names) {
        Ok(value) => format!("{} bytes", value.as_bytes().len()),
        Err(error) => error.to_string(),
    };
    expect!["1 bytes"].assert_eq(&eval("input.x"));
    expect!["199 bytes"].assert_eq(&eval("input.deep"));
    expect!["201 bytes"].assert_eq(&eval("[input.deep]"));
    expect!["241 bytes"].assert_eq(&eval(&format!(
        "{}input.deep{}",
        "[".repeat(21),
        "]".repeat(21)
    )));
    expect!["the result is nested more than 120 deep, in `[[[[[[[[[[[[[[[[[[[[[[input.deep]]]]]]]]]]]]]]]]]]]]]]`"].assert_eq(&eval(&format!("{}input.deep{}", "[".repeat(22), "]".repeat(22))));
    expect!["1 bytes"].assert_eq(&eval("input.deep[0][0] | length"));
}
