//! Random workflows, as the model sees them and as TOML.

use std::fmt::Write as _;

use super::luck::Luck;

/// A workflow.
#[derive(Debug)]
pub(super) struct Sketch {
    pub(super) steps: Vec<Sketched>,
    pub(super) max_parallel: Option<u32>,
    /// `off`, `stop`, `cancel`
    pub(super) fail_fast: &'static str,
    pub(super) timeout: Option<u64>,
}

/// A step; dependencies are places of earlier ones.
#[derive(Debug)]
pub(super) struct Sketched {
    pub(super) id: String,
    /// `depends_on`
    pub(super) waits: Vec<usize>,
    /// Whose output is needed.
    pub(super) reads: Vec<usize>,
    /// Whose output is asked for with a default.
    pub(super) asks: Vec<usize>,
    pub(super) when: When,
    pub(super) join: JoinSketch,
    pub(super) verb: VerbSketch,
    pub(super) retry: Option<RetrySketch>,
    pub(super) allowed: bool,
    pub(super) parks: bool,
    /// Milliseconds.
    pub(super) start_within: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum When {
    Always,
    Never,
    /// Another has succeeded.
    Status(usize),
    /// The number that another gave is even.
    Value(usize),
    /// The item's index is even.
    EvenItem,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum JoinSketch {
    All,
    Settled,
    Count(usize),
}

#[derive(Debug)]
pub(super) enum VerbSketch {
    Task,
    /// Milliseconds.
    Sleep(u64),
    Each(EachSketch),
}

#[derive(Debug)]
pub(super) struct EachSketch {
    pub(super) list: List,
    pub(super) body: Option<Vec<Sketched>>,
    pub(super) max_parallel: Option<u32>,
    pub(super) tolerate: Option<Tolerance>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum List {
    /// So many items.
    Literal(usize),
    /// The list that another gave.
    Output(usize),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Tolerance {
    Count(usize),
    Percent(usize),
}

/// Maybe a rule for `rate_limited` first, which waits as the error says.
#[derive(Debug)]
pub(super) struct RetrySketch {
    pub(super) limited: Option<u32>,
    pub(super) not_on: Option<&'static str>,
    pub(super) attempts: u32,
    pub(super) delay: u64,
    pub(super) backoff: &'static str,
    pub(super) jitter: &'static str,
    pub(super) within: Option<u64>,
}

impl Sketched {
    /// All dependencies.
    pub(super) fn needs(&self) -> Vec<usize> {
        let mut needs = [&self.waits[..], &self.reads[..], &self.asks[..]].concat();
        match self.when {
            When::Status(step) | When::Value(step) => needs.push(step),
            When::Always | When::Never | When::EvenItem => {}
        }
        if let VerbSketch::Each(EachSketch { list: List::Output(step), .. }) = self.verb {
            needs.push(step);
        }
        needs.sort_unstable();
        needs.dedup();
        needs
    }

    /// Those whose output is needed.
    pub(super) fn data(&self) -> Vec<usize> {
        let mut data = self.reads.clone();
        if let When::Value(step) = self.when {
            data.push(step);
        }
        if let VerbSketch::Each(EachSketch { list: List::Output(step), .. }) = self.verb {
            data.push(step);
        }
        data
    }
}

impl RetrySketch {
    /// The shortest and the longest wait after so many failed tries, in milliseconds; `None`: there
    /// is no other try.
    pub(super) fn wait(&self, class: &str, tries: u32, asked: u64) -> Option<(u64, u64)> {
        if class == "rate_limited"
            && let Some(attempts) = self.limited
        {
            return (tries < attempts).then_some((asked, asked));
        }
        if class == "permanent" || class == "poison" || self.not_on == Some(class) {
            return None;
        }
        let full = match self.backoff {
            "fixed" => self.delay,
            "linear" => self.delay * u64::from(tries),
            _ => self.delay * 2_u64.pow(tries - 1),
        };
        let shortest = match self.jitter {
            "none" => full,
            "equal" => full / 2,
            _ => 0,
        };
        (tries < self.attempts).then_some((shortest, full))
    }
}

impl Sketch {
    pub(super) fn random(luck: &mut Luck) -> Self {
        let steps = match luck.below(100) {
            0..75 => 1 + luck.below(8),
            75..97 => 9 + luck.below(20),
            _ => 30 + luck.below(171),
        };
        let mut sketch = Self {
            steps: Vec::new(),
            max_parallel: luck.percent(30).then(|| 1 + u32::try_from(luck.below(4)).unwrap()),
            fail_fast: ["off", "off", "off", "stop", "cancel"][luck.index(5)],
            timeout: luck.percent(10).then(|| 200 + luck.below(20_000)),
        };
        for place in 0..usize::try_from(steps).unwrap() {
            let step = sketch.step(place, luck);
            sketch.steps.push(step);
        }
        sketch
    }

    fn step(&self, place: usize, luck: &mut Luck) -> Sketched {
        let near = place.saturating_sub(8);
        let some = |chance: u64, luck: &mut Luck| -> Vec<usize> {
            (near..place).filter(|_| luck.percent(chance)).collect()
        };
        let (waits, mut reads, asks) = (some(18, luck), some(8, luck), some(5, luck));
        let join = match luck.below(100) {
            0..70 => JoinSketch::All,
            70..82 => JoinSketch::Settled,
            _ => JoinSketch::Count(1),
        };
        let is_task = |step: &usize| matches!(self.steps[*step].verb, VerbSketch::Task);
        let tasks: Vec<usize> = (near..place).filter(is_task).collect();
        let when = match luck.below(100) {
            0..8 => When::Never,
            8..18 if place > near && !matches!(join, JoinSketch::Count(_)) => {
                When::Status(near + luck.index(place - near))
            }
            18..26 if !tasks.is_empty() && !matches!(join, JoinSketch::Count(_)) => {
                When::Value(tasks[luck.index(tasks.len())])
            }
            _ => When::Always,
        };
        let verb = match luck.below(100) {
            0..7 => VerbSketch::Sleep(luck.below(3_000)),
            7..27 => VerbSketch::Each(each(&tasks, join, luck)),
            _ => VerbSketch::Task,
        };
        if matches!(join, JoinSketch::Count(_)) || !matches!(verb, VerbSketch::Task) {
            reads.clear();
        }
        let asks = if matches!(verb, VerbSketch::Task) { asks } else { Vec::new() };
        let mut step =
            Sketched { waits, reads, asks, when, verb, ..plain(format!("n{place}"), luck) };
        let needs = step.needs().len();
        step.join = match join {
            _ if needs == 0 => JoinSketch::All,
            JoinSketch::Count(_) => JoinSketch::Count(1 + luck.index(needs.min(3))),
            JoinSketch::All | JoinSketch::Settled => join,
        };
        step
    }

    pub(super) fn toml(&self) -> String {
        let mut text = format!("fail_fast = \"{}\"\n", self.fail_fast);
        if let Some(max) = self.max_parallel {
            writeln!(text, "max_parallel = {max}").unwrap();
        }
        if let Some(timeout) = self.timeout {
            writeln!(text, "timeout = \"{timeout}ms\"").unwrap();
        }
        for step in &self.steps {
            step.write("steps", &self.steps, &mut text);
        }
        text
    }
}

/// A step that depends on nothing, with random policies.
fn plain(id: String, luck: &mut Luck) -> Sketched {
    Sketched {
        id,
        waits: Vec::new(),
        reads: Vec::new(),
        asks: Vec::new(),
        when: When::Always,
        join: JoinSketch::All,
        verb: VerbSketch::Task,
        retry: luck.percent(45).then(|| retry(luck)),
        allowed: luck.percent(15),
        parks: luck.percent(10),
        start_within: luck.percent(6).then(|| 50 + luck.below(1_000)),
    }
}

fn retry(luck: &mut Luck) -> RetrySketch {
    RetrySketch {
        limited: luck.percent(30).then(|| 2 + u32::try_from(luck.below(3)).unwrap()),
        not_on: luck.percent(20).then_some("connection"),
        attempts: 1 + u32::try_from(luck.below(4)).unwrap(),
        delay: 10 + luck.below(2_000),
        backoff: ["fixed", "linear", "exponential"][luck.index(3)],
        jitter: ["none", "equal", "full"][luck.index(3)],
        within: luck.percent(10).then(|| 10 + luck.below(5_000)),
    }
}

fn each(tasks: &[usize], join: JoinSketch, luck: &mut Luck) -> EachSketch {
    let by_output = !tasks.is_empty() && luck.percent(50) && !matches!(join, JoinSketch::Count(_));
    let list = if by_output {
        List::Output(tasks[luck.index(tasks.len())])
    } else {
        List::Literal(luck.index(6))
    };
    let body = luck.percent(45).then(|| {
        let steps = 1 + luck.index(4);
        (0..steps).map(|place| body_step(place, luck)).collect()
    });
    let tolerate = match luck.below(3) {
        0 => None,
        1 => Some(Tolerance::Count(luck.index(3))),
        _ => Some(Tolerance::Percent(luck.index(101))),
    };
    let max_parallel = luck.percent(50).then(|| 1 + u32::try_from(luck.below(3)).unwrap());
    EachSketch { list, body, max_parallel, tolerate }
}

fn body_step(place: usize, luck: &mut Luck) -> Sketched {
    let waits: Vec<usize> = (0..place).filter(|_| luck.percent(50)).collect();
    let when = match luck.below(100) {
        0..10 => When::EvenItem,
        10..15 => When::Never,
        _ => When::Always,
    };
    let join = match luck.below(100) {
        0..10 if !waits.is_empty() => JoinSketch::Settled,
        10..25 if !waits.is_empty() => JoinSketch::Count(1),
        _ => JoinSketch::All,
    };
    let verb = if luck.percent(7) { VerbSketch::Sleep(luck.below(900)) } else { VerbSketch::Task };
    let step = plain(format!("b{place}"), luck);
    Sketched { waits, when, join, verb, start_within: None, ..step }
}

impl Sketched {
    fn write(&self, path: &str, all: &[Self], text: &mut String) {
        writeln!(text, "[{path}.{}]", self.id).unwrap();
        let id = |step: &usize| format!("\"{}\"", all[*step].id);
        if !self.waits.is_empty() {
            let waits: Vec<String> = self.waits.iter().map(id).collect();
            writeln!(text, "depends_on = [{}]", waits.join(", ")).unwrap();
        }
        match self.when {
            When::Always => {}
            When::Never => text.push_str("when = \"false\"\n"),
            When::Status(step) => {
                let id = &all[step].id;
                writeln!(text, "when = \"steps.{id}.status == 'succeeded'\"").unwrap();
            }
            When::Value(step) => {
                let id = &all[step].id;
                writeln!(text, "when = \"steps.{id}.output.n % 2 == 0\"").unwrap();
            }
            When::EvenItem => text.push_str("when = \"index % 2 == 0\"\n"),
        }
        match self.join {
            JoinSketch::All => {}
            JoinSketch::Settled => text.push_str("join = \"settled\"\n"),
            JoinSketch::Count(wanted) => writeln!(text, "join = {wanted}").unwrap(),
        }
        self.write_policies(text);
        let with: Vec<String> = self
            .reads
            .iter()
            .map(|step| format!("r{step} = \"${{{{ steps.{}.output }}}}\"", all[*step].id))
            .chain(self.asks.iter().map(|step| {
                format!("a{step} = \"${{{{ steps.{}.output | default('no') }}}}\"", all[*step].id)
            }))
            .collect();
        if !with.is_empty() {
            writeln!(text, "with = {{ {} }}", with.join(", ")).unwrap();
        }
        self.write_verb(path, all, text);
    }

    fn write_policies(&self, text: &mut String) {
        if self.allowed {
            text.push_str("allow_failure = true\n");
        }
        let is_task = match &self.verb {
            VerbSketch::Task => true,
            VerbSketch::Sleep(_) => false,
            VerbSketch::Each(each) => each.body.is_none(),
        };
        if self.parks && is_task {
            text.push_str("on_crash = \"park\"\n");
        }
        if let (Some(limit), true) = (self.start_within, is_task) {
            writeln!(text, "start_within = \"{limit}ms\"").unwrap();
        }
        let Some(retry) = self.retry.as_ref().filter(|_| is_task) else { return };
        text.push_str("retry = [");
        if let Some(attempts) = retry.limited {
            write!(
                text,
                "{{ on = [\"rate_limited\"], attempts = {attempts}, delay = \"retry_after\" }}, "
            )
            .unwrap();
        }
        let not_on = retry.not_on.map(|class| format!(", not_on = [\"{class}\"]"));
        let within = retry.within.map(|within| format!(", within = \"{within}ms\""));
        writeln!(
            text,
            "{{ attempts = {}, delay = \"{}ms\", backoff = \"{}\", jitter = \"{}\"{}{} }}]",
            retry.attempts,
            retry.delay,
            retry.backoff,
            retry.jitter,
            not_on.unwrap_or_default(),
            within.unwrap_or_default(),
        )
        .unwrap();
    }

    fn write_verb(&self, path: &str, all: &[Self], text: &mut String) {
        let each = match &self.verb {
            VerbSketch::Task => return text.push_str("task = \"t\"\n"),
            VerbSketch::Sleep(span) => return writeln!(text, "sleep = \"{span}ms\"").unwrap(),
            VerbSketch::Each(each) => each,
        };
        match each.list {
            List::Literal(items) => {
                let items: Vec<String> = (0..items).map(|item| item.to_string()).collect();
                writeln!(text, "for_each = \"[{}]\"", items.join(", ")).unwrap();
            }
            List::Output(step) => {
                writeln!(text, "for_each = \"steps.{}.output.list\"", all[step].id).unwrap();
            }
        }
        if let Some(max) = each.max_parallel {
            writeln!(text, "max_parallel = {max}").unwrap();
        }
        match each.tolerate {
            None => {}
            Some(Tolerance::Count(items)) => writeln!(text, "tolerate = {items}").unwrap(),
            Some(Tolerance::Percent(part)) => writeln!(text, "tolerate = \"{part}%\"").unwrap(),
        }
        match &each.body {
            None => text.push_str("task = \"t\"\n"),
            Some(body) => {
                for step in body {
                    step.write(&format!("{path}.{}.steps", self.id), body, text);
                }
            }
        }
    }
}
