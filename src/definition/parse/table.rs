//! A table of the file: its fields by key, in the file's order, and the keys it does not know.

use std::rc::Rc;

use crate::payload::Json;
use indexmap::IndexMap;
use toml::de::{DeTable, DeValue};

use super::field::{Field, say};
use super::problems::{Problems, nearest};
use super::value::to_json;
use crate::definition::unit::excerpt;
use crate::definition::{Diagnostic, Span, Spanned};

/// The keys of one kind of table.
#[derive(Debug)]
pub(super) struct Keys {
    /// Those that are read.
    pub(super) known: &'static [&'static str],
    /// Those that the format has and this version does not read yet.
    pub(super) later: &'static [&'static str],
    /// Words of other systems, with ours for them.
    pub(super) others: &'static [(&'static str, &'static str)],
}

impl Keys {
    /// Keys that are all read.
    pub(super) const fn of(known: &'static [&'static str]) -> Self {
        Self { known, later: &[], others: &[] }
    }

    /// The known word that is most like `word`.
    fn near(&self, word: &str) -> Option<&'static str> {
        let other = |word: &str| self.others.iter().find(|(other, _)| *other == word);
        if let Some((_, ours)) = other(word) {
            return Some(ours);
        }
        let near = nearest(word, self.known.iter().chain(self.later).copied());
        let near_other = || nearest(word, self.others.iter().map(|(other, _)| *other));
        near.or_else(|| near_other().and_then(other).map(|(_, ours)| *ours))
    }
}

/// A table and whom to name in messages about it.
#[derive(Debug, Clone)]
pub(super) struct Table<'a> {
    /// Whose it is, such as ``step `a` ``; empty: the workflow's.
    pub(super) owner: Rc<str>,
    /// The prefix of its keys in messages, such as `retry.`.
    prefix: String,
    /// Its header, or the whole of an inline one.
    pub(super) span: Span,
    entries: &'a DeTable<'a>,
    /// A bit for each length that a key has: most of the keys that are asked for are not there, and
    /// this tells without a search.
    lengths: u64,
    /// Where problems go.
    pub(super) problems: &'a Problems,
}

impl<'a> Table<'a> {
    /// The whole file.
    pub(super) fn root(entries: &'a DeTable<'a>, problems: &'a Problems) -> Self {
        let lengths = lengths(entries);
        Self { owner: Rc::from(""), prefix: String::new(), span: 0..0, entries, lengths, problems }
    }

    /// The field's table, whose keys are told after its own.
    pub(super) fn of(field: &Field<'a>, shape: &str) -> Option<Self> {
        let DeValue::Table(entries) = field.value else {
            field.wrong_type(shape, None);
            return None;
        };
        Some(Self {
            owner: Rc::clone(&field.owner),
            prefix: format!("{}.", field.name),
            span: field.span.clone(),
            entries,
            lengths: lengths(entries),
            problems: field.problems,
        })
    }

    /// The same table, belonging to something with a name of its own.
    pub(super) fn owned_by(mut self, owner: &str) -> Self {
        self.owner = Rc::from(owner);
        self.prefix.clear();
        self
    }

    /// The value of a key.
    pub(super) fn field(&self, key: &str) -> Option<Field<'a>> {
        if self.lengths & length(key) == 0 {
            return None;
        }
        let (key, value) = self.entries.get_key_value(key)?;
        self.field_of(key.get_ref(), key.span(), value)
    }

    /// Whether a key is there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.lengths & length(key) != 0 && self.entries.contains_key(key)
    }

    /// Whether there is nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All fields in the order of the file.
    pub(super) fn fields(&self) -> Vec<(&'a str, Field<'a>)> {
        let mut fields: Vec<_> = self
            .entries
            .iter()
            .filter_map(|(key, value)| {
                Some((key.get_ref().as_ref(), self.field_of(key.get_ref(), key.span(), value)?))
            })
            .collect();
        fields.sort_by_key(|(_, field)| field.key_span.start);
        fields
    }

    fn field_of(
        &self,
        key: &str,
        key_span: Span,
        value: &'a toml::Spanned<DeValue<'a>>,
    ) -> Option<Field<'a>> {
        // In a broken file the place of a lost value is `0..0`.
        if self.problems.broken.get() && value.span() == (0..0) {
            return None;
        }
        Some(Field {
            owner: Rc::clone(&self.owner),
            name: format!("{}{key}", self.prefix),
            key_span,
            span: value.span(),
            value: value.get_ref(),
            problems: self.problems,
        })
    }

    /// The table of a key.
    pub(super) fn table(&self, key: &str) -> Option<Self> {
        Table::of(&self.field(key)?, "a table")
    }

    /// A table of templates.
    pub(super) fn templates(&self) -> IndexMap<String, Spanned<Json>> {
        let fields = self.fields().into_iter();
        fields
            .filter_map(|(key, field)| Some((key.to_owned(), field.at(to_json(&field)?))))
            .collect()
    }

    /// Reports every key that is not in `keys`.
    pub(super) fn check_keys(&self, keys: &Keys, kind: &str) {
        for key in self.entries.keys() {
            let word: &str = key.get_ref();
            if keys.known.contains(&word) {
                continue;
            }
            if self.problems.is_full() {
                self.problems.count_one();
                continue;
            }
            let name = format!("{}{}", self.prefix, excerpt(word));
            let problem = if keys.later.contains(&word) {
                not_yet(&say(&self.owner, &format!("`{name}`")), &key.span())
            } else {
                self.unknown_key(&name, kind, key.span(), keys.near(word))
            };
            self.problems.report(problem);
        }
    }

    fn unknown_key(&self, name: &str, kind: &str, span: Span, near: Option<&str>) -> Diagnostic {
        let place = if self.owner.is_empty() { "workflow" } else { &self.owner };
        let mut problem =
            Diagnostic::error("unknown-key", format!("unknown key `{name}` in {place}"), span)
                .label(format!("not a {kind} key"));
        problem.help = near.map(|near| format!("did you mean `{near}`?"));
        problem
    }

    /// Reports that a key is missing.
    pub(super) fn missing(&self, key: &str, span: &Span, help: &str) {
        let told = say(&self.owner, &format!("`{}{key}` is missing", self.prefix));
        let problem = Diagnostic::error("missing-key", told, span.clone());
        self.problems.report_missing(problem.label("it belongs here").help(help));
    }
}

fn lengths(entries: &DeTable<'_>) -> u64 {
    entries.keys().fold(0, |lengths, key| lengths | length(key.get_ref()))
}

/// The bit of a key's length.
fn length(key: &str) -> u64 {
    1 << (key.len() & 63)
}

/// The problem of something that the format has and this version does not read yet.
pub(super) fn not_yet(what: &str, span: &Span) -> Diagnostic {
    Diagnostic::error("not-supported-yet", format!("{what} is not supported yet"), span.clone())
        .label("a later version reads it")
        .help("take it out for now")
}
