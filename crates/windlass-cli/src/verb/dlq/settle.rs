//! `dlq replay` and `dlq drop`.

use std::io::{BufRead as _, IsTerminal as _};

use windlass::{DeadLetter, Engine, Payload};

use crate::args::Common;
use crate::door::{self, Work};
use crate::exit::{Exit, Problem};
use crate::follow::finish::Follower;
use crate::follow::words::word;
use crate::signals::Interrupts;
use crate::source::count;
use crate::style::OK;
use crate::verb::must_exist;
use crate::{output, plain};

use super::{DropArgs, ReplayArgs, list, pick};

pub(super) async fn replay(args: &ReplayArgs, common: Common) -> Result<Exit, Problem> {
    let input = args.set.as_deref().map(json).transpose()?;
    let folder = &args.following.data.folder;
    must_exist(folder)?;
    let mut interrupts = Interrupts::listen()?;
    let engine = door::open(folder, None, Work::Execute).await?;
    let done = replay_on(args, common, (&engine, input), &mut interrupts).await;
    if done.is_err() {
        door::close(&engine).await.unwrap_or(());
    }
    done
}

async fn replay_on(
    args: &ReplayArgs,
    common: Common,
    (engine, input): (&Engine, Option<Payload>),
    interrupts: &mut Interrupts,
) -> Result<Exit, Problem> {
    let letters = pick::pick(engine, &args.which).await?;
    confirm("replay", &letters, args.yes)?;
    let follower = Follower { following: &args.following, common };
    let mut runs: Vec<_> = letters.iter().map(|letter| letter.run).collect();
    runs.sort_unstable();
    runs.dedup();
    let mut steps = 0;
    for run in &runs {
        steps += engine.plan_of(*run).await?.top().len();
    }
    let mut course = follower.course(engine, runs.len(), steps);
    for letter in &letters {
        match &input {
            Some(input) => engine.dead_letters().replay_with(letter.id, input).await?,
            None => engine.dead_letters().replay(letter.id).await?,
        };
    }
    for run in runs {
        follower.add(&mut course, engine, run).await?;
    }
    follower.finish(engine, course, interrupts).await
}

pub(super) async fn drop_letters(args: &DropArgs, common: Common) -> Result<Exit, Problem> {
    let engine = door::look(&args.data.folder).await?;
    let dropped = drop_on(args, &engine).await;
    door::close(&engine).await?;
    let number = dropped?;
    if !common.quiet {
        output::note(&format!("{} {}", word(OK, "Dropped"), count(number, "dead letter")));
    }
    Ok(Exit::Done)
}

async fn drop_on(args: &DropArgs, engine: &Engine) -> Result<usize, Problem> {
    let letters = pick::pick(engine, &args.which).await?;
    confirm("drop", &letters, args.yes)?;
    for letter in &letters {
        engine.dead_letters().drop(letter.id, &args.reason).await?;
    }
    Ok(letters.len())
}

/// Asks before it does something to several letters.
fn confirm(verb: &str, letters: &[DeadLetter], yes: bool) -> Result<(), Problem> {
    if letters.is_empty() {
        return Err(
            Problem::missing("no dead letter fits").help("`windlass dlq` lists all dead letters")
        );
    }
    if yes || letters.len() == 1 {
        return Ok(());
    }
    let number = count(letters.len(), "dead letter");
    if !std::io::stdin().is_terminal() {
        return Err(Problem::usage(format!("this would {verb} {number}"))
            .help("add -y to do so without being asked"));
    }
    let names: Vec<String> = letters.iter().take(5).map(|l| list::place(l).to_string()).collect();
    let more = if letters.len() > 5 { " …" } else { "" };
    output::note(&format!("{verb} {number} ({}{more})? [y/N]", plain::line(&names.join(", "))));
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    if read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes") {
        return Ok(());
    }
    Err(Problem::usage("nothing was done"))
}

fn json(text: &str) -> Result<Payload, Problem> {
    Payload::from_json(text.to_owned()).map_err(|error| {
        let is = if error.is_json() { "refused: " } else { "" };
        Problem::usage(format!("--set is {is}{error}")).help("write --set '{\"key\": 1}'")
    })
}
