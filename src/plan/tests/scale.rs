use super::super::check::Check;
use super::super::edge::{EdgeSource, SpannedEdge, settle};
use super::super::steps::Steps;
use super::*;

/// A chain in which each step depends on the `edges` before it.
fn chain(steps: usize, edges: usize) -> String {
    let mut text = String::new();
    for step in 0..steps {
        writeln!(text, "[steps.s{step}]\nrun = 'true'").unwrap();
        let on: Vec<_> = (step.saturating_sub(edges)..step).map(|on| format!("'s{on}'")).collect();
        writeln!(text, "depends_on = [{}]", on.join(", ")).unwrap();
    }
    text
}

#[test]
fn a_chain_of_ten_thousand_steps() {
    let plan = loaded(&chain(10_000, 1)).unwrap().plan;
    assert_eq!(plan.waves().len(), 10_000);
    assert_eq!(plan.longest_chain().len(), 10_000);
}

#[test]
fn a_circle_of_ten_thousand_steps() {
    let mut text = chain(10_000, 1);
    text.push_str("[steps.x]\nrun = 'x'\ndepends_on = ['s9999']\n");
    let text = text.replacen("depends_on = []", "depends_on = ['x']", 1);
    let problems = loaded(&text).unwrap_err();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].message.ends_with("(10001 steps)"), "{}", problems[0].message);
}

#[test]
fn of_many_wrong_names_the_first_thousand_are_told() {
    let problems = loaded(&chain(3_000, 1).replace("['s", "['t")).unwrap_err();
    assert_eq!(problems.len(), 1_001);
    assert_eq!(problems[1_000].message, "1999 more problems are not shown");
}

#[test]
fn nearly_a_million_edges_are_planned() {
    let plan = loaded(&chain(1_414, 1_414)).unwrap().plan;
    assert_eq!(plan.edges().count(), 998_991);
}

#[test]
fn more_than_a_million_edges_are_refused() {
    let text = chain(1_500, 0);
    let definition = definition::parse("x.toml", &text).definition.unwrap();
    let steps = Steps::of(&definition);
    let needs = |from: usize| {
        (0..from)
            .map(|on| SpannedEdge { on, data: false, source: EdgeSource::Named, span: 0..0 })
            .collect()
    };
    let mut check = Check::new(&text);
    settle(&steps, (0..1_500).map(needs).collect(), &mut check);
    let problems = check.into_sorted();
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].message, "the workflow has 1124250 edges; at most 1000000 are allowed");
}
