//! `engine.toml`.

use super::field::bad_name;
use super::problems::Problems;
use super::table::{Keys, Table};
use super::{refused, retention, syntax, tree};
use crate::definition::unit::excerpt;
use crate::definition::{Diagnostic, QueueSettings, Settings, WORKERS_MAX, WhenFull};
use crate::id::Name;

const KEYS: Keys = Keys {
    known: &["queues", "retention"],
    later: &[
        "durability",
        "data_dir",
        "rate_limits",
        "locks",
        "breakers",
        "events",
        "alert",
        "notify",
        "workflows",
        "http",
        "api",
        "dlq",
    ],
    others: &[("queue", "queues")],
};

const QUEUE_KEYS: Keys = Keys {
    known: &["workers", "max_depth", "when_full", "priority"],
    later: &[],
    others: &[("concurrency", "workers"), ("limit", "max_depth"), ("slots", "workers")],
};

const WHEN_FULLS: [(&str, WhenFull); 2] = [("reject", WhenFull::Reject), ("wait", WhenFull::Wait)];

const DEPTH_MAX: i64 = 1_000_000_000;

/// Reads the text of `engine.toml`: what could be read, and all problems in the order of the file.
///
/// ```
/// let (settings, problems) =
///     windlass::definition::parse_settings("engine.toml", "[queues.payments]\nworkers = 4\n");
/// assert!(problems.is_empty());
/// assert_eq!(settings.expect("it is one").queues[0].workers, 4);
/// ```
pub fn parse_settings(_path: &str, text: &str) -> (Option<Settings>, Vec<Diagnostic>) {
    if let Some(refused) = refused(text) {
        return (None, vec![refused]);
    }
    let problems = Problems::default();
    let (root, errors) = tree(text);
    syntax::report(text, &errors, &problems);
    let settings = read(&Table::root(root.get_ref(), &problems).owned_by("engine.toml"));
    let settings = Some(settings).filter(|_| !problems.broken.get());
    (settings, problems.into_sorted())
}

fn read(root: &Table<'_>) -> Settings {
    root.check_keys(&KEYS, "settings");
    let mut settings = Settings { retention: retention::read(root), ..Settings::default() };
    let queues = root.table("queues").map(|queues| queues.fields()).unwrap_or_default();
    for (key, field) in queues {
        let Some(name) = Name::new(key) else {
            field.problems.report(bad_name("queue", key, &field.key_span));
            continue;
        };
        let Some(table) = Table::of(&field, "a table") else { continue };
        settings.queues.insert(name, queue(&table.owned_by(&format!("queue `{}`", excerpt(key)))));
    }
    settings
}

fn queue(table: &Table<'_>) -> QueueSettings {
    table.check_keys(&QUEUE_KEYS, "queue");
    let default = QueueSettings::default();
    let count = |key, max: i64| {
        let count = table.field(key).and_then(|field| field.integer(1..=max))?;
        usize::try_from(count).ok()
    };
    let workers = count("workers", i64::try_from(WORKERS_MAX).unwrap_or(i64::MAX));
    let when_full = table.field("when_full").and_then(|field| field.choice(&WHEN_FULLS));
    let priority = table.field("priority").and_then(|field| field.priority());
    QueueSettings {
        workers: workers.unwrap_or(default.workers),
        max_depth: count("max_depth", DEPTH_MAX),
        when_full: when_full.unwrap_or(default.when_full),
        priority: priority.unwrap_or(default.priority),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use expect_test::expect;

    use super::*;
    use crate::definition::{Format, KeepTime, RetentionKeys, render};

    #[test]
    fn queues_are_read() {
        let text = "[queues.payments]\nworkers = 4\nmax_depth = 10_000\nwhen_full = 'wait'\n\
                    priority = 5\n[queues.default]\n";
        let (settings, problems) = parse_settings("engine.toml", text);
        assert_eq!(problems, []);
        let queues = settings.unwrap().queues;
        let wait = WhenFull::Wait;
        let payments =
            QueueSettings { workers: 4, max_depth: Some(10_000), when_full: wait, priority: 5 };
        assert_eq!(queues[0], payments);
        assert_eq!(queues[1], QueueSettings::default());
    }

    #[test]
    fn retention_is_read() {
        let text = "[retention]\nkeep = '90d'\nkeep_failed = 'forever'\n";
        let (settings, problems) = parse_settings("engine.toml", text);
        assert_eq!(problems, []);
        let expected = RetentionKeys {
            keep: Some(KeepTime::For(Duration::from_secs(90 * 86_400))),
            keep_failed: Some(KeepTime::Forever),
            ..RetentionKeys::default()
        };
        assert_eq!(settings.unwrap().retention, expected);
    }

    #[test]
    fn all_problems_are_told() {
        let text = "[queues.payments]\nworkers = 0\nmax_depht = 1\nwhen_full = 'drop'\n\
                    [queues.'a b']\n[api]\nlisten = 'x'\n[queue.x]\n\
                    [retention]\nkeep = 'ever'\nkeep_min = -1\nkeep_letter = '1d'\n";
        let (_, problems) = parse_settings("engine.toml", text);
        expect![[r#"
            {"v":1,"code":"out-of-range","severity":"error","message":"queue `payments`: `workers` must be at least 1","file":"engine.toml","line":2,"column":11,"end_line":2,"end_column":12,"label":"too small","related":[],"help":null}
            {"v":1,"code":"unknown-key","severity":"error","message":"unknown key `max_depht` in queue `payments`","file":"engine.toml","line":3,"column":1,"end_line":3,"end_column":10,"label":"not a queue key","related":[],"help":"did you mean `max_depth`?"}
            {"v":1,"code":"unknown-value","severity":"error","message":"queue `payments`: unknown when_full `drop`","file":"engine.toml","line":4,"column":13,"end_line":4,"end_column":19,"label":"not a value of `when_full`","related":[],"help":"allowed: `reject` or `wait`"}
            {"v":1,"code":"bad-name","severity":"error","message":"queue: `a b` is not a name","file":"engine.toml","line":5,"column":9,"end_line":5,"end_column":14,"label":"not a name","related":[],"help":"a name has 1 to 128 of the characters A-Z, a-z, 0-9, `_` and `-`"}
            {"v":1,"code":"not-supported-yet","severity":"error","message":"engine.toml: `api` is not supported yet","file":"engine.toml","line":6,"column":2,"end_line":6,"end_column":5,"label":"a later version reads it","related":[],"help":"take it out for now"}
            {"v":1,"code":"unknown-key","severity":"error","message":"unknown key `queue` in engine.toml","file":"engine.toml","line":8,"column":2,"end_line":8,"end_column":7,"label":"not a settings key","related":[],"help":"did you mean `queues`?"}
            {"v":1,"code":"bad-duration","severity":"error","message":"engine.toml: `retention.keep`: `ever` is not a duration","file":"engine.toml","line":10,"column":8,"end_line":10,"end_column":14,"label":"not a time to keep something","related":[],"help":"write a duration such as \"30d\", or \"forever\""}
            {"v":1,"code":"out-of-range","severity":"error","message":"engine.toml: `retention.keep_min` must be at least 0","file":"engine.toml","line":11,"column":12,"end_line":11,"end_column":14,"label":"too small","related":[],"help":null}
            {"v":1,"code":"unknown-key","severity":"error","message":"unknown key `retention.keep_letter` in engine.toml","file":"engine.toml","line":12,"column":1,"end_line":12,"end_column":12,"label":"not a retention key","related":[],"help":"did you mean `keep_letters`?"}
        "#]].assert_eq(&render("engine.toml", text, &problems, Format::Json));
    }
}
