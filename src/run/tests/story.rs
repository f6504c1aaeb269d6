//! Tells a story line by line.
//!
//! ```text
//! start a          its attempt is known to run
//! ok a {"x":1}     it succeeds (10 ms later); a body's unit is `files[0].fetch`, an item's `a[0]`
//! fail a boom 5s   it fails with a class, and maybe a wait that the error asks for
//! late a 1         the outcome of that dispatch comes (again)
//! next             the next timer comes due
//! pass 5s          time passes, and no timer comes due
//! evaluated a      the evaluation that `a` waits for is done; `evaluated` alone: that of `[output]`
//! evaluated a 1    the evaluation of that number comes (again)
//! cancel · die · retry failed|start|STEP · replay a [input] · give-up a · interrupt a
//! show             where everything stands
//! ```

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use super::super::unit::{Phase, Wait};
use super::super::{
    Accepted, Attempt, Decision, Effect, Evaluated, EvaluationOf, Event, Failure, Input, RetryFrom,
    Run, RunState, SkipReason, StartCheck, StepHistory, Timer, TimerOwner, Unit,
};
use crate::clock::Timestamp;
use crate::definition::{ErrorClass, parse_duration};
use crate::id::{DefinitionHash, Name, RunId, ShardId};
use crate::payload::Payload;
use crate::plan::{self, KnownTasks, NodeId, Plan};

/// When every story begins.
const ORIGIN: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

/// How long an attempt takes.
const ATTEMPT: Duration = Duration::from_millis(10);

pub(in crate::run) struct Story {
    pub(in crate::run) plan: Plan,
    pub(in crate::run) run: Run,
    now: Timestamp,
    timers: BTreeSet<(Timestamp, Timer)>,
    events: Vec<Event>,
    told: String,
}

/// A plan of this text.
pub(in crate::run) fn plan(toml: &str) -> Plan {
    match plan::load("story.toml", toml, None, &KnownTasks::Any) {
        Ok(loaded) => loaded.plan,
        Err(problems) => panic!("{toml}\n{problems:#?}"),
    }
}

/// A run as it is after it was stored.
pub(in crate::run) fn stored_and_read(run: &Run) -> Run {
    let mut bytes = Vec::new();
    crate::stored::write_run(run, &mut bytes);
    crate::stored::decode_run(&bytes).unwrap()
}

/// A start of the plan, with this input.
pub(in crate::run) fn accepted(plan: &Plan, input: &str, delay: Duration) -> Accepted {
    let input = Payload::from_json(input.to_owned()).unwrap();
    Accepted {
        begin: ORIGIN.after(delay),
        ..Accepted::new(&plan.name, plan.hash, id(1), (input, ORIGIN))
    }
}

/// The same id in every story.
pub(in crate::run) fn id(number: u8) -> RunId {
    let mut bytes = [7; 16];
    bytes[15] = number;
    RunId::from_bytes(bytes)
}

impl Story {
    /// What comes of the lines.
    pub(in crate::run) fn told(toml: &str, lines: &str) -> String {
        let mut lines = lines.lines().map(str::trim).filter(|line| !line.is_empty()).peekable();
        let first = lines.peek().copied().unwrap_or_default();
        let (input, delay) = match first.strip_prefix("accept") {
            Some(rest) => {
                lines.next();
                let (delay, input) =
                    rest.trim().split_once(' ').unwrap_or_else(|| (rest.trim(), "{}"));
                (input, parse_duration(delay).unwrap_or_default())
            }
            None => ("{}", Duration::ZERO),
        };
        let mut story = Self::new(toml, input, delay);
        for line in lines {
            story.line(line);
        }
        story.told
    }

    pub(in crate::run) fn new(toml: &str, input: &str, delay: Duration) -> Self {
        let plan = plan(toml);
        let accepted = accepted(&plan, input, delay);
        let (run, step) = Run::accept(&plan, id(1), accepted);
        let mut story = Self {
            plan,
            run,
            now: ORIGIN,
            timers: BTreeSet::new(),
            events: Vec::new(),
            told: String::new(),
        };
        story.take(&step);
        story
    }

    /// One line.
    pub(in crate::run) fn line(&mut self, line: &str) {
        writeln!(self.told, "> {line}").unwrap();
        let mut words = line.splitn(3, ' ');
        let (verb, first) = (words.next().unwrap(), words.next().unwrap_or_default());
        let rest = words.next().unwrap_or_default();
        let input = match verb {
            "show" => return self.show(),
            "attempts" => return self.attempts(),
            "pass" => {
                self.now = self.now.after(parse_duration(first).unwrap());
                return;
            }
            "next" => {
                let (due, timer) = self.timers.pop_first().expect("a timer");
                self.now = self.now.max(due);
                Input::Due(timer)
            }
            "settle" => Input::Settle,
            "evaluated" => self.evaluated(first, rest),
            "cancel" => Input::Cancel { reason: "by hand".into() },
            "die" => {
                let mut step = Decision::default();
                self.timers.clear();
                self.run.recover(&self.plan, Vec::new(), self.now, &mut step);
                return self.take(&step);
            }
            "retry" => Input::Retry(match first {
                "failed" => RetryFrom::Failed,
                "start" => RetryFrom::Start,
                step => RetryFrom::Step(self.plan.find(step).unwrap()),
            }),
            verb => self.unit_line(verb, self.unit(first), rest),
        };
        self.advance(&input);
    }

    /// What an evaluation comes to, now or at any time.
    fn evaluated(&self, unit: &str, number: &str) -> Input {
        let of = match unit {
            "" => EvaluationOf::Output,
            unit => EvaluationOf::Start(self.unit(unit)),
        };
        let owed = self.run.owed(self.now).into_iter().find_map(|effect| match effect {
            Effect::Evaluate { of: owed, number } => (owed == of).then_some(number),
            Effect::Dispatch { .. }
            | Effect::Arm { .. }
            | Effect::Abort { .. }
            | Effect::AddDeadLetter { .. }
            | Effect::RemoveDeadLetter { .. }
            | Effect::End => None,
        });
        let number = number.parse().ok().or(owed).unwrap_or_default();
        let evaluation = owed.and_then(|owed| self.run.evaluation(&self.plan, of, owed));
        let passed = |unit| Evaluated::Start(unit, StartCheck::Passed);
        let evaluated = match (evaluation, of) {
            (Some(evaluation), _) => evaluation.evaluate(&self.plan),
            (None, EvaluationOf::Start(unit)) => passed(unit),
            (None, EvaluationOf::Output) => Evaluated::Output(Ok(Payload::NULL)),
        };
        Input::Evaluated { number, evaluated: Box::new(evaluated) }
    }

    fn unit_line(&mut self, verb: &str, unit: Unit, rest: &str) -> Input {
        let dispatch = self.run.unit(unit).map_or(0, |unit| unit.dispatch);
        let payload = |text: &str| Payload::from_json(text.to_owned()).unwrap();
        match verb {
            "start" => Input::started(unit, dispatch, self.now),
            "ok" => {
                let output = if rest.is_empty() { Payload::NULL } else { payload(rest) };
                self.finished(unit, dispatch, Ok(output))
            }
            "fail" => {
                let (class, wait) = rest.split_once(' ').unwrap_or((rest, ""));
                let mut failure = Failure::new(ErrorClass::parse(class).unwrap(), "no luck");
                failure.retry_after = parse_duration(wait).ok();
                self.finished(unit, dispatch, Err(failure))
            }
            "late" => self.finished(unit, rest.parse().unwrap(), Ok(Payload::NULL)),
            "interrupt" => Input::Interrupted { unit, dispatch },
            "replay" => Input::Replay { unit, input: (!rest.is_empty()).then(|| payload(rest)) },
            "give-up" => Input::GiveUp { unit, reason: "no use".into() },
            other => panic!("no line begins with {other}"),
        }
    }

    fn finished(&mut self, unit: Unit, dispatch: u32, outcome: Result<Payload, Failure>) -> Input {
        let started = self.now;
        self.now = self.now.after(ATTEMPT);
        let attempt = Attempt { unit, dispatch, started, ended: self.now };
        Input::Finished { attempt, outcome }
    }

    pub(in crate::run) fn advance(&mut self, input: &Input) {
        let mut step = Decision::default();
        self.run.advance(&self.plan, input, self.now, &mut step);
        self.take(&step);
    }

    fn take(&mut self, step: &Decision) {
        self.events.extend(step.events.iter().cloned());
        for event in &step.events {
            let told = self.event(event);
            writeln!(self.told, "  {told}").unwrap();
        }
        for effect in &step.effects {
            if let Effect::Arm { timer, due, .. } = effect {
                self.timers.insert((*due, *timer));
            }
            let told = self.effect(effect);
            writeln!(self.told, "    {told}").unwrap();
        }
        if step.events.is_empty() && step.effects.is_empty() {
            self.told.push_str("  nothing\n");
        }
        let rebuilt = Run::rebuild(&self.plan, id(1), &self.events).unwrap();
        assert_eq!(rebuilt, self.run, "rebuilt from the events");
        assert_eq!(stored_and_read(&self.run), self.run, "stored and read again");
    }

    /// `a`, `a[0]`, `files[0].fetch`
    pub(in crate::run) fn unit(&self, text: &str) -> Unit {
        let found = self.run.find_unit(&self.plan, text);
        found.unwrap_or_else(|| panic!("no unit {text}"))
    }

    fn name(&self, unit: Unit) -> String {
        match self.run.unit(unit) {
            Some(_) => self.run.path(&self.plan, unit),
            // Its list is gone.
            None => format!("{}[?]", self.plan.node(unit.node).id),
        }
    }

    fn names(&self, units: &[Unit]) -> String {
        units.iter().map(|unit| self.name(*unit)).collect::<Vec<_>>().join(" ")
    }

    fn node(&self, id: NodeId) -> String {
        self.plan.path(id)
    }

    fn event(&self, event: &Event) -> String {
        let name = event.name();
        match event {
            Event::Accepted(_) | Event::Began { .. } => name.to_owned(),
            Event::Skipped { unit, reason: SkipReason::When, .. } => {
                format!("skipped {}: when", self.name(*unit))
            }
            Event::Skipped { unit, reason: SkipReason::Needs(id), .. } => {
                format!("skipped {}: needs {}", self.name(*unit), self.node(*id))
            }
            Event::Blocked { unit, by, .. } => {
                format!("blocked {} by {}", self.name(*unit), self.node(*by))
            }
            Event::FannedOut { unit, items, .. } => {
                format!("fanned_out {} {items:?}", self.name(*unit))
            }
            Event::Succeeded { attempt, output } => {
                format!("succeeded {} {output}", self.name(attempt.unit))
            }
            Event::AttemptFailed { attempt: Attempt { unit, .. }, failure }
            | Event::Failed { unit, failure, .. } => {
                format!("{name} {} {}: {}", self.name(*unit), failure.class, failure.message)
            }
            Event::RetryScheduled { unit, due, .. } => {
                format!("retry_scheduled {} at {}", self.name(*unit), at(*due))
            }
            Event::Slept { unit, until, .. } => {
                format!("slept {} until {}", self.name(*unit), at(*until))
            }
            Event::Gathered { unit, .. } => {
                let output = self.run.unit_output(&self.plan, *unit);
                format!("gathered {} {}", self.name(*unit), output.unwrap_or_default())
            }
            Event::EvaluationRequested { of: EvaluationOf::Output, .. } => {
                format!("{name} [output]")
            }
            Event::EvaluationRequested { of: EvaluationOf::Start(unit), .. }
            | Event::Ready { unit, .. }
            | Event::GroupOpened { unit, .. }
            | Event::Started { unit, .. }
            | Event::Crashed { unit, .. }
            | Event::Interrupted { unit, .. }
            | Event::Parked { unit, .. }
            | Event::Cancelled { unit, .. } => format!("{name} {}", self.name(*unit)),
            Event::CancelRequested { reason, .. } => format!("cancel_requested: {reason}"),
            Event::Reopened { units, .. } => format!("reopened {}", self.names(units)),
            Event::Replayed { unit, units, .. } => {
                format!("replayed {}: {}", self.name(*unit), self.names(units))
            }
            Event::Ended { state, output, failure, .. } => {
                let why = failure.as_ref().map(|why| format!(" {}: {}", why.class, why.message));
                format!("ended {} {output}{}", state.as_str(), why.unwrap_or_default())
            }
        }
    }

    fn effect(&self, effect: &Effect) -> String {
        match effect {
            Effect::Dispatch { unit, attempt, dispatch, durable_start } => {
                let durable = if *durable_start { ", durable" } else { "" };
                format!("dispatch {} try {attempt} #{dispatch}{durable}", self.name(*unit))
            }
            Effect::Arm { timer, due, .. } => {
                format!("arm {} at {}", self.timer(timer.owner), at(*due))
            }
            Effect::Evaluate { of: EvaluationOf::Start(unit), number } => {
                format!("evaluate {} #{number}", self.name(*unit))
            }
            Effect::Evaluate { of: EvaluationOf::Output, number } => {
                format!("evaluate [output] #{number}")
            }
            Effect::Abort { unit, dispatch } => format!("abort {} #{dispatch}", self.name(*unit)),
            Effect::AddDeadLetter { unit, dispatch } => {
                format!("add letter {} #{dispatch}", self.name(*unit))
            }
            Effect::RemoveDeadLetter { unit, dispatch } => {
                format!("remove letter {} #{dispatch}", self.name(*unit))
            }
            Effect::End => "end".to_owned(),
        }
    }

    fn timer(&self, owner: TimerOwner) -> String {
        let TimerOwner::Unit(unit) = owner else {
            let begins = self.run.state() == RunState::Pending;
            return if begins { "begin" } else { "timeout" }.to_owned();
        };
        let what = match self.run.phase(unit) {
            Phase::Waiting(Wait::Retry) => "retry",
            Phase::Waiting(Wait::Sleep) => "sleep",
            Phase::Waiting(Wait::Slot | Wait::Person | Wait::Evaluation)
            | Phase::Pending(_)
            | Phase::Active(_)
            | Phase::Judged(_)
            | Phase::Ended(_) => "start",
        };
        format!("{what} {}", self.name(unit))
    }

    fn show(&mut self) {
        let history = self.run.history(&self.plan);
        let mut told = format!("  {}\n", history.state.as_str());
        for step in &history.steps {
            show_step(step, "  ", &mut told);
        }
        self.told.push_str(&told);
    }

    fn attempts(&mut self) {
        let history = self.run.history(&self.plan);
        for step in history.steps.iter().flat_map(|step| [step].into_iter().chain(&step.steps)) {
            for one in &step.attempts {
                let item = one.item.map(|item| format!("[{item}]")).unwrap_or_default();
                let ended = one.ended.map(at).unwrap_or_default();
                let class = one.error.as_ref().map(|why| why.class.as_str()).unwrap_or_default();
                let line = format!(
                    "  {}{item} try {} #{} {}..{ended} {:?} {class}",
                    step.id,
                    one.attempt,
                    one.dispatch,
                    at(one.started),
                    one.state
                );
                self.told.push_str(line.trim_end());
                self.told.push('\n');
            }
        }
    }
}

fn show_step(step: &StepHistory, indent: &str, told: &mut String) {
    let reason = step.reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    let allowed = if step.allowed { " (allowed)" } else { "" };
    let state = step.state.as_str();
    writeln!(told, "{indent}  {} {state}{allowed}{reason}", step.id).unwrap();
    for inner in &step.steps {
        show_step(inner, &format!("{indent}  "), told);
    }
}

/// Milliseconds since the story began.
fn at(moment: Timestamp) -> String {
    format!("{}ms", moment.since(ORIGIN).as_millis())
}

/// Names that no story needs, but that belong to the vocabulary of starts.
#[test]
fn an_id_names_its_shard() {
    assert_eq!(id(1).shard(), ShardId::of(1));
    let name = Name::new("x").unwrap();
    assert_eq!(DefinitionHash::of(&name, "a"), DefinitionHash::of(&name, "a"));
    assert!(Name::new("a").is_some());
}
