//! What a step does, and which of its other keys fit that.

use toml::de::DeValue;

use super::field::Field;
use super::http;
use super::problems::alternatives;
use super::table::Table;
use crate::definition::unit::parse_duration;
use crate::definition::{Diagnostic, Span, Spanned, VerbDefinition};

/// The kind of a verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Task,
    Run,
    Http,
    Sleep,
    Steps,
}

impl Kind {
    /// Whether it has attempts, for which a queue, a timeout and retries are.
    pub(super) fn has_attempts(self) -> bool {
        match self {
            Self::Task | Self::Run | Self::Http => true,
            Self::Sleep | Self::Steps => false,
        }
    }

    fn key(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Run => "run",
            Self::Http => "http",
            Self::Sleep => "sleep",
            Self::Steps => "steps",
        }
    }
}

const KINDS: [Kind; 5] = [Kind::Task, Kind::Run, Kind::Http, Kind::Sleep, Kind::Steps];

/// Verbs that this version does not read yet: they have been reported as such.
const LATER: [&str; 5] = ["workflow", "publish", "approve", "wait_for", "fail"];

const ATTEMPTS: &[Kind] = &[Kind::Task, Kind::Run, Kind::Http];

/// The keys that only some verbs take.
const FITS: [(&str, &[Kind]); 10] = [
    ("with", ATTEMPTS),
    ("env", &[Kind::Run]),
    ("stdin", &[Kind::Run]),
    ("output", &[Kind::Run, Kind::Http]),
    ("retry", ATTEMPTS),
    ("timeout", ATTEMPTS),
    ("start_within", ATTEMPTS),
    ("on_crash", ATTEMPTS),
    ("queue", ATTEMPTS),
    ("idempotency_key", ATTEMPTS),
];

/// The keys that only a fan-out takes.
const FAN_OUT_KEYS: [&str; 3] = ["max_parallel", "max_items", "tolerate"];

/// The one verb of a step; where there are several, the first.
pub(super) fn kind(table: &Table<'_>, step: &Field<'_>) -> Option<Kind> {
    let keys = KINDS.iter().map(|kind| kind.key()).chain(LATER);
    let mut verbs: Vec<(&str, Field<'_>)> =
        keys.filter_map(|key| Some((key, table.field(key)?))).collect();
    verbs.sort_by_key(|(_, field)| field.key_span.start);
    let mut verbs = verbs.into_iter();
    let Some((first, first_field)) = verbs.next() else {
        let told = format!("{} has no verb", table.owner);
        let problem = Diagnostic::error("missing-verb", told, step.key_span.clone());
        let words: Vec<&str> = KINDS.iter().map(|kind| kind.key()).collect();
        let help = format!("say what it does: {}", alternatives(&words));
        table.problems.report_missing(problem.label("does nothing").help(help));
        return None;
    };
    for (next, field) in verbs {
        let told = format!("{} has two verbs: `{first}` and `{next}`", table.owner);
        let problem = Diagnostic::error("several-verbs", told, field.key_span)
            .label("the second")
            .related(first_field.key_span.clone(), "the first");
        table.problems.report(problem.help("make two steps of it"));
    }
    KINDS.into_iter().find(|kind| kind.key() == first)
}

/// Reads the verb, an inline body by `body`; what cannot be read becomes a [`stand_in`].
pub(super) fn read(
    table: &Table<'_>,
    kind: Kind,
    body: impl FnOnce(&Field<'_>) -> Option<VerbDefinition>,
) -> VerbDefinition {
    let Some(field) = table.field(kind.key()) else { return stand_in(&table.span) };
    let verb = match kind {
        Kind::Task => task(&field),
        Kind::Run => run(&field),
        Kind::Http => http::read(&field),
        Kind::Sleep => sleep(&field),
        Kind::Steps => body(&field),
    };
    verb.unwrap_or_else(|| stand_in(&field.span))
}

/// A verb that does nothing.
pub(super) fn stand_in(span: &Span) -> VerbDefinition {
    VerbDefinition::Sleep(Spanned { value: "0s".to_owned(), span: span.clone() })
}

fn task(field: &Field<'_>) -> Option<VerbDefinition> {
    let text = field.full_text()?;
    if text.contains("${{") {
        let problem = field.problem("not-constant", "`task` must be a constant name");
        let help = "use one step for each task, and `when` to choose";
        field.problems.report(problem.label("known only at run time").help(help));
        return None;
    }
    Some(VerbDefinition::Task(field.at(text.to_owned())))
}

fn run(field: &Field<'_>) -> Option<VerbDefinition> {
    match field.value {
        DeValue::String(_) => Some(VerbDefinition::Shell(field.at(field.full_text()?.to_owned()))),
        DeValue::Array(list) => {
            let words = field.elements(list).enumerate();
            let words: Option<Vec<_>> = words
                .map(|(place, word)| {
                    let text = if place == 0 { word.full_text() } else { word.text() };
                    Some(word.at(text?.to_owned()))
                })
                .collect();
            if list.is_empty() {
                let problem = field.problem("empty", "`run` is an empty list").label("no program");
                field.problems.report(problem.help("name a program and its arguments"));
                return None;
            }
            words.map(VerbDefinition::Argv)
        }
        DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Table(_) => {
            field.wrong_type("a shell command, or a list of a program and its arguments", None);
            None
        }
    }
}

fn sleep(field: &Field<'_>) -> Option<VerbDefinition> {
    let constant = field.value.as_str().is_none_or(|text| !text.contains("${{"));
    if constant {
        field.duration()?;
    }
    let text = field.full_text()?;
    debug_assert!(!constant || parse_duration(text).is_ok(), "a constant has been checked");
    Some(VerbDefinition::Sleep(field.at(text.to_owned())))
}

/// Reports keys that mean nothing for the verb, or without `for_each`.
pub(super) fn check_fit(table: &Table<'_>, kind: Option<Kind>) {
    for (key, kinds) in FITS {
        let (Some(kind), Some(field)) = (kind, table.field(key)) else { continue };
        if !kinds.contains(&kind) {
            table.problems.report(does_not_fit(&field, key, kind, kinds));
        }
    }
    if let (Some(kind @ (Kind::Run | Kind::Http)), Some(field)) = (kind, table.field("with")) {
        let told = field.say(format!("`with` has no effect on `{}`", kind.key()));
        let problem = Diagnostic::warning("no-effect", told, field.key_span);
        let help = "write `${{ }}` where the value belongs: in the command, in `env`, in `stdin`, \
                    in `http.json`";
        table.problems.report(problem.label("only a task is handed this").help(help));
    }
    if kind == Some(Kind::Http)
        && let Some(field) = table.field("output").filter(|field| field.value.is_table())
    {
        let told = field.say("`output.file` is for commands only");
        let problem = Diagnostic::error("does-not-fit", told, field.key_span);
        table.problems.report(problem.label("not for `http`").help("write http.save = \"…\""));
    }
    for key in FAN_OUT_KEYS {
        if let Some(field) = table.field(key).filter(|_| !table.has("for_each")) {
            let told = field.say(format!("`{key}` needs `for_each`"));
            let problem = Diagnostic::error("does-not-fit", told, field.key_span);
            let problem = problem.label("bounds the items of a fan-out");
            table.problems.report(problem.help("add `for_each`, or take it out"));
        }
    }
}

fn does_not_fit(field: &Field<'_>, key: &str, kind: Kind, kinds: &[Kind]) -> Diagnostic {
    let told = field.say(format!("`{key}` does not go with `{}`", kind.key()));
    let words: Vec<&str> = kinds.iter().map(|kind| kind.key()).collect();
    let help = match (kind, key) {
        (Kind::Steps, _) if kinds == ATTEMPTS => "set it on the steps of the body".to_owned(),
        (Kind::Http, "stdin") => "write http.body = \"…\"".to_owned(),
        (Kind::Http, "env") => "write http.headers or http.query".to_owned(),
        (Kind::Task, "stdin" | "env") => "hand it over by `with`".to_owned(),
        _ => "take it out".to_owned(),
    };
    Diagnostic::error("does-not-fit", told, field.key_span.clone())
        .label(format!("only for {}", alternatives(&words)))
        .help(help)
}
