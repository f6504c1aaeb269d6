//! `[steps.<id>]`: everything but the verb.

use std::cell::Cell;

use crate::payload::Json;
use indexmap::IndexMap;
use toml::de::DeValue;

use super::defaults::Defaults;
use super::env::{read_env, text_template};
use super::field::{Field, bad_name, id};
use super::keys;
use super::problems::alternatives;
use super::retry::{Policies, check_attempts, read_retry, resolve};
use super::table::{Keys, Table, not_yet};
use super::value::to_json;
use super::verb::{self, Kind, stand_in};
use crate::definition::unit::excerpt;
use crate::definition::{
    Diagnostic, JoinDefinition, OnCrash, OutputKind, RetryRule, Spanned, StepDefinition, Tolerate,
    VerbDefinition,
};
use crate::id::{NAME_CHARS_MAX, Name};

/// The most steps of a workflow, those of inline bodies included.
pub(super) const STEPS_MAX: usize = 100_000;

/// How deep bodies nest: the steps of the deepest have so many owners.
const BODY_DEPTH_MAX: usize = 16;

/// The most attempts of one run, or items of one step, at once.
pub(super) const PARALLEL_MAX: u32 = 100_000;

/// The most items of a fan-out.
const ITEMS_MAX: u32 = 100_000;

const ON_CRASHES: [(&str, OnCrash); 2] = [("rerun", OnCrash::Rerun), ("park", OnCrash::Park)];

const JOINS: [(&str, JoinDefinition); 3] = [
    ("all", JoinDefinition::All),
    ("any", JoinDefinition::Any),
    ("settled", JoinDefinition::Settled),
];

/// The parts of the file that apply to every step.
#[derive(Debug)]
pub(super) struct Around {
    policies: Policies,
    defaults: Defaults,
    default_retry: Vec<RetryRule>,
    count: Cell<usize>,
}

impl Around {
    pub(super) fn new(policies: Policies, defaults: Defaults) -> Self {
        let default_retry = resolve(None, defaults.retry.as_ref());
        Self { policies, defaults, default_retry, count: Cell::new(0) }
    }
}

/// Where a step stands.
#[derive(Debug)]
pub(super) struct StepPlace {
    /// Its id below those of its owners: `files.fetch`.
    path: String,
    /// How many owners it has.
    pub(super) depth: usize,
}

impl StepPlace {
    fn new(id: &str, owner: Option<&Self>) -> Self {
        match owner {
            Some(owner) => Self { path: format!("{}.{id}", owner.path), depth: owner.depth + 1 },
            None => Self { path: id.to_owned(), depth: 0 },
        }
    }
}

/// Reads `[steps]`, or the body of a step.
pub(super) fn read_steps(
    table: &Table<'_>,
    owner: Option<&StepPlace>,
    around: &Around,
) -> IndexMap<Name, StepDefinition> {
    let mut steps = IndexMap::new();
    for (key, field) in table.fields() {
        around.count.set(around.count.get() + 1);
        if around.count.get() > STEPS_MAX {
            if around.count.get() == STEPS_MAX + 1 {
                let told = format!("the workflow has more than {STEPS_MAX} steps");
                let problem = Diagnostic::error("too-many-steps", told, field.key_span.clone());
                field.problems.report(problem.label("one too many"));
            }
            break;
        }
        let step = read_step(&field, &StepPlace::new(key, owner), around);
        if let Some(id) = id(key) {
            steps.insert(id, step);
        } else {
            field.problems.report(bad_name("step", key, &field.key_span));
            // Under some other name it can still be checked.
            steps.entry(like(key)).or_insert(step);
        }
    }
    steps
}

/// A valid id that looks like a text that is not one.
fn like(text: &str) -> Name {
    let fits = |char: char| char.is_ascii_alphanumeric() || char == '-';
    let chars =
        text.chars().take(NAME_CHARS_MAX - 1).map(|char| if fits(char) { char } else { '_' });
    let like: String = std::iter::once('_').chain(chars).collect();
    Name::new(&like).expect("invariant: it is made of what a name is made of")
}

fn read_step(field: &Field<'_>, place: &StepPlace, around: &Around) -> StepDefinition {
    let owner = format!("step `{}`", excerpt(&place.path));
    let mut own = field.clone();
    own.owner = owner.as_str().into();
    let Some(table) = Table::of(&own, "a table") else { return nothing(field) };
    let table = table.owned_by(&owner);
    table.check_keys(&keys::STEP, "step");
    let kind = verb::kind(&table, field);
    let verb = match kind {
        Some(kind) => verb::read(&table, kind, |field| read_body(&table, field, place, around)),
        None => stand_in(&field.key_span),
    };
    let mut step = StepDefinition { verb, ..nothing(field) };
    read_graph(&table, &mut step);
    read_data(&table, kind, around, &mut step);
    read_failure(&table, kind, around, &mut step);
    verb::check_fit(&table, kind);
    step
}

/// An inline body.
fn read_body(
    table: &Table<'_>,
    field: &Field<'_>,
    place: &StepPlace,
    around: &Around,
) -> Option<VerbDefinition> {
    let body = Table::of(field, "a table of steps")?;
    if body.is_empty() {
        let told = format!("{}: `steps` is empty", table.owner);
        let problem = Diagnostic::error("empty", told, field.span.clone()).label("no steps");
        field.problems.report_missing(problem.help("add the steps that it consists of"));
    }
    if place.depth == BODY_DEPTH_MAX {
        let told = format!("{}: bodies are nested more than {BODY_DEPTH_MAX} deep", table.owner);
        let problem = Diagnostic::error("too-deep", told, field.key_span.clone());
        let help = "make a workflow of its own of the inner steps";
        field.problems.report(problem.label("one too many").help(help));
        return None;
    }
    Some(VerbDefinition::Steps(read_steps(&body, Some(place), around)))
}

/// A step that does nothing: in the place of one that cannot be read, so that it exists.
fn nothing(field: &Field<'_>) -> StepDefinition {
    StepDefinition {
        span: field.key_span.clone(),
        verb: stand_in(&field.key_span),
        depends_on: Vec::new(),
        when: None,
        join: None,
        for_each: None,
        max_parallel: None,
        max_items: None,
        tolerate: None,
        with: None,
        env: IndexMap::new(),
        stdin: None,
        output: OutputKind::Default,
        retry: Vec::new(),
        timeout: None,
        start_within: None,
        allow_failure: false,
        on_crash: OnCrash::default(),
        queue: None,
        priority: None,
        idempotency_key: None,
    }
}

fn read_graph(table: &Table<'_>, step: &mut StepDefinition) {
    step.depends_on = table.field("depends_on").map(|f| depends_on(&f)).unwrap_or_default();
    step.when = table.field("when").and_then(|field| bare_expression(&field));
    step.join = table.field("join").and_then(|field| join(&field));
    step.for_each = table.field("for_each").map(|field| for_each(&field));
    step.max_parallel = table.field("max_parallel").and_then(|f| f.count(1..=PARALLEL_MAX));
    step.max_items = table.field("max_items").and_then(|field| field.count(1..=ITEMS_MAX));
    step.tolerate = table.field("tolerate").and_then(|field| tolerate(&field));
}

fn read_data(table: &Table<'_>, kind: Option<Kind>, around: &Around, step: &mut StepDefinition) {
    step.with = table.field("with").and_then(|field| Some(field.at(to_json(&field)?)));
    step.env = read_env(table);
    if kind == Some(Kind::Run) {
        for (name, value) in &around.defaults.env {
            step.env.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
    step.stdin = table.field("stdin").and_then(|field| text_template(&field));
    step.output = table.field("output").and_then(|field| output(&field)).unwrap_or_default();
    step.idempotency_key = table.field("idempotency_key").and_then(|field| text_template(&field));
}

fn read_failure(table: &Table<'_>, kind: Option<Kind>, around: &Around, step: &mut StepDefinition) {
    let defaults = &around.defaults;
    let attempts = kind.is_some_and(Kind::has_attempts);
    if let Some(field) = table.field("retry") {
        let own = read_retry(&field, &around.policies);
        step.retry = resolve(own.as_ref(), defaults.retry.as_ref());
        if let Some(own) = &own {
            check_attempts(&field, own, defaults.retry.as_ref());
        }
    } else if attempts {
        step.retry.clone_from(&around.default_retry);
    }
    step.timeout = table.field("timeout").and_then(|field| field.time_limit());
    step.queue = table.field("queue").and_then(|field| field.name());
    if attempts {
        step.timeout = step.timeout.take().or_else(|| defaults.timeout.clone());
        step.queue = step.queue.take().or_else(|| defaults.queue.clone());
    }
    step.start_within = table.field("start_within").and_then(|field| field.time_limit());
    step.allow_failure =
        table.field("allow_failure").and_then(|field| field.boolean()).unwrap_or(false);
    step.on_crash =
        table.field("on_crash").and_then(|field| field.choice(&ON_CRASHES)).unwrap_or_default();
    step.priority = table.field("priority").and_then(|field| field.priority());
    if let Some(field) = table.field("on_exhausted") {
        check_on_exhausted(&field);
    }
}

/// `on_exhausted`: only `fail`, for now.
fn check_on_exhausted(field: &Field<'_>) {
    if field.value.as_str() == Some("park") {
        field.problems.report(not_yet(&field.say("`on_exhausted = \"park\"`"), &field.span));
    } else {
        field.choice(&[("fail", ())]);
    }
}

fn depends_on(field: &Field<'_>) -> Vec<Spanned<String>> {
    let steps = field.texts().unwrap_or_default();
    let mut seen: IndexMap<&str, &Spanned<String>> = IndexMap::with_capacity(steps.len());
    for step in &steps {
        if field.problems.is_full() {
            break;
        }
        if let Some(first) = seen.insert(&step.value, step) {
            let told = field.say(format!("`depends_on` names `{}` twice", excerpt(&step.value)));
            let problem = Diagnostic::warning("named-twice", told, step.span.clone());
            let problem = problem.label("again").related(first.span.clone(), "first here");
            field.problems.report(problem.help("take one out"));
        }
    }
    steps
}

/// `when`: an expression without `${{ }}` around it.
fn bare_expression(field: &Field<'_>) -> Option<Spanned<String>> {
    if let DeValue::Boolean(value) = field.value {
        field.wrong_type("an expression", Some(format!("write \"{value}\"")));
        return None;
    }
    let text = field.full_text()?;
    if text.contains("${{") {
        let told = format!("`{}` is a bare expression: it takes no `${{{{ }}}}`", field.name);
        let bare = text.trim().strip_prefix("${{").and_then(|rest| rest.strip_suffix("}}"));
        let help = match bare.map(str::trim).filter(|bare| !bare.contains("${{")) {
            Some(bare) => format!("write \"{}\"", excerpt(bare)),
            None => "take the `${{` and `}}` out".to_owned(),
        };
        let problem = field.problem("bare-expression", told).label("not bare");
        field.problems.report(problem.help(help));
        return None;
    }
    Some(field.at(text.to_owned()))
}

/// `for_each`: an expression, or a list, which as JSON is one too. An empty list stands for what
/// cannot be read, so that the step is a fan-out all the same.
fn for_each(field: &Field<'_>) -> Spanned<String> {
    let list = match field.value {
        DeValue::Array(_) => to_json(field).map(|list| list.to_string()),
        DeValue::String(_) => {
            return bare_expression(field).unwrap_or_else(|| field.at("[]".into()));
        }
        DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Table(_) => {
            field.wrong_type("an expression or a list", None);
            None
        }
    };
    let list = list.filter(|list| {
        let constant = !list.contains("${{");
        if !constant {
            let told = format!("`{}`: a literal list takes no `${{{{ }}}}`", field.name);
            let help = "write the list as an expression: for_each = \"[input.a, input.b]\"";
            let problem = field.problem("bare-expression", told).label("not constant");
            field.problems.report(problem.help(help));
        }
        constant
    });
    field.at(list.unwrap_or_else(|| "[]".to_owned()))
}

fn join(field: &Field<'_>) -> Option<Spanned<JoinDefinition>> {
    let join = match field.value {
        DeValue::String(_) => field.choice(&JOINS)?,
        DeValue::Integer(_) => JoinDefinition::Count(field.count(1..=PARALLEL_MAX)?),
        DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)
        | DeValue::Table(_) => {
            let words: Vec<&str> = JOINS.iter().map(|(word, _)| *word).collect();
            field.wrong_type(&format!("{}, or a number", alternatives(&words)), None);
            return None;
        }
    };
    Some(field.at(join))
}

fn tolerate(field: &Field<'_>) -> Option<Spanned<Tolerate>> {
    let DeValue::String(text) = field.value else {
        if let DeValue::Integer(_) = field.value {
            return Some(field.at(Tolerate::Count(field.count(0..=ITEMS_MAX)?)));
        }
        field.wrong_type("a number of items, or a share such as \"5%\"", None);
        return None;
    };
    let share = text.trim().strip_suffix('%').and_then(|share| share.trim().parse::<f64>().ok());
    let share = share.filter(|share| (0.0..=100.0).contains(share));
    if share.is_none() {
        let told = format!("`tolerate` cannot be `{}`", excerpt(text));
        let problem = field.problem("out-of-range", told).label("not a share");
        field.problems.report(problem.help("write a number of items, or \"0%\" to \"100%\""));
    }
    Some(field.at(Tolerate::Percent(share?)))
}

/// `output`: a word, or the file that the step writes.
fn output(field: &Field<'_>) -> Option<OutputKind> {
    const FILE_KEYS: Keys = Keys::of(&["file"]);
    if let DeValue::Table(_) = field.value {
        let table = Table::of(field, "a table")?;
        table.check_keys(&FILE_KEYS, "output");
        let Some(file) = table.field("file") else {
            table.missing("file", &field.key_span, "write output.file = \"report.pdf\"");
            return None;
        };
        return Some(OutputKind::File(file.at(Json::String(file.full_text()?.to_owned()))));
    }
    let DeValue::String(text) = field.value else {
        field.wrong_type("`json`, `text`, `lines`, `none` or { file = \"…\" }", None);
        return None;
    };
    match text.as_ref() {
        "json" => Some(OutputKind::Json),
        "text" => Some(OutputKind::Text),
        "lines" => Some(OutputKind::Lines),
        "none" => Some(OutputKind::None),
        other => {
            field.unknown_value(other, &["json", "text", "lines", "none"]);
            None
        }
    }
}
