//! `[retention]`, of a workflow file and of `engine.toml`.

use toml::de::DeValue;

use super::field::Field;
use super::table::{Keys, Table};
use crate::definition::unit::parse_duration;
use crate::definition::{KeepTime, RetentionKeys};

const KEYS: Keys = Keys {
    known: &["keep", "keep_min", "keep_failed", "keep_letters"],
    later: &[],
    others: &[
        ("days", "keep"),
        ("max_age", "keep"),
        ("ttl", "keep"),
        ("keep_last", "keep_min"),
        ("keep_dead_letters", "keep_letters"),
    ],
};

/// The most runs of a workflow that are kept in any case.
const KEEP_MIN_MAX: u32 = 1_000_000;

/// Reads `[retention]`, where there is one.
pub(super) fn read(root: &Table<'_>) -> RetentionKeys {
    let Some(table) = root.table("retention") else { return RetentionKeys::default() };
    table.check_keys(&KEYS, "retention");
    let time = |key| table.field(key).and_then(|field| keep_time(&field));
    RetentionKeys {
        keep: time("keep"),
        keep_min: table.field("keep_min").and_then(|field| field.count(0..=KEEP_MIN_MAX)),
        keep_failed: time("keep_failed"),
        keep_letters: time("keep_letters"),
    }
}

/// A duration, or `forever`.
fn keep_time(field: &Field<'_>) -> Option<KeepTime> {
    let DeValue::String(text) = field.value else {
        field.wrong_type("a duration such as \"30d\", or \"forever\"", None);
        return None;
    };
    match text.trim() {
        "forever" => Some(KeepTime::Forever),
        text => match parse_duration(text) {
            Ok(time) => Some(KeepTime::For(time)),
            Err(why) => {
                let what = why.split_once(": ").map_or(why.as_str(), |(what, _)| what);
                let problem = field.problem("bad-duration", format!("`{}`: {what}", field.name));
                let help = "write a duration such as \"30d\", or \"forever\"";
                field.problems.report(problem.label("not a time to keep something").help(help));
                None
            }
        },
    }
}
