//! An input and what follows from it take time in proportion to what they touch: four times the steps
//! take about four times as long, not sixteen.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use super::super::{
    Attempt, Decision, Effect, Failure, Input, RetryFrom, Run, RunState, Timer, Unit,
};
use super::{accepted, id, plan};
use crate::clock::Timestamp;
use crate::definition::ErrorClass;
use crate::growth::grows;
use crate::payload::Payload;
use crate::plan::Plan;

/// A run and what it has asked for.
struct Machine {
    plan: Plan,
    run: Run,
    now: Timestamp,
    queue: VecDeque<(Unit, u32)>,
    timers: BTreeSet<(Timestamp, Timer)>,
}

/// What an attempt comes to.
type Outcome = Result<Payload, Failure>;

#[expect(clippy::unnecessary_wraps, reason = "it is an outcome")]
fn well() -> Outcome {
    Ok(Payload::from_json("1").unwrap())
}

fn badly() -> Outcome {
    Err(Failure::new(ErrorClass::parse("boom").unwrap(), "no luck"))
}

impl Machine {
    fn new(text: &str) -> Self {
        let plan = plan(text);
        let accepted = accepted(&plan, "{}", Duration::ZERO);
        let now = accepted.at;
        let (run, step) = Run::accept(&plan, id(1), accepted);
        let (queue, timers) = (VecDeque::new(), BTreeSet::new());
        let mut machine = Self { plan, run, now, queue, timers };
        machine.take(&step);
        machine
    }

    fn take(&mut self, step: &Decision) {
        for effect in &step.effects {
            match *effect {
                Effect::Dispatch { unit, dispatch, .. } => self.queue.push_back((unit, dispatch)),
                Effect::Arm { timer, due, .. } => drop(self.timers.insert((due, timer))),
                Effect::Abort { .. }
                | Effect::AddDeadLetter { .. }
                | Effect::RemoveDeadLetter { .. }
                | Effect::Evaluate { .. }
                | Effect::End => {}
            }
        }
    }

    fn input(&mut self, input: &Input) {
        let mut step = Decision::default();
        self.run.advance(&self.plan, input, self.now, &mut step);
        self.take(&step);
    }

    fn finish(&mut self, (unit, dispatch): (Unit, u32), outcome: Outcome) {
        let attempt = Attempt { unit, dispatch, started: self.now, ended: self.now };
        self.input(&Input::Finished { attempt, outcome });
    }

    /// Serves what is dispatched until there is nothing more.
    fn serve(mut self, outcome: impl Fn(Unit) -> Outcome) -> Self {
        while let Some(job) = self.queue.pop_front() {
            self.finish(job, outcome(job.0));
        }
        self
    }

    /// Tells of all that is dispatched that it runs.
    fn start(mut self) -> Self {
        let queue = std::mem::take(&mut self.queue);
        for &(unit, dispatch) in &queue {
            self.input(&Input::started(unit, dispatch, self.now));
        }
        Self { queue, ..self }
    }

    /// Lets all timers come due, one after the other.
    fn wake(mut self) -> Self {
        while let Some((due, timer)) = self.timers.pop_first() {
            self.now = self.now.max(due);
            self.input(&Input::Due(timer));
        }
        self
    }

    fn retry(mut self, from: RetryFrom) -> Self {
        self.input(&Input::Retry(from));
        self
    }

    fn cancel(mut self) -> Self {
        self.input(&Input::Cancel { reason: "by hand".into() });
        self
    }

    fn die(mut self) -> Self {
        let mut step = Decision::default();
        self.queue.clear();
        self.timers.clear();
        self.run.recover(&self.plan, Vec::new(), self.now, &mut step);
        self.take(&step);
        self
    }

    fn is(self, state: RunState) -> Self {
        assert_eq!(self.run.state(), state);
        self
    }
}

/// So many steps, each with these keys.
fn steps(count: usize, keys: impl Fn(usize) -> String) -> String {
    (0..count).map(|place| format!("[steps.s{place}]\ntask = 't'\n{}\n", keys(place))).collect()
}

fn ids(count: usize) -> String {
    (0..count).map(|place| format!("'s{place}',")).collect()
}

/// A root, so many steps behind it, and one behind all of these.
fn diamond(count: usize, keys: &str, last: &str) -> String {
    let middle = steps(count, |_| format!("depends_on = ['root']\n{keys}"));
    let all = ids(count);
    format!(
        "[steps.root]\ntask = 't'\n{middle}[steps.last]\ntask = 't'\ndepends_on = [{all}]\n{last}"
    )
}

/// A list of so many items with this body.
fn items(count: usize, keys: &str) -> String {
    let list: Vec<_> = (0..count).map(|item| item.to_string()).collect();
    format!("[steps.each]\nfor_each = '[{}]'\n{keys}\n", list.join(","))
}

const BODY: &str = "[steps.each.steps.a]\ntask = 't'\n[steps.each.steps.b]\ntask = 't'\n\
                    depends_on = ['a']\n";

#[test]
fn wide_runs() {
    for keys in ["", "max_parallel = 1\n", "max_parallel = 7\n"] {
        let run = |n| Machine::new(&format!("{keys}{}", diamond(n, "priority = 3", "")));
        grows("a diamond", 200, run, |run| drop(run.serve(|_| well()).is(RunState::Succeeded)));
        let fails = |unit: Unit| if unit.node.0 == 0 { well() } else { badly() };
        grows("failures", 200, run, |run| drop(run.serve(fails).is(RunState::Failed)));
        let begun = |n| run(n).start();
        grows("cancelling", 200, begun, |run| drop(run.cancel().is(RunState::Cancelled)));
    }
    for fail_fast in ["stop", "cancel"] {
        let text = |n| format!("fail_fast = '{fail_fast}'\n{}", steps(n, |_| String::new()));
        let run = |n| Machine::new(&text(n)).start();
        grows("fail_fast", 200, run, |run| drop(run.serve(|_| badly()).is(RunState::Failed)));
    }
    let mixed = |n| {
        let keys = |s: usize| format!("priority = {}\ndepends_on = ['root']", s % 50);
        format!("max_parallel = 1\n[steps.root]\ntask = 't'\n{}", steps(n, keys))
    };
    grows("slots by priority", 200, |n| Machine::new(&mixed(n)), |run| drop(run.serve(|_| well())));
}

#[test]
fn joins() {
    for join in ["'any'", "'settled'", "100"] {
        let run = |n| Machine::new(&diamond(n, "", &format!("join = {join}")));
        grows("a join", 200, run, |run| drop(run.serve(|_| well()).is(RunState::Succeeded)));
        let lost = |unit: Unit| if unit.node.0 == 0 { well() } else { badly() };
        grows("a join without luck", 200, run, |run| drop(run.serve(lost).is(RunState::Failed)));
    }
    let pair = "[steps.x]\ntask = 't'\n[steps.y]\ntask = 't'\n";
    let run = |n| {
        let keys = |_| "join = 'any'\ndepends_on = ['x', 'y']".to_owned();
        Machine::new(&format!("{pair}{}", steps(n, keys)))
    };
    grows("joins of the same two", 500, run, |run| {
        drop(run.serve(|_| well()).is(RunState::Succeeded));
    });
    // One after the other, each against a step that all of them share.
    let run = |n| {
        let join = |j: usize| {
            let on = format!("depends_on = ['s{j}', 'y']");
            format!("[steps.j{j}]\ntask = 't'\njoin = 'any'\n{on}\n")
        };
        let joins: String = (0..n).map(join).collect();
        Machine::new(&format!("{pair}{}{joins}", steps(n, |_| "depends_on = ['x']".to_owned())))
    };
    grows("joins that share a step", 300, run, |mut run| {
        let y = run.queue.pop_back();
        assert!(y.is_some_and(|(unit, _)| unit.node.0 == 1));
        while let Some(job) = run.queue.pop_back() {
            run.finish(job, well());
        }
        drop(run.is(RunState::Succeeded));
    });
    // Somebody else still waits for what all the losers wait for.
    let run = |n| {
        let rival = |_| "depends_on = ['root']".to_owned();
        let all = ids(2 * n);
        let other = "\n[steps.other]\ntask = 't'\ndepends_on = ['root']\n";
        let (rivals, more) = (steps(n, rival), steps(2 * n, rival));
        let more = more.split_once(&format!("[steps.s{n}]")).map(|(_, rest)| rest).unwrap();
        let join = format!("join = 'any'\ndepends_on = [{all} 'win']");
        Machine::new(&format!(
            "[steps.root]\ntask = 't'\n[steps.win]\ntask = 't'\n{rivals}{other}[steps.s{n}]{more}\
             [steps.join]\ntask = 't'\n{join}\n"
        ))
    };
    grows("a race with a survivor", 200, run, |mut run| {
        run.queue.rotate_left(1);
        drop(run.serve(|_| well()).is(RunState::Succeeded));
    });
}

#[test]
fn retries() {
    let done = |n| Machine::new(&diamond(n, "", "")).serve(|_| well());
    for from in ["root", "s0"] {
        grows("a retry from a step", 3_000, done, |run| {
            let from = RetryFrom::Step(run.plan.find(from).unwrap());
            drop(run.retry(from).is(RunState::Running));
        });
    }
    grows("a retry from the start", 200, done, |run| {
        drop(run.retry(RetryFrom::Start).serve(|_| well()).is(RunState::Succeeded));
    });
    let lost = |unit: Unit| if unit.node.0 == 0 { well() } else { badly() };
    for join in ["", "join = 'any'"] {
        let failed = |n| Machine::new(&diamond(n, "", join)).serve(lost);
        grows("a retry of what failed", 200, failed, |run| {
            drop(run.retry(RetryFrom::Failed).serve(|_| well()).is(RunState::Succeeded));
        });
        let stopped = |n| Machine::new(&diamond(n, "", join)).cancel();
        grows("a retry after a cancel", 200, stopped, |run| {
            let step = RetryFrom::Step(run.plan.find("s0").unwrap());
            drop(run.retry(step).serve(|_| well()));
        });
        grows("all of it after a cancel", 200, stopped, |run| {
            drop(run.retry(RetryFrom::Failed).serve(|_| well()).is(RunState::Succeeded));
        });
    }
    // The join has won and was cancelled; at the end it is asked whether those that lost are missing.
    let won = |n| {
        let other = "\n[steps.other]\ntask = 't'\n";
        let mut run = Machine::new(&(diamond(n, "", "join = 'any'") + other));
        for step in ["root", "s0"] {
            let step = Unit::top(run.plan.find(step).unwrap());
            let at = run.queue.iter().position(|(unit, _)| *unit == step).unwrap();
            let job = run.queue.remove(at).unwrap();
            run.finish(job, well());
        }
        run.cancel()
    };
    grows("a retry beside a race", 1_000, won, |run| {
        let other = RetryFrom::Step(run.plan.find("other").unwrap());
        drop(run.retry(other).serve(|_| well()).is(RunState::Cancelled));
    });
    let failed = |n| Machine::new(&(items(n, "") + BODY)).serve(|_| badly());
    grows("a retry of items", 200, failed, |run| {
        drop(run.retry(RetryFrom::Failed).serve(|_| well()).is(RunState::Succeeded));
    });
    grows("a retry of items from the start", 200, failed, |run| {
        drop(run.retry(RetryFrom::Start).serve(|_| well()).is(RunState::Succeeded));
    });
}

#[test]
fn lists() {
    for keys in ["", "max_parallel = 1", "tolerate = '100%'", "tolerate = 3"] {
        for body in ["task = 't'\n", BODY] {
            let run = |n| Machine::new(&(items(n, keys) + body));
            grows("items", 200, run, |run| drop(run.serve(|_| well()).is(RunState::Succeeded)));
            grows("items that fail", 200, run, |run| drop(run.serve(|_| badly())));
            let begun = |n| run(n).start();
            grows("items that are cancelled", 200, begun, |run| {
                drop(run.cancel().is(RunState::Cancelled));
            });
            grows("items that died", 200, begun, |run| drop(run.die().serve(|_| well())));
        }
    }
    let text = |n| {
        let body = "[steps.each.steps.inner]\nfor_each = '[1, 2, 3]'\n\
                    [steps.each.steps.inner.steps.x]\ntask = 't'\n";
        items(n, "tolerate = '100%'") + body
    };
    let run = |n| Machine::new(&text(n));
    grows("lists in lists", 100, run, |run| drop(run.serve(|_| well()).is(RunState::Succeeded)));
    let failed = |n| run(n).serve(|_| badly());
    grows("a retry of lists in lists", 100, failed, |run| {
        drop(run.retry(RetryFrom::Start).serve(|_| well()).is(RunState::Succeeded));
    });
}

/// One item whose body has many steps, and whose results are near the limit.
#[test]
fn wide_bodies_with_large_results() {
    let text = |n| {
        let step =
            |s: usize| format!("[steps.each.steps.s{s}]\ntask = 't'\ndepends_on = ['big']\n");
        let body: String = (0..n).map(step).collect();
        let big = "[steps.each.steps.big]\nfor_each = '[0, 1, 2, 3, 4, 5, 6, 7, 8]'\ntask = 't'\n";
        items(1, "") + big + &body
    };
    let large = Payload::from_json(format!("\"{}\"", "x".repeat(1_000_000))).unwrap();
    let outcome = |unit: Unit| if unit.scope.0 > 1 { Ok(large.clone()) } else { well() };
    grows(
        "a wide body",
        4_000,
        |n| Machine::new(&text(n)),
        |run| {
            drop(run.serve(outcome).is(RunState::Succeeded));
        },
    );
}

#[test]
fn timers() {
    let sleep = |s| format!("[steps.s{s}]\nsleep = '{}s'\n", s + 1);
    let run = |n| Machine::new(&(0..n).map(sleep).collect::<String>());
    grows("sleeps", 200, run, |run| drop(run.wake().is(RunState::Succeeded)));
    grows("sleeps over a death", 200, run, |run| drop(run.die().wake().is(RunState::Succeeded)));
    grows("sleeps that are cancelled", 200, run, |run| drop(run.cancel()));
    let retry = "retry = { attempts = 3, delay = '10s' }";
    let run = |n| Machine::new(&steps(n, |_| retry.to_owned()));
    grows("tries", 200, run, |run| {
        let run = run.serve(|_| badly()).wake().serve(|_| badly()).wake();
        drop(run.serve(|_| well()).is(RunState::Succeeded));
    });
}

#[test]
fn views() {
    let lost = |unit: Unit| if unit.node.0 == 0 { well() } else { badly() };
    let texts: [fn(usize) -> String; 3] = [
        |n| diamond(n, "", ""),
        |n| items(n, "") + BODY,
        |n| items(n, "tolerate = '100%'") + "task = 't'\n",
    ];
    for text in texts {
        let run = |n| Machine::new(&text(n)).serve(lost);
        grows("a history", 200, run, |run| drop(run.run.history(&run.plan)));
        grows("dead letters", 200, run, |run| {
            for (unit, _) in run.run.dead_letters(&run.plan) {
                assert!(!run.run.attempts(&run.plan, unit).is_empty());
                run.run.shown_input(&run.plan, unit);
                run.run.failure_at(unit);
            }
        });
        let letters = |n| {
            let run = run(n);
            let letters = run.run.dead_letters(&run.plan);
            (run, letters)
        };
        grows("replays", 100, letters, |(mut run, letters)| {
            // What is replayed first is at work until all are.
            for (unit, _) in letters {
                run.input(&Input::Replay { unit, input: None });
            }
            drop(run.serve(|_| well()));
        });
    }
}
