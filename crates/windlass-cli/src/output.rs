//! Where things are written: data to standard output, everything else to standard error.
//!
//! Colours go only where they can be seen: `anstream` looks at the terminal, `NO_COLOR`,
//! `CLICOLOR` and `CLICOLOR_FORCE`.

use std::io::{self, IsTerminal, Write};

use anstream::adapter::strip_str;
use anstream::{AutoStream, ColorChoice};

use crate::exit::Problem;
use crate::style;

/// Writes `text` to standard output at once, with a line end where it has none.
pub(crate) fn print(text: &str) -> Result<(), Problem> {
    if data_has_color() { print_raw(text) } else { print_raw(&strip_str(text).to_string()) }
}

/// Writes `text` as it is: JSON, and what other programs made.
pub(crate) fn print_raw(text: &str) -> Result<(), Problem> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    out.flush()?;
    Ok(())
}

/// Writes a line to standard error. That it cannot be written changes nothing.
pub(crate) fn note(text: &str) {
    writeln!(anstream::stderr().lock(), "{text}").unwrap_or(());
}

/// Says why it did not work, and what to do.
pub(crate) fn complain(problem: &Problem) {
    if problem.message.is_empty() {
        return;
    }
    note(&format!(
        "{}: {}",
        style::paint(style::BAD, "error"),
        crate::plain::block(&problem.message)
    ));
    if let Some(help) = &problem.help {
        note(&format!("{}: {}", style::paint(style::LIVE, "help"), crate::plain::block(help)));
    }
}

/// Whether colours are kept on standard output.
pub(crate) fn data_has_color() -> bool {
    AutoStream::choice(&io::stdout()) != ColorChoice::Never
}

/// Whether colours are kept on standard error.
pub(crate) fn notes_have_color() -> bool {
    AutoStream::choice(&io::stderr()) != ColorChoice::Never
}

/// The width of standard output in columns; `None` where it is no terminal.
pub(crate) fn data_width() -> Option<usize> {
    if !io::stdout().is_terminal() {
        return None;
    }
    columns(&console::Term::stdout())
}

/// The width of standard error in columns.
pub(crate) fn notes_width() -> Option<usize> {
    columns(&console::Term::stderr())
}

fn columns(terminal: &console::Term) -> Option<usize> {
    terminal.size_checked().map(|(_, columns)| usize::from(columns))
}
