//! The templates of a step: what an attempt of it renders, and whose outputs they need.

use super::{HttpBody, InputFrom, Node, Output, Program, Template, Verb};
use crate::expression::{EvalError, Names};

impl Node {
    /// Visits what an attempt may render.
    pub(crate) fn each_template<'a>(&'a self, visit: &mut dyn FnMut(&'a Template)) {
        if let InputFrom::With(template) = &self.input {
            visit(template);
        }
        self.idempotency_key.iter().for_each(&mut *visit);
        match &self.verb {
            Verb::Task(_) | Verb::Body => {}
            Verb::Sleep(span) => visit(span),
            Verb::Run(command) => {
                match &command.program {
                    Program::Shell(text) => visit(text),
                    Program::Argv(words) => words.iter().for_each(&mut *visit),
                }
                command.env.iter().for_each(|(_, template)| visit(template));
                command.stdin.iter().for_each(&mut *visit);
                command.output.each_template(visit);
            }
            Verb::Http(request) => {
                visit(&request.url);
                request
                    .headers
                    .iter()
                    .chain(&request.query)
                    .for_each(|(_, template)| visit(template));
                match &request.body {
                    HttpBody::Empty => {}
                    HttpBody::Json(template) | HttpBody::Text(template) => visit(template),
                }
                request.save.iter().for_each(&mut *visit);
                request.output.each_template(visit);
            }
        }
    }

    /// The step whose missing output an attempt with these names would need: found by evaluating the
    /// templates, and only those that read a step without an output.
    ///
    /// Secrets are opaque here, and every other reason to have no value is left to the attempt.
    ///
    /// # Errors
    /// Where finding out takes too long ([`EvalError::is_too_long`]).
    pub fn first_missing(&self, names: &Names) -> Result<Option<Box<str>>, EvalError> {
        if names.steps.iter().all(|(_, step)| step.output.is_some()) {
            return Ok(None);
        }
        let mut missing = Ok(None);
        self.each_template(&mut |template| {
            if missing == Ok(None) {
                missing = template.first_missing(names);
            }
        });
        missing
    }
}

impl Output {
    fn each_template<'a>(&'a self, visit: &mut dyn FnMut(&'a Template)) {
        match self {
            Self::File(template) => visit(template),
            Self::Default | Self::Json | Self::Text | Self::Lines | Self::None => {}
        }
    }
}
