//! Reads the fixtures of `tests/corpus` and writes workflow files from them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use serde::Deserialize;

/// One DAG of another system.
#[derive(Debug, Deserialize)]
pub(crate) struct Fixture {
    pub(crate) name: String,
    pub(crate) licence: String,
    #[serde(default)]
    pub(crate) policy: Policy,
    pub(crate) expected: Expected,
    pub(crate) steps: Vec<Step>,
}

/// What the original sets for the whole.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Policy {
    pub(crate) max_parallel: Option<usize>,
    #[serde(default)]
    pub(crate) fail_fast: bool,
}

/// What must come out.
#[derive(Debug, Deserialize)]
pub(crate) struct Expected {
    /// `exact`, or `order-only` where conditions of the original decide.
    pub(crate) mode: String,
    /// `succeeded`, `failed`, or `any`
    pub(crate) workflow: String,
    /// States by step; `*` stands for the others.
    #[serde(default)]
    pub(crate) states: BTreeMap<String, String>,
    /// Numbers of attempts by step.
    #[serde(default)]
    pub(crate) attempts: BTreeMap<String, usize>,
}

/// One step.
#[derive(Debug, Deserialize)]
pub(crate) struct Step {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) deps: Vec<String>,
    pub(crate) duration_s: Option<f64>,
    #[serde(default)]
    pub(crate) retries: usize,
    pub(crate) retry_delay_s: Option<f64>,
    pub(crate) timeout_s: Option<f64>,
    #[serde(default)]
    pub(crate) condition: bool,
    pub(crate) join: Option<String>,
    #[serde(default)]
    pub(crate) continue_on: Vec<String>,
    pub(crate) behaviour: Option<Behaviour>,
}

/// How a step ends, each time.
#[derive(Debug, Deserialize)]
pub(crate) struct Behaviour {
    pub(crate) exit: i32,
}

/// What stands for the work of a step.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Work {
    /// A shell command that takes a thousandth of the time, at most 50 ms.
    Command,
    /// The handler `corpus.work`, which takes all of it.
    Task,
}

impl Fixture {
    /// All fixtures, by name; ids are made names of ours.
    pub(crate) fn all() -> Vec<Self> {
        let mut roots = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
        let folder = roots.find_map(|root| Some(root.join("tests/corpus")).filter(|f| f.exists()));
        let folder = folder.unwrap();
        let mut files: Vec<_> = folder.read_dir().unwrap().map(|e| e.unwrap().path()).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        files.sort();
        files.iter().map(|path| Self::read(path)).collect()
    }

    fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let mut fixture: Self = serde_json::from_str(&text).unwrap();
        let names = names(&fixture.steps);
        for step in &mut fixture.steps {
            step.id.clone_from(&names[&step.id]);
            step.deps.iter_mut().for_each(|dep| dep.clone_from(&names[dep]));
        }
        let renamed = |id: String| names.get(&id).cloned().unwrap_or(id);
        let expected = &mut fixture.expected;
        expected.states = std::mem::take(&mut expected.states)
            .into_iter()
            .map(|(k, v)| (renamed(k), v))
            .collect();
        expected.attempts = std::mem::take(&mut expected.attempts)
            .into_iter()
            .map(|(k, v)| (renamed(k), v))
            .collect();
        fixture
    }

    /// The workflow file.
    pub(crate) fn to_toml(&self, work: Work) -> String {
        let mut out = format!("name = {}\n", quote(&self.name.replace('.', "-")));
        if let Some(limit) = self.policy.max_parallel {
            writeln!(out, "max_parallel = {limit}").unwrap();
        }
        if self.policy.fail_fast {
            out.push_str("fail_fast = \"stop\"\n");
        }
        for (index, step) in self.steps.iter().enumerate() {
            writeln!(out, "\n[steps.{}]", step.id).unwrap();
            step.write(index, work, &mut out);
        }
        out
    }
}

impl Step {
    /// Whether its dependants go on when it failed.
    pub(crate) fn may_fail(&self) -> bool {
        self.continue_on.iter().any(|state| state == "failed")
    }

    /// How long the work takes, in milliseconds.
    fn millis(&self, work: Work) -> f64 {
        let seconds = self.duration_s.unwrap_or(0.0);
        match work {
            Work::Command => seconds.min(50.0),
            Work::Task => (seconds * 1000.0).round(),
        }
    }

    fn write(&self, index: usize, work: Work, out: &mut String) {
        let exit = self.behaviour.as_ref().map_or(0, |behaviour| behaviour.exit);
        let millis = self.millis(work);
        match work {
            Work::Command => {
                let sleep = if millis > 0.0 {
                    format!("sleep {}; ", millis / 1000.0)
                } else {
                    String::new()
                };
                writeln!(out, "run = \"{sleep}exit {exit}\"").unwrap();
            }
            Work::Task => {
                out.push_str("task = \"corpus.work\"\n");
                writeln!(out, "with = {{ millis = {millis:.0}, exit = {exit} }}").unwrap();
            }
        }
        if !self.deps.is_empty() {
            let deps: Vec<String> = self.deps.iter().map(|dep| quote(dep)).collect();
            writeln!(out, "depends_on = [{}]", deps.join(", ")).unwrap();
        }
        self.write_rules(index, out);
    }

    fn write_rules(&self, index: usize, out: &mut String) {
        if self.join.is_some() {
            out.push_str("join = \"any\"\n");
        }
        if self.condition {
            let comparison = if index.is_multiple_of(2) { "==" } else { ">" };
            writeln!(out, "when = \"run.attempt {comparison} 1\"").unwrap();
        }
        if self.retries > 0 {
            let (tries, delay) = (self.retries + 1, self.retry_delay_s.unwrap_or(0.0));
            let policy = format!("attempts = {tries}, delay = \"{delay:.0}ms\"");
            writeln!(out, "retry = {{ {policy}, backoff = \"fixed\", jitter = \"none\" }}")
                .unwrap();
        }
        if let Some(seconds) = self.timeout_s {
            writeln!(out, "timeout = \"{seconds:.0}s\"").unwrap();
        }
        if self.may_fail() {
            out.push_str("allow_failure = true\n");
        }
    }
}

/// A name of ours for each id, all different.
fn names(steps: &[Step]) -> BTreeMap<String, String> {
    let mut taken = BTreeSet::new();
    let mut names = BTreeMap::new();
    for step in steps {
        let fits = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
        let base: String = step.id.chars().map(fits).take(100).collect();
        let mut name = base.clone();
        let mut count = 2;
        while !taken.insert(name.clone()) {
            name = format!("{base}-{count}");
            count += 1;
        }
        names.insert(step.id.clone(), name);
    }
    names
}

/// A string of TOML; JSON's escapes are among its own.
fn quote(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}
