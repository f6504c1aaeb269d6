//! Times for people: in their zone, or how long ago.

use jiff::tz::TimeZone;
use windlass::clock::Timestamp;

use crate::follow::words::span;

/// `2026-01-31 14:05:06`, in the local zone.
pub(crate) fn local(at: Timestamp) -> String {
    match jiff::Timestamp::from_microsecond(at.as_micros()) {
        Ok(time) => time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => at.to_string(),
    }
}

/// `3m 20s ago`
pub(crate) fn ago(at: Timestamp, now: Timestamp) -> String {
    if at > now {
        return format!("in {}", span(at.since(now)));
    }
    format!("{} ago", span(now.since(at)))
}
