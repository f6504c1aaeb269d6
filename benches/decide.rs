//! The pure state machine: what one run costs without queues, journal and actors.
//!
//! `cargo bench --bench decide`
#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

use std::fmt::Write as _;

use divan::Bencher;
use divan::counter::ItemsCount;
use windlass::clock::Timestamp;
use windlass::id::RunId;
use windlass::payload::Payload;
use windlass::plan::{self, KnownTasks, Plan};
use windlass::run::{Accepted, Attempt, Decision, Effect, Input, Run};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}

fn load(text: &str) -> Plan {
    plan::load("bench.toml", text, None, &KnownTasks::Any).unwrap().plan
}

/// Each step waits for the one before it.
fn chain(steps: usize) -> Plan {
    let mut text = String::new();
    for step in 0..steps {
        writeln!(text, "[steps.s{step}]\ntask = \"noop\"").unwrap();
        if step > 0 {
            writeln!(text, "depends_on = [\"s{}\"]", step - 1).unwrap();
        }
    }
    load(&text)
}

/// One step, then one for each of so many items, then one.
fn fan(items: usize) -> Plan {
    let list: Vec<String> = (0..items).map(|item| item.to_string()).collect();
    load(&format!(
        "[steps.list]\ntask = \"noop\"\n\
         [steps.each]\ntask = \"noop\"\nfor_each = \"[{}]\"\ndepends_on = [\"list\"]\n\
         [steps.merge]\ntask = \"noop\"\ndepends_on = [\"each\"]\n",
        list.join(", ")
    ))
}

fn accepted(plan: &Plan) -> Accepted {
    let at = Timestamp::from_micros(1_700_000_000_000_000);
    let input = Payload::from_json(&b"{\"order\":7}"[..]).unwrap();
    Accepted::new(&plan.name, plan.hash, RunId::from_bytes([7; 16]), (input, at))
}

/// Runs it to its end with an output of 100 bytes for each step; how many attempts there were.
fn run(plan: &Plan) -> usize {
    let output = Payload::of(&"1".repeat(98)).unwrap();
    let (mut run, mut step) = Run::accept(plan, RunId::from_bytes([7; 16]), accepted(plan));
    let mut ready: Vec<(_, u32)> = Vec::with_capacity(16);
    let mut now = Timestamp::from_micros(1_700_000_000_000_100);
    let mut attempts = 0;
    loop {
        for effect in &step.effects {
            if let Effect::Dispatch { unit, dispatch, .. } = *effect {
                ready.push((unit, dispatch));
            }
        }
        step = emptied(step);
        let Some((unit, dispatch)) = ready.pop() else { break };
        attempts += 1;
        let outcome = Ok(output.clone());
        let attempt = Attempt { unit, dispatch, started: now, ended: now };
        let input = Input::Finished { attempt, outcome };
        run.advance(plan, &input, now, &mut step);
        now = Timestamp::from_micros(now.as_micros() + 1);
    }
    assert!(run.state().is_end());
    attempts
}

fn emptied(mut step: Decision) -> Decision {
    step.clear();
    step
}

#[divan::bench(args = [10, 10_000])]
fn a_chain_of(bencher: Bencher<'_, '_>, steps: usize) {
    let plan = chain(steps);
    bencher.counter(ItemsCount::new(steps)).bench(|| assert_eq!(run(&plan), steps));
}

#[divan::bench(args = [100, 100_000])]
fn a_fan_out_of(bencher: Bencher<'_, '_>, items: usize) {
    let plan = fan(items);
    bencher.counter(ItemsCount::new(items + 2)).bench(|| assert_eq!(run(&plan), items + 2));
}

/// A crash: the state is built again from its events.
#[divan::bench(args = [10, 10_000])]
fn events_replayed_of_a_chain_of(bencher: Bencher<'_, '_>, steps: usize) {
    let plan = chain(steps);
    let events = history(&plan);
    bencher
        .counter(ItemsCount::new(events.len()))
        .bench(|| Run::rebuild(&plan, RunId::from_bytes([7; 16]), &events).unwrap());
}

fn history(plan: &Plan) -> Vec<windlass::run::Event> {
    let output = Payload::of(&"1".repeat(98)).unwrap();
    let (mut run, mut step) = Run::accept(plan, RunId::from_bytes([7; 16]), accepted(plan));
    let now = Timestamp::from_micros(1_700_000_000_000_100);
    let mut next = 0;
    while let Some(effect) = step.effects.get(next).copied() {
        next += 1;
        if let Effect::Dispatch { unit, dispatch, .. } = effect {
            let outcome = Ok(output.clone());
            let attempt = Attempt { unit, dispatch, started: now, ended: now };
            let input = Input::Finished { attempt, outcome };
            run.advance(plan, &input, now, &mut step);
        }
    }
    step.events
}
