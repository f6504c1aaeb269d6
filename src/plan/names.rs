//! Checks the names in expressions: each exists and is known where it stands. Each step is an edge.

use std::ops::Range;

use super::check::suggestion;
use super::compile::Compiler;
use super::edge::{EdgeSource, SpannedEdge};
use super::site::{Cursor, Site};
use super::steps::StepIndex;
use crate::definition::{Diagnostic, Span};
use crate::expression::{Expression, StepField, StepRead};

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
    /// Checks the names in the expressions of one value.
    pub(super) fn resolve(
        &mut self,
        expressions: &[&Expression],
        site: &Site<'_>,
        mut cursor: Cursor,
    ) {
        for expression in expressions {
            let base = cursor.next(self.check, expression.source());
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
        if read.field == StepField::Failed && !self.steps.is_fan_out(on) {
            let told = format!("step `{}` is not a fan-out and has no failed items", read.id);
            let problem = Diagnostic::warning("no-failed-items", told, span.clone());
            self.check.report(problem.label("always empty").help("read `.error` or `.status`"));
        }
        let need = SpannedEdge { on, data: read.needs_output(), source: EdgeSource::Read, span };
        match from {
            None => self.output_reads.push(on),
            Some(step) => self.read(step, need),
        }
    }

    /// A step reads another one: an edge of its own or, where that stands on an enclosing level, of the
    /// owner that stands there too.
    fn read(&mut self, step: StepIndex, mut need: SpannedEdge) {
        self.drafts[step].reads.push(need.on);
        let waits = self.steps.beside(step, need.on).unwrap_or(step);
        if waits == need.on && waits != step {
            return self.own_owner(step, need);
        }
        if waits != step {
            need.source = EdgeSource::BodyRead;
        }
        self.needs[waits].push(need);
    }

    /// A step of a body reads the step that the body belongs to.
    fn own_owner(&mut self, step: StepIndex, need: SpannedEdge) {
        let (step, owner) = (self.steps.path(step), self.steps.path(need.on));
        let told = format!("step `{step}` reads `{owner}`, in whose body it stands");
        let problem = Diagnostic::error("cycle", told, need.span).label("ends after this step");
        self.check.report(problem.help("read the steps of the body"));
    }

    fn unknown_step_read(&mut self, id: &str, span: Span, placed: &Placed<'_>) {
        let owner = placed.site.owner;
        let told = format!("{owner} reads `steps.{id}`, but there is no step `{id}`");
        let mut problem = Diagnostic::error("unknown-step", told, span).label("not a step");
        if self.check.suggests() {
            let from = placed.site.step;
            problem.help = match self.steps.body_with(id) {
                Some(owner) => Some(self.inside_of(owner, id, from)),
                None => suggestion(id, self.steps.visible_ids(from)),
            };
        }
        self.check.report(problem);
    }

    /// A step is read that stands in a body: its owner may be what can be read instead.
    fn inside_of(&self, owner: StepIndex, id: &str, from: Option<StepIndex>) -> String {
        let inside = format!("`{id}` is inside of `{}`", self.steps.path(owner));
        let name = self.steps.all[owner].id;
        if self.steps.visible(from, name.as_str()) == Some(owner) {
            format!("{inside}: read `steps.{name}.output`")
        } else {
            format!("{inside}, and what is inside of a body is read only there")
        }
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
                    let span = on.span.clone();
                    let source = EdgeSource::Named;
                    self.needs[step].push(SpannedEdge { on: index, data: false, source, span });
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

    /// What to do about a dependency that does not exist on this level: it may be inside or outside a body.
    fn other_level(&self, parent: Option<StepIndex>, id: &str) -> Option<String> {
        if let Some(parent) = parent
            && let Some(outer) = self.steps.visible(Some(parent), id)
            && let Some(owner) = self.steps.beside(parent, outer)
        {
            let put = format!("put it into `depends_on` of `{}`", self.steps.path(owner));
            return Some(format!("`{id}` is outside of the body: {put}"));
        }
        match self.steps.body_with(id).filter(|owner| self.steps.all[*owner].parent == parent) {
            Some(owner) => {
                let owner = &self.steps.all[owner].id;
                Some(format!("`{id}` is inside of `{owner}`: depend on `{owner}`"))
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
                let span = id.span.clone();
                let source = EdgeSource::Named;
                self.needs[step].push(SpannedEdge { on, data: false, source, span });
            }
            before = Some(step);
        }
    }
}
