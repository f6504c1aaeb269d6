use std::fmt::Write as _;
use std::time::Duration;

use super::*;
use crate::run::tests::{accepted, id, plan};
use crate::run::{Decision, Effect, Input, RunState};

/// Runs a workflow whose attempts all give this; how it ended.
fn ended(toml: &str, output: impl Fn(&str) -> Payload) -> (RunState, String) {
    let plan = plan(toml);
    let accepted = accepted(&plan, "{}", Duration::ZERO);
    let now = accepted.at;
    let (mut run, mut decision) = Run::accept(&plan, id(1), accepted);
    let mut jobs = Vec::new();
    loop {
        for effect in &decision.effects {
            if let Effect::Dispatch { unit, dispatch, .. } = *effect {
                jobs.push(Attempt { unit, dispatch, started: now, ended: now.after(ATTEMPT) });
            }
        }
        let evaluated = evaluated(&run, &plan, &decision);
        decision = Decision::default();
        if evaluated.is_empty() {
            let Some(attempt) = jobs.pop() else { break };
            let outcome = Ok(output(&run.path(&plan, attempt.unit)));
            run.advance(&plan, &Input::Finished { attempt, outcome }, now, &mut decision);
        }
        for input in &evaluated {
            run.advance(&plan, input, now, &mut decision);
        }
    }
    let why = run.failure().map(|failure| failure.message.to_string()).unwrap_or_default();
    (run.state(), why)
}

/// What the evaluations come to that a decision asks for.
fn evaluated(run: &Run, plan: &Plan, decision: &Decision) -> Vec<Input> {
    let asked = decision.effects.iter().filter_map(|effect| {
        let Effect::Evaluate { of, number } = *effect else { return None };
        let evaluated = Box::new(run.evaluation(plan, of, number)?.evaluate(plan));
        Some(Input::Evaluated { number, evaluated })
    });
    asked.collect()
}

const ATTEMPT: Duration = Duration::from_millis(1);

fn text(len: usize) -> Payload {
    Payload::of(&"x".repeat(len)).unwrap()
}

fn list(len: usize) -> Payload {
    Payload::of(&vec![0; len]).unwrap()
}

#[test]
fn a_run_has_a_million_units_at_most() {
    for (items, steps) in [(20_000, 10), (90_910, 11)] {
        let mut toml = String::from(
            "[steps.list]\ntask = 't'\n[steps.each]\nfor_each = 'steps.list.output'\n\
             max_parallel = 1\n",
        );
        for step in 0..steps {
            write!(toml, "[steps.each.steps.s{step}]\ntask = 't'\nwhen = 'false'\n").unwrap();
        }
        let (state, why) = ended(&toml, |_| list(items));
        let fits = items * steps + 2 <= 1_000_000;
        assert_eq!(state == RunState::Succeeded, fits, "{items} of {steps}: {why}");
        let told = ["step `each`", "UNITS_MAX", "1,000,000", &items.to_string()];
        assert!(fits || told.iter().all(|part| why.contains(part)), "{why}");
    }
}

#[test]
fn scopes_within_scopes_count_too() {
    let mut toml = String::from(
        "[steps.list]\ntask = 't'\n[steps.a]\nfor_each = '[1, 2]'\n[steps.a.steps.b]\n\
         for_each = 'steps.list.output'\nmax_parallel = 1\n",
    );
    (0..5).for_each(|step| write!(toml, "[steps.a.steps.b.steps.c{step}]\ntask = 't'\n").unwrap());
    let plan = plan(&toml);
    let accepted = accepted(&plan, "{}", Duration::ZERO);
    let now = accepted.at;
    let (mut run, mut decision) = Run::accept(&plan, id(1), accepted);
    let unit = Unit::top(plan.find("list").unwrap());
    let attempt = Attempt { unit, dispatch: 1, started: now, ended: now.after(ATTEMPT) };
    decision.clear();
    let outcome = Ok(list(100_000));
    run.advance(&plan, &Input::Finished { attempt, outcome }, now, &mut decision);
    for input in evaluated(&run, &plan, &decision) {
        run.advance(&plan, &input, now, &mut decision);
    }
    let failed = decision.events.iter().find_map(|event| {
        if let Event::Failed { unit, failure, .. } = event {
            return Some((*unit, failure.message.clone()));
        }
        None
    });
    let (unit, why) = failed.expect("the second list is too much");
    assert_eq!(run.path(&plan, unit), "a[1].b");
    assert!(why.contains("UNITS_MAX") && why.contains("1000004 step instances"), "{why}");
}

#[test]
fn a_gathered_result_is_refused_at_the_item_that_passes_the_limit() {
    let own = "[steps.each]\nfor_each = 'range(17)'\nmax_parallel = 1\ntask = 't'\n";
    let body = "[steps.each]\nfor_each = 'range(17)'\nmax_parallel = 1\n\
                [steps.each.steps.in]\ntask = 't'\n";
    let group = (0..17).fold("[steps.each]\n".to_owned(), |text, step| {
        format!("{text}[steps.each.steps.s{step}]\ntask = 't'\n")
    });
    let (fits, large) = (text(980_000), text(1_000_000));
    for toml in [own, body, &group] {
        assert_eq!(ended(toml, |_| fits.clone()).0, RunState::Succeeded, "{toml}");
        let (state, why) = ended(toml, |_| large.clone());
        assert_eq!(state, RunState::Failed, "{toml}");
        assert!(why.contains("RESULT_BYTES_MAX is 16777216") && why.contains("each"), "{why}");
    }
}

#[test]
fn what_flows_in_is_refused_where_it_is_too_large_together() {
    let mut toml = String::from("[steps.sum]\ntask = 't'\ndepends_on = [");
    (0..17).for_each(|step| write!(toml, "'s{step}',").unwrap());
    toml.push_str("]\n");
    (0..17).for_each(|step| write!(toml, "[steps.s{step}]\ntask = 't'\n").unwrap());
    let (fits, large) = (text(980_000), text(1_000_000));
    assert_eq!(ended(&toml, |_| fits.clone()).0, RunState::Succeeded);
    let (state, why) = ended(&toml, |_| large.clone());
    assert_eq!(state, RunState::Failed);
    assert!(why.contains("RESULT_BYTES_MAX") && why.contains("17 steps"), "{why}");
}

#[test]
fn a_run_holds_so_many_bytes_at_most() {
    let chain = |steps: usize| {
        (0..steps).fold(String::new(), |text, step| {
            format!("{text}[steps.s{step}]\ntask = 't'\nwith = 1\n")
        })
    };
    let output = text(1_000_000);
    assert_eq!(ended(&chain(268), |_| output.clone()).0, RunState::Succeeded);
    let (state, why) = ended(&chain(269), |_| output.clone());
    assert_eq!(state, RunState::Failed);
    assert!(why.contains("RUN_BYTES_MAX is 268435456") && why.contains("step `s0`"), "{why}");
}

#[test]
fn bytes_are_those_of_what_is_there_whatever_is_opened_again() {
    let toml = "[steps.each]\nfor_each = '[1,2,3]'\ntask = 't'\n[steps.b]\ntask = 't'\n\
                with = '${{ steps.each.output }}'\n";
    let plan = plan(toml);
    let accepted = accepted(&plan, "{}", Duration::ZERO);
    let now = accepted.at;
    let (mut run, mut decision) = Run::accept(&plan, id(1), accepted);
    for round in 0..4 {
        let mut jobs: Vec<Attempt> = Vec::new();
        loop {
            for effect in &decision.effects {
                if let Effect::Dispatch { unit, dispatch, .. } = *effect {
                    jobs.push(Attempt { unit, dispatch, started: now, ended: now.after(ATTEMPT) });
                }
            }
            let Some(attempt) = jobs.pop() else { break };
            decision = Decision::default();
            let outcome = Ok(text(10 + 7 * round));
            run.advance(&plan, &Input::Finished { attempt, outcome }, now, &mut decision);
        }
        let outputs = run.outputs.iter();
        let blocks = run.arena.blocks.iter();
        let kept = outputs.chain(blocks.clone().map(|block| &block.output));
        let items = blocks.flat_map(|block| block.scopes.iter().map(|scope| &scope.value));
        assert_eq!(run.bytes, kept.chain(items).map(bytes).sum::<u64>(), "round {round}");
        decision = Decision::default();
        let from = if round == 1 {
            crate::run::RetryFrom::Step(plan.find("each").unwrap())
        } else {
            crate::run::RetryFrom::Start
        };
        run.advance(&plan, &Input::Retry(from), now, &mut decision);
    }
}
