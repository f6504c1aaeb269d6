use std::fmt::Write as _;

use expect_test::{Expect, expect};

use super::*;
use crate::definition::Span;

mod bodies;
mod growth;
mod inputs;
mod problems;
mod scale;
mod stored;

fn loaded(text: &str) -> Result<Loaded, Vec<Diagnostic>> {
    load("test.toml", text, None, &KnownTasks::Any)
}

/// One problem for people who read tests: code, the marked text, message, help.
fn told(text: &str, problem: &Diagnostic) -> String {
    let marked = |span: &Span| text.get(span.clone()).unwrap_or("?").replace('\n', "⏎");
    let line = |span: &Span| text[..span.start.min(text.len())].matches('\n').count() + 1;
    let mut out = format!(
        "{:?} {} {}:`{}` {}",
        problem.severity,
        problem.code,
        line(&problem.span),
        marked(&problem.span),
        problem.message
    );
    for (span, label) in &problem.related {
        write!(out, "\n    {}:`{}` {label}", line(span), marked(span)).unwrap();
    }
    if let Some(help) = &problem.help {
        write!(out, "\n    help: {help}").unwrap();
    }
    out
}

fn problems(text: &str, tasks: &KnownTasks) -> String {
    let found = match load("test.toml", text, None, tasks) {
        Ok(loaded) => loaded.warnings,
        Err(problems) => problems,
    };
    found.iter().map(|problem| told(text, problem) + "\n").collect()
}

fn check(text: &str, expected: Expect) {
    expected.assert_eq(&problems(text, &KnownTasks::Any));
}

/// The nodes of the plan of a text, one a line.
fn drawn(text: &str) -> String {
    match loaded(text) {
        Ok(loaded) => draw(&loaded.plan),
        Err(problems) => problems.iter().map(|p| told(text, p) + "\n").collect(),
    }
}

fn draw(plan: &Plan) -> String {
    let list = |nodes: &mut dyn Iterator<Item = NodeId>| {
        nodes.map(|node| plan.path(node)).collect::<Vec<_>>().join(" ")
    };
    let mut out = String::new();
    for (place, node) in plan.nodes.iter().enumerate() {
        let id = NodeId(u32::try_from(place).unwrap());
        let needs: Vec<_> = node
            .needs
            .iter()
            .map(|need| {
                let mark = if need.data { "!" } else { "" };
                let uncounted = if need.counted { "" } else { "?" };
                format!("{}{mark}{uncounted}", plan.path(need.node))
            })
            .collect();
        let input = match &node.input {
            InputFrom::Run => "run".to_owned(),
            InputFrom::Item => "item".to_owned(),
            InputFrom::Node(node) => plan.path(*node),
            InputFrom::Nodes(nodes) => format!("[{}]", list(&mut nodes.iter().copied())),
            InputFrom::With(template) => format!("{template:?}"),
        };
        write!(out, "{place} {} needs [{}] input {input}", plan.path(id), needs.join(" ")).unwrap();
        if !node.reads.is_empty() {
            write!(out, " reads [{}]", list(&mut node.reads.iter().copied())).unwrap();
        }
        if let Some(fan) = &node.fan {
            write!(out, " fan {:?}", fan.list).unwrap();
        }
        if let Some(body) = &node.body {
            write!(out, " body {body:?}").unwrap();
        }
        writeln!(out, " {}", plan.queue(id)).unwrap();
    }
    let waves: Vec<_> = plan.waves().iter().map(|wave| list(&mut wave.iter().copied())).collect();
    writeln!(out, "waves {}", waves.join(" | ")).unwrap();
    writeln!(out, "longest {}", list(&mut plan.longest_chain().into_iter())).unwrap();
    writeln!(out, "roots {} leaves {}", list(&mut plan.roots()), list(&mut plan.leaves())).unwrap();
    out
}

#[test]
fn references_and_dependencies_are_edges() {
    let text = r#"
name = "x"
pipeline = ["pack", "send"]
[steps.send]
task = "t"
[steps.pack]
task = "t"
with.rows = "${{ steps.list.output.rows }}"
with.maybe = "${{ steps.extra.output | default(0) }}"
[steps.list]
task = "t"
[steps.extra]
task = "t"
when = "steps.list.status == 'succeeded'"
[steps.all]
task = "t"
depends_on = ["send", "extra"]
join = "settled"
with.all = "${{ steps }}"
queue = "slow"
[output]
sent = "${{ steps.send.output }}"
"#;
    expect![[r#"
        0 send needs [pack] input pack default
        1 pack needs [list! extra] input Template[Expression(steps.list.output.rows), Expression(steps.extra.output | default(0))] reads [list extra] default
        2 list needs [] input run default
        3 extra needs [list] input list reads [list] default
        4 all needs [send extra] input Template[Expression(steps)] reads [send extra] slow
        waves list | extra | pack | send | all
        longest list extra pack send all
        roots list leaves all
    "#]].assert_eq(&drawn(text));
}

#[test]
fn a_fan_out_takes_up_what_its_body_reads() {
    let text = r#"
[steps.list]
run = "ls"
output = "lines"
[steps.day]
run = "date"
[steps.files]
for_each = "steps.list.output"
[steps.files.steps.clean]
run = "clean ${{ item.path }} ${{ steps.day.output }}"
depends_on = ["fetch"]
[steps.files.steps.fetch]
run = "fetch ${{ steps.list.status }}"
[steps.files.steps.count]
task = "count"
depends_on = ["fetch", "clean"]
[steps.done]
task = "t"
depends_on = ["files"]
"#;
    let plan = loaded(text).unwrap().plan;
    for (place, node) in plan.nodes.iter().enumerate() {
        let id = NodeId(u32::try_from(place).unwrap());
        assert_eq!(plan.find(&plan.path(id)), Some(id), "{}", node.id);
    }
    for nothing in
        ["", "fetch", "files.list", "files.", ".clean", "list.clean", "lis", "files.fetch.x"]
    {
        assert_eq!(plan.find(nothing), None, "{nothing}");
    }
    expect![[r#"
        0 list needs [] input run default
        1 day needs [] input run default
        2 files needs [list! day!?] input item reads [list] fan Expression(steps.list.output) body 4..7 default
        3 done needs [files] input files default
        4 files.clean needs [files.fetch] input files.fetch reads [day] default
        5 files.fetch needs [] input item reads [list] default
        6 files.count needs [files.fetch files.clean] input [files.fetch files.clean] default
        waves list day | files | done
        longest list files done
        roots list day leaves done
    "#]].assert_eq(&drawn(text));
}
