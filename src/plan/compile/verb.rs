//! The verbs: commands, requests, tasks, sleeps, bodies.

use crate::payload::Json;
use indexmap::IndexMap;

use super::super::site::{Cursor, May, Site};
use super::super::steps::StepIndex;
use super::super::{CommandPlan, HttpBody, HttpPlan, Output, Program, Verb};
use super::Compiler;
use crate::definition::{HttpDefinition, OutputKind, Spanned, StepDefinition, VerbDefinition};
use crate::expression::Template;
use crate::payload::PAYLOAD_BYTES_MAX;

/// The largest answer that `save` writes to a file by default, in bytes.
const SAVED_BYTES_MAX: u64 = 1 << 30;

impl Compiler<'_, '_, '_> {
    pub(super) fn verb(&mut self, step: StepIndex, site: &Site<'_>) -> Option<Verb> {
        let definition = self.steps.all[step].definition;
        match &definition.verb {
            VerbDefinition::Task(task) => Some(Verb::Task(self.task(task, site))),
            VerbDefinition::Shell(command) => {
                let program = self.shell(command, site).map(Program::Shell);
                self.command(program, definition, site)
            }
            VerbDefinition::Argv(words) => {
                let words: Vec<_> = words.iter().map(|word| self.text(word, site)).collect();
                let words: Option<Vec<_>> = words.into_iter().collect();
                self.command(words.map(Program::Argv), definition, site)
            }
            VerbDefinition::Http(http) => {
                let output = self.output_kind(&definition.output, site);
                self.http(http, output, site)
            }
            VerbDefinition::Sleep(duration) => {
                // The run itself waits, and knows no secrets.
                let site = Site { may: May { secrets: false, ..site.may }, ..site.clone() };
                self.text(duration, &site).map(Verb::Sleep)
            }
            VerbDefinition::Steps(_) => Some(Verb::Body),
        }
    }

    fn shell(&mut self, command: &Spanned<String>, site: &Site<'_>) -> Option<Template> {
        let site = Site { within: &command.span, ..site.clone() };
        let cursor = Cursor::new(self.check.text, &command.span, false);
        // A place that no quoting makes safe is refused at run time too.
        let read = if self.is_stored { Template::read_text } else { Template::read_shell };
        self.take(read(&command.value), &site, &cursor)
    }

    fn command(
        &mut self,
        program: Option<Program>,
        definition: &StepDefinition,
        site: &Site<'_>,
    ) -> Option<Verb> {
        let env = self.table(&definition.env, site);
        let stdin = self.optional(definition.stdin.as_ref(), site);
        let output = self.output_kind(&definition.output, site);
        let command = CommandPlan { program: program?, env: env?, stdin: stdin?, output: output? };
        Some(Verb::Run(Box::new(command)))
    }

    fn http(
        &mut self,
        http: &HttpDefinition,
        output: Option<Output>,
        site: &Site<'_>,
    ) -> Option<Verb> {
        let url = self.text(&http.url, site);
        let headers = self.table(&http.headers, site);
        let query = self.table(&http.query, site);
        let json = self.optional(http.json.as_ref(), site);
        let text = self.optional(http.body.as_ref(), site);
        let save = self.optional(http.save.as_ref(), site);
        let body = match (json?, text?) {
            (Some(json), _) => HttpBody::Json(json),
            (None, Some(text)) => HttpBody::Text(text),
            (None, None) => HttpBody::Empty,
        };
        let save = save?;
        let method = match (&http.method, &body) {
            (Some(method), _) => method.value.as_str(),
            (None, HttpBody::Empty) => "GET",
            (None, HttpBody::Json(_) | HttpBody::Text(_)) => "POST",
        };
        let most = match save {
            Some(_) => SAVED_BYTES_MAX,
            None => u64::try_from(PAYLOAD_BYTES_MAX).unwrap_or(u64::MAX),
        };
        let expect = if http.expect.is_empty() { vec![(200, 299)] } else { http.expect.clone() };
        Some(Verb::Http(Box::new(HttpPlan {
            method: method.into(),
            url: url?,
            headers: headers?,
            query: query?,
            body,
            expect,
            save,
            max_size: http.max_size.unwrap_or(most),
            output: output?,
        })))
    }

    fn output_kind(&mut self, output: &OutputKind, site: &Site<'_>) -> Option<Output> {
        Some(match output {
            OutputKind::Default => Output::Default,
            OutputKind::Json => Output::Json,
            OutputKind::Text => Output::Text,
            OutputKind::Lines => Output::Lines,
            OutputKind::None => Output::None,
            OutputKind::File(file) => Output::File(self.value(file, site)?),
        })
    }

    fn value(&mut self, value: &Spanned<Json>, site: &Site<'_>) -> Option<Template> {
        self.template(&value.value, &Site { within: &value.span, ..site.clone() })
    }

    /// The outer `None`: it was refused.
    #[expect(clippy::option_option, reason = "refused, absent, and there are three things")]
    fn optional(
        &mut self,
        value: Option<&Spanned<Json>>,
        site: &Site<'_>,
    ) -> Option<Option<Template>> {
        value.map_or(Some(None), |value| self.value(value, site).map(Some))
    }

    /// Templates by name; all are compiled, even where one is refused.
    fn table(
        &mut self,
        table: &IndexMap<String, Spanned<Json>>,
        site: &Site<'_>,
    ) -> Option<Vec<(String, Template)>> {
        let rows: Vec<_> = table
            .iter()
            .map(|(name, value)| Some((name.clone(), self.value(value, site)?)))
            .collect();
        rows.into_iter().collect()
    }
}
