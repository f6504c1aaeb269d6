//! The three ways to show a run.

use std::io::{self, IsTerminal};

use clap::ValueEnum;
use windlass::clock::Timestamp;
use windlass::run::RunHistory;

use crate::args::Common;
use crate::exit::Problem;
use crate::output;

use super::happened::Happened;
use super::lines::Lines;
use super::live::Live;
use super::ndjson;
use super::words::Detail;

/// How a run is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// Finished steps as lines, running ones and a bar below
    Live,
    /// A line for each step that ends
    Lines,
    /// One JSON object per line on standard output
    Json,
}

/// A run on its way to the terminal.
#[derive(Debug)]
pub(crate) enum View {
    /// For eyes.
    Live(Box<Live>),
    /// For logs.
    Lines(Lines),
    /// For programs.
    Json,
}

impl View {
    /// The view that was asked for, or the one that fits the terminal.
    pub(crate) fn new(mode: Option<Mode>, common: Common, steps: usize, many: bool) -> Self {
        let detail = detail(common);
        let lines = || Self::Lines(Lines { detail, many });
        let live = || Self::Live(Box::new(Live::new(steps, detail, many)));
        match mode {
            Some(Mode::Json) => Self::Json,
            Some(Mode::Live) if io::stderr().is_terminal() => live(),
            None if Live::possible() && detail > Detail::Little => live(),
            Some(Mode::Lines | Mode::Live) | None => lines(),
        }
    }

    /// A run was under way before: what of it has ended is counted.
    pub(crate) fn recall(&mut self, history: &RunHistory) {
        match self {
            Self::Live(live) => live.recall(history),
            Self::Lines(_) | Self::Json => {}
        }
    }

    /// Shows it.
    pub(crate) fn happened(&mut self, happened: &Happened) -> Result<(), Problem> {
        match self {
            Self::Live(live) => live.happened(happened),
            Self::Lines(lines) => lines.happened(happened),
            Self::Json => ndjson::happened(happened)?,
        }
        Ok(())
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self, now: Timestamp) {
        match self {
            Self::Live(live) => live.tick(now),
            Self::Lines(_) | Self::Json => {}
        }
    }

    /// Somebody wants it to end.
    pub(crate) fn stopping(&mut self) {
        match self {
            Self::Live(live) => live.stopping(),
            Self::Lines(_) | Self::Json => {}
        }
    }

    /// Writes words for people.
    pub(crate) fn write(&self, text: &str) {
        match self {
            Self::Live(live) => live.write(text),
            Self::Lines(_) | Self::Json => output::note(text),
        }
    }

    /// Nothing more will happen.
    pub(crate) fn close(&self) {
        match self {
            Self::Live(live) => live.clear(),
            Self::Lines(_) | Self::Json => {}
        }
    }

    /// Whether it is for programs: then people's words are left out.
    pub(crate) fn is_json(&self) -> bool {
        matches!(self, Self::Json)
    }
}

/// How much is said.
pub(crate) fn detail(common: Common) -> Detail {
    match (common.quiet, common.verbose) {
        (true, _) => Detail::Little,
        (false, 0) => Detail::Normal,
        (false, _) => Detail::Much,
    }
}
