use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn render(value: Value, expected: Expect) {
    let told = match Template::compile(&value) {
        Ok(template) => match template.render(&names()) {
            Ok(payload) => payload.to_string(),
            Err(error) => format!("error: {error}"),
        },
        Err(errors) => errors.iter().map(refused).collect::<Vec<_>>().join("\n"),
    };
    expected.assert_eq(&told);
}

#[test]
fn one_whole_expression_keeps_its_type() {
    render(json!("${{ input.items[0] }}"), expect![[r#"{"price":1,"sku":"a"}"#]]);
    render(json!("${{input.total}}"), expect!["9.5"]);
    render(
        json!("${{ input }}"),
        expect![[
            r#"{"order":"o-7","total":9.5,"n":3,"empty":"","no":null,"items":[{"price":1,"sku":"a"},{"price":2.5,"sku":"b"}],"deep":{"a b":{"c":[10,20,30]}},"z":1,"y":2}"#
        ]],
    );
    render(json!("${{ {'a': {'b': input.n}}}}"), expect![[r#"{"a":{"b":3}}"#]]);
    render(json!("${{ '}}' ~ \"it's }}\" }}"), expect![[r#""}}it's }}""#]]);
}

#[test]
fn mixed_text_is_text() {
    render(
        json!(
            "n=${{ input.n }} t=${{ input.order }} i=${{ input.items }} ${{ input.no }} ${{ true }}"
        ),
        expect![[
            r#""n=3 t=o-7 i=[{\"price\":1,\"sku\":\"a\"},{\"price\":2.5,\"sku\":\"b\"}] null true""#
        ]],
    );
    render(json!(" ${{ input.n }}"), expect![[r#"" 3""#]]);
    render(json!("${{ input.n }}${{ input.n }}"), expect![[r#""33""#]]);
    render(
        json!("a $${{ input.n }} $$${{ x }} ${ y } {{ z }} }} $"),
        expect![[r#""a ${{ input.n }} $${{ x }} ${ y } {{ z }} }} $""#]],
    );
}

#[test]
fn tables_and_lists_are_rendered_inside() {
    render(
        json!({ "b": ["${{ input.n }}", 1, null, {}], "a": { "${{ input.n }}": "x${{ index }}" }, "c": [] }),
        expect![[r#"{"b":[3,1,null,{}],"a":{"${{ input.n }}":"x4"},"c":[]}"#]],
    );
    render(
        json!({ "k": ["$${{", [], {}, "\u{1F600}\"\\\n"] }),
        expect![[r#"{"k":["${{",[],{},"😀\"\\\n"]}"#]],
    );
}

#[test]
fn all_that_is_wrong_is_told() {
    render(
        json!({ "a": "${{ x }} ${{ 1 + }}", "b": ["${{ input.n"] }),
        expect![[r#"
        refused at `x`: unknown name `x`; help: there are `input`, `steps`, `item`, `index`, `run`, `secrets`
        refused at ``: the expression ends where a value is missing
        refused at ` input.n`: `${{` is never closed; help: close it with `}}`; a literal `${{` is written `$${{`"#]],
    );
    render(
        json!(["${{ input.n }}", "${{ input.gone }}"]),
        expect!["error: `input.gone` is undefined"],
    );
    render(
        json!("x ${{ [input.items[0], input['go' ~ 'ne']] }}"),
        expect![
            "error: a part of the result is undefined, in `[input.items[0], input['go' ~ 'ne']]`"
        ],
    );
}

#[test]
fn constants_need_no_interpreter() {
    for value in [json!("text"), json!({ "a": [1, "x"] }), json!(null), json!("$${{ x }}")] {
        assert!(Template::compile(&value).unwrap().is_constant(), "{value}");
    }
}

#[test]
fn text_is_text_and_the_rest_is_json() {
    let text = |value: Value| Template::compile(&value).unwrap().render_text(&names()).unwrap();
    assert_eq!(text(json!("a\"b")), "a\"b");
    assert_eq!(text(json!(5)), "5");
    assert_eq!(text(json!("${{ input.order }}")), "o-7");
    assert_eq!(text(json!("${{ input.items[0] }}")), r#"{"price":1,"sku":"a"}"#);
    assert_eq!(text(json!(["${{ index }}"])), "[4]");
    assert_eq!(text(json!("${{ none }}")), "null");
}

proptest! {
    #[test]
    fn any_text_is_compiled_or_refused(text in "\\PC{0,60}") {
        if let Ok(template) = Template::text(&text) {
            let _rendered = template.render(&names());
        }
    }

    #[test]
    fn any_soup_of_tokens_is_compiled_or_refused(
        soup in prop::collection::vec(
            prop::sample::select(vec![
                "input", "steps.count.output", "item", ".x", "[0]", "['a']", "[", "]", "(", ")", "{",
                "}", "|", " is ", "defined", "default(1)", "map('upper')", " if ", " else ", "not ",
                "-", "*", "**", "~", "+", "1", "2.5", "'s'", ":", ",", " in ", "range(9)", "==", " ",
                "join(',')", "batch(3)", "input.items", "sum", "tojson", "| length", "x=", "..", "}}",
            ]),
            0..20,
        )
    ) {
        let soup = soup.concat();
        if let Ok(expression) = Expression::compile(&soup) {
            let _value = expression.eval(&names());
        }
        let _template = Template::text(&format!("a ${{{{ {soup} }}}} b"));
    }

    #[test]
    fn constant_values_come_out_as_they_went_in(text in "[^$]{0,40}", number in any::<i64>()) {
        let value = json!({ "t": &text, "n": number, "l": [text] });
        let rendered = Template::compile(&value).unwrap().render(&Names::default()).unwrap();
        prop_assert_eq!(rendered.parse::<Value>().unwrap(), value);
    }

    #[test]
    fn values_pass_through_expressions_unchanged(text in "\\PC{0,40}", n in any::<i64>()) {
        let value = json!({ "text": &text, "n": n, "deep": [{ "a": [&text, null, true, 0.5] }] });
        let names = Names { input: Payload::of(&value).unwrap(), ..Names::default() };
        for source in ["input", "[input][0]", "{'a': input}['a']"] {
            prop_assert_eq!(&Expression::compile(source).unwrap().eval(&names).unwrap(), &value);
        }
    }
}
