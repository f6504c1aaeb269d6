//! `-o live`: finished steps are permanent lines, running ones are drawn below, with a bar.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use windlass::clock::Timestamp;
use windlass::run::RunHistory;

use crate::style::{BOLD, DIM, LIVE, WARN, paint};
use crate::{output, plain};

use super::happened::{Happened, Place, What};
use super::words::{self, Detail};

/// How often the picture is drawn anew.
pub(crate) const TICK: Duration = Duration::from_millis(100);

/// More running steps than this are counted, not shown.
const SHOWN_MAX: usize = 8;

const BAR_COLUMNS: usize = 24;

const SPINNER: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/// The lower part of the screen.
#[derive(Debug)]
pub(crate) struct Live {
    bar: ProgressBar,
    detail: Detail,
    many: bool,
    color: bool,
    columns: usize,
    active: BTreeMap<Place, Active>,
    steps: usize,
    ended: usize,
    items: BTreeMap<String, (usize, usize)>,
    ticks: usize,
    stopping: bool,
}

#[derive(Debug, Clone, Copy)]
enum Active {
    Runs { since: Timestamp, attempt: u32 },
    Retries { due: Timestamp, attempt: u32 },
    Waits { until: Timestamp },
}

impl Live {
    /// For a run with so many steps.
    pub(crate) fn new(steps: usize, detail: Detail, many: bool) -> Self {
        let target = ProgressDrawTarget::stderr_with_hz(20);
        let columns = output::notes_width().unwrap_or(80);
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(
            ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        Self {
            bar,
            detail,
            many,
            color: output::notes_have_color(),
            columns,
            active: BTreeMap::new(),
            steps,
            ended: 0,
            items: BTreeMap::new(),
            ticks: 0,
            stopping: false,
        }
    }

    /// Whether it can be shown: a terminal, and not the log of a CI job.
    pub(crate) fn possible() -> bool {
        let ci = std::env::var_os("CI").is_some_and(|v| !v.is_empty() && v != "false");
        let dumb = std::env::var_os("TERM").is_some_and(|v| v == "dumb");
        io::stderr().is_terminal() && !ci && !dumb
    }

    /// A run was under way before: counts what of it has ended.
    pub(crate) fn recall(&mut self, history: &RunHistory) {
        self.ended += history.steps.iter().filter(|step| step.state.is_end()).count();
        for step in &history.steps {
            if let Some(items) = &step.items {
                let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
                let done = size(items.total - items.waiting - items.active);
                self.items.insert(step.id.to_string(), (done, size(items.total)));
            }
        }
    }

    /// Takes note of it, and writes its permanent line.
    pub(crate) fn happened(&mut self, happened: &Happened) {
        if let Some(line) = words::line(happened, self.detail) {
            let run =
                if self.many { format!("{} ", super::short(happened.run)) } else { String::new() };
            self.write(&format!("{}{line}", paint(DIM, run)));
        }
        self.count(happened);
    }

    /// Writes a permanent line above the picture.
    pub(crate) fn write(&self, text: &str) {
        if self.color {
            self.bar.println(text);
        } else {
            self.bar.println(anstream::adapter::strip_str(text).to_string());
        }
    }

    /// The run is being stopped.
    pub(crate) fn stopping(&mut self) {
        self.stopping = true;
    }

    /// Takes the picture away.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    /// Draws the picture for this moment.
    pub(crate) fn tick(&mut self, now: Timestamp) {
        self.ticks += 1;
        let text = self.picture(now);
        let text = if self.color { text } else { anstream::adapter::strip_str(&text).to_string() };
        self.bar.set_message(text);
    }

    fn count(&mut self, happened: &Happened) {
        let Some(place) = happened.what.place().cloned() else {
            if let What::FannedOut { step, items } = &happened.what {
                self.items.insert(step.clone(), (0, *items));
            }
            return;
        };
        match &happened.what {
            What::Started { attempt, .. } => {
                let active = Active::Runs { since: happened.at, attempt: *attempt };
                self.active.insert(place, active);
            }
            What::Waits { until, .. } => {
                self.active.insert(place, Active::Waits { until: *until });
            }
            What::Retries { attempt, due, .. } => {
                self.active.insert(place, Active::Retries { due: *due, attempt: *attempt });
            }
            What::Interrupted { .. } => {
                self.active.remove(&place);
            }
            What::Succeeded { .. }
            | What::Failed { .. }
            | What::Skipped { .. }
            | What::Blocked { .. }
            | What::Cancelled { .. }
            | What::Parked { .. } => self.end(&place),
            What::Began | What::FannedOut { .. } | What::Ended { .. } | What::Stops { .. } => {}
        }
    }

    fn end(&mut self, place: &Place) {
        self.active.remove(place);
        match place.item {
            None => self.ended += 1,
            Some(_) => {
                if let Some((done, _)) = self.items.get_mut(&place.step) {
                    *done += 1;
                }
            }
        }
    }

    fn picture(&self, now: Timestamp) -> String {
        let spin = SPINNER[self.ticks % SPINNER.len()];
        let mut lines: Vec<String> = self
            .active
            .iter()
            .take(SHOWN_MAX)
            .map(|(place, active)| self.row(spin, place, *active, now))
            .collect();
        if self.active.len() > SHOWN_MAX {
            let more = self.active.len() - SHOWN_MAX;
            lines.push(paint(DIM, format!("{:>14} and {more} more", "…")));
        }
        let (word, style) = if self.stopping { ("Stopping", WARN) } else { ("Running", LIVE) };
        let filled =
            (BAR_COLUMNS * self.ended).checked_div(self.steps).unwrap_or(0).min(BAR_COLUMNS);
        let arrow = if filled < BAR_COLUMNS { ">" } else { "" };
        let bar = format!("{}{arrow}", "=".repeat(filled));
        let items: Vec<String> = self
            .items
            .iter()
            .filter(|(_, (done, all))| done < all)
            .map(|(step, (done, all))| format!("{step} {done}/{all}"))
            .collect();
        let tail = plain::cut(&items.join(" · "), self.columns.saturating_sub(BAR_COLUMNS + 32));
        lines.push(format!(
            "{} [{bar:<BAR_COLUMNS$}] {}/{} {}",
            words::word(style, word),
            self.ended,
            self.steps,
            paint(DIM, tail),
        ));
        lines.join("\n")
    }

    fn row(&self, spin: char, place: &Place, active: Active, now: Timestamp) -> String {
        let room = self.columns.saturating_sub(40).max(12);
        let name = paint(BOLD, plain::cut(&place.to_string(), room));
        let state = match active {
            Active::Runs { since, attempt } => {
                let again =
                    if attempt > 1 { format!("attempt {attempt} · ") } else { String::new() };
                format!("{again}{}", words::span(now.since(since)))
            }
            Active::Retries { due, attempt } => {
                format!("attempt {} in {}", attempt + 1, words::span(due.since(now)))
            }
            Active::Waits { until } => format!("wakes in {}", words::span(until.since(now))),
        };
        format!("{:>13} {name}  {}", paint(LIVE, format!("{spin:>14}")), paint(DIM, state))
    }
}
