//! The few styles that everything uses. Strings carry them always; who writes decides what is kept.

use std::fmt::Display;

use anstyle::{AnsiColor, Color, Style};

/// Done.
pub(crate) const OK: Style = fg(AnsiColor::Green).bold();
/// Not done.
pub(crate) const BAD: Style = fg(AnsiColor::Red).bold();
/// Will be tried again, or deserves a look.
pub(crate) const WARN: Style = fg(AnsiColor::Yellow).bold();
/// Under way.
pub(crate) const LIVE: Style = fg(AnsiColor::Cyan).bold();
/// Beside the point.
pub(crate) const DIM: Style = Style::new().dimmed();
/// The thing itself.
pub(crate) const BOLD: Style = Style::new().bold();

const fn fg(color: AnsiColor) -> Style {
    Style::new().fg_color(Some(Color::Ansi(color)))
}

/// `text` in a style.
pub(crate) fn paint(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}
