//! What expressions name: each name exists and is known where it stands; each step named is an edge.

use std::ops::Range;

use super::EDGES_MAX;
use super::check::{Check, suggestion};
use super::compile::Compiler;
use super::site::{Cursor, Site};
use super::steps::{StepIndex, Steps};
use crate::definition::{Diagnostic, Span};
use crate::expression::{Expression, StepField, StepRead};

/// A step that another one waits for.
#[derive(Debug, Clone)]
pub(super) struct Need {
    pub on: StepIndex,
    /// Its output is read without asking.
    pub data: bool,
    /// Where that is said.
    pub span: Span,
}

/// An expression at its place.
struct Placed<'p> {
    site: &'p Site<'p>,
    cursor: &'p Cursor,
    base: Option<usize>,
}

impl Placed<'_> {
    fn span(&self, offset: &Range<usize>) -> Span {
        self.cursor.place(self.base, offset)
    }
}

impl Compiler<'_, '_, '_> {
    /// Takes up what the expressions of one value name.
    pub(super) fn resolve(
        &mut self,
        expressions: &[&Expression],
        site: &Site<'_>,
        mut cursor: Cursor,
    ) {
        for expression in expressions {
            let base = cursor.next(self.check.text, expression.source());
            let placed = Placed { site, cursor: &cursor, base };
            self.resolve_one(expression, &placed);
        }
    }

    fn resolve_one(&mut self, expression: &Expression, placed: &Placed<'_>) {
        let reads = expression.reads();
        let may = placed.site.may;
        for read in &reads.input {
            if let Some(key) = &read.key {
                self.input_key(key, placed.span(&read.offset), placed);
            }
        }
        for read in &reads.steps {
            self.step_read(read, placed);
        }
        if let Some(offset) = &reads.all_steps {
            self.all_steps(placed.span(offset), placed);
        }
        for (name, offset) in [("item", &reads.item), ("index", &reads.index)] {
            if let (Some(offset), false) = (offset, may.item) {
                self.not_here(name, placed.span(offset), placed);
            }
        }
        for read in &reads.secrets {
            let span = placed.span(&read.offset);
            if may.secrets {
                self.secret(&read.name, span, placed);
            } else {
                self.not_here("secrets", span, placed);
            }
        }
    }

    fn not_here(&mut self, name: &str, span: Span, placed: &Placed<'_>) {
        let (label, help) = if name == "secrets" {
            let help =
                "secrets are known only inside of an attempt: in `with`, `env`, `run`, `http`";
            ("not resolved here", help)
        } else {
            ("no items here", "only the verb of a fan-out and its body have items")
        };
        let told = format!("{}: `{name}` is not known here", placed.site.owner);
        self.check.report(Diagnostic::error("not-here", told, span).label(label).help(help));
    }

    fn input_key(&mut self, key: &str, span: Span, placed: &Placed<'_>) {
        let known = &self.definition.input;
        if known.is_empty() || known.contains_key(key) {
            return;
        }
        let told =
            format!("{} reads `input.{key}`, which `[input]` does not have", placed.site.owner);
        let mut problem = Diagnostic::error("unknown-input", told, span).label("not an input");
        if self.check.suggests() {
            problem.help = suggestion(key, known.keys().map(String::as_str));
        }
        self.check.report(problem);
    }

    fn secret(&mut self, name: &str, span: Span, placed: &Placed<'_>) {
        let known = &self.definition.secrets;
        if known.contains_key(name) {
            return;
        }
        let told = format!(
            "{} reads `secrets.{name}`, which `[secrets]` does not have",
            placed.site.owner
        );
        let mut problem = Diagnostic::error("unknown-secret", told, span).label("not a secret");
        if self.check.suggests() {
            problem.help = suggestion(name, known.keys().map(String::as_str));
        }
        self.check.report(problem);
    }

    fn step_read(&mut self, read: &StepRead, placed: &Placed<'_>) {
        let span = placed.span(&read.offset);
        let from = placed.site.step;
        let Some(on) = self.steps.visible(from, &read.id) else {
            return self.unknown_step_read(&read.id, span, placed);
        };
        let is_fan_out = self.steps.all[on].definition.for_each.is_some();
        if read.field == StepField::Failed && !is_fan_out {
            let told = format!("step `{}` is no fan-out and has no failed items", read.id);
            let problem = Diagnostic::warning("no-failed-items", told, span.clone());
            self.check.report(problem.label("always empty").help("read `.error` or `.status`"));
        }
        let need = Need { on, data: read.needs_output(), span };
        match from {
            None => self.output_reads.push(on),
            Some(step) => self.read(step, need),
        }
    }

    /// A step reads another one: an edge, of its own or, from inside of a body to the outside, of the
    /// fan-out.
    fn read(&mut self, step: StepIndex, need: Need) {
        self.drafts[step].reads.push(need.on);
        let parent = self.steps.all[step].parent;
        let is_outside = self.steps.all[need.on].parent.is_none();
        let waits = parent.filter(|_| is_outside).unwrap_or(step);
        self.needs[waits].push(need);
    }

    fn unknown_step_read(&mut self, id: &str, span: Span, placed: &Placed<'_>) {
        let owner = placed.site.owner;
        let told = format!("{owner} reads `steps.{id}`, but there is no step `{id}`");
        let mut problem = Diagnostic::error("unknown-step", told, span).label("not a step");
        if self.check.suggests() {
            let parent = placed.site.step.and_then(|step| self.steps.all[step].parent);
            problem.help = if let Some(fan_out) = self.steps.body_with(id) {
                let fan_out = self.steps.path(fan_out);
                Some(format!("`{id}` is inside of `{fan_out}`: read `steps.{fan_out}.output`"))
            } else {
                suggestion(id, self.steps.ids(parent))
            };
        }
        self.check.report(problem);
    }

    fn all_steps(&mut self, span: Span, placed: &Placed<'_>) {
        match placed.site.step {
            None => self.output_reads.extend(0..self.steps.top),
            Some(step) => self.drafts[step].all_steps = Some(span),
        }
    }

    /// `steps` as a whole is the table of the dependencies: there must be some.
    pub(super) fn check_tables(&mut self) {
        for (index, draft) in self.drafts.iter().enumerate() {
            if let Some(span) = draft.all_steps.clone().filter(|_| self.needs[index].is_empty()) {
                let step = self.steps.path(index);
                let told = format!("step `{step}` reads `steps`, but depends on no step");
                let problem = Diagnostic::error("nothing-to-read", told, span);
                self.check.report(
                    problem
                        .label("the table of the steps it depends on")
                        .help("name the steps in `depends_on`"),
                );
            }
        }
    }

    /// `depends_on`, by ids of the same level.
    pub(super) fn depends_on(&mut self, step: StepIndex) {
        let parent = self.steps.all[step].parent;
        for on in &self.steps.all[step].definition.depends_on {
            match self.steps.find(parent, &on.value) {
                Some(index) => {
                    self.needs[step].push(Need { on: index, data: false, span: on.span.clone() });
                }
                None => self.unknown_dependency(step, parent, &on.value, on.span.clone()),
            }
        }
    }

    fn unknown_dependency(
        &mut self,
        step: StepIndex,
        parent: Option<StepIndex>,
        id: &str,
        span: Span,
    ) {
        let path = self.steps.path(step);
        let told = format!("step `{path}` waits for `{id}`, which does not exist");
        let mut problem = Diagnostic::error("unknown-step", told, span).label("not a step");
        if self.check.suggests() {
            problem.help = self.other_level(parent, id);
        }
        self.check.report(problem);
    }

    /// What to do about a dependency that is none: it may stand inside or outside of a body.
    fn other_level(&self, parent: Option<StepIndex>, id: &str) -> Option<String> {
        if let Some(parent) = parent.filter(|_| self.steps.find(None, id).is_some()) {
            let fan_out = self.steps.path(parent);
            let put = format!("put it into `depends_on` of `{fan_out}`");
            return Some(format!("`{id}` is outside of the body: {put}"));
        }
        match self.steps.body_with(id).filter(|_| parent.is_none()) {
            Some(fan_out) => {
                let fan_out = self.steps.path(fan_out);
                Some(format!("`{id}` is inside of `{fan_out}`: depend on `{fan_out}`"))
            }
            None => suggestion(id, self.steps.ids(parent)),
        }
    }

    /// `pipeline`: each depends on the one before it.
    pub(super) fn pipeline(&mut self) {
        let mut before: Option<StepIndex> = None;
        for id in &self.definition.pipeline {
            let Some(step) = self.steps.find(None, &id.value) else {
                let told = format!("`pipeline` names `{}`, which does not exist", id.value);
                let mut problem =
                    Diagnostic::error("unknown-step", told, id.span.clone()).label("not a step");
                if self.check.suggests() {
                    problem.help = suggestion(&id.value, self.steps.ids(None));
                }
                self.check.report(problem);
                before = None;
                continue;
            };
            if let Some(on) = before.filter(|on| *on != step) {
                self.needs[step].push(Need { on, data: false, span: id.span.clone() });
            }
            before = Some(step);
        }
    }
}

/// Each edge once, and not more than may be.
pub(super) fn settle(
    steps: &Steps<'_>,
    mut needs: Vec<Vec<Need>>,
    check: &mut Check<'_>,
) -> Vec<Vec<Need>> {
    // By dependency: the step that was last seen to need it, and where in its list.
    let mut marks: Vec<(usize, usize)> = vec![(usize::MAX, 0); steps.all.len()];
    let mut edges = 0;
    for (step, list) in needs.iter_mut().enumerate() {
        let mut kept: Vec<Need> = Vec::with_capacity(list.len());
        for need in list.drain(..) {
            let (last, place) = marks[need.on];
            if last == step {
                kept[place].data |= need.data;
            } else {
                marks[need.on] = (step, kept.len());
                kept.push(need);
            }
        }
        edges += kept.len();
        *list = kept;
    }
    if edges > EDGES_MAX {
        let told = format!("the workflow has {edges} edges; at most {EDGES_MAX} are allowed");
        check.report(Diagnostic::error("too-many-edges", told, 0..0).label("too many"));
    }
    needs
}
