//! A sketch as TOML.

use std::fmt::Write as _;

use super::{JoinSketch, List, Sketch, Sketched, Tolerance, VerbSketch, When};

/// What takes more than a little effort, and yet no time.
const SLOW: &str = "(('x' * 200000) | length)";

impl Sketch {
    pub(in crate::run::simulation) fn toml(&self) -> String {
        let mut text = format!("fail_fast = \"{}\"\n", self.fail_fast);
        if let Some(max) = self.max_parallel {
            writeln!(text, "max_parallel = {max}").unwrap();
        }
        if let Some(timeout) = self.timeout {
            writeln!(text, "timeout = \"{timeout}ms\"").unwrap();
        }
        if self.slow_output {
            writeln!(text, "[output]\nlength = \"${{{{ {SLOW} + run.attempt }}}}\"").unwrap();
        }
        for step in &self.steps {
            step.write("steps", &self.steps, &mut text);
        }
        text
    }
}

impl Sketched {
    fn write(&self, path: &str, all: &[Self], text: &mut String) {
        writeln!(text, "[{path}.{}]", self.id).unwrap();
        let id = |step: &usize| format!("\"{}\"", all[*step].id);
        if !self.waits.is_empty() {
            let waits: Vec<String> = self.waits.iter().map(id).collect();
            writeln!(text, "depends_on = [{}]", waits.join(", ")).unwrap();
        }
        let when = match self.when {
            When::Always if self.slow => Some("run.attempt > 0".to_owned()),
            When::Always => None,
            When::Never => Some("run.attempt == 0".to_owned()),
            When::Status(step) => Some(format!("steps.{}.status == 'succeeded'", all[step].id)),
            When::Value(step) => Some(format!("steps.{}.output.n % 2 == 0", all[step].id)),
            When::EvenItem => Some("index % 2 == 0".to_owned()),
        };
        if let Some(when) = when {
            let slow = if self.slow { format!("{SLOW} > 0 and ") } else { String::new() };
            writeln!(text, "when = \"{slow}{when}\"").unwrap();
        }
        match self.join {
            JoinSketch::All => {}
            JoinSketch::Settled => text.push_str("join = \"settled\"\n"),
            JoinSketch::Count(wanted) => writeln!(text, "join = {wanted}").unwrap(),
        }
        self.write_policies(text);
        let with: Vec<String> = self
            .reads
            .iter()
            .map(|step| format!("r{step} = \"${{{{ steps.{}.output }}}}\"", all[*step].id))
            .chain(self.asks.iter().map(|step| {
                format!("a{step} = \"${{{{ steps.{}.output | default('no') }}}}\"", all[*step].id)
            }))
            .collect();
        if !with.is_empty() {
            writeln!(text, "with = {{ {} }}", with.join(", ")).unwrap();
        }
        self.write_verb(path, all, text);
    }

    fn write_policies(&self, text: &mut String) {
        if self.allowed {
            text.push_str("allow_failure = true\n");
        }
        let is_task = match &self.verb {
            VerbSketch::Task => true,
            VerbSketch::Sleep(_) => false,
            VerbSketch::Each(each) => each.body.is_none(),
        };
        if self.parks && is_task {
            text.push_str("on_crash = \"park\"\n");
        }
        if let (Some(limit), true) = (self.start_within, is_task) {
            writeln!(text, "start_within = \"{limit}ms\"").unwrap();
        }
        let Some(retry) = self.retry.as_ref().filter(|_| is_task) else { return };
        text.push_str("retry = [");
        if let Some(attempts) = retry.limited {
            write!(
                text,
                "{{ on = [\"rate_limited\"], attempts = {attempts}, delay = \"retry_after\" }}, "
            )
            .unwrap();
        }
        let not_on = retry.not_on.map(|class| format!(", not_on = [\"{class}\"]"));
        let within = retry.within.map(|within| format!(", within = \"{within}ms\""));
        writeln!(
            text,
            "{{ attempts = {}, delay = \"{}ms\", backoff = \"{}\", jitter = \"{}\"{}{} }}]",
            retry.attempts,
            retry.delay,
            retry.backoff,
            retry.jitter,
            not_on.unwrap_or_default(),
            within.unwrap_or_default(),
        )
        .unwrap();
    }

    fn write_verb(&self, path: &str, all: &[Self], text: &mut String) {
        let each = match &self.verb {
            VerbSketch::Task => return text.push_str("task = \"t\"\n"),
            VerbSketch::Sleep(span) => return writeln!(text, "sleep = \"{span}ms\"").unwrap(),
            VerbSketch::Each(each) => each,
        };
        match each.list {
            List::Literal(items) => {
                let items: Vec<String> = (0..items).map(|item| item.to_string()).collect();
                writeln!(text, "for_each = \"[{}]\"", items.join(", ")).unwrap();
            }
            List::Output(step) => {
                writeln!(text, "for_each = \"steps.{}.output.list\"", all[step].id).unwrap();
            }
            List::Nothing => {}
        }
        if let Some(max) = each.max_parallel {
            writeln!(text, "max_parallel = {max}").unwrap();
        }
        match each.tolerate {
            None => {}
            Some(Tolerance::Count(items)) => writeln!(text, "tolerate = {items}").unwrap(),
            Some(Tolerance::Percent(part)) => writeln!(text, "tolerate = \"{part}%\"").unwrap(),
        }
        match &each.body {
            None => text.push_str("task = \"t\"\n"),
            Some(body) => {
                for step in body {
                    step.write(&format!("{path}.{}.steps", self.id), body, text);
                }
            }
        }
    }
}
