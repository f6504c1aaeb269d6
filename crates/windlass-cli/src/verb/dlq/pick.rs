//! Which dead letters are meant.

use windlass::id::Name;
use windlass::{DeadLetter, DeadLetterFilter, Engine};

use crate::door;
use crate::exit::Problem;

/// The letters that the words name: ids or their beginnings, causes, filters. All of the filters
/// must fit; each id adds its own.
pub(super) async fn pick(engine: &Engine, words: &[String]) -> Result<Vec<DeadLetter>, Problem> {
    let (filters, ids): (Vec<&String>, Vec<&String>) = words.iter().partition(|w| w.contains(':'));
    let filter = filter(engine, &filters).await?;
    let all = engine.dead_letters().list(&filter).await?;
    if ids.is_empty() {
        return Ok(all);
    }
    let mut picked: Vec<DeadLetter> = Vec::new();
    for id in ids {
        let found = named(&all, id)?;
        picked.extend(
            found
                .into_iter()
                .filter(|new| picked.iter().all(|old| old.id != new.id))
                .collect::<Vec<_>>(),
        );
    }
    Ok(picked)
}

/// The letter with this id, or those with this cause.
pub(super) fn named(all: &[DeadLetter], id: &str) -> Result<Vec<DeadLetter>, Problem> {
    let wanted = id.to_ascii_lowercase();
    let of_cause = |l: &&DeadLetter| l.cause.to_string().starts_with(&wanted);
    let of_id = |l: &&DeadLetter| l.id.to_string().starts_with(&wanted);
    let causes: Vec<DeadLetter> = all.iter().filter(of_cause).cloned().collect();
    let letters: Vec<DeadLetter> = all.iter().filter(of_id).cloned().collect();
    let one_cause = causes.windows(2).all(|pair| pair[0].cause == pair[1].cause);
    match (letters.len(), causes.len()) {
        (0, 0) => Err(Problem::missing(format!("there is no dead letter {id}"))
            .help("`windlass dlq` lists all dead letters")),
        (1, 0) => Ok(letters),
        (0, _) if one_cause => Ok(causes),
        _ => Err(Problem::usage(format!("more than one id begins with {id}"))
            .help("write more of the id")),
    }
}

/// Reads the words of a filter.
pub(super) async fn filter(
    engine: &Engine,
    words: &[impl AsRef<str>],
) -> Result<DeadLetterFilter, Problem> {
    let mut filter = DeadLetterFilter::default();
    for word in words {
        let word = word.as_ref();
        let (key, value) = word.split_once(':').ok_or_else(|| unknown(word))?;
        match key {
            "workflow" => filter.workflow = Some(name(value)?),
            "step" => filter.step = Some(step(value)?),
            "queue" => filter.queue = Some(name(value)?),
            "class" => filter.class = Some(value.to_owned()),
            "run" => filter.run = Some(door::find_run(engine, value).await?.id),
            _ => return Err(unknown(word)),
        }
    }
    Ok(filter)
}

fn unknown(word: &str) -> Problem {
    Problem::usage(format!("`{word}` is not a filter of dead letters"))
        .help("write workflow:order, step:ship, class:timeout, queue:default or run:ID")
}

/// A step's id, or its path.
fn step(value: &str) -> Result<String, Problem> {
    value.split('.').try_for_each(|id| name(id).map(drop))?;
    Ok(value.to_owned())
}

fn name(value: &str) -> Result<Name, Problem> {
    Name::new(value).ok_or_else(|| Problem::usage(format!("`{value}` cannot be a name")))
}
