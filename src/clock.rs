//! Time. The one place that reads it, and the home of `jiff`.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A moment: microseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment so many microseconds after the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// The moment `span` later; the last one there is, if that is too late.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this is; zero if it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The day in UTC: `2026-01-31`.
    pub fn day(self) -> String {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(t) => t.to_zoned(jiff::tz::TimeZone::UTC).date().to_string(),
            Err(_) => self.to_string(),
        }
    }

    /// Reads RFC 3339 (`2026-01-02T03:04:05Z`).
    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(|t| Self(t.as_microsecond()))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(t) => write!(f, "{t:.3}"),
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A day, or a moment, as a text has it.
enum Moment {
    Day(jiff::civil::Date),
    Time(jiff::Timestamp),
}

fn moment(text: &str) -> Result<Moment, String> {
    if text.len() == "2026-01-31".len()
        && let Ok(day) = text.parse()
    {
        return Ok(Moment::Day(day));
    }
    let refuse = |_| format!("`{text}` is no date (2026-01-31) and no time (2026-01-31T12:00:00Z)");
    text.parse().map(Moment::Time).map_err(refuse)
}

/// Whether a text is a day: `2026-01-31`.
pub fn is_date(text: &str) -> bool {
    matches!(moment(text), Ok(Moment::Day(_)))
}

/// Moves a day or a moment (in UTC) by a span such as `1d`, `-2h`, `1mo`; a day stays a day.
///
/// # Errors
/// Where either cannot be read, or the result is out of range.
pub fn date_add(date: &str, span: &str) -> Result<String, String> {
    let moment = moment(date)?;
    let by: jiff::Span =
        span.parse().map_err(|_| format!("`{span}` is no span of time such as `1d` or `-2h`"))?;
    let refuse = |cause: jiff::Error| format!("`{date}` moved by `{span}`: {cause}");
    match moment {
        Moment::Day(day) => day.checked_add(by).map(|day| day.to_string()).map_err(refuse),
        Moment::Time(time) => {
            let moved = time.to_zoned(jiff::tz::TimeZone::UTC).checked_add(by).map_err(refuse)?;
            Ok(Timestamp(moved.timestamp().as_microsecond()).to_string())
        }
    }
}

/// Writes a day or a moment (in UTC) as a format such as `%d.%m.%Y` says.
///
/// # Errors
/// Where the date cannot be read, or the format is none.
pub fn format_date(date: &str, format: &str) -> Result<String, String> {
    let zoned = match moment(date)? {
        Moment::Day(day) => day.to_zoned(jiff::tz::TimeZone::UTC),
        Moment::Time(time) => Ok(time.to_zoned(jiff::tz::TimeZone::UTC)),
    };
    zoned
        .and_then(|zoned| jiff::fmt::strtime::format(format, &zoned))
        .map_err(|cause| format!("the format `{format}`: {cause}"))
}

#[expect(clippy::disallowed_methods, reason = "this is `clock`")]
fn system_instant() -> std::time::Instant {
    std::time::Instant::now()
}

/// Tells the time: the wall clock as it was at the start, moved on by the runtime's monotonic clock.
///
/// So it never runs backwards, and it follows tokio's paused time in tests.
#[derive(Debug, Clone)]
pub struct Clock {
    base: Timestamp,
    origin: tokio::time::Instant,
    is_paused: bool,
    /// What a simulation has set it to.
    #[cfg(test)]
    hand: Option<std::sync::Arc<std::sync::atomic::AtomicI64>>,
}

impl Clock {
    /// A clock that starts from the system's time.
    pub fn system() -> Self {
        let base = Timestamp(jiff::Timestamp::now().as_microsecond());
        let (origin, begin) = (tokio::time::Instant::now(), system_instant());
        while begin.elapsed().is_zero() {}
        Self {
            base,
            origin,
            is_paused: origin.elapsed().is_zero(),
            #[cfg(test)]
            hand: None,
        }
    }

    /// A clock that shows what a simulation sets, in microseconds since the Unix epoch.
    #[cfg(test)]
    pub(crate) fn simulated(hand: std::sync::Arc<std::sync::atomic::AtomicI64>) -> Self {
        Self { hand: Some(hand), is_paused: false, ..Self::system() }
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        #[cfg(test)]
        if let Some(hand) = &self.hand {
            return Timestamp(hand.load(std::sync::atomic::Ordering::Relaxed));
        }
        self.base.after(self.origin.elapsed())
    }

    /// Whether tokio's time stood still when this clock was made.
    pub(crate) fn is_paused(&self) -> bool {
        self.is_paused
    }

    /// The runtime's instant for a moment, to wait for it.
    pub fn instant(&self, at: Timestamp) -> tokio::time::Instant {
        self.origin + at.since(self.base)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    #[test]
    fn a_simulated_clock_shows_what_is_set() {
        let hand = Arc::new(AtomicI64::new(5));
        let clock = Clock::simulated(Arc::clone(&hand));
        assert_eq!(clock.now(), Timestamp::from_micros(5));
        hand.store(3, Ordering::Relaxed);
        assert_eq!(clock.now(), Timestamp::from_micros(3));
    }
}
