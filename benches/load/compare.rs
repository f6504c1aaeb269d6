//! Two builds side by side: this program and another one take turns, so that whatever the machine
//! does meets both.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Part;
use crate::report::{Figure, Row, machine, median};

/// Turns of each part; the median counts.
const ROUNDS: usize = 5;

/// What both have said of one line of the table.
struct Pair {
    row: Row,
    before: Vec<f64>,
    after: Vec<f64>,
}

/// Measures the parts with both programs in turns, and prints one table.
pub(crate) fn compare<'a>(other: &Path, parts: impl Iterator<Item = &'a Part>, quick: bool) {
    let ours = std::env::current_exe().unwrap();
    let programs: [PathBuf; 2] = [other.to_owned(), ours];
    println!("{} Before and after in turns, {ROUNDS} each.\n", machine());
    println!("| what | target | before | after | after ÷ before | beside the last |");
    println!("|---|---|---|---|---|---|");
    for part in parts {
        let mut pairs: Vec<Pair> = Vec::new();
        for round in 0..if quick { 1 } else { ROUNDS } {
            // Who goes first changes, too.
            for turn in 0..2 {
                let side = (round + turn) % 2;
                for row in told(&programs[side], &part.name, quick) {
                    note(&mut pairs, side, row);
                }
            }
        }
        pairs.iter().for_each(print);
    }
}

/// The lines that a program tells of a part.
fn told(program: &Path, part: &str, quick: bool) -> Vec<Row> {
    let mut command = Command::new(program);
    command.args(["tell", part]).args(quick.then_some("quick"));
    let output = command.stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{} {part} has failed", program.display());
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(Row::heard).collect()
}

fn note(pairs: &mut Vec<Pair>, side: usize, row: Row) {
    let place = pairs.iter().position(|pair| pair.row.what == row.what);
    let place = place.unwrap_or_else(|| {
        pairs.push(Pair { row: row.clone(), before: Vec::new(), after: Vec::new() });
        pairs.len() - 1
    });
    let pair = &mut pairs[place];
    let figures = if side == 0 { &mut pair.before } else { &mut pair.after };
    figures.push(row.reached.value);
    if side == 1 {
        pair.row = row;
    }
}

fn print(pair: &Pair) {
    let Row { what, target, reached, beside } = &pair.row;
    let shown = |figures: &[f64]| {
        let value = (!figures.is_empty()).then(|| median(figures.to_vec()));
        value.map(|value| Figure { value, unit: reached.unit })
    };
    let (before, after) = (shown(&pair.before), shown(&pair.after));
    let none = || "–".to_owned();
    let text = |figure: Option<Figure>| figure.map_or_else(none, |figure| figure.to_string());
    let ratio = before.zip(after).map(|(before, after)| after.value / before.value);
    let better = |ratio: f64| if reached.unit.grows() { ratio >= 1.0 } else { ratio <= 1.0 };
    let ratio = ratio.map_or_else(none, |ratio| {
        format!("{ratio:.2}{}", if better(ratio) { "" } else { " (worse)" })
    });
    println!("| {what} | {target} | {} | {} | {ratio} | {beside} |", text(before), text(after));
}
