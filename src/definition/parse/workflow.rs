//! The top of the file.

use indexmap::IndexMap;
use toml::de::DeValue;

use super::defaults::Defaults;
use super::field::{Field, bad_name, say};
use super::problems::START;
use super::step::{Around, PARALLEL_MAX, read_steps};
use super::table::Table;
use super::{input, keys, retention, retry};
use crate::definition::{Definition, Diagnostic, Durability, FailFast, Spanned, StepDefinition};
use crate::id::Name;

const DURABILITIES: [(&str, Durability); 3] = [
    ("strict", Durability::Strict),
    ("relaxed", Durability::Relaxed),
    ("memory", Durability::Memory),
];

const FAIL_FASTS: [(&str, FailFast); 3] =
    [("off", FailFast::Off), ("stop", FailFast::Stop), ("cancel", FailFast::Cancel)];

/// Reads the whole file.
pub(super) fn read(path: &str, root: &Table<'_>) -> Option<Definition> {
    root.check_keys(&keys::WORKFLOW, "workflow");
    let name = name(path, root);
    let policies = root.table("retry").map(|table| retry::read_policies(&table));
    let policies = policies.unwrap_or_default();
    let defaults = root.table("defaults").map(|table| Defaults::read(&table, &policies));
    let around = Around::new(policies, defaults.unwrap_or_default());
    let steps = root.field("steps").map(|field| steps(&field, &around));
    let readable = steps.as_ref().is_none_or(Option::is_some);
    let steps = steps.flatten();
    let definition = Definition {
        name,
        description: root.field("description").and_then(|f| Some(f.text()?.to_owned())),
        labels: labels(root),
        timeout: root.field("timeout").and_then(|field| field.time_limit()),
        durability: root.field("durability").and_then(|field| field.choice(&DURABILITIES)),
        fail_fast: root.field("fail_fast").and_then(|f| f.choice(&FAIL_FASTS)).unwrap_or_default(),
        max_parallel: root.field("max_parallel").and_then(|field| field.count(1..=PARALLEL_MAX)),
        priority: root.field("priority").and_then(|field| field.priority()).unwrap_or(0),
        pipeline: root.field("pipeline").map(|field| pipeline(&field)).unwrap_or_default(),
        input: root.table("input").map(|table| input::read_inputs(&table)).unwrap_or_default(),
        output: root.table("output").map(|table| table.templates()).unwrap_or_default(),
        retention: retention::read(root),
        secrets: root.table("secrets").map(|table| input::read_secrets(&table)).unwrap_or_default(),
        steps: steps.unwrap_or_default(),
    };
    // Where `steps` is not a table, every name of a step would seem wrong.
    readable.then_some(definition)
}

fn steps(field: &Field<'_>, around: &Around) -> Option<IndexMap<Name, StepDefinition>> {
    if let DeValue::Array(_) = field.value {
        let fix = "write a table [steps.<id>] for each step".to_owned();
        field.wrong_type("a table of steps by id", Some(fix));
        return None;
    }
    Some(read_steps(&Table::of(field, "a table of steps by id")?, None, around))
}

/// `name`, or the file's without `.toml`. A wrong one is replaced, so that the rest can be checked.
fn name(path: &str, root: &Table<'_>) -> Spanned<Name> {
    let unnamed = Name::new("unnamed").expect("invariant: it is a name");
    let stand_in = Spanned { value: unnamed, span: START };
    if root.has("name") {
        return root.field("name").and_then(|field| field.name()).unwrap_or(stand_in);
    }
    let file = path.rsplit(['/', '\\']).next().unwrap_or(path);
    let stem = file.strip_suffix(".toml").unwrap_or(file);
    if let Some(value) = Name::new(stem) {
        return Spanned { value, span: START };
    }
    let problem = bad_name("the file's name stands for the workflow's", stem, &START);
    root.problems.report_missing(problem.label("`name` is missing").help("add name = \"…\""));
    stand_in
}

/// The most labels of a workflow.
pub(crate) const LABELS_MAX: usize = 64;

/// The longest name and the longest value of a label, in bytes.
pub(crate) const LABEL_BYTES_MAX: usize = 1_024;

fn labels(root: &Table<'_>) -> IndexMap<String, String> {
    let Some(table) = root.table("labels") else { return IndexMap::new() };
    let fields = table.fields();
    if let Some((_, field)) = fields.get(LABELS_MAX) {
        let told = format!("there are {} labels; at most {LABELS_MAX} are taken", fields.len());
        field.problems.report(field.problem("out-of-range", &told).label("one too many"));
    }
    let read = |(key, field): (&str, Field<'_>)| {
        let text = field.text()?;
        let longest = key.len().max(text.len());
        if longest > LABEL_BYTES_MAX {
            let told = format!("a label has {longest} bytes; at most {LABEL_BYTES_MAX} are taken");
            field.problems.report(field.problem("out-of-range", &told).label("too long"));
            return None;
        }
        Some((key.to_owned(), text.to_owned()))
    };
    fields.into_iter().filter_map(read).collect()
}

fn pipeline(field: &Field<'_>) -> Vec<Spanned<String>> {
    let Some(steps) = field.texts() else { return Vec::new() };
    let mut seen: IndexMap<&str, &Spanned<String>> = IndexMap::new();
    for step in &steps {
        let first = *seen.entry(&step.value).or_insert(step);
        if first.span != step.span {
            let told = say(&field.owner, &format!("`pipeline` names `{}` twice", step.value));
            let problem = Diagnostic::error("named-twice", told, step.span.clone());
            let problem = problem.label("again").related(first.span.clone(), "first here");
            field.problems.report(problem.help("a step has one place in the pipeline"));
        }
    }
    if steps.is_empty() {
        let problem = field.problem("empty", "`pipeline` is empty").label("no steps");
        field.problems.report(problem.help("name the steps in their order, or take it out"));
    }
    seen.into_values().cloned().collect()
}
