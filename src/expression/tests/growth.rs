//! Compiling and evaluating take time in proportion to what is read: four times the names take about
//! four times as long, not sixteen.

use super::*;
use crate::growth::grows;

fn payload(value: serde_json::Value) -> Payload {
    Payload::of(&value).unwrap()
}

fn steps(count: usize, output: Option<Payload>) -> Names {
    let step = |place| {
        let id = Name::new(&format!("s{place}")).unwrap();
        (id, StepValue { status: "skipped", output: output.clone(), ..StepValue::default() })
    };
    Names { steps: (0..count).map(step).collect(), ..Names::default() }
}

/// A table of so many expressions.
fn table(count: usize, expression: impl Fn(usize) -> String) -> Template {
    let row = |place| (format!("k{place}"), format!("${{{{ {} }}}}", expression(place)));
    let rows: std::collections::BTreeMap<_, _> = (0..count).map(row).collect();
    Template::compile(&rows).unwrap()
}

#[test]
fn many_steps() {
    let there = || Some(payload(json!(1)));
    let texts: [fn(usize) -> String; 3] = [
        |s| format!("steps.s{s}.output"),
        |s| format!("steps.s{s}.output | default(1)"),
        |s| format!("steps.s{s}.status ~ 1"),
    ];
    for text in texts {
        for output in [there(), None] {
            let ready = |n| (table(n, text), steps(n, output.clone()));
            grows("steps that are read", 200, ready, |(table, names)| {
                assert_eq!(
                    table.render(&names).is_err(),
                    table.first_missing(&names).unwrap().is_some()
                );
            });
        }
    }
}

#[test]
fn large_values() {
    let list = |n: usize| payload(json!((0..n).collect::<Vec<_>>()));
    let rows = |n: usize| -> serde_json::Map<_, _> {
        (0..n).map(|row| (format!("k{row}"), json!([row, "x"]))).collect()
    };
    let keys = |n| {
        let names = Names { input: payload(json!(rows(n))), ..Names::default() };
        (table(n, |row| format!("input.k{row}[0]")), names)
    };
    grows("keys of one table", 300, keys, |(table, names)| drop(table.render(&names).unwrap()));
    let places = |n| (table(n, |row| format!("input[{row}]")), Names { input: list(n), ..names() });
    grows("places of a list", 300, places, |(table, names)| drop(table.render(&names).unwrap()));
    // Each of many items reads its place of several lists.
    let items = |n| {
        let read = table(9, |s| format!("steps.s{s}.output[index]"));
        let step = |s| {
            let id = Name::new(&format!("s{s}")).unwrap();
            (id, StepValue { output: Some(list(n)), ..StepValue::default() })
        };
        (read, Names { steps: (0..9).map(step).collect(), ..Names::default() }, n)
    };
    grows("items that read lists", 500, items, |(read, names, n)| {
        for index in 0..u32::try_from(n).unwrap() {
            let names = Names { item: Some((index, Payload::NULL)), ..names.clone() };
            drop(read.render(&names).unwrap());
        }
    });
}
