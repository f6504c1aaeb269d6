use proptest::prelude::*;

use super::*;
use crate::definition::Severity;

fn codes(text: &str) -> Vec<&'static str> {
    parse("flow.toml", text).diagnostics.iter().map(|problem| problem.code).collect()
}

#[test]
fn a_file_that_is_too_large_is_not_parsed() {
    let text = "#".repeat(FILE_BYTES_MAX + 1);
    check_lines(
        &text,
        expect![[r#"
        too-large at "": the file has 16777217 bytes; at most 16777216 are read
    "#]],
    );
    assert_eq!(codes(&text[1..]), Vec::<&str>::new());
}

#[test]
fn nesting_is_bounded() {
    check_lines(
        &format!("a = {}", "[".repeat(100_000)),
        expect![[r#"
        too-deep at "[": tables and lists are nested more than 64 deep
    "#]],
    );
    assert_eq!(codes(&format!("a = {}", "{a=".repeat(100_000))), ["too-deep"]);
    assert_eq!(codes(&format!("[{}a]", "a.".repeat(100_000))), ["too-deep"]);
    assert_eq!(codes(&"[a]\n".repeat(3)), ["duplicate-key", "duplicate-key", "unknown-key"]);
    let with = format!("[steps.a]\ntask = 'x'\nwith = {}{}", "[".repeat(60), "]".repeat(60));
    assert_eq!(codes(&with), Vec::<&str>::new());
    let body = (0..16).map(|_| "x = { for_each = '[]', steps = { ").collect::<String>();
    assert_eq!(
        codes(&format!("steps = {{ {body} x.run = 'x' {}", "} }".repeat(16) + "}")),
        Vec::<&str>::new()
    );
}

#[test]
fn steps_are_counted() {
    let text = (0..100_002).map(|n| format!("s{n}.sleep='0s'\n")).collect::<String>();
    let text = format!("[steps]\n{text}");
    let parsed = parse("flow.toml", &text);
    assert_eq!(parsed.diagnostics[0].message, "the workflow has more than 100000 steps");
    assert_eq!(parsed.definition.unwrap().steps.len(), 100_000);
}

#[test]
fn a_file_of_nothing_but_problems_is_told_to_a_limit() {
    let text = (0..5_000).map(|n| format!("x{n} = 1\n")).collect::<String>();
    let problems = parse("flow.toml", &text).diagnostics;
    assert_eq!(problems.len(), problems::PROBLEMS_MAX + 1);
    assert_eq!(problems.last().unwrap().message, "4000 more problems are not shown");
    let doubled = "[steps.a]\nrun = 'x'\n".repeat(20_000);
    assert_eq!(parse("flow.toml", &doubled).diagnostics.len(), problems::PROBLEMS_MAX + 1);
    let inline = format!("a = {{ {} }}", "a = 1, ".repeat(20_000));
    assert_eq!(parse("flow.toml", &inline).diagnostics.len(), problems::PROBLEMS_MAX + 1);
    let broken = "= =\n".repeat(2_000);
    assert!(parse("flow.toml", &broken).diagnostics.len() < 60);
}

#[test]
fn what_other_systems_made_is_read() {
    for folder in ["tests/corpus", "tests/scenarios", "workflows"] {
        for text in files(std::path::Path::new(folder)) {
            let problems = parse("flow.toml", &text).diagnostics;
            let refused = problems.iter().any(|problem| problem.severity == Severity::Error);
            assert!(!refused, "{problems:?}");
        }
    }
}

/// The texts of all workflow files below a folder.
fn files(folder: &std::path::Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    let texts = paths.flat_map(|path| {
        if path.is_dir() {
            files(&path)
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            vec![std::fs::read_to_string(path).unwrap()]
        } else {
            Vec::new()
        }
    });
    texts.collect()
}

/// Texts that look like workflows, with mistakes at random places.
fn nearly_toml() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        "\\[{1,2}(steps|retry|input|secrets|output|defaults|[a-z]{1,3})(\\.[a-z'\"]{0,3}){0,3}\\]{0,2}",
        "(run|task|http|sleep|steps|for_each|retry|when|join|with|output|timeout|on|default|type|tolerate|env)(\\.[a-z]{1,4}){0,2} ?= ?(\\[{0,2}['\"]?[a-z0-9:%.${ }]{0,8}['\"]?\\]{0,2}|-?[0-9._exnaif]{1,12}|\\{ ?[a-z]{1,4} ?= ?[0-9'a]{1,4} ?\\}?)",
        "\\PC{0,20}",
        "[\\[\\]{}=.,#'\"\\\\\n\t 0-9a-zé]{0,30}",
    ];
    prop::collection::vec(line, 0..12).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_text_is_read_or_refused(text in nearly_toml()) {
        let problems = parse("flow.toml", &text).diagnostics;
        for problem in &problems {
            prop_assert!(text.get(problem.span.clone()).is_some(), "{problem:?}");
            for (span, _) in &problem.related {
                prop_assert!(text.get(span.clone()).is_some(), "{problem:?}");
            }
        }
        for format in [Format::Human { color: false }, Format::Json, Format::Github] {
            let drawn = render("flow.toml", &text, &problems, format);
            prop_assert!(problems.is_empty() || !drawn.is_empty());
        }
    }
}
