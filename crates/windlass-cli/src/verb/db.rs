//! `windlass db`: the data folder itself. Works on the journal alone; runs nothing.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use windlass::journal::{Damage, Journal as _, JournalStats, Options, Place, RedbJournal};

use crate::args::{Common, Data};
use crate::exit::{Exit, Problem};
use crate::style::{BAD, DIM, OK, paint};
use crate::{output, plain, source};

/// Look after the data folder: sizes, check, backup
#[derive(Debug, Args)]
pub(crate) struct DbArgs {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Sizes and counts
    Stats {
        #[command(flatten)]
        data: Data,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Read everything and report what is damaged
    Check {
        #[command(flatten)]
        data: Data,
        /// As JSON, one object per damaged place
        #[arg(long)]
        json: bool,
    },
    /// Copy the journal and the archive into a new folder
    Backup {
        /// The folder to make; it must not be there yet
        to: PathBuf,
        #[command(flatten)]
        data: Data,
    },
}

pub(crate) fn act(args: &DbArgs, common: Common) -> Result<Exit, Problem> {
    match &args.act {
        Act::Stats { data, json } => stats(&data.folder, *json),
        Act::Check { data, json } => check(&data.folder, *json, common),
        Act::Backup { to, data } => backup(&data.folder, to, common),
    }
}

fn open(folder: &Path) -> Result<RedbJournal, Problem> {
    super::must_exist(folder)?;
    Ok(RedbJournal::open(folder, &Options::default())?)
}

fn stats(folder: &Path, json: bool) -> Result<Exit, Problem> {
    let journal = open(folder)?;
    journal.replay(&mut |_, _| {})?; // counts the records
    let stats = journal.stats();
    journal.close();
    let text = if json {
        let mut object = serde_json::to_value(&stats).unwrap_or_default();
        if let Value::Object(fields) = &mut object {
            fields.insert("v".into(), json!(1));
        }
        object.to_string()
    } else {
        table(folder, &stats)
    };
    output::print(&text)?;
    Ok(Exit::Done)
}

fn table(folder: &Path, stats: &JournalStats) -> String {
    let rows = [
        ("data folder", folder.display().to_string()),
        ("file size", size(stats.file_bytes)),
        ("log", source::count_u64(stats.records, "record") + &in_bytes(stats.log_bytes)),
        ("last row", stats.last_row.to_string()),
        ("finished runs", stats.archived.to_string()),
        ("damaged runs", stats.damaged.to_string()),
    ];
    rows.map(|(name, value)| format!("{}  {value}\n", paint(DIM, format!("{name:<13}")))).concat()
}

/// ` in 1.5 MB`, where it is known.
fn in_bytes(bytes: u64) -> String {
    if bytes == 0 { String::new() } else { format!(" in {}", size(bytes)) }
}

fn check(folder: &Path, json: bool, common: Common) -> Result<Exit, Problem> {
    super::must_exist(folder)?;
    let report = windlass::journal::check(folder)?;
    let (damage, records) = (&report.damages, report.records);
    for found in damage {
        if json {
            let mut object = json!({ "v": 1 });
            if let (Value::Object(to), Ok(Value::Object(from))) =
                (&mut object, serde_json::to_value(found))
            {
                to.extend(from);
            }
            output::print_raw(&object.to_string())?;
        } else {
            output::print(&sentence(found))?;
        }
    }
    if damage.is_empty() {
        if !common.quiet {
            let read = source::count_u64(records, "record");
            let runs = source::count_u64(report.archived, "finished run");
            let what = format!("{read} and {runs} read, nothing damaged");
            output::note(&format!("{} {what}", paint(OK, "          OK")));
        }
        return Ok(Exit::Done);
    }
    Err(Problem::failed(format!(
        "the data folder {} is damaged in {}",
        folder.display(),
        source::count(damage.len(), "place")
    ))
    .help("the runs named are set aside and the others go on; restore a backup to have them back"))
}

fn sentence(damage: &Damage) -> String {
    let place = match damage.place {
        Place::Log => log_place(damage),
        Place::Definition => "a workflow's text".to_owned(),
        Place::DeadLetter => "a dead letter".to_owned(),
        Place::Key => "an idempotency key".to_owned(),
        Place::Audit => "the audit log".to_owned(),
        Place::Archive => "the archive".to_owned(),
        Place::Damaged => "the runs that are set aside".to_owned(),
    };
    let run = damage.run.map_or_else(String::new, |run| format!(", run {run}"));
    format!("{} {place}{run}: {}", paint(BAD, "     DAMAGED"), plain::line(&damage.what))
}

/// The shards, and the record where that is known.
fn log_place(damage: &Damage) -> String {
    match damage.shards.as_slice() {
        [shard] if damage.seq.0 < u64::MAX => {
            format!("log, shard {shard}, record {}", damage.seq.0)
        }
        _ => "log".to_owned(),
    }
}

fn backup(folder: &Path, to: &Path, common: Common) -> Result<Exit, Problem> {
    if to.exists() {
        return Err(Problem::usage(format!("{} exists already", to.display()))
            .help("name a folder that is not there yet"));
    }
    let journal = open(folder)?;
    let copied = journal.backup(to);
    journal.close();
    copied?;
    if !common.quiet {
        output::note(&format!("{} {}", paint(OK, "    Backed up"), to.display()));
        output::note(&paint(DIM, "              the step logs stay where they are"));
    }
    Ok(Exit::Done)
}

/// `1.5 MB`
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KB", "MB", "GB", "TB"];
    let mut value = bytes;
    let mut rest = 0;
    let mut unit = 0;
    while value >= 1_000 && unit + 1 < UNITS.len() {
        rest = value % 1_000 / 100;
        value /= 1_000;
        unit += 1;
    }
    if unit == 0 { format!("{value} B") } else { format!("{value}.{rest} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_short() {
        assert_eq!([0, 999, 1_000, 1_550_000].map(size), ["0 B", "999 B", "1.0 KB", "1.5 MB"]);
    }
}
