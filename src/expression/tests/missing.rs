//! Outputs that are missing: who uses one gets an error that says which step.

use super::*;

/// `fast` and `done` have an output, `quick` and `full` have none.
fn names() -> Names {
    let there = |value| StepValue {
        status: "succeeded",
        output: Some(Payload::of(&value).unwrap()),
        ..StepValue::default()
    };
    let missing = || StepValue { status: "skipped", ..StepValue::default() };
    Names {
        input: Payload::of(&json!({ "fast": true, "slow": false, "key": "quick" })).unwrap(),
        steps: StepValues::from_iter([
            (Name::new("done").unwrap(), there(json!({ "x": 1 }))),
            (Name::new("quick").unwrap(), missing()),
            (Name::new("full").unwrap(), missing()),
        ]),
        ..Names::default()
    }
}

fn check(sources: &str, expected: Expect) {
    let names = names();
    let lines: String = sources
        .trim()
        .lines()
        .map(|source| {
            let expression = Expression::compile(source).unwrap();
            let first = expression.first_missing(&names).unwrap();
            let value = match expression.eval_payload(&names) {
                Ok(value) => value.to_string(),
                Err(error) => {
                    assert_eq!(error.missing(), first.as_deref(), "{source}");
                    format!("{error} [{}]", error.missing().unwrap_or("none"))
                }
            };
            format!("{source}  →  {value}\n")
        })
        .collect();
    expected.assert_eq(&lines);
}

#[test]
fn what_is_not_used_is_not_needed() {
    check(
        r"
steps.done.output.x if input.fast else steps.full.output
steps.quick.output if input.slow else steps.done.output
steps.quick.output | default(steps.done.output)
steps.done.output | default(steps.quick.output)
steps.done.output.x | default(steps.quick.output | upper)
(steps.quick.output.a | default(steps.full.output | default(7))) + 1
steps.quick.output is defined
steps.quick.output is defined and steps.quick.output.x > 3
input.fast or steps.quick.output
input.slow and steps.quick.output
steps[input.key].output | default('none')
steps[input.key].output is defined
steps.quick.status
steps.done.output.list | default([], true)
input.slow | default(steps.done.output.x, true)
input.fast | default(steps.full.output, true)
('a' if input.slow) | default(steps.done.output.x)
",
        expect![[r#"
            steps.done.output.x if input.fast else steps.full.output  →  1
            steps.quick.output if input.slow else steps.done.output  →  {"x":1}
            steps.quick.output | default(steps.done.output)  →  {"x":1}
            steps.done.output | default(steps.quick.output)  →  {"x":1}
            steps.done.output.x | default(steps.quick.output | upper)  →  1
            (steps.quick.output.a | default(steps.full.output | default(7))) + 1  →  8
            steps.quick.output is defined  →  false
            steps.quick.output is defined and steps.quick.output.x > 3  →  false
            input.fast or steps.quick.output  →  true
            input.slow and steps.quick.output  →  false
            steps[input.key].output | default('none')  →  "none"
            steps[input.key].output is defined  →  false
            steps.quick.status  →  "skipped"
            steps.done.output.list | default([], true)  →  []
            input.slow | default(steps.done.output.x, true)  →  1
            input.fast | default(steps.full.output, true)  →  true
            ('a' if input.slow) | default(steps.done.output.x)  →  1
        "#]],
    );
}

#[test]
fn what_is_used_says_which_step_is_missing() {
    check(
        r"
steps.quick.output
steps.quick.output.x.y
steps.quick.output ~ 'x'
[1, steps.full.output]
steps.quick.output if input.fast else steps.full.output
steps.done.output if input.slow else steps.full.output
steps.quick.output | default(steps.full.output)
steps.quick.output | upper | default('x')
input.slow or steps.quick.output
'a' if steps.full.output else 'b'
steps[input.key].output
steps[input.key].output ~ 'x'
steps.done.output.nothing
input.slow | default(steps.full.output, true)
",
        expect![[r#"
            steps.quick.output  →  `steps.quick.output` is missing: step `quick` has no output (skipped) [quick]
            steps.quick.output.x.y  →  `steps.quick.output.x.y` is missing: step `quick` has no output (skipped) [quick]
            steps.quick.output ~ 'x'  →  `steps.quick.output` is missing: step `quick` has no output (skipped), in `steps.quick.output ~ 'x'` [quick]
            [1, steps.full.output]  →  `steps.full.output` is missing: step `full` has no output (skipped), in `[1, steps.full.output]` [full]
            steps.quick.output if input.fast else steps.full.output  →  `steps.quick.output` is missing: step `quick` has no output (skipped), in `steps.quick.output if input.fast else steps.full.output` [quick]
            steps.done.output if input.slow else steps.full.output  →  `steps.full.output` is missing: step `full` has no output (skipped), in `steps.done.output if input.slow else steps.full.output` [full]
            steps.quick.output | default(steps.full.output)  →  `steps.full.output` is missing: step `full` has no output (skipped), in `steps.quick.output | default(steps.full.output)` [full]
            steps.quick.output | upper | default('x')  →  `steps.quick.output` is missing: step `quick` has no output (skipped), in `steps.quick.output | upper | default('x')` [quick]
            input.slow or steps.quick.output  →  `steps.quick.output` is missing: step `quick` has no output (skipped), in `input.slow or steps.quick.output` [quick]
            'a' if steps.full.output else 'b'  →  `steps.full.output` is missing: step `full` has no output (skipped), in `'a' if steps.full.output else 'b'` [full]
            steps[input.key].output  →  the value is undefined: step `quick` has no output, in `steps[input.key].output` [quick]
            steps[input.key].output ~ 'x'  →  a value is undefined: step `quick` has no output, in `steps[input.key].output ~ 'x'` [quick]
            steps.done.output.nothing  →  `steps.done.output.nothing` is undefined [none]
            input.slow | default(steps.full.output, true)  →  `steps.full.output` is missing: step `full` has no output (skipped), in `input.slow | default(steps.full.output, true)` [full]
        "#]],
    );
}

#[test]
fn a_template_needs_what_its_expressions_need() {
    let value = json!({ "a": ["${{ steps.done.output.x }}", "x ${{ steps.full.output.y }}"] });
    let template = Template::compile(&value).unwrap();
    assert_eq!(template.first_missing(&names()).unwrap().as_deref(), Some("full"));
    let joined = json!({ "a": "${{ steps.quick.output | default(steps.done.output) }}" });
    assert_eq!(Template::compile(&joined).unwrap().first_missing(&names()), Ok(None));
}

/// What may be done with a secret, and what not.
const SECRET: &str = r"
secrets.a
'Bearer ' ~ secrets.a ~ steps.full.output
'x' + secrets.a
[secrets.a, steps.quick.output]
{'a': secrets.a}
[secrets.a, 'b'] | join('-')
secrets.a | trim | upper
secrets.a if input.fast else 'none'
secrets.a == 'x'
'x' in secrets.a
secrets.a is defined
input.fast is eq(secrets.a)
not secrets.a
secrets.a and 'x'
'x' if secrets.a else 'y'
'x' if (secrets.a ~ 'b') == 'b' else 'y'
secrets.a | default('x')
secrets.a | length
input.map[secrets.a]
secrets.a[0:1]
{secrets.a: 1}
input.list | select('eq', secrets.a)
secrets.a * 3
-secrets.a
range(secrets.a)
";

#[test]
fn a_secret_is_opaque() {
    let told = |source: &str| match Expression::compile(source) {
        Ok(expression) => match expression.first_missing(&names()).unwrap() {
            Some(step) => format!("{source}  →  needs {step}\n"),
            None => format!("{source}  →  ok\n"),
        },
        Err(error) => format!("{source}  →  {}\n", refused(&error)),
    };
    let lines: String = SECRET.trim().lines().map(told).collect();
    expect![[r#"
        secrets.a  →  ok
        'Bearer ' ~ secrets.a ~ steps.full.output  →  needs full
        'x' + secrets.a  →  ok
        [secrets.a, steps.quick.output]  →  needs quick
        {'a': secrets.a}  →  ok
        [secrets.a, 'b'] | join('-')  →  ok
        secrets.a | trim | upper  →  ok
        secrets.a if input.fast else 'none'  →  ok
        secrets.a == 'x'  →  refused at `secrets.a`: `secrets.a` is opaque here; help: a secret may be inserted, joined and encoded, never compared or branched on
        'x' in secrets.a  →  refused at `secrets.a`: `secrets.a` is opaque here; help: a secret may be inserted, joined and encoded, never compared or branched on
        secrets.a is defined  →  refused at `secrets.a`: `secrets.a` is opaque here; help: a secret may be inserted, joined and encoded, never compared or branched on
        input.fast is eq(secrets.a)  →  refused at `secrets.a`: `secrets.a` is opaque here; help: a secret may be inserted, joined and encoded, never compared or branched on
        not secrets.a  →  refused at `secrets.a`: `secrets.a` is opaque here; help: a secret may be inserted, joined and encoded, never compared or branched on
        secrets.a and 'x'  →  refused at `secrets.a`: `secrets.a` is opaque here; help: a secret may be inserted, joined and encoded, never compared or branched on
        'x' if secrets.a else 'y'  →  refused at `secrets.a`: `secrets.a` is opaque here; help: a secret may be inserted, joined and encoded, never compared or branched on
        'x' if (secrets.a ~ 'b') == 'b' else 'y'  →  refused at `secrets.a`: `secrets.a` is opaque here; help: a secret may be inserted, joined and encoded, never compared or branched on
        secrets.a | default('x')  →  refused at `secrets.a`: `secrets.a` is opaque here; help: a secret may be inserted, joined and encoded, never compared or branched on
        secrets.a | length  →  refused at `secrets.a`: `secrets.a` is opaque here; help: a secret may be inserted, joined and encoded, never compared or branched on
        input.map[secrets.a]  →  refused at `secrets.a`: `secrets.a` is opaque here; help: a secret may be inserted, joined and encoded, never compared or branched on
        secrets.a[0:1]  →  refused at `secrets.a`: `secrets.a` is opaque here; help: a secret may be inserted, joined and encoded, never compared or branched on
        {secrets.a: 1}  →  refused at `secrets.a`: `secrets.a` is opaque here; help: a secret may be inserted, joined and encoded, never compared or branched on
        input.list | select('eq', secrets.a)  →  refused at `secrets.a`: `secrets.a` is opaque here; help: a secret may be inserted, joined and encoded, never compared or branched on
        secrets.a * 3  →  refused at `secrets.a`: `secrets.a` is opaque here; help: a secret may be inserted, joined and encoded, never compared or branched on
        -secrets.a  →  refused at `secrets.a`: `secrets.a` is opaque here; help: a secret may be inserted, joined and encoded, never compared or branched on
        range(secrets.a)  →  refused at `secrets.a`: `secrets.a` is opaque here; help: a secret may be inserted, joined and encoded, never compared or branched on
    "#]].assert_eq(&lines);
}

#[test]
fn an_evaluation_that_panics_is_an_error() {
    let names = Names { input: Payload::of(&json!({ "n": 0 })).unwrap(), ..Names::default() };
    for source in ["7 is divisibleby(input.n)", "[7] | select('divisibleby', input.n) | list"] {
        let expression = Expression::compile(source).unwrap();
        assert!(expression.eval_payload(&names).is_err(), "{source}");
        assert!(expression.is_true(&names).is_err(), "{source}");
        assert!(expression.first_missing(&names).unwrap().is_none(), "{source}");
    }
    assert!(Expression::compile("7 is divisibleby(0)").is_err());
}
