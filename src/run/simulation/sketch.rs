//! Random workflows, as the model sees them and as TOML.

mod toml;

use crate::luck::Luck;

/// A workflow.
#[derive(Debug)]
pub(super) struct Sketch {
    pub(super) steps: Vec<Sketched>,
    pub(super) max_parallel: Option<u32>,
    /// `off`, `stop`, `cancel`
    pub(super) fail_fast: &'static str,
    pub(super) timeout: Option<u64>,
    /// Whether the run's `[output]` takes long to evaluate.
    pub(super) slow_output: bool,
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
    /// Whether its `when` takes long to evaluate.
    pub(super) slow: bool,
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
    /// None: a group.
    Nothing,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Tolerance {
    Count(usize),
    Percent(usize),
}

/// The steps of a step's body.
pub(super) fn sketch_body(step: &Sketched) -> Option<&Vec<Sketched>> {
    match &step.verb {
        VerbSketch::Each(each) => each.body.as_ref(),
        VerbSketch::Task | VerbSketch::Sleep(_) => None,
    }
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

    /// Those that a join counts; the others are waited for.
    pub(super) fn counted(&self) -> Vec<usize> {
        if self.waits.is_empty() { self.needs() } else { self.waits.clone() }
    }
}

impl Sketched {
    /// What it reads.
    fn data(&self) -> Vec<usize> {
        let list = match &self.verb {
            VerbSketch::Each(EachSketch { list: List::Output(step), .. }) => Some(*step),
            VerbSketch::Each(_) | VerbSketch::Task | VerbSketch::Sleep(_) => None,
        };
        let when = match self.when {
            When::Status(step) | When::Value(step) => Some(step),
            When::Always | When::Never | When::EvenItem => None,
        };
        [&self.reads[..], &self.asks[..]].concat().into_iter().chain(list).chain(when).collect()
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
        let asked = if class == "rate_limited" { asked } else { 0 };
        (tries < self.attempts).then_some((shortest.max(asked), full.max(asked)))
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
            slow_output: luck.percent(15),
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
            8..18 if place > near => When::Status(near + luck.index(place - near)),
            18..26 if !tasks.is_empty() => When::Value(tasks[luck.index(tasks.len())]),
            _ => When::Always,
        };
        let verb = match luck.below(100) {
            0..7 => VerbSketch::Sleep(luck.below(3_000)),
            7..27 => VerbSketch::Each(each(&tasks, Level::TOP, luck)),
            _ => VerbSketch::Task,
        };
        if !matches!(verb, VerbSketch::Task) {
            reads.clear();
        }
        let asks = if matches!(verb, VerbSketch::Task) { asks } else { Vec::new() };
        let mut step =
            Sketched { waits, reads, asks, when, verb, ..plain(format!("n{place}"), luck) };
        let needs = step.counted().len();
        // What a race reads of its rivals is a matter of time.
        let reads_rivals = step.needs().iter().any(|place| !step.waits.contains(place))
            && step.waits.is_empty()
            || step.data().iter().any(|place| step.waits.contains(place));
        step.join = match join {
            JoinSketch::Count(_) if reads_rivals => JoinSketch::All,
            _ if needs == 0 => JoinSketch::All,
            JoinSketch::Count(_) => JoinSketch::Count(1 + luck.index(needs.min(3))),
            JoinSketch::All | JoinSketch::Settled => join,
        };
        step
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
        slow: luck.percent(12),
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

/// Where a body stands.
#[derive(Debug, Clone, Copy)]
struct Level {
    /// How many bodies are around it.
    depth: usize,
    /// Whether one of them is run for each item of a list.
    has_item: bool,
}

impl Level {
    const TOP: Self = Self { depth: 0, has_item: false };
    const DEEPEST: usize = 3;
}

fn each(tasks: &[usize], level: Level, luck: &mut Luck) -> EachSketch {
    let by_output = !tasks.is_empty() && luck.percent(50);
    let most = if level.depth == 0 { 6 } else { 4 };
    let list = match luck.below(100) {
        0..25 => List::Nothing,
        _ if by_output => List::Output(tasks[luck.index(tasks.len())]),
        _ => List::Literal(luck.index(most)),
    };
    let is_group = matches!(list, List::Nothing);
    let inside = Level { depth: level.depth + 1, has_item: level.has_item || !is_group };
    let body = (is_group || luck.percent(45)).then(|| {
        let steps = 1 + luck.index(4 - level.depth);
        (0..steps).map(|place| body_step(place, inside, luck)).collect()
    });
    let tolerate = match luck.below(3) {
        _ if is_group => None,
        0 => None,
        1 => Some(Tolerance::Count(luck.index(3))),
        _ => Some(Tolerance::Percent(luck.index(101))),
    };
    let is_bounded = !is_group && luck.percent(50);
    let max_parallel = is_bounded.then(|| 1 + u32::try_from(luck.below(3)).unwrap());
    EachSketch { list, body, max_parallel, tolerate }
}

fn body_step(place: usize, level: Level, luck: &mut Luck) -> Sketched {
    let waits: Vec<usize> = (0..place).filter(|_| luck.percent(50)).collect();
    let when = match luck.below(100) {
        0..10 if level.has_item => When::EvenItem,
        10..15 => When::Never,
        _ => When::Always,
    };
    let join = match luck.below(100) {
        0..10 if !waits.is_empty() => JoinSketch::Settled,
        10..25 if !waits.is_empty() => JoinSketch::Count(1),
        _ => JoinSketch::All,
    };
    let verb = match luck.below(100) {
        0..7 => VerbSketch::Sleep(luck.below(900)),
        7..25 if level.depth < Level::DEEPEST => VerbSketch::Each(each(&[], level, luck)),
        _ => VerbSketch::Task,
    };
    let step = plain(format!("{}{place}", ["n", "b", "c", "d"][level.depth]), luck);
    Sketched { waits, when, join, verb, start_within: None, ..step }
}
