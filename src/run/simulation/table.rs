//! The table of inputs in `docs/state-machine.md`, held against what happens: each pair of an input
//! and the event it gives stands in it, and each of its rows is met.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::simulate;
use crate::clock::Timestamp;
use crate::plan::Plan;
use crate::run::{Event, Input, Run};

/// An input and the first event that it gives.
type Pair = (String, String);

thread_local! {
    /// What has been met, while somebody wants to know.
    static MET: RefCell<Option<BTreeSet<Pair>>> = const { RefCell::new(None) };
}

/// An input comes to a run.
pub(super) fn meet(run: &Run, plan: &Plan, input: &Input, now: Timestamp) {
    MET.with_borrow_mut(|met| {
        let Some(met) = met.as_mut().filter(|_| !matches!(input, Input::Settle)) else { return };
        let mut events: Vec<Event> = Vec::new();
        run.decide(plan, input, now, &mut events);
        if let Some(event) = events.first() {
            met.insert((name(input), name(event)));
        }
    });
}

/// The name of a variant.
fn name(value: &impl std::fmt::Debug) -> String {
    let text = format!("{value:?}");
    let text = text.as_str();
    let end = text.find(|c: char| !c.is_alphanumeric()).unwrap_or(text.len());
    text[..end].to_owned()
}

/// The pairs of the table.
fn told() -> BTreeSet<Pair> {
    let document = include_str!("../../../docs/state-machine.md");
    let rows = document.lines().skip_while(|line| !line.starts_with("| state | input | events |"));
    let rows = rows.skip(2).take_while(|line| line.starts_with('|'));
    rows.flat_map(|row| {
        let cells: Vec<&str> = row.split('|').collect();
        let event = cells[3].split('`').nth(1).unwrap().to_owned();
        let inputs: Vec<&str> = cells[2].split('`').collect();
        inputs.chunks_exact(2).map(|words| (words[1].to_owned(), event.clone())).collect::<Vec<_>>()
    })
    .collect()
}

#[test]
fn the_documented_table_is_what_happens() {
    MET.set(Some(BTreeSet::new()));
    (0..900).for_each(|seed| simulate(seed, None).unwrap());
    assert_eq!(MET.take().unwrap(), told());
}
