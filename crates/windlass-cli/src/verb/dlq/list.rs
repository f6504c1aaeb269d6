//! `dlq ls` and `dlq show`.

use serde_json::{Value, json};
use windlass::clock::Clock;
use windlass::{DeadLetter, DeadLetterFilter, DeadLetterGroup, Engine, Timestamp};

use crate::door;
use crate::exit::{Exit, Problem};
use crate::follow::finish::nothing;
use crate::follow::happened::Place;
use crate::follow::{short, words};
use crate::plain::{self, add};
use crate::style::{BAD, BOLD, DIM, paint};
use crate::table::Table;
use crate::{output, when};

use super::{ListArgs, ShowArgs, pick};

/// So much of a message is shown in a table.
const MESSAGE_CHARS: usize = 60;

/// So many digits of an id are shown.
const ID_CHARS: usize = 8;

pub(super) async fn ls(args: &ListArgs) -> Result<Exit, Problem> {
    let engine = door::look(&args.data.folder).await?;
    let letters = letters(args, &engine).await;
    door::close(&engine).await?;
    let letters = letters?;
    let now = Clock::system().now();
    if letters.is_empty() {
        if !args.json {
            nothing("no dead letters");
        }
        return Ok(Exit::Done);
    }
    if args.flat {
        print(args.json, &letters, letter_object, || flat(&letters, now))?;
    } else {
        let groups = windlass::dead_letter::group(letters);
        print(args.json, &groups, group_object, || grouped(&groups, now))?;
    }
    Ok(Exit::Done)
}

async fn letters(args: &ListArgs, engine: &Engine) -> Result<Vec<DeadLetter>, Problem> {
    let filter = pick::filter(engine, &args.filter).await?;
    Ok(engine.dead_letters().list(&filter).await?)
}

fn print<T>(
    json: bool,
    things: &[T],
    object: impl Fn(&T) -> Value,
    table: impl Fn() -> String,
) -> Result<(), Problem> {
    if json {
        let lines: String = things.iter().map(|thing| format!("{}\n", object(thing))).collect();
        return output::print_raw(&lines);
    }
    output::print(&table())
}

fn grouped(groups: &[DeadLetterGroup], now: Timestamp) -> String {
    let heads = ["CAUSE", "WORKFLOW", "STEP", "COUNT", "CLASS", "MESSAGE", "OLDEST", "NEWEST"];
    let mut table = Table::new(heads);
    for group in groups {
        let example = &group.example;
        table.row([
            first(&group.cause),
            example.workflow.to_string(),
            example.step_path(),
            group.count.to_string(),
            paint(BAD, &example.failure.class),
            plain::summary(&example.failure.message, MESSAGE_CHARS),
            when::ago(group.oldest, now),
            when::ago(group.newest, now),
        ]);
    }
    let hint = paint(DIM, "windlass dlq show CAUSE · replay CAUSE · drop CAUSE");
    format!("{}\n{hint}\n", table.render())
}

fn flat(letters: &[DeadLetter], now: Timestamp) -> String {
    let heads = ["LETTER", "RUN", "WORKFLOW", "STEP", "TRIES", "CLASS", "MESSAGE", "AGE"];
    let mut table = Table::new(heads);
    for letter in letters {
        table.row([
            first(&letter.id),
            short(letter.run),
            letter.workflow.to_string(),
            place(letter).to_string(),
            letter.attempts.len().to_string(),
            paint(BAD, &letter.failure.class),
            plain::summary(&letter.failure.message, MESSAGE_CHARS),
            when::ago(letter.at, now),
        ]);
    }
    table.render()
}

pub(super) async fn show(args: &ShowArgs) -> Result<Exit, Problem> {
    let engine = door::look(&args.data.folder).await?;
    let all = engine.dead_letters().list(&DeadLetterFilter::default()).await;
    door::close(&engine).await?;
    let found = pick::named(&all?, &args.letter)?;
    if args.json {
        let lines: String =
            found.iter().map(|letter| format!("{}\n", letter_object(letter))).collect();
        output::print_raw(&lines)?;
        return Ok(Exit::Done);
    }
    let Some(letter) = found.last() else { return Ok(Exit::Missing) };
    let mut text = text(letter);
    if found.len() > 1 {
        let ids: Vec<String> = found.iter().map(|letter| first(&letter.id)).collect();
        add(
            &mut text,
            format_args!(
                "\nthe newest of {} with cause {}: {}\n",
                found.len(),
                first(&letter.cause),
                plain::cut(&ids.join(" "), 400)
            ),
        );
    }
    output::print(&text)?;
    Ok(Exit::Done)
}

fn text(letter: &DeadLetter) -> String {
    let head = format!("{} of {} · run {}", place(letter), letter.workflow, letter.run);
    let mut out = format!("{} {head}\n", paint(BOLD, letter.id));
    let mut fact = |name: &str, value: &str| {
        add(&mut out, format_args!("{} {value}\n", paint(DIM, format!("{name:>10}"))));
    };
    fact("since", &when::local(letter.at));
    fact("queue", letter.queue.as_str());
    fact("cause", &letter.cause.to_string());
    fact(
        "error",
        &format!("{}: {}", paint(BAD, &letter.failure.class), plain::line(&letter.failure.message)),
    );
    fact("input", &plain::line(letter.input.as_str()));
    for attempt in &letter.attempts {
        let took =
            attempt.ended.map_or_else(String::new, |at| words::took(at.since(attempt.started)));
        let what = match (&attempt.class, &attempt.message) {
            (Some(class), message) => {
                format!("{class}: {}", plain::summary(message.as_deref().unwrap_or(""), 100))
            }
            (None, _) => "interrupted".to_owned(),
        };
        fact(
            "attempt",
            &format!("{} at {} {took} {what}", attempt.attempt, when::local(attempt.started)),
        );
    }
    add(&mut out, format_args!("  → windlass dlq replay {}\n", first(&letter.id)));
    out
}

/// The step or item of a letter.
pub(super) fn place(letter: &DeadLetter) -> Place {
    Place::of(&letter.path)
}

/// The beginning of an id.
pub(super) fn first(id: &impl ToString) -> String {
    id.to_string().chars().take(ID_CHARS).collect()
}

fn letter_object(letter: &DeadLetter) -> Value {
    let attempts: Vec<Value> = letter
        .attempts
        .iter()
        .map(|attempt| {
            json!({
                "attempt": attempt.attempt,
                "started": attempt.started.to_string(),
                "ended": attempt.ended.map(|at| at.to_string()),
                "class": attempt.class,
                "message": attempt.message,
            })
        })
        .collect();
    json!({
        "v": 1,
        "id": letter.id.to_string(),
        "cause": letter.cause.to_string(),
        "queue": letter.queue.as_str(),
        "run": letter.run.to_string(),
        "workflow": letter.workflow.as_str(),
        "definition": letter.definition.to_string(),
        "step": letter.step.as_str(),
        "path": letter.path,
        "item": letter.item,
        "input": letter.input,
        "class": letter.failure.class.to_string(),
        "message": letter.failure.message,
        "at": letter.at.to_string(),
        "attempts": attempts,
    })
}

fn group_object(group: &DeadLetterGroup) -> Value {
    json!({
        "v": 1,
        "cause": group.cause.to_string(),
        "count": group.count,
        "oldest": group.oldest.to_string(),
        "newest": group.newest.to_string(),
        "example": letter_object(&group.example),
    })
}
