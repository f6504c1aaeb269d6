use expect_test::{Expect, expect};
use serde_json::json;

use super::*;
use crate::id::Name;

mod effort;
mod extremes;
mod growth;
mod hostile;
mod missing;
mod shell;
mod template;

fn names() -> Names {
    let payload = |value: serde_json::Value| Payload::of(&value).unwrap();
    Names {
        input: payload(json!({
            "order": "o-7", "total": 9.5, "n": 3, "empty": "", "no": null,
            "items": [{ "price": 1, "sku": "a" }, { "price": 2.5, "sku": "b" }],
            "deep": { "a b": { "c": [10, 20, 30] } }, "z": 1, "y": 2,
        })),
        steps: StepValues::from_iter([
            (
                Name::new("count").unwrap(),
                StepValue {
                    status: "succeeded",
                    output: Some(payload(json!({ "rows": 12, "name": "x'y" }))),
                    failed: None,
                    error: None,
                },
            ),
            (
                Name::new("a-b").unwrap(),
                StepValue {
                    status: "failed",
                    output: None,
                    failed: None,
                    error: Some(payload(json!({ "class": "timeout", "message": "slow" }))),
                },
            ),
        ]),
        item: Some((4, payload(json!({ "key": "k4", "size": 9 })))),
        run: RunNames {
            id: None,
            attempt: 2,
            scheduled_at: Timestamp::parse("2026-01-31T10:20:30Z").unwrap(),
            started_by: "cli".into(),
        },
        secrets: vec![("smtp".into(), "hunter2".into())],
        effort: Effort::Full,
    }
}

/// One line for each expression: its value, or what is wrong with it.
fn values(sources: &str, expected: Expect) {
    let names = names();
    let lines: String = sources
        .trim()
        .lines()
        .map(|source| {
            let value = match Expression::compile(source) {
                Ok(expression) => match expression.eval_payload(&names) {
                    Ok(value) => value.to_string(),
                    Err(error) => format!("error: {error}"),
                },
                Err(error) => refused(&error),
            };
            format!("{source}  →  {value}\n")
        })
        .collect();
    expected.assert_eq(&lines);
}

fn refused(error: &CompileError) -> String {
    let at = &error.source[error.offset.clone()];
    let help = error.help.as_ref().map(|help| format!("; help: {help}")).unwrap_or_default();
    format!("refused at `{at}`: {error}{help}")
}

#[test]
fn paths_are_looked_up() {
    values(
        r#"
input.order
input.items[1].price
input.items[-1].sku
input.items.0
input.deep['a b'].c[2]
input.deep['a b']
steps.count.output.rows
steps['a-b'].status
steps['a-b'].error.class
steps.count.failed
item.key
index
run.attempt
run.scheduled_at
run.scheduled_day
run.started_by
secrets.smtp
secrets.other
input.none
input.items[2]
steps.count.output.rows.x
steps['a-b'].output
steps.count
input.order.x
run.id
"#,
        expect![[r#"
            input.order  →  "o-7"
            input.items[1].price  →  2.5
            input.items[-1].sku  →  "b"
            input.items.0  →  {"price":1,"sku":"a"}
            input.deep['a b'].c[2]  →  30
            input.deep['a b']  →  {"c":[10,20,30]}
            steps.count.output.rows  →  12
            steps['a-b'].status  →  "failed"
            steps['a-b'].error.class  →  "timeout"
            steps.count.failed  →  []
            item.key  →  "k4"
            index  →  4
            run.attempt  →  2
            run.scheduled_at  →  "2026-01-31T10:20:30.000Z"
            run.scheduled_day  →  "2026-01-31"
            run.started_by  →  "cli"
            secrets.smtp  →  "hunter2"
            secrets.other  →  "***"
            input.none  →  error: `input.none` is undefined
            input.items[2]  →  error: `input.items[2]` is undefined
            steps.count.output.rows.x  →  error: `steps.count.output.rows.x` is undefined
            steps['a-b'].output  →  error: `steps['a-b'].output` is missing: step `a-b` has no output (failed)
            steps.count  →  {"status":"succeeded","output":{"rows":12,"name":"x'y"}}
            input.order.x  →  error: `input.order.x` is undefined
            run.id  →  error: `run.id` is undefined
        "#]],
    );
}

/// Expressions of all kinds.
const JINJA: &str = r#"
input.n + 1
input.n * 2.5
2 ** 10
7 // 2
-7 % 3
1 / 4
'a' ~ 1 ~ none
'ab' * 3
[1, 2] + [3]
input.total > 9 and not input.empty
1 < input.n < 5
input.n in [1, 2, 3]
'x' if input.empty else 'y'
'x' if input.empty
input.items | map(attribute='price') | sum
input.items | selectattr('price', 'gt', 1)
input.items | length
input.deep | tojson
{'a': [1, 2.0, 'x'], 'b': {}}
input.items[0:1]
input.items[::-1] | map(attribute='sku') | list
(1, 2)
input.order | upper | replace('O', 'x')
'{"a": 1}' | from_json
'a\nb' | lines
run.scheduled_day | date_add('1d')
run.scheduled_day | date_add('1mo')
run.scheduled_at | date_add('-90m')
run.scheduled_day | format_date('%d.%m.%Y')
input.nope | default('d')
input.nope.deeper | default('d')
input.nope is defined
steps['a-b'].output.x is defined
input.n is divisibleby 3
input.no is none
steps.count.output.rows | default(0) + 1
input[item.key] | default(1)
steps | length
range(3)
dict(a=1)
input.n == 3.0
true
none
'text'
[1, 2
"#;

#[test]
fn jinja_is_evaluated() {
    values(
        JINJA,
        expect![[r#"
            input.n + 1  →  4
            input.n * 2.5  →  7.5
            2 ** 10  →  1024
            7 // 2  →  3
            -7 % 3  →  2
            1 / 4  →  0.25
            'a' ~ 1 ~ none  →  "a1null"
            'ab' * 3  →  "ababab"
            [1, 2] + [3]  →  [1,2,3]
            input.total > 9 and not input.empty  →  true
            1 < input.n < 5  →  true
            input.n in [1, 2, 3]  →  true
            'x' if input.empty else 'y'  →  "y"
            'x' if input.empty  →  error: the value is undefined, in `'x' if input.empty`
            input.items | map(attribute='price') | sum  →  3.5
            input.items | selectattr('price', 'gt', 1)  →  [{"price":2.5,"sku":"b"}]
            input.items | length  →  2
            input.deep | tojson  →  "{\"a b\": {\"c\": [10, 20, 30]}}"
            {'a': [1, 2.0, 'x'], 'b': {}}  →  {"a":[1,2.0,"x"],"b":{}}
            input.items[0:1]  →  [{"price":1,"sku":"a"}]
            input.items[::-1] | map(attribute='sku') | list  →  ["b","a"]
            (1, 2)  →  [1,2]
            input.order | upper | replace('O', 'x')  →  "x-7"
            '{"a": 1}' | from_json  →  {"a":1}
            'a\nb' | lines  →  ["a","b"]
            run.scheduled_day | date_add('1d')  →  "2026-02-01"
            run.scheduled_day | date_add('1mo')  →  "2026-02-28"
            run.scheduled_at | date_add('-90m')  →  "2026-01-31T08:50:30.000Z"
            run.scheduled_day | format_date('%d.%m.%Y')  →  "31.01.2026"
            input.nope | default('d')  →  "d"
            input.nope.deeper | default('d')  →  "d"
            input.nope is defined  →  false
            steps['a-b'].output.x is defined  →  false
            input.n is divisibleby 3  →  true
            input.no is none  →  true
            steps.count.output.rows | default(0) + 1  →  13
            input[item.key] | default(1)  →  1
            steps | length  →  2
            range(3)  →  [0,1,2]
            dict(a=1)  →  {"a":1}
            input.n == 3.0  →  true
            true  →  true
            none  →  null
            'text'  →  "text"
            [1, 2  →  refused at ``: the expression ends where `,` or `]` is missing
        "#]],
    );
}

/// Expressions with mistakes.
const REFUSED: &str = r#"
input.
inputs.x
steps.a.outptu
steps.a-b.output
steps['a-b'].output.x -1
input.x | uper
input.x is defnied
input.x.upper()
foo(1)
debug()
'open
1 +
(1
{'a' 1}
input.a b
input.ä
input[
input[]
1.foo
run.ids
run
secrets
secrets[input.x]
index.x
null
{% if x %}
input.items | map('nope') | list
1 / 0
[1, 2] | first | upper | from_json
'x' | date_add('1d')
'2026-01-01' | date_add('soon')
'2026-01-01' | format_date('%Q')
"#;

#[test]
fn what_is_refused_says_where() {
    values(
        REFUSED,
        expect![[r#"
            input.  →  refused at ``: the expression ends where a key is missing
            inputs.x  →  refused at `inputs`: unknown name `inputs`; help: did you mean `input`?
            steps.a.outptu  →  refused at `steps.a.outptu`: a step has no field `outptu`; help: did you mean `output`?
            steps.a-b.output  →  refused at `a-b`: `steps.a-b` reads as `steps.a` minus `b`; help: write `steps['a-b']`
            steps['a-b'].output.x -1  →  error: `steps['a-b'].output.x` is missing: step `a-b` has no output (failed), in `steps['a-b'].output.x -1`
            input.x | uper  →  refused at `uper`: unknown filter `uper`; help: did you mean `upper`?
            input.x is defnied  →  refused at `defnied`: unknown test `defnied`; help: did you mean `defined`?
            input.x.upper()  →  refused at `upper`: values have no methods; help: use a filter: `value | upper`
            foo(1)  →  refused at `foo`: unknown function `foo`; help: there are `range(…)` and `dict(…)`; the rest are filters: `value | upper`
            debug()  →  refused at `debug`: unknown function `debug`; help: there are `range(…)` and `dict(…)`; the rest are filters: `value | upper`
            'open  →  refused at `'open`: the text is never closed
            1 +  →  refused at ``: the expression ends where a value is missing
            (1  →  refused at ``: the expression ends where `,` is missing
            {'a' 1}  →  refused at `1`: unexpected `1`, expected `:`
            input.a b  →  refused at `b`: unexpected `b`, expected an operator or the end
            input.ä  →  refused at `ä`: unexpected character `ä`
            input[  →  refused at ``: the expression ends where a value is missing
            input[]  →  refused at `]`: an index is missing in `[]`
            1.foo  →  refused at `.`: unexpected `.`
            run.ids  →  refused at `run.ids`: a run has no field `ids`; help: did you mean `id`?
            run  →  refused at `run`: `run` is read by field; help: there are `run.id`, `run.attempt`, `run.scheduled_at`, `run.scheduled_day`, `run.started_by`
            secrets  →  refused at `secrets`: a secret is read by its name: `secrets.name`
            secrets[input.x]  →  refused at `secrets`: a secret is read by its name: `secrets.name`
            index.x  →  refused at `index.x`: `index` is a number
            null  →  null
            {% if x %}  →  refused at `%`: unexpected `%`, expected a value
            input.items | map('nope') | list  →  error: unknown filter, in `input.items | map('nope') | list`
            1 / 0  →  refused at `1 / 0`: unable to calculate 1 / 0
            [1, 2] | first | upper | from_json  →  1
            'x' | date_add('1d')  →  refused at `'x' | date_add('1d')`: `x` is no date (2026-01-31) and no time (2026-01-31T12:00:00Z), in `'x' | date_add('1d')`
            '2026-01-01' | date_add('soon')  →  refused at `'2026-01-01' | date_add('soon')`: `soon` is no span of time such as `1d` or `-2h`, in `'2026-01-01' | date_add('soon')`
            '2026-01-01' | format_date('%Q')  →  "UTC"
        "#]],
    );
}

/// What an expression names, on one line.
fn reads(source: &str) -> String {
    let expression = Expression::compile(source).unwrap();
    let reads = expression.reads();
    let steps = reads.steps.iter().map(|read| {
        let asks = if read.asks { "?" } else { "" };
        let data = if read.needs_output() { "!" } else { "" };
        format!("{}.{:?}{asks}{data}@{:?}", read.id, read.field, read.offset)
    });
    let inputs = reads.input.iter().map(|read| format!("input {:?}", read.key));
    let secrets = reads.secrets.iter().map(|read| format!("secret {}", read.name));
    let others = [
        ("all steps", &reads.all_steps),
        ("item", &reads.item),
        ("index", &reads.index),
        ("run", &reads.run),
    ];
    let others = others.into_iter().filter(|(_, at)| at.is_some());
    let others = others.map(|(name, _)| name.to_owned());
    let all: Vec<_> = steps.chain(inputs).chain(secrets).chain(others).collect();
    format!("{source}  →  {}\n", all.join(", "))
}

#[test]
fn reads_are_known_before_anything_runs() {
    let sources = r#"
steps.a.output
steps.a.output.x.y is defined
steps.a.output.x | default(0) + 1
steps.a.output.x | d
(steps.a.output.x) | default(0)
steps.a.output | map(attribute='x') | default(0)
steps.a.output.x if steps.a.output is defined else steps.b.output
steps.a.status == 'failed' and steps['b-c'].error.class == 'x'
steps.a.failed | length
steps.a
steps
steps[item.name].output
input.x[input.y].z ~ input ~ secrets.s ~ run.id ~ index
-steps.a.output.x is not undefined
'steps.a.output'
{'steps': steps.a.output, 'b': [steps.b.output]}
input.x | replace('a', steps.a.output)
"#;
    let lines: String = sources.trim().lines().map(reads).collect();
    expect![[r#"
        steps.a.output  →  a.Output!@0..14
        steps.a.output.x.y is defined  →  a.Output?@0..18
        steps.a.output.x | default(0) + 1  →  a.Output?@0..16
        steps.a.output.x | d  →  a.Output?@0..16
        (steps.a.output.x) | default(0)  →  a.Output?@1..17
        steps.a.output | map(attribute='x') | default(0)  →  a.Output!@0..14
        steps.a.output.x if steps.a.output is defined else steps.b.output  →  a.Output?@0..16, a.Output?@20..34, b.Output!@51..65
        steps.a.status == 'failed' and steps['b-c'].error.class == 'x'  →  a.Status@0..14, b-c.Error@31..55
        steps.a.failed | length  →  a.Failed@0..14
        steps.a  →  a.Whole@0..7
        steps  →  all steps
        steps[item.name].output  →  all steps, item
        input.x[input.y].z ~ input ~ secrets.s ~ run.id ~ index  →  input Some("x"), input Some("y"), input None, secret s, index, run
        -steps.a.output.x is not undefined  →  a.Output!@1..17
        'steps.a.output'  →  
        {'steps': steps.a.output, 'b': [steps.b.output]}  →  a.Output!@10..24, b.Output!@32..46
        input.x | replace('a', steps.a.output)  →  a.Output!@23..37, input Some("x")
    "#]].assert_eq(&lines);
}
