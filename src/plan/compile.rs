//! Compiles each step's expressions once, and collects the names in them.

mod verb;

use std::collections::BTreeSet;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::payload::Json;

use super::check::{Check, suggestion};
use super::edge::{SpannedEdge, counted};
use super::site::{Cursor, May, Site, refuse};
use super::steps::{StepIndex, Steps};
use super::{ITEMS_MAX, KnownTasks, StoredError, Verb};
use crate::definition::{Definition, Diagnostic, JoinDefinition, Span, Spanned, StepDefinition};
use crate::expression::{CompileError, Expression, Names, Template};

/// The compiled parts of a step. A part that was refused is missing.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub verb: Option<Verb>,
    pub when: Option<Expression>,
    pub list: Option<Expression>,
    pub with: Option<Template>,
    pub idempotency_key: Option<Template>,
    /// Steps that it reads, maybe more than once.
    pub reads: Vec<StepIndex>,
    /// `steps` as a whole is read.
    pub all_steps: Option<Span>,
}

/// `[output]`, compiled.
#[derive(Debug, Default)]
pub(super) struct OutputDraft {
    pub template: Option<Template>,
    /// Top-level steps that it reads, maybe more than once.
    pub reads: Vec<StepIndex>,
}

/// The result of compiling a definition.
pub(super) struct Compiled {
    pub drafts: Vec<Draft>,
    /// By step: what it waits for, maybe more than once.
    pub needs: Vec<Vec<SpannedEdge>>,
    pub output: OutputDraft,
}

/// Compiles a definition in one pass over its steps.
pub(super) struct Compiler<'c, 'd, 't> {
    pub(super) definition: &'d Definition,
    pub(super) steps: &'c Steps<'d>,
    pub(super) tasks: &'c KnownTasks,
    pub(super) check: &'c mut Check<'t>,
    pub(super) drafts: Vec<Draft>,
    pub(super) needs: Vec<Vec<SpannedEdge>>,
    pub(super) output_reads: Vec<StepIndex>,
    /// Whether the text was checked when it was new.
    pub(super) is_stored: bool,
}

impl Compiled {
    /// Whether everything that the definition has was compiled: what was refused is missing.
    pub(super) fn must_be_whole(
        &self,
        definition: &Definition,
        steps: &Steps<'_>,
    ) -> Result<(), StoredError> {
        for (index, draft) in self.drafts.iter().enumerate() {
            if !draft.is_whole(steps.all[index].definition) {
                return Err(StoredError::Uncompiled(format!("step `{}`", steps.path(index))));
            }
        }
        if self.output.template.is_none() && !definition.output.is_empty() {
            return Err(StoredError::Uncompiled("`[output]`".to_owned()));
        }
        Ok(())
    }
}

impl Draft {
    fn is_whole(&self, definition: &StepDefinition) -> bool {
        self.verb.is_some()
            && self.when.is_some() == definition.when.is_some()
            && self.list.is_some() == definition.for_each.is_some()
            && self.with.is_some() == definition.with.is_some()
            && self.idempotency_key.is_some() == definition.idempotency_key.is_some()
    }
}

impl<'c, 'd, 't> Compiler<'c, 'd, 't> {
    pub(super) fn new(
        definition: &'d Definition,
        steps: &'c Steps<'d>,
        tasks: &'c KnownTasks,
        check: &'c mut Check<'t>,
    ) -> Self {
        let mut drafts = Vec::new();
        drafts.resize_with(steps.all.len(), Draft::default);
        let needs = vec![Vec::new(); steps.all.len()];
        let output_reads = Vec::new();
        Self { definition, steps, tasks, check, drafts, needs, output_reads, is_stored: false }
    }

    /// For a text that was checked when it was new: compiles what can be compiled, and leaves out
    /// checks of what is compiled.
    pub(super) fn of_stored(self) -> Self {
        Self { is_stored: true, ..self }
    }

    pub(super) fn compile(mut self) -> Compiled {
        if self.steps.all.is_empty() {
            let told = "the workflow has no steps";
            let problem = Diagnostic::error("no-steps", told, self.definition.name.span.clone());
            self.check.report(problem.label("nothing to do").help("add a table `[steps.<id>]`"));
        }
        for step in 0..self.steps.all.len() {
            self.depends_on(step);
        }
        self.pipeline();
        for step in 0..self.steps.all.len() {
            self.step(step);
        }
        self.check_tables();
        let template = self.output();
        let output = OutputDraft { template, reads: self.output_reads };
        Compiled { drafts: self.drafts, needs: self.needs, output }
    }

    fn step(&mut self, step: StepIndex) {
        let steps = self.steps;
        let definition = steps.all[step].definition;
        let owner = format!("step `{}`", steps.path(step));
        self.check_hidden(step);
        let is_in_item = steps.is_in_item(step);
        let in_attempt = May { item: is_in_item || steps.is_fan_out(step), secrets: true };
        let in_run = May { secrets: false, ..in_attempt };
        // Of a fan-out these two are asked once, before there are items.
        let before = May { item: is_in_item, ..in_run };
        let site = |within, may| Site { owner: &owner, step: Some(step), within, may };

        let when = definition.when.as_ref();
        self.drafts[step].when =
            when.and_then(|when| self.bare(&when.value, &site(&when.span, before)));
        let list = definition.for_each.as_ref();
        self.drafts[step].list =
            list.and_then(|list| self.list(list, definition.max_items, &site(&list.span, before)));
        let with = definition.with.as_ref();
        self.drafts[step].with =
            with.and_then(|with| self.template(&with.value, &site(&with.span, in_attempt)));
        let key = definition.idempotency_key.as_ref();
        self.drafts[step].idempotency_key =
            key.and_then(|key| self.template(&key.value, &site(&key.span, in_run)));
        self.drafts[step].verb = self.verb(step, &site(&definition.span, in_attempt));
        self.check_join(step, &owner);
    }

    /// A step of an enclosing level with the same id cannot be read in the body.
    fn check_hidden(&mut self, step: StepIndex) {
        let Some(owner) = self.steps.all[step].parent else { return };
        let id = self.steps.all[step].id;
        let Some(outer) = self.steps.visible(Some(owner), id.as_str()) else { return };
        let told =
            format!("in the body of `{}`, `{id}` hides the step outside", self.steps.path(owner));
        let problem = Diagnostic::warning("hidden-step", told, self.steps.span(step));
        let problem = problem.label("this one is read in the body");
        self.check.report(problem.related(self.steps.span(outer), "this one cannot be read there"));
    }

    /// A join by count must have something to count. Where no step is named it counts what the step
    /// reads, so this is asked behind its expressions.
    fn check_join(&mut self, step: StepIndex, owner: &str) {
        let Some(join) = &self.steps.all[step].definition.join else { return };
        let wanted = match join.value {
            JoinDefinition::Count(count) => usize::try_from(count).unwrap_or(usize::MAX),
            JoinDefinition::Any => 1,
            JoinDefinition::All | JoinDefinition::Settled => return,
        };
        let needs = &self.needs[step];
        let source = counted(needs);
        let on: BTreeSet<StepIndex> =
            needs.iter().filter(|need| need.source == source).map(|need| need.on).collect();
        if wanted <= on.len() {
            return;
        }
        let told = match on.len() {
            0 => format!("{owner} has a `join`, but waits for no step that it counts"),
            1 => format!("{owner} waits for {wanted} successes of one step"),
            some => format!("{owner} waits for {wanted} successes of {some} steps"),
        };
        let problem = Diagnostic::error("join-too-large", told, join.span.clone());
        let help = if needs.iter().any(|need| !on.contains(&need.on)) {
            "what is only read is waited for and not counted: name at least as many steps in \
             `depends_on`, or lower it"
        } else {
            "name at least as many steps in `depends_on`, or lower it"
        };
        self.check.report(problem.label("never reached").help(help));
    }

    fn output(&mut self) -> Option<Template> {
        let definition = self.definition;
        if definition.output.is_empty() {
            return None;
        }
        let may = May { item: false, secrets: false };
        let mut whole = IndexMap::new();
        for (name, value) in &definition.output {
            let owner = format!("output `{name}`");
            let site = Site { owner: &owner, step: None, within: &value.span, may };
            self.template(&value.value, &site);
            whole.insert(name.clone(), value.value.clone());
        }
        // Each has been checked at its place; together they are one table.
        Template::compile(&Json::Object(whole)).ok()
    }

    /// A value whose strings may hold expressions.
    fn template(&mut self, value: &Json, site: &Site<'_>) -> Option<Template> {
        let is_table = value.is_object() || value.is_array();
        let cursor = Cursor::new(self.check.text, site.within, is_table);
        self.take(Template::read(value), site, &cursor)
    }

    fn text(&mut self, text: &Spanned<String>, site: &Site<'_>) -> Option<Template> {
        let site = Site { within: &text.span, ..site.clone() };
        let cursor = Cursor::new(self.check.text, &text.span, false);
        self.take(Template::read_text(&text.value), &site, &cursor)
    }

    /// Names are checked in what could be compiled, even where something could not.
    fn take(
        &mut self,
        (template, errors): (Template, Vec<CompileError>),
        site: &Site<'_>,
        cursor: &Cursor,
    ) -> Option<Template> {
        if !template.is_constant() {
            self.resolve(&template.expressions(), site, cursor.clone());
        }
        if errors.is_empty() {
            return Some(template);
        }
        refuse(self.check, site, cursor.clone(), errors);
        None
    }

    fn bare(&mut self, source: &str, site: &Site<'_>) -> Option<Expression> {
        let cursor = Cursor::new(self.check.text, site.within, false);
        match Expression::compile(source) {
            Ok(expression) => {
                self.resolve(&[&expression], site, cursor);
                Some(expression)
            }
            Err(error) => {
                refuse(self.check, site, cursor, vec![error]);
                None
            }
        }
    }

    fn list(
        &mut self,
        list: &Spanned<String>,
        max_items: Option<u32>,
        site: &Site<'_>,
    ) -> Option<Expression> {
        let expression = self.bare(&list.value, site)?;
        if !expression.is_constant() {
            return Some(expression);
        }
        let most = usize::try_from(max_items.unwrap_or(ITEMS_MAX)).unwrap_or(usize::MAX);
        let refused = match expression.eval_list(&Names::default()) {
            Ok(items) if items.len() <= most => return Some(expression),
            Ok(items) => {
                let told =
                    format!("{} has {} items; at most {most} are allowed", site.owner, items.len());
                Diagnostic::error("too-many-items", told, list.span.clone()).label("too many")
            }
            Err(error) => {
                let told = format!("{}: `for_each`: {error}", site.owner);
                Diagnostic::error("bad-expression", told, list.span.clone()).label("no list")
            }
        };
        self.check.report(refused);
        Some(expression)
    }

    /// A handler that is known.
    fn task(&mut self, task: &Spanned<String>, site: &Site<'_>) -> Arc<str> {
        if let KnownTasks::Only(known) = self.tasks
            && !known.contains(&task.value)
        {
            let told =
                format!("{} calls the task `{}`, which is not registered", site.owner, task.value);
            let mut problem = Diagnostic::error("unknown-task", told, task.span.clone());
            "not registered".clone_into(&mut problem.label);
            if self.check.suggests() {
                problem.help = suggestion(&task.value, known.iter().map(String::as_str));
            }
            self.check.report(problem);
        }
        task.value.as_str().into()
    }
}
