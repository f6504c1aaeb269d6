//! The values of the paths of one evaluation: looked up and parsed when the interpreter asks for them.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use minijinja::value::{Enumerator, Object};
use minijinja::{Error, ErrorKind, Value};

use super::path::{self, PathUse, Root, Segment};
use super::{
    Effort, LITTLE_BYTES_MAX, LITTLE_VALUES_MAX, Names, StepValue, StepValues, cache, json,
};
use crate::payload::Payload;
use crate::sync::{Mutex, lock};

/// The values that one evaluation may read, in bytes of JSON.
const VALUES_BYTES_MAX: usize = 8 << 20;

/// The name by which filters find the slots of their evaluation; the parser lets no expression use it.
pub(super) const OWN_NAME: &str = "slots";

/// The paths of an expression.
#[derive(Debug)]
pub(super) struct Paths {
    pub source: Box<str>,
    pub uses: Box<[PathUse]>,
}

/// The values of the paths of one evaluation, by number.
#[derive(Debug)]
pub(super) struct Slots {
    paths: Arc<Paths>,
    values: Vec<Slot>,
    budget: Arc<Budget>,
}

/// What evaluation may still read, and what it found missing on the way.
#[derive(Debug)]
struct Budget {
    effort: Effort,
    bytes_left: AtomicUsize,
    /// Whether it would take more than a little effort.
    is_given_up: AtomicBool,
    /// The step whose missing output was asked for by a name that only the evaluation knows.
    asked: Mutex<Option<Box<str>>>,
}

#[derive(Debug)]
struct Slot {
    origin: Origin,
    value: OnceLock<Read>,
}

/// Where the value of a path comes from.
#[derive(Debug)]
enum Origin {
    /// A payload, behind so many segments of the path.
    Payload(Payload, usize),
    Value(Value),
    /// The output of this step, which is missing, with the step's status.
    Missing(Box<str>, &'static str),
    Nothing,
}

/// What reading a path comes to; `None`: nothing is there.
type Read = Result<Option<Value>, TooMuch>;

/// The evaluation reads more than it may.
#[derive(Debug, Clone, Copy)]
struct TooMuch;

impl Slots {
    pub(super) fn new(paths: &Arc<Paths>, names: &Names) -> Self {
        let budget = Arc::new(Budget::of(names.effort));
        let slot = |path: &PathUse| {
            let is_first = path.first_use.is_none();
            let origin = if is_first { origin(path, names, &budget) } else { Origin::Nothing };
            Slot { origin, value: OnceLock::new() }
        };
        let values = paths.uses.iter().map(slot).collect();
        Self { paths: Arc::clone(paths), values, budget }
    }

    /// The step whose missing output an evaluation needed that failed with this message.
    pub(super) fn missing(&self, told: &str) -> Option<Box<str>> {
        let is_told = |(number, path): (usize, &PathUse)| match &self.first(number, path).origin {
            Origin::Missing(step, status) => {
                let shown = shown(&self.paths.source, path);
                (no_output(&shown, step, status) == told).then(|| step.clone())
            }
            Origin::Payload(..) | Origin::Value(_) | Origin::Nothing => None,
        };
        self.paths.uses.iter().enumerate().find_map(is_told).or_else(|| {
            let asked = lock(&self.budget.asked);
            asked.clone().filter(|_| told.contains("undefined"))
        })
    }

    /// How much the evaluation may do.
    pub(super) fn effort(&self) -> Effort {
        self.budget.effort
    }

    /// Gives the evaluation up, if it may do only a little.
    pub(super) fn give_up(&self) {
        self.budget.give_up();
    }

    /// Whether the evaluation was given up, whatever it came to.
    pub(super) fn is_given_up(&self) -> bool {
        self.budget.is_given_up.load(Ordering::Relaxed)
    }

    /// The slot of the first use of the same path as that with this number.
    fn first(&self, number: usize, path: &PathUse) -> &Slot {
        &self.values[path.first_use.unwrap_or(number)]
    }
}

fn origin(path: &PathUse, names: &Names, budget: &Arc<Budget>) -> Origin {
    match (path.root, path.segments.as_slice()) {
        (Root::Input, _) => Origin::Payload(names.input.clone(), 0),
        (Root::Item, _) => match &names.item {
            Some((_, item)) => Origin::Payload(item.clone(), 0),
            None => Origin::Nothing,
        },
        (Root::Steps, []) => Origin::Value(StepTables::of(names, budget)),
        (Root::Steps, [Segment::Key(id), rest @ ..]) => match names.steps.get(id) {
            Some((name, value)) => of_step(name.as_str(), value, rest, budget),
            None => Origin::Nothing,
        },
        (Root::Steps, [Segment::Index(_), ..]) => Origin::Nothing,
        (Root::Index | Root::Run | Root::Secrets, _) => match path::find(path, names) {
            Some(found) => Origin::Value(json::read(found.as_json())),
            None => Origin::Nothing,
        },
    }
}

fn of_step(name: &str, step: &StepValue, rest: &[Segment], budget: &Arc<Budget>) -> Origin {
    let payload = |value: &Option<Payload>| match value {
        Some(payload) => Origin::Payload(payload.clone(), 2),
        None => Origin::Nothing,
    };
    match rest.first() {
        None => Origin::Value(StepTable::of(name, step, budget)),
        Some(Segment::Key(field)) if &**field == "output" => match &step.output {
            Some(output) => Origin::Payload(output.clone(), 2),
            None => Origin::Missing(name.into(), step.status),
        },
        Some(Segment::Key(field)) if &**field == "error" => payload(&step.error),
        Some(Segment::Key(field)) if &**field == "failed" && step.failed.is_some() => {
            payload(&step.failed)
        }
        Some(_) => match path::step_value(step, rest) {
            Some(found) => Origin::Value(json::read(found.as_json())),
            None => Origin::Nothing,
        },
    }
}

impl Slot {
    fn read(&self, path: &PathUse, budget: &Budget) -> &Read {
        self.value.get_or_init(|| match &self.origin {
            Origin::Payload(payload, behind) => {
                let segments = path.segments.get(*behind..).unwrap_or_default();
                budget.read(payload, segments)
            }
            Origin::Value(value) => Ok(Some(value.clone())),
            Origin::Missing(..) | Origin::Nothing => Ok(None),
        })
    }
}

impl Budget {
    fn of(effort: Effort) -> Self {
        let bytes = match effort {
            Effort::Full => VALUES_BYTES_MAX,
            Effort::Little => LITTLE_VALUES_MAX,
        };
        Self {
            effort,
            bytes_left: AtomicUsize::new(bytes),
            is_given_up: AtomicBool::new(false),
            asked: Mutex::new(None),
        }
    }

    fn give_up(&self) {
        self.is_given_up.store(self.effort == Effort::Little, Ordering::Relaxed);
    }

    fn read(&self, payload: &Payload, segments: &[Segment]) -> Read {
        let is_far = !segments.is_empty() && payload.as_bytes().len() > LITTLE_BYTES_MAX;
        if self.effort == Effort::Little && is_far {
            self.give_up();
            return Err(TooMuch);
        }
        let range = match segments {
            [] => Some(0..payload.as_bytes().len()),
            segments => cache::place(payload, segments),
        };
        let Some(range) = range else { return Ok(None) };
        let take = |left: usize| left.checked_sub(range.len());
        let taken = self.bytes_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        if taken.is_err() {
            self.give_up();
            return Err(TooMuch);
        }
        Ok(Some(cache::value(payload, range)))
    }

    fn asked_for(&self, step: &str) {
        *lock(&self.asked) = Some(step.into());
    }
}

impl Object for Slots {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let key = key.as_str()?;
        if key == OWN_NAME {
            return Some(Value::from_dyn_object(Arc::clone(self)));
        }
        let number: usize = key.strip_prefix('p')?.parse().ok()?;
        let path = self.paths.uses.get(number)?;
        let slot = self.first(number, path);
        Some(match slot.read(path, &self.budget) {
            Ok(Some(value)) => value.clone(),
            Ok(None) if path.lenient => Value::UNDEFINED,
            Ok(None) => {
                let shown = shown(&self.paths.source, path);
                let told = match &slot.origin {
                    Origin::Missing(step, status) => no_output(&shown, step, status),
                    Origin::Payload(..) | Origin::Value(_) | Origin::Nothing => {
                        format!("`{shown}` is undefined")
                    }
                };
                Error::new(ErrorKind::UndefinedError, told).into()
            }
            Err(TooMuch) => too_much(),
        })
    }
}

fn too_much() -> Value {
    let told = format!("the expression reads more than {VALUES_BYTES_MAX} bytes of values");
    Error::new(ErrorKind::InvalidOperation, told).into()
}

/// `steps`: the tables of the steps by id.
#[derive(Debug)]
struct StepTables {
    steps: StepValues,
    budget: Arc<Budget>,
}

impl StepTables {
    fn of(names: &Names, budget: &Arc<Budget>) -> Value {
        let (steps, budget) = (names.steps.clone(), Arc::clone(budget));
        Value::from_object(Self { steps, budget })
    }
}

impl Object for StepTables {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let (id, step) = self.steps.get(key.as_str()?)?;
        Some(StepTable::of(id.as_str(), step, &self.budget))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.steps.iter().map(|(id, _)| id.as_str().into()).collect())
    }
}

/// `steps.<id>`: `{ status, output, error, failed }`, those that there are.
#[derive(Debug)]
struct StepTable {
    id: Box<str>,
    step: StepValue,
    budget: Arc<Budget>,
}

impl StepTable {
    fn of(id: &str, step: &StepValue, budget: &Arc<Budget>) -> Value {
        let (step, budget) = (step.clone(), Arc::clone(budget));
        Value::from_object(Self { id: id.into(), step, budget })
    }
}

impl Object for StepTable {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let payload = match key.as_str()? {
            "status" => return Some(self.step.status.into()),
            "output" => {
                if self.step.output.is_none() {
                    self.budget.asked_for(&self.id);
                }
                &self.step.output
            }
            "error" => &self.step.error,
            "failed" => &self.step.failed,
            _ => return None,
        };
        match self.budget.read(payload.as_ref()?, &[]) {
            Ok(value) => value,
            Err(TooMuch) => Some(too_much()),
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let step = &self.step;
        let fields = [
            ("status", true),
            ("output", step.output.is_some()),
            ("error", step.error.is_some()),
            ("failed", step.failed.is_some()),
        ];
        let there = fields.into_iter().filter(|(_, is_there)| *is_there);
        Enumerator::Values(there.map(|(name, _)| Value::from(name)).collect())
    }
}

/// Says that a path leads nowhere, and whether a missing output is the reason.
pub(super) fn undefined(source: &str, path: &PathUse, names: &Names) -> String {
    let shown = shown(source, path);
    match path.missing(names) {
        Some((step, value)) => no_output(&shown, step, value.status),
        None => format!("`{shown}` is undefined"),
    }
}

fn no_output(shown: &str, step: &str, status: &str) -> String {
    let status = if status.is_empty() { "not there" } else { status };
    format!("`{shown}` is missing: step `{step}` has no output ({status})")
}

/// A path for a message, shortened.
fn shown(source: &str, path: &PathUse) -> String {
    const CHARS_MAX: usize = 200;
    let path = &source[path.span.clone()];
    let mut shown: String = path.chars().take(CHARS_MAX).collect();
    if shown.len() < path.len() {
        shown.push('…');
    }
    shown
}
