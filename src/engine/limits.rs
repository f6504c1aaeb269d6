//! The limits of what is said at a start and at a cancel, checked before anything is accepted.

use crate::error::Error;

/// The longest idempotency key, in bytes.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 1_024;

/// The most tags of a run.
pub const TAGS_MAX: usize = 64;

/// The longest name of a tag, in bytes.
pub const TAG_NAME_BYTES_MAX: usize = 128;

/// The longest value of a tag, in bytes.
pub const TAG_VALUE_BYTES_MAX: usize = 1_024;

/// The longest reason of a cancel or of a deletion, in bytes.
pub const REASON_BYTES_MAX: usize = 4_096;

/// The lowest and the highest priority.
pub const PRIORITY_RANGE: std::ops::RangeInclusive<i8> = -100..=100;

/// So many characters of something too long are shown.
const SHOWN_CHARS: usize = 60;

/// A text that is not longer than a limit.
pub(super) fn text(
    what: &str,
    text: &str,
    (name, most): (&'static str, usize),
) -> Result<(), Error> {
    if text.len() <= most {
        return Ok(());
    }
    Err(Error::Limit {
        what: what.to_owned(),
        found: format!("{} bytes", text.len()),
        limit: format!("{most} bytes"),
        name,
    })
}

/// The reason of a cancel or of a deletion.
pub(super) fn reason(reason: &str) -> Result<(), Error> {
    text("the reason", reason, ("REASON_BYTES_MAX", REASON_BYTES_MAX))
}

/// An idempotency key.
pub(super) fn key(key: &str) -> Result<(), Error> {
    let limit = ("IDEMPOTENCY_KEY_BYTES_MAX", IDEMPOTENCY_KEY_BYTES_MAX);
    text("the idempotency key", key, limit)
}

/// The tags of a run.
pub(super) fn tags(tags: &[(Box<str>, Box<str>)]) -> Result<(), Error> {
    if tags.len() > TAGS_MAX {
        return Err(Error::Limit {
            what: "the tags of the run".to_owned(),
            found: tags.len().to_string(),
            limit: TAGS_MAX.to_string(),
            name: "TAGS_MAX",
        });
    }
    tags.iter().try_for_each(|(name, value)| {
        let shown = short(name);
        let limit = ("TAG_NAME_BYTES_MAX", TAG_NAME_BYTES_MAX);
        text(&format!("the name of tag `{shown}`"), name, limit)?;
        let limit = ("TAG_VALUE_BYTES_MAX", TAG_VALUE_BYTES_MAX);
        text(&format!("the value of tag `{shown}`"), value, limit)
    })
}

/// The priority of a run.
pub(super) fn priority(priority: i8) -> Result<(), Error> {
    if PRIORITY_RANGE.contains(&priority) {
        return Ok(());
    }
    Err(Error::Limit {
        what: "the priority of the run".to_owned(),
        found: priority.to_string(),
        limit: format!("{} to {}", PRIORITY_RANGE.start(), PRIORITY_RANGE.end()),
        name: "PRIORITY_RANGE",
    })
}

/// The beginning of a text that may be long, for a message.
pub(super) fn short(text: &str) -> String {
    let mut short: String = text.chars().take(SHOWN_CHARS).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn what_is_beyond_a_limit_is_told_with_place_value_and_limit() {
        let boxed = |text: &str| -> Box<str> { text.into() };
        let long = "x".repeat(2_000);
        let told: Vec<String> = [
            key(&long),
            reason(&"r".repeat(5_000)),
            priority(101),
            tags(&vec![(boxed("a"), boxed("b")); 65]),
            tags(&[(boxed(&long), boxed("b"))]),
            tags(&[(boxed("team"), boxed(&long))]),
        ]
        .into_iter()
        .map(|refused| refused.unwrap_err().to_string())
        .collect();
        expect![[r#"
            the idempotency key: 2000 bytes; the limit is 1024 bytes (IDEMPOTENCY_KEY_BYTES_MAX)
            the reason: 5000 bytes; the limit is 4096 bytes (REASON_BYTES_MAX)
            the priority of the run: 101; the limit is -100 to 100 (PRIORITY_RANGE)
            the tags of the run: 65; the limit is 64 (TAGS_MAX)
            the name of tag `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…`: 2000 bytes; the limit is 128 bytes (TAG_NAME_BYTES_MAX)
            the value of tag `team`: 2000 bytes; the limit is 1024 bytes (TAG_VALUE_BYTES_MAX)"#]]
        .assert_eq(&told.join("\n"));
    }

    #[test]
    fn what_is_as_long_as_its_limit_is_taken() {
        assert!(key(&"k".repeat(IDEMPOTENCY_KEY_BYTES_MAX)).is_ok());
        assert!(reason(&"r".repeat(REASON_BYTES_MAX)).is_ok());
        assert!(priority(-100).is_ok() && priority(100).is_ok());
        assert!(tags(&vec![("a".into(), "b".into()); TAGS_MAX]).is_ok());
    }
}
