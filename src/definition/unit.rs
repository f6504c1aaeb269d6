//! Durations and sizes as people write them: `1h 30m`, `512KB`. Never a bare number.

use std::time::Duration;

/// The longest duration: ten years of 366 days.
pub const DURATION_MAX: Duration = Duration::from_secs(3_660 * 86_400);

/// The largest size, in bytes.
pub const SIZE_BYTES_MAX: u64 = 1 << 50;

/// Units of time from large to small, in nanoseconds.
const TIME_UNITS: [(&str, u128); 6] = [
    ("w", 604_800_000_000_000),
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
];

/// Units of size, in bytes: `KB` is 1,000, `KiB` is 1,024.
const SIZE_UNITS: [(&str, u128); 9] = [
    ("B", 1),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// Reads `5s`, `1h 30m`, `1.5d`, `100ms`: numbers with the units `w d h m s ms`, from large to
/// small, each at most once, at most ten years together.
///
/// # Errors
/// A sentence that says what is wrong with `text` and what would be right.
///
/// ```
/// use std::time::Duration;
/// assert_eq!(windlass::definition::parse_duration("1h 30m"), Ok(Duration::from_secs(5_400)));
/// assert!(windlass::definition::parse_duration("30").is_err());
/// ```
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    if let Some(bare) = bare_number(text) {
        return Err(format!("`{bare}` has no unit: write `{bare}s` or `{bare}ms`"));
    }
    let mut rest = text.trim();
    let mut last = None;
    let mut nanos: u128 = 0;
    if rest.is_empty() {
        return Err("a duration is empty: write one such as `30s` or `1h 30m`".to_owned());
    }
    while !rest.is_empty() {
        let (quantity, unit, after) = split(rest).ok_or_else(|| {
            format!("`{}` is not a duration: write one such as `30s` or `1h 30m`", excerpt(text))
        })?;
        let rank = TIME_UNITS.iter().position(|(name, _)| *name == unit).ok_or_else(|| {
            format!("`{}` is not a unit of time: use w, d, h, m, s or ms", excerpt(unit))
        })?;
        if last.is_some_and(|last| rank <= last) {
            return Err(format!(
                "`{}` is out of order: units go from large to small, each once",
                excerpt(text)
            ));
        }
        last = Some(rank);
        nanos = scaled(quantity, TIME_UNITS[rank].1)
            .and_then(|part| nanos.checked_add(part))
            .filter(|sum| *sum <= DURATION_MAX.as_nanos())
            .ok_or_else(|| format!("`{}` is longer than ten years", excerpt(text)))?;
        rest = after;
    }
    Ok(duration_of(nanos))
}

/// Reads `512KB`, `1.5 MiB`, `100B`.
///
/// # Errors
/// A sentence that says what is wrong with `text` and what would be right.
///
/// ```
/// assert_eq!(windlass::definition::parse_size("512KB"), Ok(512_000));
/// assert_eq!(windlass::definition::parse_size("1 MiB"), Ok(1_048_576));
/// ```
pub fn parse_size(text: &str) -> Result<u64, String> {
    if let Some(bare) = bare_number(text) {
        return Err(format!("`{bare}` has no unit: write `{bare}B` or `{bare}KB`"));
    }
    let not_a_size = || format!("`{}` is not a size: write one such as `512KB`", excerpt(text));
    let (quantity, unit, after) = split(text.trim()).ok_or_else(not_a_size)?;
    if !after.is_empty() {
        return Err(not_a_size());
    }
    let (_, factor) = SIZE_UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(|| {
        format!(
            "`{}` is not a unit of size: use B, KB, MB, GB, TB (powers of 1,000) \
             or KiB, MiB, GiB, TiB (powers of 1,024)",
            excerpt(unit)
        )
    })?;
    scaled(quantity, *factor)
        .and_then(|bytes| u64::try_from(bytes).ok())
        .filter(|bytes| *bytes <= SIZE_BYTES_MAX)
        .ok_or_else(|| format!("`{}` is larger than 1024 TiB", excerpt(text)))
}

/// Writes a duration so that [`parse_duration`] reads it: `1h 30m`, `1.5ms`, `0s`.
pub fn format_duration(duration: Duration) -> String {
    let mut nanos = duration.as_nanos();
    let mut parts: Vec<String> = Vec::new();
    for (name, unit) in TIME_UNITS.iter().skip(1) {
        let count = nanos / unit;
        let left = nanos % unit;
        if *name == "ms" && left > 0 {
            let fraction = format!("{left:06}");
            parts.push(format!("{count}.{}ms", fraction.trim_end_matches('0')));
        } else if count > 0 {
            parts.push(format!("{count}{name}"));
        }
        nanos = left;
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

/// The start of a text that may be long, for a message.
pub(crate) fn excerpt(text: &str) -> String {
    const CHARS_MAX: usize = 60;
    let mut short: String = text.chars().take(CHARS_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

fn bare_number(text: &str) -> Option<&str> {
    let text = text.trim();
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    (digits && text.len() <= 20).then_some(text)
}

/// `12.5 ms rest` as `12.5`, `ms`, `rest`.
fn split(text: &str) -> Option<(&str, &str, &str)> {
    let number = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (quantity, rest) = text.split_at(number);
    let rest = rest.trim_start();
    let unit = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(unit);
    let well_formed = quantity.starts_with(|c: char| c.is_ascii_digit())
        && quantity.ends_with(|c: char| c.is_ascii_digit())
        && quantity.matches('.').count() <= 1;
    (well_formed && !unit.is_empty()).then_some((quantity, unit, rest.trim_start()))
}

/// `1.5` of a unit, rounded down; `None` where it is too large to count.
fn scaled(quantity: &str, unit: u128) -> Option<u128> {
    const FRACTION_DIGITS_MAX: usize = 12;
    let (whole, fraction) = quantity.split_once('.').unwrap_or((quantity, ""));
    let fraction = &fraction[..fraction.len().min(FRACTION_DIGITS_MAX)];
    let whole = whole.parse::<u128>().ok()?.checked_mul(unit)?;
    let scale = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let part = if fraction.is_empty() { 0 } else { fraction.parse::<u128>().ok()? };
    whole.checked_add(part.checked_mul(unit)? / scale)
}

fn duration_of(nanos: u128) -> Duration {
    let seconds = u64::try_from(nanos / 1_000_000_000).unwrap_or(u64::MAX);
    let rest = u32::try_from(nanos % 1_000_000_000).unwrap_or(0);
    Duration::new(seconds, rest)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_have_units() {
        let check = |text: &str, expected: Expect| {
            let told = match parse_duration(text) {
                Ok(duration) => {
                    format!("{} ns, {}", duration.as_nanos(), format_duration(duration))
                }
                Err(error) => error,
            };
            expected.assert_eq(&told);
        };
        check("5s", expect!["5000000000 ns, 5s"]);
        check("1h 30m", expect!["5400000000000 ns, 1h 30m"]);
        check("1h30m", expect!["5400000000000 ns, 1h 30m"]);
        check(" 2 d ", expect!["172800000000000 ns, 2d"]);
        check("1.5w", expect!["907200000000000 ns, 10d 12h"]);
        check("100ms", expect!["100000000 ns, 100ms"]);
        check("0.25ms", expect!["250000 ns, 0.25ms"]);
        check("0ms", expect!["0 ns, 0s"]);
        check("30", expect!["`30` has no unit: write `30s` or `30ms`"]);
        check("", expect!["a duration is empty: write one such as `30s` or `1h 30m`"]);
        check("-5s", expect!["`-5s` is not a duration: write one such as `30s` or `1h 30m`"]);
        check("5 parsecs", expect!["`parsecs` is not a unit of time: use w, d, h, m, s or ms"]);
        check("1.s", expect!["`1.s` is not a duration: write one such as `30s` or `1h 30m`"]);
        check("5s 1h", expect!["`5s 1h` is out of order: units go from large to small, each once"]);
        check("1s 1s", expect!["`1s 1s` is out of order: units go from large to small, each once"]);
        check("11000d", expect!["`11000d` is longer than ten years"]);
        check(
            "99999999999999999999999999999999999999999s",
            expect!["`99999999999999999999999999999999999999999s` is longer than ten years"],
        );
    }

    #[test]
    fn sizes_have_units() {
        let check = |text: &str, expected: Expect| {
            expected.assert_eq(&parse_size(text).map_or_else(|error| error, |n| n.to_string()));
        };
        check("512KB", expect!["512000"]);
        check("1.5 MiB", expect!["1572864"]);
        check("0B", expect!["0"]);
        check("512", expect!["`512` has no unit: write `512B` or `512KB`"]);
        check(
            "1kb",
            expect![
                "`kb` is not a unit of size: use B, KB, MB, GB, TB (powers of 1,000) or KiB, MiB, GiB, TiB (powers of 1,024)"
            ],
        );
        check("9999999TB", expect!["`9999999TB` is larger than 1024 TiB"]);
        check("-1B", expect!["`-1B` is not a size: write one such as `512KB`"]);
    }

    proptest! {
        #[test]
        fn a_written_duration_reads_back(nanos in 0..DURATION_MAX.as_nanos()) {
            let duration = duration_of(nanos);
            prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}") {
            let _read = (parse_duration(&text), parse_size(&text));
        }
    }
}
