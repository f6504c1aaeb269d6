//! Templates of an attempt: rendered when it starts, with the secrets that they read.

use std::collections::BTreeSet;

use super::Attempt;
use super::error::invalid;
use super::secret::{Masks, resolve};
use crate::expression::Names;
use crate::payload::Payload;
use crate::plan::Template;
use crate::run::Failure;

/// The names of an attempt, and what must not be shown of them.
#[derive(Debug, Default)]
pub(crate) struct Rendering {
    names: Names,
    masks: Masks,
}

impl Rendering {
    /// Adds the secrets that the attempt's step reads to the names.
    ///
    /// # Errors
    /// Where a secret is not there.
    pub(crate) fn prepare(attempt: &Attempt, mut names: Names) -> Result<Self, Failure> {
        for name in secrets_read(attempt) {
            names.secrets.push((name.into(), resolve(attempt, name)?));
        }
        let masks = Masks::of(&names.secrets);
        Ok(Self { names, masks })
    }

    /// The template's value.
    pub(crate) fn value(&self, template: &Template) -> Result<Payload, Failure> {
        template.render(&self.names).map_err(|error| self.failed(&error))
    }

    /// The template as text.
    pub(crate) fn text(&self, template: &Template) -> Result<String, Failure> {
        template.render_text(&self.names).map_err(|error| self.failed(&error))
    }

    /// The template as a shell's text: each expression is one word.
    pub(crate) fn shell(&self, template: &Template) -> Result<String, Failure> {
        template.render_shell(&self.names).map_err(|error| self.failed(&error))
    }

    /// The run's input, as far as the names have it.
    pub(crate) fn run_input(&self) -> Payload {
        self.names.input.clone()
    }

    /// The item, inside a fan-out.
    pub(crate) fn item(&self) -> Option<Payload> {
        self.names.item.as_ref().map(|(_, item)| item.clone())
    }

    /// What must not be shown.
    #[cfg(feature = "http")]
    pub(crate) fn masks(&self) -> &Masks {
        &self.masks
    }

    pub(crate) fn into_masks(self) -> Masks {
        self.masks
    }

    fn failed(&self, error: &impl std::fmt::Display) -> Failure {
        invalid(self.masks.apply_text(&error.to_string()))
    }
}

/// The secrets that the step's templates name, each once.
fn secrets_read(attempt: &Attempt) -> BTreeSet<&str> {
    let mut read = BTreeSet::new();
    if !attempt.plan.secrets.is_empty() {
        attempt.step().each_template(&mut |template| {
            let secrets = template.expressions().into_iter().flat_map(|e| &e.reads().secrets);
            read.extend(secrets.map(|secret| &*secret.name));
        });
    }
    read
}
