//! The rules: what may stand where. Each takes text and gives the problems it sees.

use crate::source::{Problem, Source, Token, find};

/// The modules of the library, top to bottom; each may use those above it.
pub(crate) const LAYERS: &[&str] = &[
    "sync",
    "guard",
    "seldom",
    "luck",
    "clock",
    "growth",
    "id",
    "payload",
    "definition",
    "expression",
    "plan",
    "run",
    "dead_letter",
    "stored",
    "journal",
    "task",
    "dead_letter",
    "error",
    "actors",
    "engine",
];

/// The dependencies that have a home, and where.
pub(crate) const HOMES: &[(&str, &[&str])] = &[
    ("annotate_snippets", &["src/definition"]),
    ("bincode", &["src/stored"]),
    ("crc", &["src/journal"]),
    ("jiff", &["src/clock"]),
    ("minijinja", &["src/expression"]),
    ("petgraph", &["src/plan"]),
    ("ractor", &["src/actors"]),
    ("redb", &["src/journal/redb"]),
    ("regex_lite", &["src/plan"]),
    ("reqwest", &["src/task"]),
    ("rustix", &["src/task", "src/journal/redb/folder"]),
    ("rustls", &["src/task"]),
    ("strsim", &["src/definition", "src/plan"]),
    ("tokio", &["src/clock", "src/task", "src/actors", "src/engine"]),
    ("toml", &["src/definition"]),
    ("uuid", &["src/id"]),
    ("webpki_roots", &["src/task"]),
];

/// The dependencies that may stand anywhere in the library.
pub(crate) const FREE: &[&str] =
    &["bytes", "futures_core", "indexmap", "serde", "serde_json", "thiserror", "tracing"];

/// The dependencies that a public signature of the engine may name: traits that users implement.
const PUBLIC: &[&str] = &["serde", "futures_core"];

/// Lines of code of a file, its tests apart.
const FILE_LINES_MAX: usize = 400;

/// Lines of code of a function.
const FUNCTION_LINES_MAX: usize = 60;

/// Each module uses only those above it.
pub(crate) fn layers(source: &Source) -> Vec<Problem> {
    let Some(module) = source.module() else { return Vec::new() };
    let Some(rank) = rank(module) else {
        let message = format!("module `{module}` has no layer: give it one in `LAYERS`");
        return vec![source.problem(1, message)];
    };
    let mut problems = Vec::new();
    for path in source.paths() {
        let supers = path.parts.iter().take_while(|part| *part == "super").count();
        let target = match path.parts.first().map(String::as_str) {
            Some("crate") => path.parts.get(1),
            Some("super") if supers == source.depth() => path.parts.get(supers),
            Some(_) | None => None,
        };
        let Some(target) = target else { continue };
        if self::rank(target).is_some_and(|other| other > rank) {
            let message = format!("`{module}` uses `{target}`, which stands below it");
            problems.push(source.problem(path.line, message));
        }
    }
    problems
}

fn rank(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| *layer == module)
}

/// Each dependency is used only in its home.
pub(crate) fn homes(source: &Source) -> Vec<Problem> {
    if source.module().is_none() {
        return Vec::new();
    }
    let tokens = source.tokens();
    let mut problems = Vec::new();
    for path in source.paths() {
        let first = path.parts[0].as_str();
        let Some((_, homes)) = HOMES.iter().find(|(name, _)| *name == first) else { continue };
        if !source.is_in(homes) && !declares(&tokens, first) {
            let message = format!("`{first}` is at home in {}", homes.join(", "));
            problems.push(source.problem(path.line, message));
        }
    }
    problems
}

/// Whether the file has a module of this name, which then hides the dependency.
fn declares(tokens: &[Token<'_>], name: &str) -> bool {
    tokens.windows(2).any(|pair| pair[0].text == "mod" && pair[1].text == name)
}

/// Each dependency of the manifest has a home or is known to have none.
pub(crate) fn manifest(path: &str, text: &str) -> Vec<Problem> {
    let after = text.split("\n[dependencies]\n").nth(1).unwrap_or_default();
    let table = after.split("\n[").next().unwrap_or_default();
    let names = table.lines().filter_map(|line| line.split_once('='));
    let names = names.map(|(name, _)| name.trim().replace('-', "_"));
    let unknown = names.filter(|name| {
        !name.starts_with('#')
            && !FREE.contains(&name.as_str())
            && !HOMES.iter().any(|(known, _)| known == name)
    });
    unknown
        .map(|name| Problem {
            place: path.to_owned(),
            message: format!("dependency `{name}` has no home: give it one in `HOMES`"),
        })
        .collect()
}

/// A file is short, and so is each function in it.
pub(crate) fn lengths(source: &Source) -> Vec<Problem> {
    let mut problems = Vec::new();
    let lines = source.code_lines(1..source.code.lines().count() + 1);
    if lines > FILE_LINES_MAX {
        problems.push(
            source.problem(1, format!("{lines} lines of code, the limit is {FILE_LINES_MAX}")),
        );
    }
    for (name, range) in source.functions() {
        let lines = source.code_lines(range.clone()).saturating_sub(2);
        if lines > FUNCTION_LINES_MAX {
            let message = format!("`{name}` has {lines} lines, the limit is {FUNCTION_LINES_MAX}");
            problems.push(source.problem(range.start, message));
        }
    }
    problems
}

/// No `mod.rs`, no blanket `allow`, nothing left undone.
pub(crate) fn habits(source: &Source) -> Vec<Problem> {
    let mut problems = Vec::new();
    if source.path.ends_with("/mod.rs") {
        problems.push(source.problem(1, "a `mod.rs`: name it after its module"));
    }
    let tokens = source.tokens();
    for (at, token) in tokens.iter().enumerate() {
        let next = |offset: usize| tokens.get(at + offset).map_or("", |t| t.text);
        let attribute = if next(1) == "!" { next(3) } else { next(2) };
        let message = match token.text {
            "#" if attribute == "allow" => "`allow` says nothing: `expect` with a reason",
            "todo" | "unimplemented" | "dbg" if next(1) == "!" => "left over",
            _ => continue,
        };
        problems.push(source.problem(token.line, format!("{message} (`{}`)", token.text)));
    }
    problems
}

/// Only `clock` reads the time.
pub(crate) fn clock(source: &Source) -> Vec<Problem> {
    let reads = |parts: &[String]| {
        let pair = parts.iter().rev().take(2).map(String::as_str).collect::<Vec<_>>();
        matches!(pair[..], ["now", "Instant" | "SystemTime" | "Timestamp" | "Zoned"])
    };
    let exempt = source.module().is_none() || source.is_in(&["src/clock"]);
    let paths = source.paths().into_iter().filter(|path| !exempt && reads(&path.parts));
    paths.map(|path| source.problem(path.line, "only `clock` reads the clock")).collect()
}

/// Only `sync` takes the standard library's locks.
pub(crate) fn locks(source: &Source) -> Vec<Problem> {
    if source.module().is_none() || source.is_in(&["src/sync"]) {
        return Vec::new();
    }
    let is_lock = |parts: &[String]| match parts {
        [std, sync, name, ..] => {
            std == "std"
                && sync == "sync"
                && matches!(name.as_str(), "Mutex" | "RwLock" | "Condvar" | "PoisonError")
        }
        [_, ..] | [] => false,
    };
    let paths = source.paths().into_iter().filter(|path| is_lock(&path.parts));
    paths.map(|path| source.problem(path.line, "locks come from `crate::sync`")).collect()
}

/// Tasks are spawned by the shell alone, threads by the shell and the journal.
pub(crate) fn spawns(source: &Source) -> Vec<Problem> {
    if source.module().is_none() {
        return Vec::new();
    }
    let mut problems = Vec::new();
    for path in source.paths() {
        let pair = path.parts.iter().rev().take(2).map(String::as_str).collect::<Vec<_>>();
        let homes: &[&str] = match pair[..] {
            ["spawn" | "spawn_blocking" | "spawn_local", "tokio" | "task"] => {
                &["src/actors", "src/task", "src/engine"]
            }
            ["spawn" | "Builder", "thread"] => &["src/actors", "src/journal"],
            _ => continue,
        };
        if !source.is_in(homes) {
            let message = format!("`{}` belongs to {}", path.parts.join("::"), homes.join(", "));
            problems.push(source.problem(path.line, message));
        }
    }
    problems
}

/// No dependency's type stands in a public signature of the engine.
pub(crate) fn public_types(source: &Source) -> Vec<Problem> {
    if !source.is_in(&["src/engine", "src/lib"]) {
        return Vec::new();
    }
    let foreign = |name: &str| {
        let known = FREE.contains(&name) || HOMES.iter().any(|(home, _)| *home == name);
        known && !PUBLIC.contains(&name)
    };
    let imports = source.paths().into_iter().filter(|path| path.imported);
    let imports = imports.filter(|path| path.parts.len() > 1 && foreign(&path.parts[0]));
    let imported = imports.filter_map(|mut path| path.parts.pop()).collect::<Vec<_>>();
    let tokens = source.tokens();
    let mut problems = Vec::new();
    for at in 0..tokens.len() {
        for (place, token) in signature(&tokens, at).iter().enumerate() {
            let path = tokens.get(at + place + 1).is_some_and(|next| next.text == "::");
            let inner = tokens[(at + place).saturating_sub(1)].text == "::";
            let named = !inner && imported.iter().any(|name| name == token.text);
            if named || (path && !inner && foreign(token.text)) {
                let message = format!("`{}` is a dependency's, in a public signature", token.text);
                problems.push(source.problem(token.line, message));
            }
        }
    }
    problems
}

/// The tokens of the public item or field that begins here.
fn signature<'a, 'b>(tokens: &'a [Token<'b>], at: usize) -> &'a [Token<'b>] {
    const ITEMS: &[&str] =
        &["async", "const", "enum", "fn", "static", "struct", "trait", "type", "use"];
    if tokens[at].text != "pub" || tokens.get(at + 1).is_none_or(|next| next.text == "(") {
        return &[];
    }
    let end = match tokens[at + 1].text {
        "use" => find(tokens, at, ";"),
        // The fields of a tuple struct are looked at one by one: they may be private.
        "struct" => {
            ["{", ";", "("].map(|end| find(tokens, at, end)).into_iter().min().unwrap_or(at)
        }
        word if ITEMS.contains(&word) => find(tokens, at, "{").min(find(tokens, at, ";")),
        _ => field_end(tokens, at),
    };
    &tokens[at..end]
}

/// The comma or brace that ends a field: the first outside of any brackets.
fn field_end(tokens: &[Token<'_>], at: usize) -> usize {
    let mut depth = 0_usize;
    for (place, token) in tokens.iter().enumerate().skip(at) {
        match token.text {
            "<" | "(" | "[" => depth += 1,
            "," | "}" | ")" if depth == 0 => return place,
            ">" | ")" | "]" => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    tokens.len()
}
