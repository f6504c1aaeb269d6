//! The date of a header, `Sun, 06 Nov 1994 08:49:37 GMT` ([RFC 9110, 5.6.7]). The two older forms are
//! not read: no server of today writes them.
//!
//! [RFC 9110, 5.6.7]: https://www.rfc-editor.org/rfc/rfc9110#name-date-time-formats

use crate::clock::Timestamp;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Reads a date; `None` where it is none.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let (_, rest) = text.split_once(", ")?;
    let mut words = rest.split(' ');
    let (day, month, year, time) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let fits = day.len() == 2 && year.len() == 4 && time.len() == 8;
    if !fits || words.next() != Some("GMT") || words.next().is_some() {
        return None;
    }
    Timestamp::parse(&format!("{year}-{month:02}-{day}T{time}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_of_a_header_is_read() {
        let moment = Timestamp::parse("1994-11-06T08:49:37Z");
        assert!(moment.is_some());
        assert_eq!(parse("Sun, 06 Nov 1994 08:49:37 GMT"), moment);
        for text in [
            "",
            "120",
            "06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 32 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nix 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
