//! `[defaults]`: what steps have that say nothing themselves.

use std::time::Duration;

use crate::payload::Json;
use indexmap::IndexMap;

use super::env::read_env;
use super::retry::{Policies, Retry, read_retry};
use super::table::{Keys, Table};
use crate::definition::Spanned;
use crate::id::Name;

const KEYS: Keys = Keys {
    known: &["retry", "timeout", "queue", "env"],
    later: &["grace", "shell", "cwd"],
    others: &[("retries", "retry.attempts"), ("attempts", "retry.attempts")],
};

/// `[defaults]`
#[derive(Debug, Default)]
pub(super) struct Defaults {
    pub(super) retry: Option<Retry>,
    pub(super) timeout: Option<Spanned<Duration>>,
    pub(super) queue: Option<Spanned<Name>>,
    pub(super) env: IndexMap<String, Spanned<Json>>,
}

impl Defaults {
    pub(super) fn read(table: &Table<'_>, policies: &Policies) -> Self {
        let table = table.clone().owned_by("`[defaults]`");
        table.check_keys(&KEYS, "defaults");
        Self {
            retry: table.field("retry").and_then(|field| read_retry(&field, policies)),
            timeout: table.field("timeout").and_then(|field| field.time_limit()),
            queue: table.field("queue").and_then(|field| field.name()),
            env: read_env(&table),
        }
    }
}
